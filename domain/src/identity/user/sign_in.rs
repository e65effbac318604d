//! What the sign-in door has noticed about an account.

use super::{Event, User};
use crate::identity::SIGN_IN;
use chrono::{DateTime, Utc};
use kernel::{Command, Context, Decided, Decision, Reach, Scope, View};
use serde::Deserialize;
use utoipa::ToSchema;
use uuid::Uuid;

/// Says that somebody tried to register with the address of this account.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RecordSignUpRepeated {}

impl Command for RecordSignUpRepeated {
    type Streams = User;
    const NAME: &'static str = "identity.record_sign_up_repeated";
    const SCOPE: Scope = SIGN_IN;
    const REACH: Reach = Reach::All;

    fn streams(&self, target: Uuid, _cx: &Context) -> Uuid {
        target
    }

    fn decide(&self, user: View<'_, Self>, _cx: &Context) -> Decision<Self> {
        Ok(Decided::from(Event::SignUpRepeated { to: user.open()?.recipient() }))
    }
}

/// Says that wrong passwords have to wait. The door tells it once per step of the delay, not per attempt.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RecordSignInThrottled {
    /// Wrong passwords in a row.
    pub failures: i32,
    /// Until when further attempts wait.
    pub until: DateTime<Utc>,
}

impl Command for RecordSignInThrottled {
    type Streams = User;
    const NAME: &'static str = "identity.record_sign_in_throttled";
    const SCOPE: Scope = SIGN_IN;
    const REACH: Reach = Reach::All;

    fn streams(&self, target: Uuid, _cx: &Context) -> Uuid {
        target
    }

    fn decide(&self, user: View<'_, Self>, _cx: &Context) -> Decision<Self> {
        let to = user.open()?.recipient();
        Ok(Decided::from(Event::SignInThrottled { failures: self.failures, until: self.until, to }))
    }
}
