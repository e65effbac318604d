//! `sillage projections build`: a whole read model as of a moment, in a table of its own.

use super::arguments::Build;
use super::{At, at, print_json};
use crate::events::Moment;
use crate::failure::Failure;
use crate::models::projections;
use crate::operator::unreadable;
use crate::terminal::{Meter, print};
use projector::past::{self, Past, PastError};
use serde_json::json;

pub(super) async fn run(wanted: &Build) -> Result<(), Failure> {
    let past = at(&wanted.which.on, async |at| build(at, wanted).await).await?;
    if wanted.which.json {
        print_json(&json!({
            "name": wanted.which.name, "version": past.version, "as_of_position": past.position,
            "table": wanted.into.to_string(), "rows": past.rows, "set_aside": past.set_aside,
        }));
        return Ok(());
    }
    let without = if past.set_aside { " Streams that are parked for readers are not in it either." } else { "" };
    print(&format!(
        "{} as of position {}: {} rows in {}.{without} `drop table {}` when it is no longer needed.",
        wanted.which.name, past.position, past.rows, wanted.into, wanted.into
    ));
    Ok(())
}

async fn build(at: &At, wanted: &Build) -> Result<Past, Failure> {
    let models = projections();
    let Some(model) = models.iter().find(|model| model.name() == wanted.which.name) else {
        let known: Vec<&str> = models.iter().map(|model| model.name()).collect();
        return Err(Failure::usage(format!("there is no read model {:?}", wanted.which.name))
            .remedy(format!("Read models are: {}.", known.join(", "))));
    };
    let log = at.opened.log();
    let up_to = match wanted.as_of {
        Moment::Position(position) => position,
        Moment::Time(time) => log.position_at(time).await.map_err(unreadable)?,
    };
    let meter = Meter::new("building", "events", up_to.0, wanted.which.on.quiet);
    let memory = usize::try_from(wanted.memory_mb).unwrap_or(usize::MAX).saturating_mul(1 << 20);
    let built = past::build(&log, &at.pool, &**model, up_to, &wanted.into, memory, |position, _| meter.at(position.0));
    let built = built.await;
    meter.end();
    built.map_err(|error| {
        let remedy = match &error {
            PastError::Exists(_) => "Choose another name, or drop it first.",
            PastError::Ahead { .. } => "Choose an earlier moment.",
            PastError::Memory { .. } => "Give it more with --memory-mb, or choose an earlier moment.",
            PastError::Poison(_) => "See docs/runbooks/poison.md: what readers have parked or skipped is left out.",
            PastError::Row(_) | PastError::Read(_) | PastError::Database(_) => "Nothing was left behind: try again.",
        };
        Failure::failed("no table was made").because(error).remedy(remedy)
    })
}
