//! The invitations of the tenant.

use crate::list::{Filter, List};
use domain::identity::invitation::InvitationStatus;
use kernel::{Reach, Scope};
use read_models::identity::invitations::Invitations;

pub(crate) struct ListInvitations;

impl List for ListInvitations {
    type Model = Invitations;
    const NAME: &'static str = "identity.list_invitations";
    const SCOPE: Scope = Scope::new("identity.invitation:read");
    const REACH: Reach = Reach::All;
    const FILTERS: &'static [Filter] = &[Filter::labelled::<InvitationStatus>("status"), Filter::id("invited_by")];
    const SORTS: &'static [&'static str] = &["-invited_at", "invited_at"];
    const LIMIT: i64 = 50;
}
