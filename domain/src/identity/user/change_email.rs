//! Moving an account to another address.

use super::{Event, Rejection, User, VERIFICATION_LIFETIME};
use crate::identity::{EMAIL_RESERVATION, EmailAddress, OWN_ACCOUNT, RequestId, SIGN_IN, after, request_id};
use kernel::command::unchanged;
use kernel::{Command, Context, Decided, Decision, Private, Reach, Scope, View};
use serde::Deserialize;
use utoipa::ToSchema;
use uuid::Uuid;

/// Asks to move the user's own account to another address. A link goes there; until it is followed nothing changes.
///
/// Whether another account holds the address shows only when the link is followed: nobody learns it by asking.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RequestEmailChange {
    /// The new address.
    pub email: Private<EmailAddress>,
}

impl Command for RequestEmailChange {
    type Streams = User;
    const NAME: &'static str = "identity.request_email_change";
    const SCOPE: Scope = OWN_ACCOUNT;
    const REACH: Reach = Reach::All;

    fn streams(&self, target: Uuid, _cx: &Context) -> Uuid {
        target
    }

    fn decide(&self, user: View<'_, Self>, cx: &Context) -> Decision<Self> {
        let account = user.owned(cx)?;
        let email_index = cx.blind_index(EMAIL_RESERVATION, self.email.value().as_str());
        if account.email_index == email_index {
            return unchanged();
        }
        let mut to = account.recipient();
        to.email = self.email.about(cx.target);
        Ok(Decided::from(Event::EmailChangeRequested {
            request_id: request_id(cx),
            to,
            email_index,
            expires_at: after(cx, VERIFICATION_LIFETIME),
        }))
    }
}

/// Says that the link to the new address was followed. The append is refused where another account holds the address.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ConfirmEmailChange {
    /// What the link answers to.
    pub request_id: RequestId,
}

impl Command for ConfirmEmailChange {
    type Streams = User;
    const NAME: &'static str = "identity.confirm_email_change";
    const SCOPE: Scope = SIGN_IN;
    const REACH: Reach = Reach::All;

    fn streams(&self, target: Uuid, _cx: &Context) -> Uuid {
        target
    }

    fn decide(&self, user: View<'_, Self>, cx: &Context) -> Decision<Self> {
        let account = user.open()?;
        let change = account.email_change.as_ref().ok_or(Rejection::LinkUsed)?;
        change.pending.answered_by(self.request_id, cx)?;
        let changed = Event::EmailChanged {
            request_id: self.request_id,
            email: change.email.clone(),
            email_index: change.email_index,
            previous: account.recipient(),
            previous_email_index: account.email_index,
        };
        Ok(Decided::from(changed)
            .reserving(EMAIL_RESERVATION, change.email_index.to_string())
            .releasing(EMAIL_RESERVATION, account.email_index.to_string()))
    }
}
