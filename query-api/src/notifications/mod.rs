//! What people were told.

mod get_feed;
mod get_own_feed;
mod list_notifications;

use crate::routes::QueryRoutes;

pub(crate) fn routes() -> QueryRoutes {
    QueryRoutes::new("/notifications")
        .list::<list_notifications::ListNotifications>("")
        .raw("/own-feed", get_own_feed::answer, get_own_feed::describe)
        .detail::<get_feed::GetFeed>("/feeds/{feed_id}")
}
