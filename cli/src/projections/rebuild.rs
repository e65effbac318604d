//! `sillage projections rebuild`: asks for a new generation, watches it being built, and switches readers as asked.

use super::arguments::{Doing, Mode, Rebuild, Which};
use super::{At, at, comparison, deeds, print_json, refused, unreadable};
use crate::failure::Failure;
use crate::terminal::{Meter, print};
use projector::operate::{Named, Plan};
use projector::{BuildStatus, ProjectionStatus, State};
use std::fmt::Write as _;
use std::time::{Duration, Instant};

/// Between two looks.
const LOOK: Duration = Duration::from_millis(200);
/// So long nobody may have told anything before that is said.
const SILENCE: Duration = Duration::from_secs(8);

pub(super) async fn run(wanted: &Rebuild) -> Result<(), Failure> {
    at(&wanted.which.on, async |at| rebuild(at, wanted).await).await
}

async fn rebuild(at: &At, wanted: &Rebuild) -> Result<(), Failure> {
    let plan = Plan {
        switch: wanted.switch.into(),
        budget: wanted.limits.budget.map(|budget| budget.0).unwrap_or_default(),
        memory_mb: wanted.memory_mb,
    };
    let named = at.operator.rebuild(&wanted.which.name, plan, wanted.noted.by()).await.map_err(refused)?;
    let (name, number) = (&named.name, named.generation);
    let say = |text: &str| {
        if !wanted.which.json {
            print(text);
        }
    };
    if wanted.no_wait {
        say(&format!(
            "Generation {number} of {name} is to be built. `sillage projections show {name}` tells how it goes."
        ));
        if wanted.which.json {
            print_json(&named);
        }
        return Ok(());
    }
    say(&format!(
        "Generation {number} of {name} is being built beside the one that readers see. Ctrl-C only stops watching."
    ));
    let began = Instant::now();
    let built = watch(at, &named, wanted).await?;
    say(&format!(
        "It is at the end of the log, position {}, after {:.1} s.",
        built.position,
        began.elapsed().as_secs_f64()
    ));
    match wanted.switch {
        Mode::Auto => by_itself(at, &named, wanted).await,
        Mode::Ask => on_request(at, &named, wanted).await,
        Mode::Never => {
            say(&format!(
                "It is kept beside: `sillage projections compare {name}` compares it, `cancel {name}` drops it."
            ));
            if wanted.which.json {
                print_json(&built);
            }
            Ok(())
        }
    }
}

/// Shows how the build goes until it is at the end of the log.
async fn watch(at: &At, named: &Named, wanted: &Rebuild) -> Result<ProjectionStatus, Failure> {
    let meter = Meter::told("building", wanted.which.on.quiet);
    let (mut heard, mut warned) = (Instant::now(), false);
    loop {
        let Some(one) = look(at, named).await? else {
            return Err(Failure::failed(format!("generation {} was given up meanwhile", named.generation)));
        };
        refuse_stopped(&one)?;
        if one.state == State::Live {
            meter.end();
            return Ok(one);
        }
        match &one.build {
            Some(build) if Duration::from_millis(build.told_ms.unsigned_abs()) < SILENCE => {
                heard = Instant::now();
                meter.tell(build.position.0, build.head.0, &progress(&one, build));
            }
            _ if heard.elapsed() > SILENCE && !warned => {
                warned = true;
                at.opened.progress.say(
                    "nobody builds it: no projector of its version runs, or all are busy; it begins when one is there",
                );
            }
            Some(_) | None => {}
        }
        tokio::time::sleep(LOOK).await;
    }
}

async fn look(at: &At, named: &Named) -> Result<Option<ProjectionStatus>, Failure> {
    let all = projector::status(&at.pool).await.map_err(unreadable)?;
    Ok(all.into_iter().find(|one| one.name == named.name && one.generation == named.generation))
}

fn refuse_stopped(one: &ProjectionStatus) -> Result<(), Failure> {
    if !matches!(one.state, State::Failed | State::Diverged) {
        return Ok(());
    }
    let error = one.error.as_deref().unwrap_or("it does not say why");
    Err(Failure::failed(format!("generation {} of {} has stopped: {error}", one.generation, one.name))
        .remedy("See docs/runbooks/poison.md; `sillage projections cancel` gives it up."))
}

/// `loading, 215000 events/s, 4 s left`
pub(super) fn progress(one: &ProjectionStatus, build: &BuildStatus) -> String {
    let mut text = build.phase.replace('_', " ");
    if one.paused {
        text.push_str(", paused");
    } else if build.events_per_second > 0 && build.phase != "indexing" && build.phase != "writing" {
        // Writing to a String cannot fail, here and below.
        let _ = write!(text, ", {} events/s", build.events_per_second);
        if let Some(eta_s) = build.eta_s.filter(|eta_s| *eta_s > 0) {
            let _ = write!(text, ", {eta_s} s left");
        }
    }
    if build.phase == "writing" && build.copied > 0 {
        let _ = write!(text, ", {} of {} rows", build.copied, build.rows);
    }
    match build.held_by.as_deref() {
        Some("budget") => text.push_str(", held back by its budget"),
        Some("live") => text.push_str(", held back by live traffic"),
        _ => {}
    }
    text
}

/// Waits until readers are switched.
async fn by_itself(at: &At, named: &Named, wanted: &Rebuild) -> Result<(), Failure> {
    let mut told = None;
    loop {
        let Some(one) = look(at, named).await? else {
            return Err(Failure::failed(format!("generation {} was given up meanwhile", named.generation)));
        };
        refuse_stopped(&one)?;
        if one.serving {
            break;
        }
        if one.trouble.is_some() && told != one.trouble {
            at.opened.progress.say(one.trouble.as_deref().unwrap_or_default());
            told.clone_from(&one.trouble);
        }
        tokio::time::sleep(LOOK).await;
    }
    let kept = projector::compare::kept(&at.pool, &named.name, named.generation).await.map_err(unreadable)?;
    if wanted.which.json {
        print_json(
            &serde_json::json!({ "name": named.name, "generation": named.generation, "serving": true, "comparison": kept }),
        );
        return Ok(());
    }
    if let Some(found) = &kept {
        print(&comparison::text(found));
    }
    let name = &named.name;
    print(&format!(
        "Readers of {name} see generation {} now. `sillage projections rollback {name}` goes back, `retire {name}` drops the \
         one before.",
        named.generation
    ));
    Ok(())
}

/// Shows what would change, and asks.
async fn on_request(at: &At, named: &Named, wanted: &Rebuild) -> Result<(), Failure> {
    let found = comparison::with_serving(at, &named.name, Some(named.generation), comparison::SAMPLES).await?;
    if wanted.which.json {
        print_json(
            &serde_json::json!({ "name": named.name, "generation": named.generation, "serving": false, "comparison": found }),
        );
        return Ok(());
    }
    print(&comparison::text(&found));
    let later = format!(
        "Readers see what they saw. `sillage projections switch {0}` switches them, `cancel {0}` gives it up.",
        named.name
    );
    if !comparison::can_ask() || !comparison::ask(&format!("Show readers generation {} from now on?", named.generation))
    {
        print(&later);
        return Ok(());
    }
    let Which { name, json, on } = &wanted.which;
    let which = Which { name: name.clone(), json: *json, on: on.clone() };
    let doing = Doing { which, generation: Some(named.generation), noted: wanted.noted.clone() };
    deeds::switch_to(at, &doing, doing.generation).await
}
