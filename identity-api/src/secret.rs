//! Random secrets that people and programs carry: 256 bits with a prefix that says what they are.

use aws_lc_rs::{digest, hmac, rand};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// The system gave no randomness.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("the system gives no randomness")]
pub struct NoRandomness;

/// What a secret is for. The prefix lets people and scanners of repositories recognise it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sort {
    /// A refresh token.
    Refresh,
    /// A device that has signed in.
    Device,
    /// A key of a service.
    ApiKey,
}

impl Sort {
    /// What every secret of the sort begins with.
    pub const fn prefix(self) -> &'static str {
        match self {
            Self::Refresh => "slr_",
            Self::Device => "sld_",
            Self::ApiKey => "slk_",
        }
    }

    /// A new secret.
    ///
    /// # Errors
    /// [`NoRandomness`].
    pub fn generate(self) -> Result<String, NoRandomness> {
        Ok(self.of(&random::<32>()?))
    }

    /// The secret that consists of these bytes.
    pub fn of(self, bytes: &[u8; 32]) -> String {
        format!("{}{}", self.prefix(), URL_SAFE_NO_PAD.encode(bytes))
    }

    /// Whether a text can be a secret of this sort at all; spares the look-up.
    pub fn fits(self, text: &str) -> bool {
        let encoded = text.strip_prefix(self.prefix());
        encoded.is_some_and(|encoded| {
            encoded.len() == 43 && encoded.bytes().all(|c| c.is_ascii_alphanumeric() || c == b'-' || c == b'_')
        })
    }
}

/// Bytes that nobody can guess.
///
/// # Errors
/// [`NoRandomness`].
pub fn random<const N: usize>() -> Result<[u8; N], NoRandomness> {
    let mut bytes = [0; N];
    rand::fill(&mut bytes).map_err(|_| NoRandomness)?;
    Ok(bytes)
}

/// What is stored of a secret. It has 256 bits, so that a fast hash is enough: there is nothing to guess.
pub fn hash(secret: &str) -> Vec<u8> {
    digest::digest(&digest::SHA256, secret.as_bytes()).as_ref().to_vec()
}

/// The successor of a secret: follows from it and a salt, and from neither alone.
pub fn successor(sort: Sort, secret: &str, salt: &[u8]) -> String {
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes()), salt);
    let mut bytes = [0; 32];
    bytes.copy_from_slice(tag.as_ref());
    sort.of(&bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_says_what_it_is() {
        let secret = Sort::Refresh.generate().unwrap();
        assert!(secret.starts_with("slr_") && secret.len() == 47 && Sort::Refresh.fits(&secret));
        assert!(!Sort::ApiKey.fits(&secret) && !Sort::Refresh.fits(&secret[1..]) && !Sort::Refresh.fits("slr_"));
        assert_ne!(secret, Sort::Refresh.generate().unwrap());
    }

    #[test]
    fn a_successor_needs_both_halves() {
        let (secret, salt) = (Sort::Refresh.generate().unwrap(), random::<32>().unwrap());
        let next = successor(Sort::Refresh, &secret, &salt);
        assert!(Sort::Refresh.fits(&next) && next == successor(Sort::Refresh, &secret, &salt));
        assert_ne!(next, successor(Sort::Refresh, &secret, &random::<32>().unwrap()));
        assert_ne!(next, successor(Sort::Refresh, &Sort::Refresh.generate().unwrap(), &salt));
    }
}
