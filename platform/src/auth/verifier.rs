//! Decides whether a token is good. Once per token: the answer is kept until the token ends.

use super::{Claims, Identity, KeySet, LEEWAY_S, MAX_TOKEN_BYTES, TOKEN_TYPE, bearer};
use axum::http::HeaderMap;
use chrono::{DateTime, Utc};
use jsonwebtoken::{Algorithm, Header, Validation};
use kernel::Actor;
use moka::sync::Cache;
use std::sync::{Arc, PoisonError, RwLock};

/// How many verified tokens are kept. Beyond that the least used one is verified again.
const CACHED_TOKENS: u64 = 10_000;

/// Why a token was not accepted. For the log; the caller always reads the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AuthError {
    /// There is no `Authorization` header.
    #[error("no token")]
    Missing,
    /// It is not a token at all, or longer than 8 KiB.
    #[error("not a token")]
    Malformed,
    /// The header asks for something else than `at+jwt`, EdDSA and a `kid`.
    #[error("the token's header is not acceptable")]
    Header,
    /// No key of ours has this `kid`.
    #[error("the token's key is not known")]
    UnknownKey,
    /// The signature, issuer, audience or a claim is wrong.
    #[error("the token's signature or claims are not acceptable")]
    Invalid,
    /// It has ended, or has not begun.
    #[error("the token is not valid at this time")]
    Expired,
}

/// Verifies tokens of one issuer for one audience.
pub struct Verifier {
    keys: RwLock<KeySet>,
    validation: Validation,
    verified: Cache<Box<str>, Arc<Identity>>,
}

impl Verifier {
    /// Accepts tokens that these keys signed, with exactly this `iss` and this `aud`.
    pub fn new(keys: KeySet, issuer: &str, audience: &str) -> Self {
        let mut validation = Validation::new(Algorithm::EdDSA);
        validation.set_issuer(&[issuer]);
        validation.set_audience(&[audience]);
        validation.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
        validation.leeway = LEEWAY_S.unsigned_abs();
        validation.validate_nbf = true;
        Self { keys: RwLock::new(keys), validation, verified: Cache::new(CACHED_TOKENS) }
    }

    /// Who calls, from the `Authorization` header.
    ///
    /// # Errors
    /// As [`Verifier::verify`], or there is no token.
    pub fn authenticate(&self, headers: &HeaderMap) -> Result<Arc<Identity>, AuthError> {
        self.verify(bearer(headers)?)
    }

    /// Whose token this is. A known one costs a look-up and a look at the clock.
    ///
    /// # Errors
    /// Why it is not good.
    pub fn verify(&self, token: &str) -> Result<Arc<Identity>, AuthError> {
        let now = Utc::now();
        if let Some(identity) = self.verified.get(token) {
            return if ended(&identity, now) { Err(AuthError::Expired) } else { Ok(identity) };
        }
        // Held until the answer is kept, so that an answer by a removed key cannot outlive its removal.
        let keys = self.keys.read().unwrap_or_else(PoisonError::into_inner);
        let identity = Arc::new(self.verify_signed(&keys, token, now)?);
        self.verified.insert(token.into(), Arc::clone(&identity));
        Ok(identity)
    }

    /// Takes other keys from now on; what the old ones had proven is forgotten.
    pub fn replace_keys(&self, keys: KeySet) {
        let mut current = self.keys.write().unwrap_or_else(PoisonError::into_inner);
        *current = keys;
        self.verified.invalidate_all();
    }

    fn verify_signed(&self, keys: &KeySet, token: &str, now: DateTime<Utc>) -> Result<Identity, AuthError> {
        if token.len() > MAX_TOKEN_BYTES || token.bytes().filter(|byte| *byte == b'.').count() != 2 {
            return Err(AuthError::Malformed);
        }
        let header = jsonwebtoken::decode_header(token).map_err(|_| AuthError::Malformed)?;
        let kid = acceptable_kid(&header).ok_or(AuthError::Header)?;
        let key = keys.find(kid).ok_or(AuthError::UnknownKey)?;
        let claims =
            jsonwebtoken::decode::<Claims>(token, key, &self.validation).map_err(|error| refusal(&error))?.claims;
        identity(claims, now)
    }
}

/// The `kid` of a header with `alg`, `typ` and `kid` and nothing else. So `crit`, `jwk`, `jku`, `x5u`, `b64`,
/// `zip` and whatever is invented next are refused without being looked at.
fn acceptable_kid(header: &Header) -> Option<&str> {
    let expected =
        Header { typ: Some(TOKEN_TYPE.to_owned()), kid: header.kid.clone(), ..Header::new(Algorithm::EdDSA) };
    if *header == expected { header.kid.as_deref() } else { None }
}

fn refusal(error: &jsonwebtoken::errors::Error) -> AuthError {
    use jsonwebtoken::errors::ErrorKind;
    match error.kind() {
        ErrorKind::ExpiredSignature | ErrorKind::ImmatureSignature => AuthError::Expired,
        ErrorKind::InvalidToken | ErrorKind::Base64(_) => AuthError::Malformed,
        _ => AuthError::Invalid,
    }
}

fn identity(claims: Claims, now: DateTime<Utc>) -> Result<Identity, AuthError> {
    if claims.iat > now.timestamp() + LEEWAY_S || claims.iat > claims.exp {
        return Err(AuthError::Invalid);
    }
    let identity = Identity {
        tenant_id: claims.tenant,
        actor: Actor { kind: claims.kind, id: claims.sub, on_behalf_of: claims.on_behalf_of },
        scopes: claims.scopes,
        expires_at: DateTime::from_timestamp(claims.exp, 0).ok_or(AuthError::Invalid)?,
        token_id: claims.jti.into(),
    };
    if ended(&identity, now) { Err(AuthError::Expired) } else { Ok(identity) }
}

fn ended(identity: &Identity, now: DateTime<Utc>) -> bool {
    identity.expires_at.timestamp() + LEEWAY_S <= now.timestamp()
}
