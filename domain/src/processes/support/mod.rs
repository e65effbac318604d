//! What the support desk knows of the members of a tenant: who of them works tickets.

mod assign_ticket;

pub use assign_ticket::AssignTicket;

use crate::identity::membership::{self, Membership};
use crate::identity::{Role, UserId, roles};
use crate::support::ticket::WORK;
use kernel::{ActorId, TenantId};
use uuid::Uuid;

/// Whether the member is active and works tickets.
pub fn works_tickets(membership: &Membership, tenant_id: TenantId) -> bool {
    membership.member().is_some_and(|member| member.active && may_work(member.roles.as_slice(), tenant_id))
}

fn may_work(roles: &[Role], tenant_id: TenantId) -> bool {
    roles::scopes_of(roles, tenant_id).contains(WORK)
}

/// The stream of somebody's membership.
pub fn membership_of(tenant_id: TenantId, actor_id: ActorId) -> Uuid {
    membership::membership_id(tenant_id, UserId(actor_id.0)).0
}

/// Whoever works no tickets any more because of this event: what he is responsible for needs somebody else.
pub fn left_the_desk(event: &membership::Event, tenant_id: TenantId) -> Option<ActorId> {
    let may = |roles: &crate::identity::RoleSet| may_work(roles.as_slice(), tenant_id);
    match event {
        membership::Event::Deactivated { user_id, .. } => Some(ActorId(user_id.0)),
        membership::Event::RolesChanged { user_id, roles, previous } => {
            (may(previous) && !may(roles)).then_some(ActorId(user_id.0))
        }
        membership::Event::Granted { .. }
        | membership::Event::SupervisorChanged { .. }
        | membership::Event::PersonChanged { .. }
        | membership::Event::Reactivated { .. } => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::RoleSet;
    use kernel::specs::TENANT;

    #[test]
    fn who_is_deactivated_or_loses_the_role_leaves_the_desk() {
        let user_id = UserId(Uuid::from_u128(0xb0b));
        let changed = |from: Role, to: Role| membership::Event::RolesChanged {
            user_id,
            roles: RoleSet::new([to]).unwrap(),
            previous: RoleSet::new([from]).unwrap(),
        };
        let bob = Some(ActorId(user_id.0));
        let left = |event| left_the_desk(&event, TENANT);
        assert_eq!(left(membership::Event::Deactivated { user_id, reason: None }), bob);
        assert_eq!(left(changed(Role::SupportAgent, Role::SalesRep)), bob);
        assert_eq!(left(changed(Role::SupportAgent, Role::SupportAdmin)), None);
        assert_eq!(left(changed(Role::SalesRep, Role::SupportCustomer)), None);
        assert_eq!(left(membership::Event::Reactivated { user_id }), None);
    }
}
