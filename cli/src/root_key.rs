//! The one secret that everything else follows from: keys that seal, keys that sign links, keys that find addresses.

use crate::failure::Failure;
use crate::run_file::write_privately;
use aws_lc_rs::{hkdf, hmac, rand};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use identity_api::place::Places;
use identity_api::seal::Seal;
use kernel::BlindIndexer;
use platform::auth::LinkKey;
use platform::config::RootKeyArgs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use uuid::Uuid;

/// By which label the key of blind indexes is derived.
const BLIND_LABEL: &str = "sillage blind indexes v1";

/// 32 bytes that nobody else has. Whoever loses them loses what is sealed; whoever leaks them leaks it.
#[derive(Clone)]
pub struct RootKey([u8; 32]);

impl RootKey {
    /// Where the key of a data folder lies.
    pub fn path_in(folder: &Path) -> PathBuf {
        folder.join("root.key")
    }

    /// These bytes; for tests, which make some up.
    pub const fn of(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The key that is configured; else that of the folder, which is made where there is none.
    ///
    /// # Errors
    /// The configured key is not 32 bytes in base64, or a file cannot be read or written.
    pub fn open(configured: &RootKeyArgs, folder: &Path) -> Result<Self, Failure> {
        if let Some(text) = &configured.root_key {
            return Self::parse(text.expose(), "SILLAGE_ROOT_KEY");
        }
        if let Some(file) = &configured.root_key_file {
            return Self::read(file);
        }
        let path = Self::path_in(folder);
        if path.exists() {
            return Self::read(&path);
        }
        let mut bytes = [0; 32];
        rand::fill(&mut bytes).map_err(|_| Failure::failed("the system gives no randomness"))?;
        std::fs::create_dir_all(folder)
            .map_err(|error| Failure::failed(format!("{} cannot be made", folder.display())).because(error))?;
        write_privately(&path, format!("{}\n", STANDARD.encode(bytes)).as_bytes())?;
        Ok(Self(bytes))
    }

    fn read(path: &Path) -> Result<Self, Failure> {
        let text = std::fs::read_to_string(path).map_err(|error| {
            Failure::usage(format!("the root key {} cannot be read", path.display())).because(error)
        })?;
        Self::parse(&text, &path.display().to_string())
    }

    fn parse(text: &str, place: &str) -> Result<Self, Failure> {
        let bytes = STANDARD.decode(text.trim()).ok().and_then(|bytes| bytes.try_into().ok());
        bytes.map(Self).ok_or_else(|| {
            Failure::usage(format!("{place} is no root key"))
                .remedy("A root key is 32 random bytes in base64, as `openssl rand -base64 32` writes them.")
        })
    }

    /// A key of its own for each purpose (HKDF-SHA256).
    pub fn derive(&self, label: &str) -> [u8; 32] {
        struct Length;
        impl hkdf::KeyType for Length {
            fn len(&self) -> usize {
                32
            }
        }
        let mut derived = [0; 32];
        let pseudorandom = hkdf::Salt::new(hkdf::HKDF_SHA256, b"sillage").extract(&self.0);
        pseudorandom
            .expand(&[label.as_bytes()], Length)
            .and_then(|key| key.fill(&mut derived))
            .expect("32 bytes are fewer than HKDF can give");
        derived
    }

    /// What finds private texts again.
    pub fn blind_indexer(&self) -> BlindIndexer {
        let key = hmac::Key::new(hmac::HMAC_SHA256, &self.derive(BLIND_LABEL));
        BlindIndexer::new(move |scope, text| {
            let mut context = hmac::Context::with_key(&key);
            for part in [scope.as_bytes(), text.as_bytes()] {
                context.update(&(part.len() as u64).to_be_bytes());
                context.update(part);
            }
            let mut bytes = [0; 16];
            bytes.copy_from_slice(&context.sign().as_ref()[..16]);
            Uuid::new_v8(bytes)
        })
    }

    /// What the sign-in door works with.
    ///
    /// # Errors
    /// The system refuses a key.
    pub fn sign_in_keys(&self) -> Result<identity_api::Keys, Failure> {
        let seal = Seal::new(&self.derive(Seal::LABEL)).map_err(|error| Failure::failed("no seal").because(error))?;
        Ok(identity_api::Keys {
            links: LinkKey::new(&self.derive(LinkKey::LABEL)),
            places: Places::new(&self.derive(Places::LABEL)),
            seal: Arc::new(seal),
            blind: self.blind_indexer(),
        })
    }
}

impl std::fmt::Debug for RootKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("RootKey(‹redacted›)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn configured(key: Option<&str>, file: Option<PathBuf>) -> RootKeyArgs {
        RootKeyArgs { root_key: key.map(|key| key.parse().unwrap()), root_key_file: file }
    }

    #[test]
    fn a_folder_has_one_root_key_and_keeps_it_to_itself() {
        let folder = std::env::temp_dir().join(format!("sillage-root-{}", Uuid::new_v4()));
        let made = RootKey::open(&configured(None, None), &folder).unwrap();
        let found = RootKey::open(&configured(None, None), &folder).unwrap();
        assert_eq!(made.0, found.0);
        let file = RootKey::path_in(&folder);
        assert_eq!(RootKey::open(&configured(None, Some(file.clone())), Path::new("/nowhere")).unwrap().0, made.0);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        }
        assert!(!format!("{made:?}").contains(&STANDARD.encode(made.0)));
        std::fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn what_is_no_root_key_is_refused() {
        for text in ["", "short", "AAAA", &STANDARD.encode([1; 31]), &STANDARD.encode([1; 33])] {
            let refused = RootKey::open(&configured(Some(text), None), Path::new("/nowhere")).unwrap_err().to_string();
            assert!(refused.contains("openssl rand"), "{refused}");
        }
        assert!(RootKey::open(&configured(None, Some("/does/not/exist".into())), Path::new("/nowhere")).is_err());
    }

    #[test]
    fn each_purpose_has_a_key_of_its_own() {
        let root = RootKey::of([7; 32]);
        assert_eq!(root.derive("a"), RootKey::of([7; 32]).derive("a"));
        assert_ne!(root.derive("a"), root.derive("b"));
        assert_ne!(root.derive("a"), RootKey::of([8; 32]).derive("a"));
        let blind = root.blind_indexer();
        assert_eq!(blind.index("s", "ada"), root.blind_indexer().index("s", "ada"));
        assert_ne!(blind.index("s", "ada"), blind.index("t", "ada"));
        assert_ne!(blind.index("s", "ada"), RootKey::of([8; 32]).blind_indexer().index("s", "ada"));
    }
}
