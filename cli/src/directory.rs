//! Who is suspended and who leads whom, looked up in the read models and remembered for a few seconds.

use kernel::{ActorId, Team, TenantId};
use platform::auth::standing::{Answering, Standing, Unknown};
use quick_cache::sync::Cache;
use sqlx::{PgPool, query_scalar};
use std::collections::HashSet;
use std::sync::{Arc, RwLock};
use std::time::{Duration, Instant};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

/// How often it is asked who is suspended. With the read model's own delay it stays well within five seconds.
const LOOK: Duration = Duration::from_secs(2);
/// How long a team is remembered.
const TEAM_AGE: Duration = Duration::from_secs(4);
/// How many teams are remembered.
const TEAMS: usize = 10_000;

/// Those below somebody, however far; `union` ends even where people lead each other in a circle.
const TEAM: &str = "\
    with recursive team (user_id) as ( \
        select user_id from read.identity_members where tenant_id = $1 and supervisor_id = $2 and active \
        union \
        select m.user_id from read.identity_members m join team on m.supervisor_id = team.user_id \
        where m.tenant_id = $1 and m.active \
    ) select user_id from team";

/// Looks things up for the doors of one process. Its pool works as the engine: it serves all tenants.
pub(crate) struct Directory {
    pool: PgPool,
    suspended: RwLock<Arc<HashSet<TenantId>>>,
    /// Each with when it was looked up.
    teams: Cache<(TenantId, ActorId), (Instant, Team)>,
}

impl Directory {
    /// One that asks `pool`. It knows of nobody suspended until it has [looked](Self::keep_looking).
    pub(crate) fn new(pool: PgPool) -> Arc<Self> {
        Arc::new(Self { pool, suspended: RwLock::default(), teams: Cache::new(TEAMS) })
    }

    /// Looks who is suspended until told to stop. What cannot be looked up stays as it was known last.
    pub(crate) async fn keep_looking(self: Arc<Self>, working: CancellationToken) {
        loop {
            match self.look().await {
                Ok(()) => {}
                // Before the first projector has made the table, nobody can be in it.
                Err(error) if is_undefined_table(&error) => {}
                Err(error) => tracing::debug!(%error, "which tenants are suspended cannot be looked up now"),
            }
            if working.run_until_cancelled(tokio::time::sleep(LOOK)).await.is_none() {
                return;
            }
        }
    }

    async fn look(&self) -> Result<(), sqlx::Error> {
        let sql = "select id from read.identity_tenants where tenant_id = $1 and suspended";
        let ids: Vec<Uuid> = query_scalar(sql).bind(TenantId::PLATFORM.0).fetch_all(&self.pool).await?;
        let suspended = Arc::new(ids.into_iter().map(TenantId).collect());
        *self.suspended.write().unwrap_or_else(std::sync::PoisonError::into_inner) = suspended;
        Ok(())
    }

    async fn look_up_team(&self, tenant_id: TenantId, actor_id: ActorId) -> Result<Team, Unknown> {
        if let Some((looked_up, team)) = self.teams.get(&(tenant_id, actor_id))
            && looked_up.elapsed() < TEAM_AGE
        {
            return Ok(team);
        }
        let now = Instant::now();
        let found: Result<Vec<Uuid>, _> =
            query_scalar(TEAM).bind(tenant_id.0).bind(actor_id.0).fetch_all(&self.pool).await;
        let team: Team = match found {
            Ok(ids) => ids.into_iter().map(ActorId).filter(|member| *member != actor_id).collect(),
            Err(error) if is_undefined_table(&error) => Team::none(),
            Err(error) => return Err(Unknown(Box::new(error))),
        };
        self.teams.insert((tenant_id, actor_id), (now, team.clone()));
        Ok(team)
    }
}

/// Whether no projector has made the table yet.
fn is_undefined_table(error: &sqlx::Error) -> bool {
    error.as_database_error().is_some_and(|error| error.code().as_deref() == Some("42P01"))
}

impl Standing for Directory {
    fn is_suspended(&self, tenant_id: TenantId) -> bool {
        self.suspended.read().unwrap_or_else(std::sync::PoisonError::into_inner).contains(&tenant_id)
    }

    fn team(&self, tenant_id: TenantId, actor_id: ActorId) -> Answering<'_, Team> {
        Box::pin(self.look_up_team(tenant_id, actor_id))
    }
}
