//! The arguments of `sillage projections`.

use super::parts::PartsCommand;
use crate::arguments::OnDatabase;
use crate::events::Moment;
use crate::parked::ParkedCommand;
use clap::{Args, Subcommand, ValueEnum};
use projector::past::Target;
use projector::{Budget, SwitchMode};
use std::str::FromStr;

#[derive(Subcommand, Debug)]
pub(crate) enum ProjectionsCommand {
    /// Prints every generation of every read model: state, position, gap, lag, progress.
    #[command(visible_alias = "status")]
    List {
        /// One JSON document instead of a table.
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        on: Box<OnDatabase>,
    },
    /// Prints one read model: its generations, how a build goes, what was done to it and by whom.
    Show(Box<Which>),
    /// Builds a new generation beside the one that readers see, and watches it until they see it.
    Rebuild(Box<Rebuild>),
    /// Stops folding a generation that readers do not see, for the time being.
    Pause(Box<Doing>),
    /// Goes on with a generation that was paused.
    Resume(Box<Doing>),
    /// Changes how a generation is built and switched.
    Change(Box<Change>),
    /// Gives up a generation that readers have never seen; its table is dropped.
    Cancel(Box<Doing>),
    /// Compares a generation with the one that readers see: rows, hashes, and what differs, field by field.
    Compare(Box<Compare>),
    /// Shows readers a generation in place of the one they see, which is kept. Asks first, with the comparison.
    Switch(Box<Switch>),
    /// Shows readers the generation again that they saw before. As fast as a switch.
    Rollback(Box<Doing>),
    /// Drops what readers no longer see: a generation that was kept, or all of them.
    Retire(Box<Doing>),
    /// Folds a whole read model as of a moment into a table of its own, for analysts. Touches nothing that readers see.
    Build(Box<Build>),
    #[command(flatten)]
    Parts(PartsCommand),
    /// Streams that a read model cannot go on with, and what to do about them.
    #[command(subcommand)]
    Parked(ParkedCommand),
}

/// One read model, or one generation of it.
#[derive(Args, Debug)]
pub(crate) struct Which {
    /// The read model: `support.tickets`.
    pub(crate) name: String,
    /// One JSON document instead of text.
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) on: OnDatabase,
}

/// Something that is done to a generation, and noted.
#[derive(Args, Debug)]
pub(crate) struct Doing {
    #[command(flatten)]
    pub(crate) which: Which,
    /// The generation; the newest that it makes sense for unless given.
    #[arg(long, value_name = "N")]
    pub(crate) generation: Option<i32>,
    #[command(flatten)]
    pub(crate) noted: ForTheRecord,
}

/// What is noted beside the deed.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "For the record")]
pub(crate) struct ForTheRecord {
    /// Why.
    #[arg(long)]
    pub(crate) reason: Option<String>,
    /// Who acts.
    #[arg(long, env = "USER", default_value = "unknown")]
    pub(crate) operator: String,
}

#[derive(Args, Debug)]
pub(crate) struct Rebuild {
    #[command(flatten)]
    pub(crate) which: Which,
    /// When it has caught up: auto switches readers, ask shows the comparison and asks, never only builds it.
    #[arg(long, value_enum, default_value = "auto")]
    pub(crate) switch: Mode,
    #[command(flatten)]
    pub(crate) limits: Limits,
    /// Memory for its rows in MiB before they are written early; the projector's own default unless given.
    #[arg(long, value_name = "MIB", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) memory_mb: Option<u32>,
    /// Only ask for it: a projector builds it, whether anybody watches or not.
    #[arg(long)]
    pub(crate) no_wait: bool,
    #[command(flatten)]
    pub(crate) noted: ForTheRecord,
}

/// What a build may take.
#[derive(Args, Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// How much a build may take: `20000/s`, `50%` of the time, both with a comma, or `none`. Live traffic slows it further.
    #[arg(long, value_name = "BUDGET")]
    pub(crate) budget: Option<BudgetArg>,
}

#[derive(Args, Debug)]
pub(crate) struct Change {
    #[command(flatten)]
    pub(crate) doing: Doing,
    /// What happens when it has caught up.
    #[arg(long, value_enum)]
    pub(crate) switch: Option<Mode>,
    #[command(flatten)]
    pub(crate) limits: Limits,
}

#[derive(Args, Debug)]
pub(crate) struct Compare {
    #[command(flatten)]
    pub(crate) which: Which,
    /// The generation; the newest that readers do not see unless given.
    #[arg(long, value_name = "N")]
    pub(crate) generation: Option<i32>,
    /// Rows that differ and are shown.
    #[arg(long, value_name = "N", default_value_t = 10)]
    pub(crate) samples: usize,
}

#[derive(Args, Debug)]
pub(crate) struct Switch {
    #[command(flatten)]
    pub(crate) doing: Doing,
    /// Do not ask.
    #[arg(long, short)]
    pub(crate) yes: bool,
}

#[derive(Args, Debug)]
pub(crate) struct Build {
    #[command(flatten)]
    pub(crate) which: Which,
    /// As of which moment: a position, or a time like 2026-03-01T12:00:00Z (what was recorded by then).
    #[arg(long, value_name = "TIME|POSITION")]
    pub(crate) as_of: Moment,
    /// The new table: `tickets_in_june` (in schema `past`), or `analysts.tickets_in_june`.
    #[arg(long, value_name = "TABLE")]
    pub(crate) into: Target,
    /// Memory for its rows in MiB.
    #[arg(long, value_name = "MIB", default_value_t = 1_024, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) memory_mb: u32,
}

/// What happens when a generation has caught up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Mode {
    /// Readers are switched to it.
    Auto,
    /// It waits for a word.
    Ask,
    /// It is only there to be looked at.
    Never,
}

impl From<Mode> for SwitchMode {
    fn from(mode: Mode) -> Self {
        match mode {
            Mode::Auto => Self::Auto,
            Mode::Ask => Self::Ask,
            Mode::Never => Self::Never,
        }
    }
}

/// How a process treats read models that have changed.
#[derive(Args, Clone, Copy, Debug)]
#[command(next_help_heading = "Read models")]
pub(crate) struct ChangedModels {
    /// When a read model whose version changed with this program has been built anew: auto switches readers, ask waits for
    /// `sillage projections switch`, never only builds it.
    #[arg(long, env = "SILLAGE_SWITCH", value_enum, default_value = "auto")]
    pub(crate) switch: Mode,
}

/// `20000/s`, `50%`, `20000/s,50%`, `none`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct BudgetArg(pub(crate) Budget);

impl FromStr for BudgetArg {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut budget = Budget::default();
        for part in text.split(',').filter(|_| text != "none") {
            let wrong = || format!("{part:?} is neither a rate like 20000/s nor a share like 50%");
            if let Some(rate) = part.strip_suffix("/s") {
                let rate =
                    rate.replace('_', "").parse().ok().filter(|rate| (1..=i32::MAX.cast_unsigned()).contains(rate));
                budget.events_per_second = Some(rate.ok_or_else(wrong)?);
            } else {
                let percent = part.strip_suffix('%').and_then(|percent| percent.parse().ok());
                budget.percent = Some(percent.filter(|percent| (1..=100).contains(percent)).ok_or_else(wrong)?);
            }
        }
        Ok(Self(budget))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_budget_is_a_rate_a_share_or_both() {
        let budget =
            |text: &str| text.parse::<BudgetArg>().map(|budget| (budget.0.events_per_second, budget.0.percent));
        assert_eq!(budget("20000/s"), Ok((Some(20_000), None)));
        assert_eq!(budget("50%"), Ok((None, Some(50))));
        assert_eq!(budget("20_000/s,50%"), Ok((Some(20_000), Some(50))));
        assert_eq!(budget("none"), Ok((None, None)));
        for bad in ["", "0/s", "0%", "101%", "20000", "-1/s", "9999999999/s", "50%,x"] {
            assert!(budget(bad).is_err(), "{bad}");
        }
    }
}
