//! Files that people hand over: what may be handed over for which purpose, and what became of each.
//!
//! The bytes are not here, only facts about them. Other contexts may name this one, and it names none: a ticket is linked
//! to a file, never the reverse ([ADR 0034](../../../docs/adr/0034-files-are-facts-and-bytes-apart.md)).
//!
//! - What a file is follows from its bytes. What its name ends in must agree; what a caller says of it is not asked.
//! - Nothing can be downloaded or linked before it was looked into, and what cannot be looked into is refused.
//! - A file is about one person, whose erasure takes it away: who hands it over, unless he says about whom else it is.
//! - A file belongs to one thing at most.

mod checksum;
mod file_name;
mod kind;
mod purpose;
pub mod stored_file;

pub use checksum::Checksum;
pub use file_name::FileName;
pub use kind::FileKind;
pub use purpose::{FilePolicy, FilePurpose};
