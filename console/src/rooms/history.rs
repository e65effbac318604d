//! A ticket at any moment of its life: step by step, what changed from what to what, and how it stood.

use super::ticket::{Said, ShownTicket, Step, WORK, in_words};
use super::{Id, Who, asked};
use crate::Console;
use crate::api::Refused;
use crate::form::link;
use crate::page::{Page, Visit, html};
use crate::people::People;
use crate::show;
use crate::texts::Texts;
use axum::body::Body;
use axum::extract::State;
use axum::http::{Response, StatusCode, Uri};
use axum::routing::get;
use axum::{Extension, Router};
use chrono::{DateTime, Utc};
use serde::Deserialize;
use serde_json::Value;
use std::sync::Arc;
use uuid::Uuid;

/// Pages of history that are read at most; each has a hundred steps.
const MOST_PAGES: usize = 10;
/// Fields that say nothing to people.
const QUIET: [&str; 6] = ["version", "updated_at", "ticket_id", "number", "ticket_number", "description"];

#[derive(Deserialize)]
struct Entry {
    position: i64,
    #[serde(rename = "type")]
    event_type: String,
    occurred_at: DateTime<Utc>,
    actor: Actor,
    correlation_id: Uuid,
    data: Value,
    changes: Vec<Change>,
}

#[derive(Deserialize)]
struct Actor {
    id: Uuid,
}

#[derive(Deserialize)]
struct Change {
    field: String,
    from: Value,
    to: Value,
}

#[derive(Deserialize)]
struct Entries {
    items: Vec<Entry>,
    next_cursor: Option<String>,
}

/// A step of the history for people.
struct Told {
    step: usize,
    what: String,
    by: String,
    at: DateTime<Utc>,
    /// Where its story is told, for who may read it.
    story: String,
    changes: Vec<ToldChange>,
}

struct ToldChange {
    field: String,
    from: ToldValue,
    to: ToldValue,
}

/// A value for people: a moment, or a text.
#[derive(PartialEq)]
struct ToldValue {
    at: Option<DateTime<Utc>>,
    text: String,
}

/// Which step.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Asked {
    step: Option<usize>,
}

#[derive(askama::Template)]
#[template(path = "ticket_history.html")]
struct History {
    page: Page,
    ticket_id: Uuid,
    ticket_number: String,
    /// As it stood.
    ticket: Option<ShownTicket>,
    thread: Vec<Said>,
    activities: Vec<Step>,
    people: People,
    step: usize,
    steps: usize,
    moment: String,
    entries: Vec<Told>,
}

pub(super) fn router() -> Router<Arc<Console>> {
    Router::new().route("/console/tickets/{ticket_id}/history", get(page))
}

async fn page(State(console): State<Arc<Console>>, Extension(visit): Who, id: Id, uri: Uri) -> Response<Body> {
    visit.answer(show(&console, &visit, id, asked::<Asked>(&uri).step).await)
}

async fn show(console: &Console, visit: &Visit, Id(id): Id, step: Option<usize>) -> Result<Response<Body>, Refused> {
    let id = id.ok_or_else(Refused::not_found)?;
    let entries = entries(console, visit, id).await?;
    let steps = entries.len();
    let step = step.unwrap_or(steps).clamp(1, steps.max(1));
    let at = entries.get(step - 1).ok_or_else(Refused::not_found)?;
    let as_of = at.position.to_string();
    let path = format!("/v1/support/tickets/{id}");
    let ticket: ShownTicket = console.queries.get(&visit.caller, &link(&path, &[("as_of", Some(&as_of))])).await?.value;
    let ids: Vec<Uuid> = entries.iter().flat_map(named).collect();
    let people = People::of(console, visit, ids).await?;
    let page = visit.page(format!("{} · {}", ticket.ticket_number, visit.t().history));
    let template = History {
        moment: page.when(at.occurred_at),
        thread: entries[..step].iter().filter_map(|entry| said(entry, &ticket, &people)).collect(),
        activities: Vec::new(),
        entries: entries.iter().enumerate().map(|(nth, entry)| told(visit, &people, nth + 1, entry)).rev().collect(),
        ticket_number: ticket.ticket_number.clone(),
        ticket: Some(ticket),
        ticket_id: id,
        page,
        people,
        step,
        steps,
    };
    Ok(html(StatusCode::OK, &template))
}

/// All steps, the oldest first.
async fn entries(console: &Console, visit: &Visit, id: Uuid) -> Result<Vec<Entry>, Refused> {
    let path = format!("/v1/support/tickets/{id}/history");
    let (mut entries, mut cursor) = (Vec::new(), None);
    for _ in 0..MOST_PAGES {
        let page: Entries =
            console.queries.get(&visit.caller, &link(&path, &[("cursor", cursor.as_deref())])).await?.value;
        entries.extend(page.items);
        cursor = page.next_cursor;
        if cursor.is_none() {
            break;
        }
    }
    Ok(entries)
}

/// Everybody whom a step names.
fn named(entry: &Entry) -> Vec<Uuid> {
    let values = entry.changes.iter().flat_map(|change| [&change.from, &change.to]);
    let values = values.filter_map(|value| value.as_str()?.parse().ok());
    values.chain([entry.actor.id]).collect()
}

/// What was said by a step: the question, a reply or a note.
fn said(entry: &Entry, ticket: &ShownTicket, people: &People) -> Option<Said> {
    let (kind, field) = match entry.event_type.as_str() {
        "opened" => ("customer", "description"),
        "customer_replied" => ("customer", "content"),
        "agent_replied" => ("agent", "content"),
        "internal_note_added" => ("note", "content"),
        _ => return None,
    };
    let by = if entry.event_type == "opened" { ticket.customer_id } else { entry.actor.id };
    let content = entry.data.get(field)?.as_str()?.to_owned();
    Some(Said { kind, by: people.name(by), at: entry.occurred_at, content })
}

fn told(visit: &Visit, people: &People, step: usize, entry: &Entry) -> Told {
    let t = visit.t();
    let text = |value: &Value| match value {
        Value::String(text) => ToldValue { at: text.parse().ok(), text: in_words(visit, people, text) },
        other => ToldValue { at: None, text: show::value(other) },
    };
    let changes = entry.changes.iter().filter(|change| !QUIET.contains(&change.field.as_str()));
    let changes = changes.map(|change| ToldChange {
        field: field(t, &change.field),
        from: text(&change.from),
        to: text(&change.to),
    });
    let story = format!("/console/events/stories/{}", entry.correlation_id);
    Told {
        step,
        what: what(t, &entry.event_type),
        by: people.name(entry.actor.id),
        at: entry.occurred_at,
        story: if visit.may("analyst.events:read") && visit.may(WORK) { story } else { String::new() },
        changes: changes.filter(|change| change.from != change.to).collect(),
    }
}

/// An event for people; its own name where there is no better one.
fn what(t: &Texts, event_type: &str) -> String {
    match event_type {
        "opened" => t.was_opened,
        "customer_replied" => t.was_asked,
        "agent_replied" => t.was_answered,
        "internal_note_added" => t.was_noted,
        "assigned" => t.was_assigned,
        "unassigned" => t.was_unassigned,
        "status_changed" => t.was_moved,
        "priority_changed" => t.was_prioritised,
        "read_up_to" => t.was_read,
        other => return in_order(other),
    }
    .to_owned()
}

/// `first_response_at` as people write it.
fn in_order(name: &str) -> String {
    let text = name.replace('_', " ");
    let mut letters = text.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

fn field(t: &Texts, name: &str) -> String {
    match name {
        "subject" => t.subject,
        "status" => t.status,
        "priority" => t.priority,
        "category" => t.category,
        "tags" => t.tags,
        "customer_id" => t.customer,
        "assignee_id" => t.assignee,
        "assigned_at" => t.assigned_at,
        "message_count" => t.message_count,
        "unread" => t.unread_messages,
        "csat_score" => t.satisfaction,
        "first_response_at" => t.first_response,
        "resolved_at" => t.resolved_at,
        "closed_at" => t.closed_at,
        "created_at" => t.opened_at,
        other => return in_order(other),
    }
    .to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_no_text_of_its_own_is_still_readable() {
        assert_eq!(in_order("first_response_due_at"), "First response due at");
        assert_eq!(in_order(""), "");
    }
}
