//! Gives a user a zone to work.

use super::{ClosingReason, Event, Rejection, ZoneAssignment, stream_id};
use crate::field_sales::when::to_the_microsecond;
use crate::field_sales::zone::Zone;
use crate::field_sales::{AssignmentId, LEAD_ALL, UserId, UserType, ZoneId};
use kernel::command::{Decided, unchanged};
use kernel::{Command, Context, Decision, Reach, Scope};
use serde::Deserialize;
use utoipa::ToSchema;
use uuid::Uuid;

/// Assigns the zone of the route to a user.
///
/// A manager does this for his reps, a director for all below him, an administrator for everybody
/// (`field_sales.user_not_led`). A user holds one zone at most in each role: a zone held before is closed in the same step, with the reason
/// `reassigned`. Several users may hold the same zone. Assigning the zone already held changes nothing.
///
/// The version that is answered and that `If-Match` compares is the assignment's, not the zone's: the zone is only
/// read.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AssignZone {
    /// Who is to work the zone.
    pub user_id: UserId,
    /// In which role.
    pub user_type: UserType,
}

impl Command for AssignZone {
    type Streams = (ZoneAssignment, Zone);

    const NAME: &'static str = "field_sales.assign_zone";
    const SCOPE: Scope = Scope::new("field_sales.zone:assign");
    const REACH: Reach = Reach::Below { all: LEAD_ALL };

    fn streams(&self, zone_id: Uuid, _: &Context) -> (Uuid, Uuid) {
        (stream_id(self.user_id, self.user_type), zone_id)
    }

    fn decide(&self, (assignment, zone): (&ZoneAssignment, &Zone), cx: &Context) -> Decision<Self> {
        if !cx.reaches(Self::REACH, self.user_id.into()) {
            return Err(Rejection::NotLed);
        }
        if !zone.exists() {
            return Err(Rejection::ZoneNotFound);
        }
        let (zone_id, user_id, user_type) = (ZoneId(cx.target), self.user_id, self.user_type);
        let held = assignment.current();
        if held.is_some_and(|held| held.zone_id == zone_id) {
            return unchanged();
        }
        let closed = held.map(|held| held.closed(user_id, user_type, cx.now, ClosingReason::Reassigned));
        let assigned = Event::Assigned {
            assignment_id: AssignmentId(cx.derived_id("field_sales.assignment")),
            zone_id,
            user_id,
            user_type,
            assigned_at: to_the_microsecond(cx.now),
            assigned_by: cx.actor_id(),
        };
        Ok(Decided::new((closed.into_iter().chain([assigned]).collect(), Vec::new())))
    }
}

#[cfg(test)]
mod tests {
    use super::super::{UnassignZone, tests::*};
    use super::*;
    use kernel::Aggregate;
    use kernel::specs::{Then, noon};
    use proptest::prelude::*;

    fn command() -> AssignZone {
        AssignZone { user_id: USER, user_type: UserType::SalesRep }
    }

    fn decide(assignment: &ZoneAssignment, zone: &Zone, cx: &Context) -> Then<AssignZone> {
        Then::of(command().decide((assignment, zone), cx))
    }

    #[test]
    fn a_user_without_a_zone_gets_one() {
        let (assignment, zone) = decide(&none(), &zone(), &cx(NORTH)).accepted().events;
        assert_eq!(assignment, [assigned(NORTH)]);
        assert_eq!(zone, [], "the zone is only read");
    }

    #[test]
    fn another_zone_closes_the_one_held_in_the_same_step() {
        let held = holding(NORTH);
        let later = Context { now: noon() + chrono::TimeDelta::days(3), ..cx(SOUTH) };
        let (events, _) = decide(&held, &zone(), &later).accepted().events;
        let [Event::Closed { zone_id, assigned_at, unassigned_at, reason, .. }, Event::Assigned { zone_id: next, .. }] =
            &events[..]
        else {
            panic!("{events:?}");
        };
        assert_eq!((*zone_id, *next, *reason), (NORTH, SOUTH, ClosingReason::Reassigned));
        assert_eq!((*assigned_at, *unassigned_at), (noon(), later.now));
    }

    #[test]
    fn the_zone_already_held_is_nothing_to_do() {
        assert_eq!(decide(&holding(NORTH), &zone(), &cx(NORTH)).accepted().events, (vec![], vec![]));
    }

    #[test]
    fn a_manager_assigns_those_below_him_and_nobody_else() {
        let manager = Context { scopes: kernel::Scopes::default(), ..cx(NORTH) };
        decide(&none(), &zone(), &manager).is_rejected(&Rejection::NotLed);
        let leading = Context { team: [USER.into()].into_iter().collect(), ..manager.clone() };
        decide(&none(), &zone(), &leading).accepted();
        let himself = AssignZone { user_id: UserId(manager.actor_id().0), user_type: UserType::Manager };
        Then::<AssignZone>::of(himself.decide((&none(), &zone()), &leading)).is_rejected(&Rejection::NotLed);
        let take = UnassignZone { user_id: USER, user_type: UserType::SalesRep };
        kernel::specs::given([assigned(NORTH)]).when(&take, &manager).is_rejected(&Rejection::NotLed);
        kernel::specs::given([assigned(NORTH)]).when(&take, &leading).accepted();
    }

    #[test]
    fn there_must_be_such_a_zone() {
        decide(&none(), &Zone::default(), &cx(NORTH)).is_rejected(&Rejection::ZoneNotFound);
    }

    #[test]
    fn roles_are_streams_of_their_own() {
        let streams = [UserType::SalesRep, UserType::Manager, UserType::Director].map(|role| stream_id(USER, role));
        assert!(streams[0] != streams[1] && streams[1] != streams[2] && streams[0] != streams[2]);
        let command: AssignZone =
            serde_json::from_value(serde_json::json!({ "user_id": USER, "user_type": "COMMERCIAL" })).unwrap();
        assert_eq!(command.streams(NORTH.0, &cx(NORTH)), (streams[0], NORTH.0));
    }

    proptest! {
        /// Whatever is asked, assignments open and close in turn and a user never holds two zones.
        #[test]
        fn a_user_holds_one_zone_at_most(steps in prop::collection::vec((any::<bool>(), 1..4_u128), 1..40)) {
            let (mut state, mut open) = (none(), None);
            for (number, (assign, zone_number)) in steps.into_iter().enumerate() {
                let zone_id = ZoneId(Uuid::from_u128(zone_number));
                let cx = Context { command_id: kernel::CommandId(Uuid::from_u128(number as u128)), ..cx(zone_id) };
                let events = if assign {
                    command().decide((&state, &zone()), &cx).map(|decided| decided.events.0)
                } else {
                    UnassignZone { user_id: USER, user_type: UserType::SalesRep }.decide(&state, &cx).map(|d| d.events)
                };
                for event in events.unwrap_or_default() {
                    match &event {
                        Event::Assigned { assignment_id, .. } => prop_assert_eq!(open.replace(*assignment_id), None),
                        Event::Closed { assignment_id, .. } => prop_assert_eq!(open.take(), Some(*assignment_id)),
                    }
                    state = state.evolve(&event);
                }
                prop_assert_eq!(state.current().map(|held| held.assignment_id), open);
            }
        }
    }
}
