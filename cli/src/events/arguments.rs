//! The arguments of `sillage events`.

use super::stats::By;
use crate::arguments::OnDatabase;
use crate::export::Format;
use chrono::{DateTime, NaiveDate, NaiveTime, Utc};
use clap::{Args, Subcommand};
use kernel::Position;
use std::path::PathBuf;
use std::str::FromStr;
use uuid::Uuid;

#[derive(Subcommand, Debug)]
pub(crate) enum EventsCommand {
    /// Prints the last events, and with --follow those that come. Over HTTP: `GET /v1/events/stream`.
    Tail(Box<Tail>),
    /// Prints one event, whole. Over HTTP: `GET /v1/events/{event_id}`.
    Show {
        /// A position, or an event's id.
        what: String,
        /// Only if it is of this tenant.
        #[arg(long, value_name = "UUID")]
        tenant: Option<Uuid>,
        #[command(flatten)]
        on: Box<OnDatabase>,
    },
    /// Prints a story: every event of a correlation, each under what caused it. Over HTTP: `GET /v1/correlations/{id}`.
    Trace {
        /// The correlation.
        correlation_id: Uuid,
        /// Only what is of this tenant.
        #[arg(long, value_name = "UUID")]
        tenant: Option<Uuid>,
        #[command(flatten)]
        on: Box<OnDatabase>,
    },
    /// Writes events to files, by type and day, with a manifest. Goes on where an earlier run ended. Personal data is masked.
    Export(Box<ExportArguments>),
    /// Counts events and bytes.
    Stats(Box<Stats>),
}

/// Which events.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Which events")]
pub(crate) struct Wanted {
    /// Of this tenant; of all unless given.
    #[arg(long, value_name = "UUID")]
    pub(crate) tenant: Option<Uuid>,
    /// Of these categories, with commas between: support.ticket.
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    pub(crate) category: Vec<String>,
    /// Of these types, with commas between: opened, or in full support.ticket.opened.
    #[arg(long = "type", value_name = "NAMES", value_delimiter = ',')]
    pub(crate) types: Vec<String>,
    /// Of this stream.
    #[arg(long, value_name = "UUID")]
    pub(crate) stream: Option<Uuid>,
    /// By this actor.
    #[arg(long, value_name = "UUID")]
    pub(crate) actor: Option<Uuid>,
    /// Of this story.
    #[arg(long, value_name = "UUID")]
    pub(crate) correlation: Option<Uuid>,
    /// By this command.
    #[arg(long, value_name = "UUID")]
    pub(crate) command: Option<Uuid>,
    /// Recorded from this time on, or from this position on.
    #[arg(long, value_name = "TIME|POSITION")]
    pub(crate) since: Option<Moment>,
    /// Recorded before this time, or up to this position.
    #[arg(long, value_name = "TIME|POSITION")]
    pub(crate) until: Option<Moment>,
    /// Occurred at this time or later.
    #[arg(long, value_name = "TIME")]
    pub(crate) occurred_since: Option<DateTime<Utc>>,
    /// Occurred before this time.
    #[arg(long, value_name = "TIME")]
    pub(crate) occurred_until: Option<DateTime<Utc>>,
}

/// A position, an RFC 3339 time, or a date: its first moment, UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Moment {
    Position(Position),
    Time(DateTime<Utc>),
}

impl FromStr for Moment {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Ok(position) = text.parse::<i64>()
            && position > 0
        {
            return Ok(Self::Position(Position(position)));
        }
        if let Ok(date) = text.parse::<NaiveDate>() {
            return Ok(Self::Time(date.and_time(NaiveTime::MIN).and_utc()));
        }
        let time = DateTime::parse_from_rfc3339(text);
        time.map(|time| Self::Time(time.to_utc()))
            .map_err(|_| format!("{text:?} is no position, and no time like 2026-03-01 or 2026-03-01T12:00:00Z"))
    }
}

#[derive(Args, Debug)]
pub(crate) struct Tail {
    #[command(flatten)]
    pub(crate) wanted: Wanted,
    /// Go on with what comes, until Ctrl-C.
    #[arg(long, short)]
    pub(crate) follow: bool,
    /// How many of the last events to begin with.
    #[arg(long, short = 'n', value_name = "N", default_value_t = 20)]
    pub(crate) lines: usize,
    /// CloudEvents, one per line.
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) on: OnDatabase,
}

#[derive(Args, Debug)]
pub(crate) struct ExportArguments {
    #[command(flatten)]
    pub(crate) wanted: Wanted,
    /// What the files are.
    #[arg(long, value_enum, default_value = "parquet")]
    pub(crate) format: Format,
    /// The folder for the files; a new one, or that of an earlier run of the same export.
    #[arg(long, short, value_name = "FOLDER")]
    pub(crate) out: PathBuf,
    /// Positions per stretch: so many events a file holds at most, and so many are done again after an interruption.
    #[arg(long, value_name = "N", default_value_t = 100_000, value_parser = clap::value_parser!(i64).range(1..=1_000_000))]
    pub(crate) stretch: i64,
    #[command(flatten)]
    pub(crate) on: OnDatabase,
}

#[derive(Args, Debug)]
pub(crate) struct Stats {
    #[command(flatten)]
    pub(crate) wanted: Wanted,
    /// Per what.
    #[arg(long, value_enum, default_value = "type")]
    pub(crate) by: By,
    /// One JSON document instead of a table.
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) on: OnDatabase,
}
