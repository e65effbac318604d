//! Who administers a tenant: one stream per tenant, so that it never has nobody. This file is the stored contract.
//!
//! A membership is a stream of its own, and two administrators who remove each other at the same time would both
//! find the other one still there. So every command that makes or unmakes an administrator also writes this stream in
//! the same append, and every one that could checks its version: of two such commands the second is decided again,
//! over what the first has left.

use super::UserId;
use kernel::{Aggregate, TenantId};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use uuid::Uuid;

/// What may happen to the list of administrators.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Event {
    /// A member became an administrator.
    Appointed {
        /// Who.
        user_id: UserId,
    },
    /// A member is an administrator no more. There is another one.
    Dismissed {
        /// Who.
        user_id: UserId,
    },
}

impl kernel::Event for Event {
    const CATEGORY: &'static str = "identity.administrators";

    fn examples() -> Vec<Self> {
        let user_id = UserId(Uuid::from_u128(0x1d00_0000_0000_4000_8000_0000_0000_0001));
        vec![Self::Appointed { user_id }, Self::Dismissed { user_id }]
    }
}

/// The stream of a tenant's administrators.
pub fn stream_id(tenant_id: TenantId) -> Uuid {
    kernel::ids::derived(tenant_id.0, "identity.administrators")
}

/// The active members of a tenant who administer its members.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Administrators {
    users: BTreeSet<UserId>,
}

impl Aggregate for Administrators {
    type Event = Event;
    /// Its events only come with those of a membership, whose reasons count.
    type Rejection = super::membership::Rejection;

    fn evolve(mut self, event: &Event) -> Self {
        match event {
            Event::Appointed { user_id } => self.users.insert(*user_id),
            Event::Dismissed { user_id } => self.users.remove(user_id),
        };
        self
    }
}

impl Administrators {
    /// Who they are.
    pub const fn users(&self) -> &BTreeSet<UserId> {
        &self.users
    }

    /// What changes where this user is to administer, or not to.
    ///
    /// # Errors
    /// [`LastAdministrator`](super::membership::Rejection::LastAdministrator) where nobody else would be left.
    pub(super) fn with(
        &self,
        user_id: UserId,
        administers: bool,
    ) -> Result<Option<Event>, super::membership::Rejection> {
        match (self.users.contains(&user_id), administers) {
            (true, true) | (false, false) => Ok(None),
            (false, true) => Ok(Some(Event::Appointed { user_id })),
            (true, false) if self.users.len() == 1 => Err(super::membership::Rejection::LastAdministrator),
            (true, false) => Ok(Some(Event::Dismissed { user_id })),
        }
    }
}
