//! A building, its floors and its doors. The stored contract: add, never rename.

mod create;
mod door_number;

pub use create::CreateBuilding;
pub use door_number::{DoorNumber, door_id};

use super::{BuildingId, Coordinates, DoorId, UserId, Whole, ZoneId};
use kernel::{Aggregate, RejectionKind, Text};
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::collections::BTreeMap;
use uuid::Uuid;

/// Where a building stands, as on an envelope.
pub type Address = Text<1, 300>;
/// What opens the front door.
pub type DigitalCode = Text<1, 30>;
/// How many floors a building has. Floors count from 1.
pub type Floors = Whole<1, 200>;
/// How many doors every floor has.
pub type DoorsPerFloor = Whole<1, 99>;

/// How many doors one building may have: its doors are one event, which must fit into one message.
pub const MAX_DOORS: i32 = 5_000;

/// What happens to a building.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Event {
    /// The building was entered.
    Created {
        /// Where it stands.
        address: Address,
        /// Where that is on the map.
        location: Option<Coordinates>,
        /// How many floors it has.
        floors: Floors,
        /// How many doors every floor has.
        doors_per_floor: DoorsPerFloor,
        /// Whether there is a lift.
        has_elevator: bool,
        /// What opens the front door.
        digital_code: Option<DigitalCode>,
        /// Who works it.
        sales_rep_id: Option<UserId>,
        /// Who leads the one who works it.
        manager_id: Option<UserId>,
        /// The zone it belongs to: as asked for, or the one that the sales rep held.
        zone_id: Option<ZoneId>,
    },
    /// The building's doors were numbered.
    DoorsGenerated {
        /// The building.
        building_id: BuildingId,
        /// Who works it.
        sales_rep_id: Option<UserId>,
        /// Who leads the one who works it.
        manager_id: Option<UserId>,
        /// The zone it belongs to.
        zone_id: Option<ZoneId>,
        /// The new doors, from the ground up.
        doors: Vec<NewDoor>,
    },
}

/// A door that was numbered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewDoor {
    /// The door; follows from the building and the number.
    pub door_id: DoorId,
    /// The number on it.
    pub number: DoorNumber,
    /// The floor it is on.
    pub floor: i32,
}

impl kernel::Event for Event {
    const CATEGORY: &'static str = "field_sales.building";

    fn examples() -> Vec<Self> {
        let building_id = BuildingId(Uuid::from_u128(0xb1));
        let [sales_rep_id, manager_id, zone_id] = [0x5a, 0xa1, 0x20].map(Uuid::from_u128);
        let examples = json!([
            { "created": {
                "address": "12 rue de la Part-Dieu, 69003 Lyon", "location": { "latitude": 45.76, "longitude": 4.85 },
                "floors": 1, "doors_per_floor": 2, "has_elevator": true, "digital_code": "A1234",
                "sales_rep_id": sales_rep_id, "manager_id": manager_id, "zone_id": zone_id,
            } },
            { "doors_generated": {
                "building_id": building_id, "sales_rep_id": sales_rep_id, "manager_id": manager_id, "zone_id": zone_id,
                "doors": [
                    { "door_id": door_id(building_id, &DoorNumber::of(1, 1)), "number": "101", "floor": 1 },
                    { "door_id": door_id(building_id, &DoorNumber::of(1, 2)), "number": "102", "floor": 1 },
                ],
            } },
        ]);
        serde_json::from_value(examples).expect("examples have the stored shape")
    }
}

/// A building, as far as decisions need it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Building {
    exists: bool,
    sales_rep_id: Option<UserId>,
    manager_id: Option<UserId>,
    zone_id: Option<ZoneId>,
    /// Number to floor.
    doors: BTreeMap<DoorNumber, i32>,
}

/// A door's place: in the building, and in the organisation at this moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DoorPlace {
    /// The building.
    pub building_id: BuildingId,
    /// The door.
    pub door_id: DoorId,
    /// The number on it.
    pub number: DoorNumber,
    /// The floor it is on.
    pub floor: i32,
    /// The zone that the building belongs to.
    pub zone_id: Option<ZoneId>,
    /// Who works the building.
    pub sales_rep_id: Option<UserId>,
    /// Who leads the one who works it.
    pub manager_id: Option<UserId>,
}

impl Building {
    /// Whether there is such a building.
    pub const fn exists(&self) -> bool {
        self.exists
    }

    /// The place of the door with this number, if this building, whose id is `building_id`, has one.
    pub fn door(&self, building_id: BuildingId, number: &DoorNumber) -> Option<DoorPlace> {
        let floor = *self.doors.get(number)?;
        Some(DoorPlace {
            building_id,
            door_id: door_id(building_id, number),
            number: number.clone(),
            floor,
            zone_id: self.zone_id,
            sales_rep_id: self.sales_rep_id,
            manager_id: self.manager_id,
        })
    }
}

impl Aggregate for Building {
    type Event = Event;
    type Rejection = Rejection;

    fn evolve(mut self, event: &Event) -> Self {
        match event {
            Event::Created { sales_rep_id, manager_id, zone_id, .. } => {
                self.exists = true;
                self.sales_rep_id = *sales_rep_id;
                self.manager_id = *manager_id;
                self.zone_id = *zone_id;
            }
            Event::DoorsGenerated { doors, .. } => {
                self.doors.extend(doors.iter().map(|door| (door.number.clone(), door.floor)));
            }
        }
        self
    }
}

/// Why a building is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Rejection {
    /// One of latitude and longitude is missing.
    #[error("a location needs both a latitude and a longitude")]
    LocationIncomplete,
    /// More doors than a building may have.
    #[error("the building would have {doors} doors, at most {MAX_DOORS} are possible")]
    TooManyDoors {
        /// How many it would have.
        doors: i32,
    },
    /// The sales rep is neither the actor nor below him.
    #[error("the sales rep is not in the actor's team")]
    NotLed,
    /// The zone that the request names does not exist.
    #[error("there is no such zone")]
    ZoneUnknown,
}

impl kernel::Rejection for Rejection {
    fn code(&self) -> &'static str {
        match self {
            Self::LocationIncomplete => "field_sales.location_incomplete",
            Self::TooManyDoors { .. } => "field_sales.too_many_doors",
            Self::NotLed => "field_sales.user_not_led",
            Self::ZoneUnknown => "field_sales.zone_unknown",
        }
    }

    fn kind(&self) -> RejectionKind {
        match self {
            Self::NotLed => RejectionKind::Forbidden,
            Self::LocationIncomplete | Self::TooManyDoors { .. } | Self::ZoneUnknown => RejectionKind::Invalid,
        }
    }

    fn remedy(&self) -> &'static str {
        match self {
            Self::LocationIncomplete => "Send both `latitude` and `longitude`, or neither.",
            Self::TooManyDoors { .. } => "Enter the building as several ones, by entrance or staircase.",
            Self::NotLed => "Leave out `sales_rep_id`, name yourself or somebody of your team.",
            Self::ZoneUnknown => "Check `zone_id`, or leave it out to use the sales rep's current zone.",
        }
    }
}
