//! What operators do to a generation, one function each.

use super::arguments::{Change, Doing, Switch};
use super::{At, at, comparison, print_json, refused};
use crate::failure::Failure;
use crate::terminal::print;
use projector::operate::Named;
use projector::switch::Switched;
use serde_json::json;
use std::time::{Duration, Instant};

pub(super) async fn pause(doing: &Doing) -> Result<(), Failure> {
    let paused = at(&doing.which.on, async |at| {
        at.operator.pause(&doing.which.name, doing.generation, doing.noted.by()).await.map_err(refused)
    });
    told(doing, &paused.await?, "stands still; `sillage projections resume` goes on with it");
    Ok(())
}

pub(super) async fn resume(doing: &Doing) -> Result<(), Failure> {
    let resumed = at(&doing.which.on, async |at| {
        at.operator.resume(&doing.which.name, doing.generation, doing.noted.by()).await.map_err(refused)
    });
    told(doing, &resumed.await?, "goes on");
    Ok(())
}

pub(super) async fn cancel(doing: &Doing) -> Result<(), Failure> {
    let cancelled = at(&doing.which.on, async |at| {
        at.operator.cancel(&doing.which.name, doing.generation, doing.noted.by()).await.map_err(refused)
    });
    told(doing, &cancelled.await?, "is given up; its table is dropped as soon as nobody folds it");
    Ok(())
}

pub(super) async fn change(wanted: &Change) -> Result<(), Failure> {
    let (doing, budget) = (&wanted.doing, wanted.limits.budget.map(|budget| budget.0));
    if budget.is_none() && wanted.switch.is_none() {
        return Err(Failure::usage("nothing is to be changed").remedy("Give --budget, --switch, or both."));
    }
    let changed = at(&doing.which.on, async |at| {
        let (name, mode) = (&doing.which.name, wanted.switch.map(Into::into));
        at.operator.change(name, doing.generation, budget, mode, doing.noted.by()).await.map_err(refused)
    });
    told(doing, &changed.await?, "is changed");
    Ok(())
}

pub(super) async fn retire(doing: &Doing) -> Result<(), Failure> {
    let retired = at(&doing.which.on, async |at| {
        at.operator.retire(&doing.which.name, doing.generation, doing.noted.by()).await.map_err(refused)
    });
    let retired = retired.await?;
    if doing.which.json {
        print_json(&retired);
        return Ok(());
    }
    for one in &retired {
        print(&format!("Generation {} of {} is retired: its table is dropped.", one.generation, one.name));
    }
    Ok(())
}

pub(super) async fn switch(wanted: &Switch) -> Result<(), Failure> {
    let doing = &wanted.doing;
    at(&doing.which.on, async |at| {
        if !wanted.yes && !doing.which.json && comparison::can_ask() {
            let found = comparison::with_serving(at, &doing.which.name, doing.generation, comparison::SAMPLES).await?;
            print(&comparison::text(&found));
            if !comparison::ask(&format!("Show readers generation {} from now on?", found.after.generation)) {
                return Err(Failure::failed("nothing was changed"));
            }
        }
        switch_to(at, doing, doing.generation).await
    })
    .await
}

/// Switches and tells what that was.
pub(super) async fn switch_to(at: &At, doing: &Doing, generation: Option<i32>) -> Result<(), Failure> {
    let began = Instant::now();
    let switched = at.operator.switch(&doing.which.name, generation, doing.noted.by()).await.map_err(refused)?;
    shown(doing.which.json, &switched, began.elapsed());
    Ok(())
}

pub(super) async fn rollback(doing: &Doing) -> Result<(), Failure> {
    if doing.generation.is_some() {
        return Err(Failure::usage("a rollback goes to the generation that readers saw before")
            .remedy("`sillage projections switch --generation N` shows any other."));
    }
    at(&doing.which.on, async |at| {
        let began = Instant::now();
        let back = at.operator.rollback(&doing.which.name, doing.noted.by()).await.map_err(refused)?;
        shown(doing.which.json, &back, began.elapsed());
        Ok(())
    })
    .await
}

fn shown(as_json: bool, (named, switched): &(Named, Switched), took: Duration) {
    let took_ms = took.as_secs_f64() * 1e3;
    let (before, position) = match switched {
        Switched::Done { before, position } => (*before, Some(*position)),
        Switched::Already | Switched::Behind { .. } | Switched::Older => (None, None),
    };
    if as_json {
        print_json(&json!({
            "name": named.name, "generation": named.generation, "before": before, "position": position,
            "changed": position.is_some(), "took_ms": took_ms,
        }));
        return;
    }
    let Some(position) = position else {
        return print(&format!("Readers of {} see generation {} already.", named.name, named.generation));
    };
    let kept = match before {
        Some(before) => format!(
            " Generation {before} is kept: `sillage projections rollback {0}` shows it again, `retire {0}` drops it.",
            named.name
        ),
        None => String::new(),
    };
    print(&format!(
        "Readers of {} see generation {} since {took_ms:.0} ms, at position {position} or later.{kept}",
        named.name, named.generation
    ));
}

fn told(doing: &Doing, named: &Named, so: &str) {
    if doing.which.json {
        print_json(named);
    } else {
        print(&format!("Generation {} of {} {so}.", named.generation, named.name));
    }
}
