//! What the read models are doing, as tables.

use super::arguments::Which;
use super::rebuild::progress;
use super::{At, at, print_json, unreadable};
use crate::arguments::OnDatabase;
use crate::failure::Failure;
use crate::terminal::{print, table};
use projector::acts::{Noted, latest};
use projector::{Budget, ProjectionStatus};
use serde_json::json;
use std::fmt::Write as _;

/// Acts that are shown.
const ACTS: i64 = 20;

/// Prints every generation of every read model.
pub(super) async fn list(on: &OnDatabase, as_json: bool) -> Result<(), Failure> {
    let status = at(on, async |at| projector::status(&at.pool).await.map_err(unreadable)).await?;
    if as_json {
        print_json(&status);
        return Ok(());
    }
    let rows: Vec<[String; 10]> = status.iter().map(row_of).collect();
    let headings = ["NAME", "VERSION", "GENERATION", "STATE", "SERVING", "POSITION", "GAP", "LAG_MS", "PARKED", "NOTE"];
    print(&table(headings, &rows));
    Ok(())
}

fn row_of(one: &ProjectionStatus) -> [String; 10] {
    [
        one.name.clone(),
        one.version.to_string(),
        one.generation.to_string(),
        one.state.as_str().to_owned(),
        shown(one).to_owned(),
        one.position.to_string(),
        one.gap.to_string(),
        one.lag_ms.to_string(),
        one.parked_streams.to_string(),
        note(one),
    ]
}

const fn shown(one: &ProjectionStatus) -> &'static str {
    if one.serving {
        "yes"
    } else if one.kept {
        "kept"
    } else {
        "no"
    }
}

/// What is worth saying about it.
fn note(one: &ProjectionStatus) -> String {
    let told = one.error.clone().or_else(|| one.parked_error.clone()).or_else(|| one.trouble.clone());
    match (told, &one.build) {
        (Some(told), _) => told,
        (None, Some(build)) => progress(one, build),
        (None, None) if one.parts > 1 => format!("in {} parts", one.parts),
        (None, None) if one.paused => "paused".to_owned(),
        (None, None) => "-".to_owned(),
    }
}

/// Prints one read model.
pub(super) async fn one(which: &Which) -> Result<(), Failure> {
    let (generations, acts) = at(&which.on, async |at| read(at, &which.name).await).await?;
    if which.json {
        let acts: Vec<_> = acts.iter().map(act).collect();
        print_json(&json!({ "name": which.name, "generations": generations, "acts": acts }));
        return Ok(());
    }
    let rows: Vec<[String; 9]> = generations
        .iter()
        .map(|one| {
            [
                one.generation.to_string(),
                one.version.to_string(),
                one.state.as_str().to_owned(),
                shown(one).to_owned(),
                one.switch.as_str().to_owned(),
                budget(one.budget),
                one.position.to_string(),
                one.gap.to_string(),
                note(one),
            ]
        })
        .collect();
    let headings = ["GENERATION", "VERSION", "STATE", "SERVING", "SWITCH", "BUDGET", "POSITION", "GAP", "NOTE"];
    let mut text = table(headings, &rows);
    if !acts.is_empty() {
        let rows: Vec<[String; 5]> = acts
            .iter()
            .map(|one| {
                [
                    one.occurred_at.format("%F %TZ").to_string(),
                    done(one),
                    one.before
                        .map_or_else(|| one.generation.to_string(), |before| format!("{before} → {}", one.generation)),
                    one.by.to_string(),
                    one.by.reason.clone().unwrap_or_else(|| "-".to_owned()),
                ]
            })
            .collect();
        // Writing to a String cannot fail.
        let _ = write!(text, "\n\n{}", table(["WHEN", "ACT", "GENERATION", "WHO", "WHY"], &rows));
    }
    print(&text);
    Ok(())
}

async fn read(at: &At, name: &str) -> Result<(Vec<ProjectionStatus>, Vec<Noted>), Failure> {
    let all = projector::status(&at.pool).await.map_err(unreadable)?;
    let generations: Vec<ProjectionStatus> = all.into_iter().filter(|one| one.name == name).collect();
    if generations.is_empty() {
        return Err(Failure::failed(format!("there is no read model {name}"))
            .remedy("`sillage projections list` names them; a projector must have run once."));
    }
    Ok((generations, latest(&at.pool, name, ACTS).await.map_err(unreadable)?))
}

/// What was done, and to which parked stream where it was done to one.
fn done(one: &Noted) -> String {
    let act = one.act.as_str().to_owned();
    one.queue.as_ref().map_or(act, |queue| format!("{} {} at {}", one.act.as_str(), queue.stream, queue.position))
}

fn act(one: &Noted) -> serde_json::Value {
    json!({
        "act": one.act, "generation": one.generation, "before": one.before, "occurred_at": one.occurred_at,
        "queue": one.queue, "who": one.by.to_string(), "reason": one.by.reason, "position": one.recorded_position,
    })
}

fn budget(budget: Budget) -> String {
    let rate = budget.events_per_second.map(|rate| format!("{rate}/s"));
    let share = budget.percent.map(|percent| format!("{percent}%"));
    match (rate, share) {
        (None, None) => "-".to_owned(),
        (Some(one), None) | (None, Some(one)) => one,
        (Some(rate), Some(share)) => format!("{rate},{share}"),
    }
}
