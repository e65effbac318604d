//! A zone: a circle on the map, with the people who answer for it. The stored contract: add, never rename.

mod create;

pub use create::CreateZone;

use super::{Coordinates, UserId, Whole};
use kernel::{Aggregate, RejectionKind, Text};
use serde::{Deserialize, Serialize};
use serde_json::json;

/// What a zone is called.
pub type ZoneName = Text<1, 200>;
/// How far a zone reaches from its centre, in metres.
pub type Radius = Whole<1, 100_000>;

/// What happens to a zone.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Event {
    /// The zone was drawn on the map.
    Created {
        /// What it is called.
        name: ZoneName,
        /// The middle of the circle.
        center: Coordinates,
        /// How far it reaches from the centre.
        radius_m: Radius,
        /// The director who answers for it.
        director_id: Option<UserId>,
        /// The manager who answers for it.
        manager_id: Option<UserId>,
    },
}

impl kernel::Event for Event {
    const CATEGORY: &'static str = "field_sales.zone";

    fn examples() -> Vec<Self> {
        let examples = json!([
            { "created": {
                "name": "Lyon 3e", "center": { "latitude": 45.7578, "longitude": 4.8537 }, "radius_m": 850,
                "director_id": uuid::Uuid::from_u128(0xd1), "manager_id": uuid::Uuid::from_u128(0xa1),
            } },
        ]);
        serde_json::from_value(examples).expect("examples have the stored shape")
    }
}

/// A zone, as far as decisions need it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Zone {
    exists: bool,
}

impl Zone {
    /// Whether there is such a zone.
    pub const fn exists(&self) -> bool {
        self.exists
    }
}

impl Aggregate for Zone {
    type Event = Event;
    type Rejection = Rejection;

    fn evolve(mut self, event: &Event) -> Self {
        match event {
            Event::Created { .. } => self.exists = true,
        }
        self
    }
}

/// A zone is never refused so far: whatever can be wrong with it is found when the request is read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Rejection {}

impl kernel::Rejection for Rejection {
    fn code(&self) -> &'static str {
        match *self {}
    }

    fn kind(&self) -> RejectionKind {
        match *self {}
    }

    fn remedy(&self) -> &'static str {
        match *self {}
    }
}
