//! Where the bytes of files are kept, from the settings: at an S3-compatible service, or in a folder.

use crate::failure::Failure;
use event_store::Vault;
use file_store::{S3Settings, SigningKey, Store};
use platform::config::FilesArgs;
use std::path::{Path, PathBuf};

/// The folder in the data folder where nothing else is set.
const FOLDER: &str = "files";
const REMEDY: &str = "See SILLAGE_FILES_DIR and SILLAGE_S3_BUCKET; `sillage config check` prints every setting.";

/// Where files are kept.
#[derive(Clone, Debug)]
pub enum FileSettings {
    /// In a folder; addresses begin with `url`, or are paths alone.
    Folder {
        /// Which; made where it is missing.
        folder: PathBuf,
        /// Where callers reach the command API.
        url: String,
    },
    /// At a service.
    Service(S3Settings),
}

impl FileSettings {
    /// As configured; in a folder of `data_dir` unless something else is.
    ///
    /// # Errors
    /// A setting is wrong, or the file with the key cannot be read.
    pub fn of(arguments: &FilesArgs, data_dir: &Path) -> Result<Self, Failure> {
        let Some(bucket) = arguments.s3_bucket.clone() else {
            let folder = arguments.files_dir.clone().unwrap_or_else(|| data_dir.join(FOLDER));
            return Ok(Self::Folder { folder, url: arguments.files_url.clone().unwrap_or_default() });
        };
        let secret = match (&arguments.s3_secret_access_key, &arguments.s3_secret_access_key_file) {
            (Some(secret), _) => secret.expose().to_owned(),
            (None, Some(file)) => std::fs::read_to_string(file)
                .map_err(|error| Failure::usage("SILLAGE_S3_SECRET_ACCESS_KEY_FILE cannot be read").because(error))?,
            (None, None) => return Err(Failure::usage("SILLAGE_S3_SECRET_ACCESS_KEY_FILE is missing").remedy(REMEDY)),
        };
        Ok(Self::Service(S3Settings {
            endpoint: arguments.s3_endpoint.clone(),
            bucket,
            region: arguments.s3_region.clone(),
            access_key_id: arguments.s3_access_key_id.clone().unwrap_or_default(),
            secret_access_key: secret.trim().to_owned(),
            path_style: !arguments.s3_virtual_hosted,
        }))
    }

    /// The store; `vault` has what signs addresses of a folder.
    ///
    /// # Errors
    /// The folder cannot be had, or the settings do not fit together.
    pub fn open(&self, vault: &Vault) -> Result<Store, Failure> {
        let opened = match self {
            Self::Folder { folder, url } => {
                let key = vault
                    .derive(SigningKey::LABEL)
                    .map_err(|error| Failure::failed("a key cannot be derived").because(error))?;
                Store::folder(folder, SigningKey::new(&key), url)
            }
            Self::Service(settings) => Store::service(settings),
        };
        opened.map_err(|error| Failure::usage("the file store cannot be opened").because(error).remedy(REMEDY))
    }
}

/// What is wrong with the settings, the file with the key included.
pub(crate) fn findings(arguments: &FilesArgs) -> Vec<String> {
    let mut findings = arguments.check();
    if findings.is_empty() {
        let checked = FileSettings::of(arguments, Path::new("."));
        let checked = checked.and_then(|settings| match settings {
            FileSettings::Service(settings) => Store::service(&settings).map(drop).map_err(|error| {
                Failure::usage("SILLAGE_S3_ENDPOINT and SILLAGE_S3_BUCKET cannot be used").because(error)
            }),
            FileSettings::Folder { folder, .. } if folder.exists() && !folder.is_dir() => {
                Err(Failure::usage(format!("SILLAGE_FILES_DIR: {} is no folder", folder.display())))
            }
            FileSettings::Folder { .. } => Ok(()),
        });
        findings.extend(checked.err().map(|failure| failure.to_string()));
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Parser)]
    struct Settings {
        #[command(flatten)]
        files: FilesArgs,
    }

    fn given(flags: &[&str]) -> FilesArgs {
        Settings::try_parse_from(std::iter::once(&"sillage").chain(flags)).unwrap().files
    }

    #[test]
    fn each_mistake_is_a_finding_and_no_secret_is_shown() {
        let whole = [
            "--s3-bucket",
            "sillage-files",
            "--s3-endpoint",
            "https://s3.example.com",
            "--s3-access-key-id",
            "me",
            "--s3-secret-access-key",
            "hunter2",
        ];
        assert_eq!(findings(&given(&[])), Vec::<String>::new());
        assert_eq!(findings(&given(&whole)), Vec::<String>::new());
        for wrong in [
            &["--s3-bucket", "sillage-files"] as &[_],
            &["--s3-bucket", "S", "--s3-access-key-id", "me", "--s3-secret-access-key", "hunter2"],
            &["--s3-bucket", "abc", "--s3-access-key-id", "me", "--s3-secret-access-key-file", "/does/not/exist"],
            &["--files-dir", "/dev/null"],
            &["--files-url", "here"],
        ] {
            let found = findings(&given(wrong));
            assert_eq!(found.len(), 1, "{wrong:?}: {found:?}");
            assert!(!found[0].contains("hunter2"), "{found:?}");
        }
        let settings = FileSettings::of(&given(&whole), Path::new(".")).unwrap();
        assert!(!format!("{settings:?} {:?}", given(&whole)).contains("hunter2"));
    }
}
