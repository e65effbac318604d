//! Tells the verifiers of a process, every second, which keys may sign and what was taken back.
//!
//! Every process that accepts tokens runs one, also those that issue none.

use chrono::{DateTime, Utc};
use kernel::{ActorId, Epoch, Position, TenantId};
use platform::auth::{KeySet, KeySetError, LiveTrust, Revoked, Since};
use sqlx::{PgPool, Row};
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

/// Pause between two looks.
const PAUSE: Duration = Duration::from_secs(1);
/// Longest look. Several must fit into the age at which verifiers stop believing what they know.
const PATIENCE: Duration = Duration::from_secs(2);

/// Why verifiers were told nothing new.
#[derive(Debug, thiserror::Error)]
pub enum FollowError {
    /// The database is away.
    #[error("reading keys and revocations")]
    Unavailable(#[from] sqlx::Error),
    /// It took too long.
    #[error("reading keys and revocations took more than {} s", PATIENCE.as_secs())]
    Slow,
    /// A key that is published is none.
    #[error("reading the published keys")]
    Keys(#[from] KeySetError),
}

/// Follows keys and revocations.
pub struct TrustFollower {
    pool: PgPool,
    trust: Arc<LiveTrust>,
    keys: (Vec<String>, KeySet),
}

impl TrustFollower {
    /// Reads from this database, tells this trust. The session may work on behalf of tenants.
    pub fn new(pool: PgPool, trust: Arc<LiveTrust>) -> Self {
        Self { pool, trust, keys: (Vec::new(), KeySet::none()) }
    }

    /// Looks until told to stop.
    pub async fn run(mut self, stop: CancellationToken) {
        let mut was_well = true;
        loop {
            let looked = match tokio::time::timeout(PATIENCE, self.renew()).await {
                Ok(looked) => looked,
                Err(_) => Err(FollowError::Slow),
            };
            match looked {
                Ok(()) => was_well = true,
                Err(error) if std::mem::replace(&mut was_well, false) => {
                    let error: &(dyn std::error::Error + 'static) = &error;
                    tracing::warn!(error, "keys and revocations cannot be read; after 5 s no token is accepted");
                }
                Err(_) => {}
            }
            if stop.run_until_cancelled(tokio::time::sleep(PAUSE)).await.is_none() {
                return;
            }
        }
    }

    /// Looks once.
    ///
    /// # Errors
    /// [`FollowError`]; verifiers go on with what they know.
    pub async fn renew(&mut self) -> Result<(), FollowError> {
        let keys = sqlx::query(
            "select public_jwk from secrets.signing_keys \
             where believed_until is null or believed_until > clock_timestamp() order by kid",
        )
        .fetch_all(&self.pool)
        .await?;
        let published: Vec<String> = keys.iter().map(|row| row.get(0)).collect();
        if published != self.keys.0 {
            let set = if published.is_empty() {
                KeySet::none()
            } else {
                KeySet::parse(&format!("{{\"keys\":[{}]}}", published.join(",")))?
            };
            self.keys = (published, set);
        }
        let revoked = revoked(&self.pool).await?;
        self.trust.renew(self.keys.1.clone(), revoked);
        Ok(())
    }
}

async fn revoked(pool: &PgPool) -> Result<Revoked, sqlx::Error> {
    let rows = sqlx::query(
        "select kind, id, in_tenant, before, epoch, position from secrets.revocations where needed_until > clock_timestamp()",
    )
    .fetch_all(pool)
    .await?;
    let mut revoked = Revoked::default();
    for row in rows {
        let (kind, id): (&str, &str) = (row.get(0), row.get(1));
        let (tenant, at): (Uuid, DateTime<Utc>) = (row.get(2), row.get(3));
        let since = Since { place: (Epoch(row.get(4)), Position(row.get(5))), at };
        let uuid = id.parse::<Uuid>().unwrap_or_default();
        match kind {
            "family" => drop(revoked.families.insert(uuid)),
            "token" => drop(revoked.tokens.insert(id.into())),
            "actor" => drop(revoked.actors.insert(ActorId(uuid), since)),
            "member" => drop(revoked.members.insert((TenantId(tenant), ActorId(uuid)), since)),
            "suspended" => drop(revoked.suspended.insert(TenantId(uuid))),
            kind => tracing::error!(kind, "a revocation of an unknown kind: deploy this process anew"),
        }
    }
    Ok(revoked)
}
