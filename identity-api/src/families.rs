//! Families of refresh tokens: each token is good once, and a second use of one ends the family.
//!
//! A client whose answer was lost asks again with the token that it has. For ten seconds, and for the same client only,
//! it gets the same successor as the first time: the successor follows from the token itself and a salt that is kept
//! that long. Whoever comes later, or from elsewhere, has a copy: everything that followed from the sign-in ends.

use crate::secret::{self, NoRandomness, Sort};
use chrono::{DateTime, TimeDelta, Utc};
use kernel::TenantId;
use platform::http::Network;
use sqlx::postgres::types::PgInterval;
use sqlx::{PgPool, Row};
use uuid::Uuid;

/// How long an honest repeat gets the same successor.
pub const GRACE: TimeDelta = TimeDelta::seconds(10);

/// How long things last.
#[derive(Clone, Copy, Debug)]
pub struct Lifetimes {
    /// An access token.
    pub access: TimeDelta,
    /// A refresh token that nobody uses.
    pub refresh: TimeDelta,
    /// A family, however often it is refreshed.
    pub family: TimeDelta,
    /// For how long an honest repeat gets the same successor.
    pub grace: TimeDelta,
}

impl Default for Lifetimes {
    fn default() -> Self {
        Self { access: TimeDelta::minutes(10), refresh: TimeDelta::days(7), family: TimeDelta::days(90), grace: GRACE }
    }
}

impl Lifetimes {
    /// For how long something that was taken back must be remembered.
    pub fn remembered(&self) -> TimeDelta {
        self.access + TimeDelta::seconds(2 * platform::auth::LEEWAY_S)
    }
}

/// Keeps families.
#[derive(Clone)]
pub struct Families {
    pool: PgPool,
    lifetimes: Lifetimes,
}

/// Who a family is for.
#[derive(Clone, Debug)]
pub struct Begin<'a> {
    /// The family.
    pub sid: Uuid,
    /// Whose.
    pub user_id: Uuid,
    /// For which tenant its access tokens are.
    pub tenant_id: Option<TenantId>,
    /// By what the client is told from others.
    pub binding: &'a [u8],
    /// Where from.
    pub network: Network,
    /// What the client calls itself.
    pub user_agent: &'a str,
}

/// A refresh token that was accepted.
#[derive(Clone, Debug)]
pub struct Refreshed {
    /// The family.
    pub sid: Uuid,
    /// Whose.
    pub user_id: Uuid,
    /// For which tenant.
    pub tenant_id: Option<TenantId>,
    /// The next refresh token.
    pub refresh_token: String,
    /// When the family ends at the latest.
    pub ends_at: DateTime<Utc>,
    /// Whether this is the answer of before, given again.
    pub repeated: bool,
}

/// A family, as its owner sees it.
#[derive(Clone, Debug)]
pub struct Family {
    /// Which one.
    pub sid: Uuid,
    /// For which tenant it was used last.
    pub tenant_id: Option<TenantId>,
    /// Where it was used last.
    pub network: String,
    /// What the client called itself.
    pub user_agent: String,
    /// When the sign-in was.
    pub began_at: DateTime<Utc>,
    /// When it was refreshed last.
    pub used_at: DateTime<Utc>,
}

/// Why there is no successor.
#[derive(Debug, thiserror::Error)]
pub enum RefreshError {
    /// It is no refresh token of ours, or its family is long gone.
    #[error("not a refresh token")]
    Unknown,
    /// Its family has ended, or nobody used it for too long.
    #[error("the refresh token has ended")]
    Over {
        /// The family.
        sid: Uuid,
    },
    /// It was used before: the family is ended now.
    #[error("the refresh token was used before")]
    Reused {
        /// The family.
        sid: Uuid,
        /// Whose.
        user_id: Uuid,
    },
    /// No randomness.
    #[error(transparent)]
    NoRandomness(#[from] NoRandomness),
    /// The database is away.
    #[error("spending a refresh token")]
    Unavailable(#[from] sqlx::Error),
}

impl Families {
    /// Keeps them in this database.
    pub const fn new(pool: PgPool, lifetimes: Lifetimes) -> Self {
        Self { pool, lifetimes }
    }

    /// How long things last.
    pub const fn lifetimes(&self) -> &Lifetimes {
        &self.lifetimes
    }

    /// Begins a family and gives its first refresh token.
    ///
    /// # Errors
    /// No randomness, or the database is away.
    pub async fn begin(&self, begin: &Begin<'_>) -> Result<String, RefreshError> {
        let token = Sort::Refresh.generate()?;
        sqlx::query(
            "with family as (insert into secrets.families \
             (sid, user_id, tenant_id, binding, network, user_agent, ends_at) \
             values ($1, $2, $3, $4, $5, $6, clock_timestamp() + $7)) \
             insert into secrets.refresh_tokens (hash, sid, good_until) \
             values ($8, $1, clock_timestamp() + least($9, $7))",
        )
        .bind(begin.sid)
        .bind(begin.user_id)
        .bind(begin.tenant_id.map(Uuid::from))
        .bind(begin.binding)
        .bind(begin.network.to_string())
        .bind(begin.user_agent)
        .bind(interval(self.lifetimes.family))
        .bind(secret::hash(&token))
        .bind(interval(self.lifetimes.refresh))
        .execute(&self.pool)
        .await?;
        Ok(token)
    }

    /// Spends a refresh token; `bindings` is by what its client may be known. Of several at once with the same token all get the same successor.
    ///
    /// # Errors
    /// [`RefreshError`].
    pub async fn refresh(
        &self,
        token: &str,
        bindings: &[Vec<u8>],
        network: Network,
    ) -> Result<Refreshed, RefreshError> {
        if !Sort::Refresh.fits(token) {
            return Err(RefreshError::Unknown);
        }
        let salt = secret::random::<32>()?;
        let row = sqlx::query(
            "select outcome, salt, sid, user_id, tenant_id, ends_at \
             from secrets.spend_refresh_token($1, $2, $3, $4, $5, $6, $7, $8)",
        )
        .bind(secret::hash(token))
        .bind(secret::hash(&secret::successor(Sort::Refresh, token, &salt)))
        .bind(salt.as_slice())
        .bind(bindings)
        .bind(interval(self.lifetimes.grace))
        .bind(interval(self.lifetimes.refresh))
        .bind(interval(self.lifetimes.remembered()))
        .bind(network.to_string())
        .fetch_one(&self.pool)
        .await?;
        let outcome: &str = row.get("outcome");
        let repeated = match outcome {
            "rotated" => false,
            "repeated" => true,
            "reused" => return Err(RefreshError::Reused { sid: row.get("sid"), user_id: row.get("user_id") }),
            "over" => return Err(RefreshError::Over { sid: row.get("sid") }),
            _ => return Err(RefreshError::Unknown),
        };
        Ok(Refreshed {
            sid: row.get("sid"),
            user_id: row.get("user_id"),
            tenant_id: row.get::<Option<Uuid>, _>("tenant_id").map(TenantId),
            refresh_token: secret::successor(Sort::Refresh, token, row.get("salt")),
            ends_at: row.get("ends_at"),
            repeated,
        })
    }

    /// Which family a refresh token belongs to, whatever its state: for signing out.
    ///
    /// # Errors
    /// The database is away.
    pub async fn of_token(&self, token: &str) -> Result<Option<(Uuid, Uuid)>, sqlx::Error> {
        let row = sqlx::query(
            "select f.sid, f.user_id from secrets.refresh_tokens t join secrets.families f using (sid) where t.hash = $1",
        )
        .bind(secret::hash(token))
        .fetch_optional(&self.pool)
        .await?;
        Ok(row.map(|row| (row.get(0), row.get(1))))
    }

    /// Whether a family is or was the user's.
    ///
    /// # Errors
    /// The database is away.
    pub async fn belongs(&self, sid: Uuid, user_id: Uuid) -> Result<bool, sqlx::Error> {
        sqlx::query_scalar("select exists (select from secrets.families where sid = $1 and user_id = $2)")
            .bind(sid)
            .bind(user_id)
            .fetch_one(&self.pool)
            .await
    }

    /// For which tenant the next access tokens of a family are. `false` where the family is not the user's, or has ended.
    ///
    /// # Errors
    /// The database is away.
    pub async fn switch(&self, sid: Uuid, user_id: Uuid, tenant_id: TenantId) -> Result<bool, sqlx::Error> {
        sqlx::query(
            "update secrets.families set tenant_id = $3 \
             where sid = $1 and user_id = $2 and ended_at is null and ends_at > clock_timestamp()",
        )
        .bind(sid)
        .bind(user_id)
        .bind(tenant_id.0)
        .execute(&self.pool)
        .await
        .map(|done| done.rows_affected() > 0)
    }

    /// Ends a family: its refresh tokens at once, its access tokens when the processes look next. `false` where it had
    /// ended before, or never was.
    ///
    /// # Errors
    /// The database is away.
    pub async fn end(&self, sid: Uuid, reason: &str) -> Result<bool, sqlx::Error> {
        sqlx::query_scalar("select secrets.end_family($1, $2, $3)")
            .bind(sid)
            .bind(reason)
            .bind(interval(self.lifetimes.remembered()))
            .fetch_one(&self.pool)
            .await
    }

    /// Ends all families of a user but one; gives those that were ended.
    ///
    /// # Errors
    /// The database is away.
    pub async fn end_all(&self, user_id: Uuid, but: Option<Uuid>, reason: &str) -> Result<Vec<Uuid>, sqlx::Error> {
        sqlx::query_scalar(
            "select sid from secrets.families where user_id = $1 and ended_at is null and sid is distinct from $2 \
             and secrets.end_family(sid, $3, $4)",
        )
        .bind(user_id)
        .bind(but)
        .bind(reason)
        .bind(interval(self.lifetimes.remembered()))
        .fetch_all(&self.pool)
        .await
    }

    /// The families of a user that go on, the one that was used last first.
    ///
    /// # Errors
    /// The database is away.
    pub async fn of_user(&self, user_id: Uuid) -> Result<Vec<Family>, sqlx::Error> {
        let rows = sqlx::query(
            "select sid, tenant_id, network, user_agent, began_at, used_at from secrets.families \
             where user_id = $1 and ended_at is null and ends_at > clock_timestamp() order by used_at desc, sid limit 200",
        )
        .bind(user_id)
        .fetch_all(&self.pool)
        .await?;
        let family = |row: &sqlx::postgres::PgRow| Family {
            sid: row.get(0),
            tenant_id: row.get::<Option<Uuid>, _>(1).map(TenantId),
            network: row.get(2),
            user_agent: row.get(3),
            began_at: row.get(4),
            used_at: row.get(5),
        };
        Ok(rows.iter().map(family).collect())
    }
}

/// As Postgres takes it.
pub(crate) fn interval(span: TimeDelta) -> PgInterval {
    PgInterval { months: 0, days: 0, microseconds: span.num_microseconds().unwrap_or(i64::MAX) }
}
