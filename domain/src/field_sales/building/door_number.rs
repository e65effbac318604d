//! The number on a door, and the door's id that follows from it.

use crate::field_sales::{BuildingId, DoorId};
use kernel::ParseError;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::fmt;
use utoipa::openapi::{ObjectBuilder, RefOr, Schema, schema::Type};
use utoipa::{PartialSchema, ToSchema};

/// The number on a door, unique in its building: `101`, `201A`. One to eight letters and digits, upper case.
///
/// Generated numbers are the floor followed by two digits: door 1 of floor 12 is `1201`. Lower case is read and
/// made upper case.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct DoorNumber(String);

impl DoorNumber {
    /// Checks what somebody typed.
    ///
    /// # Errors
    /// The number is empty, too long, or has other characters than letters and digits.
    pub fn parse(number: &str) -> Result<Self, ParseError> {
        let number = number.trim();
        if !(1..=8).contains(&number.len()) || !number.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
            return Err(ParseError::new("must be 1 to 8 letters and digits, like 101 or 201A"));
        }
        Ok(Self(number.to_ascii_uppercase()))
    }

    /// The number of a door by its place: `index` counts the doors of a floor from 1.
    ///
    /// Two digits for the index keep numbers of different floors apart, since a floor has at most 99 doors.
    pub fn of(floor: i32, index: i32) -> Self {
        Self(format!("{floor}{index:02}"))
    }

    /// The number as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The door with this number in this building. The same two always give the same id (UUIDv5), so a door cannot
/// exist twice.
pub fn door_id(building_id: BuildingId, number: &DoorNumber) -> DoorId {
    DoorId(kernel::ids::derived(building_id.0, &format!("field_sales.door/{number}")))
}

impl fmt::Display for DoorNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for DoorNumber {
    type Error = ParseError;
    fn try_from(number: String) -> Result<Self, ParseError> {
        Self::parse(&number)
    }
}

impl From<DoorNumber> for String {
    fn from(number: DoorNumber) -> Self {
        number.0
    }
}

impl PartialSchema for DoorNumber {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new().schema_type(Type::String).pattern(Some("^[0-9A-Za-z]{1,8}$")).examples(["1201"]).into()
    }
}

impl ToSchema for DoorNumber {
    fn name() -> Cow<'static, str> {
        Cow::Borrowed("DoorNumber")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;
    use uuid::Uuid;

    #[test]
    fn door_1201_is_the_first_of_floor_12() {
        assert_eq!(DoorNumber::of(12, 1).as_str(), "1201");
        assert_eq!(DoorNumber::of(1, 12).as_str(), "112");
    }

    #[test]
    fn no_two_doors_of_a_building_have_one_number() {
        let numbers: HashSet<DoorNumber> =
            (1..=200).flat_map(|floor| (1..=99).map(move |index| DoorNumber::of(floor, index))).collect();
        assert_eq!(numbers.len(), 200 * 99);
        assert!(numbers.iter().all(|number| DoorNumber::parse(number.as_str()).as_ref() == Ok(number)));
    }

    #[test]
    fn a_typed_number_is_upper_case_and_plain() {
        assert_eq!(DoorNumber::parse(" 201a ").unwrap().as_str(), "201A");
        for wrong in ["", " ", "2 01", "201-A", "été", "123456789"] {
            assert!(DoorNumber::parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_door_is_its_building_and_its_number() {
        let [here, there] = [1, 2].map(|n| BuildingId(Uuid::from_u128(n)));
        let [first, second] = [1, 2].map(|index| DoorNumber::of(1, index));
        assert_eq!(door_id(here, &first), door_id(here, &DoorNumber::parse("101").unwrap()));
        assert_ne!(door_id(here, &first), door_id(here, &second));
        assert_ne!(door_id(here, &first), door_id(there, &first));
    }
}
