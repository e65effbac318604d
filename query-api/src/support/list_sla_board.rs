//! The board: the tickets that are due, the most pressing first, and what is overdue before them.

use crate::list::{Filter, List};
use domain::support::ticket::{TicketPriority, TicketStatus, WORK};
use kernel::{Reach, Scope};
use read_models::support::{SlaState, Tickets};

pub(crate) struct ListSlaBoard;

impl List for ListSlaBoard {
    type Model = Tickets;
    const NAME: &'static str = "support.list_sla_board";
    const SCOPE: Scope = WORK;
    const REACH: Reach = Reach::All;
    const FILTERS: &'static [Filter] = &[
        Filter::labelled::<SlaState>("sla_state"),
        Filter::labelled::<TicketPriority>("priority"),
        Filter::labelled::<TicketStatus>("status"),
        Filter::id("assignee_id"),
        Filter::from("due_from", "due_at"),
        Filter::before("due_before", "due_at"),
    ];
    /// Only what is due can be sorted by when it is due: that is the board.
    const SORTS: &'static [&'static str] = &["due_at"];
}
