//! Who may do what, read from the API documents, which the doors build from the constants that they obey.

use domain::identity::Role;
use domain::identity::roles::{EVERYBODY, scopes_of};
use kernel::{Scopes, TenantId};
use serde_json::Value;
use uuid::Uuid;

/// One route, as it is documented.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Route {
    /// With its parameter: `/v1/support/tickets/{ticket_id}`.
    pub path: String,
    /// `GET`.
    pub method: String,
    /// The operation id: `support.get_ticket`.
    pub id: String,
    /// One sentence.
    pub summary: String,
    /// The names of its query parameters.
    pub parameters: Vec<String>,
    /// The document that describes it: `command-api`.
    pub door: &'static str,
    /// What it asks of the caller; an error says why that cannot be told.
    pub policy: Result<Policy, String>,
}

/// What a route asks of its caller.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Policy {
    /// Nothing of the token; it proves itself in another way, or is no secret.
    Open,
    /// A token, whatever it permits.
    Token,
    /// A scope.
    Scope {
        /// Which one.
        scope: String,
        /// Whose things it is about.
        whose: Cell,
        /// With this scope, everybody's.
        all: Option<String>,
    },
}

/// What somebody reaches by a route.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Cell {
    /// Nothing.
    No,
    /// What is his own.
    Own,
    /// What belongs to those below him, not what is his own.
    Below,
    /// What is his own, and what belongs to those below him.
    Team,
    /// Everything in the tenant.
    All,
}

impl Route {
    /// The name of the path's parameter: `ticket_id`.
    pub fn target(&self) -> Option<&str> {
        self.path.split_once('{').and_then(|(_, rest)| rest.split_once('}')).map(|(name, _)| name)
    }

    /// The path with this id in it.
    pub fn at(&self, id: &str) -> String {
        match (self.path.split_once('{'), self.path.split_once('}')) {
            (Some((before, _)), Some((_, after))) => format!("{before}{id}{after}"),
            _ => self.path.clone(),
        }
    }

    /// Whether it knows this query parameter.
    pub fn takes(&self, parameter: &str) -> bool {
        self.parameters.iter().any(|known| known == parameter)
    }

    /// The scope that it asks for.
    pub fn scope(&self) -> Option<&str> {
        match &self.policy {
            Ok(Policy::Scope { scope, .. }) => Some(scope),
            Ok(Policy::Open | Policy::Token) | Err(_) => None,
        }
    }
}

impl Cell {
    /// Of the rule in an API document.
    fn of_rule(rule: &str) -> Option<Self> {
        [("own", Self::Own), ("below", Self::Below), ("team", Self::Team), ("all", Self::All)]
            .into_iter()
            .find_map(|(name, cell)| (name == rule).then_some(cell))
    }
}

impl Policy {
    /// What somebody with these scopes reaches. Whoever may use a route without a scope reaches what its own proof is about.
    pub fn cell(&self, held: &Scopes) -> Cell {
        match self {
            Self::Open | Self::Token => Cell::Own,
            Self::Scope { scope, .. } if !held.contains_name(scope) => Cell::No,
            Self::Scope { all: Some(all), .. } if held.contains_name(all) => Cell::All,
            Self::Scope { whose, .. } => *whose,
        }
    }

    /// The scopes that it names.
    pub fn scopes(&self) -> impl Iterator<Item = &str> {
        let (scope, all) = match self {
            Self::Open | Self::Token => (None, None),
            Self::Scope { scope, all, .. } => (Some(scope), all.as_ref()),
        };
        scope.into_iter().chain(all).map(String::as_str)
    }

    fn of(operation: &Value) -> Result<Self, String> {
        let schemes = operation["security"].as_array().into_iter().flatten();
        let scopes: Vec<&Value> = schemes.filter_map(|scheme| scheme["bearer"].as_array()).flatten().collect();
        let reach = &operation["x-reach"];
        match (scopes.as_slice(), reach["rule"].as_str().map(Cell::of_rule)) {
            ([], None) if operation["security"].is_array() => Ok(Self::Token),
            ([], None) => Ok(Self::Open),
            ([scope], Some(Some(whose))) => Ok(Self::Scope {
                scope: scope.as_str().unwrap_or_default().to_owned(),
                whose,
                all: reach["all"].as_str().map(str::to_owned),
            }),
            ([_], Some(None) | None) => {
                Err(format!("asks for a scope and does not say whose things it reaches: {reach}"))
            }
            ([], Some(_)) => Err("says whose things it reaches, and asks for no scope".to_owned()),
            ([_, _, ..], _) => Err("asks for several scopes".to_owned()),
        }
    }
}

/// The API documents, by file name.
pub fn documents() -> [(&'static str, Value); 3] {
    let value = |document| serde_json::to_value(document).expect("a document is JSON");
    [
        ("command-api", value(command_api::openapi())),
        ("identity-api", value(identity_api::openapi())),
        ("query-api", value(query_api::openapi())),
    ]
}

/// Every route of a document, in order.
pub fn routes_of(door: &'static str, document: &Value) -> Vec<Route> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let paths = document["paths"].as_object().into_iter().flatten();
    let operations = paths.flat_map(|(path, methods)| {
        let methods = methods.as_object().into_iter().flatten();
        methods.map(move |(method, operation)| (path, method, operation))
    });
    let mut routes: Vec<Route> = operations
        .map(|(path, method, operation)| Route {
            path: path.clone(),
            method: method.to_uppercase(),
            id: text(&operation["operationId"]),
            summary: text(&operation["summary"]),
            policy: Policy::of(operation),
            parameters: query_parameters(operation),
            door,
        })
        .collect();
    routes.sort_unstable();
    routes
}

fn query_parameters(operation: &Value) -> Vec<String> {
    let parameters = operation["parameters"].as_array().into_iter().flatten();
    let parameters = parameters.filter(|parameter| parameter["in"] == "query");
    parameters.filter_map(|parameter| parameter["name"].as_str()).map(str::to_owned).collect()
}

/// Every route of all doors, in order.
pub fn routes() -> Vec<Route> {
    let mut all: Vec<Route> = documents().iter().flat_map(|(door, document)| routes_of(door, document)).collect();
    all.sort_unstable();
    all
}

/// What somebody with this role alone holds, where it counts.
pub fn held(role: Role) -> Scopes {
    let tenant_id = if role.is_of_the_platform() { TenantId::PLATFORM } else { TenantId(Uuid::max()) };
    scopes_of(&[role], tenant_id)
}

/// What everybody who is signed in holds.
pub fn held_by_everybody() -> Scopes {
    EVERYBODY.iter().copied().collect()
}
