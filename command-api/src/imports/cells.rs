//! From cells to values, noting what is wrong with each.

use super::columns::folded;
use super::file::{Cell, Flaw, RawRow};
use crate::late::EARLIEST_YEAR;
use chrono::{DateTime, Datelike, NaiveDate, NaiveDateTime, TimeDelta, Utc};
use domain::support::Tags;
use domain::support::import::{ImportField, ImportProblem};
use domain::time_zone::TimeZone;
use kernel::{Labelled, Language, Text};
use serde::de::DeserializeOwned;

/// How far the clocks of another desk may run ahead.
const CLOCK_SKEW: TimeDelta = TimeDelta::minutes(5);

/// As which moments times are read.
#[derive(Clone, Copy, Debug)]
pub(super) struct Clocks {
    /// The server's time.
    pub(super) now: DateTime<Utc>,
    /// Where times are meant that say no zone.
    pub(super) zone: TimeZone,
}

/// The cells of a row while they are read.
pub(super) struct Cells<'a> {
    row: &'a RawRow,
    clocks: Clocks,
    flaws: Vec<Flaw>,
}

impl<'a> Cells<'a> {
    pub(super) fn of(row: &'a RawRow, clocks: Clocks) -> Self {
        Self { row, clocks, flaws: row.flaw.into_iter().collect() }
    }

    /// What is wrong with the row so far.
    pub(super) fn into_flaws(self) -> Vec<Flaw> {
        self.flaws
    }

    pub(super) fn is_flawless(&self) -> bool {
        self.flaws.is_empty()
    }

    pub(super) fn wrong<T>(&mut self, field: ImportField, problem: ImportProblem) -> Option<T> {
        self.flaws.push((Some(field), problem));
        None
    }

    /// What stands there as one text.
    pub(super) fn plain(&mut self, field: ImportField) -> Option<&'a str> {
        match self.row.cells.get(&field)? {
            Cell::Text(text) => Some(text.trim()),
            Cell::Many(_) | Cell::Said(_) => self.wrong(field, ImportProblem::NotReadable),
        }
    }

    pub(super) fn needed<T>(&mut self, field: ImportField, value: Option<T>) -> Option<T> {
        let is_there = self.row.cells.contains_key(&field) || self.row.flaw.is_some();
        if value.is_none() && !is_there { self.wrong(field, ImportProblem::Missing) } else { value }
    }

    pub(super) fn text<const MIN: usize, const MAX: usize>(&mut self, field: ImportField) -> Option<Text<MIN, MAX>> {
        let text = self.plain(field)?;
        // Line breaks of all systems are one.
        let text = text.replace("\r\n", "\n").replace('\r', "\n");
        Text::parse(&text).ok().or_else(|| self.wrong(field, ImportProblem::TextNotUsable))
    }

    /// One of the known values, in any spelling that commands accept, or as people call it.
    pub(super) fn value<L: Labelled + DeserializeOwned>(&mut self, field: ImportField) -> Option<L> {
        let text = self.plain(field)?;
        let spelled = serde_json::from_value::<L>(text.into()).ok();
        let wanted = folded(text);
        let called = || {
            let names = |value: &&L| {
                [value.as_str(), value.label(Language::En), value.label(Language::Fr)].map(folded).contains(&wanted)
            };
            L::ALL.iter().find(names).copied()
        };
        spelled.or_else(called).or_else(|| self.wrong(field, ImportProblem::UnknownValue))
    }

    pub(super) fn tags(&mut self) -> Tags {
        let field = ImportField::Tags;
        let parsed = match self.row.cells.get(&field) {
            None => return Tags::default(),
            Some(Cell::Many(tags)) => Tags::parse(tags.iter().map(String::as_str)),
            Some(Cell::Text(text)) => {
                Tags::parse(text.split([',', ';', '|']).map(str::trim).filter(|tag| !tag.is_empty()))
            }
            Some(Cell::Said(_)) => return self.wrong(field, ImportProblem::NotReadable).unwrap_or_default(),
        };
        parsed.ok().or_else(|| self.wrong(field, ImportProblem::TextNotUsable)).unwrap_or_default()
    }

    pub(super) fn time(&mut self, field: ImportField) -> Option<DateTime<Utc>> {
        let text = self.plain(field)?;
        self.moment(field, text)
    }

    /// A time as it is written: RFC 3339, or by the clocks of the file's zone.
    pub(super) fn moment(&mut self, field: ImportField, text: &str) -> Option<DateTime<Utc>> {
        let Some(at) = read_time(text.trim(), self.clocks.zone) else {
            return self.wrong(field, ImportProblem::TimeNotReadable);
        };
        let at = DateTime::from_timestamp_micros(at.timestamp_micros()).unwrap_or_default();
        if at.year() < EARLIEST_YEAR || at > self.clocks.now + CLOCK_SKEW {
            return self.wrong(field, ImportProblem::TimeOutOfRange);
        }
        Some(at.min(self.clocks.now))
    }

    /// What was said, as it stands.
    pub(super) fn said(&mut self) -> &'a [super::file::Said] {
        match self.row.cells.get(&ImportField::Messages) {
            None => &[],
            Some(Cell::Said(said)) => said,
            Some(Cell::Text(_) | Cell::Many(_)) => {
                self.flaws.push((Some(ImportField::Messages), ImportProblem::NotReadable));
                &[]
            }
        }
    }
}

fn read_time(text: &str, zone: TimeZone) -> Option<DateTime<Utc>> {
    const LOCAL: [&str; 6] = [
        "%Y-%m-%d %H:%M:%S%.f",
        "%Y-%m-%dT%H:%M:%S%.f",
        "%Y-%m-%d %H:%M",
        "%Y-%m-%dT%H:%M",
        "%d/%m/%Y %H:%M:%S",
        "%d/%m/%Y %H:%M",
    ];
    if let Ok(at) = DateTime::parse_from_rfc3339(text) {
        return Some(at.to_utc());
    }
    let local = LOCAL.iter().find_map(|form| NaiveDateTime::parse_from_str(text, form).ok());
    let day = || ["%Y-%m-%d", "%d/%m/%Y"].iter().find_map(|form| NaiveDate::parse_from_str(text, form).ok());
    // A day alone is its noon: whoever reads it elsewhere still finds that day.
    local.or_else(|| day()?.and_hms_opt(12, 0, 0)).map(|local| zone.when_clocks_show(local))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_as_people_write_them() {
        let paris = TimeZone::default();
        let noon = "2025-03-31T10:05:00Z".parse::<DateTime<Utc>>().unwrap();
        for text in [
            "2025-03-31T12:05:00+02:00",
            "2025-03-31T10:05:00Z",
            "2025-03-31 12:05",
            "2025-03-31 12:05:00",
            "2025-03-31T12:05:00.000",
            "31/03/2025 12:05",
            "31/03/2025 12:05:00",
        ] {
            assert_eq!(read_time(text, paris), Some(noon), "{text}");
        }
        assert_eq!(read_time("31/03/2025", paris), Some(noon - TimeDelta::minutes(5)));
        for text in ["", "yesterday", "03/31/2025", "2025-02-30", "1743415500", "31-03-2025"] {
            assert_eq!(read_time(text, paris), None, "{text}");
        }
    }
}
