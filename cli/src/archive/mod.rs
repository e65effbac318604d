//! `sillage log archive`: old stretches of the log go into files, are proved, and come back.

mod arguments;
mod files;
mod make;
mod plan;
mod restore;

pub(crate) use arguments::Archive;

use crate::failure::Failure;
use crate::operator::{Opened, open};
use crate::terminal::{Meter, print, table};
use arguments::ArchiveCommand;
use event_store::archive;
use event_store::verify::Divergence;
use serde_json::{Value, json};
use sqlx::PgPool;
use std::path::Path;
use std::process::ExitCode;

/// Does what is asked for.
pub(crate) async fn run(arguments: &Archive) -> Result<ExitCode, Failure> {
    let on = match &arguments.command {
        None => &arguments.make.on,
        Some(
            ArchiveCommand::List { on, .. } | ArchiveCommand::Verify { on, .. } | ArchiveCommand::Restore { on, .. },
        ) => on,
    };
    let opened = open(on).await?;
    let done = |result: Result<(), Failure>| result.map(|()| ExitCode::SUCCESS);
    let outcome = match &arguments.command {
        None => done(make::run(&opened, &arguments.make).await),
        Some(ArchiveCommand::List { json, .. }) => done(list(opened.database.probe(), *json).await),
        Some(ArchiveCommand::Verify { place, on }) => verify(&opened, place.moved_to.as_deref(), on.quiet).await,
        Some(ArchiveCommand::Restore { from, place, who, on }) => {
            done(restore::run(&opened, *from, place.moved_to.as_deref(), &who.operator, on.quiet).await)
        }
    };
    opened.close().await;
    outcome
}

async fn list(pool: &PgPool, json: bool) -> Result<(), Failure> {
    let all = archive::list(pool).await.map_err(unknown)?;
    if json {
        let all: Vec<Value> = all
            .iter()
            .map(|one| {
                json!({"first_position": one.first, "last_position": one.last, "first_recorded_at": one.first_recorded_at,
                    "last_recorded_at": one.last_recorded_at, "manifest": one.manifest, "detached_at": one.detached_at})
            })
            .collect();
        print(&serde_json::to_string_pretty(&all).unwrap_or_default());
        return Ok(());
    }
    let rows: Vec<[String; 6]> = all
        .iter()
        .map(|one| {
            [
                one.first.to_string(),
                one.last.to_string(),
                one.first_recorded_at.format("%F %T").to_string(),
                one.last_recorded_at.format("%F %T").to_string(),
                if one.detached_at.is_some() { "files" } else { "files and database" }.to_owned(),
                one.manifest.clone(),
            ]
        })
        .collect();
    print(&table(["FIRST", "LAST", "RECORDED_FROM", "RECORDED_TO", "IN", "MANIFEST"], &rows));
    Ok(())
}

async fn verify(opened: &Opened, moved_to: Option<&Path>, quiet: bool) -> Result<ExitCode, Failure> {
    let troubles = prove(opened.database.probe(), moved_to, quiet, true).await?;
    for trouble in &troubles {
        print(&format!("DIVERGED: {trouble}"));
    }
    Ok(if troubles.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Reads the archives (all of them, or those whose events are nowhere else), and answers what is wrong with them.
pub(crate) async fn prove(
    pool: &PgPool,
    moved_to: Option<&Path>,
    quiet: bool,
    all: bool,
) -> Result<Vec<Divergence>, Failure> {
    let mut troubles = Vec::new();
    for one in archive::list(pool).await.map_err(unknown)? {
        if !all && one.detached_at.is_none() {
            continue;
        }
        let folder = files::folder_of(&one, moved_to);
        let meter = Meter::new("reading", "events", one.last.0 - one.first.0 + 1, quiet);
        let checked = files::check(&one, &folder, |at| meter.at(at.0 - one.first.0 + 1));
        meter.end();
        match checked {
            Ok(manifest) => print(&format!(
                "archive {} to {}: {} events in {} files, as they were",
                one.first,
                one.last,
                manifest.rows,
                manifest.files.len()
            )),
            Err(trouble) => troubles.push(Divergence {
                part: "archive".to_owned(),
                position: Some(one.first),
                subject: format!("archive {} to {}", one.first, one.last),
                field: "events".to_owned(),
                expected: "the files that were written".to_owned(),
                found: Failure::failed("something else").because(trouble).to_string(),
            }),
        }
    }
    Ok(troubles)
}

fn unknown(error: sqlx::Error) -> Failure {
    Failure::failed("the archives cannot be read")
        .because(error)
        .remedy("`sillage migrate` brings the schema up to date.")
}
