//! A session, for the platform.

use crate::detail::Detail;
use domain::identity::session;
use kernel::Event as _;
use kernel::{Reach, Scope, Version};
use read_models::identity::sessions::{SessionRow, Sessions};
use uuid::Uuid;

pub(crate) struct GetSession;

impl Detail for GetSession {
    type Model = Sessions;
    const NAME: &'static str = "identity.get_session";
    const SCOPE: Scope = Scope::new("identity.session:read");
    const REACH: Reach = Reach::All;
    const HISTORY_SCOPE: Scope = Scope::new("identity.session:read");

    fn streams(_row: &SessionRow, id: Uuid) -> Vec<(&'static str, Uuid)> {
        vec![(session::Event::CATEGORY, id)]
    }

    fn version(row: &SessionRow) -> Option<Version> {
        Some(row.version)
    }
}
