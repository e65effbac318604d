//! The outside world: what is done there because of what has happened, durably, and what became of it.
//!
//! Two halves that only meet in the log. *Reactors* turn events into commands; one of those commands says that an effect
//! is wanted. The *outbox* turns that event into a job, a worker does it, and the result is an event again. Both halves
//! follow the log with checkpoints of their own. Start reading at [`Runner`] and [`Worker`]; an effect is [`Effect`].

mod backoff;
pub mod control;
mod deadline;
mod departure;
pub mod effect;
pub mod email;
pub mod files;
mod follower;
mod import_rollback;
mod lease;
mod metrics;
mod news_clock;
pub mod operate;
mod outbox;
mod reactions;
mod runner;
mod ticket_clock;
pub mod webhooks;
mod worker;

pub use deadline::InvitationDeadline;
pub use departure::Departure;
pub use effect::{Attempt, Effect, Job, Order, Settled};
pub use follower::{Follower, Halt};
pub use import_rollback::ImportRollback;
pub use news_clock::NewsClock;
pub use outbox::outbox;
pub use reactions::reactor;
pub use runner::{RunError, Runner};
pub use ticket_clock::TicketClock;
pub use worker::{Options, Worker};
