//! How a member is called and reached.

use super::{Event, Membership};
use crate::identity::{EmailAddress, PersonName, SIGN_IN, UserId};
use kernel::{Command, Context, Decided, Decision, Personal, Private, Reach, Scope, View};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

/// How a member is called and reached: what his account says.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Person {
    /// Given name.
    pub given_name: Private<PersonName>,
    /// Family name.
    pub family_name: Private<PersonName>,
    /// The address.
    pub email: Private<EmailAddress>,
}

/// How a member is called and reached: a copy of what his account said.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KnownPerson {
    /// Given name.
    pub given_name: Personal<PersonName>,
    /// Family name.
    pub family_name: Personal<PersonName>,
    /// The address.
    pub email: Personal<EmailAddress>,
}

impl Person {
    /// The same as data about this user.
    pub fn about(&self, user_id: UserId) -> KnownPerson {
        KnownPerson {
            given_name: self.given_name.about(user_id),
            family_name: self.family_name.about(user_id),
            email: self.email.about(user_id),
        }
    }
}

/// Says that the account of a member says something else about him now. What follows a change of the account does
/// this, nobody by hand; the copy is sealed, so it is told anew each time.
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
        Ok(Decided::from(Event::PersonChanged { user_id: member.user_id, person: self.person.about(member.user_id) }))
    }
}

/// For examples and specs.
pub(in crate::identity) fn example(given_name: &str, family_name: &str, email: &str) -> Person {
    Person {
        given_name: PersonName::parse(given_name).expect("an example is valid").into(),
        family_name: PersonName::parse(family_name).expect("an example is valid").into(),
        email: EmailAddress::parse(email).expect("an example is valid").into(),
    }
}
