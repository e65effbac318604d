//! What door-to-door sales show. Visits, contracts and assignments are seen by those they name and those above them; zones,
//! buildings and doors are the common ground of all who work there.

mod get_building;
mod get_contract;
mod get_door;
mod get_zone;
mod list_building_doors;
mod list_buildings;
mod list_contracts;
mod list_current_zones;
mod list_door_visits;
mod list_doors;
mod list_visits;
mod list_zone_assignments;
mod list_zones;

use crate::routes::QueryRoutes;

pub(crate) fn routes() -> QueryRoutes {
    QueryRoutes::new("/field-sales")
        .list::<list_zones::ListZones>("/zones")
        .detail::<get_zone::GetZone>("/zones/{zone_id}")
        .list::<list_current_zones::ListCurrentZones>("/current-zones")
        .list::<list_zone_assignments::ListZoneAssignments>("/zone-assignments")
        .list::<list_buildings::ListBuildings>("/buildings")
        .detail::<get_building::GetBuilding>("/buildings/{building_id}")
        .list::<list_building_doors::ListBuildingDoors>("/buildings/{building_id}/doors")
        .list::<list_doors::ListDoors>("/doors")
        .detail::<get_door::GetDoor>("/doors/{door_id}")
        .list::<list_door_visits::ListDoorVisits>("/doors/{door_id}/visits")
        .list::<list_visits::ListVisits>("/visits")
        .list::<list_contracts::ListContracts>("/contracts")
        .detail::<get_contract::GetContract>("/contracts/{contract_id}")
}
