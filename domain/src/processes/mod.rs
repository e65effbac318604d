//! What one context does when something has happened in another: the only place that may name two of them.
//!
//! A reactor is a pure function from an event to commands; `effects` runs it. See [`kernel::Reactor`]. A command whose
//! decision needs facts of another context is here too, in the folder of the context that it writes: it reads the other
//! stream in the append that it makes. See [`kernel::Known`].

mod mail_about_accounts;
pub mod notifications;
mod notify_about_tickets;
pub mod support;

pub use mail_about_accounts::MailAboutAccounts;
pub use notify_about_tickets::NotifyAboutTickets;
