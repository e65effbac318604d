//! What people were told.

pub mod feeds;
pub mod shown;

pub use feeds::{FeedRow, Feeds};
pub use shown::{NotificationMail, NotificationRow, Notifications};
