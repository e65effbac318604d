//! One file: that somebody hands it over, what it was found to be, and its end. This file is the stored contract.
//!
//! ```text
//! requested ─▶ uploaded ─▶ verified ─▶ (linked) ─▶ erasing ─▶ erased
//!     └▶ expired     └▶ refused
//! ```

mod complete_upload;
mod erase;
mod examples;
mod expire_upload;
mod issue_url;
mod record_erased;
mod record_refused;
mod record_verified;
mod rejection;
mod remove;
mod request_upload;
#[cfg(test)]
mod specs;

pub use complete_upload::CompleteUpload;
pub use erase::EraseFile;
pub use expire_upload::ExpireUpload;
pub use issue_url::IssueFileUrl;
pub use record_erased::RecordFileErased;
pub use record_refused::RecordFileRefused;
pub use record_verified::{MadeDerivative, RecordFileVerified};
pub use rejection::Rejection;
pub use remove::RemoveFile;
pub use request_upload::RequestUpload;

use super::{Checksum, FileKind, FileName, FilePurpose};
use chrono::{DateTime, TimeDelta, Utc};
use kernel::{ActorId, Aggregate, Personal, Scope, labelled, typed_id};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// What hands files over.
pub const UPLOAD: Scope = Scope::new("files.stored_file:upload");
/// What sees and erases files of everybody in the tenant, and hands files over that are about somebody else.
pub const MANAGE: Scope = Scope::new("files.stored_file:manage");
/// What lets somebody hand over a file that is about another person.
pub const UPLOAD_ABOUT_OTHERS: Scope = Scope::new("files.stored_file:upload_about_others");
/// What Sillage itself does with files. In no role and in no token.
pub const KEEP: Scope = Scope::new("files.stored_file:keep");

/// For how long an upload may begin.
pub const UPLOAD_TIME: TimeDelta = TimeDelta::minutes(15);
/// For how long a download may begin.
pub const DOWNLOAD_TIME: TimeDelta = TimeDelta::minutes(5);

typed_id! {
    /// A file: its stream.
    pub struct StoredFileId;
}

labelled! {
    /// Where a file stands.
    pub enum FileStatus("files.file_status") {
        /// It may be uploaded.
        Requested: "requested", "Awaited", "Attendu";
        /// It is being looked into.
        Uploaded: "uploaded", "Being checked", "En cours de vérification";
        /// It is what it says, and can be had.
        Verified: "verified", "Available", "Disponible";
        /// It was not taken.
        Refused: "refused", "Refused", "Refusé";
        /// It was not uploaded in time.
        Expired: "expired", "Not uploaded", "Non reçu";
        /// It is about to be gone, and cannot be had any more.
        Erasing: "erasing", "Being erased", "En cours d'effacement";
        /// It is gone.
        Erased: "erased", "Erased", "Effacé";
    }
}

labelled! {
    /// Why a file was not taken.
    pub enum FileRefusal("files.file_refusal") {
        /// Nothing was uploaded.
        Missing: "missing", "Nothing was uploaded", "Rien n'a été reçu";
        /// There are no bytes, or not as many as were announced.
        WrongSize: "wrong_size", "Not as long as announced", "Taille différente de celle annoncée";
        /// The bytes are not those that were announced.
        WrongChecksum: "wrong_checksum", "Damaged on the way", "Altéré pendant l'envoi";
        /// It is of no sort that is taken.
        KindNotTaken: "kind_not_taken", "Not a sort of file that is taken", "Type de fichier non accepté";
        /// Its name ends in something else than what it is.
        WrongEnding: "wrong_ending", "Its name ends in something else", "L'extension ne correspond pas au contenu";
        /// It cannot be read to its end.
        Damaged: "damaged", "Damaged", "Endommagé";
        /// It is larger than it looks: more pixels, pages or text than anybody needs.
        TooLarge: "too_large", "Too large inside", "Trop grand une fois ouvert";
        /// It is two sorts of file at once, or hides something behind its end.
        Ambiguous: "ambiguous", "Two sorts of file at once", "Plusieurs types de fichier à la fois";
        /// It runs something, or holds other files.
        Active: "active", "Holds scripts or other files", "Contient des scripts ou d'autres fichiers";
        /// It cannot be looked into: it is encrypted.
        Encrypted: "encrypted", "Encrypted", "Chiffré";
        /// It is known to do harm.
        Harmful: "harmful", "Harmful", "Dangereux";
        /// It could not be looked into for longer than anybody waits.
        NotChecked: "not_checked", "Could not be checked", "N'a pas pu être vérifié";
    }
}

labelled! {
    /// A form in which a file can be had.
    #[derive(Default)]
    pub enum FileVariant("files.file_variant") {
        /// As it is kept.
        #[default]
        Whole: "whole", "Whole", "Complet";
        /// A small picture of it.
        Thumbnail: "thumbnail", "Thumbnail", "Vignette";
    }
}

labelled! {
    /// Why a file is erased.
    #[derive(Default)]
    pub enum FileErasure("files.file_erasure") {
        /// Somebody who may asked for it.
        #[default]
        Asked: "asked", "Asked for", "À la demande";
        /// The person whom it is about is erased.
        PersonErased: "person_erased", "The person is erased", "La personne est effacée";
    }
}

/// What may happen to a file. Who and when are in the envelope.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Event {
    /// Somebody wants to hand it over.
    Requested {
        /// What he calls it.
        name: Personal<FileName>,
        /// What its name's ending says that it is.
        named: FileKind,
        /// What for.
        purpose: FilePurpose,
        /// How long it is to be.
        size_bytes: i64,
        /// What its bytes are to come to, where he says so.
        sha256: Option<Checksum>,
        /// Who hands it over.
        uploader_id: ActorId,
        /// Whose erasure takes it away.
        person_id: ActorId,
        /// By what its bytes are found in the store. Follows from nothing that anybody outside knows.
        object_id: Uuid,
        /// Until when the upload may begin.
        upload_until: DateTime<Utc>,
    },
    /// He says that the bytes are there.
    Uploaded {},
    /// It was looked into, and what is kept is harmless: of images and texts that is a copy without anything unseen.
    Verified {
        /// What it is.
        kind: FileKind,
        /// How long what is kept is.
        size_bytes: i64,
        /// What the kept bytes come to.
        sha256: Checksum,
        /// Of a picture.
        width: Option<i32>,
        /// Of a picture.
        height: Option<i32>,
    },
    /// Another form of it was made.
    DerivativeMade {
        /// Which.
        variant: FileVariant,
        /// What it is.
        kind: FileKind,
        /// How long it is.
        size_bytes: i64,
        /// What its bytes come to.
        sha256: Checksum,
    },
    /// It was not taken; its bytes are deleted.
    Refused {
        /// Why.
        reason: FileRefusal,
    },
    /// Nobody uploaded it in time.
    Expired {},
    /// Somebody got an address at which it can be had for a while.
    UrlIssued {
        /// Which form.
        variant: FileVariant,
        /// Until when the download may begin.
        until: DateTime<Utc>,
    },
    /// It belongs to something from now on.
    Linked {
        /// To what: the stream.
        to: Uuid,
        /// Whether the person whom it is about must not have it.
        restricted: bool,
    },
    /// It is to be deleted, and cannot be had from now on.
    ErasureRequested {
        /// Why.
        reason: FileErasure,
    },
    /// Its bytes are gone, in every form.
    Erased {},
}

impl kernel::Event for Event {
    const CATEGORY: &'static str = "files.stored_file";

    fn examples() -> Vec<Self> {
        examples::examples()
    }
}

/// The state of a file's stream: nothing before it is asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredFile {
    facts: Option<Facts>,
}

/// What is known about a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Facts {
    /// Where it stands.
    pub status: FileStatus,
    /// What it is called.
    pub name: Personal<FileName>,
    /// What its name's ending says that it is.
    pub named: FileKind,
    /// What it is for.
    pub purpose: FilePurpose,
    /// How long it is: first as announced, then as kept.
    pub size_bytes: i64,
    /// What its bytes are to come to, where that was announced.
    pub announced: Option<Checksum>,
    /// Who handed it over.
    pub uploader_id: ActorId,
    /// Whose erasure takes it away.
    pub person_id: ActorId,
    /// By what its bytes are found in the store.
    pub object_id: Uuid,
    /// Until when the upload may begin.
    pub upload_until: DateTime<Utc>,
    /// What it was found to be.
    pub kind: Option<FileKind>,
    /// What its thumbnail is, where it has one.
    pub thumbnail: Option<FileKind>,
    /// What it belongs to.
    pub linked_to: Option<Uuid>,
    /// Whether the person whom it is about must not have it.
    pub restricted: bool,
    /// Until when the address that was given out last may be used.
    pub url_until: Option<DateTime<Utc>>,
}

impl Aggregate for StoredFile {
    type Event = Event;
    type Rejection = Rejection;

    fn evolve(self, event: &Event) -> Self {
        let stands = |status| move |facts: Facts| Facts { status, ..facts };
        let facts = match (self.facts, event) {
            (
                _,
                Event::Requested {
                    name,
                    named,
                    purpose,
                    size_bytes,
                    sha256,
                    uploader_id,
                    person_id,
                    object_id,
                    upload_until,
                },
            ) => Some(Facts {
                status: FileStatus::Requested,
                name: name.clone(),
                named: *named,
                purpose: *purpose,
                size_bytes: *size_bytes,
                announced: sha256.clone(),
                uploader_id: *uploader_id,
                person_id: *person_id,
                object_id: *object_id,
                upload_until: *upload_until,
                kind: None,
                thumbnail: None,
                linked_to: None,
                restricted: false,
                url_until: None,
            }),
            (facts, Event::Uploaded {}) => facts.map(stands(FileStatus::Uploaded)),
            (facts, Event::Verified { kind, size_bytes, .. }) => facts.map(|facts| Facts {
                status: FileStatus::Verified,
                kind: Some(*kind),
                size_bytes: *size_bytes,
                ..facts
            }),
            (facts, Event::DerivativeMade { variant: FileVariant::Thumbnail, kind, .. }) => {
                facts.map(|facts| Facts { thumbnail: Some(*kind), ..facts })
            }
            (facts, Event::DerivativeMade { variant: FileVariant::Whole, .. }) => facts,
            (facts, Event::UrlIssued { until, .. }) => facts.map(|facts| Facts { url_until: Some(*until), ..facts }),
            (facts, Event::Refused { .. }) => facts.map(stands(FileStatus::Refused)),
            (facts, Event::Expired {}) => facts.map(stands(FileStatus::Expired)),
            (facts, Event::Linked { to, restricted }) => {
                facts.map(|facts| Facts { linked_to: Some(*to), restricted: *restricted, ..facts })
            }
            (facts, Event::ErasureRequested { .. }) => facts.map(stands(FileStatus::Erasing)),
            (facts, Event::Erased {}) => facts.map(stands(FileStatus::Erased)),
        };
        Self { facts }
    }
}

impl StoredFile {
    /// What is known about it; `None` where there is no such file.
    pub const fn facts(&self) -> Option<&Facts> {
        self.facts.as_ref()
    }

    fn existing(&self) -> Result<&Facts, Rejection> {
        self.facts.as_ref().ok_or(Rejection::NotFound)
    }
}

impl Facts {
    /// What a form of it is, where it can be had.
    pub fn form(&self, variant: FileVariant) -> Option<FileKind> {
        match (self.status, variant) {
            (FileStatus::Verified, FileVariant::Whole) => self.kind,
            (FileStatus::Verified, FileVariant::Thumbnail) => self.thumbnail,
            (
                FileStatus::Requested
                | FileStatus::Uploaded
                | FileStatus::Refused
                | FileStatus::Expired
                | FileStatus::Erasing
                | FileStatus::Erased,
                _,
            ) => None,
        }
    }

    /// The fact that somebody got an address of this form, good from now on for a while.
    ///
    /// # Errors
    /// It cannot be had, or not in this form.
    pub fn url_issued(&self, variant: FileVariant, now: DateTime<Utc>) -> Result<Event, Rejection> {
        match self.form(variant) {
            Some(_) => Ok(Event::UrlIssued { variant, until: now + DOWNLOAD_TIME }),
            None if self.status == FileStatus::Verified => Err(Rejection::NoThumbnail),
            None => Err(self.not_available()),
        }
    }

    /// Why it cannot be had.
    pub const fn not_available(&self) -> Rejection {
        match self.status {
            FileStatus::Requested | FileStatus::Uploaded | FileStatus::Verified => Rejection::NotVerified,
            FileStatus::Refused => Rejection::Refused,
            FileStatus::Expired => Rejection::Expired,
            FileStatus::Erasing | FileStatus::Erased => Rejection::Erased,
        }
    }
}
