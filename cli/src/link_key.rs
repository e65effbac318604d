//! The key of the links in mails, from the root key of the data folder.

use crate::failure::Failure;
use crate::run_file::write_privately;
use aws_lc_rs::{hkdf, rand};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use platform::auth::LinkKey;
use std::path::Path;

/// The key of the links, derived from the folder's root key, which is made where there is none.
///
/// # Errors
/// The file cannot be read or written, or is not 32 bytes in base64.
pub fn link_key(folder: &Path) -> Result<LinkKey, Failure> {
    let path = folder.join("root.key");
    let root = if path.exists() {
        let text = std::fs::read_to_string(&path).map_err(|error| {
            Failure::usage(format!("the root key {} cannot be read", path.display())).because(error)
        })?;
        let bytes = STANDARD.decode(text.trim()).ok().and_then(|bytes| <[u8; 32]>::try_from(bytes).ok());
        bytes.ok_or_else(|| {
            Failure::usage(format!("{} is no root key", path.display()))
                .remedy("A root key is 32 random bytes in base64, as `openssl rand -base64 32` writes them.")
        })?
    } else {
        let mut bytes = [0; 32];
        rand::fill(&mut bytes).map_err(|_| Failure::failed("the system gives no randomness"))?;
        std::fs::create_dir_all(folder)
            .map_err(|error| Failure::failed(format!("{} cannot be made", folder.display())).because(error))?;
        write_privately(&path, format!("{}\n", STANDARD.encode(bytes)).as_bytes())?;
        bytes
    };
    Ok(LinkKey::new(&derive(&root, LinkKey::LABEL)))
}

/// A key of its own for each purpose (HKDF-SHA256).
fn derive(root: &[u8; 32], label: &str) -> [u8; 32] {
    struct Length;
    impl hkdf::KeyType for Length {
        fn len(&self) -> usize {
            32
        }
    }
    let mut derived = [0; 32];
    let pseudorandom = hkdf::Salt::new(hkdf::HKDF_SHA256, b"sillage").extract(root);
    pseudorandom
        .expand(&[label.as_bytes()], Length)
        .and_then(|key| key.fill(&mut derived))
        .expect("32 bytes are fewer than HKDF can give");
    derived
}
