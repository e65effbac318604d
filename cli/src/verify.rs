//! Proves that nothing is missing or altered.

use crate::arguments::OnDatabase;
use crate::failure::Failure;
use crate::log_check;
use crate::models::projections;
use crate::operator::{open, unreadable};
use crate::terminal::{Progress, print};
use event_store::Log;
use projector::{Projection, ProjectionStatus};
use std::process::ExitCode;

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
