//! The description of the queries for analysts.

use super::list_events::EventPage;
use super::outgoing::EventDocument;
use super::{READ, get_correlation, get_event, list_events, stream_events};
use axum::http::{Method, StatusCode};
use kernel::Reach;
use platform::openapi::Operation;

const TENANT: &str =
    "Another tenant's id, or `all`: with the scope `analyst.tenants:read`. One's own unless said otherwise.";
const ARCHIVED: &str = "`log_archived`: that part of the log, up to `archived_up_to`, is in an archive.";
const MIN_POSITION: &str = "Wait (up to 3 s) until the log has got to this position.";

fn operation(path: &str, id: &str, docs: &str) -> Operation {
    Operation::new(Method::GET, path, id)
        .docs(docs)
        .query_parameter::<String>("tenant", false, TENANT)
        .problem(StatusCode::BAD_REQUEST, "A parameter is not known or not usable.")
        .problem(StatusCode::GONE, ARCHIVED)
        .problem(StatusCode::SERVICE_UNAVAILABLE, "The database is behind or away: try again after Retry-After.")
        .bearer(Some(READ.as_str()))
        .reach(Reach::All)
}

fn filtered(operation: Operation) -> Operation {
    [
        ("category", "Only these categories, with commas between: `support.ticket`."),
        ("type", "Only these event types, with commas between: `opened`, or in full `support.ticket.opened`."),
        ("stream_id", "Only of this stream."),
        ("actor_id", "Only by this actor."),
        ("correlation_id", "Only of this story."),
        ("command_id", "Only by this command."),
        ("recorded_from", "Recorded at this RFC 3339 time or later."),
        ("occurred_from", "Occurred at this time or later, by business or device time."),
        ("occurred_to", "Occurred before this time."),
    ]
    .into_iter()
    .fold(operation, |operation, (name, about)| operation.query_parameter::<String>(name, false, about))
    .query_parameter::<i64>("from_position", false, "From this position on.")
}

/// `GET /v1/events`
pub(super) fn list_events(path: &str) -> Operation {
    let docs = "Events that fit a filter, in the order of the log, as CloudEvents 1.0.\n\n\
        A page of JSON; with `Accept: application/x-ndjson` all of them, one per line, each with the `cursor` to go on \
        after it: a transfer that breaks is resumed with the last line's. Personal data is `[masked]` without the scope \
        `analyst.personal:read`; what was erased is `[erased]`. Old payloads are lifted to today's shape.";
    filtered(operation(path, list_events::NAME, docs))
        .query_parameter::<String>("recorded_to", false, "Recorded before this RFC 3339 time.")
        .query_parameter::<i64>("to_position", false, "Up to this position.")
        .query_parameter::<i64>(
            "limit",
            false,
            "Events per page, 1 to 100; of lines, as many as there are unless said.",
        )
        .query_parameter::<String>("cursor", false, "The `next_cursor` or `cursor` of an earlier page or line.")
        .query_parameter::<String>("min_position", false, MIN_POSITION)
        .response::<EventPage>(StatusCode::OK, "A page of them, or all as lines.")
        .response_text(StatusCode::OK, list_events::NDJSON, "")
        .response_header::<i64>(StatusCode::OK, "X-Position", "The end of what was searched.")
        .response_header::<String>(StatusCode::OK, "Link", "The next page, `rel=\"next\"` (RFC 8288).")
        .problem(StatusCode::CONFLICT, "`log_diverged`: the cursor belongs to another history of the log.")
        .problem(StatusCode::TOO_MANY_REQUESTS, "Too many long answers at once.")
}

/// `GET /v1/events/stream`
pub(super) fn stream_events(path: &str) -> Operation {
    let docs = "The log as it grows, by Server-Sent Events.\n\n\
        Each message is a CloudEvent; its id is a cursor. Without a beginning it tells what comes from now on; \
        `Last-Event-ID` or `cursor` goes on where an earlier stream ended, without a gap or a repeat. Every 15 s \
        something is sent. An event `reset` says that the history one has is not the log's any more (after a failover); \
        an event `end` says why the server ends the stream (`token_expired`, `shutting_down`): come back with the \
        Last-Event-ID.";
    filtered(operation(path, stream_events::NAME, docs))
        .query_parameter::<String>("cursor", false, "Where to go on; `Last-Event-ID` is stronger.")
        .header_parameter::<String>("Last-Event-ID", false, "The id of the last message that was received.")
        .response_text(StatusCode::OK, "text/event-stream", "Messages without end.")
        .problem(StatusCode::TOO_MANY_REQUESTS, "Too many long answers at once.")
}

/// `GET /v1/events/{event_id}`
pub(super) fn get_event(path: &str) -> Operation {
    operation(path, get_event::NAME, "One event by its id, as a CloudEvent.")
        .query_parameter::<String>("min_position", false, MIN_POSITION)
        .response_as::<EventDocument>(StatusCode::OK, "application/cloudevents+json", "The event.")
        .problem(StatusCode::NOT_FOUND, "There is no such event, or not for this caller.")
}

/// `GET /v1/correlations/{correlation_id}`
pub(super) fn get_correlation(path: &str) -> Operation {
    let docs = "A story: every event of a correlation, each after what caused it.";
    operation(path, get_correlation::NAME, docs)
        .query_parameter::<String>("min_position", false, MIN_POSITION)
        .response::<get_correlation::Story>(StatusCode::OK, "The story.")
        .problem(StatusCode::NOT_FOUND, "There is no such story, or not for this caller.")
        .problem(StatusCode::NOT_IMPLEMENTED, "The story is too long for one answer.")
}
