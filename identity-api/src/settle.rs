//! Tenants, accounts and memberships that are made without asking anybody by mail: for demo data, and whoever moves people
//! in from elsewhere.

use crate::door::{Act, Door, Story};
use crate::problems::Refusal;
use domain::identity::membership::GrantMembership;
use domain::identity::tenant::{CreateTenant, Tenant};
use domain::identity::user::{RegisterUser, User};
use domain::identity::{GRANT_ANY_ROLE, MANAGE_TENANTS, UserId, membership};
use event_store::Refused;
use kernel::{Actor, CorrelationId, Scope, TenantId};
use platform::Problem;
use uuid::Uuid;

/// Somebody could not be settled; why, in a sentence.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct SettleError(String);

impl From<Refusal> for SettleError {
    fn from(refusal: Refusal) -> Self {
        let problem = Problem::from(refusal);
        Self(problem.cause().map_or_else(|| problem.code().to_owned(), str::to_owned))
    }
}

impl Door {
    /// Makes the tenant with this id, unless it is there.
    ///
    /// # Errors
    /// Another one has the slug, or Postgres does not answer.
    pub async fn settle_tenant(&self, tenant_id: TenantId, tenant: &CreateTenant) -> Result<(), SettleError> {
        if self.load::<Tenant>(TenantId::PLATFORM, tenant_id.0).await?.profile().is_some() {
            return Ok(());
        }
        let act = settling(TenantId::PLATFORM, tenant_id.0, MANAGE_TENANTS, true);
        self.carry(tenant, act, story(tenant_id.0)).await.map_err(Refusal::from)?;
        Ok(())
    }

    /// Makes the account with this id and this password, and takes the address for proven; an account that is there gets
    /// the password. `hash` is of [`Door::hash`].
    ///
    /// # Errors
    /// Another account has the address, or Postgres does not answer.
    pub async fn settle_account(&self, user_id: UserId, user: &RegisterUser, hash: &str) -> Result<(), SettleError> {
        self.set_password(user_id.0, hash).await?;
        if self.load::<User>(TenantId::PLATFORM, user_id.0).await?.account().is_some() {
            return Ok(());
        }
        let command = RegisterUser { email_proven: true, ..user.clone() };
        let act = Act {
            actor: Actor::user(user_id.into()),
            ..settling(TenantId::PLATFORM, user_id.0, domain::identity::SIGN_IN, true)
        };
        self.carry(&command, act, story(user_id.0)).await.map_err(Refusal::from)?;
        Ok(())
    }

    /// Makes a user a member. Who is one already stays what he is.
    ///
    /// # Errors
    /// Postgres does not answer.
    pub async fn settle_member(&self, tenant_id: TenantId, member: &GrantMembership) -> Result<(), SettleError> {
        let id = membership::membership_id(tenant_id, member.user_id).0;
        let act = settling(tenant_id, id, GRANT_ANY_ROLE, false);
        match self.carry(member, act, story(id)).await {
            Ok(_) | Err(Refused::Rejected(membership::Rejection::AlreadyMember)) => {}
            Err(refused) => return Err(Refusal::from(refused).into()),
        }
        self.note_membership(member.user_id.0, tenant_id).await?;
        Ok(())
    }

    /// The hash of a password, as it is kept.
    ///
    /// # Errors
    /// Too many are being made.
    pub async fn hash(&self, password: &str) -> Result<String, SettleError> {
        Ok(self.hasher.hash(password).await.map_err(Refusal::from)?)
    }
}

fn settling(tenant_id: TenantId, target: Uuid, scope: Scope, fresh: bool) -> Act {
    let scopes = [scope.as_str()].into_iter().collect();
    Act { tenant_id, actor: Actor::SYSTEM, scopes, target, fresh, key: Uuid::now_v7() }
}

fn story(id: Uuid) -> Story {
    Story { correlation_id: CorrelationId(id), trace: None }
}
