//! Forgotten and changed passwords: the facts, never the secret.

use super::{Event, RESET_LIFETIME, Rejection, User};
use crate::identity::{RequestId, SIGN_IN, after, request_id};
use kernel::{Command, Context, Decided, Decision, Reach, Scope, View};
use serde::Deserialize;
use utoipa::ToSchema;
use uuid::Uuid;

/// Asks for a link to choose a new password; earlier links end.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RequestPasswordReset {}

impl Command for RequestPasswordReset {
    type Streams = User;
    const NAME: &'static str = "identity.request_password_reset";
    const SCOPE: Scope = SIGN_IN;
    const REACH: Reach = Reach::All;

    fn streams(&self, target: Uuid, _cx: &Context) -> Uuid {
        target
    }

    fn decide(&self, user: View<'_, Self>, cx: &Context) -> Decision<Self> {
        let account = user.open()?;
        Ok(Decided::from(Event::PasswordResetRequested {
            request_id: request_id(cx),
            to: account.recipient(),
            expires_at: after(cx, RESET_LIFETIME),
        }))
    }
}

/// Says that a new password was chosen by the link. It can be used once, and proves the address.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CompletePasswordReset {
    /// What the link answers to.
    pub request_id: RequestId,
}

impl Command for CompletePasswordReset {
    type Streams = User;
    const NAME: &'static str = "identity.complete_password_reset";
    const SCOPE: Scope = SIGN_IN;
    const REACH: Reach = Reach::All;

    fn streams(&self, target: Uuid, _cx: &Context) -> Uuid {
        target
    }

    fn decide(&self, user: View<'_, Self>, cx: &Context) -> Decision<Self> {
        let account = user.open()?;
        account.reset.ok_or(Rejection::LinkUsed)?.answered_by(self.request_id, cx)?;
        let to = account.recipient();
        Ok(Decided::from(Event::PasswordResetCompleted { request_id: self.request_id, to }))
    }
}

/// Says that the user chose another password, knowing the old one. Open links to reset it end.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RecordPasswordChange {}

impl Command for RecordPasswordChange {
    type Streams = User;
    const NAME: &'static str = "identity.record_password_change";
    const SCOPE: Scope = SIGN_IN;
    const REACH: Reach = Reach::All;

    fn streams(&self, target: Uuid, _cx: &Context) -> Uuid {
        target
    }

    fn decide(&self, user: View<'_, Self>, cx: &Context) -> Decision<Self> {
        Ok(Decided::from(Event::PasswordChanged { to: user.owned(cx)?.recipient() }))
    }
}
