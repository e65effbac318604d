//! Servers for tests: one Postgres and one NATS per test program, a database of its own per test.
//!
//! They start when the first test asks and end with the program. Durability is off unless a test starts servers
//! of its own: these are for logic, `tests/chaos` is for crashes.

pub mod files;
pub mod itself;

use event_store::{Role, RootKey, RootKeys, Vault};
use local_servers::{Options, Servers};
use sqlx::postgres::PgPoolOptions;
use sqlx::{AssertSqlSafe, Connection, PgConnection, PgPool};
use std::path::PathBuf;
use std::sync::{Once, OnceLock};
use std::time::Duration;
use tokio::sync::{OnceCell, oneshot};
use uuid::Uuid;

/// Where the shared servers listen.
#[derive(Clone, Debug)]
pub struct Shared {
    /// Postgres, database `sillage`; tests make their own databases beside it.
    pub database_url: String,
    /// NATS with JetStream. Streams are named after the log, so tests do not meet there.
    pub nats_url: String,
}

/// What folders of tests are called.
const PREFIX: &str = "sillage-test-";
/// Where it cannot be seen whether a program still runs, no test runs as long as this.
const OLD: Duration = Duration::from_hours(24);
/// For so long what a failure left behind may be looked at.
const LOOKED_AT: Duration = Duration::from_mins(30);

/// What Postgres says of a database that somebody still uses.
const IN_USE: &str = "55006";
/// A log is known by its id, wherever it is named.
const ANOTHER_LOG: &str = "do $$ declare named regclass; another constant uuid := gen_random_uuid(); begin \
    for named in select a.attrelid from pg_attribute a join pg_class t on t.oid = a.attrelid \
        where a.attname = 'log_id' and t.relkind in ('r', 'p') and not t.relispartition loop \
        execute format('update %s set log_id = $1', named) using another; \
    end loop; end $$";

static SWEPT: Once = Once::new();
static SHARED: OnceLock<Shared> = OnceLock::new();

/// The servers of this test program.
///
/// # Panics
/// They cannot be started.
pub fn servers() -> &'static Shared {
    SHARED.get_or_init(|| {
        let (tell, told) = std::sync::mpsc::channel();
        // A thread with a runtime of its own: the servers must outlive the test that asked first.
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
            runtime.block_on(async {
                let servers = start(false).await;
                let shared = Shared {
                    database_url: servers.database_url.clone(),
                    nats_url: servers.nats_url.clone().expect("NATS was asked for"),
                };
                tell.send(shared).expect("the first test waits");
                let (_keep, for_ever) = oneshot::channel::<()>();
                let _ = for_ever.await;
                drop(servers);
            });
        });
        told.recv().expect("the servers start")
    })
}

/// Servers of the caller's own, to be stopped, killed and wiped at will.
///
/// # Panics
/// They cannot be started.
pub async fn start(durable: bool) -> Servers {
    let folder = scratch("servers");
    let mut options = Options::new(folder, downloads());
    options.durable = durable;
    // A core runs a test or two at a time, many of them with a node or two, each of which opens up to 70.
    options.postgres_settings.push(("max_connections".into(), "2000".into()));
    local_servers::start(options, |line| eprintln!("{line}")).await.expect("the servers start")
}

/// An empty folder that nobody else uses, under the system's folder for temporary files. It is left where it is, for
/// whoever looks into a failure; later test programs remove it.
///
/// # Panics
/// It cannot be made.
pub fn scratch(purpose: &str) -> PathBuf {
    SWEPT.call_once(sweep);
    let folder =
        std::env::temp_dir().join(format!("{PREFIX}{}-{purpose}-{}", std::process::id(), Uuid::now_v7().simple()));
    std::fs::create_dir_all(&folder).expect("a scratch folder can be made");
    folder
}

/// Removes what test programs that have ended left behind: half a gigabyte each.
fn sweep() {
    for entry in std::fs::read_dir(std::env::temp_dir()).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let process = name.to_str().and_then(|name| name.strip_prefix(PREFIX)?.split('-').next());
        let modified = entry.metadata().and_then(|data| data.modified());
        let age = modified.ok().and_then(|at| at.elapsed().ok()).unwrap_or_default();
        let ended = process.is_some_and(|process| match std::fs::exists(format!("/proc/{process}")) {
            Ok(runs) if cfg!(target_os = "linux") => !runs && age > LOOKED_AT,
            _ => age > OLD,
        });
        if ended {
            // Another program may be at it too.
            let _ = std::fs::remove_dir_all(entry.path());
        }
    }
}

/// Fetched programs are shared by all test programs of this checkout.
fn downloads() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../target/servers")
}

/// A new, migrated database and a pool on it.
///
/// # Panics
/// It cannot be made.
pub async fn database() -> (String, PgPool) {
    static MIGRATED: OnceCell<String> = OnceCell::const_new();
    let template = MIGRATED.get_or_init(async || {
        let (url, pool) = empty_database(&servers().database_url).await;
        event_store::schema::migrate(&pool, 100_000).await.expect("the database is migrated");
        pool.close().await;
        url
    });
    copy_of(template.await).await
}

/// A copy of a database that nobody uses any more, with a log of its own: as if everything in it had been made again.
///
/// # Panics
/// It cannot be made.
pub async fn copy_of(template: &str) -> (String, PgPool) {
    let (server, original) = template.rsplit_once('/').expect("the URL names a database");
    let name = format!("test_{}", Uuid::now_v7().simple());
    let mut connection = PgConnection::connect(&servers().database_url).await.expect("Postgres answers");
    let copy = format!("create database {name} template {original}");
    while let Err(error) = sqlx::query(AssertSqlSafe(copy.clone())).execute(&mut connection).await {
        let code = error.as_database_error().and_then(|error| error.code().map(std::borrow::Cow::into_owned));
        assert_eq!(code.as_deref(), Some(IN_USE), "a database is copied: {error}");
        let end = "select count(pg_terminate_backend(pid)) from pg_stat_activity where datname = $1";
        sqlx::query(end).bind(original).execute(&mut connection).await.expect("what is left of its users ends");
    }
    let url = format!("{server}/{name}");
    let pool =
        event_store::schema::connect(&url, "test", event_store::Role::Owner, 10).await.expect("the database answers");
    sqlx::raw_sql(ANOTHER_LOG).execute(&pool).await.expect("the log is another one");
    (url, pool)
}

/// A new, empty database on the server behind `url`.
///
/// # Panics
/// It cannot be made.
pub async fn empty_database(url: &str) -> (String, PgPool) {
    let name = format!("test_{}", Uuid::now_v7().simple());
    let mut connection = PgConnection::connect(url).await.expect("Postgres answers");
    sqlx::query(AssertSqlSafe(format!("create database {name}")))
        .execute(&mut connection)
        .await
        .expect("a database is made");
    let (server, _) = url.rsplit_once('/').expect("the URL names a database");
    let url = format!("{server}/{name}");
    let pool =
        event_store::schema::connect(&url, "test", event_store::Role::Owner, 10).await.expect("the database answers");
    (url, pool)
}

/// The root key of every test, in base64.
pub const ROOT_KEY: &str = "dGhpcyByb290IGtleSBpcyBmb3IgdGVzdHMgb25seSE=";

/// The root key of every test.
///
/// # Panics
/// Never.
pub fn root_keys() -> RootKeys {
    RootKeys::new(RootKey::parse(ROOT_KEY).expect("32 bytes"), None)
}

/// The vault of a migrated database.
///
/// # Panics
/// It cannot be opened.
pub async fn vault(pool: &PgPool) -> Vault {
    let session = Role::Engine.assume((*pool.connect_options()).clone().application_name("test-keys"));
    let pool = PgPoolOptions::new().max_connections(4).connect_lazy_with(session);
    Vault::open(pool, root_keys()).await.expect("the vault opens")
}
