//! The types and fields of an event enum, as its own deserializer names them: never a list kept by hand.
//!
//! One look follows one path into the type and writes down what is asked for at its end; what was heard tells where to
//! look next.

use crate::ids::SubjectId;
use crate::personal::{Sealed, noting};
use serde::de::value::{Error, StrDeserializer};
use serde::de::{
    DeserializeSeed, EnumAccess, Error as _, IntoDeserializer, MapAccess, SeqAccess, VariantAccess, Visitor,
};
use serde::{Deserialize, Deserializer};
use uuid::Uuid;

/// What somebody might write anywhere. No id, no time and no enumeration reads like it.
const WRITTEN: [&str; 4] = ["Ada Byron", "ada@example.com", "+33600000042", "192.0.2.7"];

/// An event type with its fields, under their stored names, in the order of the code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Shape {
    pub(crate) event_type: &'static str,
    pub(crate) fields: Vec<(&'static str, Heard)>,
}

/// What a type asks its deserializer for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Heard {
    Boolean,
    Integer,
    Number,
    /// A text, and of which sort.
    Text(Writes),
    /// One of these.
    Enum(&'static [&'static str]),
    /// These fields.
    Struct(&'static [&'static str]),
    List,
    /// An object whose keys nobody has named: anything may be in it.
    Map,
    /// Whatever there is.
    Any,
    /// Nothing: a value without fields.
    Unit,
}

/// What may stand in a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Writes {
    /// What was sealed, nothing else.
    Sealed,
    /// What people write.
    Anything,
    /// What has a form of its own: an id, a time, a code.
    Form,
}

/// A step into a type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    Variant(&'static str),
    Field(&'static str),
    Element,
}

/// Every type of `E`.
pub(crate) fn shapes<E: for<'de> Deserialize<'de>>() -> Vec<Shape> {
    let shape = |event_type| {
        let variant = Step::Variant(event_type);
        let field = |name: &&'static str| (*name, heard::<E>(&[variant, Step::Field(name)]));
        let fields = match heard::<E>(&[variant]) {
            Heard::Struct(names) => names.iter().map(field).collect(),
            _ => Vec::new(),
        };
        Shape { event_type, fields }
    };
    match heard::<E>(&[]) {
        Heard::Enum(types) => types.iter().copied().map(shape).collect(),
        _ => Vec::new(),
    }
}

/// Everything in `E` that has nothing more in it, however deep: where it is (`invited.to.email`), and what it is.
pub(crate) fn leaves<E: for<'de> Deserialize<'de>>() -> Vec<(String, Heard)> {
    let mut leaves = Vec::new();
    let mut paths = vec![Vec::new()];
    while let Some(path) = paths.pop() {
        let mut below = |steps: &mut dyn Iterator<Item = Step>| {
            let further: Vec<_> = steps.map(|step| [&path[..], &[step]].concat()).collect();
            paths.extend(further.into_iter().rev());
        };
        match heard::<E>(&path) {
            // A value without fields says nothing but its name.
            Heard::Unit => {}
            Heard::Enum(names) => below(&mut names.iter().map(|name| Step::Variant(name))),
            Heard::Struct(names) => below(&mut names.iter().map(|name| Step::Field(name))),
            Heard::List => below(&mut std::iter::once(Step::Element)),
            leaf => leaves.push((name(&path), leaf)),
        }
    }
    leaves
}

fn name(path: &[Step]) -> String {
    let names = path.iter().filter_map(|step| match step {
        Step::Variant(name) | Step::Field(name) => Some(*name),
        Step::Element => None,
    });
    names.collect::<Vec<_>>().join(".")
}

fn heard<E: for<'de> Deserialize<'de>>(path: &[Step]) -> Heard {
    let mut heard = Heard::Any;
    // The answer is an error: there is no payload to read. Only a text is read, to see which ones are.
    let listens = |heard: &mut Heard, text: &str| E::deserialize(Listener { path, text, heard }).is_ok();
    let sealed = Sealed::of_spec(SubjectId(Uuid::nil()), "");
    let (_, noted) = noting(|| listens(&mut heard, sealed.as_str()));
    if heard != Heard::Text(Writes::Form) && heard != Heard::Text(Writes::Anything) {
        return heard;
    }
    if !noted.is_empty() {
        return Heard::Text(Writes::Sealed);
    }
    let mut any = heard;
    for text in WRITTEN {
        listens(&mut any, text);
        if any == Heard::Text(Writes::Anything) {
            break;
        }
    }
    any
}

/// A deserializer that has nothing to read but a text at the end of its path, and writes down what it is asked for there.
struct Listener<'a> {
    path: &'a [Step],
    text: &'a str,
    heard: &'a mut Heard,
}

impl Listener<'_> {
    fn ends<T>(self, heard: Heard) -> Result<T, Error> {
        if self.path.is_empty() {
            *self.heard = heard;
        }
        Err(Error::custom("heard"))
    }

    /// The rest of the way, if it begins with a step that is wanted.
    fn after(self, wanted: impl FnOnce(Step) -> bool) -> Option<Self> {
        let (first, rest) = self.path.split_first()?;
        wanted(*first).then_some(Self { path: rest, ..self })
    }

    /// Reads what is there, and notes whether a text was accepted: also by what looks at it after its visitor.
    fn read<T>(self, read: impl FnOnce(Listener<'_>) -> Result<T, Error>) -> Result<T, Error> {
        let Self { path, text, heard } = self;
        let value = read(Listener { path, text, heard: &mut *heard });
        if path.is_empty() && value.is_ok() && *heard == Heard::Text(Writes::Form) {
            *heard = Heard::Text(Writes::Anything);
        }
        value
    }
}

macro_rules! hears {
    ($($heard:expr => $($method:ident)+;)+) => {
        $($(
            fn $method<V: Visitor<'de>>(self, _visitor: V) -> Result<V::Value, Error> {
                self.ends($heard)
            }
        )+)+
    };
}

macro_rules! texts {
    ($($method:ident)+) => {
        $(
            fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
                if !self.path.is_empty() {
                    return self.ends(Heard::Any);
                }
                *self.heard = Heard::Text(Writes::Form);
                visitor.visit_str(self.text)
            }
        )+
    };
}

impl<'de> Deserializer<'de> for Listener<'_> {
    type Error = Error;

    hears! {
        Heard::Boolean => deserialize_bool;
        Heard::Integer => deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64 deserialize_i128 deserialize_u8
            deserialize_u16 deserialize_u32 deserialize_u64 deserialize_u128;
        Heard::Number => deserialize_f32 deserialize_f64;
        Heard::Map => deserialize_map;
        Heard::Unit => deserialize_unit;
        Heard::Any => deserialize_any deserialize_bytes deserialize_byte_buf deserialize_identifier
            deserialize_ignored_any;
    }

    texts! { deserialize_char deserialize_str deserialize_string }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _name: &'static str, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(self, _name: &'static str, _visitor: V) -> Result<V::Value, Error> {
        self.ends(Heard::Unit)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        if self.path.is_empty() {
            return self.ends(Heard::List);
        }
        match self.after(|step| step == Step::Element) {
            Some(element) => visitor.visit_seq(One(Some(element))),
            None => Err(Error::custom("another way")),
        }
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, _length: usize, visitor: V) -> Result<V::Value, Error> {
        self.deserialize_seq(visitor)
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _length: usize,
        visitor: V,
    ) -> Result<V::Value, Error> {
        self.deserialize_seq(visitor)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        match self.path {
            [] => self.ends(Heard::Struct(fields)),
            [Step::Field(_), ..] => visitor.visit_map(One(Some(self))),
            _ => Err(Error::custom("another way")),
        }
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        match self.path {
            [] => self.ends(Heard::Enum(variants)),
            [Step::Variant(_), ..] => visitor.visit_enum(self),
            _ => Err(Error::custom("another way")),
        }
    }
}

impl<'de> EnumAccess<'de> for Listener<'_> {
    type Error = Error;
    type Variant = Self;

    fn variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<(S::Value, Self), Error> {
        let Some((Step::Variant(name), rest)) = self.path.split_first() else {
            return Err(Error::custom("another way"));
        };
        let tag: StrDeserializer<'_, Error> = (*name).into_deserializer();
        seed.deserialize(tag).map(|variant| (variant, Self { path: rest, ..self }))
    }
}

impl<'de> VariantAccess<'de> for Listener<'_> {
    type Error = Error;

    fn unit_variant(self) -> Result<(), Error> {
        self.ends(Heard::Unit)
    }

    fn newtype_variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<S::Value, Error> {
        self.read(|listener| seed.deserialize(listener))
    }

    fn tuple_variant<V: Visitor<'de>>(self, _length: usize, visitor: V) -> Result<V::Value, Error> {
        self.deserialize_seq(visitor)
    }

    fn struct_variant<V: Visitor<'de>>(self, fields: &'static [&'static str], visitor: V) -> Result<V::Value, Error> {
        self.deserialize_struct("", fields, visitor)
    }
}

/// A list of one value, or an object of one field: the one on the way.
struct One<'a>(Option<Listener<'a>>);

impl<'de> SeqAccess<'de> for One<'_> {
    type Error = Error;

    fn next_element_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, Error> {
        let Some(listener) = self.0.take() else { return Ok(None) };
        listener.read(|listener| seed.deserialize(listener)).map(Some)
    }
}

impl<'de> MapAccess<'de> for One<'_> {
    type Error = Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Error> {
        let Some(Listener { path: [Step::Field(name), ..], .. }) = &self.0 else { return Ok(None) };
        let name: StrDeserializer<'_, Error> = (*name).into_deserializer();
        seed.deserialize(name).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Error> {
        let field = self.0.take().and_then(|listener| listener.after(|step| matches!(step, Step::Field(_))));
        field.ok_or_else(|| Error::custom("no field is left"))?.read(|listener| seed.deserialize(listener))
    }
}
