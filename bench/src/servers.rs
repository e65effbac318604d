//! The private servers of a run: Postgres with everything on that makes it durable, and NATS; gone afterwards.

use crate::Failure;
use crate::sides::sillage::ROOT_KEY;
use event_store::{Role, RootKey, RootKeys, Vault, schema};
use local_servers::{Options, Servers};
use sqlx::{AssertSqlSafe, Connection, PgConnection, PgPool};
use std::path::{Path, PathBuf};

/// What both sides run with, besides what `sillage up` gives its own Postgres.
const SETTINGS: &[(&str, &str)] =
    &[("max_connections", "300"), ("min_wal_size", "2GB"), ("max_wal_size", "8GB"), ("checkpoint_timeout", "30min")];

/// A new cluster makes each segment of its log anew, 16 MB of zeros in the middle of somebody's commit, and touches
/// each page of its shared memory for the first time: costs that a server has behind it after its first minutes.
const SETTLE: &[&str] = &[
    "create table settle as select n, repeat('x', 1000) as text from generate_series(1, 1) n",
    "insert into settle select n, repeat('x', 1000) from generate_series(1, 280000) n",
    "drop table settle",
    "select count(pg_logical_emit_message(false, 'settle', repeat('x', 1000000))) from generate_series(1, 1600)",
    "checkpoint",
];

/// The servers, and the folder that holds their data.
pub(crate) struct Bench {
    pub(crate) servers: Servers,
    pub(crate) flush_ms: u32,
    folder: PathBuf,
}

/// A database of one side of one benchmark.
pub(crate) struct Database {
    pub(crate) url: String,
    pub(crate) pool: PgPool,
}

impl Database {
    /// The keys of its personal data.
    pub(crate) async fn vault(&self) -> Result<Vault, Failure> {
        let pool = schema::connect(&self.url, "sillage-keys", Role::Engine, 2).await?;
        Ok(Vault::open(pool, RootKeys::new(RootKey::parse(ROOT_KEY)?, None)).await?)
    }
}

impl Bench {
    pub(crate) async fn start(flush_ms: u32, shared_buffers: Option<&str>) -> Result<Self, Failure> {
        let folder = std::env::temp_dir().join(format!("sillage-bench-{}", std::process::id()));
        let downloads = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/servers");
        let mut options = Options::new(&folder, downloads);
        options.durable = true;
        for (name, value) in SETTINGS {
            options.postgres_settings.push(((*name).into(), (*value).into()));
        }
        if let Some(size) = shared_buffers {
            options.postgres_settings.push(("shared_buffers".into(), size.into()));
        }
        if flush_ms > 0 {
            options.postgres_settings.push(("commit_delay".into(), (flush_ms * 1_000).to_string()));
            options.postgres_settings.push(("commit_siblings".into(), "0".into()));
        }
        let servers = local_servers::start(options, |line| eprintln!("{line}")).await?;
        Ok(Self { servers, flush_ms, folder })
    }

    /// Brings a Postgres that is seconds old to the state of one that has run for a while.
    pub(crate) async fn settle(&self) -> Result<(), Failure> {
        eprintln!("writing 2 GB of log, as if Postgres had run for a while");
        let mut connection = PgConnection::connect(&self.servers.database_url).await?;
        for statement in SETTLE {
            sqlx::raw_sql(*statement).execute(&mut connection).await?;
        }
        Ok(connection.close().await?)
    }

    /// Where files of this run go; removed at its end.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Where Postgres really keeps its data.
    pub(crate) fn data_dir(&self) -> PathBuf {
        self.servers.postgres.as_ref().map_or_else(|| self.folder.clone(), |postgres| postgres.data_dir().to_owned())
    }

    /// A new database with the log's schema.
    pub(crate) async fn database(&self, name: &str) -> Result<Database, Failure> {
        let mut connection = PgConnection::connect(&self.servers.database_url).await?;
        sqlx::raw_sql(AssertSqlSafe(format!("create database {name}"))).execute(&mut connection).await?;
        connection.close().await?;
        let (server, _) = self.servers.database_url.rsplit_once('/').ok_or("the URL names no database")?;
        let url = format!("{server}/{name}");
        let pool = event_store::schema::connect(&url, "bench", event_store::Role::Owner, 8).await?;
        event_store::schema::check_server(&pool, false).await?;
        event_store::schema::migrate(&pool, event_store::schema::PARTITION_SIZE).await?;
        // Nobody pays for the pages that others have changed, and used segments of the log are there to be used again.
        sqlx::raw_sql("checkpoint").execute(&pool).await?;
        Ok(Database { url, pool })
    }

    pub(crate) async fn stop(self) -> Result<(), Failure> {
        let data = self.data_dir();
        let stopped = self.servers.stop().await;
        // Root lends Postgres an account that may not be able to enter our folder: its data then lies elsewhere.
        for folder in [&*self.folder, data.parent().unwrap_or(&data)] {
            if folder.exists() {
                std::fs::remove_dir_all(folder)?;
            }
        }
        Ok(stopped?)
    }
}

impl Database {
    /// Whether `counting` gives as many as were acknowledged: a side that loses or skips work is not fast.
    pub(crate) async fn holds(&self, counting: &'static str, acknowledged: u64) -> Result<(), Failure> {
        let stored: i64 = sqlx::query_scalar(counting).fetch_one(&self.pool).await?;
        if stored.unsigned_abs() == acknowledged {
            return Ok(());
        }
        Err(format!("{acknowledged} were acknowledged, {stored} are stored ({counting})").into())
    }

    /// Drops it: what one benchmark leaves must not cost the next one anything.
    pub(crate) async fn drop(self, bench: &Bench) -> Result<(), Failure> {
        let name = self.url.rsplit('/').next().unwrap_or_default().to_owned();
        self.pool.close().await;
        let mut connection = PgConnection::connect(&bench.servers.database_url).await?;
        let statement = format!("drop database {name} with (force)");
        sqlx::raw_sql(AssertSqlSafe(statement)).execute(&mut connection).await?;
        Ok(connection.close().await?)
    }
}
