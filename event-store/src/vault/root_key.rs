//! The root key: 32 bytes that are nowhere in the database and open everything in it.

use aws_lc_rs::{hkdf, rand};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use std::fmt;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

/// What every derivation is salted with.
const SALT: &[u8] = b"sillage root key v1";

/// Why there is no root key.
#[derive(Debug, thiserror::Error)]
pub enum RootKeyError {
    /// It is not one.
    #[error("a root key is 32 bytes in base64, as `openssl rand -base64 32` prints them")]
    Malformed,
    /// The file cannot be read or written.
    #[error("the root key in {path}")]
    File {
        /// Which file.
        path: PathBuf,
        /// What the system says.
        #[source]
        source: std::io::Error,
    },
    /// The system gives no random bytes, or refuses a derivation.
    #[error("the system's cryptography does not work")]
    Cryptography,
}

/// 32 secret bytes. `Debug` shows none of them.
#[derive(Clone, PartialEq, Eq)]
pub struct RootKey([u8; 32]);

impl RootKey {
    /// A new one.
    ///
    /// # Errors
    /// The system gives no random bytes.
    pub fn generate() -> Result<Self, RootKeyError> {
        let mut bytes = [0; 32];
        rand::fill(&mut bytes).map_err(|_| RootKeyError::Cryptography)?;
        Ok(Self(bytes))
    }

    /// Reads base64, with or without white space around it.
    ///
    /// # Errors
    /// It is not 32 bytes.
    pub fn parse(text: &str) -> Result<Self, RootKeyError> {
        let bytes = STANDARD.decode(text.trim()).map_err(|_| RootKeyError::Malformed)?;
        bytes.try_into().map(Self).map_err(|_| RootKeyError::Malformed)
    }

    /// Reads a file that holds it in base64.
    ///
    /// # Errors
    /// The file cannot be read, or holds something else.
    pub fn load(path: &Path) -> Result<Self, RootKeyError> {
        let text =
            std::fs::read_to_string(path).map_err(|source| RootKeyError::File { path: path.to_owned(), source })?;
        Self::parse(&text)
    }

    /// Writes it to a new file that only its owner can read.
    ///
    /// # Errors
    /// The file is there already, or cannot be written.
    pub fn save(&self, path: &Path) -> Result<(), RootKeyError> {
        let mut options = std::fs::OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let written = options.open(path).and_then(|mut file| {
            file.write_all(format!("{}\n", STANDARD.encode(self.0)).as_bytes())?;
            file.sync_all()
        });
        written.map_err(|source| RootKeyError::File { path: path.to_owned(), source })
    }

    /// Tells root keys apart without telling anything of them: 16 hexadecimal digits.
    ///
    /// # Errors
    /// The system refuses the derivation.
    pub fn id(&self) -> Result<String, RootKeyError> {
        let derived = derive(&self.0, "id")?;
        let (id, _) = derived.split_first_chunk::<8>().ok_or(RootKeyError::Cryptography)?;
        Ok(format!("{:016x}", u64::from_be_bytes(*id)))
    }

    /// What it wraps with.
    pub(super) fn wrapping(&self) -> Result<[u8; 32], RootKeyError> {
        derive(&self.0, "wrapping")
    }
}

impl fmt::Debug for RootKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RootKey(‹redacted›)")
    }
}

/// A key for one purpose (HKDF-SHA256). Another label gives an unrelated key.
pub(super) fn derive(secret: &[u8; 32], label: &str) -> Result<[u8; 32], RootKeyError> {
    struct Length;
    impl hkdf::KeyType for Length {
        fn len(&self) -> usize {
            32
        }
    }
    let mut derived = [0; 32];
    hkdf::Salt::new(hkdf::HKDF_SHA256, SALT)
        .extract(secret)
        .expand(&[label.as_bytes()], Length)
        .and_then(|material| material.fill(&mut derived))
        .map_err(|_| RootKeyError::Cryptography)?;
    Ok(derived)
}

/// The root key in use, and the one before it for as long as something is still wrapped by that. Cheap to clone.
#[derive(Clone, Debug)]
pub struct RootKeys {
    held: Arc<RwLock<Held>>,
    files: Option<(PathBuf, PathBuf)>,
}

#[derive(Debug)]
struct Held {
    current: RootKey,
    previous: Option<RootKey>,
}

impl RootKeys {
    /// These keys and no others.
    pub fn new(current: RootKey, previous: Option<RootKey>) -> Self {
        Self { held: Arc::new(RwLock::new(Held { current, previous })), files: None }
    }

    /// The keys of two files, read again when something is met that neither wraps; the second need not exist.
    ///
    /// # Errors
    /// The first cannot be read, or one of them is no root key.
    pub fn of_files(current: PathBuf, previous: PathBuf) -> Result<Self, RootKeyError> {
        let held = Held::load(&current, &previous)?;
        Ok(Self { held: Arc::new(RwLock::new(held)), files: Some((current, previous)) })
    }

    /// The key that wraps from now on.
    pub fn current(&self) -> RootKey {
        self.held.read().unwrap_or_else(PoisonError::into_inner).current.clone()
    }

    /// The key with this id, if it is one of them.
    pub(super) fn find(&self, id: &str) -> Option<RootKey> {
        let found = || {
            let held = self.held.read().unwrap_or_else(PoisonError::into_inner);
            let with_id = |key: &&RootKey| key.id().is_ok_and(|known| known == id);
            std::iter::once(&held.current).chain(&held.previous).find(with_id).cloned()
        };
        found().or_else(|| {
            let (current, previous) = self.files.as_ref()?;
            let held = Held::load(current, previous).ok()?;
            *self.held.write().unwrap_or_else(PoisonError::into_inner) = held;
            found()
        })
    }
}

impl Held {
    fn load(current: &Path, previous: &Path) -> Result<Self, RootKeyError> {
        let previous = if previous.exists() { Some(RootKey::load(previous)?) } else { None };
        Ok(Self { current: RootKey::load(current)?, previous })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_root_key_comes_back_from_its_file_and_shows_nothing_of_itself() {
        let key = RootKey::generate().unwrap();
        let path = std::env::temp_dir().join(format!("sillage-root-{}", uuid::Uuid::now_v7()));
        key.save(&path).unwrap();
        assert!(RootKey::generate().unwrap().save(&path).is_err(), "a key is never written over");
        assert_eq!(RootKey::load(&path).unwrap(), key);
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(!format!("{key:?}").contains(text.trim()) && !text.contains(&key.id().unwrap()));
        std::fs::remove_file(&path).unwrap();
        for wrong in ["", "AAAA", &"A".repeat(44), "é"] {
            assert!(RootKey::parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn purposes_have_unrelated_keys() {
        let key = RootKey([7; 32]);
        let keys = [derive(&key.0, "id"), derive(&key.0, "wrapping"), derive(&[8; 32], "id")].map(Result::unwrap);
        assert!(keys[0] != keys[1] && keys[0] != keys[2] && keys[1] != keys[2]);
        assert_eq!(derive(&key.0, "id").unwrap(), keys[0]);
    }
}
