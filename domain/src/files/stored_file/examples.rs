//! One example of every event of a file, for the catalogue and the golden files.

use super::{Event, FileErasure, FileRefusal, FileVariant};
use crate::files::{Checksum, FileKind, FileName, FilePurpose};
use chrono::DateTime;
use kernel::{ActorId, Personal};
use uuid::Uuid;

/// See [`kernel::Event::examples`].
pub(super) fn examples() -> Vec<Event> {
    let id = |n: u128| Uuid::from_u128(0xf11e_0000_0000_4000_8000_0000_0000_0000 + n);
    let at = |second| DateTime::from_timestamp(second, 0).unwrap_or_default();
    let checksum = |byte: u8| Checksum::of(&[byte; 32]).expect("an example is valid");
    let person_id = ActorId(id(1));
    vec![
        Event::Requested {
            name: Personal::new(person_id, FileName::parse("Invoice March.png").expect("an example is valid")),
            named: FileKind::Png,
            purpose: FilePurpose::TicketAttachment,
            size_bytes: 48_213,
            sha256: Some(checksum(0xa1)),
            uploader_id: person_id,
            person_id,
            object_id: id(9),
            upload_until: at(1_768_475_700),
        },
        Event::Uploaded {},
        Event::Verified {
            kind: FileKind::Png,
            size_bytes: 45_002,
            sha256: checksum(0xa2),
            width: Some(1280),
            height: Some(720),
        },
        Event::DerivativeMade {
            variant: FileVariant::Thumbnail,
            kind: FileKind::Png,
            size_bytes: 9_120,
            sha256: checksum(0xa3),
        },
        Event::Refused { reason: FileRefusal::Ambiguous },
        Event::Expired {},
        Event::UrlIssued { variant: FileVariant::Whole, until: at(1_768_475_100) },
        Event::Linked { to: id(20), restricted: false },
        Event::ErasureRequested { reason: FileErasure::PersonErased },
        Event::Erased {},
    ]
}
