//! Why a row and its table do not fit together.

use kernel::{Column, ColumnKind};

/// A row cannot be written to, or read from, the columns of its table. Never passes by itself: the code is wrong, or the
/// value is one that Postgres cannot keep.
#[derive(Debug, thiserror::Error)]
pub enum RowError {
    /// The field has another type than the column.
    #[error("column {column} is {kind:?} and cannot hold {found}")]
    Mismatch {
        /// The column.
        column: &'static str,
        /// Its type.
        kind: ColumnKind,
        /// What the field was.
        found: &'static str,
    },
    /// The value does not fit the column's type.
    #[error("column {column} is {kind:?} and cannot hold the value {value}")]
    OutOfRange {
        /// The column.
        column: &'static str,
        /// Its type.
        kind: ColumnKind,
        /// The value.
        value: String,
    },
    /// Postgres keeps no NUL character in text.
    #[error("column {column}: the text contains a NUL character")]
    Nul {
        /// The column.
        column: &'static str,
    },
    /// The column takes no null, the field was one.
    #[error("column {column} is never null, the field was")]
    Null {
        /// The column.
        column: &'static str,
    },
    /// The table lacks a column for this field.
    #[error("the table has no column for the field {0}")]
    NoColumn(&'static str),
    /// The row lacks a field for this column.
    #[error("the row has no field for column {0}")]
    NoField(&'static str),
    /// Bytes that are not a value of the column's type.
    #[error("column {column}: Postgres sent something that is no {kind:?}")]
    Damaged {
        /// The column.
        column: &'static str,
        /// Its type.
        kind: ColumnKind,
    },
    /// The query's row has no such column, or not in binary.
    #[error("reading column {column} of a query's row")]
    Query {
        /// The column.
        column: &'static str,
        /// What sqlx says.
        #[source]
        source: sqlx::Error,
    },
    /// A JSON column.
    #[error("a JSON column")]
    Json(#[from] serde_json::Error),
    /// Whatever the type's own serde code says.
    #[error("{0}")]
    Other(String),
}

impl RowError {
    /// Whether it is the value that Postgres cannot keep, rather than the row that never fits.
    pub(crate) const fn is_about_a_value(&self) -> bool {
        match self {
            Self::OutOfRange { .. } | Self::Nul { .. } | Self::Null { .. } | Self::Json(_) | Self::Other(_) => true,
            Self::Mismatch { .. }
            | Self::NoColumn(_)
            | Self::NoField(_)
            | Self::Damaged { .. }
            | Self::Query { .. } => false,
        }
    }

    pub(crate) const fn mismatch(column: &Column, found: &'static str) -> Self {
        Self::Mismatch { column: column.name, kind: column.kind, found }
    }

    pub(crate) fn out_of_range(column: &Column, value: &(impl ToString + ?Sized)) -> Self {
        Self::OutOfRange { column: column.name, kind: column.kind, value: value.to_string() }
    }

    pub(crate) const fn damaged(column: &Column) -> Self {
        Self::Damaged { column: column.name, kind: column.kind }
    }
}

impl serde::ser::Error for RowError {
    fn custom<T: std::fmt::Display>(message: T) -> Self {
        Self::Other(message.to_string())
    }
}

impl serde::de::Error for RowError {
    fn custom<T: std::fmt::Display>(message: T) -> Self {
        Self::Other(message.to_string())
    }
}
