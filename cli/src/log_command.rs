//! `sillage log`: whether everything that follows the log follows this one, and the word that it may.

use crate::archive::{self, Archive};
use crate::arguments::OnDatabase;
use crate::failure::Failure;
use crate::operator::{Opened, open, unreadable};
use crate::terminal::{print, table};
use clap::Subcommand;
use event_store::{Head, Log, ReadError, jetstream};
use kernel::{Epoch, Position};
use projector::State;
use query_api::operations::LogStanding;
use std::process::ExitCode;

/// What can be done with the log itself.
#[derive(Subcommand, Debug)]
pub(crate) enum LogCommand {
    /// Prints which log this is, whether this server may go on with it, and who follows another one; exits 1 if somebody
    /// does.
    Status {
        /// One JSON document instead of a table.
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        nats: platform::config::NatsArgs,
        #[command(flatten)]
        on: Box<OnDatabase>,
    },
    /// Moves old stretches of the log into files: writes them, reads them back, compares them with the database, takes them
    /// out of it. What was archived answers `log_archived` until it is brought back.
    Archive(Box<Archive>),
    /// Begins a new epoch, after a standby without the tail was promoted or a backup was restored: positions may be
    /// handed out again. Until then everything that follows the log answers `LOG_DIVERGED` and stands still.
    Adopt {
        /// Why, for the record: `promoted standby-2 after the disk of db-1 died`.
        #[arg(long)]
        reason: String,
        /// Only where the server was promoted or restored since the last time: for the hook of whatever promotes.
        #[arg(long)]
        if_promoted: bool,
        #[command(flatten)]
        on: Box<OnDatabase>,
    },
}

pub(crate) async fn run(command: &LogCommand) -> Result<ExitCode, Failure> {
    match command {
        LogCommand::Archive(arguments) => Box::pin(archive::run(arguments)).await,
        LogCommand::Adopt { reason, if_promoted, on } => {
            let opened = open(on).await?;
            let adopted = adopt(&opened, reason, *if_promoted).await;
            opened.close().await;
            adopted.map(|()| ExitCode::SUCCESS)
        }
        LogCommand::Status { json, nats, on } => {
            let opened = open(on).await?;
            let url = nats.nats_url.as_ref().map(|url| url.expose().to_owned()).or_else(|| opened.nats_url());
            let standing = standing(&opened.log(), url.as_deref()).await;
            opened.close().await;
            Ok(tell(&standing.map_err(unreadable)?, *json))
        }
    }
}

/// Begins a new epoch of the log.
async fn adopt(opened: &Opened, reason: &str, if_promoted: bool) -> Result<(), Failure> {
    // The owner's word, not the engine's.
    let log = Log::new(opened.database.probe().clone());
    let adopted = async {
        if if_promoted && log.is_adopted().await? {
            return Ok::<_, ReadError>(None);
        }
        let epoch = log.adopt(reason).await?;
        Ok(Some((epoch, log.head().await?)))
    };
    let adopted = adopted.await.map_err(|error| Failure::failed("the log could not be adopted").because(error))?;
    match adopted {
        None => print("This server is the one on which the log's epoch began: nothing to do."),
        Some((epoch, head)) => print(&format!(
            "The log goes on in epoch {epoch} after position {}. Now `sillage heal`, then `sillage verify`.",
            head.position
        )),
    }
    Ok(())
}

/// How the log and those who follow it stand to each other.
pub(crate) async fn standing(log: &Log, nats_url: Option<&str>) -> Result<LogStanding, ReadError> {
    let head = log.head().await?;
    let adopted = log.is_adopted().await?;
    let mut diverged = Vec::new();
    if !adopted {
        let why = "promoted or restored, and not adopted: nothing is appended or folded";
        diverged.push(("server".to_owned(), why.to_owned()));
    }
    let mirror = match nats_url {
        Some(url) => mirrored(url, &head).await,
        None => None,
    };
    // Asked for again: a mirror that is beyond this has what the log has not.
    let now = log.head().await?;
    if let Some(mirror) = mirror.filter(|mirror| now.epoch == head.epoch && *mirror > now.position) {
        diverged.push(("relay".to_owned(), format!("the mirror is at {mirror}, the log ends at {}", now.position)));
    }
    for one in projector::status(log.pool()).await? {
        if one.state == State::Diverged {
            diverged.push((one.name, one.error.unwrap_or_default()));
        }
    }
    for name in effects::operate::diverged(log.pool()).await? {
        diverged.push((name, "has acted on another history".to_owned()));
    }
    let Head { log_id, epoch, position, .. } = now;
    Ok(LogStanding { log_id: log_id.0.to_string(), epoch: epoch.0, position, adopted, mirror, diverged })
}

fn tell(standing: &LogStanding, json: bool) -> ExitCode {
    if json {
        print(&serde_json::to_string_pretty(standing).unwrap_or_default());
    } else {
        let mirror = standing.mirror.map_or_else(|| "-".to_owned(), |position| position.to_string());
        let adopted = if standing.adopted { "yes" } else { "NO" }.to_owned();
        let LogStanding { log_id, epoch, position, .. } = standing;
        let row = [log_id.clone(), epoch.to_string(), position.to_string(), adopted, mirror];
        print(&table(["LOG", "EPOCH", "POSITION", "ADOPTED", "MIRROR"], &[row]));
    }
    if standing.diverged.is_empty() {
        return ExitCode::SUCCESS;
    }
    if !json {
        let rows: Vec<[String; 2]> = standing.diverged.iter().map(|(who, why)| [who.clone(), why.clone()]).collect();
        print(&table(["LOG_DIVERGED", "WHY"], &rows));
    }
    ExitCode::FAILURE
}

/// Where the mirror of this epoch ends.
async fn mirrored(url: &str, head: &Head) -> Option<Position> {
    let client = jetstream::connect(url).await.ok()?;
    // The first answer waits for the connection.
    let _ = tokio::time::timeout(std::time::Duration::from_secs(2), client.flush()).await;
    let context = jetstream::context(client);
    let found = jetstream::find(&context, head).await.ok().flatten();
    found.map(|info| Position(i64::try_from(info.state.last_sequence).unwrap_or(i64::MAX)))
}

/// Deletes the mirrors of lives that the log has left. Answers how many there were.
pub(crate) async fn forget_mirrors(url: &str, head: &Head) -> usize {
    let Ok(client) = jetstream::connect(url).await else { return 0 };
    let context = jetstream::context(client);
    let mut deleted = 0;
    for epoch in 1..head.epoch.0 {
        let name = jetstream::stream_name(head.log_id, Epoch(epoch));
        // Most are gone already.
        deleted += usize::from(context.delete_stream(name).await.is_ok());
    }
    deleted
}
