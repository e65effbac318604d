//! Rows and keys: structs and tuples whose fields are the columns.

use super::arrays::Array;
use super::error::RowError;
use super::value;
use kernel::Column;
use serde::Serialize;
use serde::ser::{Impossible, SerializeStruct, SerializeTuple, SerializeTupleStruct, Serializer};

/// Appends one row's fields to the columns' arrays. Answers whether the table keeps them exactly.
pub(super) fn row<R: Serialize>(columns: &'static [Column], row: &R, arrays: &mut [Array]) -> Result<bool, RowError> {
    row.serialize(Fields { columns, arrays, next: 0, exact: true })
}

/// Appends one key to the columns' arrays: a single value, or a tuple of them.
pub(super) fn key<K: Serialize>(columns: &'static [Column], key: &K, arrays: &mut [Array]) -> Result<(), RowError> {
    match (columns, arrays) {
        ([column], [array]) => value::encode(column, key, array.grow(), &mut true),
        (_, arrays) => row(columns, key, arrays).map(drop),
    }
}

/// Fields stand in the order of the columns; a struct's are checked by name.
struct Fields<'a> {
    columns: &'static [Column],
    arrays: &'a mut [Array],
    next: usize,
    exact: bool,
}

impl Fields<'_> {
    fn next<T: Serialize + ?Sized>(&mut self, name: Option<&'static str>, field: &T) -> Result<(), RowError> {
        let column = self.columns.get(self.next).filter(|column| name.is_none_or(|name| column.name == name));
        let Some(column) = column else { return Err(RowError::NoColumn(name.unwrap_or("at the end of a tuple"))) };
        value::encode(column, field, self.arrays[self.next].grow(), &mut self.exact)?;
        self.next += 1;
        Ok(())
    }

    fn finish(&self) -> Result<bool, RowError> {
        self.columns.get(self.next).map_or(Ok(self.exact), |column| Err(RowError::NoField(column.name)))
    }
}

impl SerializeStruct for Fields<'_> {
    type Ok = bool;
    type Error = RowError;

    fn serialize_field<T: Serialize + ?Sized>(&mut self, name: &'static str, field: &T) -> Result<(), RowError> {
        self.next(Some(name), field)
    }

    /// What `skip_serializing_if` calls: the column is null then.
    fn skip_field(&mut self, name: &'static str) -> Result<(), RowError> {
        self.next(Some(name), &())
    }

    fn end(self) -> Result<bool, RowError> {
        self.finish()
    }
}

impl SerializeTuple for Fields<'_> {
    type Ok = bool;
    type Error = RowError;

    fn serialize_element<T: Serialize + ?Sized>(&mut self, field: &T) -> Result<(), RowError> {
        self.next(None, field)
    }

    fn end(self) -> Result<bool, RowError> {
        self.finish()
    }
}

impl SerializeTupleStruct for Fields<'_> {
    type Ok = bool;
    type Error = RowError;

    fn serialize_field<T: Serialize + ?Sized>(&mut self, field: &T) -> Result<(), RowError> {
        self.next(None, field)
    }

    fn end(self) -> Result<bool, RowError> {
        self.finish()
    }
}

macro_rules! refuse {
    ($($method:ident($($argument:ty),*) -> $ok:ty;)+) => {$(
        fn $method(self, $(_: $argument),*) -> Result<$ok, RowError> {
            Err(RowError::Other(
                "a row is a struct, and a key of several columns a tuple, whose fields are the columns".to_owned(),
            ))
        }
    )+};
}

impl<'a> Serializer for Fields<'a> {
    type Ok = bool;
    type Error = RowError;
    type SerializeSeq = Impossible<bool, RowError>;
    type SerializeTuple = Fields<'a>;
    type SerializeTupleStruct = Fields<'a>;
    type SerializeTupleVariant = Impossible<bool, RowError>;
    type SerializeMap = Impossible<bool, RowError>;
    type SerializeStruct = Fields<'a>;
    type SerializeStructVariant = Impossible<bool, RowError>;

    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Fields<'a>, RowError> {
        Ok(self)
    }

    fn serialize_tuple(self, _: usize) -> Result<Fields<'a>, RowError> {
        Ok(self)
    }

    fn serialize_tuple_struct(self, _: &'static str, _: usize) -> Result<Fields<'a>, RowError> {
        Ok(self)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, _: &'static str, inner: &T) -> Result<bool, RowError> {
        inner.serialize(self)
    }

    fn serialize_some<T: Serialize + ?Sized>(self, inner: &T) -> Result<bool, RowError> {
        inner.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: &T,
    ) -> Result<bool, RowError> {
        self.serialize_unit()
    }

    refuse! {
        serialize_bool(bool) -> bool;
        serialize_i8(i8) -> bool;
        serialize_i16(i16) -> bool;
        serialize_i32(i32) -> bool;
        serialize_i64(i64) -> bool;
        serialize_u8(u8) -> bool;
        serialize_u16(u16) -> bool;
        serialize_u32(u32) -> bool;
        serialize_u64(u64) -> bool;
        serialize_f32(f32) -> bool;
        serialize_f64(f64) -> bool;
        serialize_char(char) -> bool;
        serialize_str(&str) -> bool;
        serialize_bytes(&[u8]) -> bool;
        serialize_none() -> bool;
        serialize_unit() -> bool;
        serialize_unit_struct(&'static str) -> bool;
        serialize_unit_variant(&'static str, u32, &'static str) -> bool;
        serialize_seq(Option<usize>) -> Self::SerializeSeq;
        serialize_map(Option<usize>) -> Self::SerializeMap;
        serialize_tuple_variant(&'static str, u32, &'static str, usize) -> Self::SerializeTupleVariant;
        serialize_struct_variant(&'static str, u32, &'static str, usize) -> Self::SerializeStructVariant;
    }
}
