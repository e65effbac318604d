//! Proving an address by a link.

use super::{Event, Rejection, User, VERIFICATION_LIFETIME};
use crate::identity::{RequestId, SIGN_IN, after, request_id};
use kernel::command::unchanged;
use kernel::{Command, Context, Decided, Decision, Reach, Scope, View};
use serde::Deserialize;
use utoipa::ToSchema;
use uuid::Uuid;

/// Asks for a link to prove the address; earlier links end. An address that is proven needs none.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RequestEmailVerification {}

impl Command for RequestEmailVerification {
    type Streams = User;
    const NAME: &'static str = "identity.request_email_verification";
    const SCOPE: Scope = SIGN_IN;
    const REACH: Reach = Reach::All;

    fn streams(&self, target: Uuid, _cx: &Context) -> Uuid {
        target
    }

    fn decide(&self, user: View<'_, Self>, cx: &Context) -> Decision<Self> {
        let account = user.open()?;
        if account.email_verified {
            return unchanged();
        }
        Ok(Decided::from(Event::EmailVerificationRequested {
            request_id: request_id(cx),
            to: account.recipient(),
            expires_at: after(cx, VERIFICATION_LIFETIME),
        }))
    }
}

/// Says that the link was followed. It can be followed once.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct VerifyEmail {
    /// What the link answers to.
    pub request_id: RequestId,
}

impl Command for VerifyEmail {
    type Streams = User;
    const NAME: &'static str = "identity.verify_email";
    const SCOPE: Scope = SIGN_IN;
    const REACH: Reach = Reach::All;

    fn streams(&self, target: Uuid, _cx: &Context) -> Uuid {
        target
    }

    fn decide(&self, user: View<'_, Self>, cx: &Context) -> Decision<Self> {
        let pending = user.open()?.verification.ok_or(Rejection::LinkUsed)?;
        pending.answered_by(self.request_id, cx)?;
        Ok(Decided::from(Event::EmailVerified { request_id: Some(self.request_id) }))
    }
}
