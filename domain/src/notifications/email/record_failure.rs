//! It was given up.

use super::{Email, EmailFailure, EmailStatus, Event, SEND};
use kernel::command::unchanged;
use kernel::{Command, Context, Decided, Decision, Reach, Scope, View};
use serde::Deserialize;
use utoipa::ToSchema;
use uuid::Uuid;

/// Records that a mail was given up. What was sent or suppressed meanwhile stays so.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RecordEmailFailure {
    /// Why.
    pub reason: EmailFailure,
    /// Tries that were made.
    pub attempts: i32,
}

impl Command for RecordEmailFailure {
    type Streams = Email;
    const NAME: &'static str = "notifications.record_email_failure";
    const SCOPE: Scope = SEND;
    const REACH: Reach = Reach::All;

    fn streams(&self, target: Uuid, _cx: &Context) -> Uuid {
        target
    }

    fn decide(&self, email: View<'_, Self>, _cx: &Context) -> Decision<Self> {
        match email.existing()?.status {
            EmailStatus::Requested => Ok(Decided::from(Event::Failed { reason: self.reason, attempts: self.attempts })),
            EmailStatus::Sent | EmailStatus::Failed | EmailStatus::Suppressed => unchanged(),
        }
    }
}
