//! The types and fields of an event enum, as its own deserializer names them: never a list kept by hand.

use serde::de::value::{Error, StrDeserializer};
use serde::de::{DeserializeSeed, EnumAccess, Error as _, IntoDeserializer, MapAccess, VariantAccess, Visitor};
use serde::{Deserialize, Deserializer, forward_to_deserialize_any};

/// An event type with its fields, under their stored names, in the order of the code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Shape {
    pub(crate) event_type: &'static str,
    pub(crate) fields: Vec<(&'static str, Heard)>,
}

/// What a field asks its deserializer for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Heard {
    Boolean,
    Integer,
    Number,
    Text,
    Other,
}

/// Every type of `E`.
pub(crate) fn shapes<E: for<'de> Deserialize<'de>>() -> Vec<Shape> {
    let mut variants: &'static [&'static str] = &[];
    // The answer is always an error: there is no payload to read.
    let _ = E::deserialize(Listener::Types(&mut variants));
    let shape = |event_type| {
        let mut names: &'static [&'static str] = &[];
        let _ = E::deserialize(Listener::Fields(event_type, &mut names));
        let heard = |name: &&'static str| {
            let mut heard = Heard::Other;
            let _ = E::deserialize(Listener::Field(event_type, name, &mut heard));
            (*name, heard)
        };
        Shape { event_type, fields: names.iter().map(heard).collect() }
    };
    variants.iter().copied().map(shape).collect()
}

/// A deserializer that has nothing to read and writes down what it is asked for.
enum Listener<'a> {
    Types(&'a mut &'static [&'static str]),
    Fields(&'static str, &'a mut &'static [&'static str]),
    Field(&'static str, &'static str, &'a mut Heard),
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
        if let Self::Types(types) = self {
            *types = variants;
            return Err(Error::custom("heard"));
        }
        visitor.visit_enum(Variant(self))
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit
        unit_struct newtype_struct seq tuple tuple_struct map struct identifier ignored_any
    }
}

struct Variant<'a>(Listener<'a>);

impl<'de> EnumAccess<'de> for Variant<'_> {
    type Error = Error;
    type Variant = Self;

    fn variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<(S::Value, Self), Error> {
        let (Listener::Fields(event_type, _) | Listener::Field(event_type, ..)) = &self.0 else {
            return Err(Error::custom("heard"));
        };
        let tag: StrDeserializer<'_, Error> = event_type.into_deserializer();
        seed.deserialize(tag).map(|variant| (variant, self))
    }
}

impl<'de> VariantAccess<'de> for Variant<'_> {
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

    fn struct_variant<V: Visitor<'de>>(self, fields: &'static [&'static str], visitor: V) -> Result<V::Value, Error> {
        match self.0 {
            Listener::Field(_, name, heard) => visitor.visit_map(OneField { name: Some(name), heard }),
            Listener::Fields(_, names) => {
                *names = fields;
                Err(Error::custom("heard"))
            }
            Listener::Types(_) => Err(Error::custom("heard")),
        }
    }
}

/// A payload of one field, whose value is never there.
struct OneField<'a> {
    name: Option<&'static str>,
    heard: &'a mut Heard,
}

impl<'de> MapAccess<'de> for OneField<'_> {
    type Error = Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Error> {
        let Some(name) = self.name.take() else { return Ok(None) };
        let name: StrDeserializer<'_, Error> = name.into_deserializer();
        seed.deserialize(name).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Error> {
        seed.deserialize(Asked(self.heard))
    }
}

/// Writes down what a field asks for.
struct Asked<'a>(&'a mut Heard);

impl Asked<'_> {
    fn heard<T>(self, heard: Heard) -> Result<T, Error> {
        *self.0 = heard;
        Err(Error::custom("heard"))
    }
}

macro_rules! hears {
    ($($heard:ident: $($method:ident)+;)+) => {
        $($(
            fn $method<V: Visitor<'de>>(self, _visitor: V) -> Result<V::Value, Error> {
                self.heard(Heard::$heard)
            }
        )+)+
    };
}

impl<'de> Deserializer<'de> for Asked<'_> {
    type Error = Error;

    hears! {
        Boolean: deserialize_bool;
        Integer: deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64 deserialize_i128 deserialize_u8
            deserialize_u16 deserialize_u32 deserialize_u64 deserialize_u128;
        Number: deserialize_f32 deserialize_f64;
        Text: deserialize_char deserialize_str deserialize_string;
        Other: deserialize_any deserialize_bytes deserialize_byte_buf deserialize_unit deserialize_seq deserialize_map
            deserialize_identifier deserialize_ignored_any;
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _name: &'static str, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(self, _name: &'static str, _visitor: V) -> Result<V::Value, Error> {
        self.heard(Heard::Other)
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, _length: usize, _visitor: V) -> Result<V::Value, Error> {
        self.heard(Heard::Other)
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _length: usize,
        _visitor: V,
    ) -> Result<V::Value, Error> {
        self.heard(Heard::Other)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _fields: &'static [&'static str],
        _visitor: V,
    ) -> Result<V::Value, Error> {
        self.heard(Heard::Other)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _variants: &'static [&'static str],
        _visitor: V,
    ) -> Result<V::Value, Error> {
        self.heard(Heard::Text)
    }
}
