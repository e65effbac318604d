//! Who leads whom.

use super::{Event, Membership, Rejection, membership_id};
use crate::identity::{MANAGE_MEMBERS, UserId};
use kernel::command::unchanged;
use kernel::{Command, Context, Decided, Decision, Reach, Scope, View};
use serde::Deserialize;
use utoipa::ToSchema;
use uuid::Uuid;

/// Puts a member under a supervisor, who then sees what is his: a manager his reps, a director all below him.
///
/// The supervisor is an active member whose role stands above the member's. The one that he has changes nothing.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SetSupervisor {
    /// Who leads the member: the user id of another member.
    pub supervisor_id: UserId,
}

impl Command for SetSupervisor {
    type Streams = (Membership, Membership);
    const NAME: &'static str = "identity.set_supervisor";
    const SCOPE: Scope = MANAGE_MEMBERS;
    const REACH: Reach = Reach::All;

    fn streams(&self, target: Uuid, cx: &Context) -> (Uuid, Uuid) {
        (target, membership_id(cx.tenant_id, self.supervisor_id).0)
    }

    fn decide(&self, (membership, supervisor): View<'_, Self>, _cx: &Context) -> Decision<Self> {
        let member = membership.active()?;
        let (user_id, supervisor_id) = (member.user_id, Some(self.supervisor_id));
        if member.supervisor_id == supervisor_id {
            return unchanged();
        }
        let supervisor = supervisor.active().map_err(|_| Rejection::SupervisorNotFound)?;
        // Ranks only rise towards the top, so nobody leads himself over others.
        if supervisor.roles.rank() <= member.roles.rank() {
            return Err(Rejection::SupervisorNotAbove);
        }
        let changed = Event::SupervisorChanged { user_id, supervisor_id, previous: member.supervisor_id };
        Ok(Decided::new((vec![changed], Vec::new())))
    }
}

/// Leaves a member without a supervisor. A member without one changes nothing.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RemoveSupervisor {}

impl Command for RemoveSupervisor {
    type Streams = Membership;
    const NAME: &'static str = "identity.remove_supervisor";
    const SCOPE: Scope = MANAGE_MEMBERS;
    const REACH: Reach = Reach::All;

    fn streams(&self, target: Uuid, _cx: &Context) -> Uuid {
        target
    }

    fn decide(&self, membership: View<'_, Self>, _cx: &Context) -> Decision<Self> {
        let member = membership.existing()?;
        if member.supervisor_id.is_none() {
            return unchanged();
        }
        let (user_id, previous) = (member.user_id, member.supervisor_id);
        Ok(Decided::from(Event::SupervisorChanged { user_id, supervisor_id: None, previous }))
    }
}
