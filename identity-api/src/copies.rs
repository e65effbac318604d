//! What tenants know of a person is a copy of what his account says: this keeps the copies true.

use crate::door::{Act, Door, Story};
use crate::owner::Owner;
use crate::problems::Refusal;
use domain::identity::UserId;
use domain::identity::membership::{Person, RecordMemberPerson, membership_id};
use domain::identity::user::User;
use event_store::Refused;
use kernel::{Actor, EventData, Recorded, Scopes, TenantId, ids};

impl Door {
    /// The account says something else about its user: every tenant that knows him is told.
    pub(crate) async fn copy_to_all(&self, user_id: UserId, fact: &Recorded<EventData>) -> Result<(), Refusal> {
        for tenant_id in self.tenants_of(user_id).await? {
            self.copy_to(user_id, tenant_id, fact).await?;
        }
        Ok(())
    }

    /// One tenant is told what the account says now, once for each event of the account: whoever follows the log as well
    /// repeats the same command.
    async fn copy_to(&self, user_id: UserId, tenant_id: TenantId, fact: &Recorded<EventData>) -> Result<(), Refusal> {
        let user = self.load::<User>(TenantId::PLATFORM, user_id.0).await?;
        let Some(account) = user.account() else { return Ok(()) };
        let Owner { email, given_name, family_name, .. } = self.owner_of(account).await?;
        let person = Person { given_name: given_name.into(), family_name: family_name.into(), email: email.into() };
        let member_id = membership_id(tenant_id, user_id).0;
        let act = Act {
            tenant_id,
            actor: Actor::SYSTEM,
            scopes: Scopes::default(),
            target: member_id,
            fresh: false,
            key: ids::derived(fact.event_id.0, &format!("identity.record_member_person/{member_id}")),
        };
        let story = Story { correlation_id: fact.correlation_id, trace: fact.trace };
        match self.carry(&RecordMemberPerson { person }, act, story).await {
            // Whoever is no member there has no copy.
            Ok(_) | Err(Refused::Rejected(_)) => Ok(()),
            Err(refused) => Err(refused.into()),
        }
    }
}
