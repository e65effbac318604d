//! The types and fields of an event enum, as its own deserializer names them: never a list kept by hand.

use serde::de::value::{Error, StrDeserializer};
use serde::de::{DeserializeSeed, EnumAccess, Error as _, IntoDeserializer, VariantAccess, Visitor};
use serde::{Deserialize, Deserializer, forward_to_deserialize_any};

/// An event type with its fields, under their stored names, in the order of the code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shape {
    /// `opened`.
    pub event_type: &'static str,
    /// `subject`, `description`, …
    pub fields: &'static [&'static str],
}

/// Every type of `E`.
pub fn shapes<E: for<'de> Deserialize<'de>>() -> Vec<Shape> {
    let mut variants: &'static [&'static str] = &[];
    // The answer is always an error: there is no payload to read.
    let _ = E::deserialize(Listener::Types(&mut variants));
    let shape = |event_type| {
        let mut fields: &'static [&'static str] = &[];
        let _ = E::deserialize(Listener::Fields(event_type, &mut fields));
        Shape { event_type, fields }
    };
    variants.iter().copied().map(shape).collect()
}

/// A deserializer that has nothing to read and writes down what it is asked for.
enum Listener<'a> {
    Types(&'a mut &'static [&'static str]),
    Fields(&'static str, &'a mut &'static [&'static str]),
}

impl<'de> Deserializer<'de> for Listener<'_> {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, _visitor: V) -> Result<V::Value, Error> {
        Err(Error::custom("an event is an enum"))
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        match self {
            Self::Types(types) => {
                *types = variants;
                Err(Error::custom("heard"))
            }
            Self::Fields(event_type, fields) => visitor.visit_enum(Fields { event_type, fields }),
        }
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit
        unit_struct newtype_struct seq tuple tuple_struct map struct identifier ignored_any
    }
}

struct Fields<'a> {
    event_type: &'static str,
    fields: &'a mut &'static [&'static str],
}

impl<'de> EnumAccess<'de> for Fields<'_> {
    type Error = Error;
    type Variant = Self;

    fn variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<(S::Value, Self), Error> {
        let tag: StrDeserializer<'_, Error> = self.event_type.into_deserializer();
        seed.deserialize(tag).map(|variant| (variant, self))
    }
}

impl<'de> VariantAccess<'de> for Fields<'_> {
    type Error = Error;

    fn unit_variant(self) -> Result<(), Error> {
        Err(Error::custom("an event is a struct variant"))
    }

    fn newtype_variant_seed<S: DeserializeSeed<'de>>(self, _seed: S) -> Result<S::Value, Error> {
        Err(Error::custom("an event is a struct variant"))
    }

    fn tuple_variant<V: Visitor<'de>>(self, _len: usize, _visitor: V) -> Result<V::Value, Error> {
        Err(Error::custom("an event is a struct variant"))
    }

    fn struct_variant<V: Visitor<'de>>(self, fields: &'static [&'static str], _visitor: V) -> Result<V::Value, Error> {
        *self.fields = fields;
        Err(Error::custom("heard"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Deserialize)]
    #[serde(rename_all = "snake_case")]
    enum Thing {
        #[serde(rename_all = "snake_case")]
        WasNamed {
            _first: String,
            #[serde(rename = "family_name")]
            _last: Option<String>,
        },
        Ended {},
    }

    #[test]
    fn stored_names_are_heard() {
        let expected = [
            Shape { event_type: "was_named", fields: &["_first", "family_name"] },
            Shape { event_type: "ended", fields: &[] },
        ];
        assert_eq!(shapes::<Thing>(), expected);
    }
}
