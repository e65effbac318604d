//! What a user is in one tenant: his roles, and who leads him. This file is the stored contract.
//!
//! One stream per user and tenant, so that a user is a member once. Who is shown with it is a copy of the user's names
//! and address as they were: those are kept in the platform's tenant, where a tenant's reader does not look. The copy is
//! sealed under the key that the user has in this tenant.

mod activity;
mod change_roles;
mod grant;
mod person;
mod rejection;
#[cfg(test)]
mod specs;
mod supervisor;

pub use activity::{DeactivateMember, ReactivateMember};
pub use change_roles::ChangeRoles;
pub use grant::GrantMembership;
pub(super) use grant::Joining;
pub use person::{KnownPerson, Person, RecordMemberPerson};
pub use rejection::Rejection;
pub use supervisor::{RemoveSupervisor, SetSupervisor};

use super::role_set::RoleSet;
use super::{InvitationId, MembershipId, Reason, UserId};
use kernel::{Aggregate, Personal, TenantId};
use serde::{Deserialize, Serialize};

/// What may happen to a membership. Who did it and when are in the envelope.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Event {
    /// The user became a member.
    Granted {
        /// Who.
        user_id: UserId,
        /// How the member is called and reached.
        person: KnownPerson,
        /// As what.
        roles: RoleSet,
        /// Who leads him.
        supervisor_id: Option<UserId>,
        /// The invitation that he accepted, where there was one.
        invitation_id: Option<InvitationId>,
    },
    /// The user is something else now.
    RolesChanged {
        /// Who.
        user_id: UserId,
        /// As what, from now on.
        roles: RoleSet,
        /// As what, until then.
        previous: RoleSet,
    },
    /// Somebody else leads him.
    SupervisorChanged {
        /// Who.
        user_id: UserId,
        /// Who leads him now; nobody where absent.
        supervisor_id: Option<UserId>,
        /// Who led him until then.
        previous: Option<UserId>,
    },
    /// The user's names or address changed.
    PersonChanged {
        /// Who.
        user_id: UserId,
        /// How the member is called and reached.
        person: KnownPerson,
    },
    /// He may do nothing in the tenant any more.
    Deactivated {
        /// Who.
        user_id: UserId,
        /// Why, where somebody said so.
        reason: Option<Personal<Reason>>,
    },
    /// He is back, with the roles that he had.
    Reactivated {
        /// Who.
        user_id: UserId,
    },
}

impl kernel::Event for Event {
    const CATEGORY: &'static str = "identity.membership";

    fn examples() -> Vec<Self> {
        examples()
    }
}

/// The id of a user's membership of a tenant, and of its stream.
pub fn membership_id(tenant_id: TenantId, user_id: UserId) -> MembershipId {
    MembershipId(kernel::ids::derived(tenant_id.0, &format!("identity.membership/{user_id}")))
}

/// The state of a membership's stream: nothing before it is granted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Membership {
    member: Option<Member>,
}

/// What is known about a member.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Member {
    /// Who.
    pub user_id: UserId,
    /// How he is called and reached.
    pub person: KnownPerson,
    /// As what.
    pub roles: RoleSet,
    /// Who leads him.
    pub supervisor_id: Option<UserId>,
    /// Whether he may do anything here.
    pub active: bool,
}

impl Aggregate for Membership {
    type Event = Event;
    type Rejection = Rejection;

    fn evolve(self, event: &Event) -> Self {
        let member = match (self.member, event.clone()) {
            (_, Event::Granted { user_id, person, roles, supervisor_id, .. }) => {
                Some(Member { user_id, person, roles, supervisor_id, active: true })
            }
            (member, Event::RolesChanged { roles, .. }) => member.map(|member| Member { roles, ..member }),
            (member, Event::SupervisorChanged { supervisor_id, .. }) => {
                member.map(|member| Member { supervisor_id, ..member })
            }
            (member, Event::PersonChanged { person, .. }) => member.map(|member| Member { person, ..member }),
            (member, Event::Deactivated { .. }) => member.map(|member| Member { active: false, ..member }),
            (member, Event::Reactivated { .. }) => member.map(|member| Member { active: true, ..member }),
        };
        Self { member }
    }
}

impl Membership {
    /// What is known about the member; `None` where there never was one.
    pub const fn member(&self) -> Option<&Member> {
        self.member.as_ref()
    }

    /// The member, where there is one, active or not.
    fn existing(&self) -> Result<&Member, Rejection> {
        self.member.as_ref().ok_or(Rejection::NotFound)
    }

    /// The member, where he may do anything here.
    fn active(&self) -> Result<&Member, Rejection> {
        let member = self.existing()?;
        if member.active { Ok(member) } else { Err(Rejection::Inactive) }
    }
}

fn examples() -> Vec<Event> {
    let id = |n: u128| uuid::Uuid::from_u128(0x1d00_0000_0000_4000_8000_0000_0000_0000 + n);
    let roles = |roles: &[super::Role]| RoleSet::new(roles.iter().copied()).expect("an example is valid");
    let (user_id, leader, other) = (UserId(id(1)), UserId(id(2)), UserId(id(3)));
    let person = |family_name: &str| person::example("Ada", family_name, "ada@example.com").about(user_id);
    vec![
        Event::Granted {
            user_id,
            person: person("Byron"),
            roles: roles(&[super::Role::SalesRep]),
            supervisor_id: Some(leader),
            invitation_id: Some(InvitationId(id(4))),
        },
        Event::RolesChanged {
            user_id,
            roles: roles(&[super::Role::SalesManager]),
            previous: roles(&[super::Role::SalesRep]),
        },
        Event::SupervisorChanged { user_id, supervisor_id: Some(other), previous: Some(leader) },
        Event::PersonChanged { user_id, person: person("Lovelace") },
        Event::Deactivated {
            user_id,
            reason: Reason::parse("She has left.").ok().map(|reason| Personal::new(user_id, reason)),
        },
        Event::Reactivated { user_id },
    ]
}
