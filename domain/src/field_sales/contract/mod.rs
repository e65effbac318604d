//! A contract signed at a door. The stored contract: add, never rename.

mod sign;

pub use sign::SignContract;

use super::building::DoorNumber;
use super::door::ContractCount;
use super::{BuildingId, DoorId, UserId, ZoneId};
use chrono::{DateTime, Utc};
use kernel::{ActorId, Aggregate, RejectionKind};
use serde::{Deserialize, Serialize};
use serde_json::json;
use uuid::Uuid;

/// What happens to a contract.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Event {
    /// It was signed. The door's stream has the visit of the same moment.
    Signed {
        /// The building.
        building_id: BuildingId,
        /// The door.
        door_id: DoorId,
        /// The number on the door.
        door_number: DoorNumber,
        /// The floor the door is on.
        floor: i32,
        /// How many contracts were signed at once.
        number_of_contracts: ContractCount,
        /// The zone that the building belonged to then.
        zone_id: Option<ZoneId>,
        /// Who worked the building then.
        sales_rep_id: Option<UserId>,
        /// Who led the one who worked it then.
        manager_id: Option<UserId>,
        /// Who had it signed.
        signed_by: ActorId,
        /// When, by the device's clock.
        signed_at: DateTime<Utc>,
    },
}

impl kernel::Event for Event {
    const CATEGORY: &'static str = "field_sales.contract";

    fn examples() -> Vec<Self> {
        let [building_id, zone_id, sales_rep_id, manager_id] = [0xb1, 0x20, 0x5a, 0xa1].map(Uuid::from_u128);
        let door_id = super::building::door_id(BuildingId(building_id), &DoorNumber::of(1, 1));
        let examples = json!([
            { "signed": {
                "building_id": building_id, "door_id": door_id, "door_number": "101", "floor": 1,
                "number_of_contracts": 3, "zone_id": zone_id, "sales_rep_id": sales_rep_id, "manager_id": manager_id,
                "signed_by": sales_rep_id, "signed_at": "2026-01-15T11:00:00Z",
            } },
        ]);
        serde_json::from_value(examples).expect("examples have the stored shape")
    }
}

/// A contract, as far as decisions need it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Contract {
    signed: bool,
}

impl Contract {
    /// Whether it is signed.
    pub const fn is_signed(&self) -> bool {
        self.signed
    }
}

impl Aggregate for Contract {
    type Event = Event;
    type Rejection = Rejection;

    fn evolve(mut self, event: &Event) -> Self {
        match event {
            Event::Signed { .. } => self.signed = true,
        }
        self
    }
}

/// Why a contract is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Rejection {
    /// The building that the request names does not exist.
    #[error("there is no such building")]
    BuildingUnknown,
    /// The building has no door with the number that the request names.
    #[error("the building has no door with this number")]
    DoorUnknown,
    /// The signature is in the future or in another century.
    #[error("the signature is more than five minutes in the future or before the year 2000")]
    SigningTimeOutOfRange,
}

impl kernel::Rejection for Rejection {
    fn code(&self) -> &'static str {
        match self {
            Self::BuildingUnknown => "field_sales.building_unknown",
            Self::DoorUnknown => "field_sales.door_unknown",
            Self::SigningTimeOutOfRange => "field_sales.signing_time_out_of_range",
        }
    }

    fn kind(&self) -> RejectionKind {
        match self {
            Self::BuildingUnknown | Self::DoorUnknown | Self::SigningTimeOutOfRange => RejectionKind::Invalid,
        }
    }

    fn remedy(&self) -> &'static str {
        match self {
            Self::BuildingUnknown => "Check `building_id` in the list of buildings.",
            Self::DoorUnknown => "Check `door_number` in the building's list of doors.",
            Self::SigningTimeOutOfRange => "Set the device's clock and send the time of the signature again.",
        }
    }
}
