//! The people of the demo: one per role of every business, who sign in with an address and a password.
//!
//! Their password is known to everybody who reads this file. So it is used only where nobody else can come in: with
//! private servers, behind loopback addresses. Anywhere else one is made up, kept in the data folder and printed.

use super::people::{Person, TENANT};
use crate::failure::Failure;
use domain::identity::membership::GrantMembership;
use domain::identity::{Role, UserId};
use futures_util::future::try_join_all;
use identity_api::{Door, SettleError};
use kernel::{Labelled, TenantId};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use uuid::Uuid;

/// The password of the development installation.
pub const PASSWORD: &str = "follow the wake";
/// Where their addresses are: no mail leaves there.
pub const DOMAIN: &str = "demo.example";

/// Raised whenever somebody is added or changed: they are settled again then.
pub(super) const EDITION: u32 = 1;

/// Somebody who can sign in.
#[derive(Clone, Copy, Debug)]
pub struct User {
    /// As what he is there; his address follows from it.
    pub role: Role,
    /// What else he is, because the story needs it.
    also: &'static [Role],
    given_name: &'static str,
    family_name: &'static str,
    locale: &'static str,
    id: u128,
    /// Who leads him.
    led_by: Option<Role>,
}

/// How a user is told to scripts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Credentials {
    /// What signs in.
    pub email: String,
    /// In which tenant.
    pub tenant_id: Uuid,
    /// As what, the one that he is listed for first.
    pub roles: Vec<String>,
    /// How people call him.
    pub name: String,
}

const fn user(role: Role, given_name: &'static str, family_name: &'static str, locale: &'static str, id: u128) -> User {
    User { role, also: &[], given_name, family_name, locale, id, led_by: None }
}

const fn led(user: User, by: Role) -> User {
    User { led_by: Some(by), ..user }
}

const fn also(user: User, also: &'static [Role]) -> User {
    User { also, ..user }
}

/// Everybody, by business.
pub const USERS: [User; 23] = [
    user(Role::PlatformAdmin, "Alix", "Fontaine", "fr", 0xd1),
    user(Role::QueueSuperAdmin, "Noor", "Haddad", "en", 0xd2),
    user(Role::TenantAdmin, "Gabriel", "Roche", "fr", 0xd3),
    also(user(Role::SupportCustomer, "Inès", "Moreau", "fr", 0xc1), &[Role::StudioClient]),
    also(user(Role::SupportAgent, "Camille", "Laurent", "fr", 0xa1), &[Role::StudioArtist]),
    user(Role::SupportAdmin, "Olivia", "Wright", "en", 0xd4),
    also(user(Role::StudioClient, "James", "Carter", "en", 0xc2), &[Role::SupportCustomer]),
    user(Role::StudioArtist, "Mina", "Okada", "fr", 0xd5),
    user(Role::StudioTrainer, "Paul", "Girard", "fr", 0xd6),
    user(Role::StudioOwner, "Sarah", "Lefèvre", "fr", 0xd7),
    user(Role::QueueAdmin, "Tom", "Becker", "en", 0xd8),
    led(user(Role::QueueManager, "Léa", "Petit", "fr", 0xd9), Role::QueueAdmin),
    led(user(Role::QueueAgent, "Karim", "Saïdi", "fr", 0xda), Role::QueueManager),
    led(user(Role::SalesRep, "Yanis", "Benali", "fr", 0x51), Role::SalesManager),
    led(user(Role::SalesManager, "Claire", "Dubois", "fr", 0x52), Role::SalesDirector),
    led(user(Role::SalesDirector, "Hugo", "Marchand", "fr", 0xdb), Role::SalesAdmin),
    user(Role::SalesAdmin, "Nadia", "Ferrand", "fr", 0xdc),
    user(Role::ImageRightsOwner, "Élise", "Caron", "fr", 0xdd),
    user(Role::ImageRightsUser, "Ben", "Osei", "en", 0xde),
    user(Role::Photographer, "Luca", "Romano", "fr", 0xdf),
    user(Role::Employee, "Jeanne", "Mercier", "fr", 0xe1),
    user(Role::Developer, "Ravi", "Menon", "en", 0xe2),
    user(Role::ImageRightsSuperUser, "Agnès", "Vidal", "fr", 0xe3),
];

impl User {
    /// The address that signs in: `support-agent@demo.example`.
    pub fn email(self) -> String {
        format!("{}@{DOMAIN}", self.account())
    }

    /// What stands before the `@`.
    pub fn account(self) -> String {
        self.role.as_str().replace('_', "-")
    }

    /// Where he works.
    pub const fn tenant_id(self) -> TenantId {
        if self.role.is_of_the_platform() { TenantId::PLATFORM } else { TENANT }
    }

    /// Which business he belongs to, in a word.
    pub const fn business(self) -> &'static str {
        match self.role {
            Role::PlatformAdmin | Role::QueueSuperAdmin => "platform",
            Role::TenantAdmin => "company",
            Role::SupportCustomer | Role::SupportAgent | Role::SupportAdmin => "support",
            Role::StudioClient | Role::StudioArtist | Role::StudioTrainer | Role::StudioOwner => "studio",
            Role::QueueAdmin | Role::QueueManager | Role::QueueAgent => "queues",
            Role::SalesRep | Role::SalesManager | Role::SalesDirector | Role::SalesAdmin => "field sales",
            Role::ImageRightsOwner
            | Role::ImageRightsUser
            | Role::Photographer
            | Role::Employee
            | Role::Developer
            | Role::ImageRightsSuperUser => "image rights",
        }
    }

    pub(super) fn id(self) -> UserId {
        // The same people as in the story, who had ids before they had accounts.
        UserId(Person::id_of(self.id).0)
    }

    fn roles(self) -> Vec<&'static str> {
        std::iter::once(self.role).chain(self.also.iter().copied()).map(Labelled::as_str).collect()
    }

    fn person(self) -> Value {
        json!({ "given_name": self.given_name, "family_name": self.family_name, "email": self.email() })
    }

    /// For scripts.
    pub fn credentials(self) -> Credentials {
        Credentials {
            email: self.email(),
            tenant_id: self.tenant_id().0,
            roles: self.roles().into_iter().map(str::to_owned).collect(),
            name: format!("{} {}", self.given_name, self.family_name),
        }
    }
}

/// Makes the tenant and everybody in it, each unless there; from now on all have this password.
pub(super) async fn settle(door: &Door, password: &str) -> Result<(), Failure> {
    let tenant = json!({ "slug": "demo-studio", "name": "Studio Lumière", "plan": "professional" });
    door.settle_tenant(TENANT, &command(tenant)?).await.map_err(refused)?;
    let hash = door.hash(password).await.map_err(refused)?;
    let accounts = USERS.map(|user| account(door, user, &hash));
    try_join_all(accounts).await?;
    // Those who administer are on one list, on which they would only wait for each other.
    let (in_turn, at_once): (Vec<User>, Vec<User>) = USERS.into_iter().partition(|user| user.role.administers());
    try_join_all(at_once.into_iter().map(|user| member(door, user))).await?;
    for user in in_turn {
        member(door, user).await?;
    }
    Ok(())
}

async fn account(door: &Door, user: User, hash: &str) -> Result<(), Failure> {
    let mut account = user.person();
    account["locale"] = user.locale.into();
    door.settle_account(user.id(), &command(account)?, hash).await.map_err(refused)
}

async fn member(door: &Door, user: User) -> Result<(), Failure> {
    let led_by = USERS.iter().find(|leader| Some(leader.role) == user.led_by).map(|leader| leader.id());
    let member: GrantMembership = command(json!({
        "user_id": user.id(), "person": user.person(), "roles": user.roles(), "supervisor_id": led_by,
    }))?;
    door.settle_member(user.tenant_id(), &member).await.map_err(refused)
}

fn refused(error: SettleError) -> Failure {
    Failure::failed("the people of the demo cannot be made").because(error)
}

/// Somebody else who is to sign in there.
pub(super) struct Newcomer {
    pub(super) id: UserId,
    /// How he is called and reached.
    pub(super) person: Value,
    pub(super) locale: &'static str,
    pub(super) role: Role,
    pub(super) tenant_id: TenantId,
}

/// Makes them, each unless there, after the tenant was.
pub(super) async fn settle_newcomers(door: &Door, password: &str, people: &[Newcomer]) -> Result<(), Failure> {
    let hash = door.hash(password).await.map_err(refused)?;
    for some in people.chunks(16) {
        try_join_all(some.iter().map(|somebody| newcomer(door, somebody, &hash))).await?;
    }
    Ok(())
}

async fn newcomer(door: &Door, somebody: &Newcomer, hash: &str) -> Result<(), Failure> {
    let Newcomer { id, person, locale, role, tenant_id } = somebody;
    let mut account = person.clone();
    account["locale"] = (*locale).into();
    door.settle_account(*id, &command(account)?, hash).await.map_err(refused)?;
    let member: GrantMembership = command(json!({ "user_id": id, "person": person, "roles": [role.as_str()] }))?;
    door.settle_member(*tenant_id, &member).await.map_err(refused)
}

/// A command, as its JSON would be sent.
fn command<T: DeserializeOwned>(json: Value) -> Result<T, Failure> {
    serde_json::from_value(json).map_err(|error| Failure::failed("the people of the demo are not valid").because(error))
}

#[cfg(test)]
mod tests {
    use super::super::{AGENT, CUSTOMER, MANAGER, SALES_REP, SECOND_CUSTOMER};
    use super::*;
    use domain::identity::user::RegisterUser;
    use std::collections::HashSet;

    #[test]
    fn there_is_somebody_for_every_role() {
        let roles: HashSet<Role> = USERS.iter().map(|user| user.role).collect();
        assert_eq!(roles.len(), Role::ALL.len());
        let ids: HashSet<Uuid> = USERS.iter().map(|user| user.id().0).collect();
        assert_eq!(ids.len(), USERS.len());
        for user in USERS {
            assert!(command::<RegisterUser>(user.person()).is_ok(), "{user:?}");
            let leader = USERS.iter().find(|leader| Some(leader.role) == user.led_by);
            assert!(leader.is_none_or(|leader| leader.role.rank() > user.role.rank()), "{user:?}");
        }
    }

    #[test]
    fn the_people_of_the_story_have_accounts() {
        for person in [AGENT, CUSTOMER, SECOND_CUSTOMER, SALES_REP, MANAGER] {
            let user = USERS.iter().find(|user| user.id().0 == person.id().0).unwrap();
            assert_eq!(user.credentials().name, person.name);
        }
    }
}
