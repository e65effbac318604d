//! The database as the log needs it: connected, safe, migrated, with partitions ahead of need.

use crate::role::Role;
use sqlx::migrate::{Migration, MigrationType, Migrator};
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{AssertSqlSafe, Connection, PgPool, Row, SqlSafeStr};
use std::borrow::Cow;
use std::str::FromStr;
use std::time::Duration;

/// How many positions one partition of `log.events` holds, unless told otherwise.
pub const PARTITION_SIZE: i64 = 10_000_000;

/// The oldest Postgres that the log runs on, as `server_version_num`.
pub const OLDEST_POSTGRES: i32 = 150_000;

/// A pooled connection that was idle for longer is asked whether it is alive before it is used.
const RESTED: Duration = Duration::from_millis(250);

const MIGRATIONS: &[(i64, &str, &str)] = &[
    (1, "log", include_str!("../../migrations/0001_log.sql")),
    (2, "projections", include_str!("../../migrations/0002_projections.sql")),
    (4, "row_level_security", include_str!("../../migrations/0004_row_level_security.sql")),
    (5, "secrets", include_str!("../../migrations/0005_secrets.sql")),
    (6, "effects", include_str!("../../migrations/0006_effects.sql")),
    (7, "rebuild", include_str!("../../migrations/0007_rebuild.sql")),
    (8, "analysis", include_str!("../../migrations/0008_analysis.sql")),
    (9, "ownership_and_parking", include_str!("../../migrations/0009_ownership_and_parking.sql")),
    (10, "personal_data_keys", include_str!("../../migrations/0010_personal_data_keys.sql")),
    (11, "acts_on_parked_streams", include_str!("../../migrations/0011_acts_on_parked_streams.sql")),
    (13, "adoption_and_parts", include_str!("../../migrations/0013_adoption_and_parts.sql")),
    (14, "archive", include_str!("../../migrations/0014_archive.sql")),
    (15, "search_and_views", include_str!("../../migrations/0015_search_and_views.sql")),
    (17, "endpoints", include_str!("../../migrations/0017_endpoints.sql")),
    (19, "cheaper_documents", include_str!("../../migrations/0019_cheaper_documents.sql")),
    (20, "words_of_rows", include_str!("../../migrations/0020_words_of_rows.sql")),
    (21, "search_in_large_tenants", include_str!("../../migrations/0021_search_in_large_tenants.sql")),
];

/// Why the log cannot be used on this database.
#[derive(Debug, thiserror::Error)]
pub enum SchemaError {
    /// The URL is not one.
    #[error("reading the database URL")]
    Url(#[source] sqlx::Error),
    /// The server does not answer or refuses.
    #[error("connecting to Postgres")]
    Connect(#[source] sqlx::Error),
    /// The server could lose what it acknowledged.
    #[error("Postgres runs with {}: acknowledged commands could be lost. Turn these settings on, \
             or pass --allow-unsafe-postgres for throw-away data", .0.join(", "))]
    Unsafe(Vec<String>),
    /// The server is too old.
    #[error("Postgres {0} is too old: 15 or later is needed")]
    TooOld(String),
    /// The server stores text in another encoding.
    #[error("the database's encoding is {0}: UTF8 is needed")]
    Encoding(String),
    /// A migration failed, or the database was migrated by a newer program.
    #[error("migrating the database")]
    Migrate(#[source] sqlx::migrate::MigrateError),
    /// Partitions could not be made.
    #[error("making partitions of the log")]
    Partitions(#[source] sqlx::Error),
}

/// Connects a pool whose sessions work as `role` and cannot hang for ever, however the network fails.
///
/// Request handlers only ever send single statements through it, so a cancelled request has no transaction to
/// leave open; whoever needs a transaction runs it in a task of its own.
///
/// # Errors
/// The URL is malformed, the server does not answer, or the login may not work as this role.
pub async fn connect(url: &str, application: &str, role: Role, connections: u32) -> Result<PgPool, SchemaError> {
    let options = session(url, application, role)?;
    PgPoolOptions::new()
        .max_connections(connections)
        .min_connections(1)
        .acquire_timeout(Duration::from_secs(3))
        .idle_timeout(Duration::from_mins(5))
        // A connection in use has shown that it is alive; one that rested may have lost its server.
        .test_before_acquire(false)
        .before_acquire(|connection, state| {
            Box::pin(async move {
                if state.idle_for < RESTED {
                    return Ok(true);
                }
                Ok(tokio::time::timeout(Duration::from_secs(2), connection.ping()).await.is_ok_and(|ping| ping.is_ok()))
            })
        })
        .connect_with(options)
        .await
        .map_err(SchemaError::Connect)
}

/// The options of every session: bounded waits, as whom it works, and a name by which operators find it.
pub(crate) fn session(url: &str, application: &str, role: Role) -> Result<PgConnectOptions, SchemaError> {
    let session = PgConnectOptions::from_str(url).map_err(SchemaError::Url)?.application_name(application).options([
        ("statement_timeout", "30s"),
        ("lock_timeout", "10s"),
        ("idle_in_transaction_session_timeout", "30s"),
        ("tcp_keepalives_idle", "5"),
        ("tcp_keepalives_interval", "5"),
        ("tcp_keepalives_count", "3"),
        ("timezone", "UTC"),
        // Statements here are short. Where Postgres takes a small table for a large one, as in a young database, it
        // would compile them for a quarter of a second, every time.
        ("jit", "off"),
    ]);
    Ok(role.assume(session))
}

/// Refuses a server that could lose what it acknowledged; `allow_unsafe` (tests only) logs it loudly instead.
///
/// # Errors
/// The server is unsafe, too old or cannot be asked.
pub async fn check_server(pool: &PgPool, allow_unsafe: bool) -> Result<(), SchemaError> {
    let row = sqlx::query(
        "select current_setting('server_version_num')::int, current_setting('server_version'), \
         current_setting('server_encoding'), current_setting('fsync'), current_setting('full_page_writes'), \
         current_setting('synchronous_commit')",
    )
    .fetch_one(pool)
    .await
    .map_err(SchemaError::Connect)?;
    if row.get::<i32, _>(0) < OLDEST_POSTGRES {
        return Err(SchemaError::TooOld(row.get(1)));
    }
    if row.get::<&str, _>(2) != "UTF8" {
        return Err(SchemaError::Encoding(row.get(2)));
    }
    let unsafe_settings: Vec<String> = ["fsync", "full_page_writes", "synchronous_commit"]
        .iter()
        .zip(3..)
        .map(|(name, index)| (name, row.get::<&str, _>(index)))
        .filter(|(_, value)| matches!(*value, "off" | "local"))
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    if unsafe_settings.is_empty() {
        return Ok(());
    }
    if allow_unsafe {
        tracing::warn!(
            settings = unsafe_settings.join(", "),
            "Postgres may lose acknowledged commands; allowed on request"
        );
        return Ok(());
    }
    Err(SchemaError::Unsafe(unsafe_settings))
}

/// Brings the database to this program's schema and makes the first partitions. Safe to run by several at once.
///
/// # Errors
/// A migration fails, or the database has been migrated by a newer program.
pub async fn migrate(pool: &PgPool, partition_size: i64) -> Result<(), SchemaError> {
    let migrations = MIGRATIONS
        .iter()
        .map(|(version, name, sql)| {
            Migration::new(
                *version,
                Cow::Borrowed(name),
                MigrationType::Simple,
                AssertSqlSafe(*sql).into_sql_str(),
                false,
            )
        })
        .collect();
    Migrator::with_migrations(migrations).run(pool).await.map_err(SchemaError::Migrate)?;
    make_partitions(pool, partition_size).await
}

/// Makes the partitions for the next `2 × size` positions; does nothing where they exist.
///
/// # Errors
/// The database refuses.
pub async fn make_partitions(pool: &PgPool, size: i64) -> Result<(), SchemaError> {
    sqlx::query("select log.make_partitions((select position from log.head) + 2 * $1, $1)")
        .bind(size)
        .execute(pool)
        .await
        .map(drop)
        .map_err(SchemaError::Partitions)
}
