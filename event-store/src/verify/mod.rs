//! Proof that the log is whole and the mirror equal to it: nothing missing, nothing twice, nothing altered.
//!
//! Whoever verifies reads and compares, in bounded memory, and reports the first thing that is wrong exactly. What a payload
//! says is proved by the mirror, which holds it too, and by the read models, which were folded from it.

mod ids;
mod log;
mod mirror;
mod pace;
mod streams;

pub use log::{Limits, LogVerifier};
pub use mirror::{MirrorError, MirrorVerified, verify_mirror};
pub use pace::Pace;

use kernel::Position;
use serde::{Deserialize, Serialize};
use std::fmt;

/// Something that is not what it must be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Divergence {
    /// `log`, `mirror`, or the name of a read model.
    pub part: String,
    /// The place in the log, where there is one.
    pub position: Option<Position>,
    /// The stream, the row, the message; empty where the position says it.
    pub subject: String,
    /// What of it.
    pub field: String,
    /// What it must be.
    pub expected: String,
    /// What it is.
    pub found: String,
}

impl Divergence {
    /// Something about the log.
    pub(crate) fn of_log(
        position: impl Into<Option<i64>>,
        subject: impl Into<String>,
        field: &str,
        expected: String,
        found: String,
    ) -> Self {
        Self {
            part: "log".to_owned(),
            position: position.into().map(Position),
            subject: subject.into(),
            field: field.to_owned(),
            expected,
            found,
        }
    }
}

impl fmt::Display for Divergence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.part)?;
        if let Some(position) = self.position {
            write!(f, ", position {position}")?;
        }
        if !self.subject.is_empty() {
            write!(f, ", {}", self.subject)?;
        }
        write!(f, ", {}: expected {}, found {}", self.field, self.expected, self.found)
    }
}
