//! The log itself: whether everything follows this one, and which stretches of it are in files. Only looked at: what
//! changes the log is for whoever holds the database's password.

use super::{LOG, operations, operator};
use crate::as_of::read_problem;
use crate::parameters::Parameters;
use crate::reading::{Services, timed};
use crate::routes::Asking;
use axum::Json;
use axum::body::Body;
use axum::http::Response;
use axum::response::IntoResponse;
use chrono::{DateTime, Utc};
use event_store::{ReadError, archive};
use futures_util::future::BoxFuture;
use kernel::Position;
use platform::Problem;
use serde::Serialize;
use std::sync::Arc;
use utoipa::ToSchema;

pub(super) const STATUS: &str = "operations.get_log";
pub(super) const ARCHIVES: &str = "operations.list_archives";

/// How the log and those who follow it stand to each other.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct LogStanding {
    /// Which log it is.
    pub log_id: String,
    /// Which life of it.
    pub epoch: i32,
    /// Its last position.
    pub position: Position,
    /// Whether this server may go on with the log.
    pub adopted: bool,
    /// Where the mirror of this epoch ends; `null`: there is none, or NATS was not asked.
    pub mirror: Option<Position>,
    /// What is not as it must be, by who stands so.
    pub diverged: Vec<(String, String)>,
}

/// Looks how the log stands: who follows it is for the process to know.
pub type LookAtLog = Arc<dyn Fn() -> BoxFuture<'static, Result<LogStanding, ReadError>> + Send + Sync>;

/// Stretches of the log that are in files.
#[derive(Serialize, ToSchema)]
pub(super) struct Archives {
    /// Oldest first.
    items: Vec<ArchiveShown>,
}

/// A stretch of the log that was archived.
#[derive(Serialize, ToSchema)]
struct ArchiveShown {
    /// Its first position.
    first_position: Position,
    /// Its last position.
    last_position: Position,
    /// When its first event was recorded.
    first_recorded_at: DateTime<Utc>,
    /// When its last event was recorded.
    last_recorded_at: DateTime<Utc>,
    /// Where the manifest of its files lies, as the operator named it.
    manifest: String,
    /// Since when it is in files only; `null`: the database has it, too.
    detached_at: Option<DateTime<Utc>>,
}

pub(super) async fn status(services: Arc<Services>, asking: Asking) -> Result<Response<Body>, Problem> {
    Parameters::parse(asking.uri.query())?.finish(&[])?;
    operator(&services, &asking, LOG, STATUS).await?;
    let standing = (operations(&services)?.standing)().await.map_err(|error| read_problem(&error))?;
    Ok(Json(standing).into_response())
}

pub(super) async fn archives(services: Arc<Services>, asking: Asking) -> Result<Response<Body>, Problem> {
    Parameters::parse(asking.uri.query())?.finish(&[])?;
    operator(&services, &asking, LOG, ARCHIVES).await?;
    let all = timed(&asking.log, archive::list(&operations(&services)?.pool)).await?;
    let items = all.into_iter().map(|one| ArchiveShown {
        first_position: one.first,
        last_position: one.last,
        first_recorded_at: one.first_recorded_at,
        last_recorded_at: one.last_recorded_at,
        manifest: one.manifest,
        detached_at: one.detached_at,
    });
    Ok(Json(Archives { items: items.collect() }).into_response())
}
