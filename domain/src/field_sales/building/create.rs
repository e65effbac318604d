//! Enters a building and numbers its doors.

use super::{
    Address, Building, DigitalCode, DoorNumber, DoorsPerFloor, Event, Floors, MAX_DOORS, NewDoor, Rejection, door_id,
};
use crate::field_sales::zone::Zone;
use crate::field_sales::zone_assignment::{self, Held, ZoneAssignment};
use crate::field_sales::{BuildingId, Coordinates, LEAD_ALL, Latitude, Longitude, UserId, UserType, ZoneId};
use kernel::command::{Decided, unchanged};
use kernel::{Command, Context, Decision, Reach, Scope};
use serde::Deserialize;
use utoipa::ToSchema;
use uuid::Uuid;

/// Enters a building. Its doors are numbered at once: floor, then two digits, so `1201` is the first door of
/// floor 12.
///
/// A rep enters buildings for himself, whoever leads him also for him (`field_sales.user_not_led`).
///
/// Without a `zone_id` the building goes to the zone that the sales rep holds at this moment, if there is one.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateBuilding {
    /// Where the building stands, as on an envelope.
    pub address: Address,
    /// Degrees north of the equator; only together with `longitude`.
    pub latitude: Option<Latitude>,
    /// Degrees east of Greenwich; only together with `latitude`.
    pub longitude: Option<Longitude>,
    /// How many floors have doors to knock on.
    pub floors: Floors,
    /// How many doors every floor has. A building has at most 5000 doors in all.
    pub doors_per_floor: DoorsPerFloor,
    /// Whether there is a lift.
    #[serde(default)]
    pub has_elevator: bool,
    /// What opens the front door.
    pub digital_code: Option<DigitalCode>,
    /// Who works the building.
    pub sales_rep_id: Option<UserId>,
    /// Who leads the one who works it.
    pub manager_id: Option<UserId>,
    /// The zone it belongs to; the sales rep's current zone where this is left out.
    pub zone_id: Option<ZoneId>,
}

impl CreateBuilding {
    fn location(&self) -> Result<Option<Coordinates>, Rejection> {
        match (self.latitude, self.longitude) {
            (Some(latitude), Some(longitude)) => Ok(Some(Coordinates { latitude, longitude })),
            (None, None) => Ok(None),
            (Some(_), None) | (None, Some(_)) => Err(Rejection::LocationIncomplete),
        }
    }

    fn doors(&self, building_id: BuildingId) -> Result<Vec<NewDoor>, Rejection> {
        let (floors, per_floor) = (self.floors.get(), self.doors_per_floor.get());
        if floors * per_floor > MAX_DOORS {
            return Err(Rejection::TooManyDoors { doors: floors * per_floor });
        }
        let places = (1..=floors).flat_map(|floor| (1..=per_floor).map(move |index| (floor, index)));
        let numbered = places.map(|(floor, index)| {
            let number = DoorNumber::of(floor, index);
            NewDoor { door_id: door_id(building_id, &number), number, floor }
        });
        Ok(numbered.collect())
    }
}

impl Command for CreateBuilding {
    type Streams = (Building, Zone, ZoneAssignment);

    const NAME: &'static str = "field_sales.create_building";
    const SCOPE: Scope = Scope::new("field_sales.building:create");
    const REACH: Reach = Reach::Team { all: LEAD_ALL };

    /// Where the body names no zone or no sales rep, the building's own fresh id stands in: a stream that does not
    /// exist and reads as "none".
    fn streams(&self, target: Uuid, _: &Context) -> (Uuid, Uuid, Uuid) {
        let assignment = |rep| zone_assignment::stream_id(rep, UserType::SalesRep);
        (target, self.zone_id.map_or(target, Uuid::from), self.sales_rep_id.map_or(target, assignment))
    }

    fn decide(
        &self,
        (building, zone, assignment): (&Building, &Zone, &ZoneAssignment),
        cx: &Context,
    ) -> Decision<Self> {
        // The id is fresh, so only this very command can have used it.
        if building.exists() {
            return unchanged();
        }
        if self.sales_rep_id.is_some_and(|rep| !cx.reaches(Self::REACH, rep.into())) {
            return Err(Rejection::NotLed);
        }
        if self.zone_id.is_some() && !zone.exists() {
            return Err(Rejection::ZoneUnknown);
        }
        let building_id = BuildingId(cx.target);
        let zone_id = self.zone_id.or(assignment.current().map(|Held { zone_id, .. }| *zone_id));
        let (sales_rep_id, manager_id) = (self.sales_rep_id, self.manager_id);
        let created = Event::Created {
            address: self.address.clone(),
            location: self.location()?,
            floors: self.floors,
            doors_per_floor: self.doors_per_floor,
            has_elevator: self.has_elevator,
            digital_code: self.digital_code.clone(),
            sales_rep_id,
            manager_id,
            zone_id,
        };
        let doors = self.doors(building_id)?;
        let generated = Event::DoorsGenerated { building_id, sales_rep_id, manager_id, zone_id, doors };
        Ok(Decided::new((vec![created, generated], Vec::new(), Vec::new())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::field_sales::zone;
    use kernel::specs::{Then, context, state_of};
    use kernel::{ActorId, Event as _};
    use serde_json::{Value, json};

    const BUILDING: BuildingId = BuildingId(Uuid::from_u128(0xb1));

    /// The command that makes [`Event::examples`], with some fields changed.
    fn command(changes: &Value) -> CreateBuilding {
        let mut body = json!({
            "address": "12 rue de la Part-Dieu, 69003 Lyon", "latitude": 45.76, "longitude": 4.85,
            "floors": 1, "doors_per_floor": 2, "has_elevator": true, "digital_code": "A1234",
            "sales_rep_id": Uuid::from_u128(0x5a), "manager_id": Uuid::from_u128(0xa1), "zone_id": Uuid::from_u128(0x20),
        });
        let fields = body.as_object_mut().unwrap();
        fields.extend(changes.as_object().unwrap().clone());
        fields.retain(|_, value| !value.is_null());
        serde_json::from_value(body).unwrap()
    }

    fn decide_on(building: &Building, assignment: &ZoneAssignment, changes: &Value) -> Then<CreateBuilding> {
        let zone = state_of(zone::Event::examples());
        let cx = context(ActorId(Uuid::from_u128(1)), BUILDING.0, &[LEAD_ALL.as_str()]);
        Then::of(command(changes).decide((building, &zone, assignment), &cx))
    }

    fn decide(changes: &Value) -> Then<CreateBuilding> {
        decide_on(&Building::default(), &ZoneAssignment::default(), changes)
    }

    fn zone_of(events: &[Event]) -> Option<ZoneId> {
        match &events[0] {
            Event::Created { zone_id, .. } | Event::DoorsGenerated { zone_id, .. } => *zone_id,
        }
    }

    #[test]
    fn a_building_is_entered_with_its_doors() {
        assert_eq!(decide(&json!({})).accepted().events, (Event::examples(), vec![], vec![]));
    }

    #[test]
    fn in_a_house_of_12_floors_and_12_doors_1201_is_on_floor_12() {
        let (events, ..) = decide(&json!({ "floors": 12, "doors_per_floor": 12 })).accepted().events;
        let building: Building = state_of(events);
        let floor = |number: &str| building.door(BUILDING, &DoorNumber::parse(number).unwrap()).map(|door| door.floor);
        assert_eq!(floor("1201"), Some(12));
        assert_eq!(floor("112"), Some(1));
        assert_eq!(floor("1212"), Some(12));
        assert_eq!((floor("1213"), floor("1301"), floor("100")), (None, None, None));
    }

    #[test]
    fn creating_it_again_changes_nothing() {
        let there = state_of(Event::examples());
        let events = decide_on(&there, &ZoneAssignment::default(), &json!({})).accepted().events;
        assert_eq!(events, (vec![], vec![], vec![]));
    }

    #[test]
    fn the_zone_is_the_sales_reps_unless_another_is_named() {
        let held = ZoneId(Uuid::from_u128(0x77));
        let Some(zone_assignment::Event::Assigned {
            assignment_id, user_id, user_type, assigned_at, assigned_by, ..
        }) = zone_assignment::Event::examples().into_iter().next()
        else {
            panic!("the first example is `assigned`");
        };
        let assigned = zone_assignment::Event::Assigned {
            assignment_id,
            zone_id: held,
            user_id,
            user_type,
            assigned_at,
            assigned_by,
        };
        let assignment = state_of([assigned]);
        let zone_with = |changes| zone_of(&decide_on(&Building::default(), &assignment, &changes).accepted().events.0);
        assert_eq!(zone_with(json!({ "zone_id": null })), Some(held));
        assert_eq!(zone_with(json!({})), Some(ZoneId(Uuid::from_u128(0x20))));
        assert_eq!(zone_of(&decide(&json!({ "zone_id": null })).accepted().events.0), None);
    }

    #[test]
    fn the_reps_assignment_is_what_is_read() {
        let cx = context(ActorId(Uuid::from_u128(1)), BUILDING.0, &[LEAD_ALL.as_str()]);
        let rep = zone_assignment::stream_id(UserId(Uuid::from_u128(0x5a)), UserType::SalesRep);
        assert_eq!(command(&json!({})).streams(BUILDING.0, &cx), (BUILDING.0, Uuid::from_u128(0x20), rep));
        let alone = command(&json!({ "zone_id": null, "sales_rep_id": null }));
        assert_eq!(alone.streams(BUILDING.0, &cx), (BUILDING.0, BUILDING.0, BUILDING.0));
    }

    #[test]
    fn a_rep_enters_buildings_for_himself_and_a_manager_for_his_reps() {
        let rep = UserId(Uuid::from_u128(0x4e9));
        let command: CreateBuilding = serde_json::from_value(json!({
            "address": "1 rue X", "floors": 1, "doors_per_floor": 1, "sales_rep_id": rep,
        }))
        .unwrap();
        let decide = |actor: Uuid, team: &[ActorId]| {
            let cx = Context { team: team.iter().copied().collect(), ..context(ActorId(actor), BUILDING.0, &[]) };
            let state = (&Building::default(), &Zone::default(), &ZoneAssignment::default());
            Then::<CreateBuilding>::of(command.decide(state, &cx))
        };
        decide(rep.0, &[]).accepted();
        decide(Uuid::from_u128(1), &[rep.into()]).accepted();
        decide(Uuid::from_u128(1), &[]).is_rejected(&Rejection::NotLed);
    }

    #[test]
    fn a_zone_that_is_named_must_exist() {
        let cx = context(ActorId(Uuid::from_u128(1)), BUILDING.0, &[LEAD_ALL.as_str()]);
        let nothing = (&Building::default(), &Zone::default(), &ZoneAssignment::default());
        Then::<CreateBuilding>::of(command(&json!({})).decide(nothing, &cx)).is_rejected(&Rejection::ZoneUnknown);
    }

    #[test]
    fn half_a_location_is_refused_and_none_is_fine() {
        decide(&json!({ "longitude": null })).is_rejected(&Rejection::LocationIncomplete);
        decide(&json!({ "latitude": null })).is_rejected(&Rejection::LocationIncomplete);
        decide(&json!({ "latitude": null, "longitude": null })).accepted();
    }

    #[test]
    fn a_building_has_5000_doors_at_most_and_they_fit_one_message() {
        decide(&json!({ "floors": 51, "doors_per_floor": 99 })).is_rejected(&Rejection::TooManyDoors { doors: 5049 });
        let (events, ..) = decide(&json!({ "floors": 100, "doors_per_floor": 50 })).accepted().events;
        assert!(events[1].encode().data().len() < 768 * 1024, "a message is at most 1 MiB with its envelope");
    }
}
