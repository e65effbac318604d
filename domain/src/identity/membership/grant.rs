//! Making a user a member.

use super::{Event, Member, Membership, Person, Rejection, membership_id};
use crate::identity::administrators::{self, Administrators};
use crate::identity::role_set::RoleSet;
use crate::identity::{GRANT_ANY_ROLE, InvitationId, UserId};
use kernel::{Command, Context, Decided, Decision, Reach, Scope, View};
use serde::Deserialize;
use utoipa::ToSchema;
use uuid::Uuid;

/// Makes a user a member without asking him: how an operator gives a tenant its first administrator, and how demo
/// data is made. People are invited instead. Granting what is so already changes nothing.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct GrantMembership {
    /// Who.
    pub user_id: UserId,
    /// How the member is called and reached: what his account says.
    pub person: Person,
    /// As what.
    pub roles: RoleSet,
    /// Who leads him. Taken as given.
    pub supervisor_id: Option<UserId>,
}

impl Command for GrantMembership {
    type Streams = (Membership, Administrators);
    const NAME: &'static str = "identity.grant_membership";
    const SCOPE: Scope = GRANT_ANY_ROLE;
    const REACH: Reach = Reach::All;

    fn streams(&self, _target: Uuid, cx: &Context) -> (Uuid, Uuid) {
        (membership_id(cx.tenant_id, self.user_id).0, administrators::stream_id(cx.tenant_id))
    }

    fn decide(&self, (membership, administrators): View<'_, Self>, cx: &Context) -> Decision<Self> {
        if !self.roles.may_be_granted_by(cx) {
            return Err(Rejection::RoleBeyondOwn);
        }
        let joining = Joining {
            user_id: self.user_id,
            person: &self.person,
            roles: &self.roles,
            supervisor_id: self.supervisor_id,
            invitation_id: None,
        };
        Ok(Decided::new(joining.events(membership, administrators)?))
    }
}

/// A user who is to be a member, by whichever command.
pub(in crate::identity) struct Joining<'a> {
    pub(in crate::identity) user_id: UserId,
    pub(in crate::identity) person: &'a Person,
    pub(in crate::identity) roles: &'a RoleSet,
    pub(in crate::identity) supervisor_id: Option<UserId>,
    pub(in crate::identity) invitation_id: Option<InvitationId>,
}

impl Joining<'_> {
    /// What happens to the membership and to the list of administrators. A member who was deactivated comes back
    /// with the new roles.
    pub(in crate::identity) fn events(
        &self,
        membership: &Membership,
        administrators: &Administrators,
    ) -> Result<(Vec<Event>, Vec<administrators::Event>), Rejection> {
        let user_id = self.user_id;
        let appointed = administrators.with(user_id, self.roles.administers())?;
        let events = match &membership.member {
            None => vec![Event::Granted {
                user_id,
                person: self.person.about(user_id),
                roles: self.roles.clone(),
                supervisor_id: self.supervisor_id,
                invitation_id: self.invitation_id,
            }],
            Some(member) if member.active && !self.describes(member) => return Err(Rejection::AlreadyMember),
            Some(member) => {
                let mut events = Vec::new();
                if !member.active {
                    events.push(Event::Reactivated { user_id });
                }
                if member.roles != *self.roles {
                    let (roles, previous) = (self.roles.clone(), member.roles.clone());
                    events.push(Event::RolesChanged { user_id, roles, previous });
                }
                if member.supervisor_id != self.supervisor_id {
                    let (supervisor_id, previous) = (self.supervisor_id, member.supervisor_id);
                    events.push(Event::SupervisorChanged { user_id, supervisor_id, previous });
                }
                // Nobody told him apart while he was away, and the copy is sealed.
                if !member.active {
                    events.push(Event::PersonChanged { user_id, person: self.person.about(user_id) });
                }
                events
            }
        };
        Ok((events, appointed.into_iter().collect()))
    }

    fn describes(&self, member: &Member) -> bool {
        (&member.roles, member.supervisor_id) == (self.roles, self.supervisor_id)
    }
}
