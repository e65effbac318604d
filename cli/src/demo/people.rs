//! Who is who in the demo tenant.

use crate::tokens::{Grant, Ttl, all_scopes};
use kernel::{ActorId, TenantId};
use uuid::Uuid;

/// The demo tenant.
pub const TENANT: TenantId = TenantId(Uuid::from_u128(0x0197_5111_a6e0_7000_8000_0000_0000_0001));

/// Somebody of the demo tenant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Person {
    /// As on the command line: `demo-agent`.
    pub role: &'static str,
    /// As people call them.
    pub name: &'static str,
    /// What they do.
    pub about: &'static str,
    id: u128,
    /// What they may do; `None`: everything.
    scopes: Option<&'static [&'static str]>,
}

const CUSTOMER_SCOPES: &[&str] = &[
    "support.ticket:open",
    "support.ticket:reply",
    "support.ticket:read",
    "messaging.conversation:open",
    "messaging.conversation:send",
    "messaging.conversation:read",
];

const SALES_SCOPES: &[&str] = &[
    "field_sales.zone:read",
    "field_sales.building:create",
    "field_sales.building:read",
    "field_sales.door:visit",
    "field_sales.contract:sign",
    "field_sales.contract:read",
];

/// May do everything; answers tickets and talks to clients.
pub const AGENT: Person = Person {
    role: "demo-agent",
    name: "Camille Laurent",
    about: "studio and support, may do everything",
    id: 0xa1,
    scopes: None,
};
/// A client, French.
pub const CUSTOMER: Person =
    Person { role: "demo-customer", name: "Inès Moreau", about: "client", id: 0xc1, scopes: Some(CUSTOMER_SCOPES) };
/// A client, English.
pub const SECOND_CUSTOMER: Person = Person {
    role: "demo-second-customer",
    name: "James Carter",
    about: "client",
    id: 0xc2,
    scopes: Some(CUSTOMER_SCOPES),
};
/// Knocks on doors.
pub const SALES_REP: Person = Person {
    role: "demo-sales-rep",
    name: "Yanis Benali",
    about: "knocks on doors",
    id: 0x51,
    scopes: Some(SALES_SCOPES),
};
/// Leads those who knock on doors.
pub const MANAGER: Person =
    Person { role: "demo-manager", name: "Claire Dubois", about: "leads the sales reps", id: 0x52, scopes: None };

/// Everybody.
pub const PEOPLE: [Person; 5] = [AGENT, CUSTOMER, SECOND_CUSTOMER, SALES_REP, MANAGER];

/// Whoever has this role.
pub fn named(role: &str) -> Option<Person> {
    PEOPLE.into_iter().find(|person| person.role == role)
}

impl Person {
    /// The id that tokens and events carry.
    pub const fn id(self) -> ActorId {
        Self::id_of(self.id)
    }

    /// The id of whoever has this number in the demo.
    pub(super) const fn id_of(number: u128) -> ActorId {
        ActorId(Uuid::from_u128(0x0197_5111_a6e0_7000_8000_0000_0000_0000 + number))
    }

    /// What a token for them says.
    pub fn grant(self, ttl: Ttl) -> Grant {
        let scopes = match self.scopes {
            Some(scopes) => scopes.iter().copied().collect(),
            None => all_scopes().into_iter().collect(),
        };
        Grant { tenant_id: TENANT, actor_id: self.id(), scopes, ttl }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_role_permits_only_what_exists() {
        let all = all_scopes();
        for person in PEOPLE {
            assert_eq!(named(person.role), Some(person));
            for scope in person.scopes.into_iter().flatten() {
                assert!(all.iter().any(|known| known == scope), "{} has {scope}", person.role);
            }
        }
        assert_eq!(named("demo-nobody"), None);
    }
}
