//! The public keys that may sign tokens, from a JWKS document (RFC 7517).

use jsonwebtoken::DecodingKey;
use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk, JwkSet, KeyAlgorithm, PublicKeyUse, ThumbprintHash};
use std::collections::HashMap;
use std::path::{Path, PathBuf};

/// Length of an Ed25519 public key.
const ED25519_BYTES: usize = 32;

/// Ed25519 public keys by key id. Several at once let keys rotate without a cut.
#[derive(Clone)]
pub struct KeySet(HashMap<String, DecodingKey>);

impl std::fmt::Debug for KeySet {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.ids()).finish()
    }
}

/// Why a key set was not accepted.
#[derive(Debug, thiserror::Error)]
pub enum KeySetError {
    /// The file could not be read.
    #[error("reading the key set {path}")]
    Reading {
        /// Which file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// It is not a JWKS document.
    #[error("parsing the key set")]
    Parsing(#[source] serde_json::Error),
    /// A key is not one that may sign tokens.
    #[error("key {index} of the key set: {reason}")]
    Unusable {
        /// Which key, from 0.
        index: usize,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// Nobody could ever sign in.
    #[error("the key set has no keys")]
    Empty,
}

impl KeySet {
    /// Reads a JWKS file.
    ///
    /// # Errors
    /// As [`KeySet::parse`], or the file cannot be read.
    pub fn load(path: &Path) -> Result<Self, KeySetError> {
        let text =
            std::fs::read_to_string(path).map_err(|source| KeySetError::Reading { path: path.to_owned(), source })?;
        Self::parse(&text)
    }

    /// Reads a JWKS document. Every key must be Ed25519 and carry its RFC 7638 thumbprint as `kid`.
    ///
    /// # Errors
    /// The document is not JWKS, is empty, or holds a key of another sort (also a private or symmetric
    /// one: whoever publishes such a key has a problem that must not pass silently).
    pub fn parse(jwks: &str) -> Result<Self, KeySetError> {
        super::signer::install_crypto();
        refuse_private_keys(jwks)?;
        let set: JwkSet = serde_json::from_str(jwks).map_err(KeySetError::Parsing)?;
        let mut keys = HashMap::with_capacity(set.keys.len());
        for (index, jwk) in set.keys.iter().enumerate() {
            let (kid, key) = usable(jwk).map_err(|reason| KeySetError::Unusable { index, reason })?;
            keys.insert(kid, key);
        }
        if keys.is_empty() { Err(KeySetError::Empty) } else { Ok(Self(keys)) }
    }

    /// No key at all: no token is accepted.
    pub fn none() -> Self {
        Self(HashMap::new())
    }

    /// These and those.
    pub fn and(mut self, others: &Self) -> Self {
        self.0.extend(others.0.iter().map(|(kid, key)| (kid.clone(), key.clone())));
        self
    }

    /// The ids of the keys.
    pub fn ids(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    pub(super) fn find(&self, kid: &str) -> Option<&DecodingKey> {
        self.0.get(kid)
    }
}

/// The typed reader drops members it does not know, also the private `d`.
fn refuse_private_keys(jwks: &str) -> Result<(), KeySetError> {
    let document: serde_json::Value = serde_json::from_str(jwks).map_err(KeySetError::Parsing)?;
    let keys = document["keys"].as_array().map_or(&[] as &[_], Vec::as_slice);
    match keys.iter().position(|key| key.get("d").is_some() || key.get("k").is_some()) {
        Some(index) => Err(KeySetError::Unusable { index, reason: "it holds a secret; publish public keys only" }),
        None => Ok(()),
    }
}

fn usable(jwk: &Jwk) -> Result<(String, DecodingKey), &'static str> {
    match &jwk.algorithm {
        AlgorithmParameters::OctetKeyPair(pair) if pair.curve == EllipticCurve::Ed25519 => {}
        _ => return Err("only Ed25519 keys (kty OKP, crv Ed25519) may sign tokens"),
    }
    if jwk.common.key_algorithm.is_some_and(|algorithm| algorithm != KeyAlgorithm::EdDSA) {
        return Err("its alg is not EdDSA");
    }
    if jwk.common.public_key_use.as_ref().is_some_and(|usage| *usage != PublicKeyUse::Signature) {
        return Err("its use is not sig");
    }
    let kid = jwk.common.key_id.clone().ok_or("it has no kid")?;
    if jwk.thumbprint(ThumbprintHash::SHA256).map_err(|_| "it has no thumbprint")? != kid {
        return Err("its kid is not its RFC 7638 thumbprint");
    }
    let key = DecodingKey::from_jwk(jwk).map_err(|_| "its x is not base64url")?;
    match key.try_get_as_bytes() {
        Ok(bytes) if bytes.len() == ED25519_BYTES => Ok((kid, key)),
        _ => Err("its x is not 32 bytes long"),
    }
}

#[cfg(test)]
mod tests {
    use super::super::Signer;
    use super::*;

    #[test]
    fn a_published_set_is_read_back() {
        let signer = Signer::generate().unwrap();
        let keys = KeySet::parse(&signer.jwks().to_string()).unwrap();
        assert!(keys.find(signer.key_id()).is_some() && keys.find("other").is_none());
    }

    #[test]
    fn a_set_with_a_foreign_key_is_refused_whole() {
        let good = Signer::generate().unwrap().jwks()["keys"][0].clone();
        let changed = |name: &str, value: serde_json::Value| {
            let mut key = good.clone();
            key[name] = value;
            serde_json::json!({ "keys": [good, key] }).to_string()
        };
        for (name, value) in [
            ("kid", "mine".into()),
            ("kid", serde_json::Value::Null),
            ("x", "AAAA".into()),
            ("x", "!".into()),
            ("crv", "P-256".into()),
            ("alg", "HS256".into()),
            ("use", "enc".into()),
            ("d", "AAAA".into()),
            ("kty", "oct".into()),
        ] {
            assert!(KeySet::parse(&changed(name, value.clone())).is_err(), "{name} {value}");
        }
        for text in ["", "{}", "[]", r#"{"keys":[]}"#, r#"{"keys":[{"kty":"oct","k":"AAAA","kid":"a"}]}"#] {
            assert!(KeySet::parse(text).is_err(), "{text}");
        }
    }
}
