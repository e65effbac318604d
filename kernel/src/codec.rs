//! Events as stored bytes, and back.
//!
//! An event enum is serialized the way serde does it by default, `{"opened":{…}}`; the tag becomes the stored
//! type and the rest the stored payload. On the way back, old payloads are first lifted to today's shape.

use serde::de::{self, DeserializeSeed, EnumAccess, IntoDeserializer, VariantAccess, Visitor};
use serde::{Deserializer, Serialize, de::DeserializeOwned};
use serde_json::Value;
use std::cell::Cell;
use std::ops::Range;

/// Lifts the payload of one event type from schema version `from` to `from + 1`, on every read path.
///
/// The current schema version of a type is one more than the highest `from` of its upcasters, or 1.
#[derive(Clone, Copy)]
pub struct Upcaster {
    /// The stored event type: `opened`.
    pub event_type: &'static str,
    /// The schema version it lifts from.
    pub from: i16,
    /// Old payload in, next payload out. Total: an old event can always be read.
    pub lift: fn(Value) -> Value,
}

/// An event as bytes, ready to be stored.
#[derive(Clone, Debug)]
pub struct Encoded {
    bytes: Vec<u8>,
    event_type: Range<usize>,
    data: Range<usize>,
    /// The schema version that the payload has.
    pub schema_version: i16,
}

impl Encoded {
    /// The stored type, snake case: `opened`.
    pub fn event_type(&self) -> &str {
        // The tag is a Rust identifier that serde renamed; it is UTF-8 by construction.
        std::str::from_utf8(&self.bytes[self.event_type.clone()]).unwrap_or_default()
    }

    /// The payload: a JSON object, UTF-8.
    pub fn data(&self) -> &[u8] {
        &self.bytes[self.data.clone()]
    }
}

/// The stored part of an event that only its aggregate understands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventData {
    /// The stored type: `opened`.
    pub event_type: String,
    /// The schema version the payload was written with.
    pub schema_version: i16,
    /// The payload: a JSON object, UTF-8.
    pub data: Vec<u8>,
}

impl From<&Encoded> for EventData {
    fn from(encoded: &Encoded) -> Self {
        Self {
            event_type: encoded.event_type().to_owned(),
            schema_version: encoded.schema_version,
            data: encoded.data().to_vec(),
        }
    }
}

/// A stored event that this build cannot read. Never skipped: the reader stops.
#[derive(Debug, thiserror::Error)]
pub enum DecodeError {
    /// The code knows no such category.
    #[error("event category {0} is unknown to this build")]
    UnknownCategory(String),
    /// The payload comes from a newer build.
    #[error("{category}.{event_type} has schema version {stored}, this build knows up to {known}")]
    NewerSchema {
        /// The category.
        category: &'static str,
        /// The stored type.
        event_type: String,
        /// The stored schema version.
        stored: i16,
        /// The newest schema version that this build reads.
        known: i16,
    },
    /// The code knows no such type of event: a newer build recorded it.
    #[error("event type {category}.{event_type} is unknown to this build")]
    UnknownType {
        /// The category.
        category: &'static str,
        /// The stored type.
        event_type: String,
    },
    /// The payload does not have the shape that its version promises.
    #[error("reading {category}.{event_type}")]
    Payload {
        /// The category.
        category: &'static str,
        /// The stored type.
        event_type: String,
        /// What serde found.
        #[source]
        source: serde_json::Error,
    },
}

impl DecodeError {
    /// Whether the event is one that this build has never heard of, rather than one that is damaged: a build that knows
    /// it can read it, and so it concerns every event of its sort.
    pub const fn is_unknown(&self) -> bool {
        match self {
            Self::UnknownCategory(_) | Self::NewerSchema { .. } | Self::UnknownType { .. } => true,
            Self::Payload { .. } => false,
        }
    }
}

/// The newest schema version of an event type.
pub fn schema_version(upcasters: &[Upcaster], event_type: &str) -> i16 {
    upcasters.iter().filter(|u| u.event_type == event_type).map(|u| u.from + 1).max().unwrap_or(1)
}

/// Serializes an event.
///
/// # Panics
/// If the type is not an enum whose variants are all struct variants, or holds fresh personal data and nobody seals it: a
/// programming error that the first spec of an aggregate shows, since every spec encodes its events.
pub fn encode<E: Serialize>(event: &E, upcasters: &[Upcaster]) -> Encoded {
    let mut bytes = Vec::with_capacity(256);
    serde_json::to_writer(&mut bytes, event).expect("events serialize to memory");
    // `{"opened":{…}}`: the tag is an identifier, so the first quote after the opening one ends it.
    let tag_end = bytes[2..].iter().position(|b| *b == b'"').map_or(0, |at| at + 2);
    assert!(
        bytes.starts_with(b"{\"") && bytes.get(tag_end + 1..tag_end + 3) == Some(b":{"),
        "an event is a struct variant of an enum, `Opened {{ … }}`"
    );
    let data = tag_end + 2..bytes.len() - 1;
    let mut encoded = Encoded { bytes, event_type: 2..tag_end, data, schema_version: 1 };
    if !upcasters.is_empty() {
        encoded.schema_version = schema_version(upcasters, encoded.event_type());
    }
    encoded
}

/// Reads a stored event, lifting it first if it is of an older shape.
///
/// # Errors
/// The type is unknown, the schema is newer than this build, or the payload is damaged.
pub fn decode<E: DeserializeOwned>(
    category: &'static str,
    upcasters: &[Upcaster],
    stored: &EventData,
) -> Result<E, DecodeError> {
    let event_type = stored.event_type.as_str();
    let known = if upcasters.is_empty() { 1 } else { schema_version(upcasters, event_type) };
    if stored.schema_version > known {
        return Err(DecodeError::NewerSchema {
            category,
            event_type: event_type.to_owned(),
            stored: stored.schema_version,
            known,
        });
    }
    let known_type = Cell::new(false);
    let payload = |source| {
        let event_type = event_type.to_owned();
        if known_type.get() {
            DecodeError::Payload { category, event_type, source }
        } else {
            DecodeError::UnknownType { category, event_type }
        }
    };
    if stored.schema_version == known {
        return E::deserialize(Tagged { event_type, data: &stored.data, known_type: &known_type }).map_err(payload);
    }
    // There are upcasters for it.
    known_type.set(true);
    let mut value: Value = serde_json::from_slice(&stored.data).map_err(payload)?;
    for version in stored.schema_version..known {
        if let Some(step) = upcasters.iter().find(|u| u.event_type == event_type && u.from == version) {
            value = (step.lift)(value);
        }
    }
    let lifted = serde_json::to_vec(&value).map_err(payload)?;
    E::deserialize(Tagged { event_type, data: &lifted, known_type: &known_type }).map_err(payload)
}

/// Gives serde the tag and the payload from two places, so that nothing is copied to join them.
struct Tagged<'a> {
    event_type: &'a str,
    data: &'a [u8],
    /// Set when the tag was found among the variants.
    known_type: &'a Cell<bool>,
}

impl<'de> Deserializer<'de> for Tagged<'de> {
    type Error = serde_json::Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Self::Error> {
        visitor.visit_enum(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Self::Error> {
        visitor.visit_enum(self)
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit
        unit_struct newtype_struct seq tuple tuple_struct map struct identifier ignored_any
    }
}

impl<'de> EnumAccess<'de> for Tagged<'de> {
    type Error = serde_json::Error;
    type Variant = Self;

    fn variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<(S::Value, Self), Self::Error> {
        let tag = IntoDeserializer::<serde_json::Error>::into_deserializer(self.event_type);
        let variant = seed.deserialize(tag)?;
        self.known_type.set(true);
        Ok((variant, self))
    }
}

impl<'de> VariantAccess<'de> for Tagged<'de> {
    type Error = serde_json::Error;

    fn unit_variant(self) -> Result<(), Self::Error> {
        Err(de::Error::custom("an event is a struct variant"))
    }

    fn newtype_variant_seed<S: DeserializeSeed<'de>>(self, _seed: S) -> Result<S::Value, Self::Error> {
        Err(de::Error::custom("an event is a struct variant"))
    }

    fn tuple_variant<V: Visitor<'de>>(self, _len: usize, _visitor: V) -> Result<V::Value, Self::Error> {
        Err(de::Error::custom("an event is a struct variant"))
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Self::Error> {
        let mut deserializer = serde_json::Deserializer::from_slice(self.data);
        let value = deserializer.deserialize_struct("", fields, visitor)?;
        deserializer.end()?;
        Ok(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;
    use serde_json::json;

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    #[serde(rename_all = "snake_case")]
    enum Thing {
        WasNamed { first: String, last: String },
        Ended {},
    }

    /// Version 1 had one `name`; version 2 has two.
    const UPCASTERS: &[Upcaster] = &[Upcaster {
        event_type: "was_named",
        from: 1,
        lift: |old| {
            let name = old["name"].as_str().unwrap_or_default();
            let (first, last) = name.split_once(' ').unwrap_or((name, ""));
            json!({ "first": first, "last": last })
        },
    }];

    fn stored(event_type: &str, schema_version: i16, data: &str) -> EventData {
        EventData { event_type: event_type.to_owned(), schema_version, data: data.as_bytes().to_vec() }
    }

    #[test]
    fn type_and_payload_part_and_meet_again() {
        let event = Thing::WasNamed { first: "A \"q\" {".into(), last: "é".into() };
        let encoded = encode(&event, UPCASTERS);
        assert_eq!((encoded.event_type(), encoded.schema_version), ("was_named", 2));
        assert_eq!(decode::<Thing>("test.thing", UPCASTERS, &EventData::from(&encoded)).unwrap(), event);
        let ended = encode(&Thing::Ended {}, UPCASTERS);
        assert_eq!((ended.event_type(), ended.data(), ended.schema_version), ("ended", &b"{}"[..], 1));
        assert_eq!(decode::<Thing>("test.thing", &[], &EventData::from(&ended)).unwrap(), Thing::Ended {});
    }

    #[test]
    fn an_old_payload_is_lifted() {
        let old = stored("was_named", 1, r#"{"name":"Ada Lovelace"}"#);
        let event = decode::<Thing>("test.thing", UPCASTERS, &old).unwrap();
        assert_eq!(event, Thing::WasNamed { first: "Ada".into(), last: "Lovelace".into() });
    }

    #[test]
    fn the_unknown_is_an_error() {
        let newer = stored("ended", 2, "{}");
        assert!(matches!(decode::<Thing>("t", &[], &newer), Err(DecodeError::NewerSchema { stored: 2, known: 1, .. })));
        let unknown = stored("exploded", 1, "{}");
        assert!(matches!(decode::<Thing>("t", &[], &unknown), Err(DecodeError::UnknownType { .. })));
        let damaged = stored("ended", 1, "{}}");
        assert!(matches!(decode::<Thing>("t", &[], &damaged), Err(DecodeError::Payload { .. })));
    }
}
