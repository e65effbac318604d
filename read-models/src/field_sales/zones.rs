//! The zones.

use chrono::{DateTime, Utc};
use domain::field_sales::zone::{Event, Radius, ZoneName};
use domain::field_sales::{Latitude, Longitude, UserId, ZoneId};
use kernel::{ActorId, Column, ColumnKind, Index, Keys, ReadModel, Recorded, Table, Version};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// `field_sales.zones`: one row per zone.
pub struct Zones;

/// A zone: a circle on the map.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ZoneRow {
    /// The zone.
    pub zone_id: ZoneId,
    /// What it is called.
    pub name: ZoneName,
    /// The centre, degrees north of the equator.
    pub latitude: Latitude,
    /// The centre, degrees east of Greenwich.
    pub longitude: Longitude,
    /// How far it reaches from the centre, in metres.
    pub radius_m: Radius,
    /// The director who answers for it.
    pub director_id: Option<UserId>,
    /// The manager who answers for it.
    pub manager_id: Option<UserId>,
    /// When it was created.
    pub created_at: DateTime<Utc>,
    /// Who created it.
    pub created_by: ActorId,
    /// The version of the zone's stream, for `If-Match`.
    pub version: Version,
}

impl ReadModel for Zones {
    type Event = Event;
    type Key = ZoneId;
    type Row = ZoneRow;

    const NAME: &'static str = "field_sales.zones";
    const VERSION: i32 = 1;
    const TABLE: Table = Table {
        key: 1,
        columns: &[
            Column::new("zone_id", ColumnKind::Uuid),
            Column::new("name", ColumnKind::Text),
            Column::new("latitude", ColumnKind::Double),
            Column::new("longitude", ColumnKind::Double),
            Column::new("radius_m", ColumnKind::Integer),
            Column::optional("director_id", ColumnKind::Uuid),
            Column::optional("manager_id", ColumnKind::Uuid),
            Column::new("created_at", ColumnKind::Timestamp),
            Column::new("created_by", ColumnKind::Uuid),
            Column::new("version", ColumnKind::Integer),
        ],
        indexes: &[
            Index { columns: &["name"] },
            Index { columns: &["-created_at"] },
            Index { columns: &["director_id", "name"] },
            Index { columns: &["manager_id", "name"] },
        ],
    };

    fn keys(event: &Recorded<Event>) -> Keys<ZoneId> {
        Keys::One(ZoneId(event.stream_id))
    }

    fn apply(_: Option<ZoneRow>, zone_id: &ZoneId, event: &Recorded<Event>) -> Option<ZoneRow> {
        match &event.event {
            Event::Created { name, center, radius_m, director_id, manager_id } => Some(ZoneRow {
                zone_id: *zone_id,
                name: name.clone(),
                latitude: center.latitude,
                longitude: center.longitude,
                radius_m: *radius_m,
                director_id: *director_id,
                manager_id: *manager_id,
                created_at: event.occurred_at,
                created_by: event.actor.id,
                version: event.version,
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::specs::{MANAGER, NORTH};
    use super::*;
    use kernel::Event as _;
    use kernel::specs::Story;

    #[test]
    fn a_zone_is_shown_as_it_was_created() {
        let story = Story::<Event>::new().then(NORTH, MANAGER, Event::examples().remove(0));
        let zone = story.row::<Zones>(&NORTH).unwrap();
        assert_eq!((zone.name.as_str(), zone.radius_m.get()), ("Lyon 3e", 850));
        assert_eq!((zone.latitude.get(), zone.longitude.get()), (45.7578, 4.8537));
        assert_eq!((zone.created_by, zone.version), (MANAGER, Version(1)));
    }
}
