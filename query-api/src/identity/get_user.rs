//! A user, for the platform.

use crate::detail::Detail;
use domain::identity::user;
use kernel::Event as _;
use kernel::{Reach, Scope, Version};
use read_models::identity::users::{UserRow, Users};
use uuid::Uuid;

pub(crate) struct GetUser;

impl Detail for GetUser {
    type Model = Users;
    const NAME: &'static str = "identity.get_user";
    const SCOPE: Scope = Scope::new("identity.user:read");
    const REACH: Reach = Reach::All;
    const HISTORY_SCOPE: Scope = Scope::new("identity.user:read");

    fn streams(_row: &UserRow, id: Uuid) -> Vec<(&'static str, Uuid)> {
        vec![(user::Event::CATEGORY, id)]
    }

    fn version(row: &UserRow) -> Option<Version> {
        Some(row.version)
    }
}
