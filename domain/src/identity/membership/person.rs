//! How a member is called and reached.

use super::{Event, Membership};
use crate::identity::{EmailAddress, PersonName, SIGN_IN};
use kernel::command::unchanged;
use kernel::{Command, Context, Decided, Decision, Reach, Scope, View};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

/// How a member is called and reached: a copy of what his account said.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Person {
    /// Given name.
    pub given_name: PersonName,
    /// Family name.
    pub family_name: PersonName,
    /// The address.
    pub email: EmailAddress,
}

/// Says that the account of a member says something else about him now. What follows a change of the account does
/// this, nobody by hand.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RecordMemberPerson {
    /// How the member is called and reached now.
    pub person: Person,
}

impl Command for RecordMemberPerson {
    type Streams = Membership;
    const NAME: &'static str = "identity.record_member_person";
    const SCOPE: Scope = SIGN_IN;
    const REACH: Reach = Reach::All;

    fn streams(&self, target: Uuid, _cx: &Context) -> Uuid {
        target
    }

    fn decide(&self, membership: View<'_, Self>, _cx: &Context) -> Decision<Self> {
        let member = membership.existing()?;
        if member.person == self.person {
            return unchanged();
        }
        Ok(Decided::from(Event::PersonChanged { user_id: member.user_id, person: self.person.clone() }))
    }
}

/// For examples and specs.
pub(in crate::identity) fn example(given_name: &str, family_name: &str, email: &str) -> Person {
    Person {
        given_name: PersonName::parse(given_name).expect("an example is valid"),
        family_name: PersonName::parse(family_name).expect("an example is valid"),
        email: EmailAddress::parse(email).expect("an example is valid"),
    }
}
