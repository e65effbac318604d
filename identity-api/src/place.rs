//! From where somebody comes, without keeping where that is: devices by the hash of their secret, networks by a keyed one.

use aws_lc_rs::{digest, hmac};
use platform::http::Network;

/// A device or a network, as a hash.
#[derive(Clone, PartialEq, Eq)]
pub struct Place(Vec<u8>);

impl Place {
    /// The device that holds this secret.
    pub fn device(secret: &str) -> Self {
        Self(digest::digest(&digest::SHA256, secret.as_bytes()).as_ref().to_vec())
    }

    /// The hash.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl std::fmt::Debug for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Place(‹redacted›)")
    }
}

/// Hashes places. There are few networks: without a key, trying all of them would undo the hash.
#[derive(Clone, Debug)]
pub struct Places(hmac::Key);

impl Places {
    /// By which label its key is derived from the root key.
    pub const LABEL: &'static str = "sillage sign-in places v1";

    /// Hashes under a key that was derived under [`Places::LABEL`].
    pub fn new(derived: &[u8; 32]) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, derived))
    }

    /// A network.
    pub fn network(&self, network: Network) -> Place {
        Place(self.bucket("network", &[network.to_string().as_bytes()]))
    }

    /// What something is counted for.
    pub fn bucket(&self, sort: &str, parts: &[&[u8]]) -> Vec<u8> {
        let mut context = hmac::Context::with_key(&self.0);
        for part in [sort.as_bytes()].iter().chain(parts) {
            context.update(&(part.len() as u64).to_be_bytes());
            context.update(part);
        }
        context.sign().as_ref().to_vec()
    }
}
