//! What the code knows about the events of a category, with their Rust type forgotten: for those who read every event and
//! care about none.

use crate::codec::{self, EventData, Upcaster};
use crate::event::Event;
use crate::shape::{self, Heard, Shape, Writes};
use chrono::{DateTime, NaiveDate};
use serde_json::Value;

/// The events of one aggregate.
#[derive(Clone, Copy)]
pub struct Category {
    /// `support.ticket`.
    pub name: &'static str,
    upcasters: &'static [Upcaster],
    examples: fn() -> Vec<EventData>,
    shapes: fn() -> Vec<Shape>,
    leaves: fn() -> Vec<(String, Heard)>,
}

/// What a field of a payload holds, as far as a table needs to know. Any may be missing: an older event has not got it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FieldKind {
    /// A JSON string that is none of the others; also sealed personal data.
    Text,
    /// `true` or `false`.
    Boolean,
    /// A whole number.
    Integer,
    /// Any number.
    Number,
    /// An RFC 3339 time.
    Time,
    /// `YYYY-MM-DD`.
    Date,
    /// A list or an object.
    Json,
}

/// One field of a payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Field {
    /// Its stored name.
    pub name: &'static str,
    /// What it holds.
    pub kind: FieldKind,
}

/// One event type of a category.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventType {
    /// `opened`.
    pub name: &'static str,
    /// The fields of today's payload, in the order of the code.
    pub fields: Vec<Field>,
}

/// A place in the events of a category where something can be written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Written {
    /// Event type and fields: `invited.to.email`.
    pub path: String,
    /// What may stand there.
    pub what: Writing,
}

/// What may stand somewhere in an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Writing {
    /// Personal data, sealed; nothing else is read.
    Sealed,
    /// A text that people write, or whatever JSON there is: in clear.
    Anything,
    /// A number, a time, an id, a value of an enumeration, …: what has a form of its own.
    Form,
}

impl Category {
    /// What is known about the events of `E`.
    pub const fn of<E: Event>() -> Self {
        Self {
            name: E::CATEGORY,
            upcasters: E::UPCASTERS,
            examples: || E::examples().iter().map(crate::specs::encode).collect(),
            shapes: shape::shapes::<E>,
            leaves: shape::leaves::<E>,
        }
    }

    /// Every event type that the code knows.
    ///
    /// The names come from the types themselves, and so do the kinds, but for texts: whether one is a time or a date is
    /// told by the examples, so a build always says the same.
    pub fn event_types(&self) -> Vec<EventType> {
        let examples = self.examples();
        let typed = |shape: Shape| {
            let payloads = examples.iter().filter(|example| example.event_type == shape.event_type);
            let payloads: Vec<Value> =
                payloads.filter_map(|example| serde_json::from_slice(&example.data).ok()).collect();
            let field = |(name, heard): &(&'static str, Heard)| {
                let values = || payloads.iter().map(|payload| &payload[*name]).filter(|value| !value.is_null());
                Field { name, kind: kind(*heard, &values().collect::<Vec<_>>()) }
            };
            EventType { name: shape.event_type, fields: shape.fields.iter().map(field).collect() }
        };
        (self.shapes)().into_iter().map(typed).collect()
    }

    /// Every place in today's payloads that holds a value, however deep it is, and what may stand there: as the types
    /// themselves tell, which are shown a few texts.
    pub fn written(&self) -> Vec<Written> {
        let written = |(path, heard)| {
            let what = match heard {
                Heard::Text(Writes::Sealed) => Writing::Sealed,
                Heard::Text(Writes::Anything) | Heard::Map | Heard::Any => Writing::Anything,
                Heard::Text(Writes::Form)
                | Heard::Boolean
                | Heard::Integer
                | Heard::Number
                | Heard::Enum(_)
                | Heard::Struct(_)
                | Heard::List
                | Heard::Unit => Writing::Form,
            };
            Written { path, what }
        };
        (self.leaves)().into_iter().map(written).collect()
    }

    /// One example of every event type, as it is stored today; personal data is left out.
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

fn kind(heard: Heard, examples: &[&Value]) -> FieldKind {
    let all = |fits: fn(&str) -> bool| {
        !examples.is_empty() && examples.iter().all(|example| example.as_str().is_some_and(fits))
    };
    match heard {
        Heard::Boolean => FieldKind::Boolean,
        Heard::Integer => FieldKind::Integer,
        Heard::Number => FieldKind::Number,
        Heard::Text(_) if all(|text| DateTime::parse_from_rfc3339(text).is_ok()) => FieldKind::Time,
        Heard::Text(_) if all(|text| text.parse::<NaiveDate>().is_ok()) => FieldKind::Date,
        // An enum is stored as a text, unless its values have fields.
        Heard::Text(_) | Heard::Enum(_) if examples.iter().all(|value| value.is_string()) => FieldKind::Text,
        Heard::Text(_) | Heard::Enum(_) | Heard::Struct(_) | Heard::List | Heard::Map | Heard::Any | Heard::Unit => {
            FieldKind::Json
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Personal, Text};
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

    #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
    #[serde(rename_all = "snake_case")]
    enum Rich {
        Happened {
            at: chrono::DateTime<chrono::Utc>,
            on: Option<NaiveDate>,
            count: Option<i32>,
            share: f64,
            is_so: bool,
            #[serde(rename = "named")]
            _name: Option<String>,
            id: uuid::Uuid,
            list: Vec<i32>,
        },
        Ended {},
    }

    impl Event for Rich {
        const CATEGORY: &'static str = "test.rich";
        fn examples() -> Vec<Self> {
            let happened = Self::Happened {
                at: chrono::DateTime::UNIX_EPOCH,
                on: NaiveDate::from_ymd_opt(2026, 1, 1),
                count: None,
                share: 0.5,
                is_so: true,
                _name: None,
                id: uuid::Uuid::nil(),
                list: vec![1],
            };
            vec![happened, Self::Ended {}]
        }
    }

    #[test]
    fn fields_are_known_by_their_stored_names_and_kinds() {
        let types = Category::of::<Rich>().event_types();
        let kinds: Vec<(&str, FieldKind)> = types[0].fields.iter().map(|field| (field.name, field.kind)).collect();
        let expected = [
            ("at", FieldKind::Time),
            ("on", FieldKind::Date),
            ("count", FieldKind::Integer),
            ("share", FieldKind::Number),
            ("is_so", FieldKind::Boolean),
            ("named", FieldKind::Text),
            ("id", FieldKind::Text),
            ("list", FieldKind::Json),
        ];
        assert_eq!((types[0].name, kinds.as_slice()), ("happened", &expected[..]));
        assert_eq!(types[1], EventType { name: "ended", fields: Vec::new() });
    }

    /// A text that is looked at after it was read.
    #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
    #[serde(try_from = "String")]
    struct Code(String);

    impl TryFrom<String> for Code {
        type Error = &'static str;
        fn try_from(text: String) -> Result<Self, Self::Error> {
            if text.len() == 3 { Ok(Self(text)) } else { Err("three characters") }
        }
    }

    #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
    struct Person {
        name: Option<Personal<Text<1, 9>>>,
        nickname: Text<1, 99>,
        code: Code,
    }

    #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
    #[serde(rename_all = "snake_case")]
    enum Shade {
        Plain,
        Mixed { with: Person },
        Called(String),
    }

    #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
    #[serde(rename_all = "snake_case")]
    enum Deep {
        Met { people: Vec<Person>, at: chrono::DateTime<chrono::Utc>, shade: Shade, other: Value, count: u8 },
    }

    impl Event for Deep {
        const CATEGORY: &'static str = "test.deep";
        fn examples() -> Vec<Self> {
            Vec::new()
        }
    }

    #[test]
    fn what_people_may_write_is_found_however_deep_it_is() {
        let written = Category::of::<Deep>().written();
        let found: Vec<(&str, Writing)> = written.iter().map(|place| (place.path.as_str(), place.what)).collect();
        let expected = [
            ("met.people.name", Writing::Sealed),
            ("met.people.nickname", Writing::Anything),
            ("met.people.code", Writing::Form),
            ("met.at", Writing::Form),
            ("met.shade.mixed.with.name", Writing::Sealed),
            ("met.shade.mixed.with.nickname", Writing::Anything),
            ("met.shade.mixed.with.code", Writing::Form),
            ("met.shade.called", Writing::Anything),
            ("met.other", Writing::Anything),
            ("met.count", Writing::Form),
        ];
        assert_eq!(found, expected);
    }
}
