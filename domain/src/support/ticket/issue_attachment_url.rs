//! Handing out a file of a ticket.

use super::attachment::is_on;
use super::{Party, Rejection, Ticket, TicketId, WORK};
use crate::files::stored_file::{self, FileVariant, StoredFile, StoredFileId};
use kernel::{Command, Context, Decided, Decision, Reach, Scope, View};
use serde::Deserialize;
use utoipa::ToSchema;
use uuid::Uuid;

/// Answers where a file of the ticket can be downloaded: `grant` is a request to be sent as it is, within five minutes. Who got
/// it and when is recorded.
///
/// Whoever sees the ticket may have it; what belongs to an internal note is for agents only
/// (`support.ticket_attachment_not_found` for others). Not any more once it is erased (`support.ticket_attachment_gone`).
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct IssueAttachmentUrl {
    /// The file.
    pub file_id: StoredFileId,
    /// In which form.
    #[serde(default)]
    pub variant: FileVariant,
}

impl Command for IssueAttachmentUrl {
    type Streams = (Ticket, StoredFile);
    const NAME: &'static str = "support.issue_attachment_url";
    const SCOPE: Scope = Scope::new("support.ticket:read");
    const REACH: Reach = Reach::Own { all: Some(WORK) };

    fn streams(&self, target: Uuid, _cx: &Context) -> (Uuid, Uuid) {
        (target, self.file_id.0)
    }

    fn decide(&self, (ticket, file): View<'_, Self>, cx: &Context) -> Decision<Self> {
        // What was handed over can be had for as long as it is there, whatever became of the ticket.
        let (_, party) = ticket.found_by(cx)?;
        let facts = file.facts().filter(|facts| is_on(facts, TicketId(cx.target)));
        let facts = facts.filter(|facts| party == Party::Agent || !facts.restricted);
        let facts = facts.ok_or(Rejection::AttachmentNotFound)?;
        let issued = facts.url_issued(self.variant, cx.now).map_err(|why| match why {
            stored_file::Rejection::NoThumbnail => Rejection::AttachmentNotFound,
            _ => Rejection::AttachmentGone,
        })?;
        Ok(Decided::new((Vec::new(), vec![issued])))
    }
}
