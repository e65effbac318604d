//! What the desk promises: one policy, or none.

use crate::list::{Filter, List};
use domain::support::ticket::WORK;
use kernel::{Reach, Scope};
use read_models::support::SlaPolicies;

pub(crate) struct ListSlaPolicies;

impl List for ListSlaPolicies {
    type Model = SlaPolicies;
    const NAME: &'static str = "support.list_sla_policies";
    const SCOPE: Scope = WORK;
    const REACH: Reach = Reach::All;
    const FILTERS: &'static [Filter] = &[];
    const SORTS: &'static [&'static str] = &["-defined_at"];
}
