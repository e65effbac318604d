//! The local signing key: made once in the data folder, used for demo tokens and `sillage token issue`.

use crate::failure::Failure;
use platform::auth::{KeySet, Signer};
use std::path::{Path, PathBuf};

/// The key of a data folder. Whoever can read the folder can issue tokens that this installation accepts.
#[derive(Debug)]
pub struct LocalKey {
    signer: Signer,
    path: PathBuf,
}

impl LocalKey {
    /// Where the private key of a data folder lies.
    pub fn path_in(folder: &Path) -> PathBuf {
        folder.join("keys").join("signing.pem")
    }

    /// Reads the key, or makes one where there is none.
    ///
    /// # Errors
    /// The file cannot be read or written, or is no Ed25519 key.
    pub fn open_or_create(folder: &Path) -> Result<Self, Failure> {
        let path = Self::path_in(folder);
        if path.exists() {
            return Self::open(path);
        }
        let keys = folder.join("keys");
        std::fs::create_dir_all(&keys)
            .map_err(|error| Failure::failed(format!("{} cannot be made", keys.display())).because(error))?;
        let signer = Signer::generate().map_err(|error| Failure::failed("no signing key").because(error))?;
        // Saved whole and then renamed: a crash half way must not leave a file that no next start can read.
        let unfinished = keys.join(format!("signing.{}.unfinished", std::process::id()));
        let _ = std::fs::remove_file(&unfinished);
        let kept = signer.save(&unfinished).map_err(|error| error.to_string()).and_then(|()| {
            std::fs::rename(&unfinished, &path).map_err(|error| error.to_string())?;
            // The public half, for `SILLAGE_JWKS_FILE` of other processes.
            std::fs::write(keys.join("jwks.json"), format!("{:#}\n", signer.jwks())).map_err(|error| error.to_string())
        });
        kept.map_err(|cause| Failure::failed("the signing key cannot be kept").because(cause))?;
        Ok(Self { signer, path })
    }

    /// Reads a key that must be there.
    ///
    /// # Errors
    /// The file cannot be read or is no Ed25519 key.
    pub fn open(path: PathBuf) -> Result<Self, Failure> {
        let signer = Signer::load(&path).map_err(|error| {
            Failure::failed("the signing key cannot be read").because(error).remedy(
                "`sillage up` makes one in its data folder; `openssl genpkey -algorithm ed25519` makes one elsewhere.",
            )
        })?;
        Ok(Self { signer, path })
    }

    /// What signs.
    pub const fn signer(&self) -> &Signer {
        &self.signer
    }

    /// Where it lies.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The public half, for a verifier.
    ///
    /// # Errors
    /// Never, for a key that could be read.
    pub fn key_set(&self) -> Result<KeySet, Failure> {
        KeySet::parse(&self.signer.jwks().to_string())
            .map_err(|error| Failure::failed("the signing key has no usable public half").because(error))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_of_a_folder_is_made_once() {
        let folder = std::env::temp_dir().join(format!("sillage-keys-{}", uuid::Uuid::new_v4()));
        let made = LocalKey::open_or_create(&folder).unwrap();
        let found = LocalKey::open_or_create(&folder).unwrap();
        assert_eq!(made.signer().key_id(), found.signer().key_id());
        let published = KeySet::load(&folder.join("keys/jwks.json"));
        assert!(published.is_ok(), "{published:?}");
        std::fs::remove_dir_all(&folder).unwrap();
        assert!(LocalKey::open(LocalKey::path_in(&folder)).is_err());
    }
}
