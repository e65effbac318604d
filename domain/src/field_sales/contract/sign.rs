//! Signs a contract at a door.

use super::{Contract, Event, Rejection};
use crate::field_sales::building::{Building, DoorNumber, door_id};
use crate::field_sales::door::{ContractCount, Door, DoorStatus, Knock};
use crate::field_sales::when::at_the_door;
use crate::field_sales::{BuildingId, ContractId};
use chrono::{DateTime, FixedOffset, Utc};
use kernel::command::{Decided, unchanged};
use kernel::{Command, Context, Decision, Reach, Scope};
use serde::Deserialize;
use utoipa::ToSchema;
use uuid::Uuid;

/// Opens a signed contract and records the visit that signed it, in one step.
///
/// The door becomes `contract_signed` and counts the contracts beside those that were signed there before. Nothing
/// else records that visit: sending it as a visit too would count the contracts twice.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SignContract {
    /// The building of the door.
    pub building_id: BuildingId,
    /// The number on the door.
    pub door_number: DoorNumber,
    /// How many contracts were signed at once; 1 if left out.
    pub number_of_contracts: Option<ContractCount>,
    /// When it was signed, by the device's clock. The server's time if left out. At most five minutes in the
    /// future. `occurred_at` is read as well.
    #[serde(alias = "occurred_at")]
    pub signed_at: Option<DateTime<FixedOffset>>,
}

impl Command for SignContract {
    type Streams = (Contract, Door, Building);

    const NAME: &'static str = "field_sales.sign_contract";
    const SCOPE: Scope = Scope::new("field_sales.contract:sign");
    const REACH: Reach = Reach::All;

    fn streams(&self, target: Uuid, _: &Context) -> (Uuid, Uuid, Uuid) {
        (target, door_id(self.building_id, &self.door_number).0, self.building_id.0)
    }

    fn occurred_at(&self) -> Option<DateTime<Utc>> {
        self.signed_at.map(|at| at.to_utc())
    }

    fn decide(&self, (contract, door, building): (&Contract, &Door, &Building), cx: &Context) -> Decision<Self> {
        // The id is fresh, so only this very command can have used it.
        if contract.is_signed() {
            return unchanged();
        }
        if !building.exists() {
            return Err(Rejection::BuildingUnknown);
        }
        let place = building.door(self.building_id, &self.door_number).ok_or(Rejection::DoorUnknown)?;
        let signed_at = at_the_door(self.signed_at, cx.now).ok_or(Rejection::SigningTimeOutOfRange)?.to_utc();
        let number_of_contracts = self.number_of_contracts.unwrap_or(ContractCount::MIN);
        let signed = Event::Signed {
            building_id: place.building_id,
            door_id: place.door_id,
            door_number: place.number.clone(),
            floor: place.floor,
            number_of_contracts,
            zone_id: place.zone_id,
            sales_rep_id: place.sales_rep_id,
            manager_id: place.manager_id,
            signed_by: cx.actor_id(),
            signed_at,
        };
        // Every status of the door table may become `contract_signed`, so the door has nothing to refuse.
        let knock = Knock {
            visited_by: cx.actor_id(),
            visited_at: signed_at,
            outcome: DoorStatus::ContractSigned,
            number_of_contracts: Some(number_of_contracts),
            contract_id: Some(ContractId(cx.target)),
            appointment: None,
            comment: None,
        };
        Ok(Decided::new((vec![signed], vec![door.visit_recorded(place, knock)], Vec::new())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::field_sales::{building, door};
    use kernel::specs::{Then, context, noon, state_of};
    use kernel::{ActorId, Aggregate, Event as _, Labelled};
    use serde_json::{Value, json};

    const CONTRACT: ContractId = ContractId(Uuid::from_u128(0xc7));

    fn cx() -> Context {
        context(ActorId(Uuid::from_u128(0x5a)), CONTRACT.0, &[])
    }

    fn command(changes: &Value) -> SignContract {
        let mut body = json!({ "building_id": Uuid::from_u128(0xb1), "door_number": "101", "number_of_contracts": 3 });
        body.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
        serde_json::from_value(body).unwrap()
    }

    fn decide(contract: &Contract, door: &Door, changes: &Value) -> Then<SignContract> {
        let building = state_of(building::Event::examples());
        Then::of(command(changes).decide((contract, door, &building), &cx()))
    }

    #[test]
    fn a_contract_and_the_visit_that_signed_it_are_one_step() {
        let (contract, visits, building) = decide(&Contract::default(), &Door::default(), &json!({})).accepted().events;
        assert_eq!(contract, Event::examples());
        assert_eq!(building, [], "the building is only read");
        let [door::Event::VisitRecorded { outcome, contract_id, visited_at, visited_by, .. }] = &visits[..] else {
            panic!("{visits:?}");
        };
        assert_eq!((*outcome, *contract_id), (DoorStatus::ContractSigned, Some(CONTRACT)));
        assert_eq!((*visited_at, *visited_by), (noon(), cx().actor_id()));
        let door: Door = state_of(visits);
        assert_eq!(door.number_of_contracts(), 3, "a door with 3 contracts counts 3");
    }

    #[test]
    fn signing_it_again_changes_nothing() {
        let events = decide(&state_of(Event::examples()), &Door::default(), &json!({})).accepted().events;
        assert_eq!(events, (vec![], vec![], vec![]));
    }

    #[test]
    fn no_door_refuses_a_contract() {
        for status in DoorStatus::ALL {
            assert_eq!(status.may_become(DoorStatus::ContractSigned), Ok(()), "{}", status.as_str());
        }
        let (_, visits, _) = decide(&Contract::default(), &Door::default(), &json!({})).accepted().events;
        let signed: Door = state_of(visits);
        let (_, visits, _) = decide(&Contract::default(), &signed, &json!({})).accepted().events;
        assert_eq!(visits.iter().fold(signed, Door::evolve).number_of_contracts(), 6);
    }

    #[test]
    fn the_building_and_the_door_must_exist() {
        let nothing = (&Contract::default(), &Door::default(), &Building::default());
        Then::<SignContract>::of(command(&json!({})).decide(nothing, &cx())).is_rejected(&Rejection::BuildingUnknown);
        decide(&Contract::default(), &Door::default(), &json!({ "door_number": "103" }))
            .is_rejected(&Rejection::DoorUnknown);
    }

    #[test]
    fn a_signature_is_not_in_the_future() {
        decide(&Contract::default(), &Door::default(), &json!({ "signed_at": "2026-01-15T11:05:01Z" }))
            .is_rejected(&Rejection::SigningTimeOutOfRange);
        let command = command(&json!({ "occurred_at": "2026-01-15T10:00:00Z" }));
        assert_eq!(command.occurred_at(), Some(noon() - chrono::TimeDelta::hours(1)));
    }
}
