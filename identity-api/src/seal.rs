//! Secrets at rest: AES-256-GCM under a key that is derived from the root key, bound to what they belong to.

use aws_lc_rs::aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey};

/// Seals and opens small secrets.
#[derive(Debug)]
pub struct Seal(RandomizedNonceKey);

/// A secret cannot be sealed or opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    /// The system refuses to encrypt.
    #[error("sealing a secret")]
    Sealing,
    /// It was sealed under another root key, for another owner, or was damaged.
    #[error("opening a sealed secret: it was sealed under another root key, or is damaged")]
    Opening,
}

impl Seal {
    /// By which label its key is derived from the root key. Another label makes everything that is sealed unreadable.
    pub const LABEL: &'static str = "sillage sign-in secrets v1";

    /// Seals under a key that was derived under [`Seal::LABEL`].
    ///
    /// # Errors
    /// The system refuses the key.
    pub fn new(derived: &[u8; 32]) -> Result<Self, SealError> {
        RandomizedNonceKey::new(&AES_256_GCM, derived).map(Self).map_err(|_| SealError::Sealing)
    }

    /// Seals `secret` for `owner`: it opens for the same owner only.
    ///
    /// # Errors
    /// [`SealError::Sealing`].
    pub fn seal(&self, owner: &[u8], secret: &[u8]) -> Result<Vec<u8>, SealError> {
        let mut sealed = secret.to_vec();
        let nonce = self.0.seal_in_place_append_tag(Aad::from(owner), &mut sealed).map_err(|_| SealError::Sealing)?;
        sealed.splice(0..0, *nonce.as_ref());
        Ok(sealed)
    }

    /// Opens what was sealed for `owner`.
    ///
    /// # Errors
    /// [`SealError::Opening`].
    pub fn open(&self, owner: &[u8], sealed: &[u8]) -> Result<Vec<u8>, SealError> {
        let (nonce, secret) = sealed.split_first_chunk::<NONCE_LEN>().ok_or(SealError::Opening)?;
        let mut secret = secret.to_vec();
        let opened = self
            .0
            .open_in_place(Nonce::assume_unique_for_key(*nonce), Aad::from(owner), &mut secret)
            .map_err(|_| SealError::Opening)?;
        Ok(opened.to_vec())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_opens_for_its_owner_under_its_key_only() {
        let seal = Seal::new(&[1; 32]).unwrap();
        let sealed = seal.seal(b"ada", b"secret").unwrap();
        assert_eq!(seal.open(b"ada", &sealed), Ok(b"secret".to_vec()));
        assert_eq!(seal.open(b"bob", &sealed), Err(SealError::Opening));
        assert_eq!(Seal::new(&[2; 32]).unwrap().open(b"ada", &sealed), Err(SealError::Opening));
        assert_ne!(seal.seal(b"ada", b"secret").unwrap(), sealed, "two sealings of one secret differ");
        for at in 0..sealed.len() {
            let mut damaged = sealed.clone();
            damaged[at] ^= 1;
            assert_eq!(seal.open(b"ada", &damaged), Err(SealError::Opening));
            assert_eq!(seal.open(b"ada", &sealed[..at]), Err(SealError::Opening));
        }
    }
}
