//! An invitation of the tenant.

use crate::detail::Detail;
use domain::identity::invitation;
use kernel::Event as _;
use kernel::{Reach, Scope, Version};
use read_models::identity::invitations::{InvitationRow, Invitations};
use uuid::Uuid;

pub(crate) struct GetInvitation;

impl Detail for GetInvitation {
    type Model = Invitations;
    const NAME: &'static str = "identity.get_invitation";
    const SCOPE: Scope = Scope::new("identity.invitation:read");
    const REACH: Reach = Reach::All;
    const HISTORY_SCOPE: Scope = Scope::new("identity.invitation:manage");

    fn streams(_row: &InvitationRow, id: Uuid) -> Vec<(&'static str, Uuid)> {
        vec![(invitation::Event::CATEGORY, id)]
    }

    fn version(row: &InvitationRow) -> Option<Version> {
        Some(row.version)
    }
}
