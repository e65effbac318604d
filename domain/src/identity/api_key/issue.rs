//! Issuing an API key.

use super::{ApiKey, Event, KeyName, Rejection};
use crate::identity::MANAGE_API_KEYS;
use chrono::{DateTime, Utc};
use kernel::{Command, Context, Decided, Decision, ParseError, Reach, Scope, View};
use serde::{Deserialize, Deserializer, Serialize};
use utoipa::openapi::{ArrayBuilder, ObjectBuilder, RefOr, Schema, schema::Type};
use utoipa::{PartialSchema, ToSchema};
use uuid::Uuid;

/// Scopes of one key at most.
const MAX_SCOPES: usize = 100;
/// Characters of a scope at most.
const MAX_SCOPE: usize = 100;

/// The scopes of a key: one at least, each once, in order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct KeyScopes(Vec<String>);

impl KeyScopes {
    /// Sorts, and drops what comes twice.
    ///
    /// # Errors
    /// There is none, there are too many, or one has not the form of a scope.
    pub fn new(scopes: impl IntoIterator<Item = String>) -> Result<Self, ParseError> {
        let mut scopes: Vec<String> = scopes.into_iter().collect();
        scopes.sort_unstable();
        scopes.dedup();
        if scopes.is_empty() || scopes.len() > MAX_SCOPES {
            return Err(ParseError::new(format!("must name 1 to {MAX_SCOPES} scopes")));
        }
        let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "._:".contains(c);
        match scopes.iter().find(|scope| scope.len() > MAX_SCOPE || !scope.chars().all(allowed)) {
            Some(_) => Err(ParseError::new("names something that is no scope; scopes look like identity.member:read")),
            None => Ok(Self(scopes)),
        }
    }

    /// Their names, in order.
    pub fn names(&self) -> &[String] {
        &self.0
    }
}

impl<'de> Deserialize<'de> for KeyScopes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::new(Vec::<String>::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}

impl PartialSchema for KeyScopes {
    fn schema() -> RefOr<Schema> {
        let scope = ObjectBuilder::new().schema_type(Type::String).max_length(Some(MAX_SCOPE));
        ArrayBuilder::new().items(scope).min_items(Some(1)).max_items(Some(MAX_SCOPES)).into()
    }
}

impl ToSchema for KeyScopes {}

/// Issues a key by which another system acts in the tenant. Its secret is shown once.
///
/// A key permits no more than its issuer may do (`identity.api_key_scope_beyond_own`).
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct IssueApiKey {
    /// What it is for.
    pub name: KeyName,
    /// What it permits.
    pub scopes: KeyScopes,
    /// Until when; for ever where absent.
    pub expires_at: Option<DateTime<Utc>>,
}

impl Command for IssueApiKey {
    type Streams = ApiKey;
    const NAME: &'static str = "identity.issue_api_key";
    const SCOPE: Scope = MANAGE_API_KEYS;
    const REACH: Reach = Reach::All;

    fn streams(&self, target: Uuid, _cx: &Context) -> Uuid {
        target
    }

    fn decide(&self, api_key: View<'_, Self>, cx: &Context) -> Decision<Self> {
        if api_key.key.is_some() {
            return Err(Rejection::AlreadyIssued);
        }
        if self.scopes.names().iter().any(|scope| !cx.scopes.contains_name(scope)) {
            return Err(Rejection::ScopeBeyondOwn);
        }
        if self.expires_at.is_some_and(|end| end <= cx.now) {
            return Err(Rejection::EndsInThePast);
        }
        let (name, scopes, expires_at) = (self.name.clone(), self.scopes.clone(), self.expires_at);
        Ok(Decided::from(Event::Issued { name, scopes, expires_at }))
    }
}
