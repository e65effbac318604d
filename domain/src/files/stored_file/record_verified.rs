//! It is what it says.

use super::{Event, FileStatus, FileVariant, KEEP, StoredFile};
use crate::files::{Checksum, FileKind};
use kernel::command::unchanged;
use kernel::{Command, Context, Decided, Decision, Reach, Scope, View};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

/// Another form that was made of a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct MadeDerivative {
    /// What it is.
    pub kind: FileKind,
    /// How long it is.
    pub size_bytes: i64,
    /// What its bytes come to.
    pub sha256: Checksum,
}

/// Records that a file was looked into and what is kept of it. What was refused, erased or recorded meanwhile stays so.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RecordFileVerified {
    /// What it is.
    pub kind: FileKind,
    /// How long what is kept is.
    pub size_bytes: i64,
    /// What the kept bytes come to.
    pub sha256: Checksum,
    /// Of a picture.
    pub width: Option<i32>,
    /// Of a picture.
    pub height: Option<i32>,
    /// A small picture of it, where one was made.
    pub thumbnail: Option<MadeDerivative>,
}

impl Command for RecordFileVerified {
    type Streams = StoredFile;
    const NAME: &'static str = "files.record_file_verified";
    const SCOPE: Scope = KEEP;
    const REACH: Reach = Reach::All;

    fn streams(&self, target: Uuid, _cx: &Context) -> Uuid {
        target
    }

    fn decide(&self, file: View<'_, Self>, _cx: &Context) -> Decision<Self> {
        match file.existing()?.status {
            FileStatus::Uploaded => {}
            FileStatus::Requested
            | FileStatus::Verified
            | FileStatus::Refused
            | FileStatus::Expired
            | FileStatus::Erasing
            | FileStatus::Erased => return unchanged(),
        }
        let (kind, size_bytes, sha256) = (self.kind, self.size_bytes, self.sha256.clone());
        let verified = Event::Verified { kind, size_bytes, sha256, width: self.width, height: self.height };
        let made = self.thumbnail.clone().map(|MadeDerivative { kind, size_bytes, sha256 }| Event::DerivativeMade {
            variant: FileVariant::Thumbnail,
            kind,
            size_bytes,
            sha256,
        });
        Ok(Decided::new([verified].into_iter().chain(made).collect()))
    }
}
