//! For whoever looks into history: which events are wanted, finding them, and where a reader has got to.
//!
//! What the log's own indexes do not answer, an index beside it does (`analysis.event_index`). It is filled behind the
//! appends and may lag; what it has not reached is scanned, so an answer is never wrong, at worst slow.

pub mod causes;
mod cursor;
mod filter;
mod finder;
mod indexer;

pub use cursor::{Cursor, CursorError};
pub use filter::{Filter, Kinds};
pub use finder::{Finder, Found};
pub use indexer::Indexer;
