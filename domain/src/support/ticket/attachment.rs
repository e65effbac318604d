//! A file on a ticket, as its linking tells it.

use super::{Rejection, TicketId};
use crate::files::stored_file::{Facts, FileStatus, StoredFileId};
use crate::files::{FileKind, FileName};
use kernel::{ActorId, Personal};
use serde::{Deserialize, Serialize};

/// A file on a ticket: what there is to show of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TicketAttachment {
    /// The file.
    pub file_id: StoredFileId,
    /// What it is called, as it was handed over.
    pub name: Personal<FileName>,
    /// What it is.
    pub kind: FileKind,
    /// How long it is.
    pub size_bytes: i64,
    /// Whether there is a small picture of it.
    pub has_thumbnail: bool,
}

impl TicketAttachment {
    /// Of a file that may be linked: looked into, about the ticket's customer, and of nothing else.
    pub(super) fn of(file_id: StoredFileId, facts: &Facts, customer_id: ActorId) -> Result<Self, Rejection> {
        let kind = match facts.status {
            FileStatus::Verified => facts.kind.ok_or(Rejection::AttachmentNotVerified)?,
            FileStatus::Requested | FileStatus::Uploaded => return Err(Rejection::AttachmentNotVerified),
            FileStatus::Refused | FileStatus::Expired | FileStatus::Erasing | FileStatus::Erased => {
                return Err(Rejection::AttachmentGone);
            }
        };
        if facts.person_id != customer_id {
            return Err(Rejection::AttachmentAboutSomebodyElse);
        }
        let (name, size_bytes, has_thumbnail) = (facts.name.clone(), facts.size_bytes, facts.thumbnail.is_some());
        Ok(Self { file_id, name, kind, size_bytes, has_thumbnail })
    }
}

/// Whether the file is on this ticket.
pub(super) fn is_on(facts: &Facts, ticket_id: TicketId) -> bool {
    facts.linked_to == Some(ticket_id.0)
}
