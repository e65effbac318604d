//! It is not sent.

use super::{Email, EmailStatus, EmailSuppression, Event, Rejection, SEND};
use kernel::command::unchanged;
use kernel::{Command, Context, Decided, Decision, Reach, Scope, View};
use serde::Deserialize;
use utoipa::ToSchema;
use uuid::Uuid;

/// Says that a mail is not sent, on purpose.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SuppressEmail {
    /// Why.
    pub reason: EmailSuppression,
}

impl Command for SuppressEmail {
    type Streams = Email;
    const NAME: &'static str = "notifications.suppress_email";
    const SCOPE: Scope = SEND;
    const REACH: Reach = Reach::All;

    fn streams(&self, target: Uuid, _cx: &Context) -> Uuid {
        target
    }

    fn decide(&self, email: View<'_, Self>, _cx: &Context) -> Decision<Self> {
        match email.existing()?.status {
            EmailStatus::Requested | EmailStatus::Failed => {
                Ok(Decided::from(Event::Suppressed { reason: self.reason }))
            }
            EmailStatus::Suppressed => unchanged(),
            EmailStatus::Sent => Err(Rejection::Sent),
        }
    }
}
