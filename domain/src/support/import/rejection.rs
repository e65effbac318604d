//! Why something is refused to an import.

use kernel::RejectionKind;

/// Why something is refused to an import.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Rejection {
    /// There is no such import.
    #[error("there is no such import")]
    NotFound,
    /// The key was used for another file.
    #[error("this key belongs to the import of another file")]
    OtherFile,
    /// It was rolled back, or is being.
    #[error("the import was rolled back")]
    RolledBack,
    /// Rows were told that are not the next ones.
    #[error("these are not the next rows")]
    NotTheNextRows,
}

impl kernel::Rejection for Rejection {
    fn code(&self) -> &'static str {
        match self {
            Self::NotFound => "support.import_not_found",
            Self::OtherFile => "support.import_other_file",
            Self::RolledBack => "support.import_rolled_back",
            Self::NotTheNextRows => "support.import_not_the_next_rows",
        }
    }

    fn kind(&self) -> RejectionKind {
        match self {
            Self::NotFound => RejectionKind::NotFound,
            Self::OtherFile => RejectionKind::Invalid,
            Self::RolledBack | Self::NotTheNextRows => RejectionKind::Conflict,
        }
    }

    fn remedy(&self) -> &'static str {
        match self {
            Self::NotFound => "Check the id.",
            Self::OtherFile => {
                "Send a new Idempotency-Key with each file, and the same one only to go on with the same file."
            }
            Self::RolledBack => "Send the file with a new Idempotency-Key to import it once more.",
            Self::NotTheNextRows => "Read the import, and go on where it stands.",
        }
    }
}
