//! Why a command on a file is refused.

use crate::files::FilePurpose;
use kernel::RejectionKind;

/// Why a command on a file is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Rejection {
    /// There is no such file, or it is somebody else's.
    #[error("there is no such file")]
    NotFound,
    /// The id is taken.
    #[error("this file has already been asked for")]
    AlreadyRequested,
    /// The purpose takes no files of this sort.
    #[error("{0} takes no files that end like this")]
    KindNotTaken(FilePurpose),
    /// The purpose takes no files of this length.
    #[error("a file for {purpose} has 1 to {most_bytes} bytes")]
    SizeNotTaken {
        /// What for.
        purpose: FilePurpose,
        /// The longest.
        most_bytes: i64,
    },
    /// The caller may hand over what is about himself only.
    #[error("the file is to be about somebody else")]
    AboutSomebodyElse,
    /// It has not been looked into yet.
    #[error("the file is not verified yet")]
    NotVerified,
    /// It was not taken.
    #[error("the file was refused when it was checked")]
    Refused,
    /// It was not uploaded in time.
    #[error("the file was not uploaded in time")]
    Expired,
    /// It is gone, or about to be.
    #[error("the file was erased")]
    Erased,
    /// There is no small picture of it.
    #[error("the file has no thumbnail")]
    NoThumbnail,
}

impl kernel::Rejection for Rejection {
    fn code(&self) -> &'static str {
        match self {
            Self::NotFound => "files.stored_file_not_found",
            Self::AlreadyRequested => "files.stored_file_already_requested",
            Self::KindNotTaken(_) => "files.stored_file_kind_not_taken",
            Self::SizeNotTaken { .. } => "files.stored_file_size_not_taken",
            Self::AboutSomebodyElse => "files.stored_file_about_somebody_else",
            Self::NotVerified => "files.stored_file_not_verified",
            Self::Refused => "files.stored_file_refused",
            Self::Expired => "files.stored_file_expired",
            Self::Erased => "files.stored_file_erased",
            Self::NoThumbnail => "files.stored_file_no_thumbnail",
        }
    }

    fn kind(&self) -> RejectionKind {
        match self {
            Self::NotFound | Self::NoThumbnail => RejectionKind::NotFound,
            Self::KindNotTaken(_) | Self::SizeNotTaken { .. } => RejectionKind::Invalid,
            Self::AboutSomebodyElse => RejectionKind::Forbidden,
            Self::AlreadyRequested | Self::NotVerified | Self::Refused | Self::Expired | Self::Erased => {
                RejectionKind::Conflict
            }
        }
    }

    fn remedy(&self) -> &'static str {
        match self {
            Self::NotFound => "Check the id; people see the files that they handed over.",
            Self::AlreadyRequested => "Read the file, or ask for another one.",
            Self::KindNotTaken(_) => "Send a picture, or for a ticket a PDF or a text.",
            Self::SizeNotTaken { .. } => "Send a smaller file, and its length in bytes exactly.",
            Self::AboutSomebodyElse => "Leave about out, or let an agent hand the file over.",
            Self::NotVerified => "Upload it, say that it is complete, and wait until its status is verified.",
            Self::Refused => "Read the file: its refusal says why. Then hand over another one.",
            Self::Expired | Self::Erased => "Hand the file over again.",
            Self::NoThumbnail => "Ask for the whole file.",
        }
    }
}
