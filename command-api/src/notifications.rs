//! The HTTP face of notifications: each about the caller's own feed.

use crate::routes::CommandRoutes;
use domain::notifications::feed::{ChangeNotificationPreferences, MarkNotificationsRead, MuteThread, UnmuteThread};

pub(crate) fn routes() -> CommandRoutes {
    CommandRoutes::new("/notifications")
        .on::<MarkNotificationsRead>("/feeds/{feed_id}/read")
        .on::<ChangeNotificationPreferences>("/feeds/{feed_id}/preferences")
        .on::<MuteThread>("/feeds/{feed_id}/mute")
        .on::<UnmuteThread>("/feeds/{feed_id}/unmute")
}
