//! How much the caller has not read and how he wants to be told, now and before.

use crate::detail::Detail;
use domain::notifications::feed::{self, READ};
use kernel::Event as _;
use kernel::{Reach, Scope, Version};
use read_models::notifications::{FeedRow, Feeds};
use uuid::Uuid;

pub(crate) struct GetFeed;

impl Detail for GetFeed {
    type Model = Feeds;
    const NAME: &'static str = "notifications.get_feed";
    const SCOPE: Scope = READ;
    const REACH: Reach = Reach::Own { all: None };
    const OWNERS: &'static [&'static str] = &["recipient_id"];
    const HISTORY_SCOPE: Scope = READ;

    fn streams(_row: &FeedRow, id: Uuid) -> Vec<(&'static str, Uuid)> {
        vec![(feed::Event::CATEGORY, id)]
    }

    fn version(row: &FeedRow) -> Option<Version> {
        Some(row.version)
    }
}
