//! Records a knock on a door.

use super::{Appointment, ClockTime, Comment, ContractCount, Door, DoorStatus, Knock, Rejection};
use crate::field_sales::BuildingId;
use crate::field_sales::building::{Building, DoorNumber, door_id};
use crate::field_sales::when::at_the_door;
use chrono::{DateTime, FixedOffset, Months, NaiveDate, Utc};
use kernel::command::Decided;
use kernel::{Command, Context, Decision, Private, Reach, Scope};
use serde::Deserialize;
use utoipa::ToSchema;
use uuid::Uuid;

/// Records a visit to a door of the building of the route, and what came of it.
///
/// Every visit is a fact of its own: recording the same outcome again is a second visit. Retries are told apart by
/// their `Idempotency-Key`. Visits may arrive late from an offline device: the status is that of the visit recorded
/// last, the time of the last visit is the latest `occurred_at`.
///
/// Where a contract is signed, only more contracts can follow (`field_sales.contract_stands`). The version that is
/// answered and that `If-Match` compares is the door's.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RecordVisit {
    /// The number on the door.
    pub door_number: DoorNumber,
    /// What came of the visit; anything but `not_visited`.
    pub outcome: DoorStatus,
    /// What the visitor noted.
    pub comment: Option<Private<Comment>>,
    /// The day to come back. Required for `appointment_taken`, refused otherwise; not before the day of the visit.
    pub appointment_date: Option<NaiveDate>,
    /// The time at the door to come back, `HH:MM`. Required for `appointment_taken`, refused otherwise.
    pub appointment_time: Option<ClockTime>,
    /// How many contracts were signed. Only with `contract_signed`, and then 1 if left out. They add to those that
    /// were signed at the door before.
    pub number_of_contracts: Option<ContractCount>,
    /// When the visit was, by the device's clock, with its offset from UTC: the day of the visit is that of the
    /// offset. The server's time if left out. At most five minutes in the future.
    pub occurred_at: Option<DateTime<FixedOffset>>,
}

impl RecordVisit {
    fn appointment(&self, visited_on: NaiveDate) -> Result<Option<Appointment>, Rejection> {
        let taken = self.outcome == DoorStatus::AppointmentTaken;
        match (self.appointment_date, self.appointment_time) {
            (Some(date), Some(time)) if taken => {
                // Ten years also keep the date within what every store and calendar can show.
                let latest = visited_on.checked_add_months(Months::new(120)).unwrap_or(NaiveDate::MAX);
                if !(visited_on..=latest).contains(&date) {
                    return Err(Rejection::AppointmentDateOutOfRange);
                }
                Ok(Some(Appointment { date, time }))
            }
            _ if taken => Err(Rejection::AppointmentIncomplete),
            (None, None) => Ok(None),
            _ => Err(Rejection::AppointmentUnexpected),
        }
    }

    fn contracts(&self) -> Result<Option<ContractCount>, Rejection> {
        match (self.outcome, self.number_of_contracts) {
            (DoorStatus::ContractSigned, number) => Ok(Some(number.unwrap_or(ContractCount::MIN))),
            (_, None) => Ok(None),
            (_, Some(_)) => Err(Rejection::ContractsUnexpected),
        }
    }
}

impl Command for RecordVisit {
    type Streams = (Door, Building);

    const NAME: &'static str = "field_sales.record_visit";
    const SCOPE: Scope = Scope::new("field_sales.door:visit");
    const REACH: Reach = Reach::All;

    fn streams(&self, building_id: Uuid, _: &Context) -> (Uuid, Uuid) {
        (door_id(BuildingId(building_id), &self.door_number).0, building_id)
    }

    fn occurred_at(&self) -> Option<DateTime<Utc>> {
        self.occurred_at.map(|at| at.to_utc())
    }

    fn decide(&self, (door, building): (&Door, &Building), cx: &Context) -> Decision<Self> {
        if !building.exists() {
            return Err(Rejection::BuildingNotFound);
        }
        let place = building.door(BuildingId(cx.target), &self.door_number).ok_or(Rejection::DoorNotFound)?;
        let visited_at = at_the_door(self.occurred_at, cx.now).ok_or(Rejection::VisitTimeOutOfRange)?;
        door.status().may_become(self.outcome)?;
        let knock = Knock {
            visited_by: cx.actor_id(),
            visited_at: visited_at.to_utc(),
            outcome: self.outcome,
            number_of_contracts: self.contracts()?,
            contract_id: None,
            appointment: self.appointment(visited_at.date_naive())?,
            comment: self.comment.clone(),
        };
        Ok(Decided::new((vec![door.visit_recorded(place, knock)], Vec::new())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::field_sales::building;
    use crate::field_sales::door::Event;
    use chrono::TimeDelta;
    use kernel::specs::{Then, context, noon, state_of};
    use kernel::{ActorId, Aggregate, Event as _, Labelled, Rejection as _};
    use proptest::prelude::*;
    use serde_json::{Value, json};

    const BUILDING: BuildingId = BuildingId(Uuid::from_u128(0xb1));
    const REP: ActorId = ActorId(Uuid::from_u128(0x5a));

    fn cx() -> Context {
        context(REP, BUILDING.0, &[])
    }

    fn building() -> Building {
        state_of(building::Event::examples())
    }

    /// What a client sends for this outcome at the least, with some fields changed.
    fn visit(outcome: &str, changes: &Value) -> RecordVisit {
        let mut body = json!({ "door_number": "101", "outcome": outcome });
        let fields = body.as_object_mut().unwrap();
        if matches!(outcome, "appointment_taken" | "RENDEZ_VOUS_PRIS") {
            fields.insert("appointment_date".into(), "2026-01-20".into());
            fields.insert("appointment_time".into(), "14:30".into());
        }
        fields.extend(changes.as_object().unwrap().clone());
        fields.retain(|_, value| !value.is_null());
        serde_json::from_value(body).unwrap()
    }

    fn decide(door: &Door, command: &RecordVisit) -> Then<RecordVisit> {
        Then::of(command.decide((door, &building()), &cx()))
    }

    fn recorded(door: &Door, command: &RecordVisit) -> Event {
        let (mut events, of_the_building) = decide(door, command).accepted().events;
        assert_eq!(of_the_building, [], "the building is only read");
        assert_eq!(events.len(), 1);
        let _: Door = state_of(events.clone()); // Through the codec.
        events.remove(0)
    }

    fn after(visits: &[RecordVisit]) -> Door {
        visits.iter().fold(Door::default(), |door, visit| {
            let event = recorded(&door, visit);
            door.evolve(&event)
        })
    }

    /// A door in this status, the way it gets there.
    fn door_in(status: DoorStatus) -> Door {
        match status {
            DoorStatus::NotVisited => Door::default(),
            _ => after(&[visit(status.as_str(), &json!({}))]),
        }
    }

    /// Rows: from. Columns: outcome, both in the order of [`DoorStatus::ALL`]. `y` accepted, `n` no outcome of a visit,
    /// `c` a contract stands.
    const TABLE: [(DoorStatus, &str); 7] = [
        (DoorStatus::NotVisited, "nyyyyyy"),
        (DoorStatus::Absent, "nyyyyyy"),
        (DoorStatus::Refused, "nyyyyyy"),
        (DoorStatus::Argued, "nyyyyyy"),
        (DoorStatus::AppointmentTaken, "nyyyyyy"),
        (DoorStatus::ContractSigned, "nccccyc"),
        (DoorStatus::ReturnNeeded, "nyyyyyy"),
    ];

    #[test]
    fn the_door_table_holds_in_all_49_cells() {
        let mut cells = 0;
        for (from, row) in TABLE {
            for (outcome, expected) in DoorStatus::ALL.iter().zip(row.chars()) {
                let decision = visit(outcome.as_str(), &json!({})).decide((&door_in(from), &building()), &cx());
                let answer = match decision {
                    Ok(decided) => {
                        let door = decided.events.0.iter().fold(door_in(from), Door::evolve);
                        assert_eq!(door.status(), *outcome);
                        'y'
                    }
                    Err(Rejection::NotAVisitOutcome) => 'n',
                    Err(Rejection::ContractStands) => 'c',
                    Err(other) => panic!("{from} to {outcome}: {other:?}"),
                };
                assert_eq!(answer, expected, "{from} to {outcome}");
                cells += 1;
            }
        }
        assert_eq!(cells, 49);
    }

    #[test]
    fn the_fact_of_a_visit_is_complete() {
        let door = door_in(DoorStatus::Absent);
        let event = recorded(&door, &visit("RENDEZ_VOUS_PRIS", &json!({ "comment": "Wants to compare prices" })));
        assert_eq!(vec![event], Event::examples());
    }

    #[test]
    fn the_missions_spellings_are_read() {
        let spellings =
            ["NON_VISITE", "ABSENT", "REFUS", "ARGUMENTE", "RENDEZ_VOUS_PRIS", "CONTRAT_SIGNE", "NECESSITE_REPASSAGE"];
        for (spelling, status) in spellings.iter().zip(DoorStatus::ALL) {
            assert_eq!(visit(spelling, &json!({})).outcome, *status);
        }
    }

    #[test]
    fn an_appointment_needs_a_date_and_a_time() {
        for missing in ["appointment_date", "appointment_time"] {
            let command = visit("appointment_taken", &json!({ missing: null }));
            decide(&Door::default(), &command).is_rejected(&Rejection::AppointmentIncomplete);
        }
        assert_eq!(Rejection::AppointmentIncomplete.kind(), kernel::RejectionKind::Invalid);
    }

    #[test]
    fn only_an_appointment_has_a_date_or_a_time() {
        for field in [json!({ "appointment_date": "2026-01-20" }), json!({ "appointment_time": "14:30" })] {
            decide(&Door::default(), &visit("absent", &field)).is_rejected(&Rejection::AppointmentUnexpected);
        }
    }

    #[test]
    fn an_appointment_is_on_the_day_of_the_visit_or_later() {
        let on =
            |date: &str| decide(&Door::default(), &visit("appointment_taken", &json!({ "appointment_date": date })));
        on("2026-01-15").accepted();
        on("2026-01-14").is_rejected(&Rejection::AppointmentDateOutOfRange);
        on("2036-01-15").accepted();
        on("2036-01-16").is_rejected(&Rejection::AppointmentDateOutOfRange);
    }

    #[test]
    fn the_day_of_the_visit_is_that_of_the_devices_offset() {
        // 01:00 UTC on the 15th is still the 14th in Guadeloupe.
        let at = |occurred_at: &str| {
            let changes = json!({ "appointment_date": "2026-01-14", "occurred_at": occurred_at });
            decide(&Door::default(), &visit("appointment_taken", &changes))
        };
        at("2026-01-14T21:00:00-04:00").accepted();
        at("2026-01-15T01:00:00Z").is_rejected(&Rejection::AppointmentDateOutOfRange);
    }

    #[test]
    fn an_appointment_can_be_moved() {
        let door = door_in(DoorStatus::AppointmentTaken);
        let Event::VisitRecorded { previous_status, appointment, .. } =
            recorded(&door, &visit("appointment_taken", &json!({ "appointment_time": "18:00" })));
        assert_eq!(previous_status, DoorStatus::AppointmentTaken);
        assert_eq!(appointment.map(|it| it.time.to_string()).as_deref(), Some("18:00"));
    }

    #[test]
    fn a_signature_counts_one_contract_unless_it_says_how_many() {
        let three = visit("contract_signed", &json!({ "number_of_contracts": 3 }));
        assert_eq!(after(std::slice::from_ref(&three)).number_of_contracts(), 3);
        assert_eq!(after(&[visit("contract_signed", &json!({}))]).number_of_contracts(), 1);
        assert_eq!(after(&[three.clone(), three]).number_of_contracts(), 6, "more contracts add up");
        let read = |number: i64| {
            serde_json::from_value::<RecordVisit>(
                json!({ "door_number": "101", "outcome": "contract_signed", "number_of_contracts": number }),
            )
        };
        assert!(read(1).is_ok() && read(0).is_err() && read(-1).is_err());
    }

    #[test]
    fn only_a_signature_has_a_number_of_contracts() {
        let command = visit("refused", &json!({ "number_of_contracts": 1 }));
        decide(&Door::default(), &command).is_rejected(&Rejection::ContractsUnexpected);
    }

    #[test]
    fn a_visit_is_at_most_five_minutes_in_the_future() {
        let at = |seconds: i64| {
            let command = visit("absent", &json!({ "occurred_at": noon() + TimeDelta::seconds(seconds) }));
            decide(&Door::default(), &command)
        };
        at(300).accepted();
        at(301).is_rejected(&Rejection::VisitTimeOutOfRange);
        at(-86_400).accepted();
        let long_ago = visit("absent", &json!({ "occurred_at": "1999-12-31T23:59:59Z" }));
        decide(&Door::default(), &long_ago).is_rejected(&Rejection::VisitTimeOutOfRange);
    }

    #[test]
    fn the_time_of_the_visit_is_the_devices() {
        let command = visit("absent", &json!({ "occurred_at": "2026-01-15T09:30:00.123456789+01:00" }));
        let expected = "2026-01-15T08:30:00.123456Z".parse::<DateTime<Utc>>().unwrap();
        assert_eq!(after(std::slice::from_ref(&command)).last_visited_at(), Some(expected));
        assert_eq!(command.occurred_at().map(|at| at.timestamp()), Some(expected.timestamp()));
        assert_eq!(visit("absent", &json!({})).occurred_at(), None);
        assert_eq!(after(&[visit("absent", &json!({}))]).last_visited_at(), Some(noon()));
    }

    #[test]
    fn the_building_and_the_door_must_exist() {
        let nowhere = Building::default();
        Then::<RecordVisit>::of(visit("absent", &json!({})).decide((&Door::default(), &nowhere), &cx()))
            .is_rejected(&Rejection::BuildingNotFound);
        decide(&Door::default(), &visit("absent", &json!({ "door_number": "103" })))
            .is_rejected(&Rejection::DoorNotFound);
    }

    #[test]
    fn the_same_visit_again_is_a_second_visit() {
        let absent = visit("absent", &json!({}));
        assert_eq!(after(&[absent.clone(), absent]).return_visits(), 2);
    }

    proptest! {
        /// Whatever is sent: the counters equal a recount of what was accepted, the last visit is the latest one, and
        /// the events chain from status to status.
        #[test]
        fn a_door_equals_a_recount_of_its_visits(
            visits in prop::collection::vec((0..7_usize, 1..5_i32, 0..1000_i64), 0..30),
        ) {
            let mut door = Door::default();
            let mut accepted = Vec::new();
            for (outcome, contracts, minutes_ago) in visits {
                let outcome = DoorStatus::ALL[outcome];
                let number = (outcome == DoorStatus::ContractSigned).then_some(contracts);
                let occurred_at = noon() - TimeDelta::minutes(minutes_ago);
                let command = visit(outcome.as_str(), &json!({ "number_of_contracts": number, "occurred_at": occurred_at }));
                if let Ok(decided) = command.decide((&door, &building()), &cx()) {
                    let Event::VisitRecorded { previous_status, .. } = &decided.events.0[0];
                    prop_assert_eq!(*previous_status, door.status());
                    door = decided.events.0.iter().fold(door, Door::evolve);
                    accepted.push((outcome, contracts, occurred_at));
                }
            }
            let count = |wanted: &[DoorStatus]| accepted.iter().filter(|(outcome, ..)| wanted.contains(outcome)).count();
            let returns = count(&[DoorStatus::Absent, DoorStatus::ReturnNeeded]);
            prop_assert_eq!(usize::try_from(door.return_visits()).unwrap(), returns);
            let signed = accepted.iter().filter(|(outcome, ..)| *outcome == DoorStatus::ContractSigned);
            prop_assert_eq!(door.number_of_contracts(), signed.map(|(_, contracts, _)| contracts).sum::<i32>());
            prop_assert_eq!(door.last_visited_at(), accepted.iter().map(|(.., at)| *at).max());
            prop_assert_eq!(door.status(), accepted.last().map_or(DoorStatus::NotVisited, |(outcome, ..)| *outcome));
        }
    }
}
