//! Everything that ever happened to one thing: who, what, when, from what to what, caused by what.

use crate::as_of;
use crate::detail::{Detail, Page, current};
use crate::parameters::{Parameters, invalid};
use crate::personal;
use crate::reading::Services;
use axum::Json;
use axum::body::Body;
use axum::http::{HeaderMap, HeaderValue, Response};
use axum::response::IntoResponse;
use chrono::{DateTime, Utc};
use kernel::personal::{noting, showing};
use kernel::{
    Actor, CommandId, CorrelationId, EventData, EventId, Position, ReadModel, Recorded, Sealed, TenantId, Version,
};
use platform::Problem;
use platform::headers::POSITION;
use platform::request_log::RequestLog;
use serde::Serialize;
use serde_json::Value;
use std::collections::HashSet;
use std::sync::Arc;
use utoipa::ToSchema;
use uuid::Uuid;

/// The parameters of every history query.
pub(crate) const PARAMETERS: &[&str] = &["min_position", "limit", "cursor"];
/// Entries per page at most, and unless told otherwise.
const LIMIT: usize = 100;

/// One event, and what it changed.
#[derive(Serialize, ToSchema)]
pub(crate) struct HistoryEntry {
    /// Place in the log.
    position: Position,
    /// The stream's category: `support.ticket`.
    category: String,
    /// The stream, for things that are made of several.
    stream_id: Uuid,
    /// Place in the stream.
    version: Version,
    /// The event's id.
    event_id: EventId,
    /// What happened: `assigned`.
    #[serde(rename = "type")]
    event_type: String,
    /// When it happened.
    occurred_at: DateTime<Utc>,
    /// When the server recorded it.
    recorded_at: DateTime<Utc>,
    /// Who did it.
    actor: Actor,
    /// By which command.
    command_id: CommandId,
    /// In which story.
    correlation_id: CorrelationId,
    /// Because of which event.
    causation_id: Option<EventId>,
    /// The event's payload.
    #[schema(value_type = Object)]
    data: Value,
    /// The fields of the detail view that it changed.
    changes: Vec<FieldChange>,
}

/// One field before and after an event.
#[derive(Debug, PartialEq, Serialize, ToSchema)]
pub(crate) struct FieldChange {
    /// The field.
    field: String,
    /// What it was; `null` before the thing existed.
    #[schema(value_type = serde_json::Value)]
    from: Value,
    /// What it became.
    #[schema(value_type = serde_json::Value)]
    to: Value,
}

/// Answers the query over HTTP: the oldest entry first.
pub(crate) async fn answer<D: Detail>(
    services: &Services,
    headers: &HeaderMap,
    id: Uuid,
    query: Option<&str>,
    log: &RequestLog,
) -> Result<Response<Body>, Problem> {
    let identity = services.authorize(headers, D::HISTORY_SCOPE, D::NAME, log).await?;
    let mut parameters = Parameters::parse(query)?;
    let min_position = parameters.min_position()?;
    let limit = parameters.take_as::<usize>("limit", "a number from 1 to 100")?.unwrap_or(LIMIT);
    let after = parameters.take_as::<i64>("cursor", "the next_cursor of an earlier page")?.unwrap_or_default();
    parameters.finish(PARAMETERS)?;
    if !(1..=LIMIT).contains(&limit) {
        return Err(invalid("limit").detail("expected a number from 1 to 100"));
    }
    services.wait(D::Model::NAME, min_position).await?;
    let found = current::<D>(services, &identity, id, log).await?.ok_or_else(Problem::not_found)?;
    let streams = D::streams(&found.row, id);
    // The read model has folded only what is on disk, so nothing here can be taken back.
    let stored = as_of::stored(services, identity.tenant_id, &streams, found.position).await?;
    let entries = entries::<D>(services, identity.tenant_id, id, stored).await?;
    let mut items: Vec<_> = entries.into_iter().filter(|entry| entry.position.0 > after).take(limit + 1).collect();
    let more = items.len() > limit;
    items.truncate(limit);
    let next_cursor = more.then(|| items.last().map(|entry| entry.position.to_string())).flatten();
    log.position(found.position);
    let mut response = Json(Page { items, next_cursor, as_of_position: found.position.0 }).into_response();
    response.headers_mut().insert(POSITION, HeaderValue::from(found.position.0));
    Ok(response)
}

/// The events that touch the row, each with the difference it made.
async fn entries<D: Detail>(
    services: &Services,
    tenant_id: TenantId,
    id: Uuid,
    stored: Vec<Recorded<EventData>>,
) -> Result<Vec<HistoryEntry>, Problem> {
    let key = id.into();
    let mut kept = Vec::with_capacity(stored.len());
    // Whatever is in a row was in an event.
    let (read, sealed) = noting(|| {
        for event in stored {
            let entry = entry(&event)?;
            let decoded: Recorded<<D::Model as ReadModel>::Event> =
                event.decode().map_err(|error| Problem::internal(&error))?;
            if D::Model::keys(&decoded).as_slice().contains(&key) {
                kept.push((entry, decoded));
            }
        }
        Ok::<_, Problem>(())
    });
    read?;
    let shows = personal::open(services, tenant_id, sealed.clone()).await?;
    let sealed: HashSet<&str> = sealed.iter().map(Sealed::as_str).collect();
    let (mut row, mut before) = (None, Value::Null);
    let mut entries = Vec::with_capacity(kept.len());
    for (mut entry, decoded) in kept {
        personal::reveal(&mut entry.data, &sealed, &*shows);
        row = D::Model::apply(row, &key, &decoded);
        let after = showing(Arc::clone(&shows), || serde_json::to_value(&row).unwrap_or_default());
        entries.push(HistoryEntry { changes: changes(&before, &after), ..entry });
        before = after;
    }
    Ok(entries)
}

fn entry(event: &Recorded<EventData>) -> Result<HistoryEntry, Problem> {
    Ok(HistoryEntry {
        position: event.position,
        category: event.category.clone(),
        stream_id: event.stream_id,
        version: event.version,
        event_id: event.event_id,
        event_type: event.event.event_type.clone(),
        occurred_at: event.occurred_at,
        recorded_at: event.recorded_at,
        actor: event.actor,
        command_id: event.command_id,
        correlation_id: event.correlation_id,
        causation_id: event.causation_id,
        data: serde_json::from_slice(&event.event.data).map_err(|error| Problem::internal(&error))?,
        changes: Vec::new(),
    })
}

/// The fields that differ; a thing that did not exist had `null` everywhere.
pub(crate) fn changes(before: &Value, after: &Value) -> Vec<FieldChange> {
    let empty = serde_json::Map::new();
    let (before, after) = (before.as_object().unwrap_or(&empty), after.as_object().unwrap_or(&empty));
    let mut fields: Vec<&String> = before.keys().chain(after.keys()).collect();
    fields.sort();
    fields.dedup();
    fields
        .into_iter()
        .map(|field| (field, before.get(field).unwrap_or(&Value::Null), after.get(field).unwrap_or(&Value::Null)))
        .filter(|(_, from, to)| from != to)
        .map(|(field, from, to)| FieldChange { field: field.clone(), from: from.clone(), to: to.clone() })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn only_what_differs_is_a_change() {
        let difference = changes(&json!({"a": 1, "b": 2}), &json!({"a": 1, "b": 3, "c": null}));
        assert_eq!(difference, [FieldChange { field: "b".into(), from: json!(2), to: json!(3) }]);
        assert_eq!(changes(&Value::Null, &json!({"a": 1})).len(), 1);
    }
}
