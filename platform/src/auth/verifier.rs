//! Decides whether a token is good. Once per token: the answer is kept until the token ends.

use super::live_trust::{Issued, LiveTrust, Standing};
use super::{Claims, Identity, KeySet, LEEWAY_S, MAX_TOKEN_BYTES, OpaqueTokens, TOKEN_TYPE, bearer};
use crate::problem::Problem;
use aws_lc_rs::digest;
use axum::http::{HeaderMap, StatusCode};
use chrono::{DateTime, Utc};
use jsonwebtoken::{Algorithm, Header, Validation};
use kernel::Actor;
use quick_cache::sync::Cache;
use std::sync::Arc;
use uuid::Uuid;

/// How many verified tokens are kept. Beyond that the least used one is verified again.
const CACHED_TOKENS: usize = 10_000;

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
    /// It was taken back before its time.
    #[error("the token was revoked")]
    Revoked,
    /// What was taken back is not known now: nothing can be said about any token.
    #[error("keys and revocations were not renewed for too long")]
    Unknowable,
}

/// Verifies tokens of one issuer for one audience.
pub struct Verifier {
    trust: Arc<LiveTrust>,
    validation: Validation,
    /// By the SHA-256 of the token, so that no token is kept.
    verified: Cache<[u8; 32], Proven>,
    opaque: Option<Arc<dyn OpaqueTokens>>,
}

/// What a signature has proven; how it stands with what was taken back is asked each time.
#[derive(Clone)]
struct Proven {
    identity: Arc<Identity>,
    kid: Arc<str>,
    issued: Issued,
}

impl Verifier {
    /// Accepts tokens that these keys signed, with exactly this `iss` and this `aud`.
    pub fn new(keys: KeySet, issuer: &str, audience: &str) -> Self {
        Self::live(Arc::new(LiveTrust::fixed(keys)), issuer, audience)
    }

    /// The same with keys that come and go, and tokens that are taken back.
    pub fn live(trust: Arc<LiveTrust>, issuer: &str, audience: &str) -> Self {
        let mut validation = Validation::new(Algorithm::EdDSA);
        validation.set_issuer(&[issuer]);
        validation.set_audience(&[audience]);
        validation.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
        validation.leeway = LEEWAY_S.unsigned_abs();
        validation.validate_nbf = true;
        Self { trust, validation, verified: Cache::new(CACHED_TOKENS), opaque: None }
    }

    /// Also accepts tokens that somebody has to look up.
    #[must_use]
    pub fn with_opaque(self, opaque: Arc<dyn OpaqueTokens>) -> Self {
        Self { opaque: Some(opaque), ..self }
    }

    /// What it goes by.
    pub const fn trust(&self) -> &Arc<LiveTrust> {
        &self.trust
    }

    /// Who calls, from the `Authorization` header.
    ///
    /// # Errors
    /// As [`Verifier::verify`], or there is no token.
    pub async fn authenticate(&self, headers: &HeaderMap) -> Result<Arc<Identity>, AuthError> {
        let token = bearer(headers)?;
        match self.opaque.as_ref().filter(|opaque| opaque.fits(token)) {
            None => self.verify(token),
            Some(opaque) => {
                let identity = opaque.prove(token).await?;
                match self.trust.standing_of(&identity) {
                    Standing::Good => Ok(identity),
                    Standing::Revoked => Err(AuthError::Revoked),
                    Standing::UnknownKey | Standing::Stale => Err(AuthError::Unknowable),
                }
            }
        }
    }

    /// Whose token this is. A known one costs a hash, a few look-ups and a look at the clock.
    ///
    /// # Errors
    /// Why it is not good.
    pub fn verify(&self, token: &str) -> Result<Arc<Identity>, AuthError> {
        if token.len() > MAX_TOKEN_BYTES {
            return Err(AuthError::Malformed);
        }
        let now = Utc::now();
        let hash = sha256(token);
        let proven = match self.verified.get(&hash) {
            Some(proven) if ended(&proven.identity, now) => return Err(AuthError::Expired),
            Some(proven) => proven,
            None => {
                let proven = self.verify_signed(token, now)?;
                self.verified.insert(hash, proven.clone());
                proven
            }
        };
        // A kept answer cannot outlive its key, nor what was taken back.
        match self.trust.standing(&proven.kid, &proven.identity, proven.issued) {
            Standing::Good => Ok(proven.identity),
            Standing::UnknownKey => Err(AuthError::UnknownKey),
            Standing::Revoked => Err(AuthError::Revoked),
            Standing::Stale => Err(AuthError::Unknowable),
        }
    }

    /// Refuses changes in a tenant that is suspended; its people go on reading.
    ///
    /// # Errors
    /// 403 `tenant_suspended`.
    pub fn may_change(&self, identity: &Identity) -> Result<(), Problem> {
        if !self.trust.is_suspended(identity.tenant_id) {
            return Ok(());
        }
        Err(Problem::new(StatusCode::FORBIDDEN, "tenant_suspended", "The tenant is suspended")
            .detail("nothing can be changed while the tenant is suspended")
            .remedy("Reading goes on. Ask the operator of the platform why it was suspended."))
    }

    fn verify_signed(&self, token: &str, now: DateTime<Utc>) -> Result<Proven, AuthError> {
        if token.bytes().filter(|byte| *byte == b'.').count() != 2 {
            return Err(AuthError::Malformed);
        }
        let header = jsonwebtoken::decode_header(token).map_err(|_| AuthError::Malformed)?;
        let kid = acceptable_kid(&header).ok_or(AuthError::Header)?;
        let Some(key) = self.trust.key(kid) else {
            return Err(if self.trust.is_current() { AuthError::UnknownKey } else { AuthError::Unknowable });
        };
        let claims =
            jsonwebtoken::decode::<Claims>(token, &key, &self.validation).map_err(|error| refusal(&error))?.claims;
        let issued_at = issued_at(&claims).ok_or(AuthError::Invalid)?;
        let issued = claims.as_of.map_or(Issued::At(issued_at), Issued::AsOf);
        Ok(Proven { identity: Arc::new(identity(claims, now)?), kid: kid.into(), issued })
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
        sid: claims.sid,
        roles: claims.roles.into_iter().map(String::into_boxed_str).collect(),
        scopes: claims.scopes,
        expires_at: DateTime::from_timestamp(claims.exp, 0).ok_or(AuthError::Invalid)?,
        token_id: claims.jti.into(),
    };
    if ended(&identity, now) { Err(AuthError::Expired) } else { Ok(identity) }
}

/// To the millisecond where the `jti` says it, else to the second.
fn issued_at(claims: &Claims) -> Option<DateTime<Utc>> {
    let of_id =
        Uuid::try_parse(&claims.jti).ok().filter(|id| id.get_version_num() == 7).and_then(|id| id.get_timestamp());
    let seconds = DateTime::from_timestamp(claims.iat, 0)?;
    let Some((id_seconds, nanos)) = of_id.map(|timestamp| timestamp.to_unix()) else { return Some(seconds) };
    let precise = DateTime::from_timestamp(i64::try_from(id_seconds).ok()?, nanos)?;
    // The id only makes the time of issue more precise, it does not change it.
    Some(if precise.timestamp() == claims.iat { precise } else { seconds })
}

fn sha256(token: &str) -> [u8; 32] {
    let mut hash = [0; 32];
    hash.copy_from_slice(digest::digest(&digest::SHA256, token.as_bytes()).as_ref());
    hash
}

fn ended(identity: &Identity, now: DateTime<Utc>) -> bool {
    identity.expires_at.timestamp() + LEEWAY_S <= now.timestamp()
}
