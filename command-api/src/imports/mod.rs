//! Files of tickets and articles from elsewhere: a preview that changes nothing, and the import, which goes as far as it gets
//! and goes on when the same file is sent again.
//!
//! The file stays with whoever sends it: no process keeps it, and a row that was told is never read again.

mod articles;
mod cells;
mod columns;
mod file;
mod people;
mod preview;
mod rows;
mod run;
mod tickets;

pub use file::MAX_BYTES as IMPORT_MAX_BYTES;

use crate::execute::{Services, key_missing};
use crate::late;
use axum::Json;
use axum::Router;
use axum::body::Body;
use axum::extract::{Query, State};
use axum::http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode};
use axum::response::IntoResponse;
use axum::routing::post;
use bytes::Bytes;
use cells::Clocks;
use chrono::Utc;
use domain::files::Checksum;
use domain::support::import::{BeginImport, ImportId, ImportKind, ImportStatus, ImportedFileName, RUN};
use domain::time_zone::TimeZone;
use file::{FileFormat, RawFile};
use kernel::{Private, Reach};
use platform::auth::Identity;
use platform::headers::POSITION;
use platform::openapi::Operation;
use platform::request_log::RequestLog;
use platform::{Problem, headers};
use run::{Reached, Sender};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use utoipa::{IntoParams, ToSchema};

/// Where files are sent; also what begins so takes longer bodies.
pub const IMPORTS: &str = "/v1/support/imports";
const PREVIEW: &str = "/v1/support/imports/preview";
const PREVIEW_NAME: &str = "support.preview_import";
const RUN_NAME: &str = "support.import_file";

/// How a file is to be read.
#[derive(Clone, Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct ImportQuestion {
    /// What is in it.
    kind: ImportKind,
    /// What it is called, for the list of imports.
    #[serde(default)]
    #[param(value_type = Option<String>)]
    file_name: Option<ImportedFileName>,
    /// Where times are meant that say no zone; `Europe/Paris` unless given.
    #[serde(default)]
    #[param(value_type = Option<String>)]
    time_zone: Option<TimeZone>,
}

/// How far an import has come.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(super) struct ImportAnswer {
    /// The import.
    import_id: ImportId,
    /// Where it stands. While it is `running`, send the same file with the same key again: it goes on.
    status: ImportStatus,
    /// How many rows the file has.
    rows: i32,
    /// How many of them have an outcome.
    done: i32,
    /// How many made something.
    accepted: i32,
    /// How many made nothing; the query API says why, row by row.
    refused: i32,
    /// The consistency token: a query with `min_position` set to it shows this.
    position: i64,
}

/// The routes, beside those of the commands.
pub(crate) fn router() -> Router<Arc<Services>> {
    Router::new().route(IMPORTS, post(answer_import)).route(PREVIEW, post(answer_preview))
}

async fn answer_import(services: State<Arc<Services>>, log: RequestLog, request: Request<Body>) -> Response<Body> {
    import(&services, &log, request).await.unwrap_or_else(Problem::into_response)
}

async fn answer_preview(services: State<Arc<Services>>, log: RequestLog, request: Request<Body>) -> Response<Body> {
    let answered = async {
        let sent = Sent::read(&services, &log, PREVIEW_NAME, request).await?;
        let clocks = sent.clocks();
        let preview = preview::of(&services, &sent.identity, sent.question.kind, sent.format, &sent.file, clocks);
        Ok::<_, Problem>(Json(preview.await?).into_response())
    };
    answered.await.unwrap_or_else(Problem::into_response)
}

async fn import(services: &Services, log: &RequestLog, request: Request<Body>) -> Result<Response<Body>, Problem> {
    let sent = Sent::read(services, log, RUN_NAME, request).await?;
    let key = headers::idempotency_key(&sent.headers)?.ok_or_else(key_missing)?;
    let ImportQuestion { kind, file_name, .. } = sent.question.clone();
    let import_id = run::import_id(services, &sent.identity, kind, key);
    let rows = i32::try_from(sent.file.rows.len()).unwrap_or(i32::MAX);
    let begin = BeginImport { kind, file_name: file_name.map(Private), sha256: sent.sha256.clone(), rows };
    let sender = Sender { services, identity: &sent.identity, log, import_id, clocks: sent.clocks() };
    let Reached { progress, position } = sender.run(&begin, &sent.file).await?;
    log.position(position);
    let answer = ImportAnswer {
        import_id,
        status: progress.status,
        rows: progress.rows,
        done: progress.done,
        accepted: progress.accepted,
        refused: progress.refused,
        position: position.0,
    };
    let status = if progress.status == ImportStatus::Running { StatusCode::ACCEPTED } else { StatusCode::OK };
    let mut response = (status, Json(answer)).into_response();
    response.headers_mut().insert(POSITION, HeaderValue::from(position.0));
    Ok(response)
}

/// A file as it arrived.
struct Sent {
    identity: Arc<Identity>,
    headers: HeaderMap,
    question: ImportQuestion,
    format: FileFormat,
    file: RawFile,
    sha256: Checksum,
}

impl Sent {
    async fn read(
        services: &Services,
        log: &RequestLog,
        name: &'static str,
        request: Request<Body>,
    ) -> Result<Self, Problem> {
        let (parts, body) = request.into_parts();
        let identity = services.authenticate(&parts.headers).await?;
        log.caller(&identity)?;
        log.operation(name);
        identity.require(RUN)?;
        services.check_standing(identity.tenant_id)?;
        late::moment(&parts.headers, None, &identity)?;
        let (question, format) = (asked(&parts)?, format(&parts.headers)?);
        let body = platform::http::read_body_of(body, file::MAX_BYTES).await?;
        let sha256 = sum(&body)?;
        let kind = question.kind;
        // Reading a long file takes a while, and others wait for this thread.
        let file = tokio::task::spawn_blocking(move || file::read(kind, format, &body)).await;
        let file = file.map_err(|error| Problem::internal(&error))??;
        Ok(Self { identity, headers: parts.headers, question, format, file, sha256 })
    }

    fn clocks(&self) -> Clocks {
        Clocks { now: Utc::now(), zone: self.question.time_zone.unwrap_or_default() }
    }
}

fn asked(parts: &Parts) -> Result<ImportQuestion, Problem> {
    Query::<ImportQuestion>::try_from_uri(&parts.uri).map(|Query(asked)| asked).map_err(|error| {
        Problem::new(StatusCode::BAD_REQUEST, "parameter_invalid", "A query parameter is not usable")
            .detail(error.body_text())
            .remedy("Set kind to tickets or articles, file_name to a name, time_zone to one like Europe/Paris; nothing else.")
    })
}

fn format(headers: &HeaderMap) -> Result<FileFormat, Problem> {
    let declared = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let (media_type, parameters) = declared.split_once(';').unwrap_or((declared, ""));
    let parameters = parameters.trim().to_ascii_lowercase();
    let is_utf8 = matches!(parameters.as_str(), "" | "charset=utf-8" | "charset=\"utf-8\"" | "header=present");
    let is_plain = headers.get(CONTENT_ENCODING).is_none_or(|encoding| encoding == "identity");
    match media_type.trim().to_ascii_lowercase().as_str() {
        "text/csv" if is_utf8 && is_plain => Ok(FileFormat::Csv),
        "application/x-ndjson" | "application/ndjson" | "application/jsonl" if is_utf8 && is_plain => {
            Ok(FileFormat::Ndjson)
        }
        _ => Err(Problem::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "unsupported_media_type",
            "The body is no file of rows",
        )
        .remedy("Send text/csv or application/x-ndjson, in UTF-8 and not compressed.")),
    }
}

fn sum(body: &Bytes) -> Result<Checksum, Problem> {
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, body);
    Checksum::of(digest.as_ref()).map_err(|error| Problem::internal(&error))
}

/// The descriptions of the routes.
pub(crate) fn operations() -> [Operation; 2] {
    let import = Operation::new(Method::POST, IMPORTS, RUN_NAME)
        .docs(
            "Imports a file of tickets or articles: CSV with a header, or one JSON object per line. Each row makes a ticket or \
             an article, with the times that it had, or is refused by itself with a reason.\n\nIt goes as far as it gets in a \
             few seconds and answers 202 while rows are left: send the same file with the same `Idempotency-Key` again, and it \
             goes on where it stands. Nothing is made twice, whatever broke off in between. Rolling it back undoes what nobody \
             has worked on since. See docs/import.md for columns, values and limits.",
        )
        .header_parameter::<String>(
            "Idempotency-Key",
            true,
            "Names the import: 1 to 255 visible ASCII characters, new for each file.",
        )
        .response::<ImportAnswer>(StatusCode::OK, "Every row has an outcome.")
        .response::<ImportAnswer>(StatusCode::ACCEPTED, "Rows are left: send it again.");
    let preview = Operation::new(Method::POST, PREVIEW, PREVIEW_NAME)
        .docs(
            "Says what an import of this file would do, and changes nothing: what its columns mean, which rows cannot be taken \
             and why, and the first rows as they would be.",
        )
        .response::<preview::ImportPreview>(StatusCode::OK, "What it would do.");
    [import, preview].map(described)
}

fn described(operation: Operation) -> Operation {
    operation
        .tag("support")
        .query::<ImportQuestion>()
        .file_body(&["text/csv", "application/x-ndjson"])
        .bearer(Some(RUN.as_str()))
        .reach(Reach::All)
        .problem(StatusCode::CONFLICT, "The import was rolled back.")
        .problem(StatusCode::UNPROCESSABLE_ENTITY, "It cannot be read as such a file, or the key names another file.")
}

#[cfg(test)]
mod hostile;
