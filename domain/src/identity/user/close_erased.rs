//! Closing the account of somebody who is erased.

use super::{Event, User};
use crate::identity::{EMAIL_RESERVATION, SIGN_IN};
use kernel::command::unchanged;
use kernel::{Command, Context, Decided, Decision, Reach, Scope, View};
use serde::Deserialize;
use utoipa::ToSchema;
use uuid::Uuid;

/// Closes the account of somebody who is erased, and gives the address free: he may come back, with another account. An
/// account that is closed stays so, and keeps its address from others, which nobody can read.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CloseErasedUser {}

impl Command for CloseErasedUser {
    type Streams = User;
    const NAME: &'static str = "identity.close_erased_user";
    const SCOPE: Scope = SIGN_IN;
    const REACH: Reach = Reach::All;

    fn streams(&self, target: Uuid, _cx: &Context) -> Uuid {
        target
    }

    fn decide(&self, user: View<'_, Self>, _cx: &Context) -> Decision<Self> {
        match user.account() {
            Some(account) if account.active => Ok(Decided::from(Event::Deactivated { reason: None })
                .releasing(EMAIL_RESERVATION, account.email_index.to_string())),
            Some(_) | None => unchanged(),
        }
    }
}
