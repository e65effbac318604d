//! Draws a zone on the map.

use super::{Event, Radius, Zone, ZoneName};
use crate::field_sales::{Coordinates, UserId};
use kernel::command::unchanged;
use kernel::{Command, Context, Decision, Reach, Scope};
use serde::Deserialize;
use utoipa::ToSchema;
use uuid::Uuid;

/// Creates a zone: a circle given by its centre and radius.
///
/// Zones may overlap and names may repeat.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateZone {
    /// What the zone is called.
    pub name: ZoneName,
    /// The middle of the circle.
    pub center: Coordinates,
    /// How far the zone reaches from its centre, in metres.
    pub radius_m: Radius,
    /// The director who answers for the zone.
    pub director_id: Option<UserId>,
    /// The manager who answers for the zone.
    pub manager_id: Option<UserId>,
}

impl Command for CreateZone {
    type Streams = Zone;

    const NAME: &'static str = "field_sales.create_zone";
    const SCOPE: Scope = Scope::new("field_sales.zone:create");
    const REACH: Reach = Reach::All;

    fn streams(&self, target: Uuid, _: &Context) -> Uuid {
        target
    }

    fn decide(&self, zone: &Zone, _: &Context) -> Decision<Self> {
        // The id is fresh, so only this very command can have used it.
        if zone.exists() {
            return unchanged();
        }
        Ok(Event::Created {
            name: self.name.clone(),
            center: self.center,
            radius_m: self.radius_m,
            director_id: self.director_id,
            manager_id: self.manager_id,
        }
        .into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use kernel::specs::{context, given};
    use kernel::{ActorId, Event as _};
    use serde_json::json;

    fn command() -> CreateZone {
        let Event::Created { name, center, radius_m, director_id, manager_id } = Event::examples().remove(0);
        CreateZone { name, center, radius_m, director_id, manager_id }
    }

    fn cx() -> Context {
        context(ActorId(Uuid::from_u128(1)), Uuid::from_u128(2), &[])
    }

    #[test]
    fn a_zone_is_created_as_asked() {
        given::<Zone>([]).when(&command(), &cx()).answers(Event::examples());
    }

    #[test]
    fn creating_it_again_changes_nothing() {
        given::<Zone>(Event::examples()).when(&command(), &cx()).changes_nothing();
    }

    #[test]
    fn a_zone_off_the_map_or_without_size_is_not_even_read() {
        let body = |latitude: f64, radius_m: i64| json!({ "name": "Z", "center": { "latitude": latitude, "longitude": 4.8 }, "radius_m": radius_m });
        let read = |body| serde_json::from_value::<CreateZone>(body);
        assert!(read(body(45.7, 800)).is_ok());
        assert!(read(body(95.7, 800)).is_err());
        assert!(read(body(45.7, 0)).is_err());
        assert!(read(body(45.7, 100_001)).is_err());
    }
}
