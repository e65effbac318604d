//! Where it happens: Postgres and NATS of the run's own, and the processes of Sillage on them.

use super::Plan;
use super::client::Client;
use super::nemesis::Victim;
use super::process::{Process, send_signal};
use chrono::Utc;
use event_store::schema;
use kernel::{ActorId, ActorKind, TenantId};
use local_servers::{Options, Servers};
use platform::auth::{Claims, Signer};
use sqlx::PgPool;
use std::fs;
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::time::Duration;
use uuid::Uuid;

/// The two projectors, each known to Postgres by a name of its own.
pub const PROJECTORS: [&str; 2] = ["projector_a", "projector_b"];
/// How many tenants the clients belong to.
const TENANTS: usize = 2;

/// Everything that runs, and can be broken.
pub struct Stage {
    /// Postgres and NATS.
    pub servers: Servers,
    /// `sillage up`, or the command API and the two projectors.
    pub processes: Vec<Process>,
    /// Where everything is written.
    pub folder: PathBuf,
    commands_urls: Vec<String>,
    signer: Signer,
    paused: Option<u32>,
}

impl Drop for Stage {
    fn drop(&mut self) {
        // A paused process could not end when it is told to.
        if let Some(pid) = self.paused {
            let _ = send_signal("CONT", pid);
        }
    }
}

impl Stage {
    /// Starts the servers, migrates, and starts the processes that the victim asks for.
    ///
    /// # Panics
    /// Something cannot be started.
    pub async fn set(plan: &Plan) -> Self {
        platform::telemetry::install_crypto();
        let folder = test_support::scratch("chaos");
        let servers = servers(&folder, plan).await;
        let signer = Signer::generate().expect("a signing key");
        fs::write(folder.join("jwks.json"), signer.jwks().to_string()).expect("the key set is written");
        let mut stage =
            Self { servers, processes: Vec::new(), folder, commands_urls: Vec::new(), signer, paused: None };
        let pool = stage.pool().await;
        schema::migrate(&pool, schema::PARTITION_SIZE).await.expect("the database is migrated");
        super::evidence::record_steps(&pool).await.expect("the steps are recorded");
        for name in PROJECTORS {
            let role = format!("create role {name} superuser login");
            sqlx::raw_sql(sqlx::AssertSqlSafe(role)).execute(&pool).await.expect("a role is made");
        }
        pool.close().await;
        if plan.victim == Victim::Postgres {
            stage.pause_wal_writer().await;
        }
        stage.processes = match plan.victim {
            // Nobody else answers while it is away: what heals is the server itself.
            Victim::Server => vec![stage.up(plan)],
            // A second writer with its own relay, for which the first one's events are news.
            Victim::Postgres | Victim::Nats => vec![stage.up(plan), stage.command_api(plan)],
            Victim::Projector => {
                let [first, second] = PROJECTORS.map(|name| stage.projector(plan, name));
                vec![stage.command_api(plan), first, second]
            }
        };
        stage
    }

    /// A new pool: whatever broke the last one does not matter.
    ///
    /// # Panics
    /// Postgres does not answer.
    pub async fn pool(&self) -> PgPool {
        schema::connect(&self.servers.database_url, "chaos", event_store::Role::Owner, 4)
            .await
            .expect("Postgres answers")
    }

    /// Pauses the one process of Postgres that writes the write-ahead log to the file without being asked. What nobody
    /// has waited for is then lost by a kill for certain, and not only where the kill comes before the next write.
    ///
    /// It is paused while it sleeps and nowhere else. One that holds a lock stops everybody at once; one that a lock was
    /// just handed to stops everybody who has to wait for that lock later, since nobody else is woken until it has run.
    ///
    /// # Panics
    /// Postgres does not tell which process that is, or it never sleeps.
    pub async fn pause_wal_writer(&mut self) {
        let pool = self.pool().await;
        let pid: i32 = sqlx::query_scalar("select pid from pg_stat_activity where backend_type = 'walwriter'")
            .fetch_one(&pool)
            .await
            .expect("Postgres has a WAL writer");
        let pid = pid.unsigned_abs();
        self.paused = Some(pid);
        for _ in 0..500 {
            assert!(send_signal("STOP", pid), "the WAL writer is paused");
            let sleeps = "select wait_event = 'WalWriterMain' from pg_stat_activity where backend_type = 'walwriter'";
            let sleeps: Option<bool> = sqlx::query_scalar(sleeps).fetch_one(&pool).await.expect("it says what it does");
            if sleeps == Some(true) {
                return pool.close().await;
            }
            assert!(send_signal("CONT", pid), "the WAL writer goes on");
            tokio::time::sleep(Duration::from_millis(7)).await;
        }
        panic!("the WAL writer never sleeps");
    }

    /// Crashes Postgres, the paused process with it.
    ///
    /// # Panics
    /// It cannot be killed.
    pub async fn kill_postgres(&mut self) {
        self.paused = None;
        let postgres = self.servers.postgres.as_mut().expect("Postgres is ours");
        postgres.kill().await.expect("Postgres is killed");
    }

    /// The clients, each with an actor of its own, half of them in each tenant.
    ///
    /// # Panics
    /// A token cannot be signed.
    pub fn clients(&self, count: usize) -> Vec<Client> {
        let client = |number| {
            let tenant_id = tenant(number);
            let actor_id = Uuid::from_u128(0xac70_0000_0000_4000_8000_0000_0000_0000 + number as u128);
            Client::new(number, tenant_id, actor_id, self.commands_urls.clone(), self.token(tenant_id, actor_id))
        };
        (0..count).map(client).collect()
    }

    fn token(&self, tenant_id: Uuid, actor_id: Uuid) -> String {
        let now = Utc::now().timestamp();
        let claims = Claims {
            iss: "sillage".into(),
            aud: "sillage".into(),
            sub: ActorId(actor_id),
            tenant: TenantId(tenant_id),
            kind: ActorKind::User,
            on_behalf_of: None,
            sid: None,
            roles: Vec::new(),
            scopes: cli::tokens::all_scopes().into_iter().collect(),
            exp: now + 24 * 3_600,
            iat: now,
            nbf: None,
            jti: actor_id.to_string(),
            as_of: None,
        };
        self.signer.issue(&claims).expect("a token is signed")
    }

    fn up(&mut self, plan: &Plan) -> Process {
        let mut arguments = texts(&["up", "--no-demo", "--quiet", "--jwks-file", "jwks.json", "--data-dir", "up"]);
        arguments.extend(texts(&["--query-listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"]));
        arguments.extend(["--command-listen".into(), self.commands_address()]);
        self.start(plan, "up", arguments, &self.servers.database_url)
    }

    fn command_api(&mut self, plan: &Plan) -> Process {
        let mut arguments = texts(&["command-api", "--jwks-file", "jwks.json", "--admin-listen", "127.0.0.1:0"]);
        arguments.extend(["--listen".into(), self.commands_address(), "--log".into(), "warn".into()]);
        self.start(plan, "command-api", arguments, &self.servers.database_url)
    }

    /// An address for one more command API, of which the clients will know.
    fn commands_address(&mut self) -> String {
        let address = format!("127.0.0.1:{}", free_port());
        self.commands_urls.push(format!("http://{address}"));
        address
    }

    fn projector(&self, plan: &Plan, name: &str) -> Process {
        let arguments = texts(&["projector", "--admin-listen", "127.0.0.1:0"]);
        let url = self.servers.database_url.replace("://sillage@", &format!("://{name}@"));
        self.start(plan, name, arguments, &url)
    }

    fn start(&self, plan: &Plan, name: &str, mut arguments: Vec<String>, database_url: &str) -> Process {
        let nats_url = self.servers.nats_url.clone().expect("NATS was asked for");
        arguments.extend(["--database-url".into(), database_url.to_owned(), "--nats-url".into(), nats_url]);
        if plan.unsafe_postgres {
            arguments.push("--allow-unsafe-postgres".into());
        }
        Process::start(&plan.program, &self.folder, name, arguments)
    }

    /// Stops everything and, if nothing is to be looked at, clears it away.
    pub async fn clear(mut self, keep: bool) {
        self.processes.clear();
        if self.paused.is_some() {
            self.kill_postgres().await;
        }
        if let Some(postgres) = &mut self.servers.postgres {
            let _ = postgres.stop().await;
        }
        if let Some(nats) = &mut self.servers.nats {
            let _ = nats.stop().await;
        }
        if !keep {
            let _ = fs::remove_dir_all(&self.folder);
        }
    }
}

/// Which tenant a client belongs to.
pub const fn tenant(client: usize) -> Uuid {
    Uuid::from_u128(0x7e0a_0000_0000_4000_8000_0000_0000_0001 + (client % TENANTS) as u128)
}

/// Durable servers, except that the Postgres of a control says "stored" before it is.
async fn servers(folder: &Path, plan: &Plan) -> Servers {
    let downloads = concat!(env!("CARGO_MANIFEST_DIR"), "/../target/servers");
    let mut options = Options::new(folder.join("servers"), downloads);
    // A start after a crash first flushes every file of the cluster; one by one that takes seconds.
    let mut settings = vec![("recovery_init_sync_method", "syncfs")];
    if plan.victim == Victim::Postgres {
        // A disk that takes 50 ms to flush: a kill nearly always finds something that is committed and not flushed.
        settings.extend([("commit_delay", "50000"), ("commit_siblings", "0")]);
    }
    if plan.unsafe_postgres {
        settings.push(("synchronous_commit", "off"));
    }
    options.postgres_settings = settings.into_iter().map(|(name, value)| (name.into(), value.into())).collect();
    local_servers::start(options, |line| eprintln!("{line}")).await.expect("the servers start")
}

fn texts(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}

/// A port that was free a moment ago. It is kept over restarts, so it cannot be chosen by the process.
fn free_port() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    listener.local_addr().expect("its address").port()
}
