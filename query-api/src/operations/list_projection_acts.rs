//! What was done to projections, by whom and why. In the platform's tenant; nobody else has any.

use super::READ;
use crate::list::{Filter, List};
use domain::operations::ReadModelName;
use domain::operations::projection::ProjectionAct;
use kernel::{Reach, Scope};
use read_models::operations::ProjectionActs;

pub(crate) struct ListProjectionActs;

impl List for ListProjectionActs {
    type Model = ProjectionActs;
    const NAME: &'static str = "operations.list_projection_acts";
    const SCOPE: Scope = READ;
    const REACH: Reach = Reach::All;
    const FILTERS: &'static [Filter] = &[
        Filter::labelled::<ProjectionAct>("act"),
        Filter::parsed::<ReadModelName>("read_model", "the name of a read model"),
        Filter::id("actor_id"),
    ];
    const SORTS: &'static [&'static str] = &["-occurred_at", "occurred_at"];
    const LIMIT: i64 = 50;
}
