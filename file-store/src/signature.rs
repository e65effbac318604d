//! What makes an address of the folder's gate good: an HMAC over everything that it permits.

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use std::sync::Arc;

/// Signs addresses. The same in all processes of an installation.
#[derive(Clone, Debug)]
pub struct SigningKey(Arc<hmac::Key>);

impl SigningKey {
    /// What the key is derived for, from the installation's secret.
    pub const LABEL: &'static str = "file addresses v1";

    /// Of 32 secret bytes.
    pub fn new(secret: &[u8; 32]) -> Self {
        Self(Arc::new(hmac::Key::new(hmac::HMAC_SHA256, secret)))
    }

    fn message(parts: &[&str]) -> Vec<u8> {
        let mut message = Vec::new();
        for part in parts {
            message.extend_from_slice(&(part.len() as u64).to_be_bytes());
            message.extend_from_slice(part.as_bytes());
        }
        message
    }

    /// Over the parts, each with its length in front: no two lists of parts are one message.
    pub(crate) fn sign(&self, parts: &[&str]) -> String {
        URL_SAFE_NO_PAD.encode(hmac::sign(&self.0, &Self::message(parts)))
    }

    /// Whether `signature` is that of the parts, in a time that says nothing of where it differs.
    pub(crate) fn verifies(&self, parts: &[&str], signature: &str) -> bool {
        let Ok(signature) = URL_SAFE_NO_PAD.decode(signature) else { return false };
        hmac::verify(&self.0, &Self::message(parts), &signature).is_ok()
    }
}
