//! The gate to a folder of files: `PUT` and `GET` on signed addresses, as an S3-compatible service has them.
//!
//! Who holds an address may do what it says until it ends, and nothing else: method, place, length and type are all signed.

use crate::key::Key;
use crate::signature::SigningKey;
use crate::store::{Delivery, Store, StoreError};
use axum::Router;
use axum::body::Body;
use axum::extract::{Path, Query, State};
use axum::http::header::{
    CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_LENGTH, CONTENT_SECURITY_POLICY, CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{HeaderMap, HeaderValue, Response, StatusCode};
use axum::response::IntoResponse;
use axum::routing::get;
use chrono::{DateTime, Utc};
use futures_util::StreamExt as _;
use platform::Problem;
use platform::request_log::RequestLog;
use std::collections::HashMap;
use std::sync::Arc;

/// Where the addresses begin. Uploads there are longer and slower than other requests.
pub const PREFIX: &str = "/v1/objects/";
const PUT: &str = "PUT";
const GET: &str = "GET";
/// How much is handed to the folder at once.
const CHUNK: usize = 1024 * 1024;

pub(crate) fn upload_address(signing: &SigningKey, key: Key, size: u64, until: DateTime<Utc>) -> String {
    let (size, until) = (size.to_string(), until.timestamp().to_string());
    let signature = signing.sign(&[PUT, &key.to_string(), &size, &until]);
    format!("{PREFIX}{key}?size={size}&until={until}&signature={signature}")
}

pub(crate) fn download_address(signing: &SigningKey, key: Key, delivery: Delivery<'_>, until: DateTime<Utc>) -> String {
    let until = until.timestamp().to_string();
    let Delivery { media_type, ending } = delivery;
    let signature = signing.sign(&[GET, &key.to_string(), media_type, ending, &until]);
    let media_type = media_type.replace(' ', "%20").replace(';', "%3B").replace('+', "%2B");
    format!("{PREFIX}{key}?type={media_type}&ending={ending}&until={until}&signature={signature}")
}

struct Gate {
    store: Store,
    signing: SigningKey,
    most_bytes: usize,
}

pub(crate) fn router(store: Store, signing: SigningKey, most_bytes: usize) -> Router {
    let gate = Arc::new(Gate { store, signing, most_bytes });
    Router::new().route(&format!("{PREFIX}{{*key}}"), get(download).put(upload)).with_state(gate)
}

type Asked = Query<HashMap<String, String>>;

/// One of the address's parameters, each of which must be there.
fn part<'a>(query: &'a Asked, name: &str) -> Result<&'a str, Problem> {
    query.get(name).map(String::as_str).ok_or_else(refused)
}

fn refused() -> Problem {
    Problem::new(StatusCode::FORBIDDEN, "address_not_good", "The address is not good, or not any more")
        .detail("it was not issued here for this request, or its time is over")
        .remedy("Ask for another one where this one was given, and send exactly the request that is answered.")
}

fn in_time(until: &str) -> Result<(), Problem> {
    let until = until.parse().ok().and_then(|second| DateTime::from_timestamp(second, 0)).ok_or_else(refused)?;
    if Utc::now() < until { Ok(()) } else { Err(refused()) }
}

fn trouble(error: &StoreError) -> Problem {
    match error {
        StoreError::Missing => Problem::not_found(),
        StoreError::Open(_)
        | StoreError::Address
        | StoreError::Folder(_)
        | StoreError::TooLong
        | StoreError::Unavailable(_) => Problem::unavailable("The file store is not available now", 2).because(error),
    }
}

async fn upload(
    State(gate): State<Arc<Gate>>,
    log: RequestLog,
    Path(key): Path<String>,
    query: Asked,
    headers: HeaderMap,
    body: Body,
) -> Response<Body> {
    log.operation("files.upload");
    take(&gate, &key, &query, &headers, body).await.map_or_else(Problem::into_response, IntoResponse::into_response)
}

async fn take(gate: &Gate, key: &str, query: &Asked, headers: &HeaderMap, body: Body) -> Result<StatusCode, Problem> {
    let (size, until) = (part(query, "size")?, part(query, "until")?);
    let good = gate.signing.verifies(&[PUT, key, size, until], part(query, "signature")?);
    let key = Key::parse(key).filter(|_| good).ok_or_else(refused)?;
    in_time(until)?;
    let size: usize = size.parse().map_err(|_| refused())?;
    let announced = headers.get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse::<usize>().ok());
    if size > gate.most_bytes || announced != Some(size) {
        return Err(wrong_length(size));
    }
    let mut taking = gate.store.begin(key).await.map_err(|error| trouble(&error))?;
    let outcome = pour(&mut *taking, size, body).await;
    if outcome.is_err()
        && let Err(error) = taking.abort().await
    {
        tracing::warn!(error = %error, "an upload that broke off could not be put away");
    }
    outcome.map(|()| StatusCode::OK)
}

/// Everything that comes, which must be exactly `size` bytes; then it is there.
async fn pour(taking: &mut dyn object_store::MultipartUpload, size: usize, body: Body) -> Result<(), Problem> {
    let written = |error: object_store::Error| trouble(&StoreError::from(error));
    let (mut left, mut chunk) = (size, Vec::with_capacity(CHUNK.min(size)));
    let mut coming = body.into_data_stream();
    while let Some(bytes) = coming.next().await {
        let bytes = bytes.map_err(|_| {
            Problem::new(StatusCode::BAD_REQUEST, "body_incomplete", "The body did not arrive whole")
                .remedy("Send the request again.")
        })?;
        left = left.checked_sub(bytes.len()).ok_or_else(|| wrong_length(size))?;
        chunk.extend_from_slice(&bytes);
        if chunk.len() >= CHUNK {
            taking.put_part(std::mem::take(&mut chunk).into()).await.map_err(written)?;
        }
    }
    if left > 0 {
        return Err(wrong_length(size));
    }
    taking.put_part(chunk.into()).await.map_err(written)?;
    taking.complete().await.map_err(written)?;
    Ok(())
}

fn wrong_length(size: usize) -> Problem {
    Problem::new(StatusCode::FORBIDDEN, "address_not_good", "The body has another length than was announced")
        .detail(format!("the address is for {size} bytes"))
        .remedy("Ask for an address for the length that the file has.")
}

async fn download(
    State(gate): State<Arc<Gate>>,
    log: RequestLog,
    Path(key): Path<String>,
    query: Asked,
) -> Response<Body> {
    log.operation("files.download");
    give(&gate, &key, &query).await.unwrap_or_else(Problem::into_response)
}

async fn give(gate: &Gate, key: &str, query: &Asked) -> Result<Response<Body>, Problem> {
    let (media_type, ending, until) = (part(query, "type")?, part(query, "ending")?, part(query, "until")?);
    let good = gate.signing.verifies(&[GET, key, media_type, ending, until], part(query, "signature")?);
    let key = Key::parse(key).filter(|_| good).ok_or_else(refused)?;
    in_time(until)?;
    let (size, bytes) = gate.store.stream(key).await.map_err(|error| trouble(&error))?;
    let mut response = Response::new(Body::from_stream(bytes));
    let headers = response.headers_mut();
    let text = |text: &str| HeaderValue::from_str(text).map_err(|_| refused());
    headers.insert(CONTENT_TYPE, text(media_type)?);
    headers.insert(CONTENT_DISPOSITION, text(&Delivery { media_type, ending }.disposition())?);
    headers.insert(CONTENT_LENGTH, HeaderValue::from(size));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static("default-src 'none'; sandbox"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("private, no-store"));
    Ok(response)
}
