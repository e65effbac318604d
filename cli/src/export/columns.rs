//! A table in memory, column by column: the envelope of events of one type, and the fields of their payloads.

use chrono::{DateTime, Datelike, NaiveDate, Utc};
use kernel::{EventData, EventType, FieldKind, Position, Recorded};
use serde_json::Value;

/// 1970-01-01 as chrono counts days.
const EPOCH_DAYS: i32 = 719_163;

/// What a column holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Text,
    Boolean,
    Int32,
    Int64,
    Double,
    /// Microseconds since 1970, UTC.
    Time,
    /// Days since 1970.
    Date,
}

/// The values of a column that are not null.
#[derive(Clone, Debug)]
pub(super) enum Values {
    Text(Vec<Vec<u8>>),
    Boolean(Vec<bool>),
    Int32(Vec<i32>),
    Int64(Vec<i64>),
    Double(Vec<f64>),
}

/// One column.
#[derive(Clone, Debug)]
pub(super) struct Column {
    pub(super) name: &'static str,
    pub(super) kind: Kind,
    /// Whether it is a field of the payload.
    pub(super) in_data: bool,
    pub(super) values: Values,
    /// For each row whether there is a value; empty where there always is one.
    pub(super) present: Vec<bool>,
    pub(super) is_optional: bool,
}

/// Why an event does not fit its table.
#[derive(Debug, thiserror::Error)]
#[error("position {position}: {what}")]
pub struct Misfit {
    /// The event.
    pub position: Position,
    /// What is wrong.
    pub what: String,
}

impl Column {
    fn new(name: &'static str, kind: Kind, is_optional: bool, in_data: bool) -> Self {
        let values = match kind {
            Kind::Text => Values::Text(Vec::new()),
            Kind::Boolean => Values::Boolean(Vec::new()),
            Kind::Int32 | Kind::Date => Values::Int32(Vec::new()),
            Kind::Int64 | Kind::Time => Values::Int64(Vec::new()),
            Kind::Double => Values::Double(Vec::new()),
        };
        Self { name, kind, in_data, values, present: Vec::new(), is_optional }
    }

    fn put(&mut self, value: Option<Cell>) {
        if self.is_optional {
            self.present.push(value.is_some());
        }
        match (&mut self.values, value) {
            (_, None) => {}
            (Values::Text(values), Some(Cell::Text(text))) => values.push(text.into_bytes()),
            (Values::Text(values), Some(Cell::Bytes(bytes))) => values.push(bytes),
            (Values::Boolean(values), Some(Cell::Boolean(value))) => values.push(value),
            (Values::Int32(values), Some(Cell::Int32(value))) => values.push(value),
            (Values::Int64(values), Some(Cell::Int64(value))) => values.push(value),
            (Values::Double(values), Some(Cell::Double(value))) => values.push(value),
            (_, Some(cell)) => unreachable!("{}: {cell:?} is of another kind", self.name),
        }
    }
}

#[derive(Debug)]
enum Cell {
    Text(String),
    /// A text as it was stored, whatever it is.
    Bytes(Vec<u8>),
    Boolean(bool),
    Int32(i32),
    Int64(i64),
    Double(f64),
}

/// Events of one type.
#[derive(Clone, Debug)]
pub(super) struct Table {
    pub(super) columns: Vec<Column>,
    pub(super) rows: usize,
    pub(super) first: Position,
    pub(super) last: Position,
}

/// The columns that every table has.
pub(super) const ENVELOPE: [(&str, Kind, bool); 19] = [
    ("position", Kind::Int64, false),
    ("epoch", Kind::Int32, false),
    ("event_id", Kind::Text, false),
    ("tenant_id", Kind::Text, false),
    ("category", Kind::Text, false),
    ("stream_id", Kind::Text, false),
    ("version", Kind::Int32, false),
    ("type", Kind::Text, false),
    ("schema_version", Kind::Int32, false),
    ("occurred_at", Kind::Time, false),
    ("recorded_at", Kind::Time, false),
    ("actor_kind", Kind::Text, false),
    ("actor_id", Kind::Text, false),
    ("on_behalf_of", Kind::Text, true),
    ("command_id", Kind::Text, false),
    ("correlation_id", Kind::Text, false),
    ("causation_id", Kind::Text, true),
    ("trace", Kind::Text, true),
    ("number", Kind::Int64, true),
];

impl Table {
    /// With a column per field of the payload.
    pub(super) fn typed(event_type: &EventType) -> Self {
        let field = |field: &kernel::Field| {
            let kind = match field.kind {
                FieldKind::Text | FieldKind::Json => Kind::Text,
                FieldKind::Boolean => Kind::Boolean,
                FieldKind::Integer => Kind::Int64,
                FieldKind::Number => Kind::Double,
                FieldKind::Time => Kind::Time,
                FieldKind::Date => Kind::Date,
            };
            Column::new(field.name, kind, true, true)
        };
        Self::with(event_type.fields.iter().map(field))
    }

    /// With the payload as it is stored, in one column: nothing is lost, and any type fits.
    pub(super) fn raw() -> Self {
        Self::with([Column::new("data", Kind::Text, false, false)].into_iter())
    }

    fn with(more: impl Iterator<Item = Column>) -> Self {
        let envelope = ENVELOPE.iter().map(|(name, kind, optional)| Column::new(name, *kind, *optional, false));
        Self { columns: envelope.chain(more).collect(), rows: 0, first: Position::ZERO, last: Position::ZERO }
    }

    /// Adds a row. The payload of a typed table must be in today's shape.
    pub(super) fn put(&mut self, event: &Recorded<EventData>) -> Result<(), Misfit> {
        let is_raw = self.columns.last().is_some_and(|column| column.name == "data" && !column.in_data);
        let mut payload = None;
        if !is_raw && self.columns.len() > ENVELOPE.len() {
            let parsed = serde_json::from_slice::<Value>(&event.event.data);
            payload = Some(parsed.map_err(|error| Misfit { position: event.position, what: error.to_string() })?);
        }
        let mut cells = envelope(event).into_iter();
        for column in &mut self.columns {
            let cell = match (cells.next(), &payload) {
                (Some(cell), _) => cell,
                (None, Some(payload)) => {
                    cell(column, &payload[column.name]).map_err(|what| Misfit { position: event.position, what })?
                }
                (None, None) => Some(Cell::Bytes(event.event.data.clone())),
            };
            column.put(cell);
        }
        if self.rows == 0 {
            self.first = event.position;
        }
        self.last = event.position;
        self.rows += 1;
        Ok(())
    }
}

const fn micros(time: DateTime<Utc>) -> Cell {
    Cell::Int64(time.timestamp_micros())
}

fn envelope(event: &Recorded<EventData>) -> [Option<Cell>; 19] {
    let id = |id: uuid::Uuid| Some(Cell::Text(id.to_string()));
    let text = |text: &str| Some(Cell::Text(text.to_owned()));
    [
        Some(Cell::Int64(event.position.0)),
        Some(Cell::Int32(event.epoch.0)),
        id(event.event_id.0),
        id(event.tenant_id.0),
        text(&event.category),
        id(event.stream_id),
        Some(Cell::Int32(event.version.0)),
        text(&event.event.event_type),
        Some(Cell::Int32(event.event.schema_version.into())),
        Some(micros(event.occurred_at)),
        Some(micros(event.recorded_at)),
        text(event.actor.kind.as_str()),
        id(event.actor.id.0),
        event.actor.on_behalf_of.and_then(|actor| id(actor.0)),
        id(event.command_id.0),
        id(event.correlation_id.0),
        event.causation_id.and_then(|cause| id(cause.0)),
        event.trace.map(|trace| Cell::Text(trace.to_string())),
        event.number.map(Cell::Int64),
    ]
}

/// A field of a payload. What does not fit its column is an error: a table that leaves it out would be wrong silently.
fn cell(column: &Column, value: &Value) -> Result<Option<Cell>, String> {
    let misfit = || format!("{} does not fit a column of {:?}", column.name, column.kind);
    let cell = match (column.kind, value) {
        (_, Value::Null) => return Ok(None),
        (Kind::Text, Value::String(text)) => Cell::Text(text.clone()),
        (Kind::Text, other) => Cell::Text(other.to_string()),
        (Kind::Boolean, Value::Bool(value)) => Cell::Boolean(*value),
        (Kind::Int64, value) => Cell::Int64(value.as_i64().ok_or_else(misfit)?),
        (Kind::Double, value) => Cell::Double(value.as_f64().ok_or_else(misfit)?),
        (Kind::Time, Value::String(text)) => {
            let time = DateTime::parse_from_rfc3339(text).map_err(|_| misfit())?;
            Cell::Int64(time.timestamp_micros())
        }
        (Kind::Date, Value::String(text)) => {
            let date = text.parse::<NaiveDate>().map_err(|_| misfit())?;
            Cell::Int32(date.num_days_from_ce() - EPOCH_DAYS)
        }
        (Kind::Boolean | Kind::Int32 | Kind::Time | Kind::Date, _) => return Err(misfit()),
    };
    Ok(Some(cell))
}
