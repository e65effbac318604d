//! What people were told, and the webhooks of a tenant.

pub mod feeds;
pub mod shown;
pub mod webhooks;

pub use feeds::{FeedRow, Feeds};
pub use shown::{NotificationMail, NotificationRow, Notifications};
pub use webhooks::Webhooks;
