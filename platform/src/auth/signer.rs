//! Issues tokens: for the development tenant, for tests, and for the identity context.

use super::{Claims, TOKEN_TYPE};
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jsonwebtoken::jwk::{Jwk, PublicKeyUse, ThumbprintHash};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header};
use std::io::Write as _;
use std::path::{Path, PathBuf};

/// An Ed25519 key that signs access tokens.
pub struct Signer {
    key: EncodingKey,
    public: Jwk,
    key_id: String,
    pem: String,
}

/// Why there is no signer.
#[derive(Debug, thiserror::Error)]
pub enum SignerError {
    /// The system gave no randomness.
    #[error("generating an Ed25519 key")]
    Generating,
    /// The PEM is not an Ed25519 private key in PKCS#8.
    #[error("reading an Ed25519 key: expected PKCS#8 PEM, as `openssl genpkey -algorithm ed25519` writes it")]
    Parsing,
    /// The file could not be read or written.
    #[error("{operation} the signing key {path}")]
    File {
        /// `reading` or `writing`.
        operation: &'static str,
        /// Which file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The claims could not be signed.
    #[error("signing a token")]
    Signing(#[source] jsonwebtoken::errors::Error),
}

/// The process's choice for `jsonwebtoken`, said once: with two backends compiled in it would panic.
pub(super) fn install_crypto() {
    let _ = jsonwebtoken::crypto::aws_lc::DEFAULT_PROVIDER.install_default();
}

impl Signer {
    /// A new key.
    ///
    /// # Errors
    /// [`SignerError::Generating`].
    pub fn generate() -> Result<Self, SignerError> {
        let pair = Ed25519KeyPair::generate().map_err(|_| SignerError::Generating)?;
        let document = pair.to_pkcs8v1().map_err(|_| SignerError::Generating)?;
        Self::parse(&pem_of(document.as_ref()))
    }

    /// Reads a PKCS#8 PEM.
    ///
    /// # Errors
    /// [`SignerError::Parsing`].
    pub fn parse(pem: &str) -> Result<Self, SignerError> {
        install_crypto();
        let given = EncodingKey::from_ed_pem(pem.as_bytes()).map_err(|_| SignerError::Parsing)?;
        let pair = Ed25519KeyPair::from_pkcs8_maybe_unchecked(given.as_bytes()).map_err(|_| SignerError::Parsing)?;
        // Version 1 of PKCS#8, whatever was read: the form that every reader knows.
        let document = pair.to_pkcs8v1().map_err(|_| SignerError::Parsing)?;
        let public = DecodingKey::from_ed_der(pair.public_key().as_ref());
        let mut public = Jwk::from_decoding_key(&public, Some(Algorithm::EdDSA)).map_err(|_| SignerError::Parsing)?;
        let key_id = public.thumbprint(ThumbprintHash::SHA256).map_err(|_| SignerError::Parsing)?;
        public.common.key_id = Some(key_id.clone());
        public.common.public_key_use = Some(PublicKeyUse::Signature);
        Ok(Self { key: EncodingKey::from_ed_der(document.as_ref()), public, key_id, pem: pem_of(document.as_ref()) })
    }

    /// Reads a PEM file.
    ///
    /// # Errors
    /// [`SignerError::File`] or [`SignerError::Parsing`].
    pub fn load(path: &Path) -> Result<Self, SignerError> {
        let pem = std::fs::read_to_string(path).map_err(|source| file_error("reading", path, source))?;
        Self::parse(&pem)
    }

    /// Writes the private key to a new file that only its owner may read. An existing file stays as it is.
    ///
    /// # Errors
    /// [`SignerError::File`], also where the file exists.
    pub fn save(&self, path: &Path) -> Result<(), SignerError> {
        let mut options = std::fs::OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let written = options.open(path).and_then(|mut file| {
            file.write_all(self.pem.as_bytes())?;
            file.sync_all()
        });
        written.map_err(|source| file_error("writing", path, source))
    }

    /// The RFC 7638 thumbprint of the public key: the `kid` of every token.
    pub fn key_id(&self) -> &str {
        &self.key_id
    }

    /// The public key as a JWKS document, to publish at `/.well-known/jwks.json`.
    pub fn jwks(&self) -> serde_json::Value {
        serde_json::json!({ "keys": [self.public] })
    }

    /// A signed token with these claims.
    ///
    /// # Errors
    /// [`SignerError::Signing`].
    pub fn issue(&self, claims: &Claims) -> Result<String, SignerError> {
        let header = Header {
            typ: Some(TOKEN_TYPE.to_owned()),
            kid: Some(self.key_id.clone()),
            ..Header::new(Algorithm::EdDSA)
        };
        jsonwebtoken::encode(&header, claims, &self.key).map_err(SignerError::Signing)
    }

    /// The private key as PKCS#8 PEM: a secret, to be sealed before it is stored anywhere.
    pub fn to_private_pem(&self) -> &str {
        &self.pem
    }

    /// The 32 bytes of the public key.
    pub fn public_key(&self) -> Vec<u8> {
        let key = DecodingKey::from_jwk(&self.public).ok();
        key.and_then(|key| key.try_get_as_bytes().map(<[u8]>::to_vec).ok()).unwrap_or_default()
    }

    #[cfg(any(test, feature = "attacks"))]
    pub(super) fn sign_raw(&self, message: &str) -> String {
        jsonwebtoken::crypto::sign(message.as_bytes(), &self.key, Algorithm::EdDSA).unwrap()
    }
}

impl std::fmt::Debug for Signer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Signer").field("key_id", &self.key_id).finish_non_exhaustive()
    }
}

fn file_error(operation: &'static str, path: &Path, source: std::io::Error) -> SignerError {
    SignerError::File { operation, path: path.to_owned(), source }
}

/// PEM of a PKCS#8 document (RFC 7468): base64 in lines of 64.
fn pem_of(der: &[u8]) -> String {
    let encoded = STANDARD.encode(der);
    let lines: Vec<&str> =
        encoded.as_bytes().chunks(64).map(|line| std::str::from_utf8(line).unwrap_or_default()).collect();
    format!("-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n", lines.join("\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_saved_key_is_the_same_key_and_private() {
        let folder = std::env::temp_dir().join(format!("sillage-signer-{}", uuid::Uuid::new_v4()));
        std::fs::create_dir(&folder).unwrap();
        let path = folder.join("signing.pem");
        let signer = Signer::generate().unwrap();
        signer.save(&path).unwrap();
        assert_eq!(Signer::load(&path).unwrap().jwks(), signer.jwks());
        assert!(signer.save(&path).is_err(), "an existing key is never overwritten");
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        }
        std::fs::remove_dir_all(&folder).unwrap();
        assert!(Signer::load(&path).is_err() && Signer::parse("nonsense").is_err());
        assert!(!format!("{signer:?}").contains("PRIVATE"));
    }

    #[test]
    fn the_key_that_openssl_writes_is_read() {
        // The example key of RFC 8410, section 10.3.
        let pem = "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC\n-----END PRIVATE KEY-----\n";
        let signer = Signer::parse(pem).unwrap();
        assert_eq!(signer.jwks()["keys"][0]["x"], "Gb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE");
        assert_eq!(signer.pem, pem);
    }
}
