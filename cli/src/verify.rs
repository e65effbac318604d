//! Operator commands on the database: migrate, show the projections, prove that nothing is missing or altered.

use crate::arguments::OnDatabase;
use crate::attach::{self, Attached};
use crate::failure::Failure;
use crate::models::projections;
use crate::postgres::Database;
use crate::terminal::{Progress, print, table};
use crate::{log_check, postgres::Connections};
use event_store::{Log, Role};
use projector::{Projection, ProjectionStatus};
use std::process::ExitCode;

/// A database and what must be let go afterwards.
struct Opened {
    attached: Attached,
    database: Database,
    progress: Progress,
}

async fn open(on: &OnDatabase) -> Result<Opened, Failure> {
    crate::separate::refuse(&on.database.check())?;
    let progress = Progress::new(on.quiet);
    let given = on.database.database_url.as_ref().map(platform::config::Secret::expose);
    let attached = attach::to_any(given, &on.folder.data_dir, on.folder.programs(), &progress).await?;
    let allow_unsafe = on.start.allow_unsafe_postgres;
    match Database::open(&attached.database_url, on.start.patience(), allow_unsafe, &progress).await {
        Ok(database) => Ok(Opened { attached, database, progress }),
        Err(failure) => {
            attached.detach().await;
            Err(failure)
        }
    }
}

impl Opened {
    fn log(&self) -> Log {
        Log::new(self.database.pool("sillage-operator", Role::Engine, 4, Connections::default().wait))
    }

    async fn close(self) {
        self.database.probe().close().await;
        self.attached.detach().await;
    }
}

/// Brings the schema up to date.
pub(crate) async fn migrate(on: &OnDatabase) -> Result<(), Failure> {
    let opened = open(on).await?;
    let migrated = opened.database.migrate().await;
    opened.close().await;
    migrated?;
    print("The database is up to date.");
    Ok(())
}

/// Begins a new epoch of the log.
pub(crate) async fn adopt(on: &OnDatabase, reason: &str) -> Result<(), Failure> {
    let opened = open(on).await?;
    // The owner's word, not the engine's.
    let log = Log::new(opened.database.probe().clone());
    let adopted = async { Ok::<_, event_store::ReadError>((log.adopt(reason).await?, log.head().await?)) }.await;
    opened.close().await;
    let (epoch, head) = adopted.map_err(|error| Failure::failed("the log could not be adopted").because(error))?;
    print(&format!(
        "The log goes on in epoch {epoch} after position {}. `sillage verify` says whether every read model still fits.",
        head.position
    ));
    Ok(())
}

/// Prints every generation of every read model.
pub(crate) async fn status(on: &OnDatabase, json: bool) -> Result<(), Failure> {
    let opened = open(on).await?;
    let status = projector::status(opened.log().pool()).await;
    opened.close().await;
    let status = status.map_err(|error| unreadable(error.into()))?;
    if json {
        print(&serde_json::to_string_pretty(&status).unwrap_or_default());
        return Ok(());
    }
    let rows: Vec<[String; 9]> = status.iter().map(row_of).collect();
    let headings = ["NAME", "VERSION", "GENERATION", "STATE", "SERVING", "POSITION", "GAP", "LAG_MS", "ERROR"];
    print(&table(headings, &rows));
    Ok(())
}

fn row_of(one: &ProjectionStatus) -> [String; 9] {
    let state = serde_json::to_value(one.state).ok();
    [
        one.name.clone(),
        one.version.to_string(),
        one.generation.to_string(),
        state.as_ref().and_then(|state| state.as_str()).unwrap_or_default().to_owned(),
        if one.serving { "yes" } else { "no" }.to_owned(),
        one.position.to_string(),
        one.gap.to_string(),
        one.lag_ms.to_string(),
        one.error.clone().unwrap_or_else(|| "-".to_owned()),
    ]
}

/// Checks the log, then every read model against an independent fold of it. Exit 1 at the first divergence.
pub(crate) async fn run(on: &OnDatabase) -> Result<ExitCode, Failure> {
    let opened = open(on).await?;
    let outcome = verify(&opened.log(), &opened.log(), &opened.progress).await;
    opened.close().await;
    Ok(match outcome? {
        None => ExitCode::SUCCESS,
        Some(divergence) => {
            print(&format!("DIVERGED: {divergence}"));
            ExitCode::FAILURE
        }
    })
}

async fn verify(log: &Log, scanned: &Log, progress: &Progress) -> Result<Option<String>, Failure> {
    let looked = log_check::check(log, scanned, &|line| progress.say(line)).await;
    // Its connection has been through COPY: nobody else is to meet it.
    scanned.pool().close().await;
    let looked = looked.map_err(unreadable)?;
    if let Some(divergence) = looked.divergence {
        return Ok(Some(format!("log: {divergence}")));
    }
    print(&format!("log: {} events in {} streams, without a gap", looked.head, looked.streams));
    let status = projector::status(log.pool()).await.map_err(|error| unreadable(error.into()))?;
    for model in projections() {
        let serving = status.iter().find(|one| one.serving && one.name == model.name());
        match serving {
            None => print(&format!("{}: not built yet", model.name())),
            Some(one) if one.version != model.version() => {
                print(&format!(
                    "{}: version {} is served, this program knows {}",
                    one.name,
                    one.version,
                    model.version()
                ));
            }
            Some(one) => {
                if let Some(divergence) = compare(&*model, log, one, progress).await? {
                    return Ok(Some(divergence));
                }
            }
        }
    }
    Ok(None)
}

async fn compare(
    model: &dyn Projection,
    log: &Log,
    serving: &ProjectionStatus,
    progress: &Progress,
) -> Result<Option<String>, Failure> {
    progress.say(&format!("{}: folding {} events", serving.name, serving.position));
    let compared = model
        .compare(log, serving.generation)
        .await
        .map_err(|error| Failure::failed(format!("{} cannot be compared with the log", serving.name)).because(error))?;
    let Some(difference) = compared.difference else {
        let (rows, position, gap) = (compared.rows, compared.position, serving.gap);
        print(&format!("{}: {rows} rows equal the log up to position {position} ({gap} behind)", serving.name));
        return Ok(None);
    };
    let said = |row: Option<String>| row.unwrap_or_else(|| "no row".to_owned());
    Ok(Some(format!(
        "{} (generation {}), tenant {}, key {}\n  the log says    {}\n  the table says  {}",
        serving.name,
        serving.generation,
        difference.tenant_id,
        difference.key,
        said(difference.folded),
        said(difference.stored)
    )))
}

fn unreadable(error: event_store::ReadError) -> Failure {
    Failure::failed("the log cannot be read")
        .because(error)
        .remedy("`sillage migrate` makes the schema where it is missing.")
}
