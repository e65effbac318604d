//! Asking again for a mail that was given up.

use super::{Email, EmailStatus, Event, Rejection, SEND};
use kernel::command::unchanged;
use kernel::{Command, Context, Decided, Decision, Reach, Scope, View};
use serde::Deserialize;
use utoipa::ToSchema;
use uuid::Uuid;

/// Asks again for a mail that was given up: an operator has mended what was wrong. One that still waits needs no asking.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RequeueEmail {}

impl Command for RequeueEmail {
    type Streams = Email;
    const NAME: &'static str = "notifications.requeue_email";
    const SCOPE: Scope = SEND;
    const REACH: Reach = Reach::All;

    fn streams(&self, target: Uuid, _cx: &Context) -> Uuid {
        target
    }

    fn decide(&self, email: View<'_, Self>, cx: &Context) -> Decision<Self> {
        let letter = email.existing()?;
        match letter.status {
            EmailStatus::Requested => unchanged(),
            EmailStatus::Sent => Err(Rejection::Sent),
            EmailStatus::Suppressed => Err(Rejection::Suppressed),
            EmailStatus::Failed if letter.content.expires_at().is_some_and(|end| end <= cx.now) => {
                Err(Rejection::Expired)
            }
            EmailStatus::Failed => Ok(Decided::from(Event::Requeued {})),
        }
    }
}
