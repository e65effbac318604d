//! The baselines over HTTP: axum and sqlx with one statement per request, tuned, and nothing else.
//!
//! Tuned: statements are prepared once per connection and not logged, a connection is not pinged before it is used,
//! answers leave at once (`TCP_NODELAY`). Left out on purpose: tokens, rules, idempotency, versions, tracing, metrics,
//! limits, a log line per request.

use crate::Failure;
use crate::identity::TENANT;
use crate::sides::baseline_events::{self, Row};
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use axum::routing::{get, post};
use axum::serve::ListenerExt;
use axum::{Json, Router};
use serde::{Deserialize, Serialize};
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{ConnectOptions, PgPool, Row as _};
use std::str::FromStr;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

/// Connections for writing.
const WRITE_CONNECTIONS: u32 = 8;
/// Connections for reading, as many as Sillage has.
const READ_CONNECTIONS: u32 = 16;

/// The table that `serve_selects` reads: one document per row.
pub(crate) const DOCUMENTS: &str = "create table baseline.documents (id uuid primary key, data jsonb not null)";

/// What is stored: the body as it came.
#[derive(Deserialize)]
struct Note<'a> {
    stream_id: Uuid,
    version: i32,
    author_id: Uuid,
    #[serde(rename = "text", borrow)]
    _text: &'a str,
}

#[derive(Serialize)]
struct Stored {
    position: i64,
}

/// Serves `POST /events`: one INSERT into `baseline.events` per request.
pub(crate) async fn serve_inserts(
    database_url: &str,
    listener: TcpListener,
    shutdown: CancellationToken,
    ready: impl FnOnce(),
) -> Result<(), Failure> {
    let pool = pool(database_url, WRITE_CONNECTIONS).await?;
    serve(Router::new().route("/events", post(insert)).with_state(pool), listener, shutdown, ready).await
}

/// Serves `GET /documents/{id}`: one SELECT by primary key per request.
pub(crate) async fn serve_selects(
    database_url: &str,
    listener: TcpListener,
    shutdown: CancellationToken,
    ready: impl FnOnce(),
) -> Result<(), Failure> {
    let pool = pool(database_url, READ_CONNECTIONS).await?;
    serve(Router::new().route("/documents/{id}", get(select)).with_state(pool), listener, shutdown, ready).await
}

async fn pool(database_url: &str, connections: u32) -> Result<PgPool, Failure> {
    let options = PgConnectOptions::from_str(database_url)?.disable_statement_logging();
    let pool = PgPoolOptions::new()
        .min_connections(connections)
        .max_connections(connections)
        .test_before_acquire(false)
        .connect_with(options)
        .await?;
    Ok(pool)
}

async fn serve(
    router: Router,
    listener: TcpListener,
    shutdown: CancellationToken,
    ready: impl FnOnce(),
) -> Result<(), Failure> {
    let listener = listener.tap_io(|stream| {
        // Only a slower answer would come of a failure.
        let _ = stream.set_nodelay(true);
    });
    ready();
    axum::serve(listener, router).with_graceful_shutdown(shutdown.cancelled_owned()).await?;
    Ok(())
}

async fn insert(State(pool): State<PgPool>, body: Bytes) -> Result<Json<Stored>, StatusCode> {
    let note: Note<'_> = serde_json::from_slice(&body).map_err(|_| StatusCode::BAD_REQUEST)?;
    let row = Row {
        occurred_at: chrono::Utc::now(),
        tenant_id: TENANT.0,
        stream_id: note.stream_id,
        version: note.version,
        command_id: Uuid::now_v7(),
        actor_id: note.author_id,
        category: "bench.note",
        event_type: "written",
        data: &body,
    };
    let stored = baseline_events::insert(&row).fetch_one(&pool).await.map_err(|_| StatusCode::INTERNAL_SERVER_ERROR)?;
    Ok(Json(Stored { position: stored.get(0) }))
}

async fn select(State(pool): State<PgPool>, Path(id): Path<Uuid>) -> Result<impl IntoResponse, StatusCode> {
    let found: Option<String> = sqlx::query_scalar("select data::text from baseline.documents where id = $1")
        .bind(id)
        .fetch_optional(&pool)
        .await
        .map_err(|_| StatusCode::INTERNAL_SERVER_ERROR)?;
    let document = found.ok_or(StatusCode::NOT_FOUND)?;
    Ok(([(CONTENT_TYPE, "application/json")], document))
}
