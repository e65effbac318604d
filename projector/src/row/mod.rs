//! Rows between serde and Postgres' binary formats, both ways, exactly.
//!
//! A row's serde fields are the columns of its table. [`arrays`] turns many rows into one array per column, which is
//! what a bulk statement binds and what a binary `COPY` is cut from; [`read`] turns a query's row back into the
//! struct. No text in between: a `double precision` comes back bit for bit, and a `timestamptz` to the microsecond.

pub mod arrays;
mod decode;
mod encode;
mod error;
mod time;
mod value;

pub use arrays::{Arrays, Differing, differing, kept};
pub(crate) use decode::read_at;
pub use decode::{column_list, read};
pub use error::RowError;
