//! The support desk: a customer opens a ticket and is answered.
//!
//! Choices where the product page is silent:
//!
//! - **Agent** means "holds `support.ticket:work`", on every ticket of the tenant, also on the agent's own.
//! - A ticket gets in progress by an assignment or a reply only; nobody sets that status by hand.
//! - Whoever may see a ticket may reopen it: a resolved one at any time, a closed one for
//!   [`ticket::REOPEN_WINDOW_DAYS`] days. Cancelled is final.
//! - An internal note is a message (L26), so a ticket that takes no messages takes no notes either (L45).
//! - Agents' replies do not set "waiting for customer"; an agent says so with a status change.

pub mod response_targets;
pub mod ticket;
