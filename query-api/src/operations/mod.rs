//! Operations: what the read models are doing, and what operators do about it. On the platform only.
//!
//! The one place of the read door where something is changed: not a thing of any tenant, but what queries are answered from.
//! What is done is the same as on the command line ([`projector::Operator`]), and noted with who did it and why.

mod acts;
mod description;
mod list_projection_acts;
mod log;
mod looks;
mod parked;
mod parts;

pub use log::{LogStanding, LookAtLog};

use crate::reading::Services;
use crate::routes::{Asking, QueryRoutes};
use axum::http::StatusCode;
use event_store::Log;
use kernel::{Scope, TenantId};
use platform::Problem;
use platform::auth::Identity;
use projector::{Operator, Projection};
use sqlx::PgPool;
use std::sync::Arc;

/// Looks at the read models at work.
pub const READ: Scope = Scope::new("operations.projection:read");
/// Rebuilds, switches, rolls back, retires.
pub const OPERATE: Scope = Scope::new("operations.projection:operate");

/// Looks at the log as a whole.
pub const LOG: Scope = Scope::new("operations.log:read");

/// What operators work with.
pub struct Operations {
    pub(crate) pool: PgPool,
    pub(crate) operator: Operator,
    pub(crate) log: Log,
    pub(crate) models: fn() -> Vec<Box<dyn Projection>>,
    pub(crate) standing: LookAtLog,
}

impl Operations {
    /// `pool` works as the owner of the tables; `log`, with its vault, as the engine. `models` are those that this program
    /// can fold.
    pub fn new(pool: PgPool, log: Log, models: fn() -> Vec<Box<dyn Projection>>, standing: LookAtLog) -> Self {
        Self { operator: Operator::new(pool.clone()), pool, log, models, standing }
    }
}

pub(crate) fn routes() -> QueryRoutes {
    QueryRoutes::new("/operations")
        .raw("/projections", looks::list, description::list)
        .raw("/projections/{name}", looks::one, description::one)
        .raw("/projections/{name}/comparison", looks::comparison, description::comparison)
        .raw_post("/projections/{name}/rebuild", acts::rebuild, description::rebuild)
        .raw_post("/projections/{name}/pause", acts::pause, description::pause)
        .raw_post("/projections/{name}/resume", acts::resume, description::resume)
        .raw_post("/projections/{name}/change", acts::change, description::change)
        .raw_post("/projections/{name}/cancel", acts::cancel, description::cancel)
        .raw_post("/projections/{name}/switch", acts::switch, description::switch)
        .raw_post("/projections/{name}/rollback", acts::rollback, description::rollback)
        .raw_post("/projections/{name}/retire", acts::retire, description::retire)
        .raw("/projections/{name}/parts", parts::list, description::parts)
        .raw_post("/projections/{name}/split", parts::split, description::split)
        .raw_post("/projections/{name}/merge", parts::merge, description::merge)
        .raw_post("/projections/{name}/heal", parts::heal, description::heal)
        .raw("/projections/{name}/parked-streams", parked::list, description::parked)
        .raw("/projections/{name}/parked-streams/{stream_id}", parked::one, description::parked_one)
        .raw_post("/projections/{name}/parked-streams/{stream_id}/resume", parked::resume, description::resume_parked)
        .raw_post("/projections/{name}/parked-streams/{stream_id}/skip", parked::skip_one, description::skip_parked)
        .raw("/log", log::status, description::log)
        .raw("/archives", log::archives, description::archives)
        .list::<list_projection_acts::ListProjectionActs>("/projection-acts")
}

/// Who asks, if he runs the installation and may. To everybody else there is nothing here.
async fn operator(
    services: &Services,
    asking: &Asking,
    scope: Scope,
    name: &'static str,
) -> Result<Arc<Identity>, Problem> {
    let identity = services.authorize(&asking.headers, scope, name, &asking.log).await?;
    if identity.tenant_id == TenantId::PLATFORM { Ok(identity) } else { Err(Problem::not_found()) }
}

fn operations(services: &Services) -> Result<&Operations, Problem> {
    services.operations().ok_or_else(|| {
        Problem::new(StatusCode::NOT_IMPLEMENTED, "operations_unavailable", "Not from here")
            .detail("this server's login does not own the read models' tables")
            .remedy("Ask a server whose login does, or use `sillage projections` where it is.")
    })
}
