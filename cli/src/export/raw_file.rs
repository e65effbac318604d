//! Reading the Parquet files of an archive back into events, without loss.

use super::columns::ENVELOPE;
use chrono::{DateTime, Utc};
use kernel::{
    Actor, ActorId, ActorKind, CommandId, CorrelationId, Epoch, EventData, EventId, Position, Recorded, TenantId,
    Version,
};
use parquet::column::reader::ColumnReader;
use parquet::data_type::ByteArray;
use parquet::errors::{ParquetError, Result};
use parquet::file::reader::{FileReader as _, RowGroupReader, SerializedFileReader};
use std::fs::File;
use std::path::Path;
use std::vec::IntoIter;
use uuid::Uuid;

/// The events of a file, in its order.
///
/// # Errors
/// It cannot be read, or is no file of an archive.
pub(crate) fn read(path: &Path) -> Result<Vec<Recorded<EventData>>> {
    let file = SerializedFileReader::new(File::open(path).map_err(|error| ParquetError::External(error.into()))?)?;
    let names: Vec<&str> =
        file.metadata().file_metadata().schema_descr().columns().iter().map(|one| one.name()).collect();
    let wanted = ENVELOPE.iter().map(|(name, _, _)| *name).chain(["data"]);
    if !wanted.eq(names.iter().copied()) {
        return Err(ParquetError::General(format!("its columns are {}", names.join(", "))));
    }
    let mut events = Vec::new();
    for group in 0..file.num_row_groups() {
        let group = file.get_row_group(group)?;
        let mut columns = Columns::read(&*group)?;
        for _ in 0..columns.rows {
            events.push(columns.event()?);
        }
    }
    Ok(events)
}

/// The columns of a row group, taken row by row.
struct Columns {
    rows: usize,
    longs: Vec<IntoIter<Option<i64>>>,
    integers: Vec<IntoIter<Option<i32>>>,
    texts: Vec<IntoIter<Option<ByteArray>>>,
}

impl Columns {
    fn read(group: &dyn RowGroupReader) -> Result<Self> {
        let rows = usize::try_from(group.metadata().num_rows()).unwrap_or_default();
        let mut columns = Self { rows, longs: Vec::new(), integers: Vec::new(), texts: Vec::new() };
        for index in 0..=ENVELOPE.len() {
            let is_optional = ENVELOPE.get(index).is_some_and(|(_, _, is_optional)| *is_optional);
            let (mut levels, mut given) = (Vec::new(), 0);
            macro_rules! values {
                ($reader:ident) => {{
                    let mut values = Vec::with_capacity(rows);
                    while given < rows {
                        let (records, _, _) = $reader.read_records(
                            rows - given,
                            is_optional.then_some(&mut levels),
                            None,
                            &mut values,
                        )?;
                        if records == 0 {
                            return Err(ParquetError::General("a column ends early".into()));
                        }
                        given += records;
                    }
                    spread(values, &levels, is_optional)
                }};
            }
            match group.get_column_reader(index)? {
                ColumnReader::Int64ColumnReader(mut reader) => columns.longs.push(values!(reader)),
                ColumnReader::Int32ColumnReader(mut reader) => columns.integers.push(values!(reader)),
                ColumnReader::ByteArrayColumnReader(mut reader) => columns.texts.push(values!(reader)),
                _ => return Err(ParquetError::General("a column is of another type".into())),
            }
        }
        Ok(columns)
    }

    /// The next row. Columns of one type are asked in the order of the envelope.
    fn event(&mut self) -> Result<Recorded<EventData>> {
        let mut row =
            Row { longs: self.longs.iter_mut(), integers: self.integers.iter_mut(), texts: self.texts.iter_mut() };
        let position = Position(row.long()?.ok_or_else(missing)?);
        let epoch = Epoch(row.integer()?);
        let event_id = EventId(row.id()?);
        let tenant_id = TenantId(row.id()?);
        let category = row.text()?;
        let stream_id = row.id()?;
        let version = Version(row.integer()?);
        let event_type = row.text()?;
        let schema_version = i16::try_from(row.integer()?).map_err(|_| missing())?;
        let occurred_at = row.time()?;
        let recorded_at = row.time()?;
        let kind = ActorKind::parse(&row.text()?).ok_or_else(missing)?;
        let actor = Actor { kind, id: ActorId(row.id()?), on_behalf_of: row.optional_id()?.map(ActorId) };
        let command_id = CommandId(row.id()?);
        let correlation_id = CorrelationId(row.id()?);
        let causation_id = row.optional_id()?.map(EventId);
        let trace = row.bytes()?.as_ref().map(text).transpose()?.and_then(|trace| trace.parse().ok());
        let number = row.long()?;
        let data = row.bytes()?.ok_or_else(missing)?.data().to_vec();
        Ok(Recorded {
            position,
            epoch,
            event_id,
            tenant_id,
            category,
            stream_id,
            version,
            actor,
            command_id,
            correlation_id,
            causation_id,
            trace,
            occurred_at,
            recorded_at,
            number,
            event: EventData { event_type, schema_version, data },
        })
    }
}

fn spread<T>(values: Vec<T>, levels: &[i16], is_optional: bool) -> IntoIter<Option<T>> {
    if !is_optional {
        return values.into_iter().map(Some).collect::<Vec<_>>().into_iter();
    }
    let mut values = values.into_iter();
    levels.iter().map(|level| if *level > 0 { values.next() } else { None }).collect::<Vec<_>>().into_iter()
}

type Next<'a, T> = std::slice::IterMut<'a, IntoIter<Option<T>>>;

struct Row<'a> {
    longs: Next<'a, i64>,
    integers: Next<'a, i32>,
    texts: Next<'a, ByteArray>,
}

impl Row<'_> {
    fn long(&mut self) -> Result<Option<i64>> {
        next(&mut self.longs)
    }

    fn integer(&mut self) -> Result<i32> {
        next(&mut self.integers)?.ok_or_else(missing)
    }

    fn bytes(&mut self) -> Result<Option<ByteArray>> {
        next(&mut self.texts)
    }

    fn text(&mut self) -> Result<String> {
        text(&self.bytes()?.ok_or_else(missing)?)
    }

    fn optional_id(&mut self) -> Result<Option<Uuid>> {
        let parse = |bytes: ByteArray| Uuid::try_parse_ascii(bytes.data());
        self.bytes()?.map(parse).transpose().map_err(|error| ParquetError::External(error.into()))
    }

    fn id(&mut self) -> Result<Uuid> {
        self.optional_id()?.ok_or_else(missing)
    }

    fn time(&mut self) -> Result<DateTime<Utc>> {
        self.long()?.and_then(DateTime::from_timestamp_micros).ok_or_else(missing)
    }
}

fn next<T>(columns: &mut Next<'_, T>) -> Result<Option<T>> {
    columns.next().and_then(Iterator::next).ok_or_else(missing)
}

fn text(bytes: &ByteArray) -> Result<String> {
    String::from_utf8(bytes.data().to_vec()).map_err(|error| ParquetError::External(error.into()))
}

fn missing() -> ParquetError {
    ParquetError::General("a value is missing, or is none that an event can have".into())
}
