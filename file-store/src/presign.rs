//! Addresses of an S3 service at which a file of one length, and no other, may be put.
//!
//! The client signs addresses too, but leaves `content-length` out of what it signs, whoever names it: with such an address
//! anybody could put as much there as the service takes.

use crate::key::Key;
use crate::store::{StoreError, UPLOAD_TYPE};
use axum::http::Method;
use chrono::{DateTime, Utc};
use jiff::Timestamp;
use object_store::aws::AmazonS3;
use object_store::signer::Signer as _;
use rusty_s3::signing::sign;
use std::iter;

/// Where `size` bytes may be put from `now` on `until` then, with these very header fields: `content-length`, `content-type`.
pub(crate) async fn upload_address(
    service: &AmazonS3,
    region: &str,
    key: Key,
    size: u64,
    now: DateTime<Utc>,
    until: DateTime<Utc>,
) -> Result<String, StoreError> {
    let valid = (until - now).to_std().unwrap_or_default();
    let credential = service.credentials().get_credential().await?;
    // The client knows where its files are, however its service is addressed; what it signed it with is replaced.
    let place = service.signed_url(Method::PUT, &key.path(), valid).await?;
    let signed_at = Timestamp::from_second(now.timestamp()).unwrap_or(Timestamp::UNIX_EPOCH);
    let size = size.to_string();
    // In the order of their names, as the signer wants them.
    let headers = [("content-length", size.as_str()), ("content-type", UPLOAD_TYPE)];
    let address = sign(
        &signed_at,
        rusty_s3::Method::Put,
        place,
        &credential.key_id,
        &credential.secret_key,
        credential.token.as_deref(),
        region,
        valid.as_secs(),
        iter::empty(),
        headers.into_iter(),
    );
    Ok(address.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::key::Part;
    use crate::store::{S3Settings, Store};
    use chrono::TimeDelta;
    use object_store::aws::AmazonS3Builder;
    use uuid::Uuid;

    const KEY: Key = Key::new(Uuid::from_u128(1), Uuid::from_u128(2), Part::Incoming);

    fn moment() -> DateTime<Utc> {
        "2026-11-21T22:00:00Z".parse().unwrap()
    }

    fn settings(endpoint: Option<&str>, path_style: bool) -> S3Settings {
        S3Settings {
            endpoint: endpoint.map(str::to_owned),
            bucket: "files".to_owned(),
            region: "eu-west-3".to_owned(),
            access_key_id: "id".to_owned(),
            secret_access_key: "secret".to_owned(),
            path_style,
        }
    }

    async fn put(settings: &S3Settings, size: u64) -> String {
        let (store, now) = (Store::service(settings).unwrap(), moment());
        let grant = store.grant_upload(KEY, size, now, now + TimeDelta::minutes(5)).await.unwrap();
        assert_eq!(grant.headers[0], ("content-length", size.to_string()), "what is signed is asked for");
        assert_eq!(grant.headers[1], ("content-type", UPLOAD_TYPE.to_owned()));
        grant.url
    }

    #[tokio::test]
    async fn an_address_is_where_the_settings_say_and_binds_length_and_type() {
        for (endpoint, path_style, place) in [
            (None, true, "https://s3.eu-west-3.amazonaws.com/files/"),
            (None, false, "https://files.s3.eu-west-3.amazonaws.com/"),
            (Some("http://127.0.0.1:8333/"), true, "http://127.0.0.1:8333/files/"),
            (Some("https://files.example.com"), false, "https://files.example.com/"),
        ] {
            let address = put(&settings(endpoint, path_style), 7).await;
            assert!(address.starts_with(&format!("{place}{KEY}?X-Amz-")), "{address}");
            for part in [
                "X-Amz-Credential=id%2F20261121%2Feu-west-3%2Fs3%2Faws4_request",
                "X-Amz-Date=20261121T220000Z",
                "X-Amz-Expires=300",
                "X-Amz-SignedHeaders=content-length%3Bcontent-type%3Bhost",
            ] {
                assert!(address.contains(part), "{part} is not in {address}");
            }
            assert_eq!(address.matches("X-Amz-Signature=").count(), 1, "{address}");
            assert!(!address.contains("X-Amz-Security-Token"), "{address}");
        }
    }

    #[tokio::test]
    async fn another_length_is_another_signature() {
        let settings = settings(None, true);
        let (seven, eight) = (put(&settings, 7).await, put(&settings, 8).await);
        let unsigned = |address: &str| address.split("X-Amz-Signature").next().map(str::to_owned);
        assert_eq!(unsigned(&seven), unsigned(&eight));
        assert_ne!(seven, eight);
        assert_eq!(seven, put(&settings, 7).await, "the same again is the same");
    }

    #[tokio::test]
    async fn the_token_of_passing_credentials_is_signed_too() {
        let service = AmazonS3Builder::new()
            .with_bucket_name("files")
            .with_region("eu-west-3")
            .with_access_key_id("id")
            .with_secret_access_key("secret")
            .with_token("a token+/=")
            .build()
            .unwrap();
        let (now, until) = (moment(), moment() + TimeDelta::minutes(5));
        let address = upload_address(&service, "eu-west-3", KEY, 7, now, until).await.unwrap();
        assert!(address.contains("X-Amz-Security-Token=a%20token%2B%2F%3D&"), "{address}");
    }

    #[test]
    fn what_cannot_be_signed_is_refused_at_the_start() {
        for endpoint in ["s3.example.com", "ftp://s3.example.com", ""] {
            let opened = Store::service(&settings(Some(endpoint), true));
            assert!(matches!(opened, Err(StoreError::Address)), "{endpoint}");
        }
    }
}
