//! The write door: one route line per command, one generic handler.
//!
//! The path of a command: [`routes`] names it, [`execute`] authenticates, parses, loads, decides and appends, and
//! [`reply`] says what happened.

mod batch;
mod description;
mod execute;
mod field_sales;
mod files;
mod flights;
mod identity;
mod imports;
mod late;
mod messaging;
mod notifications;
mod reply;
mod routes;
mod support;
mod webhooks;

pub use execute::Services;
pub use imports::{IMPORT_MAX_BYTES, IMPORTS};
pub use routes::CommandRoutes;

use axum::Router;
use std::sync::Arc;
use utoipa::openapi::OpenApi;

/// Every command of every context.
pub fn routes() -> CommandRoutes {
    CommandRoutes::default()
        .merge(support::routes())
        .merge(messaging::routes())
        .merge(notifications::routes())
        .merge(field_sales::routes())
        .merge(identity::routes())
        .merge(files::routes())
        .merge(webhooks::routes())
}

/// The command API as an axum router, under `/v1`.
pub fn router(services: Arc<Services>) -> Router {
    routes().into_router(services)
}

/// The command API's description.
pub fn openapi() -> OpenApi {
    routes().openapi()
}
