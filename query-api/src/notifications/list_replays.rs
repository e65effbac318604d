//! The replays of a webhook and how far each has come.

use super::READ_WEBHOOKS;
use super::deliveries::check;
use crate::parameters::Parameters;
use crate::reading::{Services, database_problem, timed};
use crate::routes::Asking;
use axum::Json;
use axum::body::Body;
use axum::http::Response;
use axum::response::IntoResponse;
use chrono::{DateTime, Utc};
use domain::notifications::webhook::ReplayId;
use event_store::tenant;
use kernel::Position;
use platform::Problem;
use serde::Serialize;
use sqlx::Row;
use sqlx::postgres::PgRow;
use std::sync::Arc;
use utoipa::ToSchema;

pub(super) const NAME: &str = "notifications.list_webhook_replays";

/// A stretch of history that is sent once more.
#[derive(Serialize, ToSchema)]
pub(super) struct WebhookReplay {
    /// Which.
    replay_id: ReplayId,
    /// From this position on, where that was asked for.
    from_position: Option<Position>,
    /// From this time on, where that was asked for.
    from_time: Option<DateTime<Utc>>,
    /// Up to this position.
    up_to: Position,
    /// What has been looked at.
    reached: Option<Position>,
    /// Deliveries that it has led to so far.
    queued: i64,
    /// When it was asked for.
    created_at: DateTime<Utc>,
    /// When it was over; what it has queued may still wait.
    finished_at: Option<DateTime<Utc>>,
    /// Why it ended before its end: `disabled` or `archived`.
    ended_by: Option<String>,
}

/// The replays of a webhook.
#[derive(Serialize, ToSchema)]
pub(super) struct Replays {
    /// The latest fifty, the latest first.
    items: Vec<WebhookReplay>,
}

pub(super) async fn answer(services: Arc<Services>, asking: Asking) -> Result<Response<Body>, Problem> {
    Parameters::parse(asking.uri.query())?.finish(&[])?;
    let identity = services.authorize(&asking.headers, READ_WEBHOOKS, NAME, &asking.log).await?;
    let webhook_id = asking.id()?;
    check(&services, &asking, identity.tenant_id, webhook_id).await?;
    let body = "select id, after_position + 1, from_time, up_to, reached, queued, created_at, finished_at, error \
                from effects.replays where tenant_id = caller.tenant_id and endpoint = $2 \
                order by created_at desc limit 50";
    let rows = tenant::query(identity.tenant_id, body).bind(webhook_id);
    let rows = timed(&asking.log, rows.fetch_all(&services.pool)).await?;
    let items = rows.iter().map(one).collect::<Result<_, _>>().map_err(|error| database_problem(&error))?;
    Ok(Json(Replays { items }).into_response())
}

fn one(row: &PgRow) -> Result<WebhookReplay, sqlx::Error> {
    Ok(WebhookReplay {
        replay_id: ReplayId(row.try_get(0)?),
        from_position: row.try_get::<Option<i64>, _>(1)?.map(Position),
        from_time: row.try_get(2)?,
        up_to: Position(row.try_get(3)?),
        reached: row.try_get::<Option<i64>, _>(4)?.map(Position),
        queued: row.try_get(5)?,
        created_at: row.try_get(6)?,
        finished_at: row.try_get(7)?,
        ended_by: row.try_get(8)?,
    })
}
