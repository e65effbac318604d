//! The support desk: a customer opens a ticket and is answered; an article answers the next one.
//!
//! Choices where the product page is silent:
//!
//! - **Agent** means "holds `support.ticket:work`", on every ticket of the tenant, also on the agent's own.
//! - A ticket gets in progress by an assignment or a reply only; nobody sets that status by hand.
//! - Whoever may see a ticket may reopen it: a resolved one at any time, a closed one for
//!   [`ticket::REOPEN_WINDOW_DAYS`] days. Cancelled is final.
//! - An internal note is a message (L26), so a ticket that takes no messages takes no notes either (L45).
//! - Agents' replies do not set "waiting for customer"; an agent says so with a status change.
//! - Only tickets of the same customer are merged, so that nobody sees another one's. The merged one is closed and takes
//!   nothing more; what was said stays where it was said.
//! - Public messages are read by two: the customer, and the desk as a whole. Who writes has read what came before.
//! - Satisfaction is the customer's word on one resolution; another resolution is another word.
//! - What is promised of a ticket goes with it from its opening on: another policy holds for the tickets after it. Its clock
//!   stands while it waits for its customer and once it is over; first response and resolution share it. Of the events that
//!   the product page names, pausing and resuming are told too, though they follow from the status: a fold sees no clock, so
//!   the time that was used and the moments that are due must be facts. That a goal was reached is told by the answer and the
//!   status alone.
//! - Each goal is warned of once, at four fifths of its time, and breached once. Who looks late tells the breach only. What was
//!   told stays so, also where another priority gives more time.
//! - Customers see when their tickets are due: it was promised to them.
//! - A ticket that waits for its customer is resolved after a week, a resolved one closed after another, unless the policy says
//!   otherwise; the system does it. A customer who answers sooner ends that.
//! - What is imported keeps its own times and has no clock and no timers: nothing was promised of it here, and what ended years
//!   ago does not end today. Undoing an import withdraws its tickets as if they had never been opened: no list, count or
//!   customer shows them, the log does. A ticket that somebody has worked on since is left; having read it is no work.
//! - What is told late ([`TELL_LATE`]) is decided on what is so now, with the time at which it happened. It is no news, and clocks
//!   wait until the rest of it is told.
//!
//! The knowledge base:
//!
//! - Readers see what was published last: a revision of a published article is seen when it is published.
//! - A title gives an article its address once; a changed title changes nothing about it, and a changed address leaves
//!   the old one behind as a redirect. No address ever means another article.
//! - Only a published article is featured; taking it back, or archiving it, ends that.
//! - Whoever is signed in rates an article once, and may change his mind. Views are counted and are no events.

pub mod article;
pub mod article_slug;
pub mod business_calendar;
mod business_time;
pub mod import;
pub mod response_targets;
pub mod sla_clock;
pub mod sla_policy;
pub mod sla_terms;
mod tags;
pub mod ticket;

pub use tags::{Tag, Tags};

use kernel::Scope;

/// Telling what happened at the desk before, each fact with its own time.
pub const TELL_LATE: Scope = Scope::new("support.history:tell_late");
