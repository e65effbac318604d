//! Asking for a mail.

use super::{Email, EmailContent, EmailRecipient, Event, SEND};
use kernel::command::unchanged;
use kernel::{Command, Context, Decided, Decision, Reach, Scope, View};
use serde::Deserialize;
use utoipa::ToSchema;
use uuid::Uuid;

/// Asks for a mail. The target follows from what caused it, so that asking again changes nothing.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RequestEmail {
    /// To whom.
    pub to: EmailRecipient,
    /// What about.
    pub content: EmailContent,
}

impl Command for RequestEmail {
    type Streams = Email;
    const NAME: &'static str = "notifications.request_email";
    const SCOPE: Scope = SEND;
    const REACH: Reach = Reach::All;

    fn streams(&self, target: Uuid, _cx: &Context) -> Uuid {
        target
    }

    fn decide(&self, email: View<'_, Self>, _cx: &Context) -> Decision<Self> {
        if email.letter().is_some() {
            return unchanged();
        }
        Ok(Decided::from(Event::Requested { to: self.to.clone(), content: self.content.clone() }))
    }
}
