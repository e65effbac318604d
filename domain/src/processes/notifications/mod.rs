//! What telling people needs to know of others: where a member is written to.

mod mail_news;

pub use mail_news::MailNews;
