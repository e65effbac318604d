//! An invitation to join a tenant, by e-mail. This file is the stored contract.
//!
//! The invited person may have no account yet: he is known by his address until he accepts, and the address is sealed
//! under a key of the invitation.

mod accept;
mod expire;
mod invite;
mod invite_administrator;
mod rejection;
mod resend;
mod revoke;
#[cfg(test)]
mod specs;

pub use accept::AcceptInvitation;
pub use expire::ExpireInvitation;
pub use invite::InviteMember;
pub use invite_administrator::InviteAdministrator;
pub use rejection::Rejection;
pub use resend::ResendInvitation;
pub use revoke::RevokeInvitation;

use super::role_set::RoleSet;
use super::{EmailAddress, Locale, Recipient, RequestId, UserId};
use chrono::{DateTime, TimeDelta, Utc};
use kernel::{Aggregate, BlindIndex, Personal};
use serde::{Deserialize, Serialize};

/// How long an invitation can be accepted after it was sent.
pub const LIFETIME: TimeDelta = TimeDelta::days(7);

/// What may happen to an invitation. Who did it and when are in the envelope.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Event {
    /// Somebody was invited; a link is to be sent.
    Invited {
        /// What the link answers to.
        request_id: RequestId,
        /// To whom.
        to: Recipient,
        /// What the address is known by.
        email_index: BlindIndex,
        /// As what he joins.
        roles: RoleSet,
        /// Who will lead him.
        supervisor_id: Option<UserId>,
        /// Until when the link is good.
        expires_at: DateTime<Utc>,
    },
    /// Another link is to be sent; earlier ones end.
    Resent {
        /// What the link answers to.
        request_id: RequestId,
        /// To whom.
        to: Recipient,
        /// As what he joins.
        roles: RoleSet,
        /// Until when the link is good.
        expires_at: DateTime<Utc>,
    },
    /// The invited person joined. His membership is opened in the same append.
    Accepted {
        /// Who he turned out to be.
        user_id: UserId,
    },
    /// It was taken back.
    Revoked {},
    /// Nobody accepted it in time.
    Expired {},
}

impl kernel::Event for Event {
    const CATEGORY: &'static str = "identity.invitation";

    fn examples() -> Vec<Self> {
        examples()
    }
}

kernel::labelled! {
    /// Where an invitation stands.
    pub enum InvitationStatus("identity.invitation_status") {
        /// It can be accepted.
        Open: "open", "Open", "En attente";
        /// The invited person joined.
        Accepted: "accepted", "Accepted", "Acceptée";
        /// It was taken back.
        Revoked: "revoked", "Revoked", "Retirée";
        /// Nobody accepted it in time.
        Expired: "expired", "Expired", "Expirée";
    }
}

/// The state of an invitation's stream: nothing before somebody is invited.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Invitation {
    offer: Option<Offer>,
}

/// What is known about an invitation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Offer {
    /// To which address.
    pub email: Personal<EmailAddress>,
    /// What the address is known by.
    pub email_index: BlindIndex,
    /// In which language.
    pub locale: Locale,
    /// As what he joins.
    pub roles: RoleSet,
    /// Who will lead him.
    pub supervisor_id: Option<UserId>,
    /// What the last link answers to.
    pub request_id: RequestId,
    /// Until when it is good.
    pub expires_at: DateTime<Utc>,
    /// Where it stands.
    pub status: InvitationStatus,
    /// Who accepted it.
    pub accepted_by: Option<UserId>,
}

impl Aggregate for Invitation {
    type Event = Event;
    type Rejection = Rejection;

    fn evolve(self, event: &Event) -> Self {
        let ended = |offer: Option<Offer>, status| offer.map(|offer| Offer { status, ..offer });
        let offer = match (self.offer, event.clone()) {
            (_, Event::Invited { request_id, to, email_index, roles, supervisor_id, expires_at }) => Some(Offer {
                email: to.email,
                email_index,
                locale: to.locale,
                roles,
                supervisor_id,
                request_id,
                expires_at,
                status: InvitationStatus::Open,
                accepted_by: None,
            }),
            (offer, Event::Resent { request_id, expires_at, .. }) => {
                offer.map(|offer| Offer { request_id, expires_at, ..offer })
            }
            (offer, Event::Accepted { user_id }) => {
                ended(offer, InvitationStatus::Accepted).map(|offer| Offer { accepted_by: Some(user_id), ..offer })
            }
            (offer, Event::Revoked {}) => ended(offer, InvitationStatus::Revoked),
            (offer, Event::Expired {}) => ended(offer, InvitationStatus::Expired),
        };
        Self { offer }
    }
}

impl Invitation {
    /// What is known about it; `None` where there is no such invitation.
    pub const fn offer(&self) -> Option<&Offer> {
        self.offer.as_ref()
    }

    /// The invitation, where there is one.
    fn existing(&self) -> Result<&Offer, Rejection> {
        self.offer.as_ref().ok_or(Rejection::NotFound)
    }

    /// The invitation, where it can still be changed.
    fn open(&self) -> Result<&Offer, Rejection> {
        let offer = self.existing()?;
        match offer.status {
            InvitationStatus::Open => Ok(offer),
            InvitationStatus::Accepted => Err(Rejection::Accepted),
            InvitationStatus::Revoked => Err(Rejection::Revoked),
            InvitationStatus::Expired => Err(Rejection::Expired),
        }
    }
}

fn examples() -> Vec<Event> {
    let id = |n: u128| uuid::Uuid::from_u128(0x1d00_0000_0000_4000_8000_0000_0000_0000 + n);
    let email = Personal::new(id(20), EmailAddress::parse("ada@example.com").expect("an example is valid"));
    let to = Recipient { email, given_name: None, locale: Locale::Fr };
    let roles = RoleSet::new([super::Role::SupportAgent]).expect("an example is valid");
    let expires_at = DateTime::from_timestamp(1_769_079_600, 0).unwrap_or_default();
    vec![
        Event::Invited {
            request_id: RequestId(id(1)),
            to: to.clone(),
            email_index: BlindIndex(id(2)),
            roles: roles.clone(),
            supervisor_id: Some(UserId(id(3))),
            expires_at,
        },
        Event::Resent { request_id: RequestId(id(4)), to, roles, expires_at },
        Event::Accepted { user_id: UserId(id(5)) },
        Event::Revoked {},
        Event::Expired {},
    ]
}
