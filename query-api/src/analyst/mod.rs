//! History for analysts: any events of a tenant, found, followed live, and traced to their causes.

mod asked;
mod description;
mod get_correlation;
mod get_event;
mod list_events;
mod outgoing;
mod seats;
mod sight;
mod stream_events;

pub use outgoing::Outgoing;
pub(crate) use seats::Seats;

use crate::routes::QueryRoutes;
use kernel::Scope;

/// Reads the events of one's tenant, personal data masked.
pub const READ: Scope = Scope::new("analyst.events:read");
/// Also shows personal data.
pub const PERSONAL: Scope = Scope::new("analyst.personal:read");
/// Also names other tenants: for those who run Sillage, part of roles of the platform's tenant only.
pub const TENANTS: Scope = Scope::new("analyst.tenants:read");

pub(crate) fn routes() -> QueryRoutes {
    QueryRoutes::new("/events")
        .raw("", list_events::answer, description::list_events)
        .raw("/stream", stream_events::answer, description::stream_events)
        .raw("/{event_id}", get_event::answer, description::get_event)
        .merge(QueryRoutes::new("/correlations").raw(
            "/{correlation_id}",
            get_correlation::answer,
            description::get_correlation,
        ))
}
