//! Which zone a user works: one stream per user and user type, so a user holds one zone at most.
//! The stored contract: add, never rename.

mod assign;
mod unassign;

pub use assign::AssignZone;
pub use unassign::UnassignZone;

use super::when::to_the_microsecond;
use super::{AssignmentId, UserId, UserType, ZoneId};
use chrono::{DateTime, Utc};
use kernel::{ActorId, Aggregate, Labelled, RejectionKind};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

kernel::labelled! {
    /// Why an assignment ended.
    pub enum ClosingReason("field_sales.assignment_closing_reason") {
        /// The user got another zone.
        Reassigned: "reassigned", "Reassigned", "Réaffecté";
        /// The zone was taken from the user.
        Unassigned: "unassigned", "Unassigned", "Retiré";
    }
}

/// What happens to a user's assignment.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Event {
    /// The user got a zone.
    Assigned {
        /// This assignment; [`Event::Closed`] names it again.
        assignment_id: AssignmentId,
        /// The zone.
        zone_id: ZoneId,
        /// Who works it.
        user_id: UserId,
        /// In which role.
        user_type: UserType,
        /// From when.
        assigned_at: DateTime<Utc>,
        /// Who said so.
        assigned_by: ActorId,
    },
    /// The assignment ended. Carries all that was known about it, so that its history needs no look-up.
    Closed {
        /// The assignment.
        assignment_id: AssignmentId,
        /// The zone.
        zone_id: ZoneId,
        /// Who worked it.
        user_id: UserId,
        /// In which role.
        user_type: UserType,
        /// From when.
        assigned_at: DateTime<Utc>,
        /// Who had said so.
        assigned_by: ActorId,
        /// Until when; never before `assigned_at`.
        unassigned_at: DateTime<Utc>,
        /// Why it ended.
        reason: ClosingReason,
    },
}

impl kernel::Event for Event {
    const CATEGORY: &'static str = "field_sales.zone_assignment";

    fn examples() -> Vec<Self> {
        let id = Uuid::from_u128;
        let (assignment_id, zone_id, user_id) = (AssignmentId(id(0xa5)), ZoneId(id(0x20)), UserId(id(0x5a)));
        let (user_type, assigned_by) = (UserType::SalesRep, ActorId(id(0xa1)));
        let day = |days: i64| DateTime::from_timestamp(1_768_474_800 + days * 86_400, 0).unwrap_or_default();
        let (assigned_at, unassigned_at) = (day(0), day(30));
        vec![
            Self::Assigned { assignment_id, zone_id, user_id, user_type, assigned_at, assigned_by },
            Self::Closed {
                assignment_id,
                zone_id,
                user_id,
                user_type,
                assigned_at,
                assigned_by,
                unassigned_at,
                reason: ClosingReason::Reassigned,
            },
        ]
    }
}

/// The stream of a user's assignments in one role.
pub fn stream_id(user_id: UserId, user_type: UserType) -> Uuid {
    kernel::ids::derived(user_id.0, &format!("field_sales.zone_assignment/{}", user_type.as_str()))
}

/// The zone that a user holds, and since when.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Held {
    /// The assignment.
    pub assignment_id: AssignmentId,
    /// The zone.
    pub zone_id: ZoneId,
    /// From when.
    pub assigned_at: DateTime<Utc>,
    /// Who said so.
    pub assigned_by: ActorId,
}

impl Held {
    /// The fact that ends it. A clock that was set back never makes an assignment end before it began.
    fn closed(&self, user_id: UserId, user_type: UserType, now: DateTime<Utc>, reason: ClosingReason) -> Event {
        let Self { assignment_id, zone_id, assigned_at, assigned_by } = *self;
        let unassigned_at = to_the_microsecond(now).max(assigned_at);
        Event::Closed { assignment_id, zone_id, user_id, user_type, assigned_at, assigned_by, unassigned_at, reason }
    }
}

/// What a user works in one role.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ZoneAssignment {
    current: Option<Held>,
}

impl ZoneAssignment {
    /// The zone that the user holds now.
    pub const fn current(&self) -> Option<&Held> {
        self.current.as_ref()
    }
}

impl Aggregate for ZoneAssignment {
    type Event = Event;
    type Rejection = Rejection;

    fn evolve(mut self, event: &Event) -> Self {
        match *event {
            Event::Assigned { assignment_id, zone_id, assigned_at, assigned_by, .. } => {
                self.current = Some(Held { assignment_id, zone_id, assigned_at, assigned_by });
            }
            Event::Closed { .. } => self.current = None,
        }
        self
    }
}

/// Why an assignment is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Rejection {
    /// There is no such zone.
    #[error("there is no such zone")]
    ZoneNotFound,
    /// The user is not below the actor.
    #[error("the user is not in the actor's team")]
    NotLed,
    /// The user does not hold this zone in this role.
    #[error("the user does not hold this zone")]
    NotAssigned,
}

impl kernel::Rejection for Rejection {
    fn code(&self) -> &'static str {
        match self {
            Self::ZoneNotFound => "field_sales.zone_not_found",
            Self::NotLed => "field_sales.user_not_led",
            Self::NotAssigned => "field_sales.zone_not_assigned",
        }
    }

    fn kind(&self) -> RejectionKind {
        match self {
            Self::ZoneNotFound => RejectionKind::NotFound,
            Self::NotLed => RejectionKind::Forbidden,
            Self::NotAssigned => RejectionKind::Conflict,
        }
    }

    fn remedy(&self) -> &'static str {
        match self {
            Self::ZoneNotFound => "Check the zone's id in the list of zones.",
            Self::NotLed => "Assign people of your own team, or ask whoever leads them.",
            Self::NotAssigned => "Look up the zone that the user holds now, and name that one.",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::field_sales::LEAD_ALL;
    use crate::field_sales::zone::{self, Zone};
    use kernel::specs::{context, noon, state_of};
    use kernel::{Context, Event as _};

    pub(super) const USER: UserId = UserId(Uuid::from_u128(0x5a));
    pub(super) const NORTH: ZoneId = ZoneId(Uuid::from_u128(1));
    pub(super) const SOUTH: ZoneId = ZoneId(Uuid::from_u128(2));

    pub(super) fn cx(zone_id: ZoneId) -> Context {
        context(ActorId(Uuid::from_u128(0xa1)), zone_id.0, &[LEAD_ALL.as_str()])
    }

    pub(super) fn zone() -> Zone {
        state_of(zone::Event::examples())
    }

    pub(super) fn none() -> ZoneAssignment {
        ZoneAssignment::default()
    }

    pub(super) fn assigned(zone_id: ZoneId) -> Event {
        Event::Assigned {
            assignment_id: AssignmentId(cx(zone_id).derived_id("field_sales.assignment")),
            zone_id,
            user_id: USER,
            user_type: UserType::SalesRep,
            assigned_at: noon(),
            assigned_by: ActorId(Uuid::from_u128(0xa1)),
        }
    }

    pub(super) fn holding(zone_id: ZoneId) -> ZoneAssignment {
        state_of([assigned(zone_id)])
    }
}
