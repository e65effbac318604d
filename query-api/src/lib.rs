//! The read door: one file per query, one generic handler per shape (detail, history, list).
//!
//! Every answer says at which position of the log it holds; `min_position` waits until a read model has got that far.

pub mod analyst;
mod as_of;
mod cursor;
mod description;
mod detail;
mod diff;
mod field_sales;
mod files;
mod history;
mod identity;
mod labels;
mod list;
mod messaging;
mod notifications;
pub mod operations;
mod parameters;
mod personal;
mod reading;
mod routes;
mod search;
mod support;
mod view_counts;
mod visible;

pub use reading::Services;
pub use routes::QueryRoutes;
pub use support::{TargetCounts, TicketTargetsAnswer, TicketTargetsQuestion, what_if_ticket_targets};

use axum::Router;
use std::sync::Arc;
use utoipa::openapi::OpenApi;

/// Every query of every context.
pub fn routes() -> QueryRoutes {
    QueryRoutes::default()
        .merge(support::routes())
        .merge(messaging::routes())
        .merge(notifications::routes())
        .merge(field_sales::routes())
        .merge(files::routes())
        .merge(analyst::routes())
        .merge(identity::routes())
        .merge(operations::routes())
        .merge(labels::routes())
}

/// The query API as an axum router, under `/v1`.
pub fn router(services: Arc<Services>) -> Router {
    routes().into_router(services)
}

/// The query API's description.
pub fn openapi() -> OpenApi {
    routes().openapi()
}
