//! What the code knows about the events of a category, with their Rust type forgotten: for those who read every event and
//! care about none.

use crate::codec::{self, EventData, Upcaster};
use crate::event::Event;
use serde_json::Value;

/// The events of one aggregate.
#[derive(Clone, Copy)]
pub struct Category {
    /// `support.ticket`.
    pub name: &'static str,
    upcasters: &'static [Upcaster],
    examples: fn() -> Vec<EventData>,
}

impl Category {
    /// What is known about the events of `E`.
    pub const fn of<E: Event>() -> Self {
        Self {
            name: E::CATEGORY,
            upcasters: E::UPCASTERS,
            examples: || E::examples().iter().map(|event| EventData::from(&event.encode())).collect(),
        }
    }

    /// One example of every event type, as it is stored today.
    pub fn examples(&self) -> Vec<EventData> {
        (self.examples)()
    }

    /// The payload in today's shape. What is newer than this build, or no JSON, comes back as it is: its schema version
    /// says so.
    pub fn lift(&self, stored: EventData) -> EventData {
        let today = codec::schema_version(self.upcasters, &stored.event_type);
        if stored.schema_version >= today {
            return stored;
        }
        let Ok(mut value) = serde_json::from_slice::<Value>(&stored.data) else { return stored };
        for version in stored.schema_version..today {
            let step = self.upcasters.iter().find(|step| step.event_type == stored.event_type && step.from == version);
            value = step.map_or_else(|| value.clone(), |step| (step.lift)(value.clone()));
        }
        let data = serde_json::to_vec(&value).unwrap_or_default();
        EventData { data, schema_version: today, event_type: stored.event_type }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::{Deserialize, Serialize};
    use serde_json::json;

    #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
    #[serde(rename_all = "snake_case")]
    enum Thing {
        Named { first: String, last: String },
    }

    impl Event for Thing {
        const CATEGORY: &'static str = "test.thing";
        const UPCASTERS: &'static [Upcaster] = &[
            Upcaster { event_type: "named", from: 1, lift: |old| json!({"first": old["name"]}) },
            Upcaster { event_type: "named", from: 2, lift: |old| json!({"first": old["first"], "last": ""}) },
        ];
        fn examples() -> Vec<Self> {
            vec![Self::Named { first: "A".into(), last: "B".into() }]
        }
    }

    #[test]
    fn an_old_payload_is_lifted_to_todays_shape_and_a_newer_one_left() {
        let category = Category::of::<Thing>();
        let stored = |schema_version, data: &str| EventData {
            event_type: "named".into(),
            schema_version,
            data: data.as_bytes().to_vec(),
        };
        let lifted = category.lift(stored(1, r#"{"name":"Ada"}"#));
        assert_eq!(lifted.schema_version, 3);
        assert_eq!(serde_json::from_slice::<Value>(&lifted.data).unwrap(), json!({"first": "Ada", "last": ""}));
        let newer = stored(4, r#"{"full":"Ada"}"#);
        assert_eq!(category.lift(newer.clone()), newer);
        assert_eq!(category.examples()[0].schema_version, 3);
    }
}
