//! What a caller reads when something was refused or failed: RFC 9457 `application/problem+json`.

use axum::body::Body;
use axum::http::header::{CONTENT_TYPE, RETRY_AFTER};
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use kernel::{Rejection, RejectionKind};
use serde::Serialize;
use std::borrow::Cow;
use std::error::Error;
use std::fmt::Write as _;
use utoipa::ToSchema;

/// The media type of a problem.
pub const PROBLEM_JSON: HeaderValue = HeaderValue::from_static("application/problem+json");

/// A refusal or failure on its way to the caller. One pointer wide, so it is cheap as an error.
///
/// A 4xx says what is wrong and how to fix it. A 5xx shows `code`, `title` and the trace id, whatever
/// else was put in: the cause is for the log.
#[derive(Clone, Debug)]
pub struct Problem(Box<Content>);

#[derive(Clone, Debug)]
struct Content {
    status: StatusCode,
    document: ProblemDocument,
    headers: Vec<(HeaderName, HeaderValue)>,
    cause: Option<String>,
}

/// The body of every answer that is not a success (RFC 9457).
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = Problem)]
pub struct ProblemDocument {
    /// Where this kind of problem is described, relative to the API: `/problems/<code>`.
    #[serde(rename = "type")]
    #[schema(format = "uri-reference", example = "/problems/validation_failed")]
    pub kind: String,
    /// What it is, in a few words. The same for every problem with this code.
    pub title: Cow<'static, str>,
    /// The HTTP status.
    #[schema(minimum = 400, maximum = 599)]
    pub status: u16,
    /// What it is, for machines. A code never changes its meaning.
    #[schema(example = "validation_failed")]
    pub code: Cow<'static, str>,
    /// What is wrong in this request.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub detail: Option<String>,
    /// What the caller can do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub remedy: Option<Cow<'static, str>>,
    /// Which parts of the body are wrong.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    pub errors: Vec<FieldError>,
    /// The trace of this request, 32 hexadecimal digits: name it when you ask for help.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub trace_id: Option<String>,
    /// What this code adds: `current_version`, `limit_bytes`.
    #[serde(flatten)]
    #[schema(ignore)]
    pub extra: serde_json::Map<String, serde_json::Value>,
}

/// One wrong part of a body.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct FieldError {
    /// A JSON pointer (RFC 6901) into the request body; empty for the body itself.
    #[schema(example = "/priority")]
    pub pointer: String,
    /// What is wrong there.
    pub detail: String,
}

impl Problem {
    /// A problem with nothing but its name. `title` is the same for every problem with this `code`.
    pub fn new(status: StatusCode, code: impl Into<Cow<'static, str>>, title: impl Into<Cow<'static, str>>) -> Self {
        let code = code.into();
        let document = ProblemDocument {
            kind: format!("/problems/{code}"),
            title: title.into(),
            status: status.as_u16(),
            code,
            detail: None,
            remedy: None,
            errors: Vec::new(),
            trace_id: None,
            extra: serde_json::Map::new(),
        };
        Self(Box::new(Content { status, document, headers: Vec::new(), cause: None }))
    }

    /// The domain said no: 422, 404, 403 or 409 with the rejection's own code, text and remedy.
    pub fn rejected(rejection: &dyn Rejection) -> Self {
        let (status, title) = match rejection.kind() {
            RejectionKind::Invalid => (StatusCode::UNPROCESSABLE_ENTITY, "The request is not possible"),
            RejectionKind::NotFound => (StatusCode::NOT_FOUND, "Not found"),
            RejectionKind::Forbidden => (StatusCode::FORBIDDEN, "Not allowed"),
            RejectionKind::Conflict => (StatusCode::CONFLICT, "Not possible in the current state"),
        };
        Self::new(status, rejection.code(), title).detail(rejection.to_string()).remedy(rejection.remedy())
    }

    /// 500: the fault is ours. The cause goes to the log with its sources, never to the caller.
    pub fn internal(cause: &(dyn Error + 'static)) -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", "The server failed").because(cause)
    }

    /// 503: something we depend on does not answer; trying again in `retry_after_s` seconds may help.
    pub fn unavailable(title: impl Into<Cow<'static, str>>, retry_after_s: u32) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable", title).retry_after(retry_after_s)
    }

    /// 404: it is not there, or belongs to somebody else. The two read the same, byte for byte.
    pub fn not_found() -> Self {
        Self::new(StatusCode::NOT_FOUND, "not_found", "Not found")
            .remedy("Check the address and the id; what belongs to another tenant is not found either.")
    }

    /// The general problem of a status, for answers that came without a body.
    pub fn of_status(status: StatusCode) -> Self {
        if status == StatusCode::NOT_FOUND {
            return Self::not_found();
        }
        let title = status.canonical_reason().unwrap_or("Refused");
        let code = title.to_ascii_lowercase().replace([' ', '-'], "_").replace('\'', "");
        Self::new(status, code, title)
    }

    /// What is wrong in this request.
    pub fn detail(mut self, detail: impl Into<String>) -> Self {
        self.0.document.detail = Some(detail.into());
        self
    }

    /// What the caller can do about it.
    pub fn remedy(mut self, remedy: impl Into<Cow<'static, str>>) -> Self {
        self.0.document.remedy = Some(remedy.into());
        self
    }

    /// One more wrong part of the body; `pointer` is a JSON pointer.
    pub fn error(mut self, pointer: impl Into<String>, detail: impl Into<String>) -> Self {
        self.0.document.errors.push(FieldError { pointer: pointer.into(), detail: detail.into() });
        self
    }

    /// One more member that this code adds. A reserved name (`status`, `code`, …) is not overwritten.
    pub fn extra(mut self, name: &str, value: impl Into<serde_json::Value>) -> Self {
        const RESERVED: [&str; 8] = ["type", "title", "status", "code", "detail", "remedy", "errors", "trace_id"];
        if !RESERVED.contains(&name) {
            self.0.document.extra.insert(name.to_owned(), value.into());
        }
        self
    }

    /// One more response header.
    pub fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.0.headers.push((name, value));
        self
    }

    /// When trying again makes sense, as the `Retry-After` header and a member of the body.
    pub fn retry_after(self, seconds: u32) -> Self {
        self.header(RETRY_AFTER, seconds.into()).extra("retry_after_s", seconds)
    }

    /// The trace of the request. The server sets it on every problem; handlers need not.
    pub fn trace_id(mut self, trace_id: u128) -> Self {
        self.0.document.trace_id = Some(format!("{trace_id:032x}"));
        self
    }

    /// The cause with all its sources, for the request's log line only.
    pub fn because(mut self, cause: &(dyn Error + 'static)) -> Self {
        let mut text = cause.to_string();
        let mut source = cause.source();
        while let Some(error) = source {
            let _ = write!(text, ": {error}");
            source = error.source();
        }
        self.0.cause = Some(text);
        self
    }

    /// The HTTP status.
    pub fn status(&self) -> StatusCode {
        self.0.status
    }

    /// The stable code.
    pub fn code(&self) -> &str {
        &self.0.document.code
    }

    /// What the log says and the caller does not see.
    pub fn cause(&self) -> Option<&str> {
        self.0.cause.as_deref()
    }

    /// The body as the caller would see it, were this a 4xx.
    pub fn document(&self) -> &ProblemDocument {
        &self.0.document
    }

    /// The bytes of the body: of a 5xx only what a caller may see.
    pub fn to_bytes(&self) -> Vec<u8> {
        let document = &self.0.document;
        let rendered = if self.0.status.is_server_error() {
            serde_json::to_vec(&ProblemDocument {
                kind: document.kind.clone(),
                title: document.title.clone(),
                status: document.status,
                code: document.code.clone(),
                detail: None,
                remedy: None,
                errors: Vec::new(),
                trace_id: document.trace_id.clone(),
                extra: serde_json::Map::new(),
            })
        } else {
            serde_json::to_vec(document)
        };
        rendered.unwrap_or_default()
    }

    /// Whether the trace id is still missing.
    pub(crate) fn lacks_trace_id(&self) -> bool {
        self.0.document.trace_id.is_none()
    }
}

impl IntoResponse for Problem {
    /// The problem also travels in the response's extensions, where the server finds it for the log line.
    fn into_response(self) -> Response {
        let mut response = Response::new(Body::from(self.to_bytes()));
        *response.status_mut() = self.0.status;
        response.headers_mut().insert(CONTENT_TYPE, PROBLEM_JSON);
        for (name, value) in &self.0.headers {
            response.headers_mut().append(name, value.clone());
        }
        response.extensions_mut().insert(self);
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn json(problem: &Problem) -> serde_json::Value {
        serde_json::from_slice(&problem.to_bytes()).unwrap()
    }

    #[derive(Debug, thiserror::Error)]
    #[error("the thing is closed")]
    struct Closed;

    impl Rejection for Closed {
        fn code(&self) -> &'static str {
            "test.closed"
        }
        fn kind(&self) -> RejectionKind {
            RejectionKind::Conflict
        }
        fn remedy(&self) -> &'static str {
            "Reopen it first."
        }
    }

    #[test]
    fn a_rejection_says_what_is_wrong_and_how_to_fix_it() {
        let problem = Problem::rejected(&Closed).extra("current_version", 7).trace_id(10);
        assert_eq!(
            json(&problem),
            serde_json::json!({
                "type": "/problems/test.closed", "title": "Not possible in the current state", "status": 409,
                "code": "test.closed", "detail": "the thing is closed", "remedy": "Reopen it first.",
                "current_version": 7, "trace_id": "0000000000000000000000000000000a",
            })
        );
    }

    #[test]
    fn a_failure_of_ours_shows_nothing_of_its_cause() {
        #[derive(Debug, thiserror::Error)]
        #[error("appending")]
        struct Appending(#[source] std::io::Error);
        let cause = Appending(std::io::Error::other("secret host db-7"));
        let problem = Problem::internal(&cause).detail("db-7").extra("host", "db-7").error("/a", "db-7").remedy("db-7");
        assert_eq!(problem.cause(), Some("appending: secret host db-7"));
        assert!(!String::from_utf8(problem.to_bytes()).unwrap().contains("db-7"));
        assert_eq!(json(&problem)["code"], "internal");
    }

    #[test]
    fn the_answer_carries_media_type_status_and_headers() {
        let response = Problem::unavailable("Try again", 3).into_response();
        assert_eq!(response.status(), 503);
        assert_eq!(response.headers()[CONTENT_TYPE], "application/problem+json");
        assert_eq!(response.headers()[RETRY_AFTER], "3");
        assert_eq!(response.extensions().get::<Problem>().unwrap().code(), "unavailable");
    }

    #[test]
    fn every_status_has_a_code() {
        assert_eq!(Problem::of_status(StatusCode::METHOD_NOT_ALLOWED).code(), "method_not_allowed");
        assert_eq!(Problem::of_status(StatusCode::IM_A_TEAPOT).code(), "im_a_teapot");
        assert_eq!(Problem::of_status(StatusCode::NOT_FOUND).code(), "not_found");
    }

    #[test]
    fn an_extra_member_never_overwrites_a_reserved_one() {
        assert_eq!(json(&Problem::not_found().extra("status", 200))["status"], 404);
    }
}
