//! A field to tell stories about: a house with doors, and people with zones. Events come from the real deciders.

use super::BuildingOrDoor;
use chrono::TimeDelta;
use domain::field_sales::LEAD_ALL;
use domain::field_sales::building::{Building, CreateBuilding, DoorNumber, door_id};
use domain::field_sales::contract::{Contract, SignContract};
use domain::field_sales::door::{self, Door, DoorStatus, RecordVisit};
use domain::field_sales::zone::{self, Zone};
use domain::field_sales::zone_assignment::{self, AssignZone, UnassignZone, ZoneAssignment, stream_id};
use domain::field_sales::{BuildingId, DoorId, UserId, UserType, ZoneId};
use kernel::specs::{Story, context, noon, state_of};
use kernel::{ActorId, Aggregate, Command, CommandId, Context, Event, Labelled};
use serde_json::json;
use std::collections::HashMap;
use std::mem;
use uuid::Uuid;

pub(super) const BUILDING: BuildingId = BuildingId(Uuid::from_u128(0xb1));
pub(super) const NORTH: ZoneId = ZoneId(Uuid::from_u128(0x20));
pub(super) const SOUTH: ZoneId = ZoneId(Uuid::from_u128(0x21));
pub(super) const REP: ActorId = ActorId(Uuid::from_u128(0x5a));
pub(super) const MANAGER: ActorId = ActorId(Uuid::from_u128(0xa1));
pub(super) const REP_USER: UserId = UserId(REP.0);
pub(super) const MANAGER_USER: UserId = UserId(MANAGER.0);

/// The door of the house with this number.
pub(super) fn door(number: &str) -> DoorId {
    door_id(BUILDING, &DoorNumber::parse(number).unwrap())
}

/// One house, its doors, and everything that happened there.
pub(super) struct House {
    building: Building,
    doors: HashMap<String, Door>,
    story: Story<BuildingOrDoor>,
    visits: Story<door::Event>,
}

impl House {
    pub(super) fn new(floors: i32, doors_per_floor: i32) -> Self {
        let command: CreateBuilding = serde_json::from_value(json!({
            "address": "12 rue de la Part-Dieu, 69003 Lyon", "floors": floors, "doors_per_floor": doors_per_floor,
            "sales_rep_id": REP_USER, "manager_id": MANAGER_USER, "zone_id": NORTH,
        }))
        .unwrap();
        let (zone, none): (Zone, _) = (state_of(zone::Event::examples()), ZoneAssignment::default());
        let cx = context(MANAGER, BUILDING.0, &[LEAD_ALL.as_str()]);
        let (events, ..) = command.decide((&Building::default(), &zone, &none), &cx).unwrap().events;
        let story = events.iter().fold(Story::new(), |story, event| story.then(BUILDING, MANAGER, event.clone()));
        let building = events.iter().fold(Building::default(), Building::evolve);
        Self { building, doors: HashMap::new(), story, visits: Story::new() }
    }

    /// What happened at the house, building and doors.
    pub(super) fn story(&self) -> &Story<BuildingOrDoor> {
        &self.story
    }

    /// What happened at the doors.
    pub(super) fn visits(&self) -> &Story<door::Event> {
        &self.visits
    }

    /// A visit whose comment is its outcome. 0 contracts means that none are sent.
    pub(super) fn visit(
        &mut self,
        number: &str,
        outcome: DoorStatus,
        contracts: i32,
        minutes_ago: i64,
    ) -> Result<(), door::Rejection> {
        let appointment = outcome == DoorStatus::AppointmentTaken;
        let command: RecordVisit = serde_json::from_value(json!({
            "door_number": number, "outcome": outcome, "comment": outcome.as_str(),
            "number_of_contracts": (contracts > 0).then_some(contracts),
            "appointment_date": appointment.then_some("2026-01-20"),
            "appointment_time": appointment.then_some("14:30"),
            "occurred_at": noon() - TimeDelta::minutes(minutes_ago),
        }))
        .unwrap();
        self.record(&command)
    }

    /// A visit without a comment.
    pub(super) fn visit_silently(&mut self, number: &str, outcome: DoorStatus) {
        let command = serde_json::from_value(json!({ "door_number": number, "outcome": outcome })).unwrap();
        self.record(&command).unwrap();
    }

    /// A contract signed at a door.
    pub(super) fn sign(&mut self, number: &str, contracts: i32) {
        let command: SignContract = serde_json::from_value(json!({
            "building_id": BUILDING, "door_number": number, "number_of_contracts": contracts,
        }))
        .unwrap();
        let cx = context(REP, Uuid::from_u128(0xc7), &[]);
        let streams = (&Contract::default(), &self.door(number), &self.building);
        let (_, events, _) = command.decide(streams, &cx).unwrap().events;
        self.tell(number, events);
    }

    fn record(&mut self, command: &RecordVisit) -> Result<(), door::Rejection> {
        let number = command.door_number.to_string();
        let cx = context(REP, BUILDING.0, &[]);
        let (events, _) = command.decide((&self.door(&number), &self.building), &cx)?.events;
        self.tell(&number, events);
        Ok(())
    }

    fn door(&self, number: &str) -> Door {
        self.doors.get(number).cloned().unwrap_or_default()
    }

    fn tell(&mut self, number: &str, events: Vec<door::Event>) {
        for event in events {
            let door_after = self.door(number).evolve(&event);
            self.doors.insert(number.to_owned(), door_after);
            self.visits = mem::replace(&mut self.visits, Story::new()).then(door(number), REP, event.clone());
            self.story = mem::replace(&mut self.story, Story::new()).then(door(number), REP, event);
        }
    }
}

/// People and the zones they work, one change per day, all by the manager.
pub(super) struct Assignments {
    states: HashMap<Uuid, ZoneAssignment>,
    days: i64,
    story: Story<zone_assignment::Event>,
}

impl Assignments {
    pub(super) fn new() -> Self {
        Self { states: HashMap::new(), days: 0, story: Story::new() }
    }

    pub(super) fn story(&self) -> &Story<zone_assignment::Event> {
        &self.story
    }

    pub(super) fn assign(&mut self, user_id: UserId, user_type: UserType, zone_id: ZoneId) {
        let zone: Zone = state_of(zone::Event::examples());
        let cx = self.tomorrow(zone_id);
        let state = self.state(user_id, user_type);
        let (events, _) = AssignZone { user_id, user_type }.decide((&state, &zone), &cx).unwrap().events;
        self.tell(stream_id(user_id, user_type), state, events);
    }

    pub(super) fn unassign(&mut self, user_id: UserId, user_type: UserType, zone_id: ZoneId) {
        let cx = self.tomorrow(zone_id);
        let state = self.state(user_id, user_type);
        let events = UnassignZone { user_id, user_type }.decide(&state, &cx).unwrap().events;
        self.tell(stream_id(user_id, user_type), state, events);
    }

    fn tomorrow(&mut self, zone_id: ZoneId) -> Context {
        self.days += 1;
        let command_id = CommandId(Uuid::from_u128(self.days.unsigned_abs().into()));
        Context {
            command_id,
            now: noon() + TimeDelta::days(self.days),
            ..context(MANAGER, zone_id.0, &[LEAD_ALL.as_str()])
        }
    }

    fn state(&self, user_id: UserId, user_type: UserType) -> ZoneAssignment {
        self.states.get(&stream_id(user_id, user_type)).cloned().unwrap_or_default()
    }

    fn tell(&mut self, stream: Uuid, state: ZoneAssignment, events: Vec<zone_assignment::Event>) {
        self.states.insert(stream, events.iter().fold(state, ZoneAssignment::evolve));
        for event in events {
            self.story = mem::replace(&mut self.story, Story::new()).then(stream, MANAGER, event);
        }
    }
}

fn indexes_name_columns<M: kernel::ReadModel>() {
    for index in M::TABLE.indexes {
        for name in index.columns {
            let name = name.trim_start_matches('-');
            assert!(M::TABLE.columns.iter().any(|column| column.name == name), "{}: no column {name}", M::NAME);
        }
    }
}

#[test]
fn every_index_is_over_columns_of_its_table() {
    indexes_name_columns::<super::Zones>();
    indexes_name_columns::<super::CurrentZones>();
    indexes_name_columns::<super::ZoneAssignments>();
    indexes_name_columns::<super::Buildings>();
    indexes_name_columns::<super::Doors>();
    indexes_name_columns::<super::DoorVisits>();
    indexes_name_columns::<super::Contracts>();
}
