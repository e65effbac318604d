//! As whom the command line knocks: with a token that it was given, or as the operator who holds the signing key.

use super::{ActingArgs, Doors, TenantRef, Unanswered, text};
use crate::failure::Failure;
use crate::keys::LocalKey;
use crate::tokens::{Audience, Grant, OPERATOR, Ttl, issue};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use domain::identity::{Role, roles};
use kernel::TenantId;
use serde_json::{Value, json};
use uuid::Uuid;

/// Rows that are asked for at a time.
const PAGE: usize = 100;

/// Whoever acts.
pub(crate) struct Caller {
    doors: Doors,
    with: With,
}

enum With {
    Token(String),
    Key(Box<LocalKey>, Audience),
}

/// Somebody in one tenant.
pub(crate) struct Session<'a> {
    doors: &'a Doors,
    token: String,
}

impl Caller {
    /// Whoever is meant.
    ///
    /// # Errors
    /// There is neither a token nor a key, or no installation.
    pub(crate) fn find(arguments: &ActingArgs) -> Result<Self, Failure> {
        let doors = Doors::find(&arguments.doors)?;
        if let Some(token) = &arguments.token {
            return Ok(Self { doors, with: With::Token(token.expose().trim().to_owned()) });
        }
        let path = arguments.key.clone().unwrap_or_else(|| LocalKey::path_in(&arguments.doors.data_dir));
        if arguments.key.is_none() && !path.exists() {
            return Err(Failure::usage("there is no access token to act with")
                .remedy("Set SILLAGE_TOKEN to what `sillage token` prints. `sillage token --help` tells more."));
        }
        let audience = Audience { issuer: arguments.token_issuer.clone(), audience: arguments.token_audience.clone() };
        Ok(Self { doors, with: With::Key(Box::new(LocalKey::open(path)?), audience) })
    }

    /// The doors at which it knocks.
    pub(crate) const fn doors(&self) -> &Doors {
        &self.doors
    }

    /// In the tenant of the platform.
    ///
    /// # Errors
    /// Whoever holds the token does not belong there.
    pub(crate) async fn on_platform(&self) -> Result<Session<'_>, Failure> {
        self.in_tenant(Some(&TenantRef::Id(TenantId::PLATFORM))).await
    }

    /// In the tenant that is named; in that of the token where none is.
    ///
    /// # Errors
    /// There is no such tenant, or whoever holds the token does not belong there.
    pub(crate) async fn in_tenant(&self, named: Option<&TenantRef>) -> Result<Session<'_>, Failure> {
        let token = match (&self.with, named) {
            (With::Token(token), None) => token.clone(),
            (With::Token(token), Some(named)) => self.switched(token, named).await?,
            (With::Key(..), None) => {
                return Err(Failure::usage("in which tenant?")
                    .remedy("Give --tenant with a slug or an id; `sillage tenant list` shows them."));
            }
            (With::Key(key, audience), Some(TenantRef::Id(id))) => operators(key, audience, *id)?,
            (With::Key(key, audience), Some(named @ TenantRef::Slug(slug))) => {
                let platform = operators(key, audience, TenantId::PLATFORM)?;
                let session = Session { doors: &self.doors, token: platform };
                let found = session.get(&format!("/v1/identity/tenants?slug={slug}")).await?;
                let id = found["items"][0]["id"].as_str().and_then(|id| id.parse().ok());
                operators(key, audience, TenantId(id.ok_or_else(|| unknown(named))?))?
            }
        };
        Ok(Session { doors: &self.doors, token })
    }

    /// A token for another tenant of the same person.
    async fn switched(&self, token: &str, named: &TenantRef) -> Result<String, Failure> {
        if let TenantRef::Id(id) = named
            && tenant_of(token) == Some(*id)
        {
            return Ok(token.to_owned());
        }
        let id = own_tenant(&self.doors, token, named).await?;
        if tenant_of(token) == Some(id) {
            return Ok(token.to_owned());
        }
        let switch = self.doors.post("/v1/auth/switch-tenant", json!({ "tenant_id": id })).by(token);
        Ok(text(&self.doors.ask(&switch).await?, "access_token").to_owned())
    }
}

/// Which of the tenants is meant that the holder of a token belongs to.
pub(crate) async fn own_tenant(doors: &Doors, token: &str, named: &TenantRef) -> Result<TenantId, Failure> {
    let mine = doors.ask(&doors.own("/v1/me/tenants").by(token)).await?;
    let is_meant = |tenant: &&Value| match named {
        TenantRef::Id(id) => text(tenant, "id") == id.to_string(),
        TenantRef::Slug(slug) => text(tenant, "slug") == slug.as_str(),
    };
    let tenants = mine.as_array().map(Vec::as_slice).unwrap_or_default();
    let found = tenants.iter().find(is_meant).and_then(|tenant| text(tenant, "id").parse::<Uuid>().ok());
    found.map(TenantId).ok_or_else(|| {
        let slugs: Vec<&str> =
            tenants.iter().map(|tenant| text(tenant, "slug")).filter(|slug| !slug.is_empty()).collect();
        let remedy = match slugs.as_slice() {
            [] => "The account belongs to no tenant: an administrator invites it.".to_owned(),
            slugs => format!("Those of the account are: {}.", slugs.join(", ")),
        };
        Failure::failed(format!("the account belongs to no tenant {named}")).remedy(remedy)
    })
}

/// A token of the operator, for as long as a command takes.
fn operators(key: &LocalKey, audience: &Audience, tenant_id: TenantId) -> Result<String, Failure> {
    let role = if tenant_id == TenantId::PLATFORM { Role::PlatformAdmin } else { Role::TenantAdmin };
    let scopes = roles::scopes_of(&[role], tenant_id);
    issue(key, audience, &Grant { tenant_id, actor_id: OPERATOR, scopes, ttl: Ttl::minutes(10) })
}

/// For which tenant a token is, without proof: the door will look itself. `None` for API keys.
fn tenant_of(token: &str) -> Option<TenantId> {
    let payload = URL_SAFE_NO_PAD.decode(token.split('.').nth(1)?).ok()?;
    let claims: Value = serde_json::from_slice(&payload).ok()?;
    text(&claims, "tenant").parse().ok().map(TenantId)
}

fn unknown(named: &TenantRef) -> Failure {
    Failure::failed(format!("there is no tenant {named}")).remedy("`sillage tenant list` shows them.")
}

impl Session<'_> {
    /// Sends a command.
    ///
    /// # Errors
    /// It was refused, or there was no answer.
    pub(crate) async fn command(&self, path: &str, body: Value) -> Result<Value, Unanswered> {
        self.doors.ask(&self.doors.post(path, body).by(&self.token).once()).await
    }

    /// Hands a file over; the same key means the same.
    ///
    /// # Errors
    /// It was refused, or there was no answer.
    pub(crate) async fn hand_over(
        &self,
        path: &str,
        media_type: &'static str,
        bytes: Vec<u8>,
        key: Option<String>,
    ) -> Result<Value, Unanswered> {
        self.doors.ask(&self.doors.hand_over(path, media_type, bytes).by(&self.token).keyed(key)).await
    }

    /// Asks.
    ///
    /// # Errors
    /// It was refused, or there was no answer.
    pub(crate) async fn get(&self, path: &str) -> Result<Value, Unanswered> {
        self.doors.ask(&self.doors.get(path).by(&self.token)).await
    }

    /// Asks for a whole list, page by page.
    ///
    /// # Errors
    /// It was refused, or there was no answer.
    pub(crate) async fn list(&self, path: &str) -> Result<Vec<Value>, Unanswered> {
        let mut rows = Vec::new();
        let mut cursor = String::new();
        loop {
            let separator = if path.contains('?') { '&' } else { '?' };
            let mut page = self.get(&format!("{path}{separator}limit={PAGE}{cursor}")).await?;
            if let Value::Array(items) = page["items"].take() {
                rows.extend(items);
            }
            match page["next_cursor"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => return Ok(rows),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_says_for_which_tenant_it_is() {
        let claims = URL_SAFE_NO_PAD.encode(json!({ "tenant": Uuid::from_u128(7) }).to_string());
        assert_eq!(tenant_of(&format!("head.{claims}.tail")), Some(TenantId(Uuid::from_u128(7))));
        assert_eq!(tenant_of("slk_AAAA"), None);
    }
}
