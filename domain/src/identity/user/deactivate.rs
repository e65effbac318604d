//! Closing and opening an account.

use super::{Event, Rejection, User};
use crate::identity::{MANAGE_USERS, Reason, on_the_platform};
use kernel::command::unchanged;
use kernel::{Command, Context, Decided, Decision, Private, Reach, Scope, View};
use serde::Deserialize;
use utoipa::ToSchema;
use uuid::Uuid;

/// Closes an account: nobody signs in with it, its sessions end. The address stays taken.
///
/// For administrators of the platform, in the platform's tenant. An account that is closed stays so.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DeactivateUser {
    /// Why, for the record.
    pub reason: Option<Private<Reason>>,
}

impl Command for DeactivateUser {
    type Streams = User;
    const NAME: &'static str = "identity.deactivate_user";
    const SCOPE: Scope = MANAGE_USERS;
    const REACH: Reach = Reach::All;

    fn streams(&self, target: Uuid, _cx: &Context) -> Uuid {
        target
    }

    fn decide(&self, user: View<'_, Self>, cx: &Context) -> Decision<Self> {
        if !on_the_platform(cx, MANAGE_USERS) {
            return Err(Rejection::NotFound);
        }
        if !user.existing()?.active {
            return unchanged();
        }
        if cx.actor_id() == super::user_id(cx).into() {
            return Err(Rejection::OneselfNot);
        }
        Ok(Decided::from(Event::Deactivated { reason: self.reason.as_ref().map(|reason| reason.about(cx.target)) }))
    }
}

/// Opens a closed account again.
///
/// For administrators of the platform, in the platform's tenant.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ReactivateUser {}

impl Command for ReactivateUser {
    type Streams = User;
    const NAME: &'static str = "identity.reactivate_user";
    const SCOPE: Scope = MANAGE_USERS;
    const REACH: Reach = Reach::All;

    fn streams(&self, target: Uuid, _cx: &Context) -> Uuid {
        target
    }

    fn decide(&self, user: View<'_, Self>, cx: &Context) -> Decision<Self> {
        if !on_the_platform(cx, MANAGE_USERS) {
            return Err(Rejection::NotFound);
        }
        if user.existing()?.active {
            return unchanged();
        }
        Ok(Decided::from(Event::Reactivated {}))
    }
}
