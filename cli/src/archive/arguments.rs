//! The arguments of `sillage log archive`.

use crate::arguments::OnDatabase;
use crate::events::Moment;
use clap::{Args, Subcommand};
use std::path::PathBuf;

#[derive(Args, Debug)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub(crate) struct Archive {
    #[command(subcommand)]
    pub(crate) command: Option<ArchiveCommand>,
    #[command(flatten)]
    pub(crate) make: Make,
}

#[derive(Subcommand, Debug)]
pub(crate) enum ArchiveCommand {
    /// Prints what was archived, and where it lies.
    List {
        /// One JSON document instead of a table.
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        on: Box<OnDatabase>,
    },
    /// Reads every file of every archive and compares it with what went away; exits 1 if something is missing or differs.
    Verify {
        #[command(flatten)]
        place: Place,
        #[command(flatten)]
        on: Box<OnDatabase>,
    },
    /// Brings archives back into the database, from the last one down to the one that holds --from.
    Restore {
        /// The first position, or the first moment of recording, that is needed.
        #[arg(long, value_name = "DATE|POSITION")]
        from: Moment,
        #[command(flatten)]
        place: Place,
        #[command(flatten)]
        who: Who,
        #[command(flatten)]
        on: Box<OnDatabase>,
    },
}

#[derive(Args, Debug)]
pub(crate) struct Make {
    /// Whole partitions that were recorded before this moment, or that lie before this position.
    #[arg(long, value_name = "DATE|POSITION", required = true)]
    pub(crate) before: Option<Moment>,
    /// The folder for the archives; each gets a subfolder. The same each time is best.
    #[arg(long, value_name = "FOLDER", required = true)]
    pub(crate) to: Option<PathBuf>,
    /// Only say what would be done.
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// How long to wait, in seconds, for a moment in which nobody reads the log.
    #[arg(long, value_name = "S", default_value_t = 120)]
    pub(crate) patience_s: u64,
    #[command(flatten)]
    pub(crate) who: Who,
    #[command(flatten)]
    pub(crate) on: OnDatabase,
}

/// Where the archives lie.
#[derive(Args, Debug)]
pub(crate) struct Place {
    /// The folder that the archives were moved to; where they were written unless given.
    #[arg(long = "in", value_name = "FOLDER")]
    pub(crate) moved_to: Option<PathBuf>,
}

/// Who does it.
#[derive(Args, Debug)]
pub(crate) struct Who {
    /// Who acts, for the record.
    #[arg(long, env = "USER", default_value = "unknown")]
    pub(crate) operator: String,
}
