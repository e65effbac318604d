//! The root key: given, or the data folder's own; and the keys that follow from what it opens.

use crate::arguments::Folder;
use crate::failure::Failure;
use event_store::{RootKey, RootKeys, Vault, VaultError};
use identity_api::place::Places;
use identity_api::seal::Seal;
use platform::auth::LinkKey;
use platform::config::RootKeyArgs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Where the root key of a data folder lies.
pub(crate) fn path_in(folder: &Path) -> PathBuf {
    folder.join("root.key")
}

/// Where the one before lies, while something may still be wrapped by it.
pub(crate) fn previous_in(folder: &Path) -> PathBuf {
    folder.join("root.previous.key")
}

/// The root key that was given, or the folder's.
///
/// # Errors
/// There is none, or it is none.
pub(crate) fn find(given: &RootKeyArgs, folder: &Folder) -> Result<RootKeys, Failure> {
    let folder = &folder.data_dir;
    let unusable = |error| Failure::usage("the root key cannot be used").because(error);
    let previous = given.previous_root_key_file.clone();
    if let Some(text) = &given.root_key {
        let previous = previous.as_deref().map(RootKey::load).transpose().map_err(unusable)?;
        return Ok(RootKeys::new(RootKey::parse(text.expose()).map_err(unusable)?, previous));
    }
    let current = given.root_key_file.clone().unwrap_or_else(|| path_in(folder));
    if given.root_key_file.is_none() && !current.exists() {
        return Err(Failure::usage("there is no root key, and personal data cannot be kept or shown without one").remedy(
            "Set SILLAGE_ROOT_KEY_FILE to the key of this installation; `openssl rand -base64 32` makes one for a new \
             installation. Keep a copy where the database's backups are not: without it they are worth nothing.",
        ));
    }
    RootKeys::of_files(current, previous.unwrap_or_else(|| previous_in(folder))).map_err(unusable)
}

/// The same for a folder that may be new: where no key is given and none is there, one is made.
///
/// # Errors
/// It cannot be read or written.
pub(crate) fn find_or_make(given: &RootKeyArgs, folder: &Folder) -> Result<RootKeys, Failure> {
    let path = path_in(&folder.data_dir);
    if given.root_key.is_none() && given.root_key_file.is_none() && !path.exists() {
        make(&path)?;
    }
    find(given, folder)
}

/// Makes a root key in a new file.
///
/// # Errors
/// The file is there, or cannot be written.
pub(crate) fn make(path: &Path) -> Result<RootKey, Failure> {
    let made = RootKey::generate().and_then(|key| {
        // Saved whole and then renamed: a crash half way must not leave a file that no next start can read.
        let unfinished = path.with_extension(format!("{}.unfinished", std::process::id()));
        let _ = std::fs::remove_file(&unfinished);
        key.save(&unfinished)?;
        std::fs::hard_link(&unfinished, path)
            .map_err(|source| event_store::vault::RootKeyError::File { path: path.to_owned(), source })?;
        let _ = std::fs::remove_file(&unfinished);
        Ok(key)
    });
    made.map_err(|error| Failure::failed("the root key cannot be kept").because(error))
}

/// What signs the links of mails.
///
/// # Errors
/// The system refuses a derivation.
pub(crate) fn link_key(vault: &Vault) -> Result<LinkKey, Failure> {
    Ok(LinkKey::new(&vault.derive(LinkKey::LABEL).map_err(underivable)?))
}

/// What the sign-in door works with.
///
/// # Errors
/// The system refuses a derivation.
pub(crate) fn sign_in_keys(vault: &Vault) -> Result<identity_api::Keys, Failure> {
    let derive = |label| vault.derive(label).map_err(underivable);
    let seal = Seal::new(&derive(Seal::LABEL)?).map_err(|error| Failure::failed("no seal").because(error))?;
    Ok(identity_api::Keys {
        links: link_key(vault)?,
        places: Places::new(&derive(Places::LABEL)?),
        seal: Arc::new(seal),
        blind: vault.blind_indexer(),
    })
}

fn underivable(error: VaultError) -> Failure {
    Failure::failed("a key cannot be derived").because(error)
}
