//! One value: from serde to the bytes that Postgres expects, with the length before them.

use super::error::RowError;
use super::time::{self, ShortText};
use kernel::{Column, ColumnKind};
use serde::Serialize;
use serde::ser::{Impossible, Serializer};
use std::fmt::{Display, Write};
use uuid::Uuid;

/// The length that stands for null.
pub(super) const NULL: [u8; 4] = (-1_i32).to_be_bytes();

/// Appends one value to `out`: four bytes of length, then the value, as in an array and in a binary `COPY`.
///
/// Clears `exact` where the column keeps less than the value says: an instant finer than a microsecond.
pub(super) fn encode<T: Serialize + ?Sized>(
    column: &'static Column,
    value: &T,
    out: &mut Vec<u8>,
    exact: &mut bool,
) -> Result<(), RowError> {
    if column.kind == ColumnKind::Json {
        return json(column, value, out);
    }
    value.serialize(Value { column, out, exact })
}

pub(super) fn null(column: &Column, out: &mut Vec<u8>) -> Result<(), RowError> {
    if !column.nullable {
        return Err(RowError::Null { column: column.name });
    }
    out.extend_from_slice(&NULL);
    Ok(())
}

/// Runs `write`, and puts the length of what it wrote before it.
fn sized(out: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>) -> Result<(), RowError>) -> Result<(), RowError> {
    let start = out.len();
    out.extend_from_slice(&NULL);
    write(out)?;
    let length = out.len() - start - NULL.len();
    let length = i32::try_from(length).map_err(|_| RowError::Other("a value has more than 2 GiB".to_owned()))?;
    out[start..start + NULL.len()].copy_from_slice(&length.to_be_bytes());
    Ok(())
}

/// `jsonb` is a version byte and text. `None` in a nullable column is SQL's null, not JSON's.
fn json<T: Serialize + ?Sized>(column: &'static Column, value: &T, out: &mut Vec<u8>) -> Result<(), RowError> {
    let start = out.len();
    sized(out, |out| {
        out.push(1);
        serde_json::to_writer(out, value).map_err(RowError::Json)
    })?;
    let text = &out[start + NULL.len() + 1..];
    if column.nullable && text == b"null" {
        out.truncate(start);
        return null(column, out);
    }
    if has_escaped_nul(text) {
        return Err(RowError::Nul { column: column.name });
    }
    Ok(())
}

/// Whether JSON text has a `\u0000` whose backslash is not itself escaped.
fn has_escaped_nul(text: &[u8]) -> bool {
    let mut rest = text;
    while let Some(at) = rest.iter().position(|byte| *byte == b'\\') {
        if rest[at..].starts_with(b"\\u0000") {
            return true;
        }
        rest = rest.get(at + 2..).unwrap_or_default();
    }
    false
}

struct Value<'a> {
    column: &'static Column,
    out: &'a mut Vec<u8>,
    exact: &'a mut bool,
}

impl Value<'_> {
    fn put<const N: usize>(self, bytes: [u8; N]) {
        let length = i32::try_from(N).unwrap_or(i32::MAX);
        self.out.extend_from_slice(&length.to_be_bytes());
        self.out.extend_from_slice(&bytes);
    }

    fn integer(self, value: i64) -> Result<(), RowError> {
        match self.column.kind {
            ColumnKind::Integer => {
                let value = i32::try_from(value).map_err(|_| RowError::out_of_range(self.column, &value))?;
                self.put(value.to_be_bytes());
            }
            ColumnKind::BigInt => self.put(value.to_be_bytes()),
            _ => return Err(RowError::mismatch(self.column, "an integer")),
        }
        Ok(())
    }

    fn text(self, text: &str) -> Result<(), RowError> {
        let column = self.column;
        let wrong = || RowError::out_of_range(column, text);
        match column.kind {
            ColumnKind::Text | ColumnKind::Personal => {
                if text.as_bytes().contains(&0) {
                    return Err(RowError::Nul { column: column.name });
                }
                sized(self.out, |out| {
                    out.extend_from_slice(text.as_bytes());
                    Ok(())
                })?;
            }
            ColumnKind::Uuid => self.put(Uuid::try_parse(text).map_err(|_| wrong())?.into_bytes()),
            ColumnKind::Timestamp => {
                let (micros, exact) = time::instant(text).ok_or_else(wrong)?;
                *self.exact &= exact;
                self.put(micros.to_be_bytes());
            }
            ColumnKind::Date => self.put(time::date(text).ok_or_else(wrong)?.to_be_bytes()),
            _ => return Err(RowError::mismatch(column, "text")),
        }
        Ok(())
    }

    fn wrong<T>(self, found: &'static str) -> Result<T, RowError> {
        Err(RowError::mismatch(self.column, found))
    }
}

impl Serializer for Value<'_> {
    type Ok = ();
    type Error = RowError;
    type SerializeSeq = Impossible<(), RowError>;
    type SerializeTuple = Impossible<(), RowError>;
    type SerializeTupleStruct = Impossible<(), RowError>;
    type SerializeTupleVariant = Impossible<(), RowError>;
    type SerializeMap = Impossible<(), RowError>;
    type SerializeStruct = Impossible<(), RowError>;
    type SerializeStructVariant = Impossible<(), RowError>;

    /// UUIDs come as bytes and everything else as the text that people read.
    fn is_human_readable(&self) -> bool {
        self.column.kind != ColumnKind::Uuid
    }

    fn serialize_bool(self, value: bool) -> Result<(), RowError> {
        if self.column.kind != ColumnKind::Boolean {
            return self.wrong("a boolean");
        }
        self.put([u8::from(value)]);
        Ok(())
    }

    fn serialize_i8(self, value: i8) -> Result<(), RowError> {
        self.integer(value.into())
    }

    fn serialize_i16(self, value: i16) -> Result<(), RowError> {
        self.integer(value.into())
    }

    fn serialize_i32(self, value: i32) -> Result<(), RowError> {
        self.integer(value.into())
    }

    fn serialize_i64(self, value: i64) -> Result<(), RowError> {
        self.integer(value)
    }

    fn serialize_u8(self, value: u8) -> Result<(), RowError> {
        self.integer(value.into())
    }

    fn serialize_u16(self, value: u16) -> Result<(), RowError> {
        self.integer(value.into())
    }

    fn serialize_u32(self, value: u32) -> Result<(), RowError> {
        self.integer(value.into())
    }

    fn serialize_u64(self, value: u64) -> Result<(), RowError> {
        let signed = i64::try_from(value).map_err(|_| RowError::out_of_range(self.column, &value))?;
        self.integer(signed)
    }

    fn serialize_f32(self, value: f32) -> Result<(), RowError> {
        self.serialize_f64(value.into())
    }

    fn serialize_f64(self, value: f64) -> Result<(), RowError> {
        if self.column.kind != ColumnKind::Double {
            return self.wrong("a floating-point number");
        }
        self.put(value.to_be_bytes());
        Ok(())
    }

    fn serialize_char(self, value: char) -> Result<(), RowError> {
        self.text(value.encode_utf8(&mut [0; 4]))
    }

    fn serialize_str(self, value: &str) -> Result<(), RowError> {
        self.text(value)
    }

    fn serialize_bytes(self, value: &[u8]) -> Result<(), RowError> {
        match (self.column.kind, value.try_into()) {
            (ColumnKind::Uuid, Ok(bytes)) => {
                self.put::<16>(bytes);
                Ok(())
            }
            _ => self.wrong("bytes"),
        }
    }

    fn serialize_none(self) -> Result<(), RowError> {
        null(self.column, self.out)
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), RowError> {
        value.serialize(self)
    }

    fn serialize_unit(self) -> Result<(), RowError> {
        null(self.column, self.out)
    }

    fn serialize_unit_struct(self, _name: &'static str) -> Result<(), RowError> {
        self.wrong("a unit struct")
    }

    fn serialize_unit_variant(self, _: &'static str, _: u32, variant: &'static str) -> Result<(), RowError> {
        self.text(variant)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, _: &'static str, value: &T) -> Result<(), RowError> {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: &T,
    ) -> Result<(), RowError> {
        self.wrong("a variant with a value")
    }

    fn serialize_seq(self, _: Option<usize>) -> Result<Self::SerializeSeq, RowError> {
        self.wrong("a sequence")
    }

    fn serialize_tuple(self, _: usize) -> Result<Self::SerializeTuple, RowError> {
        self.wrong("a tuple")
    }

    fn serialize_tuple_struct(self, _: &'static str, _: usize) -> Result<Self::SerializeTupleStruct, RowError> {
        self.wrong("a tuple")
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Self::SerializeTupleVariant, RowError> {
        self.wrong("a variant with values")
    }

    fn serialize_map(self, _: Option<usize>) -> Result<Self::SerializeMap, RowError> {
        self.wrong("a map")
    }

    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Self::SerializeStruct, RowError> {
        self.wrong("a struct")
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Self::SerializeStructVariant, RowError> {
        self.wrong("a variant with fields")
    }

    /// What chrono gives for instants and dates: printed to the stack, or into place.
    fn collect_str<T: Display + ?Sized>(self, value: &T) -> Result<(), RowError> {
        if let Some(text) = ShortText::of(format_args!("{value}")) {
            return self.text(text.as_str());
        }
        let mut text = String::new();
        write!(text, "{value}").map_err(|_| RowError::mismatch(self.column, "what cannot be printed"))?;
        self.text(&text)
    }
}

#[cfg(test)]
mod tests {
    use super::has_escaped_nul;

    #[test]
    fn a_nul_in_json_is_found_and_a_backslash_before_it_is_not_mistaken() {
        assert!(has_escaped_nul(br#""a\u0000""#));
        assert!(has_escaped_nul(br#""a\\\u0000""#));
        assert!(!has_escaped_nul(br#""a\\u0000""#));
        assert!(!has_escaped_nul(br#""\u0001\"\\""#));
    }
}
