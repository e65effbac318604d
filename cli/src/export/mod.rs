//! History as files: one table per event type and day, with a manifest that says what is in them.
//!
//! `<folder>/<category>.<type>/day=<YYYY-MM-DD>/<first>-<last>.parquet`, days by the time of recording, UTC. An export that
//! was interrupted goes on after the last stretch that its manifest lists.

mod columns;
mod csv;
pub(crate) mod files;
pub mod manifest;
mod parquet_file;
pub(crate) mod raw_file;
mod run;

pub use manifest::Manifest;
pub use run::{Export, ExportError, Exported, Format};
