//! Postgres as the processes need it: waited for, checked, migrated, in pools of their sizes.

use crate::failure::{Exit, Failure};
use crate::terminal::Progress;
use event_store::Role;
use event_store::schema::{self, SchemaError};
use platform::config::DatabaseArgs;
use sqlx::migrate::MigrateError;
use sqlx::postgres::PgPoolOptions;
use sqlx::{PgPool, Row};
use std::time::{Duration, Instant};

/// How many connections a process has, and how long one is waited for.
#[derive(Clone, Copy, Debug)]
pub struct Connections {
    /// For commands, the relay and the projector.
    pub write: u32,
    /// For queries.
    pub read: u32,
    /// Longest wait for a free one.
    pub wait: Duration,
}

impl From<&DatabaseArgs> for Connections {
    fn from(database: &DatabaseArgs) -> Self {
        Self { write: database.write_connections, read: database.read_connections, wait: database.connection_wait() }
    }
}

impl Default for Connections {
    fn default() -> Self {
        Self { write: 8, read: 16, wait: Duration::from_secs(2) }
    }
}

/// A database that was reached and may be used.
#[derive(Clone, Debug)]
pub struct Database {
    /// Where it is.
    pub url: String,
    checked: PgPool,
}

impl Database {
    /// Waits until Postgres answers, and refuses one that could lose what it acknowledges.
    ///
    /// # Errors
    /// It does not answer within `patience`, refuses us, or is unsafe and `allow_unsafe` is not set.
    pub async fn open(url: &str, patience: Duration, allow_unsafe: bool, progress: &Progress) -> Result<Self, Failure> {
        let checked = connect(url, patience, progress).await?;
        schema::check_server(&checked, allow_unsafe)
            .await
            .map_err(|error| Failure::new(Exit::NoServers, "this Postgres cannot be used").because(error))?;
        Ok(Self { url: url.to_owned(), checked })
    }

    /// Brings the schema up to date. Several may do so at once.
    ///
    /// # Errors
    /// A migration fails, or the database was migrated by a newer program.
    pub async fn migrate(&self) -> Result<(), Failure> {
        schema::migrate(&self.checked, schema::PARTITION_SIZE).await.map_err(not_migrated)
    }

    /// Whether the login owns the read models' tables, as an operator must.
    pub(crate) async fn owns_read_models(&self) -> bool {
        let owns = "select pg_has_role(current_user, nspowner, 'usage') from pg_namespace where nspname = 'read'";
        sqlx::query_scalar::<_, bool>(owns).fetch_one(&self.checked).await.unwrap_or(false)
    }

    /// Waits until somebody has migrated the database.
    ///
    /// # Errors
    /// Nobody has within `patience`.
    pub async fn await_schema(&self, patience: Duration, progress: &Progress) -> Result<(), Failure> {
        let began = Instant::now();
        let mut told = false;
        loop {
            let known =
                sqlx::query_scalar::<_, bool>("select to_regprocedure('log.wall(regclass,text,text)') is not null");
            if matches!(known.fetch_one(&self.checked).await, Ok(true)) {
                return Ok(());
            }
            if began.elapsed() >= patience {
                return Err(Failure::failed("the database has no Sillage schema")
                    .remedy("Run `sillage migrate` with the same DATABASE_URL first."));
            }
            if !std::mem::replace(&mut told, true) {
                progress.say("waiting for `sillage migrate` ...");
            }
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
    }

    /// Checks that the login may work as these roles: a session that may not would only fail when it is needed.
    ///
    /// # Errors
    /// It may not, or Postgres does not answer.
    pub async fn check_roles(&self, roles: &[Role]) -> Result<(), Failure> {
        let names: Vec<&str> = roles.iter().filter_map(|role| role.name()).collect();
        let missing = sqlx::query(
            "select name, current_user::text from unnest($1::text[]) as name where not exists (select from pg_roles \
             where rolname = name and pg_has_role(current_user, rolname, \
             case when current_setting('server_version_num')::int >= 160000 then 'SET' else 'MEMBER' end))",
        );
        let missing = missing
            .bind(names)
            .fetch_optional(&self.checked)
            .await
            .map_err(|error| Failure::failed("the roles of the login cannot be read").because(error))?;
        let Some(row) = missing else { return Ok(()) };
        let (role, login): (&str, &str) = (row.get(0), row.get(1));
        Err(Failure::new(Exit::NoServers, format!("{login} may not work as {role}"))
            .remedy(format!("As an administrator of Postgres: grant {role} to \"{login}\"")))
    }

    /// A pool of connections that work as `role`, made when they are needed.
    pub fn pool(&self, application: &str, role: Role, connections: u32, wait: Duration) -> PgPool {
        let session = role.assume((*self.checked.connect_options()).clone().application_name(application));
        // None is kept open without need: an idle process stays idle.
        self.pool_options().max_connections(connections).acquire_timeout(wait).connect_lazy_with(session)
    }

    fn pool_options(&self) -> PgPoolOptions {
        self.checked.options().clone().min_connections(0)
    }

    /// The one connection that was used to look.
    pub const fn probe(&self) -> &PgPool {
        &self.checked
    }
}

async fn connect(url: &str, patience: Duration, progress: &Progress) -> Result<PgPool, Failure> {
    let began = Instant::now();
    let mut told: Option<Instant> = None;
    loop {
        let error = match schema::connect(url, "sillage-probe", Role::Owner, 1).await {
            Ok(pool) => return Ok(pool),
            Err(error) => error,
        };
        let failure = |error| {
            Failure::new(Exit::NoServers, "Postgres cannot be had")
                .because(error)
                .remedy("Check DATABASE_URL; without it, `sillage up` starts a private Postgres.")
        };
        if !passes(&error) || began.elapsed() >= patience {
            return Err(failure(error));
        }
        if told.is_none_or(|at| at.elapsed() > Duration::from_secs(5)) {
            told = Some(Instant::now());
            let left = patience.saturating_sub(began.elapsed()).as_secs();
            progress.say(&format!("waiting for Postgres, up to {left} s more ({})", cause_of(&error)));
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
}

fn not_migrated(error: SchemaError) -> Failure {
    let SchemaError::Migrate(migration) = &error else {
        return Failure::failed("the database cannot be migrated").because(error);
    };
    let remedy = match migration {
        MigrateError::VersionMissing(_) => {
            "A newer program has migrated it: use that one, or restore the database from before."
        }
        MigrateError::VersionMismatch(_) => {
            "It was made by an unreleased version. If its data are worth nothing, begin anew: stop, remove \
             .sillage/postgres and .sillage/nats (or drop and create the database), start."
        }
        _ => "`sillage migrate` tries again; what it says comes from Postgres.",
    };
    Failure::failed("the database cannot be migrated").because(error).remedy(remedy)
}

/// Whether waiting can help.
fn passes(error: &SchemaError) -> bool {
    match error {
        SchemaError::Connect(sqlx::Error::Database(refusal)) => {
            // Starting up, shutting down, too many connections.
            refusal.code().is_some_and(|code| code.starts_with("57P") || code == "53300")
        }
        SchemaError::Connect(error) => !matches!(error, sqlx::Error::Configuration(_) | sqlx::Error::Tls(_)),
        SchemaError::Url(_)
        | SchemaError::Unsafe(_)
        | SchemaError::TooOld(_)
        | SchemaError::Encoding(_)
        | SchemaError::Migrate(_)
        | SchemaError::Partitions(_) => false,
    }
}

fn cause_of(error: &SchemaError) -> String {
    std::error::Error::source(error).map_or_else(|| error.to_string(), ToString::to_string)
}
