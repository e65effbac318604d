//! Names of people, where the visitor may know them.

use crate::Console;
use crate::api::{Caller, Refused};
use crate::form::link;
use crate::page::Visit;
use crate::show::Choice;
use crate::texts::Texts;
use serde::Deserialize;
use std::borrow::Borrow;
use std::collections::{BTreeSet, HashMap};
use uuid::Uuid;

/// Reads who is a member of the tenant.
const READ: &str = "identity.member:read";
/// Names that one page asks for at most.
const MOST: usize = 100;
/// As what somebody answers tickets.
const AGENTS: &[&str] = &["support_agent", "support_admin"];
/// As what somebody has tickets.
const CUSTOMERS: &[&str] = &["support_customer"];

/// A page of the API's list of members.
#[derive(Deserialize)]
struct Members {
    items: Vec<Member>,
}

#[derive(Deserialize)]
struct Member {
    user_id: Uuid,
    given_name: String,
    family_name: String,
    roles: Vec<String>,
    active: bool,
}

impl Member {
    fn name(&self) -> String {
        format!("{} {}", self.given_name, self.family_name)
    }
}

/// The people of a page.
pub(crate) struct People {
    names: HashMap<Uuid, String>,
    t: &'static Texts,
    me: Option<Uuid>,
    /// Whether names may be known at all; where not, everybody else is the desk.
    known: bool,
}

#[cfg(test)]
impl People {
    /// One who is known by this name.
    pub(crate) fn one(visit: &Visit, id: Uuid, name: &str) -> Self {
        Self { names: HashMap::from([(id, name.to_owned())]), t: visit.t(), me: None, known: false }
    }
}

impl People {
    /// Those with these ids.
    pub(crate) async fn of(
        console: &Console,
        visit: &Visit,
        ids: impl IntoIterator<Item = Uuid>,
    ) -> Result<Self, Refused> {
        let known = visit.may(READ);
        let me = visit.visitor.as_ref().map(|visitor| visitor.user_id);
        let ids: BTreeSet<String> = ids.into_iter().take(MOST).map(|id| id.to_string()).collect();
        let names = if known && !ids.is_empty() {
            let ids: Vec<String> = ids.into_iter().collect();
            let found = members(console, &visit.caller, &[("user_id", Some(&ids.join(",")))]).await?;
            found.into_iter().map(|member| (member.user_id, member.name())).collect()
        } else {
            HashMap::new()
        };
        Ok(Self { names, t: visit.t(), me, known })
    }

    /// What to call somebody.
    pub(crate) fn name(&self, id: impl Borrow<Uuid>) -> String {
        let id = *id.borrow();
        match self.names.get(&id) {
            Some(name) => name.clone(),
            None if id.is_nil() => self.t.the_system.to_owned(),
            None if self.me == Some(id) => self.t.you.to_owned(),
            None if self.known => format!("…{}", &id.to_string()[28..]),
            None => self.t.the_desk.to_owned(),
        }
    }

    /// What to call somebody, or that there is nobody.
    pub(crate) fn name_if_any(&self, id: impl Borrow<Option<Uuid>>) -> String {
        id.borrow().map_or_else(|| "—".to_owned(), |id| self.name(id))
    }
}

/// Who can be made responsible for a ticket; the first hundred members are looked through.
pub(crate) async fn agents(console: &Console, visit: &Visit) -> Result<Vec<Choice>, Refused> {
    those_who_are(console, visit, AGENTS).await
}

/// For whom an agent can open a ticket; the first hundred members are looked through.
pub(crate) async fn customers(console: &Console, visit: &Visit) -> Result<Vec<Choice>, Refused> {
    those_who_are(console, visit, CUSTOMERS).await
}

async fn those_who_are(console: &Console, visit: &Visit, roles: &[&str]) -> Result<Vec<Choice>, Refused> {
    if !visit.may(READ) || !visit.may("support.ticket:work") {
        return Ok(Vec::new());
    }
    let found = members(console, &visit.caller, &[("active", Some("true"))]).await?;
    let fits = |member: &Member| member.active && member.roles.iter().any(|role| roles.contains(&role.as_str()));
    Ok(found
        .into_iter()
        .filter(fits)
        .map(|member| Choice { value: member.user_id.to_string(), label: member.name() })
        .collect())
}

async fn members(
    console: &Console,
    caller: &Caller,
    parameters: &[(&str, Option<&str>)],
) -> Result<Vec<Member>, Refused> {
    let path = link("/v1/identity/members", &[&[("limit", Some("100"))], parameters].concat());
    Ok(console.queries.get::<Members>(caller, &path).await?.value.items)
}
