//! Operator commands on parked streams: look, try, resume, skip.

use crate::arguments::OnDatabase;
use crate::failure::Failure;
use crate::models::projections;
use crate::operator::{Opened, open};
use crate::terminal::{print, print_json, table};
use clap::{Args, Subcommand};
use event_store::Log;
use kernel::Position;
use projector::acts::By;
use projector::aside::{ParkedStream, parked_streams, waiting_events};
use projector::parked::{Wanted, find, folded_by};
use projector::parking::{ParkingError, Request, skip};
use projector::resume::Resumed;
use std::fmt::Write as _;
use std::process::ExitCode;
use uuid::Uuid;

/// Events of a queue that are shown.
const SHOWN: i64 = 100;

#[derive(Subcommand, Debug)]
pub(crate) enum ParkedCommand {
    /// Prints every parked stream, those that have waited longest first.
    List {
        /// One JSON document instead of a table.
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        on: Box<OnDatabase>,
    },
    /// Prints one parked stream: why, since when, and the events that wait.
    Show(Box<OnParked>),
    /// Folds the events that wait by the code of this program, says what would happen, and takes it back.
    DryRun(Box<OnParked>),
    /// Folds the events that wait, in order, and lets the stream go on. Stops at the first that still cannot be folded.
    Resume {
        #[command(flatten)]
        on: Box<OnParked>,
        /// Why, for the record.
        #[arg(long)]
        reason: Option<String>,
    },
    /// Takes the first event that waits out of this generation of the read model, for good, and records who did so and why.
    Skip {
        #[command(flatten)]
        on: Box<OnParked>,
        /// The position of that event, as `show` prints it: one event at a time.
        #[arg(long)]
        position: i64,
        /// Why, for the record.
        #[arg(long)]
        reason: String,
    },
}

/// One parked stream.
#[derive(Args, Debug)]
pub(crate) struct OnParked {
    /// The read model: `support.tickets`.
    name: String,
    /// The stream's id.
    stream: Uuid,
    /// The generation; where several have parked the stream, the one that readers are shown.
    #[arg(long)]
    generation: Option<i32>,
    /// The tenant, where two have a stream of that id.
    #[arg(long, value_name = "UUID")]
    tenant: Option<Uuid>,
    /// Who acts, for the record.
    #[arg(long, env = "USER", default_value = "unknown")]
    operator: String,
    /// One JSON document instead of text.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    database: OnDatabase,
}

pub(crate) async fn run(command: &ParkedCommand) -> Result<ExitCode, Failure> {
    match command {
        ParkedCommand::List { json, on } => with(on, async |opened| list(&opened.log(), *json).await).await,
        ParkedCommand::Show(on) => with(&on.database, async |opened| show(&opened.log(), on).await).await,
        ParkedCommand::DryRun(on) => {
            with(&on.database, async |opened| resume(&opened.log_with_vault(&on.database).await?, on, true, None).await)
                .await
        }
        ParkedCommand::Resume { on, reason } => {
            with(&on.database, async |opened| {
                resume(&opened.log_with_vault(&on.database).await?, on, false, reason.clone()).await
            })
            .await
        }
        ParkedCommand::Skip { on, position, reason } => {
            with(&on.database, async |opened| skip_one(&opened.log(), on, Position(*position), reason).await).await
        }
    }
}

async fn with(
    on: &OnDatabase,
    work: impl AsyncFnOnce(&Opened) -> Result<ExitCode, Failure>,
) -> Result<ExitCode, Failure> {
    let opened = open(on).await?;
    let outcome = work(&opened).await;
    opened.close().await;
    outcome
}

async fn list(log: &Log, json: bool) -> Result<ExitCode, Failure> {
    let parked = all(log).await?;
    if json {
        print_json(&parked);
        return Ok(ExitCode::SUCCESS);
    }
    if parked.is_empty() {
        print("No stream is parked.");
        return Ok(ExitCode::SUCCESS);
    }
    let rows: Vec<[String; 7]> = parked
        .iter()
        .map(|one| {
            [
                one.name.clone(),
                one.generation.to_string(),
                one.stream.to_string(),
                one.position.to_string(),
                one.waiting.to_string(),
                one.parked_at.format("%F %TZ").to_string(),
                one.error.clone(),
            ]
        })
        .collect();
    print(&table(["NAME", "GENERATION", "STREAM", "POSITION", "WAITING", "SINCE", "ERROR"], &rows));
    Ok(ExitCode::SUCCESS)
}

async fn show(log: &Log, on: &OnParked) -> Result<ExitCode, Failure> {
    let parked = chosen(log, on).await?;
    let events = waiting_events(log.pool(), &parked, SHOWN)
        .await
        .map_err(|error| Failure::failed("the events that wait cannot be read").because(error))?;
    if on.json {
        print_json(&serde_json::json!({ "parked": parked, "events": events }));
        return Ok(ExitCode::SUCCESS);
    }
    let mut text = format!(
        "{} (generation {}) cannot go on with {} of tenant {}\n  since {}, at position {}: {}\n",
        parked.name,
        parked.generation,
        parked.stream,
        parked.stream.tenant_id,
        parked.parked_at.format("%F %TZ"),
        parked.position,
        parked.error
    );
    if let Some(tried_at) = parked.tried_at {
        let _ = writeln!(text, "  last tried in vain {}", tried_at.format("%F %TZ"));
    }
    let _ = writeln!(text, "{} events wait:", parked.waiting);
    let rows: Vec<[String; 4]> = events
        .into_iter()
        .map(|event| {
            let recorded_at = event.recorded_at.format("%F %TZ").to_string();
            [event.position.to_string(), event.version.to_string(), event.event_type, recorded_at]
        })
        .collect();
    text.push_str(&table(["POSITION", "VERSION", "TYPE", "RECORDED"], &rows));
    if parked.waiting > SHOWN {
        let _ = write!(text, "\n... and {} more", parked.waiting - SHOWN);
    }
    print(&text);
    Ok(ExitCode::SUCCESS)
}

async fn resume(log: &Log, on: &OnParked, dry_run: bool, reason: Option<String>) -> Result<ExitCode, Failure> {
    let parked = chosen(log, on).await?;
    let model = folded_by(projections(), &parked).map_err(refused)?;
    let resumed = model.resume(log, &request(on, &parked, dry_run, reason)).await.map_err(refused)?;
    if on.json {
        print_json(&resumed);
    } else {
        print(&told(&parked, &resumed, dry_run));
    }
    // A script that resumes must see that something still waits.
    Ok(if resumed.stopped.is_none() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn told(parked: &ParkedStream, resumed: &Resumed, dry_run: bool) -> String {
    let (would, is) = if dry_run { ("would be ", "would be") } else { ("", "is") };
    let mut text = format!(
        "{}: {} events {would}folded, {} rows {would}written, {} {would}deleted",
        parked.stream, resumed.folded, resumed.rows, resumed.deleted
    );
    if resumed.from_the_beginning {
        text.push_str("\n  other streams have touched these rows since: they were folded again from the first event");
    }
    for change in &resumed.changes {
        let said = |row: &Option<String>| row.clone().unwrap_or_else(|| "no row".to_owned());
        let _ = write!(
            text,
            "\n  tenant {}, key {}\n    before {}\n    after  {}",
            change.tenant_id,
            change.key,
            said(&change.before),
            said(&change.after)
        );
    }
    let _ = match &resumed.stopped {
        Some(stopped) => write!(
            text,
            "\n{} events still wait; the first is at position {}: {}",
            resumed.waiting, stopped.position, stopped.reason
        ),
        None => write!(text, "\nThe stream {is} no longer parked."),
    };
    text
}

async fn skip_one(log: &Log, on: &OnParked, position: Position, reason: &str) -> Result<ExitCode, Failure> {
    let parked = chosen(log, on).await?;
    let request = request(on, &parked, false, Some(reason.to_owned()));
    let skipped = skip(log, &parked.name, &request, position).await.map_err(refused)?;
    if on.json {
        print_json(&skipped);
        return Ok(ExitCode::SUCCESS);
    }
    let next = match skipped.next {
        Some(next) => format!("The first that waits now is at position {next}: `resume` tries it."),
        None => "Nothing waits any more: the stream goes on.".to_owned(),
    };
    print(&format!("{}: the event at position {position} is skipped. {next}", parked.stream));
    Ok(ExitCode::SUCCESS)
}

fn request(on: &OnParked, parked: &ParkedStream, dry_run: bool, reason: Option<String>) -> Request {
    let (generation, stream) = (parked.generation, parked.stream.clone());
    Request { generation, stream, dry_run, by: By::on_the_command_line(&on.operator, reason) }
}

async fn all(log: &Log) -> Result<Vec<ParkedStream>, Failure> {
    parked_streams(log.pool())
        .await
        .map_err(|error| Failure::failed("the parked streams cannot be read").because(error))
}

/// The one parked stream that is meant.
async fn chosen(log: &Log, on: &OnParked) -> Result<ParkedStream, Failure> {
    let wanted =
        Wanted { name: on.name.clone(), stream_id: on.stream, generation: on.generation, tenant_id: on.tenant };
    find(log.pool(), &wanted).await.map_err(refused)
}

fn refused(error: ParkingError) -> Failure {
    let remedy = error.remedy();
    Failure::failed("nothing was done").because(error).remedy(remedy)
}
