//! Who is calling: access tokens (RFC 9068), signed with Ed25519 and nothing else.

mod keys;
pub mod link_token;
mod live_trust;
mod opaque;
mod signer;
mod signing_secret;
pub mod standing;
mod verifier;

#[cfg(any(test, feature = "attacks"))]
pub mod attacks;
#[cfg(test)]
mod tests;

pub use keys::{KeySet, KeySetError};
pub use link_token::{Link, LinkError, LinkKey, Purpose};
pub use live_trust::{LiveTrust, MAX_AGE, Revoked, Since};
pub use opaque::{OpaqueTokens, Proving};
pub use signer::{Signer, SignerError};
pub use signing_secret::{SigningSecret, SigningSecrets};
pub use verifier::{AuthError, Verifier};

use crate::problem::Problem;
use axum::http::header::{AUTHORIZATION, WWW_AUTHENTICATE};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use chrono::{DateTime, Utc};
use kernel::{Actor, ActorId, ActorKind, Epoch, Position, Scope, Scopes, TenantId};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use uuid::Uuid;

/// The `typ` of an access token; keeps refresh tokens and others out.
pub const TOKEN_TYPE: &str = "at+jwt";

/// How far two clocks may be apart, in seconds.
pub const LEEWAY_S: i64 = 30;

/// Longest token, in bytes.
pub const MAX_TOKEN_BYTES: usize = 8 * 1024;

/// What a token says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claims {
    /// Who issued it.
    pub iss: String,
    /// For whom it was issued: exactly one.
    pub aud: String,
    /// Who acts.
    pub sub: ActorId,
    /// For which tenant.
    pub tenant: TenantId,
    /// What sort of actor.
    pub kind: ActorKind,
    /// In whose name, where that is somebody else.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_behalf_of: Option<ActorId>,
    /// Which family of tokens it belongs to: everything that followed from one sign-in ends together.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sid: Option<Uuid>,
    /// As what the actor belongs to the tenant; what that permits is in the scopes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub roles: Vec<String>,
    /// What it permits; the `scope` claim of RFC 8693, names with spaces between.
    #[serde(rename = "scope", with = "scope_claim")]
    pub scopes: Scopes,
    /// When it ends, Unix seconds.
    pub exp: i64,
    /// When it was issued, Unix seconds.
    pub iat: i64,
    /// Before when it must not be used, Unix seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nbf: Option<i64>,
    /// Which token this is. Where it is a UUIDv7 its time is the moment of issue, to the millisecond.
    pub jti: String,
    /// As of which place in the log it says what it says: `[epoch, position]`. What was taken back later in the log counts
    /// against it, whatever any clock says; without it the time of issue is compared, to the disadvantage of the token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub as_of: Option<LogPlace>,
}

/// A place in the log, ordered: the life of the log and the position in it.
pub type LogPlace = (Epoch, Position);

mod scope_claim {
    use kernel::Scopes;
    use serde::{Deserialize, Deserializer, Serializer};
    use std::borrow::Cow;

    pub(super) fn serialize<S: Serializer>(scopes: &Scopes, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&Vec::<String>::from(scopes.clone()).join(" "))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Scopes, D::Error> {
        Ok(Cow::<'de, str>::deserialize(deserializer)?.split_ascii_whitespace().collect())
    }
}

/// Who calls, proven by a token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// Whose data the call is about.
    pub tenant_id: TenantId,
    /// Who acts.
    pub actor: Actor,
    /// Which family of tokens it belongs to.
    pub sid: Option<Uuid>,
    /// As what the actor belongs to the tenant.
    pub roles: Arc<[Box<str>]>,
    /// What the token permits.
    pub scopes: Scopes,
    /// When the token ends; open connections must end with it.
    pub expires_at: DateTime<Utc>,
    /// Which token it was.
    pub token_id: Box<str>,
}

impl Identity {
    /// Whether the token permits `scope`.
    ///
    /// # Errors
    /// 403 `scope_missing`, naming the scope.
    pub fn require(&self, scope: Scope) -> Result<(), Problem> {
        if self.scopes.contains(scope) {
            return Ok(());
        }
        Err(Problem::new(StatusCode::FORBIDDEN, "scope_missing", "The token does not permit this")
            .detail(format!("the scope {scope} is missing"))
            .remedy("Ask an administrator for a role with this scope, then get a new token.")
            .extra("scope", scope.as_str()))
    }
}

/// The token of an `Authorization: Bearer …` header.
///
/// # Errors
/// [`AuthError::Missing`] without the header, [`AuthError::Malformed`] for another scheme or several headers.
pub fn bearer(headers: &HeaderMap) -> Result<&str, AuthError> {
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let value = match (values.next(), values.next()) {
        (None, _) => return Err(AuthError::Missing),
        (Some(value), None) => value.to_str().map_err(|_| AuthError::Malformed)?,
        (Some(_), Some(_)) => return Err(AuthError::Malformed),
    };
    match value.split_at_checked(7) {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer ") => Ok(token),
        _ => Err(AuthError::Malformed),
    }
}

/// 401 `unauthenticated`: the same bytes whatever was wrong, so that an attacker learns nothing. 503 where no token can
/// be judged now.
impl From<AuthError> for Problem {
    fn from(error: AuthError) -> Self {
        if error == AuthError::Unknowable {
            return Self::unavailable("Tokens cannot be checked now", 1).because(&error);
        }
        Self::new(StatusCode::UNAUTHORIZED, "unauthenticated", "A valid access token is needed")
            .remedy("Send Authorization: Bearer <access token>; get a new token if yours has ended.")
            .header(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"sillage\""))
    }
}
