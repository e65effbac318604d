//! Where the next page begins: after the last row of this one, whatever is added meanwhile.

use crate::parameters::invalid;
use platform::Problem;
use serde::{Deserialize, Serialize};

/// The sort that a page had, and the values of its last row that place it. Opaque to callers.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Cursor {
    /// The list that it is of.
    #[serde(rename = "l")]
    pub(crate) list: String,
    /// The sort, as in the request.
    #[serde(rename = "s")]
    pub(crate) sort: String,
    /// The sort column and the key columns of the last row, as text.
    #[serde(rename = "v")]
    pub(crate) values: Vec<String>,
}

impl Cursor {
    /// As callers get it: hexadecimal, so that it needs no escaping anywhere.
    pub(crate) fn encode(&self) -> String {
        use std::fmt::Write as _;
        serde_json::to_vec(self).unwrap_or_default().iter().fold(String::new(), |mut text, byte| {
            let _ = write!(text, "{byte:02x}");
            text
        })
    }

    /// Reads what a caller sends back.
    pub(crate) fn decode(text: &str, list: &str, sort: &str, values: usize) -> Result<Self, Problem> {
        let wrong = || {
            invalid("cursor")
                .detail("it is not the next_cursor of a page")
                .remedy("Send next_cursor as it came, or leave it out for the first page.")
        };
        let bytes: Option<Vec<u8>> = text
            .as_bytes()
            .chunks(2)
            .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok().filter(|pair| pair.len() == 2)?, 16).ok())
            .collect();
        let cursor: Self = serde_json::from_slice(&bytes.ok_or_else(wrong)?).map_err(|_| wrong())?;
        if cursor.list != list {
            return Err(wrong());
        }
        if cursor.sort != sort {
            return Err(invalid("cursor")
                .detail(format!("it belongs to a list sorted by {}", cursor.sort))
                .remedy("Keep the sort while you page."));
        }
        if cursor.values.len() != values || cursor.values.iter().any(|value| value.contains('\0')) {
            return Err(wrong());
        }
        Ok(cursor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_comes_back_and_a_made_up_one_does_not() {
        let cursor =
            Cursor {
                list: "a.list".into(), sort: "-created_at".into(), values: vec!["2026-01-01".into(), "é".into()]
            };
        assert_eq!(Cursor::decode(&cursor.encode(), "a.list", "-created_at", 2).unwrap(), cursor);
        assert!(Cursor::decode(&cursor.encode(), "a.list", "created_at", 2).is_err());
        assert!(Cursor::decode(&cursor.encode(), "another.list", "-created_at", 2).is_err());
        for wrong in ["", "zz", "7b", "é", &cursor.encode()[1..]] {
            assert!(Cursor::decode(wrong, "a.list", "-created_at", 2).is_err(), "{wrong}");
        }
    }
}
