//! The description of what was sent to webhooks.

use super::{READ_WEBHOOKS, get_delivery, list_deliveries, list_replays};
use axum::http::{Method, StatusCode};
use kernel::Reach;
use platform::openapi::Operation;

fn operation(path: &str, id: &str, docs: &str) -> Operation {
    Operation::new(Method::GET, path, id)
        .tag("notifications")
        .docs(docs)
        .problem(StatusCode::BAD_REQUEST, "A parameter is not known or not usable.")
        .problem(StatusCode::NOT_FOUND, "There is no such thing, or not for this caller.")
        .problem(StatusCode::SERVICE_UNAVAILABLE, "The database is away: try again after Retry-After.")
        .bearer(Some(READ_WEBHOOKS.as_str()))
        .reach(Reach::All)
}

/// `GET /v1/notifications/webhooks/{webhook_id}/deliveries`
pub(super) fn list_deliveries(path: &str) -> Operation {
    let docs = "What was sent to a webhook and what became of it, the latest first; for 30 days after it is done. What was \
        sent and what was answered is not kept.";
    operation(path, list_deliveries::NAME, docs)
        .query_parameter::<String>("state", false, "Only `waiting`, `delivered`, `failed` or `let_go`.")
        .query_parameter::<i64>("limit", false, "Deliveries per page, 1 to 50.")
        .query_parameter::<String>("cursor", false, "The `next_cursor` of the page before.")
        .response::<list_deliveries::DeliveryPage>(StatusCode::OK, "A page of them.")
}

/// `GET /v1/notifications/webhook-deliveries/{delivery_id}`
pub(super) fn get_delivery(path: &str) -> Operation {
    let docs = "A delivery with every try: when, how long it took, what the other side answered.";
    operation(path, get_delivery::NAME, docs).response::<get_delivery::DeliveryShown>(StatusCode::OK, "The delivery.")
}

/// `GET /v1/notifications/webhooks/{webhook_id}/replays`
pub(super) fn list_replays(path: &str) -> Operation {
    let docs = "The replays of a webhook and how far each has come, the latest first.";
    operation(path, list_replays::NAME, docs).response::<list_replays::Replays>(StatusCode::OK, "The replays.")
}
