//! A session family: everything that was refreshed from one sign-in. This file is the stored contract.
//!
//! Its stream is in the platform's tenant. A refresh is no fact of the business: the sign-in door rotates its tokens in
//! tables of its own, and tells the beginning, the end, and what must not happen in between.

mod end;
mod rejection;
#[cfg(test)]
mod specs;
mod start;
mod switch_tenant;

pub use end::{EndSession, ReportTokenReuse, RevokeSession};
pub use rejection::Rejection;
pub use start::StartSession;
pub use switch_tenant::SwitchTenant;

use super::{ClientAddress, UserAgent, UserId};
use kernel::{Aggregate, Personal, TenantId};
use serde::{Deserialize, Serialize};

kernel::labelled! {
    /// What holds the refresh token.
    pub enum ClientKind("identity.client_kind") {
        /// A browser, in a cookie.
        Browser: "browser", "Browser", "Navigateur";
        /// An app, by itself.
        App: "app", "App", "Application";
    }
}

kernel::labelled! {
    /// Why a session ended.
    pub enum EndReason("identity.session_end_reason") {
        /// The user signed out.
        SignedOut: "signed_out", "Signed out", "Déconnecté";
        /// The user signed out everywhere.
        SignedOutEverywhere: "signed_out_everywhere", "Signed out everywhere", "Déconnecté partout";
        /// A refresh token came a second time: it was stolen, or its successor was.
        TokenReused: "token_reused", "Token used twice", "Jeton utilisé deux fois";
        /// An administrator ended it.
        Revoked: "revoked", "Ended by an administrator", "Terminée par un administrateur";
        /// The password was changed or reset.
        PasswordChanged: "password_changed", "Password changed", "Mot de passe changé";
        /// The account was closed.
        AccountClosed: "account_closed", "Account closed", "Compte fermé";
        /// Nobody refreshed it in time.
        Expired: "expired", "Expired", "Expirée";
    }
}

/// What may happen to a session family.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Event {
    /// Somebody signed in.
    Started {
        /// Who.
        user_id: UserId,
        /// For which tenant the first token is; absent where he has none.
        signed_in_to: Option<TenantId>,
        /// What holds the refresh token.
        client: ClientKind,
        /// Whether a second factor was proven.
        second_factor: bool,
        /// From which network address.
        client_address: Option<Personal<ClientAddress>>,
        /// What the browser or app calls itself.
        user_agent: Option<Personal<UserAgent>>,
    },
    /// The tokens are for another tenant from now on.
    TenantSwitched {
        /// Who.
        user_id: UserId,
        /// For which tenant.
        switched_to: TenantId,
    },
    /// A refresh token came a second time. The end follows in the same append.
    ReuseDetected {
        /// Whose.
        user_id: UserId,
    },
    /// It is over; none of its tokens is good any more.
    Ended {
        /// Whose.
        user_id: UserId,
        /// Why.
        reason: EndReason,
    },
}

impl kernel::Event for Event {
    const CATEGORY: &'static str = "identity.session";

    fn examples() -> Vec<Self> {
        examples()
    }
}

/// The state of a session's stream: nothing before it is started.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Session {
    family: Option<Family>,
}

/// What is known about a session family.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Family {
    /// Whose.
    pub user_id: UserId,
    /// For which tenant the tokens are.
    pub signed_in_to: Option<TenantId>,
    /// Why it is over, where it is.
    pub ended: Option<EndReason>,
}

impl Aggregate for Session {
    type Event = Event;
    type Rejection = Rejection;

    fn evolve(self, event: &Event) -> Self {
        let family = match (self.family, event) {
            (_, Event::Started { user_id, signed_in_to, .. }) => {
                Some(Family { user_id: *user_id, signed_in_to: *signed_in_to, ended: None })
            }
            (family, Event::TenantSwitched { switched_to, .. }) => {
                family.map(|family| Family { signed_in_to: Some(*switched_to), ..family })
            }
            (family, Event::ReuseDetected { .. }) => family,
            (family, Event::Ended { reason, .. }) => family.map(|family| Family { ended: Some(*reason), ..family }),
        };
        Self { family }
    }
}

impl Session {
    /// What is known about it; `None` where there is no such session.
    pub const fn family(&self) -> Option<&Family> {
        self.family.as_ref()
    }

    /// The session, where there is one, over or not.
    fn existing(&self) -> Result<&Family, Rejection> {
        self.family.as_ref().ok_or(Rejection::NotFound)
    }
}

fn examples() -> Vec<Event> {
    let id = |n: u128| uuid::Uuid::from_u128(0x1d00_0000_0000_4000_8000_0000_0000_0000 + n);
    let (user_id, tenant_id) = (UserId(id(1)), TenantId(id(2)));
    vec![
        Event::Started {
            user_id,
            signed_in_to: Some(tenant_id),
            client: ClientKind::Browser,
            second_factor: true,
            client_address: ClientAddress::parse("2001:db8::1").ok().map(|address| Personal::new(user_id, address)),
            user_agent: UserAgent::parse("Mozilla/5.0 (X11; Linux x86_64)")
                .ok()
                .map(|agent| Personal::new(user_id, agent)),
        },
        Event::TenantSwitched { user_id, switched_to: tenant_id },
        Event::ReuseDetected { user_id },
        Event::Ended { user_id, reason: EndReason::TokenReused },
    ]
}
