//! What the desk promises, and what it promised before.

use crate::detail::Detail;
use domain::support::sla_policy;
use domain::support::ticket::WORK;
use kernel::Event as _;
use kernel::{Reach, Scope, Version};
use read_models::support::{SlaPolicies, SlaPolicyRow};
use uuid::Uuid;

pub(crate) struct GetSlaPolicy;

impl Detail for GetSlaPolicy {
    type Model = SlaPolicies;
    const NAME: &'static str = "support.get_sla_policy";
    const SCOPE: Scope = WORK;
    const REACH: Reach = Reach::All;
    const HISTORY_SCOPE: Scope = WORK;

    fn streams(_row: &SlaPolicyRow, id: Uuid) -> Vec<(&'static str, Uuid)> {
        vec![(sla_policy::Event::CATEGORY, id)]
    }

    fn version(row: &SlaPolicyRow) -> Option<Version> {
        Some(row.version)
    }
}
