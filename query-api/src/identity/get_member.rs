//! A member of the tenant.

use crate::detail::Detail;
use domain::identity::membership;
use kernel::Event as _;
use kernel::{Reach, Scope, Version};
use read_models::identity::members::{MemberRow, Members};
use uuid::Uuid;

pub(crate) struct GetMember;

impl Detail for GetMember {
    type Model = Members;
    const NAME: &'static str = "identity.get_member";
    const SCOPE: Scope = Scope::new("identity.member:read");
    const REACH: Reach = Reach::All;
    const HISTORY_SCOPE: Scope = Scope::new("identity.member:manage");

    fn streams(_row: &MemberRow, id: Uuid) -> Vec<(&'static str, Uuid)> {
        vec![(membership::Event::CATEGORY, id)]
    }

    fn version(row: &MemberRow) -> Option<Version> {
        Some(row.version)
    }
}
