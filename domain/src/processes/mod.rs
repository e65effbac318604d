//! What one context does when something has happened in another: the only place that may name two of them.
//!
//! A reactor is a pure function from an event to commands; `effects` runs it. See [`kernel::Reactor`].

mod mail_about_accounts;

pub use mail_about_accounts::MailAboutAccounts;
