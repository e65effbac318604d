//! Operator commands on effects: what waits, what was given up, what was refused; ask again, go on.

use crate::arguments::OnDatabase;
use crate::failure::Failure;
use crate::operator::{Opened, open};
use crate::process::appender;
use crate::terminal::{print, table};
use chrono::{DateTime, Utc};
use clap::{Subcommand, ValueEnum};
use domain::notifications::email::RequeueEmail;
use effects::operate::{self, FollowerStatus, JobStatus, RefusalStatus, Which};
use event_store::{Decisions, InternalCommand, Log, Refused, Role, States};
use kernel::{CommandId, Rejection as _, TenantId};
use serde::Serialize;
use sqlx::PgPool;
use std::fmt::Write as _;
use std::process::ExitCode;
use uuid::Uuid;

/// Rows that are shown at most.
const SHOWN: i64 = 200;

#[derive(Subcommand, Debug)]
pub(crate) enum EffectsCommand {
    /// Prints who follows the log, which effects were given up or wait, and which commands of reactors were refused.
    List {
        /// Which effects.
        #[arg(long, value_enum, default_value = "dead")]
        state: State,
        /// One JSON document instead of tables.
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        on: Box<OnDatabase>,
    },
    /// Asks again for effects that were given up.
    Requeue {
        /// The effects, as `list` prints them.
        #[arg(required_unless_present = "all", value_name = "ID")]
        ids: Vec<Uuid>,
        /// All that were given up.
        #[arg(long, conflicts_with = "ids")]
        all: bool,
        #[command(flatten)]
        on: Box<OnDatabase>,
    },
    /// Takes a refused command of a reactor off the list: somebody has seen to it.
    Dismiss {
        /// The command, as `list` prints it.
        command_id: Uuid,
        #[command(flatten)]
        on: Box<OnDatabase>,
    },
    /// Lets followers that answer `LOG_DIVERGED` go on from where the histories part. After `sillage log adopt`.
    Resume {
        #[command(flatten)]
        on: Box<OnDatabase>,
    },
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum State {
    /// Given up.
    Dead,
    /// To be done.
    Open,
    /// All, those that were done lately too.
    All,
}

impl From<State> for Which {
    fn from(state: State) -> Self {
        match state {
            State::Dead => Self::Dead,
            State::Open => Self::Open,
            State::All => Self::All,
        }
    }
}

pub(crate) async fn run(command: &EffectsCommand) -> Result<ExitCode, Failure> {
    let on = match command {
        EffectsCommand::List { on, .. }
        | EffectsCommand::Requeue { on, .. }
        | EffectsCommand::Dismiss { on, .. }
        | EffectsCommand::Resume { on } => on,
    };
    let opened = open(on).await?;
    let outcome = act(command, &opened).await;
    opened.close().await;
    outcome
}

async fn act(command: &EffectsCommand, opened: &Opened) -> Result<ExitCode, Failure> {
    let pool = opened.engine();
    let failed = |error: sqlx::Error| Failure::failed("Postgres did not answer").because(error);
    match command {
        EffectsCommand::List { state, json, .. } => list(&pool, (*state).into(), *json).await,
        EffectsCommand::Requeue { ids, all, on } => requeue(opened, on, &pool, ids, *all).await,
        EffectsCommand::Dismiss { command_id, .. } => {
            if operate::dismiss(&pool, *command_id).await.map_err(failed)? {
                print(&format!("{command_id} is off the list"));
                return Ok(ExitCode::SUCCESS);
            }
            Err(Failure::failed("there is no such refused command").remedy("`sillage effects list` prints them."))
        }
        EffectsCommand::Resume { .. } => {
            let resumed = operate::resume(&pool).await.map_err(failed)?;
            if resumed.is_empty() {
                print("nobody had diverged");
            } else {
                print(&format!("going on: {}. Restart the processes that ended.", resumed.join(", ")));
            }
            Ok(ExitCode::SUCCESS)
        }
    }
}

#[derive(Serialize)]
struct Listed {
    followers: Vec<FollowerStatus>,
    jobs: Vec<JobStatus>,
    refusals: Vec<RefusalStatus>,
}

async fn list(pool: &PgPool, which: Which, json: bool) -> Result<ExitCode, Failure> {
    let reading = async {
        Ok(Listed {
            followers: operate::followers(pool).await?,
            jobs: operate::jobs(pool, which, SHOWN).await?,
            refusals: operate::refusals(pool, SHOWN).await?,
        })
    };
    let listed =
        reading.await.map_err(|error: sqlx::Error| Failure::failed("effects cannot be read").because(error))?;
    if json {
        let text = serde_json::to_string_pretty(&listed);
        print(&text.map_err(|error| Failure::failed("the list cannot be written").because(error))?);
        return Ok(ExitCode::SUCCESS);
    }
    print(&written(&listed));
    Ok(ExitCode::SUCCESS)
}

fn written(listed: &Listed) -> String {
    let text = |value: Option<&String>| value.map_or_else(|| "-".to_owned(), Clone::clone);
    let when = |at: Option<DateTime<Utc>>| at.map_or_else(|| "-".to_owned(), |at| at.format("%F %T").to_string());
    let followers = listed.followers.iter().map(|one| {
        [one.name.clone(), one.state.clone(), one.position.to_string(), one.gap.to_string(), text(one.error.as_ref())]
    });
    let mut written = table(["FOLLOWER", "STATE", "POSITION", "GAP", "ERROR"], &followers.collect::<Vec<_>>());
    let jobs = listed.jobs.iter().map(|job| {
        let said = job.last_error.as_ref().or(job.reason.as_ref());
        let tries = job.attempts.to_string();
        [job.id.to_string(), job.kind.clone(), job.state.clone(), tries, when(job.due_at), text(said)]
    });
    let jobs: Vec<_> = jobs.collect();
    if jobs.is_empty() {
        written.push_str("\n\nNo such effects.");
    } else {
        let _ = write!(written, "\n\n{}", table(["EFFECT", "KIND", "STATE", "TRIES", "NEXT TRY", "SAID"], &jobs));
    }
    let refusals = listed.refusals.iter().map(|one| {
        let at = one.position.to_string();
        [one.command_id.to_string(), one.reactor.clone(), one.command.clone(), at, one.code.clone()]
    });
    let refusals: Vec<_> = refusals.collect();
    if !refusals.is_empty() {
        let head = ["REFUSED COMMAND", "REACTOR", "COMMAND", "BECAUSE OF", "CODE"];
        let _ = write!(written, "\n\n{}", table(head, &refusals));
    }
    written
}

async fn requeue(
    opened: &Opened,
    on: &OnDatabase,
    pool: &PgPool,
    ids: &[Uuid],
    all: bool,
) -> Result<ExitCode, Failure> {
    let dead = operate::jobs(pool, Which::Dead, i64::MAX)
        .await
        .map_err(|error| Failure::failed("effects cannot be read").because(error))?;
    // What a tenant's webhook did not take is for the tenant to ask for again.
    let is_ours = |job: &&JobStatus| job.kind != "webhook";
    let wanted: Vec<&JobStatus> = dead.iter().filter(|job| (all && is_ours(job)) || ids.contains(&job.id)).collect();
    if let Some(unknown) = ids.iter().find(|id| !dead.iter().any(|job| job.id == **id)) {
        return Err(
            Failure::failed(format!("{unknown} was not given up")).remedy("`sillage effects list` prints them.")
        );
    }
    let log = Log::new(pool.clone());
    let appender = appender(&opened.database.url, pool.clone())?;
    let decisions = Decisions::new(appender, States::new(log.clone(), 1), log, opened.vault(on).await?);
    let mut refused = 0;
    for job in &wanted {
        match again(&decisions, job).await {
            Ok(()) => print(&format!("{} is tried again", job.id)),
            Err(reason) => {
                refused += 1;
                print(&format!("{} is not tried again: {reason}", job.id));
            }
        }
    }
    if wanted.is_empty() {
        print("nothing was given up");
    }
    Ok(if refused == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Asks for an effect again, as an event: the outbox hears of it as it hears of everything.
async fn again(decisions: &Decisions, job: &JobStatus) -> Result<(), String> {
    if job.kind == "webhook" {
        return Err("its tenant asks for it again: POST /v1/notifications/webhooks/<id>/redeliver".to_owned());
    }
    if job.kind != "email" {
        return Err(format!("this program knows no {}", job.kind));
    }
    let internal = InternalCommand::new(TenantId(job.tenant_id), job.id, CommandId(Uuid::now_v7()));
    match decisions.carry_out_internal(&RequeueEmail {}, &internal).await {
        Ok(_) => Ok(()),
        Err(Refused::Rejected(rejection)) => Err(format!("{rejection}. {}", rejection.remedy())),
        Err(other) => Err(format!("{other:?}")),
    }
}

impl Opened {
    /// Sessions that work as the engine.
    fn engine(&self) -> PgPool {
        self.database.pool("sillage-operator", Role::Engine, 2, std::time::Duration::from_secs(5))
    }
}
