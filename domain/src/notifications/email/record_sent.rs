//! The mail server has it.

use super::{Email, EmailStatus, Event, Receipt, SEND};
use kernel::command::unchanged;
use kernel::{Command, Context, Decided, Decision, Reach, Scope, View};
use serde::Deserialize;
use utoipa::ToSchema;
use uuid::Uuid;

/// Records that the mail server has taken a mail. A fact is a fact: it counts also after the mail was given up, and a
/// second delivery adds nothing.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RecordEmailSent {
    /// The `Message-ID`.
    pub message_id: Receipt,
    /// Tries that it took.
    pub attempts: i32,
}

impl Command for RecordEmailSent {
    type Streams = Email;
    const NAME: &'static str = "notifications.record_email_sent";
    const SCOPE: Scope = SEND;
    const REACH: Reach = Reach::All;

    fn streams(&self, target: Uuid, _cx: &Context) -> Uuid {
        target
    }

    fn decide(&self, email: View<'_, Self>, _cx: &Context) -> Decision<Self> {
        match email.existing()?.status {
            EmailStatus::Sent => unchanged(),
            EmailStatus::Requested | EmailStatus::Failed | EmailStatus::Suppressed => {
                Ok(Decided::from(Event::Sent { message_id: self.message_id.clone(), attempts: self.attempts }))
            }
        }
    }
}
