//! What was done to the tenant's members, invitations and keys; on the platform, to accounts, sessions and tenants.

use crate::list::{Filter, List};
use kernel::{Reach, Scope};
use read_models::identity::audit_entries::{Act, AuditEntries};

pub(crate) struct ListAuditEntries;

impl List for ListAuditEntries {
    type Model = AuditEntries;
    const NAME: &'static str = "identity.list_audit_entries";
    const SCOPE: Scope = Scope::new("identity.audit:read");
    const REACH: Reach = Reach::All;
    const FILTERS: &'static [Filter] =
        &[Filter::labelled::<Act>("act"), Filter::id("actor_id"), Filter::id("user_id"), Filter::id("subject_id")];
    const SORTS: &'static [&'static str] = &["-occurred_at", "occurred_at"];
    const LIMIT: i64 = 50;
}
