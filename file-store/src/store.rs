//! The store: an S3-compatible service, or a folder.

use crate::gate;
use crate::key::{Key, Part};
use crate::presign::upload_address;
use crate::signature::SigningKey;
use axum::http::Method;
use bytes::Bytes;
use chrono::{DateTime, Utc};
use futures_util::TryStreamExt as _;
use object_store::aws::{AmazonS3, AmazonS3Builder};
use object_store::local::LocalFileSystem;
use object_store::path::Path as ObjectPath;
use object_store::signer::{SignedUrlOptions, Signer as _};
use object_store::{ClientOptions, ObjectStore, ObjectStoreExt as _, RetryConfig};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use uuid::Uuid;

/// How long one request to the service may take, and all tries of it together.
const REQUEST: Duration = Duration::from_secs(30);
const CONNECT: Duration = Duration::from_secs(5);
const TRIES: usize = 2;
/// Bytes come without a type: what they are is found out here, not claimed.
pub(crate) const UPLOAD_TYPE: &str = "application/octet-stream";

/// Where an S3-compatible service is, and who we are there.
#[derive(Clone)]
pub struct S3Settings {
    /// Like `https://s3.example.com`; the region's own of AWS where absent.
    pub endpoint: Option<String>,
    /// The bucket; it must exist, and be open to nobody.
    pub bucket: String,
    /// Like `eu-west-3`.
    pub region: String,
    /// Who we are.
    pub access_key_id: String,
    /// Proves it.
    pub secret_access_key: String,
    /// Whether the bucket is in the path instead of the host's name.
    pub path_style: bool,
}

/// Where files are kept. Cheap to clone.
#[derive(Clone)]
pub struct Store {
    objects: Arc<dyn ObjectStore>,
    way: Way,
}

/// How outsiders get at it.
#[derive(Clone)]
enum Way {
    /// Through our own gate, by addresses signed here.
    Gate { key: SigningKey, base: Arc<str> },
    /// At the service itself.
    Service { service: Arc<AmazonS3>, region: Arc<str> },
}

/// A request that somebody may send without a token, for a while.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    /// `PUT` or `GET`.
    pub method: &'static str,
    /// Where to. A path alone is to be taken at the API that answered.
    pub url: String,
    /// Header fields to be sent exactly so.
    pub headers: Vec<(&'static str, String)>,
    /// Until when it may be sent.
    pub until: DateTime<Utc>,
}

/// As what bytes are delivered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Delivery<'a> {
    /// Their media type.
    pub media_type: &'a str,
    /// What a downloaded file ends in. What people call it stays out of addresses, which proxies and services log.
    pub ending: &'a str,
}

impl Delivery<'_> {
    pub(crate) fn disposition(self) -> String {
        format!("attachment; filename=\"file.{}\"", self.ending)
    }
}

/// Why the store did not do it.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// It cannot be used as it is set up.
    #[error("opening the file store")]
    Open(#[source] Box<object_store::Error>),
    /// The service is at no address that can be signed.
    #[error("the address of the file store begins with neither http:// nor https://")]
    Address,
    /// The folder cannot be used.
    #[error("opening the folder of files")]
    Folder(#[from] std::io::Error),
    /// There are no such bytes.
    #[error("nothing is kept there")]
    Missing,
    /// There are more bytes than were asked for.
    #[error("more bytes are there than are taken")]
    TooLong,
    /// It does not answer, or says no.
    #[error("using the file store")]
    Unavailable(#[source] Box<object_store::Error>),
}

impl From<object_store::Error> for StoreError {
    fn from(error: object_store::Error) -> Self {
        if matches!(error, object_store::Error::NotFound { .. }) {
            Self::Missing
        } else {
            Self::Unavailable(Box::new(error))
        }
    }
}

impl Store {
    /// Files in a folder, which is made. Addresses begin with `base`: nothing where the gate is at the API that answers.
    ///
    /// # Errors
    /// The folder cannot be had.
    pub fn folder(folder: &Path, key: SigningKey, base: &str) -> Result<Self, StoreError> {
        std::fs::create_dir_all(folder)?;
        let objects = LocalFileSystem::new_with_prefix(folder).map_err(|error| StoreError::Open(Box::new(error)))?;
        // What is said to be kept is on the disk.
        let objects = Arc::new(objects.with_automatic_cleanup(true).with_fsync(true));
        Ok(Self { objects, way: Way::Gate { key, base: Arc::from(base.trim_end_matches('/')) } })
    }

    /// Files at a service. Nothing is sent yet.
    ///
    /// # Errors
    /// The settings do not fit together.
    pub fn service(settings: &S3Settings) -> Result<Self, StoreError> {
        let is_address = |endpoint: &String| endpoint.starts_with("http://") || endpoint.starts_with("https://");
        if !settings.endpoint.as_ref().is_none_or(is_address) {
            return Err(StoreError::Address);
        }
        let plain = settings.endpoint.as_ref().is_some_and(|endpoint| endpoint.starts_with("http://"));
        let client = ClientOptions::new().with_timeout(REQUEST).with_connect_timeout(CONNECT).with_allow_http(plain);
        let retry = RetryConfig { max_retries: TRIES, retry_timeout: REQUEST, ..RetryConfig::default() };
        let mut builder = AmazonS3Builder::new()
            .with_bucket_name(&settings.bucket)
            .with_region(&settings.region)
            .with_access_key_id(&settings.access_key_id)
            .with_secret_access_key(&settings.secret_access_key)
            .with_virtual_hosted_style_request(!settings.path_style)
            .with_client_options(client)
            .with_retry(retry);
        if let Some(endpoint) = &settings.endpoint {
            builder = builder.with_endpoint(endpoint.trim_end_matches('/'));
        }
        let service = Arc::new(builder.build().map_err(|error| StoreError::Open(Box::new(error)))?);
        let way = Way::Service { service: Arc::clone(&service), region: Arc::from(settings.region.as_str()) };
        Ok(Self { objects: service, way })
    }

    /// The gate that its addresses lead to; none where they lead to a service. Merge it into an API.
    pub fn gate(&self, most_bytes: usize) -> Option<axum::Router> {
        match &self.way {
            Way::Gate { key, .. } => Some(gate::router(self.clone(), key.clone(), most_bytes)),
            Way::Service { .. } => None,
        }
    }

    /// What permits somebody to put exactly `size` bytes there.
    ///
    /// # Errors
    /// It cannot be signed.
    pub async fn grant_upload(
        &self,
        key: Key,
        size: u64,
        now: DateTime<Utc>,
        until: DateTime<Utc>,
    ) -> Result<Grant, StoreError> {
        let headers = vec![("content-length", size.to_string()), ("content-type", UPLOAD_TYPE.to_owned())];
        let url = match &self.way {
            Way::Gate { key: signing, base } => format!("{base}{}", gate::upload_address(signing, key, size, until)),
            Way::Service { service, region } => upload_address(service, region, key, size, now, until).await?,
        };
        Ok(Grant { method: "PUT", url, headers, until })
    }

    /// What permits somebody to get these bytes, as a download that no browser shows in a page.
    ///
    /// # Errors
    /// It cannot be signed.
    pub async fn grant_download(
        &self,
        key: Key,
        delivery: Delivery<'_>,
        now: DateTime<Utc>,
        until: DateTime<Utc>,
    ) -> Result<Grant, StoreError> {
        let url = match &self.way {
            Way::Gate { key: signing, base } => {
                format!("{base}{}", gate::download_address(signing, key, delivery, until))
            }
            Way::Service { service, .. } => {
                let options = SignedUrlOptions::new().with_query([
                    ("response-content-disposition", delivery.disposition()),
                    ("response-content-type", delivery.media_type.to_owned()),
                    ("response-cache-control", "private, no-store".to_owned()),
                ]);
                let valid = (until - now).to_std().unwrap_or_default();
                service.signed_url_opts(Method::GET, &key.path(), valid, &options).await?.to_string()
            }
        };
        Ok(Grant { method: "GET", url, headers: Vec::new(), until })
    }

    /// Keeps bytes, in place of those that were there.
    ///
    /// # Errors
    /// The store does not take them.
    pub async fn put(&self, key: Key, bytes: Bytes) -> Result<(), StoreError> {
        self.objects.put(&key.path(), bytes.into()).await?;
        Ok(())
    }

    /// The bytes, `most` at most.
    ///
    /// # Errors
    /// [`StoreError::Missing`], [`StoreError::TooLong`], or the store does not answer.
    pub async fn get(&self, key: Key, most: u64) -> Result<Bytes, StoreError> {
        let found = self.objects.get(&key.path()).await?;
        if found.meta.size > most {
            return Err(StoreError::TooLong);
        }
        Ok(found.bytes().await?)
    }

    /// The bytes as they come, and how many.
    pub(crate) async fn stream(
        &self,
        key: Key,
    ) -> Result<(u64, impl futures_util::Stream<Item = Result<Bytes, object_store::Error>> + Send + 'static), StoreError>
    {
        let found = self.objects.get(&key.path()).await?;
        Ok((found.meta.size, found.into_stream()))
    }

    /// Takes bytes in as they come; nothing is there before [`object_store::MultipartUpload::complete`].
    pub(crate) async fn begin(&self, key: Key) -> Result<Box<dyn object_store::MultipartUpload>, StoreError> {
        Ok(self.objects.put_multipart(&key.path()).await?)
    }

    /// Deletes bytes. That there were none is no error.
    ///
    /// # Errors
    /// The store does not answer.
    pub async fn delete(&self, key: Key) -> Result<(), StoreError> {
        match self.objects.delete(&key.path()).await.map_err(StoreError::from) {
            Ok(()) | Err(StoreError::Missing) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Deletes every part of a file.
    ///
    /// # Errors
    /// The store does not answer. Do it again.
    pub async fn delete_all(&self, tenant_id: Uuid, object_id: Uuid) -> Result<(), StoreError> {
        for part in Part::ALL {
            self.delete(Key::new(tenant_id, object_id, part)).await?;
        }
        Ok(())
    }

    /// Where a tenant's bytes are, all of them.
    ///
    /// # Errors
    /// The store does not answer.
    pub async fn keys(&self, tenant_id: Uuid) -> Result<Vec<Key>, StoreError> {
        let prefix = ObjectPath::from(tenant_id.to_string());
        let found =
            self.objects.list(Some(&prefix)).try_filter_map(async |meta| Ok(Key::parse(meta.location.as_ref())));
        Ok(found.try_collect().await?)
    }

    /// Whether it answers.
    ///
    /// # Errors
    /// It does not, or does not let us in.
    pub async fn probe(&self) -> Result<(), StoreError> {
        let nowhere = Key::new(Uuid::nil(), Uuid::nil(), Part::Whole);
        match self.objects.head(&nowhere.path()).await.map_err(StoreError::from) {
            Ok(_) | Err(StoreError::Missing) => Ok(()),
            Err(error) => Err(error),
        }
    }
}

/// Settings hold a secret.
impl std::fmt::Debug for S3Settings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "S3Settings({:?}, {})", self.endpoint, self.bucket)
    }
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self.way {
            Way::Gate { .. } => "Store(folder)",
            Way::Service { .. } => "Store(service)",
        })
    }
}
