//! Access tokens signed with the local key: for the demo tenant and for `sillage token issue`.

use crate::failure::Failure;
use crate::keys::LocalKey;
use chrono::{TimeDelta, Utc};
use kernel::{ActorId, ActorKind, Scopes, TenantId};
use platform::auth::Claims;
use query_api::analyst::{PERSONAL, TENANTS};
use std::collections::BTreeSet;
use std::str::FromStr;
use std::sync::LazyLock;
use uuid::Uuid;

/// Whoever works with the signing key of the data folder itself, without an account: the operator of the installation.
pub const OPERATOR: ActorId = ActorId(Uuid::from_u128(0x0197_5111_a6e0_7000_8000_0000_0000_0e70));

/// For whom a token is issued and what it permits.
#[derive(Clone, Debug)]
pub struct Grant {
    /// The tenant.
    pub tenant_id: TenantId,
    /// Who acts.
    pub actor_id: ActorId,
    /// What it permits.
    pub scopes: Scopes,
    /// For how long.
    pub ttl: Ttl,
}

/// For whom tokens are meant: the `iss` and `aud` that the verifier expects.
#[derive(Clone, Debug)]
pub struct Audience {
    /// The `iss`.
    pub issuer: String,
    /// The `aud`.
    pub audience: String,
}

impl Default for Audience {
    fn default() -> Self {
        Self { issuer: "sillage".to_owned(), audience: "sillage".to_owned() }
    }
}

/// Signs a token.
///
/// # Errors
/// The key cannot sign.
pub fn issue(key: &LocalKey, audience: &Audience, grant: &Grant) -> Result<String, Failure> {
    let now = Utc::now();
    let claims = Claims {
        iss: audience.issuer.clone(),
        aud: audience.audience.clone(),
        sub: grant.actor_id,
        tenant: grant.tenant_id,
        kind: ActorKind::User,
        on_behalf_of: None,
        sid: None,
        roles: Vec::new(),
        scopes: grant.scopes.clone(),
        exp: (now + grant.ttl.0).timestamp(),
        iat: now.timestamp(),
        nbf: None,
        jti: Uuid::now_v7().to_string(),
        as_of: None,
    };
    key.signer().issue(&claims).map_err(|error| Failure::failed("the token cannot be signed").because(error))
}

/// How long a token is good: `90s`, `45m`, `12h`, `30d`; at most ten years.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ttl(TimeDelta);

impl Ttl {
    /// So many minutes.
    pub const fn minutes(minutes: i64) -> Self {
        Self(TimeDelta::minutes(minutes))
    }

    /// So many days.
    pub const fn days(days: i64) -> Self {
        Self(TimeDelta::days(days))
    }
}

impl FromStr for Ttl {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("{text:?} is not a time like 90s, 45m, 12h or 30d (at most 3650d)");
        let unit = text.chars().next_back().ok_or_else(wrong)?;
        let number = text[..text.len() - unit.len_utf8()].parse::<u32>().map_err(|_| wrong())?;
        let seconds = match unit {
            's' => 1,
            'm' => 60,
            'h' => 3_600,
            'd' => 86_400,
            _ => return Err(wrong()),
        };
        let seconds = i64::from(number) * seconds;
        if (1..=3650 * 86_400).contains(&seconds) { Ok(Self(TimeDelta::seconds(seconds))) } else { Err(wrong()) }
    }
}

/// Every scope that a command or a query of this build asks for, or a role permits, sorted. Not
/// [`query_api::analyst::TENANTS`], which leads out of the tenant and has to be named.
pub fn all_scopes() -> Vec<String> {
    static ALL: LazyLock<Vec<String>> = LazyLock::new(read_all_scopes);
    ALL.clone()
}

fn read_all_scopes() -> Vec<String> {
    let documents = [command_api::openapi(), query_api::openapi()];
    let asked = documents
        .iter()
        .filter_map(|document| serde_json::to_value(document).ok())
        .flat_map(|document| asked_for(&document));
    let granted = domain::identity::roles::all_scopes().into_iter().map(str::to_owned);
    // Asked for inside answers, not by a route.
    let scopes: BTreeSet<String> = asked.chain(granted).chain([PERSONAL.to_string()]).collect();
    scopes.into_iter().filter(|scope| scope != TENANTS.as_str()).collect()
}

/// The scopes in the `security` of every operation of an `OpenAPI` document.
fn asked_for(document: &serde_json::Value) -> Vec<String> {
    let operations = document["paths"].as_object().into_iter().flatten();
    let operations = operations.flat_map(|(_, path)| path.as_object().into_iter().flatten());
    let requirements = operations.flat_map(|(_, operation)| operation["security"].as_array().into_iter().flatten());
    let lists = requirements.flat_map(|requirement| requirement.as_object().into_iter().flatten());
    let scopes = lists.flat_map(|(_, scopes)| scopes.as_array().into_iter().flatten());
    scopes.filter_map(|scope| scope.as_str().map(str::to_owned)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_scopes_are_those_of_the_routes_and_roles() {
        let scopes = all_scopes();
        for scope in
            ["support.ticket:open", "support.ticket:work", "field_sales.contract:sign", "field_sales.zone:read"]
        {
            assert!(scopes.iter().any(|held| held == scope), "{scope} in {scopes:?}");
        }
        assert!(scopes.iter().all(|held| held != TENANTS.as_str()), "it leads out of the tenant");
    }

    #[test]
    fn a_time_is_a_number_and_a_unit() {
        assert_eq!("45m".parse(), Ok(Ttl(TimeDelta::minutes(45))));
        assert_eq!("30d".parse(), Ok(Ttl::days(30)));
        for wrong in ["", "d", "12", "-1h", "0s", "1w", "5000d", "1é"] {
            assert!(wrong.parse::<Ttl>().is_err(), "{wrong}");
        }
    }
}
