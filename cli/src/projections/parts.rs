//! `sillage projections split | merge | parts`: a big read model folded by several processes.

use super::arguments::{ForTheRecord, Which};
use super::{at, print_json, refused, unreadable};
use crate::failure::Failure;
use crate::models::projections;
use crate::terminal::{print, table};
use clap::{Args, Subcommand};
use projector::parts::{PartStatus, parts};
use std::time::Duration;

#[derive(Subcommand, Debug)]
pub(crate) enum PartsCommand {
    /// Splits a read model by its rows' keys into parts that several processes fold. Readers notice nothing.
    Split(Box<Split>),
    /// Makes the parts of a read model one again.
    Merge(Box<Merge>),
    /// Prints the parts of a read model: position, gap, who folds each.
    Parts(Box<Which>),
}

#[derive(Args, Debug)]
pub(crate) struct Split {
    #[command(flatten)]
    which: Which,
    /// How many parts.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(i32).range(2..=i64::from(projector::part::MOST)))]
    into: i32,
    #[command(flatten)]
    noted: ForTheRecord,
}

#[derive(Args, Debug)]
pub(crate) struct Merge {
    #[command(flatten)]
    which: Which,
    /// How long the parts that are ahead wait for the others, in seconds.
    #[arg(long, value_name = "S", default_value_t = 60)]
    within_s: u64,
    #[command(flatten)]
    noted: ForTheRecord,
}

pub(super) async fn run(command: &PartsCommand) -> Result<(), Failure> {
    match command {
        PartsCommand::Split(wanted) => split(wanted).await,
        PartsCommand::Merge(wanted) => merge(wanted).await,
        PartsCommand::Parts(which) => list(which).await,
    }
}

async fn split(wanted: &Split) -> Result<(), Failure> {
    let name = &wanted.which.name;
    let model = projections().into_iter().find(|model| model.name() == name);
    let unknown = || Failure::usage(format!("there is no read model {name}"));
    let model = model.ok_or_else(|| unknown().remedy("`sillage projections list` prints them."))?;
    let done = at(&wanted.which.on, async |at| {
        at.operator.split(&*model, wanted.into, wanted.noted.by()).await.map_err(refused)
    });
    let done = done.await?;
    if wanted.which.json {
        print_json(&done);
    } else {
        let (generation, into) = (done.generation, wanted.into);
        print(&format!("Generation {generation} of {name} is folded in {into} parts from where it was."));
    }
    Ok(())
}

async fn merge(wanted: &Merge) -> Result<(), Failure> {
    let name = &wanted.which.name;
    let done = at(&wanted.which.on, async |at| {
        let within = Duration::from_secs(wanted.within_s);
        at.operator.merge(name, within, wanted.noted.by()).await.map_err(refused)
    });
    let done = done.await?;
    if wanted.which.json {
        print_json(&done);
    } else {
        print(&format!("Generation {} of {name} is one again.", done.generation));
    }
    Ok(())
}

async fn list(which: &Which) -> Result<(), Failure> {
    let all = at(&which.on, async |at| parts(&at.pool).await.map_err(unreadable)).await?;
    let all: Vec<PartStatus> = all.into_iter().filter(|part| part.name == which.name).collect();
    if which.json {
        print_json(&all);
        return Ok(());
    }
    if all.is_empty() {
        print(&format!("{} is whole.", which.name));
        return Ok(());
    }
    let rows: Vec<[String; 6]> = all
        .iter()
        .map(|one| {
            [
                one.generation.to_string(),
                format!("{} of {}", one.part + 1, one.of),
                one.position.to_string(),
                one.gap.to_string(),
                one.owner.clone().unwrap_or_else(|| "nobody".to_owned()),
                one.error.clone().unwrap_or_else(|| "-".to_owned()),
            ]
        })
        .collect();
    print(&table(["GENERATION", "PART", "POSITION", "GAP", "FOLDED BY", "NOTE"], &rows));
    Ok(())
}
