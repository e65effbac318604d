//! Takes a zone from a user.

use super::{ClosingReason, Rejection, ZoneAssignment, stream_id};
use crate::field_sales::{LEAD_ALL, UserId, UserType};
use kernel::{Command, Context, Decision, Reach, Scope};
use serde::Deserialize;
use utoipa::ToSchema;
use uuid::Uuid;

/// Takes the zone of the route from a user.
///
/// A manager does this for his reps, a director for all below him, an administrator for everybody
/// (`field_sales.user_not_led`). Refused with `field_sales.zone_not_assigned` where the user does not hold that zone in that role, also when it
/// was taken before: a caller who is told "done" must not believe that it took something just now.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct UnassignZone {
    /// Who works the zone now.
    pub user_id: UserId,
    /// In which role.
    pub user_type: UserType,
}

impl Command for UnassignZone {
    type Streams = ZoneAssignment;

    const NAME: &'static str = "field_sales.unassign_zone";
    const SCOPE: Scope = Scope::new("field_sales.zone:assign");
    const REACH: Reach = Reach::Below { all: LEAD_ALL };

    fn streams(&self, _: Uuid, _: &Context) -> Uuid {
        stream_id(self.user_id, self.user_type)
    }

    fn decide(&self, assignment: &ZoneAssignment, cx: &Context) -> Decision<Self> {
        if !cx.reaches(Self::REACH, self.user_id.into()) {
            return Err(Rejection::NotLed);
        }
        let held = assignment.current().filter(|held| held.zone_id.0 == cx.target).ok_or(Rejection::NotAssigned)?;
        Ok(held.closed(self.user_id, self.user_type, cx.now, ClosingReason::Unassigned).into())
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Event, tests::*};
    use super::*;
    use chrono::TimeDelta;
    use kernel::specs::{given, noon};

    fn command() -> UnassignZone {
        UnassignZone { user_id: USER, user_type: UserType::SalesRep }
    }

    fn closed(unassigned_at: chrono::DateTime<chrono::Utc>) -> Event {
        holding(NORTH).current().unwrap().closed(USER, UserType::SalesRep, unassigned_at, ClosingReason::Unassigned)
    }

    #[test]
    fn the_zone_held_is_taken() {
        let later = Context { now: noon() + TimeDelta::hours(2), ..cx(NORTH) };
        given::<ZoneAssignment>([assigned(NORTH)]).when(&command(), &later).answers([closed(later.now)]);
    }

    #[test]
    fn an_assignment_never_ends_before_it_began() {
        let earlier = Context { now: noon() - TimeDelta::hours(2), ..cx(NORTH) };
        given::<ZoneAssignment>([assigned(NORTH)]).when(&command(), &earlier).answers([closed(noon())]);
    }

    #[test]
    fn another_zone_than_the_one_held_is_not_taken() {
        given::<ZoneAssignment>([assigned(NORTH)]).when(&command(), &cx(SOUTH)).is_rejected(&Rejection::NotAssigned);
        given::<ZoneAssignment>([]).when(&command(), &cx(NORTH)).is_rejected(&Rejection::NotAssigned);
    }

    #[test]
    fn taking_it_twice_is_refused() {
        given::<ZoneAssignment>([assigned(NORTH), closed(noon())])
            .when(&command(), &cx(NORTH))
            .is_rejected(&Rejection::NotAssigned);
    }
}
