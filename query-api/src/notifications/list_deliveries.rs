//! What was sent to a webhook, the latest first.

use super::READ_WEBHOOKS;
use super::deliveries::{COLUMNS, DeliveryState, FROM, WebhookDelivery, check, delivery};
use crate::cursor::Cursor;
use crate::parameters::{Parameters, invalid};
use crate::reading::{Services, database_problem, timed};
use crate::routes::Asking;
use axum::Json;
use axum::body::Body;
use axum::http::Response;
use axum::http::header::LINK;
use axum::response::IntoResponse;
use event_store::tenant;
use kernel::Labelled as _;
use platform::Problem;
use serde::Serialize;
use sqlx::Row;
use std::sync::Arc;
use utoipa::ToSchema;
use uuid::Uuid;

pub(super) const NAME: &str = "notifications.list_webhook_deliveries";
/// Deliveries per page at most, and unless told otherwise.
const LIMIT: i64 = 50;
const SORT: &str = "-created_at";

/// A page of deliveries.
#[derive(Serialize, ToSchema)]
pub(super) struct DeliveryPage {
    /// The latest first.
    items: Vec<WebhookDelivery>,
    /// Send it as `cursor` for what follows; absent on the last page.
    next_cursor: Option<String>,
}

pub(super) async fn answer(services: Arc<Services>, asking: Asking) -> Result<Response<Body>, Problem> {
    let mut parameters = Parameters::parse(asking.uri.query())?;
    let identity = services.authorize(&asking.headers, READ_WEBHOOKS, NAME, &asking.log).await?;
    let webhook_id = asking.id()?;
    let limit = parameters.take_as::<i64>("limit", "a number from 1 to 50")?.unwrap_or(LIMIT);
    if !(1..=LIMIT).contains(&limit) {
        return Err(invalid("limit").detail("expected a number from 1 to 50"));
    }
    let state = parameters.take("state").map(|text| state(&text)).transpose()?;
    let cursor = parameters.take("cursor").map(|text| Cursor::decode(&text, NAME, SORT, 2)).transpose()?;
    let place = cursor.map(|cursor| place(&cursor)).transpose()?;
    parameters.finish(&["state", "limit", "cursor"])?;
    check(&services, &asking, identity.tenant_id, webhook_id).await?;
    let body = format!(
        "select {COLUMNS}, extract(epoch from j.created_at)::text from {FROM} where j.tenant_id = caller.tenant_id \
         and j.endpoint = $2 and ($3::text is null or coalesce(j.outcome, 'waiting') = $3) \
         and ($4::text is null or (j.created_at, j.id) < (to_timestamp($4::numeric), $5::uuid)) \
         order by j.created_at desc, j.id desc limit $6"
    );
    let (at, id) = place.unzip();
    let asked = tenant::query(identity.tenant_id, &body)
        .bind(webhook_id)
        .bind(state.map(outcome))
        .bind(at)
        .bind(id)
        .bind(limit + 1);
    let mut rows = timed(&asking.log, asked.fetch_all(&services.pool)).await?;
    let more = i64::try_from(rows.len()).unwrap_or(i64::MAX) > limit;
    rows.truncate(usize::try_from(limit).unwrap_or_default());
    let next = rows.last().filter(|_| more).map(|row| {
        let (id, at) = (row.try_get::<Uuid, _>(0)?, row.try_get::<String, _>(14)?);
        Ok(Cursor { list: NAME.to_owned(), sort: SORT.to_owned(), values: vec![at, id.to_string()] }.encode())
    });
    let read = |error: sqlx::Error| database_problem(&error);
    let next_cursor = next.transpose().map_err(read)?;
    let items = rows.iter().map(delivery).collect::<Result<_, _>>().map_err(read)?;
    let link = next_cursor.as_deref().and_then(|cursor| crate::list::next_link(&asking.uri, cursor));
    let mut response = Json(DeliveryPage { items, next_cursor }).into_response();
    if let Some(link) = link {
        response.headers_mut().insert(LINK, link);
    }
    Ok(response)
}

fn state(text: &str) -> Result<DeliveryState, Problem> {
    let known = DeliveryState::ALL.iter().copied().find(|state| state.as_str() == text);
    known.ok_or_else(|| invalid("state").detail("expected waiting, delivered, failed or let_go"))
}

/// As the outbox says it.
const fn outcome(state: DeliveryState) -> &'static str {
    match state {
        DeliveryState::Waiting => "waiting",
        DeliveryState::Delivered => "succeeded",
        DeliveryState::Failed => "failed",
        DeliveryState::LetGo => "suppressed",
    }
}

/// Where the page before ended.
fn place(cursor: &Cursor) -> Result<(String, Uuid), Problem> {
    let wrong = || invalid("cursor").detail("it is not the next_cursor of a page");
    let [at, id] = cursor.values.as_slice() else { return Err(wrong()) };
    let (whole, part) = at.split_once('.').unwrap_or((at, "0"));
    let is_number = |text: &str, most| (1..=most).contains(&text.len()) && text.bytes().all(|c| c.is_ascii_digit());
    if !is_number(whole, 11) || !is_number(part, 6) {
        return Err(wrong());
    }
    Ok((at.clone(), id.parse().map_err(|_| wrong())?))
}
