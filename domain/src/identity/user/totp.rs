//! The second factor: that there is one, never the secret.

use super::{Event, User};
use crate::identity::SIGN_IN;
use kernel::command::unchanged;
use kernel::{Command, Context, Decided, Decision, Reach, Scope, View};
use serde::Deserialize;
use utoipa::ToSchema;
use uuid::Uuid;

/// Says that the user has set up a second factor and proven it.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct EnableTotp {}

impl Command for EnableTotp {
    type Streams = User;
    const NAME: &'static str = "identity.enable_totp";
    const SCOPE: Scope = SIGN_IN;
    const REACH: Reach = Reach::All;

    fn streams(&self, target: Uuid, _cx: &Context) -> Uuid {
        target
    }

    fn decide(&self, user: View<'_, Self>, cx: &Context) -> Decision<Self> {
        let account = user.owned(cx)?;
        if account.totp {
            return unchanged();
        }
        Ok(Decided::from(Event::TotpEnabled { to: account.recipient() }))
    }
}

/// Says that the user has given up his second factor, having proven it once more.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DisableTotp {}

impl Command for DisableTotp {
    type Streams = User;
    const NAME: &'static str = "identity.disable_totp";
    const SCOPE: Scope = SIGN_IN;
    const REACH: Reach = Reach::All;

    fn streams(&self, target: Uuid, _cx: &Context) -> Uuid {
        target
    }

    fn decide(&self, user: View<'_, Self>, cx: &Context) -> Decision<Self> {
        let account = user.owned(cx)?;
        if !account.totp {
            return unchanged();
        }
        Ok(Decided::from(Event::TotpDisabled { to: account.recipient() }))
    }
}
