//! From the bytes of a file to rows of cells: CSV with a header, or one JSON object per line. What cannot be a file of rows at
//! all is a problem of the request; what is wrong in one row is a flaw of that row.

use super::columns;
use axum::http::StatusCode;
use domain::support::import::{ImportField, ImportKind, ImportProblem};
use platform::Problem;
use serde::Serialize;
use serde_json::{Map, Value};
use std::collections::{BTreeMap, HashSet};
use utoipa::ToSchema;

/// Longest file.
pub const MAX_BYTES: usize = 8 * 1024 * 1024;
/// Rows in one file.
pub(super) const MAX_ROWS: usize = 10_000;
/// Columns in one file.
const MAX_COLUMNS: usize = 100;
/// Letters in one cell: more than any text here may have.
const MAX_CELL_BYTES: usize = 256 * 1024;
/// Messages on one ticket.
const MAX_MESSAGES: usize = 200;
/// Bytes of a heading that are told back.
const HEADING_CHARS: usize = 60;

/// How a file is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum FileFormat {
    /// A header, then a line per row.
    Csv,
    /// A JSON object per line.
    Ndjson,
}

/// A column, and what it is taken for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub(super) struct ImportColumn {
    /// Its heading.
    heading: String,
    /// What it means; nothing: it is left out.
    field: Option<ImportField>,
}

/// What a file holds.
#[derive(Debug)]
pub(super) struct RawFile {
    pub(super) columns: Vec<ImportColumn>,
    pub(super) rows: Vec<RawRow>,
}

/// A row, before anybody has looked into its cells.
#[derive(Debug, Default)]
pub(super) struct RawRow {
    /// 1, 2, 3, … without the header.
    pub(super) row: i32,
    /// Where it begins.
    pub(super) line: i32,
    pub(super) cells: BTreeMap<ImportField, Cell>,
    /// Why there are no cells.
    pub(super) flaw: Option<Flaw>,
}

/// What is wrong with a row.
pub(super) type Flaw = (Option<ImportField>, ImportProblem);

/// What stands in a cell.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Cell {
    Text(String),
    Many(Vec<String>),
    Said(Vec<Said>),
}

/// A message as the file has it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Said {
    pub(super) at: String,
    pub(super) by: String,
    pub(super) text: String,
}

/// Reads a file.
///
/// # Errors
/// 422: it is no UTF-8, holds NUL, has no rows or too much, or lacks a column.
pub(super) fn read(kind: ImportKind, format: FileFormat, bytes: &[u8]) -> Result<RawFile, Problem> {
    let text = std::str::from_utf8(bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes)).map_err(|error| {
        unusable("import_encoding", "The file is not written in UTF-8")
            .detail(format!("byte {} is not", error.valid_up_to() + 1))
            .remedy("Save it as \u{ab} CSV UTF-8 \u{bb}, and send it again.")
    })?;
    if let Some(at) = text.bytes().position(|byte| byte == 0) {
        return Err(unusable("import_nul", "The file holds characters that no text has")
            .detail(format!("byte {} is NUL", at + 1))
            .remedy("Export it again as text; files of spreadsheets themselves (.xlsx, .ods) are not taken."));
    }
    let file = match format {
        FileFormat::Csv => csv(kind, text)?,
        FileFormat::Ndjson => ndjson(kind, text)?,
    };
    if file.rows.is_empty() {
        return Err(unusable("import_empty", "The file has no rows").remedy("Send a header and at least one row."));
    }
    let known: HashSet<ImportField> = file.columns.iter().filter_map(|column| column.field).collect();
    let missing: Vec<&str> = columns::needed(kind)
        .iter()
        .filter(|field| !known.contains(field))
        .map(|field| kernel::Labelled::as_str(*field))
        .collect();
    if missing.is_empty() {
        Ok(file)
    } else {
        let found: Vec<&str> = file.columns.iter().map(|column| column.heading.as_str()).take(20).collect();
        Err(unusable("import_columns_missing", "The file lacks columns")
            .detail(format!("it has no {}; its columns are {}", missing.join(", "), found.join(", ")))
            .remedy("Name the columns in the first line, as docs/import.md lists them."))
    }
}

fn csv(kind: ImportKind, text: &str) -> Result<RawFile, Problem> {
    let mut reader = csv::ReaderBuilder::new()
        .delimiter(delimiter(text))
        .flexible(true)
        .has_headers(true)
        .from_reader(text.as_bytes());
    let headings = reader.headers().map_err(|error| unreadable(&error))?.clone();
    let columns = headed(kind, &headings)?;
    let mut rows = Vec::new();
    let mut record = csv::StringRecord::new();
    while reader.read_record(&mut record).map_err(|error| unreadable(&error))? {
        let number = next_row(rows.len())?;
        let mut row = RawRow { row: number, line: line_of(text, record.position()), ..RawRow::default() };
        // Spreadsheets leave empty cells out at the end of a line, or add some.
        let beyond = record.iter().skip(columns.len()).any(|cell| !cell.trim().is_empty());
        if beyond || (record.len() < columns.len() && record.len() == 1) {
            row.flaw = Some((None, ImportProblem::WrongCellCount));
        } else {
            for (column, cell) in columns.iter().zip(&record) {
                let Some(field) = column.field.filter(|_| !cell.trim().is_empty()) else { continue };
                if cell.len() > MAX_CELL_BYTES {
                    row.flaw = Some((Some(field), ImportProblem::TooMuch));
                }
                row.cells.insert(field, Cell::Text(cell.to_owned()));
            }
        }
        rows.push(row);
    }
    Ok(RawFile { columns, rows })
}

/// The line on which a row begins: behind the end of the row before, and behind empty lines.
fn line_of(text: &str, before: Option<&csv::Position>) -> i32 {
    let Some(before) = before else { return 0 };
    let from = usize::try_from(before.byte()).unwrap_or_default();
    let ends = text.as_bytes().get(from..).unwrap_or_default().iter().take_while(|byte| matches!(byte, b'\r' | b'\n'));
    let skipped = ends.filter(|byte| **byte == b'\n').count() as u64;
    i32::try_from(before.line() + skipped).unwrap_or(i32::MAX)
}

/// What stands between the cells of the header.
fn delimiter(text: &str) -> u8 {
    let mut quoted = false;
    let header = text.bytes().take_while(|byte| {
        quoted ^= *byte == b'"';
        quoted || *byte != b'\n'
    });
    let mut counts = [(b',', 0), (b';', 0), (b'\t', 0)];
    let mut quoted = false;
    for byte in header {
        quoted ^= byte == b'"';
        for (delimiter, count) in &mut counts {
            *count += usize::from(!quoted && byte == *delimiter);
        }
    }
    // The first of equals: a file with one column has commas.
    counts.into_iter().rev().max_by_key(|(_, count)| *count).map_or(b',', |(delimiter, _)| delimiter)
}

/// What the headings mean.
fn headed(kind: ImportKind, headings: &csv::StringRecord) -> Result<Vec<ImportColumn>, Problem> {
    if headings.len() > MAX_COLUMNS {
        return Err(too_many_columns(headings.len()));
    }
    let mut known = HashSet::new();
    let mut columns = Vec::with_capacity(headings.len());
    for heading in headings {
        let field = columns::field(kind, heading);
        if let Some(field) = field.filter(|field| !known.insert(*field)) {
            return Err(unusable("import_column_twice", "Two columns mean the same")
                .detail(format!("{} is there twice, the second time as {:?}", field, short(heading)))
                .remedy("Rename or remove one of them."));
        }
        columns.push(ImportColumn { heading: short(heading), field });
    }
    Ok(columns)
}

fn ndjson(kind: ImportKind, text: &str) -> Result<RawFile, Problem> {
    let mut columns: Vec<ImportColumn> = Vec::new();
    let mut rows = Vec::new();
    for (line, written) in (1..).zip(text.lines()).filter(|(_, line)| !line.trim().is_empty()) {
        let mut row = RawRow { row: next_row(rows.len())?, line, ..RawRow::default() };
        match platform::json::parse_bytes::<Map<String, Value>>(written.trim().as_bytes()) {
            Err(_) => row.flaw = Some((None, ImportProblem::NotReadable)),
            Ok(object) => {
                for (name, value) in object {
                    let field = columns::field(kind, &name);
                    let heading = short(&name);
                    if !columns.iter().any(|column| column.heading == heading) {
                        columns.push(ImportColumn { heading, field });
                        if columns.len() > MAX_COLUMNS {
                            return Err(too_many_columns(columns.len()));
                        }
                    }
                    let Some(field) = field else { continue };
                    match cell(value) {
                        Ok(None) => {}
                        Ok(Some(cell)) if row.cells.contains_key(&field) => {
                            drop(cell);
                            row.flaw = Some((Some(field), ImportProblem::NotReadable));
                        }
                        Ok(Some(cell)) => {
                            row.cells.insert(field, cell);
                        }
                        Err(problem) => row.flaw = Some((Some(field), problem)),
                    }
                }
            }
        }
        rows.push(row);
    }
    Ok(RawFile { columns, rows })
}

/// What a JSON value is as a cell.
fn cell(value: Value) -> Result<Option<Cell>, ImportProblem> {
    let text = |value: &Value| value.as_str().map(str::to_owned).ok_or(ImportProblem::NotReadable);
    match value {
        Value::Null => Ok(None),
        Value::String(text) if text.trim().is_empty() => Ok(None),
        Value::String(text) if text.len() > MAX_CELL_BYTES => Err(ImportProblem::TooMuch),
        Value::String(text) => Ok(Some(Cell::Text(text))),
        Value::Number(number) => Ok(Some(Cell::Text(number.to_string()))),
        Value::Array(items) if items.is_empty() => Ok(None),
        Value::Array(items) if items.len() > MAX_MESSAGES => Err(ImportProblem::TooMuch),
        Value::Array(items) if items.iter().all(Value::is_object) => {
            let said = items.iter().map(|item| {
                let known = item
                    .as_object()
                    .is_some_and(|it| it.keys().all(|key| ["at", "by", "text"].contains(&key.as_str())));
                let (at, by, said) = (text(&item["at"])?, text(&item["by"])?, text(&item["text"])?);
                if known { Ok(Said { at, by, text: said }) } else { Err(ImportProblem::NotReadable) }
            });
            said.collect::<Result<_, _>>().map(|said| Some(Cell::Said(said)))
        }
        Value::Array(items) => items.iter().map(text).collect::<Result<_, _>>().map(|many| Some(Cell::Many(many))),
        Value::Bool(_) | Value::Object(_) => Err(ImportProblem::NotReadable),
    }
}

fn next_row(so_far: usize) -> Result<i32, Problem> {
    match i32::try_from(so_far + 1) {
        Ok(row) if so_far < MAX_ROWS => Ok(row),
        _ => Err(unusable("import_too_many_rows", "The file has too many rows")
            .detail(format!("it has more than {MAX_ROWS}"))
            .remedy("Split it, and send the parts one after the other.")),
    }
}

fn too_many_columns(columns: usize) -> Problem {
    unusable("import_too_many_columns", "The file has too many columns")
        .detail(format!("it has {columns}"))
        .remedy("Leave out what is not needed: at most 100 columns are taken.")
}

fn unreadable(error: &csv::Error) -> Problem {
    let line = error.position().map_or(1, csv::Position::line);
    unusable("import_csv_invalid", "The file cannot be read as CSV")
        .detail(format!("reading ends at line {line}"))
        .remedy("Export it again as CSV, with quotes around cells that hold separators or line breaks.")
}

pub(super) fn unusable(code: &'static str, title: &'static str) -> Problem {
    Problem::new(StatusCode::UNPROCESSABLE_ENTITY, code, title)
}

/// A heading as it is told back.
fn short(heading: &str) -> String {
    heading.trim().chars().filter(|letter| !letter.is_control()).take(HEADING_CHARS).collect()
}
