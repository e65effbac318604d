//! What is known about files. The bytes are elsewhere.

pub mod stored_files;

pub use stored_files::{StoredFileRow, StoredFiles};
