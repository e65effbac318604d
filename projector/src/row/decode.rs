//! Rows and keys out of a query's answer.

use super::error::RowError;
use super::time;
use kernel::{Column, ColumnKind, Table};
use serde::de::value::StrDeserializer;
use serde::de::{DeserializeOwned, DeserializeSeed, Deserializer, Error as _, SeqAccess, Visitor};
use serde::forward_to_deserialize_any;
use sqlx::postgres::{PgRow, PgValueFormat};
use sqlx::{Row, ValueRef};
use std::fmt::Write;
use uuid::Uuid;

/// The columns of a row, quoted, for the select list of a query whose answer [`read`] reads: `"id", "title", …`.
/// With a prefix: `t."id", …`. Personal data is read in its sealed form.
pub fn column_list(columns: &[Column], prefix: &str) -> String {
    columns.iter().enumerate().fold(String::new(), |mut list, (index, column)| {
        let comma = if index == 0 { "" } else { ", " };
        let dot = if prefix.is_empty() { "" } else { "." };
        // Writing to a String cannot fail.
        let _ = write!(list, "{comma}{prefix}{dot}\"{}\"", column.stored_name());
        list
    })
}

/// Reads a row from a query's answer, finding the columns by name; others may stand between them.
///
/// The query must be a prepared one (any with `bind`, or none, through `sqlx::query`): its answer is binary then.
///
/// # Errors
/// A column is missing, or holds what the row's field cannot be.
pub fn read<R: DeserializeOwned>(table: &Table, row: &PgRow) -> Result<R, RowError> {
    values(table.columns, |index| raw(row, &*table.columns[index].stored_name(), &table.columns[index]))
}

/// The same where the columns stand side by side, the first at index `first`.
pub(crate) fn read_at<R: DeserializeOwned>(
    columns: &'static [Column],
    row: &PgRow,
    first: usize,
) -> Result<R, RowError> {
    values(columns, |index| raw(row, first + index, &columns[index]))
}

fn raw<'r, I: sqlx::ColumnIndex<PgRow> + Copy>(
    row: &'r PgRow,
    index: I,
    column: &'static Column,
) -> Result<Option<&'r [u8]>, RowError> {
    let value = row.try_get_raw(index).map_err(|source| RowError::Query { column: column.name, source })?;
    if value.is_null() {
        return Ok(None);
    }
    if value.format() != PgValueFormat::Binary {
        return Err(RowError::damaged(column));
    }
    value.as_bytes().map(Some).map_err(|_| RowError::damaged(column))
}

/// Reads a row or a key whose values `value` gives, by the column's index. A key of one column is that value itself.
pub(super) fn values<'r, T: DeserializeOwned>(
    columns: &'static [Column],
    value: impl Fn(usize) -> Result<Option<&'r [u8]>, RowError>,
) -> Result<T, RowError> {
    T::deserialize(Values { columns, value, next: 0 })
}

struct Values<F> {
    columns: &'static [Column],
    value: F,
    next: usize,
}

impl<'r, F: Fn(usize) -> Result<Option<&'r [u8]>, RowError>> Values<F> {
    fn single(self) -> Result<Value<'r>, RowError> {
        Ok(Value { column: &self.columns[0], bytes: (self.value)(0)? })
    }
}

impl<'de, F: Fn(usize) -> Result<Option<&'de [u8]>, RowError>> SeqAccess<'de> for Values<F> {
    type Error = RowError;

    fn next_element_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, RowError> {
        let Some(column) = self.columns.get(self.next) else { return Ok(None) };
        let bytes = (self.value)(self.next)?;
        self.next += 1;
        let value = match (column.kind, bytes) {
            (ColumnKind::Json, Some(bytes)) => json(column, bytes, |json| seed.deserialize(json)),
            _ => seed.deserialize(Value { column, bytes }),
        };
        value.map(Some).map_err(|error| match error {
            RowError::Other(message) => RowError::Other(format!("column {}: {message}", column.name)),
            RowError::Json(source) => RowError::Other(format!("column {}: {source}", column.name)),
            known => known,
        })
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.columns.len() - self.next)
    }
}

/// `jsonb` is a version byte, always 1, and text.
fn json<'de, T>(
    column: &'static Column,
    bytes: &'de [u8],
    read: impl FnOnce(&mut serde_json::Deserializer<serde_json::de::SliceRead<'de>>) -> serde_json::Result<T>,
) -> Result<T, RowError> {
    let Some((1, text)) = bytes.split_first() else { return Err(RowError::damaged(column)) };
    let mut deserializer = serde_json::Deserializer::from_slice(text);
    let value = read(&mut deserializer)?;
    deserializer.end()?;
    Ok(value)
}

macro_rules! single_value {
    ($($method:ident($($argument:ident: $type:ty),*);)+) => {$(
        fn $method<V: Visitor<'de>>(self, $($argument: $type,)* visitor: V) -> Result<V::Value, RowError> {
            self.single()?.$method($($argument,)* visitor)
        }
    )+};
}

/// A struct and a tuple take the columns one after the other; anything else is a key of one column.
impl<'de, F: Fn(usize) -> Result<Option<&'de [u8]>, RowError>> Deserializer<'de> for Values<F> {
    type Error = RowError;

    fn is_human_readable(&self) -> bool {
        self.columns.len() > 1 || self.columns[0].kind != ColumnKind::Uuid
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, RowError> {
        visitor.visit_seq(self)
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, RowError> {
        visitor.visit_seq(self)
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: usize,
        visitor: V,
    ) -> Result<V::Value, RowError> {
        visitor.visit_seq(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, RowError> {
        visitor.visit_newtype_struct(self)
    }

    single_value! {
        deserialize_any();
        deserialize_bool();
        deserialize_i8();
        deserialize_i16();
        deserialize_i32();
        deserialize_i64();
        deserialize_u8();
        deserialize_u16();
        deserialize_u32();
        deserialize_u64();
        deserialize_f32();
        deserialize_f64();
        deserialize_char();
        deserialize_str();
        deserialize_string();
        deserialize_bytes();
        deserialize_byte_buf();
        deserialize_option();
        deserialize_unit();
        deserialize_unit_struct(name: &'static str);
        deserialize_seq();
        deserialize_map();
        deserialize_enum(name: &'static str, variants: &'static [&'static str]);
        deserialize_identifier();
        deserialize_ignored_any();
    }
}

/// One value in binary; `None` is null.
struct Value<'r> {
    column: &'static Column,
    bytes: Option<&'r [u8]>,
}

impl<'r> Value<'r> {
    fn fixed<const N: usize>(&self, bytes: &[u8]) -> Result<[u8; N], RowError> {
        bytes.try_into().map_err(|_| RowError::damaged(self.column))
    }

    fn text(&self, bytes: &'r [u8]) -> Result<&'r str, RowError> {
        std::str::from_utf8(bytes).map_err(|_| RowError::damaged(self.column))
    }
}

impl<'de> Deserializer<'de> for Value<'de> {
    type Error = RowError;

    /// As when writing: UUIDs are bytes and everything else is the text that people read.
    fn is_human_readable(&self) -> bool {
        self.column.kind != ColumnKind::Uuid
    }

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, RowError> {
        let Some(bytes) = self.bytes else { return visitor.visit_none() };
        let damaged = || RowError::damaged(self.column);
        match self.column.kind {
            ColumnKind::Uuid => visitor.visit_bytes(&self.fixed::<16>(bytes)?),
            ColumnKind::Text | ColumnKind::Personal => visitor.visit_borrowed_str(self.text(bytes)?),
            ColumnKind::Boolean => visitor.visit_bool(self.fixed::<1>(bytes)? == [1]),
            ColumnKind::Integer => visitor.visit_i32(i32::from_be_bytes(self.fixed(bytes)?)),
            ColumnKind::BigInt => visitor.visit_i64(i64::from_be_bytes(self.fixed(bytes)?)),
            ColumnKind::Double => visitor.visit_f64(f64::from_be_bytes(self.fixed(bytes)?)),
            ColumnKind::Timestamp => {
                let text = time::instant_text(i64::from_be_bytes(self.fixed(bytes)?)).ok_or_else(damaged)?;
                visitor.visit_str(text.as_str())
            }
            ColumnKind::Date => {
                let text = time::date_text(i32::from_be_bytes(self.fixed(bytes)?)).ok_or_else(damaged)?;
                visitor.visit_str(text.as_str())
            }
            ColumnKind::Json => json(self.column, bytes, |json| json.deserialize_any(visitor)),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, RowError> {
        if self.bytes.is_none() { visitor.visit_none() } else { visitor.visit_some(self) }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, RowError> {
        visitor.visit_newtype_struct(self)
    }

    /// A string field in a UUID column gets the hyphenated text.
    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, RowError> {
        match (self.column.kind, self.bytes) {
            (ColumnKind::Uuid, Some(bytes)) => {
                let id = Uuid::from_bytes(self.fixed(bytes)?);
                visitor.visit_str(id.hyphenated().encode_lower(&mut Uuid::encode_buffer()))
            }
            _ => self.deserialize_any(visitor),
        }
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, RowError> {
        self.deserialize_str(visitor)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, RowError> {
        match (self.column.kind, self.bytes) {
            (ColumnKind::Text, Some(bytes)) => visitor.visit_enum(StrDeserializer::new(self.text(bytes)?)),
            _ => Err(RowError::custom("an enumeration is kept in a text column")),
        }
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char bytes byte_buf unit unit_struct seq tuple
        tuple_struct map struct identifier ignored_any
    }
}
