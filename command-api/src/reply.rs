//! What a command is answered: always the same few fields, rendered from the log's answer alone, so that a
//! repeat gets the same bytes.

use axum::body::Body;
use axum::http::header::{CONTENT_TYPE, ETAG, LOCATION};
use axum::http::{HeaderName, HeaderValue, Response, StatusCode};
use chrono::{DateTime, Utc};
use event_store::Answer;
use file_store::Grant;
use platform::headers::{EPOCH, POSITION};
use serde::Serialize;
use std::collections::BTreeMap;
use utoipa::ToSchema;
use uuid::Uuid;

const REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");

/// What a command did. A repeat with the same `Idempotency-Key` gets the same bytes.
#[derive(Serialize, ToSchema)]
pub(crate) struct CommandAnswer {
    /// The thing that the command made or changed.
    id: Uuid,
    /// Its version now; send it as `If-Match: "<version>"` to change exactly this version.
    version: i32,
    /// The consistency token: a query with `min_position` set to it shows this change.
    position: i64,
    /// The gap-free number that a thing got when it was made (`42` of `TKT-00042`); absent where it has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    number: Option<i64>,
    /// What the caller may do with the bytes of a file; only of commands that say so, and no longer than it is good. A repeat
    /// gets it signed anew.
    #[serde(skip_serializing_if = "Option::is_none")]
    grant: Option<GrantAnswer>,
    /// What signatures of a webhook are checked with, `whsec_…`; only where it is registered or gets another one. Shown to
    /// nobody again, but to a repeat of the very request.
    #[serde(skip_serializing_if = "Option::is_none")]
    secret: Option<String>,
}

/// A request to be sent as it is, without a token.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct GrantAnswer {
    /// `PUT`, with the bytes as the body, or `GET`.
    method: &'static str,
    /// Where to, relative to this API unless it has a host.
    url: String,
    /// Header fields to be sent exactly so.
    headers: BTreeMap<&'static str, String>,
    /// Until when it may be sent.
    until: DateTime<Utc>,
}

impl From<Grant> for GrantAnswer {
    fn from(Grant { method, url, headers, until }: Grant) -> Self {
        Self { method, url, headers: headers.into_iter().collect(), until }
    }
}

/// An accepted command.
#[derive(Clone)]
pub(crate) struct Reply {
    pub(crate) answer: Answer,
    /// Where the made thing can be read; `None` for commands on something that exists.
    pub(crate) collection: Option<&'static str>,
    /// What the caller may do besides.
    pub(crate) grant: Option<GrantAnswer>,
    /// What is shown once.
    pub(crate) secret: Option<String>,
}

impl Reply {
    pub(crate) fn body(&self) -> CommandAnswer {
        let answer = &self.answer;
        CommandAnswer {
            id: answer.stream_id,
            version: answer.version.0,
            position: answer.position.0,
            number: answer.number,
            grant: self.grant.clone(),
            secret: self.secret.clone(),
        }
    }

    pub(crate) fn status(&self) -> StatusCode {
        if self.collection.is_some() && self.answer.changed { StatusCode::CREATED } else { StatusCode::OK }
    }

    pub(crate) fn into_response(self) -> Response<Body> {
        let body = serde_json::to_vec(&self.body()).unwrap_or_default();
        let mut response = Response::new(Body::from(body));
        *response.status_mut() = self.status();
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(ETAG, platform::headers::etag(self.answer.version));
        headers.insert(POSITION, HeaderValue::from(self.answer.position.0));
        headers.insert(EPOCH, HeaderValue::from(self.answer.epoch.0));
        if let Some(collection) = self.collection
            && let Ok(location) = HeaderValue::from_str(&format!("{collection}/{}", self.answer.stream_id))
        {
            headers.insert(LOCATION, location);
        }
        if self.answer.repeated {
            headers.insert(REPLAYED, HeaderValue::from_static("true"));
        }
        response
    }
}
