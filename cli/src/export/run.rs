//! Exporting: a stretch of the log at a time, each finished by the manifest that lists its files.

use super::columns::{Misfit, Table};
use super::files::{remove_unlisted, sha256, write_durably};
use super::manifest::{Manifest, ManifestError, Part};
use super::{csv, parquet_file};
use chrono::NaiveDate;
use clap::ValueEnum;
use event_store::analysis::{Filter, Finder};
use event_store::{Head, Log, ReadError};
use futures_util::StreamExt as _;
use kernel::{Category, EventData, EventType, Position, Recorded};
use query_api::analyst::Outgoing;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::PathBuf;
use std::pin::pin;
use std::time::Duration;

/// What the files are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// Parquet, with typed columns per event type.
    Parquet,
    /// CSV, with a column per field.
    Csv,
    /// CloudEvents, one per line.
    Ndjson,
    /// Parquet with the payload as it is stored: what an archive holds.
    #[value(skip)]
    Archive,
}

impl Format {
    const fn name(self) -> &'static str {
        match self {
            Self::Parquet => "parquet",
            Self::Csv => "csv",
            Self::Ndjson => "ndjson",
            Self::Archive => "archive",
        }
    }

    const fn extension(self) -> &'static str {
        match self {
            Self::Parquet | Self::Archive => "parquet",
            Self::Csv => "csv",
            Self::Ndjson => "ndjson",
        }
    }
}

/// What is to be exported, and where.
#[derive(Clone, Debug)]
pub struct Export {
    /// What the files are.
    pub format: Format,
    /// Where they go.
    pub folder: PathBuf,
    /// Which events.
    pub filter: Filter,
    /// After this position.
    pub after: Position,
    /// Up to this position, which must be on disk.
    pub up_to: Position,
    /// Positions per stretch: a file holds at most so many events.
    pub stretch: i64,
}

/// How an export ended.
#[derive(Clone, Debug)]
pub struct Exported {
    /// What there is now.
    pub manifest: Manifest,
    /// Where it began this time: after what an earlier run had done.
    pub began_after: Position,
}

/// Why an export stopped. What its manifest lists is good; the same command goes on from there.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// The log could not be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// A manifest cannot be read or written.
    #[error(transparent)]
    Manifest(#[from] ManifestError),
    /// The folder holds another export.
    #[error("{0} holds another export: {1}")]
    Another(PathBuf, &'static str),
    /// A file cannot be written.
    #[error("writing {0}")]
    File(PathBuf, #[source] std::io::Error),
    /// Parquet would not take a table.
    #[error("writing {0}")]
    Parquet(PathBuf, #[source] parquet::errors::ParquetError),
    /// An event does not fit its table.
    #[error("an event does not fit its table")]
    Misfit(#[from] Misfit),
    /// An event cannot be written as it is.
    #[error(
        "the event at position {0} is of a type that this program does not know; export with --format ndjson, or a newer program"
    )]
    Unknown(Position),
    /// An event cannot be written as a `CloudEvent`.
    #[error("the event at position {0} is no JSON")]
    NoJson(Position),
}

type Key = (String, NaiveDate);

enum Open {
    Table(Box<Table>),
    Lines { bytes: Vec<u8>, rows: u64, first: Position, last: Position },
}

impl Export {
    /// Exports, and goes on where an earlier run of the same export ended. `progress` hears up to which position, and how
    /// many events so far.
    ///
    /// # Errors
    /// The log cannot be read, a file cannot be written, or the folder holds something else.
    pub async fn run(
        &self,
        log: &Log,
        head: &Head,
        categories: &[Category],
        progress: impl Fn(Position, u64),
    ) -> Result<Exported, ExportError> {
        let mut manifest = self.begin(head)?;
        let listed: HashSet<&str> = manifest.files.iter().map(|part| part.path.as_str()).collect();
        remove_unlisted(&self.folder, |path| listed.contains(path))
            .map_err(|error| ExportError::File(self.folder.clone(), error))?;
        let began_after = manifest.exported_to;
        let types: HashMap<(&str, &str), EventType> = categories
            .iter()
            .flat_map(|category| category.event_types().into_iter().map(|one| ((category.name, one.name), one)))
            .collect();
        let outgoing = Outgoing::new(head, false);
        while manifest.exported_to < self.up_to {
            let after = manifest.exported_to;
            let to = self.up_to.min(Position(after.0 + self.stretch));
            let mut parts: BTreeMap<Key, Open> = BTreeMap::new();
            let mut rows = 0;
            let mut events = pin!(self.events(log, after, to).await?);
            while let Some(chunk) = events.next().await {
                for event in chunk? {
                    if self.filter.matches(&event) {
                        rows += 1;
                        self.put(&mut parts, event, &types, &outgoing)?;
                    }
                }
            }
            for ((name, day), part) in parts {
                manifest.files.push(self.write(&name, day, part)?);
            }
            manifest.rows += rows;
            manifest.exported_to = to;
            manifest.is_complete = to == self.up_to;
            manifest.write(&self.folder)?;
            progress(to, manifest.rows);
        }
        Ok(Exported { manifest, began_after })
    }

    /// The manifest to go on with.
    fn begin(&self, head: &Head) -> Result<Manifest, ExportError> {
        let filter = format!("{:?}", self.filter);
        let Some(mut found) = Manifest::read(&self.folder)? else {
            return Ok(Manifest {
                layout: "sillage.events.1".to_owned(),
                format: self.format.name().to_owned(),
                log_id: head.log_id,
                epoch: head.epoch,
                filter,
                after: self.after,
                exported_to: self.after,
                is_complete: self.after >= self.up_to,
                rows: 0,
                content_sha256: None,
                files: Vec::new(),
            });
        };
        let another = |what| ExportError::Another(self.folder.clone(), what);
        if found.format != self.format.name() {
            return Err(another("of another format"));
        }
        if found.log_id != head.log_id || found.epoch != head.epoch {
            return Err(another("of another history of the log"));
        }
        if found.filter != filter || found.after != self.after {
            return Err(another("of other events"));
        }
        found.is_complete = found.exported_to >= self.up_to;
        Ok(found)
    }

    /// The events of a stretch, in chunks: by a scan, or by the index where few are wanted.
    async fn events(
        &self,
        log: &Log,
        after: Position,
        to: Position,
    ) -> Result<futures_util::stream::BoxStream<'static, Result<Vec<Recorded<EventData>>, ReadError>>, ReadError> {
        if !self.filter.is_narrow() {
            return Ok(log.scan(after, to, &[]).boxed());
        }
        let finder = Finder::new(log.clone(), log.clone());
        let found = finder.find(&self.filter, after, to, usize::MAX, Duration::MAX).await?;
        Ok(futures_util::stream::once(async { Ok(found.events) }).boxed())
    }

    fn put(
        &self,
        parts: &mut BTreeMap<Key, Open>,
        event: Recorded<EventData>,
        types: &HashMap<(&str, &str), EventType>,
        outgoing: &Outgoing,
    ) -> Result<(), ExportError> {
        let day = event.recorded_at.date_naive();
        let position = event.position;
        if self.format == Format::Archive {
            let part = parts.entry(("events".to_owned(), day)).or_insert_with(|| Open::Table(Table::raw().into()));
            if let Open::Table(table) = part {
                table.put(&event)?;
            }
            return Ok(());
        }
        if self.format == Format::Ndjson {
            let part = parts.entry(("events".to_owned(), day)).or_insert_with(|| Open::Lines {
                bytes: Vec::new(),
                rows: 0,
                first: position,
                last: position,
            });
            if let Open::Lines { bytes, rows, last, .. } = part {
                bytes.extend(outgoing.event(event).map_err(|_| ExportError::NoJson(position))?);
                bytes.push(b'\n');
                *rows += 1;
                *last = position;
            }
            return Ok(());
        }
        let event = outgoing.shown(event);
        let known = types.get(&(event.category.as_str(), event.event.event_type.as_str()));
        let known = known.ok_or(ExportError::Unknown(position))?;
        let name = format!("{}.{}", event.category, event.event.event_type);
        let part = parts.entry((name, day)).or_insert_with(|| Open::Table(Table::typed(known).into()));
        if let Open::Table(table) = part {
            table.put(&event)?;
        }
        Ok(())
    }

    fn write(&self, name: &str, day: NaiveDate, part: Open) -> Result<Part, ExportError> {
        let (rows, first, last) = match &part {
            Open::Table(table) => (table.rows as u64, table.first, table.last),
            Open::Lines { rows, first, last, .. } => (*rows, *first, *last),
        };
        let path = format!("{name}/day={day}/{first}-{last}.{}", self.format.extension());
        let place = self.folder.join(&path);
        let bytes = match part {
            Open::Lines { bytes, .. } => bytes,
            Open::Table(table) if self.format == Format::Csv => csv::written(&table),
            Open::Table(table) => {
                parquet_file::written(*table).map_err(|error| ExportError::Parquet(place.clone(), error))?
            }
        };
        write_durably(&place, &bytes).map_err(|error| ExportError::File(place, error))?;
        let size_bytes = bytes.len() as u64;
        Ok(Part { path, sha256: sha256(&bytes), size_bytes, rows, first_position: first, last_position: last })
    }
}
