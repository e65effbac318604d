//! Making an agent responsible for a ticket.

use super::{membership_of, works_tickets};
use crate::identity::membership::Membership;
use crate::support::ticket::Ticket;
use kernel::{ActorId, Command, Context, Decided, Decision, Known, Reach, Scope, View};
use serde::Deserialize;
use utoipa::ToSchema;
use uuid::Uuid;

/// Makes an agent responsible for a ticket; an open ticket gets in progress.
///
/// Assigning the same agent again changes nothing, unless he has left the desk. Refused on a closed or cancelled ticket, and with
/// `support.ticket_assignee_not_agent` where the assignee is no active member of the tenant with a role that works tickets.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AssignTicket {
    /// The agent: the user id of an active member who works tickets.
    pub assignee_id: ActorId,
}

impl Command for AssignTicket {
    /// The membership is read in the append that assigns: whoever is removed at the same time is removed before, and this
    /// is refused, or after, and [`super::left_the_desk`] takes the ticket from him.
    type Streams = (Ticket, Known<Membership>);
    const NAME: &'static str = "support.assign_ticket";
    const SCOPE: Scope = Scope::new("support.ticket:assign");
    const REACH: Reach = Reach::All;

    fn streams(&self, target: Uuid, cx: &Context) -> (Uuid, Uuid) {
        (target, membership_of(cx.tenant_id, self.assignee_id))
    }

    fn decide(&self, (ticket, membership): View<'_, Self>, cx: &Context) -> Decision<Self> {
        ticket.assigned_to(self.assignee_id, works_tickets(membership, cx.tenant_id)).map(Decided::new)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::membership::{self, KnownPerson};
    use crate::identity::{EmailAddress, PersonName, Role, RoleSet, UserId};
    use crate::support::ticket::{Event, Rejection};
    use kernel::specs::{Given, context, given, state_of};
    use kernel::{Event as _, Personal};

    const BOB: UserId = UserId(Uuid::from_u128(0xb0b));

    fn member(role: Role) -> membership::Event {
        let person = KnownPerson {
            given_name: Personal::new(BOB, PersonName::parse("Bob").unwrap()),
            family_name: Personal::new(BOB, PersonName::parse("Bee").unwrap()),
            email: Personal::new(BOB, EmailAddress::parse("bob@example.com").unwrap()),
        };
        let roles = RoleSet::new([role]).unwrap();
        membership::Event::Granted { user_id: BOB, person, roles, supervisor_id: None, invitation_id: None }
    }

    #[test]
    fn only_an_active_agent_of_the_tenant_becomes_responsible() {
        let (assign, cx) = (AssignTicket { assignee_id: ActorId(BOB.0) }, context(ActorId(BOB.0), BOB.0, &[]));
        let ticket = || -> Given<Ticket> { given(Event::examples().into_iter().take(1)) };
        let known = |events: Vec<membership::Event>| state_of::<Membership>(events);
        let left = membership::Event::Deactivated { user_id: BOB, reason: None };
        let back = membership::Event::Reactivated { user_id: BOB };
        let promoted = membership::Event::RolesChanged {
            user_id: BOB,
            roles: RoleSet::new([Role::SupportAdmin]).unwrap(),
            previous: RoleSet::new([Role::SalesRep]).unwrap(),
        };
        for events in [
            vec![member(Role::SupportAgent)],
            vec![member(Role::SalesRep), promoted],
            vec![member(Role::SupportAgent), left.clone(), back],
        ] {
            let decided = ticket().when_knowing(&known(events), &assign, &cx).accepted();
            assert!(matches!(decided.events[..], [Event::Assigned { .. }, Event::StatusChanged { .. }]));
        }
        for events in [
            vec![],
            vec![member(Role::SupportCustomer)],
            vec![member(Role::TenantAdmin)],
            vec![member(Role::SupportAgent), left],
        ] {
            ticket().when_knowing(&known(events), &assign, &cx).is_rejected(&Rejection::AssigneeNotAgent);
        }
    }
}
