//! A key by which another system acts in a tenant. This file is the stored contract.
//!
//! The secret is not here: the sign-in door keeps its hash and shows it once.

mod issue;
mod rejection;
mod revoke;
#[cfg(test)]
mod specs;

pub use issue::{IssueApiKey, KeyScopes};
pub use rejection::Rejection;
pub use revoke::RevokeApiKey;

use chrono::{DateTime, Utc};
use kernel::{Aggregate, Text};
use serde::{Deserialize, Serialize};

/// What a key is called by the people who look after it.
pub type KeyName = Text<1, 100>;

/// What may happen to an API key. Who did it and when are in the envelope.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Event {
    /// It came into being.
    Issued {
        /// What it is for.
        name: KeyName,
        /// What it permits: no more than its issuer might do then.
        scopes: KeyScopes,
        /// Until when; for ever where absent.
        expires_at: Option<DateTime<Utc>>,
    },
    /// It is good no more.
    Revoked {},
}

impl kernel::Event for Event {
    const CATEGORY: &'static str = "identity.api_key";

    fn examples() -> Vec<Self> {
        let scopes = KeyScopes::new(["read:queue".to_owned(), "read:ticket".to_owned()]);
        vec![
            Self::Issued {
                name: KeyName::parse("Display in the hall").expect("an example is valid"),
                scopes: scopes.expect("an example is valid"),
                expires_at: DateTime::from_timestamp(1_800_000_000, 0),
            },
            Self::Revoked {},
        ]
    }
}

/// The state of a key's stream: nothing before it is issued.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApiKey {
    key: Option<Key>,
}

/// What is known about a key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Key {
    /// What it permits.
    pub scopes: KeyScopes,
    /// Until when.
    pub expires_at: Option<DateTime<Utc>>,
    /// Whether it was taken back.
    pub revoked: bool,
}

impl Aggregate for ApiKey {
    type Event = Event;
    type Rejection = Rejection;

    fn evolve(self, event: &Event) -> Self {
        let key = match (self.key, event) {
            (_, Event::Issued { scopes, expires_at, .. }) => {
                Some(Key { scopes: scopes.clone(), expires_at: *expires_at, revoked: false })
            }
            (key, Event::Revoked {}) => key.map(|key| Key { revoked: true, ..key }),
        };
        Self { key }
    }
}

impl ApiKey {
    /// What is known about it; `None` where there is no such key.
    pub const fn key(&self) -> Option<&Key> {
        self.key.as_ref()
    }
}
