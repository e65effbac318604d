//! What readers would see otherwise, as an operator reads it before a switch.

use super::arguments::Compare;
use super::{At, at, print_json, unreadable};
use crate::failure::Failure;
use crate::terminal::{print, table};
use projector::compare::{CompareError, Differences, Sample, compare};
use std::fmt::Write as _;
use std::io::{IsTerminal, Write as _};

/// Rows that are shown before somebody decides.
pub(super) const SAMPLES: usize = 5;
/// Longest value that is shown whole.
const LONGEST: usize = 60;

pub(super) async fn run(wanted: &Compare) -> Result<(), Failure> {
    let found =
        at(&wanted.which.on, async |at| with_serving(at, &wanted.which.name, wanted.generation, wanted.samples).await);
    let found = found.await?;
    if wanted.which.json {
        print_json(&found);
    } else {
        print(&text(&found));
    }
    Ok(())
}

/// Compares a generation (the newest that readers do not see unless one is named) with the one that they see.
pub(super) async fn with_serving(
    at: &At,
    name: &str,
    generation: Option<i32>,
    samples: usize,
) -> Result<Differences, Failure> {
    let all = projector::status(&at.pool).await.map_err(unreadable)?;
    let of: Vec<_> = all.iter().filter(|one| one.name == name).collect();
    let Some(serving) = of.iter().find(|one| one.serving) else {
        return Err(Failure::failed(format!("readers see no generation of {name}"))
            .remedy("`sillage projections list` names what there is."));
    };
    let other = of.iter().rev().find(|one| match generation {
        Some(number) => one.generation == number,
        None => !one.serving,
    });
    let Some(other) = other else {
        return Err(Failure::failed(match generation {
            Some(number) => format!("there is no generation {number} of {name}"),
            None => format!("{name} has one generation only: there is nothing to compare it with"),
        })
        .remedy("`sillage projections rebuild` builds another; `list` names what there is."));
    };
    compare(&at.pool, name, serving.generation, other.generation, samples).await.map_err(|error| {
        let remedy = match &error {
            CompareError::NoGeneration { .. } => "Its table is not made yet: wait until it is built.",
            CompareError::OtherKeys { .. } => "Either its key is not made yet, or the new version has another key.",
            CompareError::Database(_) => "Try again when Postgres answers.",
        };
        Failure::failed("the generations were not compared").because(error).remedy(remedy)
    })
}

/// Whether somebody is there to answer.
pub(super) fn can_ask() -> bool {
    std::io::stdin().is_terminal() && std::io::stdout().is_terminal()
}

/// Asks; only a yes is a yes.
pub(super) fn ask(question: &str) -> bool {
    let mut output = std::io::stdout().lock();
    // Whoever closed standard output does not want to be asked.
    if write!(output, "{question} [y/N] ").and_then(|()| output.flush()).is_err() {
        return false;
    }
    let mut answer = String::new();
    let read = std::io::stdin().read_line(&mut answer);
    read.is_ok() && matches!(answer.trim().to_ascii_lowercase().as_str(), "y" | "yes" | "o" | "oui")
}

/// For people.
pub(super) fn text(found: &Differences) -> String {
    let row = |what: &str, before: String, after: String| [what.to_owned(), before, after];
    let (old, new) = (&found.before, &found.after);
    let rows = [
        row("generation", old.generation.to_string(), new.generation.to_string()),
        row("version", old.version.to_string(), new.version.to_string()),
        row("position", old.position.to_string(), new.position.to_string()),
        row("rows", old.rows.to_string(), new.rows.to_string()),
        row("content", old.hash.clone(), new.hash.clone()),
        row("parked streams", old.parked_streams.to_string(), new.parked_streams.to_string()),
    ];
    let mut text = table([found.name.as_str(), "READERS SEE", "THEY WOULD SEE"], &rows);
    if found.is_none() {
        text.push_str("\nReaders would see the same.");
        return text;
    }
    for (columns, what) in [(&found.columns_gone, "gone"), (&found.columns_new, "new")] {
        if !columns.is_empty() {
            // Writing to a String cannot fail, here and below.
            let _ = write!(text, "\ncolumns {what}: {}", columns.join(", "));
        }
    }
    let _ = write!(text, "\n{} rows changed, {} new, {} gone", found.rows_changed, found.rows_new, found.rows_gone);
    if found.rows_undecided > 0 {
        let _ = write!(text, ", {} changed too lately to be compared", found.rows_undecided);
    }
    if !found.samples.is_empty() {
        let _ = write!(text, "; for instance:");
        found.samples.iter().for_each(|sample| show(sample, &mut text));
    }
    text
}

fn show(sample: &Sample, text: &mut String) {
    let _ = write!(text, "\n  {} (tenant {})", sample.key.join(", "), sample.tenant_id);
    for field in &sample.fields {
        let _ =
            write!(text, "\n    {}: {} → {}", field.name, value(field.before.as_ref()), value(field.after.as_ref()));
    }
}

fn value(value: Option<&String>) -> String {
    match value {
        None => "–".to_owned(),
        Some(value) if value.chars().count() > LONGEST => {
            format!("{}…", value.chars().take(LONGEST).collect::<String>())
        }
        Some(value) => value.clone(),
    }
}
