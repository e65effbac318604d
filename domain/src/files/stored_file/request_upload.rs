//! Asking to hand a file over.

use super::{Event, Rejection, StoredFile, UPLOAD, UPLOAD_ABOUT_OTHERS, UPLOAD_TIME};
use crate::files::{Checksum, FileName, FilePurpose};
use kernel::{ActorId, Command, Context, Decided, Decision, Private, Reach, Scope, View};
use serde::Deserialize;
use utoipa::ToSchema;
use uuid::Uuid;

/// Asks to hand a file over, and answers where its bytes go: `grant` is a request to be sent as it is, with the bytes as its
/// body, within a quarter of an hour. Then say that the upload is complete.
///
/// A repeat with the same key gets a grant for the same file, signed anew, for as long as the first one was good. Refused
/// where the purpose takes no such file (`files.stored_file_kind_not_taken`, `files.stored_file_size_not_taken`).
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RequestUpload {
    /// What it is called; its ending says what it is.
    pub name: Private<FileName>,
    /// What it is for.
    pub purpose: FilePurpose,
    /// How many bytes will be sent, exactly.
    #[schema(minimum = 1)]
    pub size_bytes: i64,
    /// The SHA-256 of the bytes, where they are to be compared when they have come.
    #[serde(default)]
    pub sha256: Option<Checksum>,
    /// Whom it is about, so that it goes when that person is erased; oneself unless given. Agents name the customer.
    #[serde(default)]
    pub about: Option<ActorId>,
}

impl Command for RequestUpload {
    type Streams = StoredFile;
    const NAME: &'static str = "files.request_upload";
    const SCOPE: Scope = UPLOAD;
    const REACH: Reach = Reach::Own { all: Some(UPLOAD_ABOUT_OTHERS) };

    fn streams(&self, target: Uuid, _cx: &Context) -> Uuid {
        target
    }

    fn decide(&self, file: View<'_, Self>, cx: &Context) -> Decision<Self> {
        if file.facts().is_some() {
            return Err(Rejection::AlreadyRequested);
        }
        let (purpose, policy) = (self.purpose, self.purpose.policy());
        let named = self.name.value().kind().filter(|kind| policy.kinds.contains(kind));
        let named = named.ok_or(Rejection::KindNotTaken(purpose))?;
        if !(1..=policy.most_bytes).contains(&self.size_bytes) {
            return Err(Rejection::SizeNotTaken { purpose, most_bytes: policy.most_bytes });
        }
        let person_id = self.about.unwrap_or_else(|| cx.actor_id());
        if !cx.reaches(Self::REACH, person_id) {
            return Err(Rejection::AboutSomebodyElse);
        }
        Ok(Decided::from(Event::Requested {
            name: self.name.about(person_id),
            named,
            purpose,
            size_bytes: self.size_bytes,
            sha256: self.sha256.clone(),
            uploader_id: cx.actor_id(),
            person_id,
            object_id: cx.derived_id("object"),
            upload_until: cx.now + UPLOAD_TIME,
        }))
    }
}
