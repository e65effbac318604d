//! The command line. Every setting is a flag and an environment variable.

use crate::effects_command::EffectsCommand;
use crate::events::EventsCommand;
use crate::failure::EXIT_CODES;
use crate::heal::Heal;
use crate::import_command::ImportCommand;
use crate::log_command::LogCommand;
use crate::projections::{ChangedModels, ProjectionsCommand};
use crate::proving::VerifyArgs;
use crate::sign_in::SignIn;
use crate::tenant_command::TenantCommand;
use crate::tokens::Ttl;
use crate::user_command::UserCommand;
use crate::webhooks::WebhookArgs;
use crate::what_if::WhatIfCommand;
use clap::{Args, Parser, Subcommand, ValueEnum};
use platform::config::{
    AuthArgs, DatabaseArgs, FilesArgs, LimitArgs, ListenArgs, LogArgs, MailArgs, NatsArgs, RootKeyArgs,
};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;
use uuid::Uuid;

/// Which log lines `sillage up` shows unless told otherwise: requests and what is wrong.
const USUAL_LOG: &str = "warn,request=info,cli=info,sqlx_core=error";
/// The same with `--quiet`.
pub(crate) const QUIET_LOG: &str = "warn,sqlx_core=error";

/// Sillage: five businesses on one log of events.
///
/// Without a command, `sillage up` runs: everything in one process, ready to try. `sillage <command> --help` lists the
/// settings of a command with their variables and defaults.
#[derive(Parser, Debug)]
#[command(name = "sillage", version, after_help = EXIT_CODES, subcommand_required = true, arg_required_else_help = false)]
pub(crate) struct Sillage {
    #[command(subcommand)]
    pub(crate) task: Task,
}

/// What is to be done.
#[derive(Subcommand, Debug)]
pub(crate) enum Task {
    /// Starts everything in one process: Postgres and NATS where none are given, both APIs, projector, demo tenant.
    Up(Box<Up>),
    /// Serves commands, and relays what it commits to NATS.
    CommandApi(Box<CommandApi>),
    /// Serves queries.
    QueryApi(Box<QueryApi>),
    /// Folds the log into the read models.
    Projector(Box<ProjectorProcess>),
    /// Does what is to be done outside because of what has happened: sends mails. With a command: looks after it.
    Effects(Box<Effects>),
    /// Relays the log to NATS, for processes that append without NATS.
    Relay(Box<RelayProcess>),
    /// Brings the database to this program's schema.
    Migrate(Box<OnDatabase>),
    /// What is configured, and what is wrong with it.
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Signs in with address and password, and prints the access token. With `issue`: signs one with the local key.
    Token(Box<Token>),
    /// Companies: create, suspend, resume, list.
    #[command(subcommand)]
    Tenant(TenantCommand),
    /// People of a tenant: invite, list, deactivate.
    #[command(subcommand)]
    User(UserCommand),
    /// Tickets and articles from other desks: look at a file, import it, roll it back.
    #[command(subcommand)]
    Import(ImportCommand),
    /// The local signing key; the keys of personal data.
    #[command(subcommand)]
    Keys(KeysCommand),
    /// What is kept about a person: erase it.
    #[command(subcommand)]
    Privacy(PrivacyCommand),
    /// The read models at work.
    #[command(subcommand)]
    Projections(ProjectionsCommand),
    /// History: follow it, look at it, export it.
    #[command(subcommand)]
    Events(EventsCommand),
    /// Questions to history: would another rule have come to something else? Changes nothing.
    #[command(subcommand)]
    WhatIf(WhatIfCommand),
    /// The log itself.
    #[command(subcommand)]
    Log(LogCommand),
    /// After the log was adopted: builds again what was folded from another history, mirrors what the log has, and lets
    /// everything go on. Can be repeated.
    Heal(Box<Heal>),
    /// Proves that the log is whole and that every read model is what the log says.
    Verify(Box<Verify>),
    /// Prints an API's `OpenAPI` document.
    Openapi {
        /// Which API.
        #[arg(value_enum)]
        api: Api,
    },
    /// Prints the version.
    Version,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Api {
    /// The command API.
    Command,
    /// The query API.
    Query,
    /// Signing in, and one's own account: served beside the command API.
    Identity,
}

/// Where local things lie.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Folder")]
pub(crate) struct Folder {
    /// Folder for local data: private servers, the signing key, run.json. One `sillage up` at a time.
    #[arg(long, env = "SILLAGE_DATA_DIR", value_name = "FOLDER", default_value = ".sillage")]
    pub(crate) data_dir: PathBuf,
    /// Folder for fetched programs; `bin` in the data folder unless given.
    #[arg(long, env = "SILLAGE_PROGRAMS_DIR", value_name = "FOLDER")]
    pub(crate) programs_dir: Option<PathBuf>,
}

impl Folder {
    pub(crate) fn programs(&self) -> PathBuf {
        self.programs_dir.clone().unwrap_or_else(|| self.data_dir.join("bin"))
    }
}

/// How a process starts.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Start")]
pub(crate) struct Start {
    /// How long to wait for Postgres (and its schema) at the start, in seconds.
    #[arg(long, env = "SILLAGE_START_WAIT_S", value_name = "S", default_value_t = 60)]
    pub(crate) start_wait_s: u64,
    /// Also use a Postgres that may lose acknowledged commands. For throw-away data in tests only.
    #[arg(long, env = "SILLAGE_ALLOW_UNSAFE_POSTGRES")]
    pub(crate) allow_unsafe_postgres: bool,
}

impl Start {
    pub(crate) const fn patience(&self) -> Duration {
        Duration::from_secs(self.start_wait_s)
    }
}

/// What the demo tenant has besides.
#[derive(Args, Clone, Copy, Debug)]
pub(crate) struct MonthWish {
    /// Tell a month at the support desk besides, so that lists, charts and statistics have something to show.
    #[arg(id = "demo_month", long = "demo-month", env = "SILLAGE_DEMO_MONTH", conflicts_with = "no_demo")]
    pub(crate) wanted: bool,
    /// What decides over the month: the same seed is the same month.
    #[arg(long = "demo-seed", value_name = "NUMBER", default_value_t = 1, requires = "demo_month")]
    pub(crate) seed: u64,
    /// How many tickets the month has.
    #[arg(long = "demo-tickets", value_name = "NUMBER", default_value_t = 300, requires = "demo_month")]
    #[arg(value_parser = clap::value_parser!(u16).range(1..=5_000))]
    pub(crate) tickets: u16,
    /// The last day of the month, like 2026-06-30; today unless given.
    #[arg(long = "demo-until", value_name = "DATE", requires = "demo_month")]
    pub(crate) until: Option<chrono::NaiveDate>,
}

#[derive(Args, Debug)]
#[command(after_help = EXIT_CODES, mut_arg("drain_timeout_s", |arg| arg.default_value("5")))]
#[command(mut_arg("log", |arg| arg.default_value(USUAL_LOG)))]
pub(crate) struct Up {
    /// Address of the command API; 127.0.0.1:8080, or a free port if that is taken.
    #[arg(long, env = "SILLAGE_COMMAND_LISTEN", value_name = "ADDRESS", help_heading = "Listening")]
    pub(crate) command_listen: Option<SocketAddr>,
    /// Address of the query API; 127.0.0.1:8081, or a free port if that is taken.
    #[arg(long, env = "SILLAGE_QUERY_LISTEN", value_name = "ADDRESS", help_heading = "Listening")]
    pub(crate) query_listen: Option<SocketAddr>,
    /// Address for operators; 127.0.0.1:9090, or a free port if that is taken. Not authenticated: keep it private.
    #[arg(long, env = "SILLAGE_ADMIN_LISTEN", value_name = "ADDRESS", help_heading = "Listening")]
    pub(crate) admin_listen: Option<SocketAddr>,
    /// Load no demo tenant and print no examples.
    #[arg(long, env = "SILLAGE_NO_DEMO")]
    pub(crate) no_demo: bool,
    #[command(flatten)]
    pub(crate) month: MonthWish,
    /// Run without NATS: readers poll Postgres.
    #[arg(long, env = "SILLAGE_NO_NATS", conflicts_with = "nats_url")]
    pub(crate) no_nats: bool,
    /// Print neither progress nor examples, and only warnings.
    #[arg(long, short, env = "SILLAGE_QUIET")]
    pub(crate) quiet: bool,
    #[command(flatten)]
    pub(crate) start: Start,
    #[command(flatten)]
    pub(crate) folder: Folder,
    #[command(flatten)]
    pub(crate) database: DatabaseArgs,
    #[command(flatten)]
    pub(crate) nats: NatsArgs,
    #[command(flatten)]
    pub(crate) root_key: RootKeyArgs,
    #[command(flatten)]
    pub(crate) auth: AuthArgs,
    #[command(flatten)]
    pub(crate) mail: MailArgs,
    #[command(flatten)]
    pub(crate) files: FilesArgs,
    #[command(flatten)]
    pub(crate) webhooks: WebhookArgs,
    #[command(flatten)]
    pub(crate) log: LogArgs,
    #[command(flatten)]
    pub(crate) limits: LimitArgs,
    #[command(flatten)]
    pub(crate) verify: VerifyArgs,
    #[command(flatten)]
    pub(crate) changed: ChangedModels,
}

impl Up {
    /// What is wrong with the settings.
    pub(crate) fn findings(&self) -> Vec<String> {
        [
            self.database.check(),
            self.nats.check(),
            self.auth.check(),
            crate::mail::findings(&self.mail),
            crate::files::findings(&self.files),
            self.webhooks.findings(),
            self.log.check(),
            self.limits.check(),
        ]
        .concat()
    }
}

/// What every separate process is told.
#[derive(Args, Clone, Debug)]
#[command(after_help = EXIT_CODES, mut_arg("database_url", |arg| arg.help(
    "Postgres to use, like postgres://user:password@host/database. Without it, that of a running `sillage up`"
)), mut_arg("nats_url", |arg| arg.help(
    "NATS server with JetStream, like nats://host:4222. Without it, readers poll Postgres"
)))]
pub(crate) struct Common {
    #[command(flatten)]
    pub(crate) start: Start,
    #[command(flatten)]
    pub(crate) folder: Folder,
    #[command(flatten)]
    pub(crate) database: DatabaseArgs,
    #[command(flatten)]
    pub(crate) nats: NatsArgs,
    #[command(flatten)]
    pub(crate) root_key: RootKeyArgs,
    #[command(flatten)]
    pub(crate) log: LogArgs,
    #[command(flatten)]
    pub(crate) limits: LimitArgs,
}

impl Common {
    pub(crate) fn findings(&self) -> Vec<String> {
        [self.database.check(), self.nats.check(), self.log.check(), self.limits.check()].concat()
    }
}

#[derive(Args, Debug)]
pub(crate) struct CommandApi {
    #[command(flatten)]
    pub(crate) listen: ListenArgs,
    #[command(flatten)]
    pub(crate) auth: AuthArgs,
    #[command(flatten)]
    pub(crate) files: FilesArgs,
    #[command(flatten)]
    pub(crate) webhooks: WebhookArgs,
    #[command(flatten)]
    pub(crate) common: Common,
}

#[derive(Args, Debug)]
#[command(mut_arg("listen", |arg| arg.default_value("127.0.0.1:8081")))]
#[command(mut_arg("admin_listen", |arg| arg.default_value("127.0.0.1:9091")))]
pub(crate) struct QueryApi {
    #[command(flatten)]
    pub(crate) listen: ListenArgs,
    /// The command API, like <http://commands:8080>, for the web console at `/console`; without it there is no console.
    #[arg(long, env = "SILLAGE_COMMAND_URL", value_name = "URL")]
    pub(crate) command_url: Option<String>,
    #[command(flatten)]
    pub(crate) auth: AuthArgs,
    #[command(flatten)]
    pub(crate) common: Common,
}

#[derive(Args, Debug)]
pub(crate) struct ProjectorProcess {
    /// Address for operators: liveness, readiness, metrics. Not authenticated, so keep it private.
    #[arg(long, env = "SILLAGE_ADMIN_LISTEN", value_name = "ADDRESS", default_value = "127.0.0.1:9092")]
    pub(crate) admin_listen: SocketAddr,
    #[command(flatten)]
    pub(crate) verify: VerifyArgs,
    #[command(flatten)]
    pub(crate) changed: ChangedModels,
    #[command(flatten)]
    pub(crate) common: Common,
}

#[derive(Args, Debug)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct Effects {
    #[command(subcommand)]
    pub(crate) command: Option<EffectsCommand>,
    #[command(flatten)]
    pub(crate) process: EffectsProcess,
}

#[derive(Args, Debug)]
pub(crate) struct EffectsProcess {
    /// Address for operators: liveness, readiness, metrics. Not authenticated, so keep it private.
    #[arg(long, env = "SILLAGE_ADMIN_LISTEN", value_name = "ADDRESS", default_value = "127.0.0.1:9094")]
    pub(crate) admin_listen: SocketAddr,
    #[command(flatten)]
    pub(crate) mail: MailArgs,
    #[command(flatten)]
    pub(crate) files: FilesArgs,
    #[command(flatten)]
    pub(crate) webhooks: WebhookArgs,
    #[command(flatten)]
    pub(crate) common: Common,
}

#[derive(Args, Debug)]
pub(crate) struct RelayProcess {
    /// Address for operators: liveness, readiness, metrics. Not authenticated, so keep it private.
    #[arg(long, env = "SILLAGE_ADMIN_LISTEN", value_name = "ADDRESS", default_value = "127.0.0.1:9093")]
    pub(crate) admin_listen: SocketAddr,
    #[command(flatten)]
    pub(crate) common: Common,
}

/// A command that works on the database and ends.
#[derive(Args, Clone, Debug)]
#[command(mut_arg("database_url", |arg| arg.help(
    "Postgres to use. Without it, that of a running `sillage up`, or else the folder's private one"
)))]
pub(crate) struct OnDatabase {
    #[command(flatten)]
    pub(crate) start: Start,
    #[command(flatten)]
    pub(crate) folder: Folder,
    #[command(flatten)]
    pub(crate) database: DatabaseArgs,
    #[command(flatten)]
    pub(crate) root_key: RootKeyArgs,
    /// Print no progress.
    #[arg(long, short)]
    pub(crate) quiet: bool,
}

#[derive(Subcommand, Debug)]
pub(crate) enum ConfigCommand {
    /// Prints every setting of a process with its source, secrets redacted, and what is wrong; exits 1 if something is.
    Check(Box<ConfigCheck>),
}

#[derive(Args, Debug)]
pub(crate) struct ConfigCheck {
    /// Also tries whether Postgres can be reached and is safe.
    #[arg(long)]
    pub(crate) connect: bool,
    #[command(flatten)]
    pub(crate) up: Up,
}

#[derive(Args, Debug)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct Token {
    #[command(subcommand)]
    pub(crate) command: Option<TokenCommand>,
    #[command(flatten)]
    pub(crate) sign_in: SignIn,
}

#[derive(Subcommand, Debug)]
pub(crate) enum TokenCommand {
    /// Signs an access token with the local key and prints it.
    Issue(TokenIssue),
}

#[derive(Args, Debug)]
pub(crate) struct TokenIssue {
    /// Whose token, of the demo tenant: demo-agent, demo-customer, demo-second-customer, demo-sales-rep, demo-manager.
    #[arg(long, value_name = "ROLE")]
    pub(crate) role: Option<String>,
    /// The tenant; the role's unless given.
    #[arg(long, value_name = "UUID")]
    pub(crate) tenant: Option<Uuid>,
    /// Who acts; the role's person unless given.
    #[arg(long, value_name = "UUID")]
    pub(crate) user: Option<Uuid>,
    /// What it permits, with commas between, or `all`; the role's unless given.
    #[arg(long, value_name = "SCOPES", value_delimiter = ',')]
    pub(crate) scopes: Option<Vec<String>>,
    /// How long it is good: 90s, 45m, 12h, 30d.
    #[arg(long, value_name = "TIME", default_value = "12h")]
    pub(crate) ttl: Ttl,
    /// The private key, PKCS#8 PEM; the data folder's unless given.
    #[arg(long, env = "SILLAGE_SIGNING_KEY_FILE", value_name = "FILE")]
    pub(crate) key: Option<PathBuf>,
    /// The `iss` of the token.
    #[arg(long, env = "SILLAGE_TOKEN_ISSUER", value_name = "ISSUER", default_value = "sillage")]
    pub(crate) token_issuer: String,
    /// The `aud` of the token.
    #[arg(long, env = "SILLAGE_TOKEN_AUDIENCE", value_name = "AUDIENCE", default_value = "sillage")]
    pub(crate) token_audience: String,
    #[command(flatten)]
    pub(crate) folder: Folder,
}

#[derive(Subcommand, Debug)]
pub(crate) enum KeysCommand {
    /// Prints the public half as JWKS, for `SILLAGE_JWKS_FILE`.
    Show {
        /// The private key, PKCS#8 PEM; the data folder's unless given.
        #[arg(long, env = "SILLAGE_SIGNING_KEY_FILE", value_name = "FILE")]
        key: Option<PathBuf>,
        #[command(flatten)]
        folder: Folder,
    },
    /// Wraps the keys of personal data anew, or makes a new key that signs access tokens. No event is touched, and
    /// everything goes on meanwhile.
    Rotate(Box<Rotate>),
}

#[derive(Args, Debug)]
#[command(group = clap::ArgGroup::new("which").required(true))]
pub(crate) struct Rotate {
    /// Wrap everything by the root key that is configured now; the one before is in `SILLAGE_PREVIOUS_ROOT_KEY_FILE`.
    #[arg(long, group = "which")]
    pub(crate) root: bool,
    /// Give this tenant a new key, and wrap the keys of its people by it.
    #[arg(long, value_name = "ID", group = "which")]
    pub(crate) tenant: Option<uuid::Uuid>,
    /// Make a new key that signs access tokens. It is published two minutes before it signs, and tokens of the key before
    /// are good until they end.
    #[arg(long, group = "which")]
    pub(crate) signing: bool,
    /// The key before has leaked: the new one signs at once, and tokens of earlier ones are refused within seconds. Everybody
    /// goes on with a refresh token, or signs in again.
    #[arg(long, requires = "signing", conflicts_with_all = ["root", "tenant"])]
    pub(crate) leaked: bool,
    #[command(flatten)]
    pub(crate) on: OnDatabase,
}

#[derive(Subcommand, Debug)]
pub(crate) enum PrivacyCommand {
    /// Writes everything that is kept about a person into a folder, to be given to that person: events, files, sign-ins. Texts
    /// about other people are masked. That it was done is in the log.
    Export(Box<ExportPerson>),
    /// Erases a person for ever: destroys the keys of what is kept about him, takes clear text out of all tables, closes
    /// his account, and records the certificate. Stopped half way, the same command goes on.
    Erase(Box<Erase>),
}

#[derive(Args, Debug)]
pub(crate) struct ExportPerson {
    /// About whom: the id of the user, the customer or whoever wrote.
    #[arg(long, value_name = "ID")]
    pub(crate) subject: uuid::Uuid,
    /// Only what this tenant keeps; everything everywhere unless given.
    #[arg(long, value_name = "ID")]
    pub(crate) tenant: Option<uuid::Uuid>,
    /// The folder; it must not be there yet.
    #[arg(long, value_name = "FOLDER")]
    pub(crate) out: std::path::PathBuf,
    #[command(flatten)]
    pub(crate) files: FilesArgs,
    #[command(flatten)]
    pub(crate) on: OnDatabase,
}

#[derive(Args, Debug)]
pub(crate) struct Erase {
    /// Whom: the id of the user, the customer or whoever wrote.
    #[arg(long, value_name = "ID")]
    pub(crate) subject: uuid::Uuid,
    /// Only what this tenant keeps; everything everywhere unless given.
    #[arg(long, value_name = "ID")]
    pub(crate) tenant: Option<uuid::Uuid>,
    /// Why: asked, expired or ordered.
    #[arg(long, default_value = "asked")]
    pub(crate) reason: String,
    /// Only says which keys would be destroyed.
    #[arg(long)]
    pub(crate) dry_run: bool,
    #[command(flatten)]
    pub(crate) on: OnDatabase,
}

#[derive(Args, Debug)]
pub(crate) struct Verify {
    /// Only these parts: log, mirror, or the name of a read model.
    #[arg(long, value_name = "PART", value_delimiter = ',')]
    pub(crate) only: Vec<String>,
    /// Go on for ever, within a budget, from where the last one was; prints what it finds. Ctrl-C ends it.
    #[arg(long, conflicts_with = "only")]
    pub(crate) continuous: bool,
    /// At most so many events per second; all that the machine gives, or 5,000 with --continuous.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) events_per_second: Option<u32>,
    #[command(flatten)]
    pub(crate) nats: NatsArgs,
    #[command(flatten)]
    pub(crate) on: OnDatabase,
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_sound() {
        Sillage::command().debug_assert();
    }

    #[test]
    fn the_query_api_has_ports_of_its_own() {
        let parsed = Sillage::try_parse_from(["sillage", "query-api"]).unwrap();
        let Task::QueryApi(query) = parsed.task else { panic!("another command: {parsed:?}") };
        assert_eq!((query.listen.listen.port(), query.listen.admin_listen.port()), (8081, 9091));
    }

    #[test]
    fn everything_has_a_help_text() {
        fn check(command: &clap::Command) {
            for argument in command.get_arguments() {
                assert!(argument.get_help().is_some(), "{} {argument}", command.get_name());
            }
            command.get_subcommands().for_each(check);
        }
        check(&Sillage::command());
    }
}
