//! What the caller was told, the latest first.

use crate::list::{Filter, List};
use domain::notifications::feed::{NotificationTopic, READ};
use kernel::{Reach, Scope};
use read_models::notifications::{NotificationMail, Notifications};

pub(crate) struct ListNotifications;

impl List for ListNotifications {
    type Model = Notifications;
    const NAME: &'static str = "notifications.list_notifications";
    const SCOPE: Scope = READ;
    const REACH: Reach = Reach::Own { all: None };
    const OWNERS: &'static [&'static str] = &["recipient_id"];
    const FILTERS: &'static [Filter] = &[
        Filter::boolean("unread"),
        Filter::labelled::<NotificationTopic>("topic"),
        Filter::id("thread_id"),
        Filter::labelled::<NotificationMail>("mail"),
    ];
    const SORTS: &'static [&'static str] = &["-seq", "seq"];
}
