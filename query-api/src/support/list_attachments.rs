//! The files on a ticket. A customer sees those that are meant for him.

use crate::list::{Filter, List};
use domain::support::ticket::WORK;
use kernel::{Reach, Scope};
use read_models::support::TicketAttachments;

pub(crate) struct ListAttachments;

impl List for ListAttachments {
    type Model = TicketAttachments;
    const NAME: &'static str = "support.list_attachments";
    const SCOPE: Scope = Scope::new("support.ticket:read");
    const REACH: Reach = Reach::Own { all: Some(WORK) };
    const OWNERS: &'static [&'static str] = &["customer_id"];
    const FILTERS: &'static [Filter] = &[Filter::id("message_id"), Filter::id("note_id")];
    const SORTS: &'static [&'static str] = &["attached_at", "-attached_at"];
    const LIMIT: i64 = 50;
    const PARENT: Option<&'static str> = Some("ticket_id");
}
