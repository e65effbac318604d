//! One mail to one person: that it is wanted, and what became of it. This file is the stored contract.
//!
//! The stream's id follows from what caused the mail, so asking twice is asking once; it is also the effect's id and, with
//! the sender's domain, the `Message-ID`. The stream is in the tenant of what caused it, and whom the mail goes to is sealed
//! under the same key as there.

mod news;
mod record_failure;
mod record_sent;
mod rejection;
mod request;
mod requeue;
#[cfg(test)]
mod specs;
mod suppress;

pub use news::{NewsCount, NewsOfThread};
pub use record_failure::RecordEmailFailure;
pub use record_sent::RecordEmailSent;
pub use rejection::Rejection;
pub use request::RequestEmail;
pub use requeue::RequeueEmail;
pub use suppress::SuppressEmail;

use super::{MailAddress, RecipientName, WrittenIn};
use chrono::{DateTime, Utc};
use kernel::{ActorId, Aggregate, Personal, Scope, TenantId, Text};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

/// What reactors, the outbox and operators do. In no role and in no token.
pub const SEND: Scope = Scope::new("notifications.email:send");

/// What a role is called, in the reader's language.
pub type RoleLabel = Text<1, 200>;
/// What the mail server that took the mail answered, or what it is called where it was put.
pub type Receipt = Text<1, 300>;

/// To whom a mail goes, as it was known when it was asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct EmailRecipient {
    /// The address.
    pub address: Personal<MailAddress>,
    /// How to greet; absent where only the address is known.
    pub name: Option<Personal<RecipientName>>,
    /// In which language.
    pub language: WrittenIn,
}

/// What a link in a mail answers to. Its secret part follows from this and the installation's key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct EmailLink {
    /// Whom or what it is about.
    pub subject_id: Uuid,
    /// Which request it answers to.
    pub request_id: Uuid,
    /// Until when it is good.
    pub expires_at: DateTime<Utc>,
}

/// What a mail is about, with what its wording needs. How it is worded is up to the channel.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum EmailContent {
    /// Asks the reader to prove that the address of a new account is his.
    VerifyAddress {
        /// Proves it.
        link: EmailLink,
    },
    /// Asks the reader to prove that he wants this address for his account.
    ConfirmNewAddress {
        /// Proves it.
        link: EmailLink,
    },
    /// Tells the previous address that the account has another one now.
    AddressChanged {},
    /// Lets the reader choose a new password.
    ResetPassword {
        /// Lets him.
        link: EmailLink,
    },
    /// Tells that the password was changed.
    PasswordChanged {},
    /// Tells that somebody tried to register with the address of this account.
    SignUpRepeated {},
    /// Tells that signing in needs a second factor from now on.
    SecondFactorEnabled {},
    /// Tells that signing in needs no second factor any more.
    SecondFactorDisabled {},
    /// Tells that many wrong passwords came.
    SignInThrottled {
        /// Until when further attempts wait.
        until: DateTime<Utc>,
    },
    /// Invites the reader to join a company.
    Invitation {
        /// Which company; the channel knows its name.
        organisation_id: TenantId,
        /// As what, in the reader's language.
        roles: Vec<RoleLabel>,
        /// Lets him join.
        link: EmailLink,
    },
    /// Tells what happened to tickets: to one of them, or as a digest.
    News {
        /// Whose feed says so.
        recipient_id: ActorId,
        /// What happened to which.
        news: Vec<NewsOfThread>,
    },
}

kernel::labelled! {
    /// Why a mail was given up.
    pub enum EmailFailure("notifications.email_failure") {
        /// The mail server refused it for good.
        Refused: "refused", "Refused by the mail server", "Refusé par le serveur de messagerie";
        /// It was tried as often as it may be.
        Exhausted: "exhausted", "Tried too often", "Trop d'essais";
        /// Nothing can be sent to this address.
        Undeliverable: "undeliverable", "The address cannot be written to", "Adresse impossible à joindre";
    }
}

kernel::labelled! {
    /// Why a mail was not sent although it could have been.
    pub enum EmailSuppression("notifications.email_suppression") {
        /// Its link is no longer good.
        Expired: "expired", "The link has ended", "Le lien a expiré";
        /// The person was erased.
        Erased: "erased", "The person was erased", "La personne a été effacée";
        /// What it tells was read, or muted, before it could be sent.
        Read: "read", "Read meanwhile", "Lu entre-temps";
    }
}

/// What may happen to a mail.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Event {
    /// It is to be sent.
    Requested {
        /// To whom.
        to: EmailRecipient,
        /// What about.
        content: EmailContent,
    },
    /// The mail server has it. Whether it arrives is up to others.
    Sent {
        /// The `Message-ID` by which it is known out there.
        message_id: Receipt,
        /// Tries that it took, since it was last asked for.
        attempts: i32,
    },
    /// It was given up; an operator may ask for it again.
    Failed {
        /// Why.
        reason: EmailFailure,
        /// Tries that were made, since it was last asked for.
        attempts: i32,
    },
    /// It is not sent: it would be of no use, or must not be.
    Suppressed {
        /// Why.
        reason: EmailSuppression,
    },
    /// An operator asked for it again.
    Requeued {},
}

impl kernel::Event for Event {
    const CATEGORY: &'static str = "notifications.email";

    fn examples() -> Vec<Self> {
        examples()
    }
}

kernel::labelled! {
    /// Where a mail stands.
    pub enum EmailStatus("notifications.email_status") {
        /// To be sent.
        Requested: "requested", "Requested", "Demandé";
        /// The mail server has it.
        Sent: "sent", "Sent", "Envoyé";
        /// Given up.
        Failed: "failed", "Failed", "Échec";
        /// Not sent on purpose.
        Suppressed: "suppressed", "Suppressed", "Supprimé";
    }
}

/// The state of a mail's stream: nothing before it is asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Email {
    letter: Option<Letter>,
}

/// What is known about a mail.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Letter {
    /// To whom.
    pub to: EmailRecipient,
    /// What about.
    pub content: EmailContent,
    /// Where it stands.
    pub status: EmailStatus,
}

impl EmailContent {
    /// Until when the mail is of any use.
    pub const fn expires_at(&self) -> Option<DateTime<Utc>> {
        match self {
            Self::VerifyAddress { link }
            | Self::ConfirmNewAddress { link }
            | Self::ResetPassword { link }
            | Self::Invitation { link, .. } => Some(link.expires_at),
            Self::AddressChanged {}
            | Self::PasswordChanged {}
            | Self::SignUpRepeated {}
            | Self::SecondFactorEnabled {}
            | Self::SecondFactorDisabled {}
            | Self::SignInThrottled { .. }
            | Self::News { .. } => None,
        }
    }
}

impl Aggregate for Email {
    type Event = Event;
    type Rejection = Rejection;

    fn evolve(self, event: &Event) -> Self {
        let is_now = |status| move |letter: Letter| Letter { status, ..letter };
        let letter = match event {
            Event::Requested { to, content } => {
                Some(Letter { to: to.clone(), content: content.clone(), status: EmailStatus::Requested })
            }
            Event::Sent { .. } => self.letter.map(is_now(EmailStatus::Sent)),
            Event::Failed { .. } => self.letter.map(is_now(EmailStatus::Failed)),
            Event::Suppressed { .. } => self.letter.map(is_now(EmailStatus::Suppressed)),
            Event::Requeued {} => self.letter.map(is_now(EmailStatus::Requested)),
        };
        Self { letter }
    }
}

impl Email {
    /// What is known about it; `None` where there is no such mail.
    pub const fn letter(&self) -> Option<&Letter> {
        self.letter.as_ref()
    }

    fn existing(&self) -> Result<&Letter, Rejection> {
        self.letter.as_ref().ok_or(Rejection::NotFound)
    }
}

fn examples() -> Vec<Event> {
    let id = |n: u128| Uuid::from_u128(0x07_1f00_0000_4000_8000_0000_0000_0000 + n);
    let link = EmailLink {
        subject_id: id(1),
        request_id: id(2),
        expires_at: DateTime::from_timestamp(1_769_079_600, 0).unwrap_or_default(),
    };
    vec![
        Event::Requested {
            to: EmailRecipient {
                address: Personal::new(id(1), MailAddress::parse("ada@example.com").expect("an example is valid")),
                name: RecipientName::parse("Ada").ok().map(|name| Personal::new(id(1), name)),
                language: WrittenIn::Fr,
            },
            content: EmailContent::Invitation {
                organisation_id: TenantId(id(3)),
                roles: vec![RoleLabel::parse("Commercial").expect("an example is valid")],
                link,
            },
        },
        Event::Sent {
            message_id: Receipt::parse("<00071f00-0000-4000-8000-000000000004@example.com>")
                .expect("an example is valid"),
            attempts: 1,
        },
        Event::Failed { reason: EmailFailure::Refused, attempts: 1 },
        Event::Suppressed { reason: EmailSuppression::Expired },
        Event::Requeued {},
    ]
}
