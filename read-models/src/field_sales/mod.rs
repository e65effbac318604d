//! What the field sales context shows.

pub mod buildings;
pub mod contracts;
pub mod current_zones;
pub mod door_visits;
pub mod doors;
#[cfg(test)]
mod specs;
pub mod zone_assignments;
pub mod zones;

pub use buildings::{BuildingRow, Buildings};
pub use contracts::{ContractRow, Contracts};
pub use current_zones::{CurrentZoneRow, CurrentZones};
pub use door_visits::{DoorVisitRow, DoorVisits};
pub use doors::{DoorRow, Doors};
pub use zone_assignments::{ZoneAssignmentRow, ZoneAssignments};
pub use zones::{ZoneRow, Zones};

use domain::field_sales::{building, door};

kernel::event_set! {
    /// What happens to a building and at its doors.
    pub enum BuildingOrDoor {
        /// To the building.
        Building(building::Event),
        /// At one of its doors.
        Door(door::Event),
    }
}
