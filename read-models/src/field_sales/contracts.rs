//! The contracts.

use chrono::{DateTime, Utc};
use domain::field_sales::building::DoorNumber;
use domain::field_sales::contract::Event;
use domain::field_sales::door::ContractCount;
use domain::field_sales::{BuildingId, ContractId, DoorId, UserId, ZoneId};
use kernel::{ActorId, Column, ColumnKind, Index, Keys, ReadModel, Recorded, Table, Version};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// `field_sales.contracts`: one row per contract that was signed as one. Contracts that a plain visit counted are
/// only in the counts of its door.
pub struct Contracts;

/// A contract signed at a door.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ContractRow {
    /// The contract.
    pub contract_id: ContractId,
    /// The building.
    pub building_id: BuildingId,
    /// The door.
    pub door_id: DoorId,
    /// The number on the door.
    pub door_number: DoorNumber,
    /// The floor it is on.
    pub floor: i32,
    /// How many contracts were signed at once.
    pub number_of_contracts: ContractCount,
    /// The zone that the building belonged to then.
    pub zone_id: Option<ZoneId>,
    /// Who worked the building then.
    pub sales_rep_id: Option<UserId>,
    /// Who led the one who worked it then.
    pub manager_id: Option<UserId>,
    /// Who had it signed.
    pub signed_by: ActorId,
    /// When, by the device's clock.
    pub signed_at: DateTime<Utc>,
    /// When the server heard of it.
    pub recorded_at: DateTime<Utc>,
    /// The version of the contract's stream, for `If-Match`.
    pub version: Version,
}

impl ReadModel for Contracts {
    type Event = Event;
    type Key = ContractId;
    type Row = ContractRow;

    const NAME: &'static str = "field_sales.contracts";
    const VERSION: i32 = 1;
    const TABLE: Table = Table {
        key: 1,
        columns: &[
            Column::new("contract_id", ColumnKind::Uuid),
            Column::new("building_id", ColumnKind::Uuid),
            Column::new("door_id", ColumnKind::Uuid),
            Column::new("door_number", ColumnKind::Text),
            Column::new("floor", ColumnKind::Integer),
            Column::new("number_of_contracts", ColumnKind::Integer),
            Column::optional("zone_id", ColumnKind::Uuid),
            Column::optional("sales_rep_id", ColumnKind::Uuid),
            Column::optional("manager_id", ColumnKind::Uuid),
            Column::new("signed_by", ColumnKind::Uuid),
            Column::new("signed_at", ColumnKind::Timestamp),
            Column::new("recorded_at", ColumnKind::Timestamp),
            Column::new("version", ColumnKind::Integer),
        ],
        indexes: &[
            Index { columns: &["-signed_at"] },
            Index { columns: &["building_id", "-signed_at"] },
            Index { columns: &["door_id", "-signed_at"] },
            Index { columns: &["signed_by", "-signed_at"] },
            Index { columns: &["zone_id", "-signed_at"] },
        ],
    };

    fn keys(event: &Recorded<Event>) -> Keys<ContractId> {
        Keys::One(ContractId(event.stream_id))
    }

    fn apply(_: Option<ContractRow>, contract_id: &ContractId, event: &Recorded<Event>) -> Option<ContractRow> {
        match event.event.clone() {
            Event::Signed {
                building_id,
                door_id,
                door_number,
                floor,
                number_of_contracts,
                zone_id,
                sales_rep_id,
                manager_id,
                signed_by,
                signed_at,
            } => Some(ContractRow {
                contract_id: *contract_id,
                building_id,
                door_id,
                door_number,
                floor,
                number_of_contracts,
                zone_id,
                sales_rep_id,
                manager_id,
                signed_by,
                signed_at,
                recorded_at: event.recorded_at,
                version: event.version,
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::specs::{BUILDING, REP};
    use super::*;
    use kernel::Event as _;
    use kernel::specs::{Story, noon};

    #[test]
    fn a_contract_is_shown_as_it_was_signed() {
        let contract = ContractId(uuid::Uuid::from_u128(0xc7));
        let row =
            Story::<Event>::new().then(contract, REP, Event::examples().remove(0)).row::<Contracts>(&contract).unwrap();
        assert_eq!((row.building_id, row.door_number.as_str()), (BUILDING, "101"));
        assert_eq!((row.number_of_contracts.get(), row.signed_by, row.signed_at), (3, REP, noon()));
        assert_eq!(row.version, Version(1));
    }
}
