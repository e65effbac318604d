//! Many rows as one Postgres array per column.

use super::error::RowError;
use super::time::{date_text, instant_text};
use super::value::NULL;
use super::{decode, encode};
use kernel::{Column, ColumnKind, Sealed, Table, TenantId};
use serde::Serialize;
use serde::de::DeserializeOwned;
use sqlx::encode::{Encode, IsNull};
use sqlx::error::BoxDynError;
use sqlx::postgres::{PgArgumentBuffer, PgArguments, PgTypeInfo};
use sqlx::query::Query;
use sqlx::{Postgres, Type};
use std::sync::Arc;
use uuid::Uuid;

/// The values of many rows, or of their keys, as arrays in the order of the table's columns: `tenant_id` first and, for
/// rows, `at_position` after them and then the clear texts of personal data.
pub struct Arrays {
    columns: &'static [Column],
    tenant: Array,
    values: Vec<Array>,
    at: Option<Array>,
    /// For each column of personal data of whole rows, by its index: the clear text.
    clear: Vec<(usize, Array)>,
}

impl Arrays {
    /// For whole rows.
    pub fn of_rows(table: &Table) -> Self {
        let clear = |(index, column): (usize, &Column)| {
            (column.kind == ColumnKind::Personal).then(|| (index, Array::new(ColumnKind::Text)))
        };
        let clear = table.columns.iter().enumerate().filter_map(clear).collect();
        Self { at: Some(Array::new(ColumnKind::BigInt)), clear, ..Self::of(table.columns) }
    }

    /// For keys.
    pub fn of_keys(table: &Table) -> Self {
        Self::of(&table.columns[..table.key])
    }

    fn of(columns: &'static [Column]) -> Self {
        let values = columns.iter().map(|column| Array::new(column.kind)).collect();
        Self { columns, tenant: Array::new(ColumnKind::Uuid), values, at: None, clear: Vec::new() }
    }

    /// Adds a row that was last touched by the event at `at`. Answers whether the table keeps it exactly: `false` means that
    /// an instant finer than a microsecond was cut.
    ///
    /// # Errors
    /// The row does not fit the table. The arrays are then of no use until [`Arrays::clear`].
    pub fn push_row<R: Serialize>(&mut self, tenant_id: TenantId, row: &R, at: i64) -> Result<bool, RowError> {
        let exact = encode::row(self.columns, row, &mut self.values)?;
        self.tenant.push(tenant_id.0.as_bytes());
        if let Some(position) = &mut self.at {
            position.push(&at.to_be_bytes());
        }
        Ok(exact)
    }

    /// Adds a key.
    ///
    /// # Errors
    /// The key does not fit the table. The arrays are then of no use until [`Arrays::clear`].
    pub fn push_key<K: Serialize>(&mut self, tenant_id: TenantId, key: &K) -> Result<(), RowError> {
        encode::key(self.columns, key, &mut self.values)?;
        self.tenant.push(tenant_id.0.as_bytes());
        Ok(())
    }

    /// Whether its rows have columns of personal data.
    pub const fn is_personal(&self) -> bool {
        !self.clear.is_empty()
    }

    /// The sealed texts of all rows, column by column; what is null is left out.
    ///
    /// # Errors
    /// A text is not in its sealed form.
    pub fn sealed(&self) -> Result<Vec<(TenantId, Sealed)>, RowError> {
        let mut found = Vec::new();
        for (index, _) in &self.clear {
            let damaged = || RowError::damaged(&self.columns[*index]);
            for (tenant, text) in self.tenant.elements().zip(self.values[*index].elements()) {
                let Some(text) = text else { continue };
                let tenant_id = tenant.and_then(|id| Uuid::from_slice(id).ok()).map(TenantId).ok_or_else(damaged)?;
                let text = std::str::from_utf8(text).ok().and_then(|text| Sealed::parse(text).ok());
                found.push((tenant_id, text.ok_or_else(damaged)?));
            }
        }
        Ok(found)
    }

    /// Adds the clear texts, in the order of [`Arrays::sealed`]; `None` is what was erased.
    ///
    /// # Errors
    /// A text is one that Postgres does not keep.
    pub fn fill(&mut self, texts: impl IntoIterator<Item = Option<Arc<str>>>) -> Result<(), RowError> {
        let mut texts = texts.into_iter();
        for (index, clear) in &mut self.clear {
            clear.clear();
            for sealed in self.values[*index].elements() {
                match sealed.and_then(|_| texts.next().flatten()) {
                    Some(text) if text.as_bytes().contains(&0) => {
                        return Err(RowError::Nul { column: self.columns[*index].name });
                    }
                    Some(text) => clear.push(text.as_bytes()),
                    None => clear.push_null(),
                }
            }
        }
        Ok(())
    }

    /// How many rows or keys were added.
    pub const fn len(&self) -> usize {
        self.tenant.count
    }

    /// Whether none was.
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How much they are, encoded.
    pub fn bytes(&self) -> usize {
        self.arrays().map(|array| array.bytes.len()).sum()
    }

    /// Appends the rows to `out` as the tuples of a binary `COPY`: the columns' arrays cut across.
    pub fn copy_rows(&self, out: &mut Vec<u8>) {
        let fields = i16::try_from(self.arrays().count()).unwrap_or(i16::MAX).to_be_bytes();
        let mut rest: Vec<&[u8]> = self.arrays().map(|array| array.bytes.as_slice()).collect();
        out.reserve(self.bytes() + self.len() * fields.len());
        for _ in 0..self.len() {
            out.extend_from_slice(&fields);
            for bytes in &mut rest {
                // Four bytes of length, which is negative for null, then the value.
                let length = bytes.first_chunk::<4>().map_or(0, |length| i32::from_be_bytes(*length));
                let (field, after) = bytes.split_at((4 + usize::try_from(length).unwrap_or(0)).min(bytes.len()));
                out.extend_from_slice(field);
                *bytes = after;
            }
        }
    }

    /// Forgets all of them; the memory is used again.
    pub fn clear(&mut self) {
        self.arrays_mut().for_each(Array::clear);
    }

    /// Binds every array, in order.
    pub fn bind<'q>(&self, query: Query<'q, Postgres, PgArguments>) -> Query<'q, Postgres, PgArguments> {
        self.arrays().fold(query, Query::bind)
    }

    fn arrays(&self) -> impl Iterator<Item = &Array> {
        std::iter::once(&self.tenant)
            .chain(&self.values)
            .chain(&self.at)
            .chain(self.clear.iter().map(|(_, array)| array))
    }

    fn arrays_mut(&mut self) -> impl Iterator<Item = &mut Array> {
        let clear = self.clear.iter_mut().map(|(_, array)| array);
        std::iter::once(&mut self.tenant).chain(&mut self.values).chain(&mut self.at).chain(clear)
    }
}

/// The row as its table gives it back: the same, but that an instant is cut to microseconds.
///
/// # Errors
/// The row does not fit the table.
pub fn kept<R: Serialize + DeserializeOwned>(table: &Table, row: &R) -> Result<R, RowError> {
    let mut arrays = Arrays::of_rows(table);
    arrays.push_row(TenantId(Uuid::nil()), row, 0)?;
    decode::values(table.columns, |index| Ok(arrays.values[index].first()))
}

/// A column in which two rows differ, with what each has there.
pub struct Differing {
    /// The column.
    pub column: &'static str,
    /// What the one has.
    pub one: String,
    /// What the other has.
    pub other: String,
}

/// The first column in which two rows differ as the table keeps them. Of personal data only a hash is told.
///
/// # Errors
/// A row does not fit the table.
pub fn differing<R: Serialize>(table: &Table, one: &R, other: &R) -> Result<Option<Differing>, RowError> {
    let arrays = |row: &R| {
        let mut arrays = Arrays::of_rows(table);
        arrays.push_row(TenantId(Uuid::nil()), row, 0).map(|_| arrays)
    };
    let (one, other) = (arrays(one)?, arrays(other)?);
    let differs = one.values.iter().zip(&other.values).position(|(one, other)| one.bytes != other.bytes);
    Ok(differs.map(|index| Differing {
        column: table.columns[index].name,
        one: one.values[index].text(),
        other: other.values[index].text(),
    }))
}

/// The Postgres type of a column.
pub const fn type_name(kind: ColumnKind) -> &'static str {
    match kind {
        ColumnKind::Uuid => "uuid",
        ColumnKind::Text | ColumnKind::Personal => "text",
        ColumnKind::Boolean => "boolean",
        ColumnKind::Integer => "integer",
        ColumnKind::BigInt => "bigint",
        ColumnKind::Double => "double precision",
        ColumnKind::Timestamp => "timestamptz",
        ColumnKind::Date => "date",
        ColumnKind::Json => "jsonb",
    }
}

/// A one-dimensional array in Postgres' binary format.
pub(super) struct Array {
    kind: ColumnKind,
    /// Length and bytes of each element.
    bytes: Vec<u8>,
    count: usize,
}

impl Array {
    fn new(kind: ColumnKind) -> Self {
        Self { kind, bytes: Vec::new(), count: 0 }
    }

    /// Counts one more element, which the caller writes to the end of the bytes.
    pub(super) const fn grow(&mut self) -> &mut Vec<u8> {
        self.count += 1;
        &mut self.bytes
    }

    /// The first element; `None` where it is null.
    fn first(&self) -> Option<&[u8]> {
        let (length, rest) = self.bytes.split_first_chunk::<4>()?;
        rest.get(..usize::try_from(i32::from_be_bytes(*length)).ok()?)
    }

    /// The first element, for people.
    fn text(&self) -> String {
        let Some(bytes) = self.first() else { return "null".to_owned() };
        let number = || bytes.try_into().map(i64::from_be_bytes);
        let text = match self.kind {
            ColumnKind::Uuid => Uuid::from_slice(bytes).ok().map(|id| id.to_string()),
            ColumnKind::Text => std::str::from_utf8(bytes).ok().map(|text| format!("{text:?}")),
            ColumnKind::Boolean => bytes.first().map(|byte| (*byte != 0).to_string()),
            ColumnKind::Integer => bytes.try_into().ok().map(|bytes| i32::from_be_bytes(bytes).to_string()),
            ColumnKind::BigInt => number().ok().map(|number| number.to_string()),
            ColumnKind::Double => bytes.try_into().ok().map(|bytes| f64::from_be_bytes(bytes).to_string()),
            ColumnKind::Timestamp => number().ok().and_then(instant_text).map(|text| text.as_str().to_owned()),
            ColumnKind::Date => {
                let days = bytes.try_into().map(i32::from_be_bytes);
                days.ok().and_then(date_text).map(|text| text.as_str().to_owned())
            }
            // After one byte that says which form of jsonb it is.
            ColumnKind::Json => bytes.get(1..).map(|text| String::from_utf8_lossy(text).into_owned()),
            ColumnKind::Personal => {
                let mut hasher = std::hash::DefaultHasher::new();
                std::hash::Hasher::write(&mut hasher, bytes);
                Some(format!("a text with hash {:016x}", std::hash::Hasher::finish(&hasher)))
            }
        };
        text.unwrap_or_else(|| format!("{} bytes", bytes.len()))
    }

    fn push(&mut self, value: &[u8]) {
        let out = self.grow();
        out.extend_from_slice(&u32::try_from(value.len()).unwrap_or(u32::MAX).to_be_bytes());
        out.extend_from_slice(value);
    }

    fn push_null(&mut self) {
        self.grow().extend_from_slice(&NULL);
    }

    /// Every element, in order; `None` where it is null.
    fn elements(&self) -> impl Iterator<Item = Option<&[u8]>> {
        let mut rest = &self.bytes[..];
        std::iter::from_fn(move || {
            let (length, after) = rest.split_first_chunk::<4>()?;
            let Ok(length) = usize::try_from(i32::from_be_bytes(*length)) else {
                rest = after;
                return Some(None);
            };
            let (element, after) = after.split_at_checked(length)?;
            rest = after;
            Some(Some(element))
        })
    }

    fn clear(&mut self) {
        self.bytes.clear();
        self.count = 0;
    }

    /// The type's number in every Postgres: these are fixed in its catalogue.
    const fn element_oid(&self) -> u32 {
        match self.kind {
            ColumnKind::Uuid => 2950,
            ColumnKind::Text | ColumnKind::Personal => 25,
            ColumnKind::Boolean => 16,
            ColumnKind::Integer => 23,
            ColumnKind::BigInt => 20,
            ColumnKind::Double => 701,
            ColumnKind::Timestamp => 1184,
            ColumnKind::Date => 1082,
            ColumnKind::Json => 3802,
        }
    }
}

impl Type<Postgres> for Array {
    /// Asked for only where there is no value; `produces` knows the real one.
    fn type_info() -> PgTypeInfo {
        <Vec<String> as Type<Postgres>>::type_info()
    }
}

impl Encode<'_, Postgres> for Array {
    fn encode_by_ref(&self, buffer: &mut PgArgumentBuffer) -> Result<IsNull, BoxDynError> {
        let length = u32::try_from(self.count)?;
        // Dimensions, whether nulls may occur, element type, then length and lower bound of the one dimension.
        let header = [1, 1, self.element_oid(), length, 1];
        let empty = [0, 0, self.element_oid()];
        for number in if length > 0 { &header[..] } else { &empty } {
            buffer.extend_from_slice(&number.to_be_bytes());
        }
        buffer.extend_from_slice(&self.bytes);
        Ok(IsNull::No)
    }

    fn produces(&self) -> Option<PgTypeInfo> {
        Some(match self.kind {
            ColumnKind::Uuid => <Vec<Uuid> as Type<Postgres>>::type_info(),
            ColumnKind::Text | ColumnKind::Personal => <Vec<String> as Type<Postgres>>::type_info(),
            ColumnKind::Boolean => <Vec<bool> as Type<Postgres>>::type_info(),
            ColumnKind::Integer => <Vec<i32> as Type<Postgres>>::type_info(),
            ColumnKind::BigInt => <Vec<i64> as Type<Postgres>>::type_info(),
            ColumnKind::Double => <Vec<f64> as Type<Postgres>>::type_info(),
            ColumnKind::Timestamp => <Vec<chrono::DateTime<chrono::Utc>> as Type<Postgres>>::type_info(),
            ColumnKind::Date => <Vec<chrono::NaiveDate> as Type<Postgres>>::type_info(),
            ColumnKind::Json => <Vec<sqlx::types::Json<()>> as Type<Postgres>>::type_info(),
        })
    }

    fn size_hint(&self) -> usize {
        self.bytes.len() + 20
    }
}
