//! Keys at hand: those that seal the events of one append, and the texts that were opened for one answer.

use super::cipher::{Bound, Cipher};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use kernel::personal::SealError;
use kernel::{Sealed, Seals, Shows, SubjectId, TenantId};
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

/// A subject's key.
#[derive(Debug)]
pub(super) struct DataKey {
    pub(super) version: u32,
    pub(super) cipher: Cipher,
}

impl DataKey {
    pub(super) fn seal(&self, tenant_id: TenantId, subject_id: SubjectId, text: &str) -> Option<Sealed> {
        let bound = Bound::Text(tenant_id, subject_id, self.version).bytes();
        let ciphertext = self.cipher.seal(&bound, text.as_bytes()).ok()?;
        Sealed::new(subject_id, self.version, &URL_SAFE_NO_PAD.encode(ciphertext)).ok()
    }

    /// `None` where another key sealed it, for another tenant, or it was damaged.
    pub(super) fn open(&self, tenant_id: TenantId, sealed: &Sealed) -> Option<Arc<str>> {
        if sealed.key_version() != self.version {
            return None;
        }
        let ciphertext = URL_SAFE_NO_PAD.decode(sealed.ciphertext()).ok()?;
        let bound = Bound::Text(tenant_id, sealed.subject(), self.version).bytes();
        String::from_utf8(self.cipher.open(&bound, &ciphertext)?).ok().map(Into::into)
    }
}

/// The keys of some subjects of one tenant, to seal with. Made by [`super::Vault::ring`].
#[derive(Debug)]
pub struct KeyRing {
    pub(super) tenant_id: TenantId,
    pub(super) keys: BTreeMap<SubjectId, Arc<DataKey>>,
}

impl Seals for KeyRing {
    fn seal(&self, subject: SubjectId, text: &str) -> Result<Sealed, SealError> {
        let key = self.keys.get(&subject).ok_or(SealError::NoKey(subject))?;
        key.seal(self.tenant_id, subject, text).ok_or(SealError::Cipher(subject))
    }
}

/// Opened texts, to answer with. What is not among them is shown as erased.
#[derive(Default)]
pub struct Opened(pub(super) HashMap<Sealed, Arc<str>>);

impl Shows for Opened {
    fn show(&self, sealed: &Sealed) -> Option<Arc<str>> {
        self.0.get(sealed).cloned()
    }
}
