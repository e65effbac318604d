//! The HTTP face of door-to-door sales.

use crate::routes::CommandRoutes;
use domain::field_sales::building::CreateBuilding;
use domain::field_sales::contract::SignContract;
use domain::field_sales::door::RecordVisit;
use domain::field_sales::zone::CreateZone;
use domain::field_sales::zone_assignment::{AssignZone, UnassignZone};

pub(crate) fn routes() -> CommandRoutes {
    CommandRoutes::new("/field-sales")
        .create::<CreateZone>("/zones")
        .on::<AssignZone>("/zones/{zone_id}/assign")
        .on::<UnassignZone>("/zones/{zone_id}/unassign")
        .create::<CreateBuilding>("/buildings")
        .on::<RecordVisit>("/buildings/{building_id}/visits")
        .create::<SignContract>("/contracts")
}
