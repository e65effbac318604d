//! A table as CSV (RFC 4180), safe to open in a spreadsheet.

use super::columns::{Column, Kind, Table, Values};
use chrono::{DateTime, SecondsFormat, TimeDelta};
use std::fmt::Write as _;

/// The file's bytes: a heading, then a row per event. Fields of the payload are named `data.<field>`.
pub(super) fn written(table: &Table) -> Vec<u8> {
    let mut text = String::with_capacity(table.rows * 256);
    for (nth, column) in table.columns.iter().enumerate() {
        let separator = if nth > 0 { "," } else { "" };
        let _ = write!(text, "{separator}{}{}", if column.in_data { "data." } else { "" }, column.name);
    }
    text.push_str("\r\n");
    let mut next = vec![0; table.columns.len()];
    for row in 0..table.rows {
        for (nth, column) in table.columns.iter().enumerate() {
            if nth > 0 {
                text.push(',');
            }
            if column.present.get(row).copied().unwrap_or(true) {
                put(&mut text, column, next[nth]);
                next[nth] += 1;
            }
        }
        text.push_str("\r\n");
    }
    text.into_bytes()
}

fn put(text: &mut String, column: &Column, at: usize) {
    let _ = match &column.values {
        Values::Text(values) => {
            escape(text, &String::from_utf8_lossy(&values[at]));
            Ok(())
        }
        Values::Boolean(values) => write!(text, "{}", values[at]),
        Values::Int32(values) if column.kind == Kind::Date => {
            let date = DateTime::UNIX_EPOCH.date_naive() + TimeDelta::days(values[at].into());
            write!(text, "{date}")
        }
        Values::Int32(values) => write!(text, "{}", values[at]),
        Values::Int64(values) if column.kind == Kind::Time => {
            let time = DateTime::from_timestamp_micros(values[at]).unwrap_or_default();
            write!(text, "{}", time.to_rfc3339_opts(SecondsFormat::Micros, true))
        }
        Values::Int64(values) => write!(text, "{}", values[at]),
        Values::Double(values) => write!(text, "{}", values[at]),
    };
}

/// What a spreadsheet would take for a formula gets an apostrophe in front (OWASP ASVS 1.2.10).
fn escape(text: &mut String, cell: &str) {
    let is_formula = cell.starts_with(['=', '+', '-', '@', '\t', '\r']);
    let needs_quotes = is_formula || cell.contains([',', '"', '\r', '\n']);
    if !needs_quotes {
        text.push_str(cell);
        return;
    }
    text.push('"');
    if is_formula {
        text.push('\'');
    }
    for letter in cell.chars() {
        if letter == '"' {
            text.push('"');
        }
        text.push(letter);
    }
    text.push('"');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_is_one_cell_and_never_a_formula() {
        let escaped = |cell: &str| {
            let mut text = String::new();
            escape(&mut text, cell);
            text
        };
        assert_eq!(escaped("plain é"), "plain é");
        assert_eq!(escaped("a \"b\", c\r\nd"), "\"a \"\"b\"\", c\r\nd\"");
        for formula in ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1"] {
            assert_eq!(escaped(formula), format!("\"'{formula}\""));
        }
    }
}
