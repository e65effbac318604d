//! AES-256-GCM, with what belongs to a ciphertext bound to it.

use super::VaultError;
use aws_lc_rs::aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey};
use aws_lc_rs::rand;
use kernel::{SubjectId, TenantId};

/// A key that encrypts.
#[derive(Debug)]
pub(super) struct Cipher(RandomizedNonceKey);

impl Cipher {
    pub(super) fn new(key: &[u8]) -> Result<Self, VaultError> {
        RandomizedNonceKey::new(&AES_256_GCM, key).map(Self).map_err(|_| VaultError::Cryptography)
    }

    /// Nonce, ciphertext, tag. Opens with the same `bound` only.
    pub(super) fn seal(&self, bound: &[u8], clear: &[u8]) -> Result<Vec<u8>, VaultError> {
        let mut sealed = Vec::with_capacity(NONCE_LEN + clear.len() + AES_256_GCM.tag_len());
        sealed.extend_from_slice(clear);
        let nonce = self.0.seal_in_place_append_tag(Aad::from(bound), &mut sealed);
        sealed.splice(0..0, *nonce.map_err(|_| VaultError::Cryptography)?.as_ref());
        Ok(sealed)
    }

    /// `None` where it was sealed by another key, for something else, or was damaged.
    pub(super) fn open(&self, bound: &[u8], sealed: &[u8]) -> Option<Vec<u8>> {
        let (nonce, ciphertext) = sealed.split_first_chunk::<NONCE_LEN>()?;
        let mut clear = ciphertext.to_vec();
        let length =
            self.0.open_in_place(Nonce::assume_unique_for_key(*nonce), Aad::from(bound), &mut clear).ok()?.len();
        clear.truncate(length);
        Some(clear)
    }
}

/// 32 new random bytes.
pub(super) fn fresh() -> Result<[u8; 32], VaultError> {
    let mut bytes = [0; 32];
    rand::fill(&mut bytes).map_err(|_| VaultError::Cryptography)?;
    Ok(bytes)
}

/// What each sort of ciphertext is bound to.
#[derive(Clone, Copy, Debug)]
pub(super) enum Bound {
    /// The installation's secret.
    Installation,
    /// A tenant's key of this version.
    TenantKey(TenantId, i32),
    /// The key of a subject, of the version, wrapped by the tenant's key of the second version.
    SubjectKey(TenantId, SubjectId, i32, i32),
    /// A text about a subject, under the key of this version.
    Text(TenantId, SubjectId, u32),
}

impl Bound {
    pub(super) fn bytes(self) -> Vec<u8> {
        let mut bytes = b"sillage v1 ".to_vec();
        match self {
            Self::Installation => bytes.extend_from_slice(b"installation"),
            Self::TenantKey(tenant_id, version) => {
                bytes.extend_from_slice(b"tenant key");
                bytes.extend_from_slice(tenant_id.0.as_bytes());
                bytes.extend_from_slice(&version.to_be_bytes());
            }
            Self::SubjectKey(tenant_id, subject_id, version, by) => {
                bytes.extend_from_slice(b"subject key");
                bytes.extend_from_slice(tenant_id.0.as_bytes());
                bytes.extend_from_slice(subject_id.0.as_bytes());
                bytes.extend_from_slice(&version.to_be_bytes());
                bytes.extend_from_slice(&by.to_be_bytes());
            }
            Self::Text(tenant_id, subject_id, version) => {
                bytes.extend_from_slice(b"text");
                bytes.extend_from_slice(tenant_id.0.as_bytes());
                bytes.extend_from_slice(subject_id.0.as_bytes());
                bytes.extend_from_slice(&version.to_be_bytes());
            }
        }
        bytes
    }
}
