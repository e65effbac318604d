//! One delivery and every try.

use super::READ_WEBHOOKS;
use super::deliveries::{COLUMNS, FROM, WebhookDelivery, delivery};
use crate::parameters::Parameters;
use crate::reading::{Services, database_problem, timed};
use crate::routes::Asking;
use axum::Json;
use axum::body::Body;
use axum::http::Response;
use axum::response::IntoResponse;
use chrono::{DateTime, Utc};
use event_store::tenant;
use platform::Problem;
use serde::Serialize;
use sqlx::Row;
use sqlx::postgres::PgRow;
use std::sync::Arc;
use utoipa::ToSchema;

pub(super) const NAME: &str = "notifications.get_webhook_delivery";
/// Tries that are shown.
const SHOWN: i64 = 100;

/// One call. Neither what was sent nor what was answered is kept.
#[derive(Serialize, ToSchema)]
pub(super) struct DeliveryTry {
    /// When it began.
    began_at: DateTime<Utc>,
    /// How long it took, in milliseconds.
    took_ms: i32,
    /// How often it had been asked for again by then.
    round: i32,
    /// Which try of that round it was, from 1.
    attempt: i32,
    /// What the other side answered, where it did.
    status: Option<i16>,
    /// Why it did not succeed; absent where it did.
    error: Option<String>,
}

/// A delivery and every try.
#[derive(Serialize, ToSchema)]
pub(super) struct DeliveryShown {
    /// How it stands.
    #[serde(flatten)]
    delivery: WebhookDelivery,
    /// The latest hundred tries, the latest first.
    tries: Vec<DeliveryTry>,
}

pub(super) async fn answer(services: Arc<Services>, asking: Asking) -> Result<Response<Body>, Problem> {
    Parameters::parse(asking.uri.query())?.finish(&[])?;
    let identity = services.authorize(&asking.headers, READ_WEBHOOKS, NAME, &asking.log).await?;
    let delivery_id = asking.id()?;
    let body = format!(
        "select {COLUMNS} from {FROM} where j.tenant_id = caller.tenant_id and j.endpoint is not null and j.id = $2"
    );
    let found = tenant::query(identity.tenant_id, &body).bind(delivery_id);
    let found = timed(&asking.log, found.fetch_optional(&services.pool)).await?.ok_or_else(Problem::not_found)?;
    let body = "select began_at, took_ms, round, attempt, status, error from effects.tries \
                where tenant_id = caller.tenant_id and job_id = $2 order by began_at desc limit $3";
    let tries = tenant::query(identity.tenant_id, body).bind(delivery_id).bind(SHOWN);
    let tries = timed(&asking.log, tries.fetch_all(&services.pool)).await?;
    let read = |error: sqlx::Error| database_problem(&error);
    let tries = tries.iter().map(one).collect::<Result<_, _>>().map_err(read)?;
    Ok(Json(DeliveryShown { delivery: delivery(&found).map_err(read)?, tries }).into_response())
}

fn one(row: &PgRow) -> Result<DeliveryTry, sqlx::Error> {
    Ok(DeliveryTry {
        began_at: row.try_get(0)?,
        took_ms: row.try_get(1)?,
        round: row.try_get(2)?,
        attempt: row.try_get(3)?,
        status: row.try_get(4)?,
        error: row.try_get(5)?,
    })
}
