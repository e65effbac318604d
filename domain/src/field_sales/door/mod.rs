//! A door and every knock on it. The stored contract: add, never rename.
//!
//! A door has no event of its own before the first visit: it exists because its building has it.

mod appointment;
mod record_visit;

pub use appointment::{Appointment, ClockTime};
pub use record_visit::RecordVisit;

use super::building::{DoorNumber, DoorPlace, door_id};
use super::{BuildingId, ContractId, UserId, Whole, ZoneId};
use chrono::{DateTime, Utc};
use kernel::{ActorId, Aggregate, Personal, Private, RejectionKind, Text};
use serde::{Deserialize, Serialize};
use serde_json::json;
use uuid::Uuid;

/// What the visitor noted.
pub type Comment = Text<1, 2000>;
/// How many contracts one visit may sign.
pub type ContractCount = Whole<1, 100>;

kernel::labelled! {
    /// How a door stands: the outcome of its last visit, or `not_visited`.
    pub enum DoorStatus("field_sales.door_status") {
        /// Nobody has knocked yet. Never the outcome of a visit.
        NotVisited: "not_visited" | "NON_VISITE", "Not visited", "Non visitée";
        /// Nobody opened. Counts as a return visit.
        Absent: "absent" | "ABSENT", "Absent", "Absent";
        /// Refused outright.
        Refused: "refused" | "REFUS", "Refused", "Refus";
        /// Refused after a discussion.
        Argued: "argued" | "ARGUMENTE", "Refused after discussion", "Argumenté";
        /// Come back at an agreed time.
        AppointmentTaken: "appointment_taken" | "RENDEZ_VOUS_PRIS", "Appointment taken", "Rendez-vous pris";
        /// Signed.
        ContractSigned: "contract_signed" | "CONTRAT_SIGNE", "Contract signed", "Contrat signé";
        /// Come back without an agreed time. Counts as a return visit.
        ReturnNeeded: "return_needed" | "NECESSITE_REPASSAGE", "Return needed", "Repassage nécessaire";
    }
}

impl DoorStatus {
    /// Whether a visit with this outcome means that somebody has to come back without an appointment.
    pub const fn is_return_visit(self) -> bool {
        match self {
            Self::Absent | Self::ReturnNeeded => true,
            Self::NotVisited | Self::Refused | Self::Argued | Self::AppointmentTaken | Self::ContractSigned => false,
        }
    }

    /// Whether a visit may lead from this status to `outcome`: the door table.
    ///
    /// # Errors
    /// `not_visited` is no outcome; and where a contract is signed, only more contracts can follow.
    pub const fn may_become(self, outcome: Self) -> Result<(), Rejection> {
        match (self, outcome) {
            (_, Self::NotVisited) => Err(Rejection::NotAVisitOutcome),
            (
                Self::ContractSigned,
                Self::Absent | Self::Refused | Self::Argued | Self::AppointmentTaken | Self::ReturnNeeded,
            ) => Err(Rejection::ContractStands),
            (Self::ContractSigned, Self::ContractSigned)
            | (
                Self::NotVisited
                | Self::Absent
                | Self::Refused
                | Self::Argued
                | Self::AppointmentTaken
                | Self::ReturnNeeded,
                Self::Absent
                | Self::Refused
                | Self::Argued
                | Self::AppointmentTaken
                | Self::ContractSigned
                | Self::ReturnNeeded,
            ) => Ok(()),
        }
    }
}

/// What happens to a door.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Event {
    /// Somebody knocked. Carries the door's place and the status before, so that counting needs no look-up.
    VisitRecorded {
        /// The building.
        building_id: BuildingId,
        /// The number on the door.
        door_number: DoorNumber,
        /// The floor the door is on.
        floor: i32,
        /// The zone that the building belonged to then.
        zone_id: Option<ZoneId>,
        /// Who worked the building then.
        sales_rep_id: Option<UserId>,
        /// Who led the one who worked it then.
        manager_id: Option<UserId>,
        /// Who knocked.
        visited_by: ActorId,
        /// When, by the device's clock.
        visited_at: DateTime<Utc>,
        /// The status before.
        previous_status: DoorStatus,
        /// What came of it, and the status from now on.
        outcome: DoorStatus,
        /// Whether the visit added one to the door's return visits.
        counts_as_return_visit: bool,
        /// The contracts that this visit signed; 0 unless the outcome is `contract_signed`.
        number_of_contracts: i32,
        /// The contract that it signed, where it is kept as one.
        contract_id: Option<ContractId>,
        /// When to come back; only with the outcome `appointment_taken`.
        appointment: Option<Appointment>,
        /// What the visitor noted. It is about the people behind the door.
        comment: Option<Personal<Comment>>,
    },
}

impl kernel::Event for Event {
    const CATEGORY: &'static str = "field_sales.door";

    fn examples() -> Vec<Self> {
        let [building_id, zone_id, sales_rep_id, manager_id] = [0xb1, 0x20, 0x5a, 0xa1].map(Uuid::from_u128);
        let examples = json!([
            { "visit_recorded": {
                "building_id": building_id, "door_number": "101", "floor": 1,
                "zone_id": zone_id, "sales_rep_id": sales_rep_id, "manager_id": manager_id,
                "visited_by": sales_rep_id, "visited_at": "2026-01-15T11:00:00Z",
                "previous_status": "absent", "outcome": "appointment_taken", "counts_as_return_visit": false,
                "number_of_contracts": 0, "contract_id": null,
                "appointment": { "date": "2026-01-20", "time": "14:30" }, "comment": null,
            } },
        ]);
        let mut examples: Vec<Self> = serde_json::from_value(examples).expect("examples have the stored shape");
        for Self::VisitRecorded { comment, building_id, door_number, .. } in &mut examples {
            let text = Comment::parse("Wants to compare prices").expect("an example is valid");
            *comment = Some(Personal::new(door_id(*building_id, door_number), text));
        }
        examples
    }
}

/// What came of a knock: the part of [`Event::VisitRecorded`] that the door and its building do not know.
pub(super) struct Knock {
    pub(super) visited_by: ActorId,
    pub(super) visited_at: DateTime<Utc>,
    pub(super) outcome: DoorStatus,
    pub(super) number_of_contracts: Option<ContractCount>,
    pub(super) contract_id: Option<ContractId>,
    pub(super) appointment: Option<Appointment>,
    pub(super) comment: Option<Private<Comment>>,
}

/// A door, as far as decisions need it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Door {
    status: DoorStatus,
    return_visits: i32,
    number_of_contracts: i32,
    last_visited_at: Option<DateTime<Utc>>,
}

impl Default for Door {
    fn default() -> Self {
        Self { status: DoorStatus::NotVisited, return_visits: 0, number_of_contracts: 0, last_visited_at: None }
    }
}

impl Door {
    /// How the door stands.
    pub const fn status(&self) -> DoorStatus {
        self.status
    }

    /// How many visits meant that somebody has to come back.
    pub const fn return_visits(&self) -> i32 {
        self.return_visits
    }

    /// How many contracts were signed here.
    pub const fn number_of_contracts(&self) -> i32 {
        self.number_of_contracts
    }

    /// When somebody last knocked, by the devices' clocks; a visit that arrives late never moves it back.
    pub const fn last_visited_at(&self) -> Option<DateTime<Utc>> {
        self.last_visited_at
    }

    /// The fact of a knock on this door, complete.
    pub(super) fn visit_recorded(&self, place: DoorPlace, knock: Knock) -> Event {
        let DoorPlace { building_id, door_id, number, floor, zone_id, sales_rep_id, manager_id } = place;
        Event::VisitRecorded {
            building_id,
            door_number: number,
            floor,
            zone_id,
            sales_rep_id,
            manager_id,
            visited_by: knock.visited_by,
            visited_at: knock.visited_at,
            previous_status: self.status,
            outcome: knock.outcome,
            counts_as_return_visit: knock.outcome.is_return_visit(),
            number_of_contracts: knock.number_of_contracts.map_or(0, ContractCount::get),
            contract_id: knock.contract_id,
            appointment: knock.appointment,
            comment: knock.comment.map(|comment| comment.about(door_id)),
        }
    }
}

impl Aggregate for Door {
    type Event = Event;
    type Rejection = Rejection;

    fn evolve(mut self, event: &Event) -> Self {
        match event {
            Event::VisitRecorded { outcome, visited_at, counts_as_return_visit, number_of_contracts, .. } => {
                self.status = *outcome;
                self.return_visits += i32::from(*counts_as_return_visit);
                self.number_of_contracts += number_of_contracts;
                self.last_visited_at = self.last_visited_at.max(Some(*visited_at));
            }
        }
        self
    }
}

/// Why a visit is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Rejection {
    /// There is no such building.
    #[error("there is no such building")]
    BuildingNotFound,
    /// The building has no door with this number.
    #[error("the building has no door with this number")]
    DoorNotFound,
    /// `not_visited` is not the outcome of a visit.
    #[error("a visit cannot make a door not visited")]
    NotAVisitOutcome,
    /// A contract is signed here: only more contracts can follow.
    #[error("a contract is signed at this door")]
    ContractStands,
    /// An appointment lacks its date or time.
    #[error("an appointment needs a date and a time")]
    AppointmentIncomplete,
    /// A date or time was sent with another outcome.
    #[error("only the outcome appointment_taken has a date and a time")]
    AppointmentUnexpected,
    /// The appointment is before the visit, or absurdly late.
    #[error("the appointment is before the day of the visit or more than ten years after it")]
    AppointmentDateOutOfRange,
    /// A number of contracts was sent with another outcome.
    #[error("only the outcome contract_signed has a number of contracts")]
    ContractsUnexpected,
    /// The visit is in the future or in another century.
    #[error("the visit is more than five minutes in the future or before the year 2000")]
    VisitTimeOutOfRange,
}

impl kernel::Rejection for Rejection {
    fn code(&self) -> &'static str {
        match self {
            Self::BuildingNotFound => "field_sales.building_not_found",
            Self::DoorNotFound => "field_sales.door_not_found",
            Self::NotAVisitOutcome => "field_sales.not_a_visit_outcome",
            Self::ContractStands => "field_sales.contract_stands",
            Self::AppointmentIncomplete => "field_sales.appointment_incomplete",
            Self::AppointmentUnexpected => "field_sales.appointment_unexpected",
            Self::AppointmentDateOutOfRange => "field_sales.appointment_date_out_of_range",
            Self::ContractsUnexpected => "field_sales.contracts_unexpected",
            Self::VisitTimeOutOfRange => "field_sales.visit_time_out_of_range",
        }
    }

    fn kind(&self) -> RejectionKind {
        match self {
            Self::BuildingNotFound | Self::DoorNotFound => RejectionKind::NotFound,
            Self::ContractStands => RejectionKind::Conflict,
            Self::NotAVisitOutcome
            | Self::AppointmentIncomplete
            | Self::AppointmentUnexpected
            | Self::AppointmentDateOutOfRange
            | Self::ContractsUnexpected
            | Self::VisitTimeOutOfRange => RejectionKind::Invalid,
        }
    }

    fn remedy(&self) -> &'static str {
        match self {
            Self::BuildingNotFound => "Check the building's id in the list of buildings.",
            Self::DoorNotFound => "Check `door_number` in the building's list of doors.",
            Self::NotAVisitOutcome => "Send what came of the visit.",
            Self::ContractStands => "Record further contracts, or have the contract withdrawn or cancelled first.",
            Self::AppointmentIncomplete => "Send `appointment_date` and `appointment_time`.",
            Self::AppointmentUnexpected => {
                "Leave out `appointment_date` and `appointment_time`, or change the outcome."
            }
            Self::AppointmentDateOutOfRange => "Send the day of the visit or a later one, within ten years.",
            Self::ContractsUnexpected => "Leave out `number_of_contracts`, or change the outcome.",
            Self::VisitTimeOutOfRange => "Set the device's clock and send the time of the visit again.",
        }
    }
}
