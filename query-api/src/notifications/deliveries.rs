//! What was sent to webhooks, as the outbox knows it: for a month after it is done. Never what it said.

use crate::reading::{Services, timed};
use crate::routes::Asking;
use chrono::{DateTime, Utc};
use domain::notifications::webhook::{DeliveryId, Webhook, WebhookId};
use event_store::tenant;
use kernel::{Aggregate as _, EventId, Position, TenantId};
use platform::Problem;
use serde::Serialize;
use sqlx::Row;
use sqlx::postgres::PgRow;
use utoipa::ToSchema;
use uuid::Uuid;

/// The columns of a delivery, with what the last try came to.
pub(super) const COLUMNS: &str = "j.id, j.event_id, j.position, j.about, j.state, j.outcome, j.reason, j.attempts, j.created_at, \
     j.changed_at, j.due_at, t.status, t.error, j.endpoint";
/// The table that they are in.
pub(super) const FROM: &str = "effects.jobs j left join lateral (select status, error from effects.tries \
     where tenant_id = j.tenant_id and job_id = j.id order by began_at desc limit 1) t on true";

kernel::labelled! {
    /// What has become of a delivery.
    pub(crate) enum DeliveryState("notifications.delivery_state") {
        /// It is to be sent, or to be tried again.
        Waiting: "waiting", "Waiting", "En attente";
        /// The other side has it.
        Delivered: "delivered", "Delivered", "Remis";
        /// It was given up.
        Failed: "failed", "Failed", "Échec";
        /// It was let go: the webhook was disabled or removed.
        LetGo: "let_go", "Let go", "Abandonné";
    }
}

/// One event on its way to a webhook.
#[derive(Serialize, ToSchema)]
pub(super) struct WebhookDelivery {
    /// The `webhook-id` of every try.
    delivery_id: DeliveryId,
    /// To which webhook.
    webhook_id: WebhookId,
    /// Which event.
    event_id: EventId,
    /// Its type: `support.ticket.opened`.
    event_type: String,
    /// Its place in the log.
    position: Position,
    /// What has become of it.
    state: DeliveryState,
    /// Tries since it was last asked for.
    attempts: i32,
    /// What the other side last answered, where it did.
    last_status: Option<i16>,
    /// Why the last try did not succeed: `status` (it answered something else than 2xx), `timeout`, `connect`, `tls`, `name`,
    /// `cut_off`, or `forbidden` (it leads where nobody may be called).
    last_error: Option<String>,
    /// Why it was given up or let go: `exhausted`, `gone`, `disabled`, `removed`, `archived`.
    ended_by: Option<String>,
    /// When it is tried next.
    next_try_at: Option<DateTime<Utc>>,
    /// When it was first asked for.
    created_at: DateTime<Utc>,
    /// When something last happened to it.
    changed_at: DateTime<Utc>,
}

/// A delivery from a row of [`COLUMNS`].
pub(super) fn delivery(row: &PgRow) -> Result<WebhookDelivery, sqlx::Error> {
    let outcome: Option<&str> = row.try_get(5)?;
    let state = match outcome {
        None => DeliveryState::Waiting,
        Some("succeeded") => DeliveryState::Delivered,
        Some("suppressed") => DeliveryState::LetGo,
        Some(_) => DeliveryState::Failed,
    };
    Ok(WebhookDelivery {
        delivery_id: DeliveryId(row.try_get(0)?),
        webhook_id: WebhookId(row.try_get(13)?),
        event_id: EventId(row.try_get(1)?),
        position: Position(row.try_get(2)?),
        event_type: row.try_get::<Option<String>, _>(3)?.unwrap_or_default(),
        state,
        attempts: row.try_get(7)?,
        last_status: row.try_get(11)?,
        last_error: row.try_get(12)?,
        ended_by: row.try_get(6)?,
        next_try_at: row.try_get::<Option<DateTime<Utc>>, _>(10)?.filter(|_| state == DeliveryState::Waiting),
        created_at: row.try_get(8)?,
        changed_at: row.try_get(9)?,
    })
}

/// Refuses a webhook that the tenant has not.
pub(super) async fn check(services: &Services, asking: &Asking, tenant_id: TenantId, id: Uuid) -> Result<(), Problem> {
    let body = "select 1 from effects.endpoints where tenant_id = caller.tenant_id and id = $2";
    let known = timed(&asking.log, tenant::query(tenant_id, body).bind(id).fetch_optional(&services.pool)).await?;
    if known.is_some() {
        return Ok(());
    }
    // The outbox hears of a new one a moment later.
    let body = format!(
        "select 1 from log.events where tenant_id = caller.tenant_id and stream_id = $2 and category = '{}' limit 1",
        Webhook::CATEGORY
    );
    let known = timed(&asking.log, tenant::query(tenant_id, &body).bind(id).fetch_optional(&services.pool)).await?;
    known.map(drop).ok_or_else(Problem::not_found)
}
