//! How far somebody may look: which tenants, up to where in the log, and whether he sees personal data.

use super::{PERSONAL, READ, TENANTS};
use crate::as_of::read_problem;
use crate::parameters::{Parameters, invalid};
use crate::reading::{MAX_WAIT, Seen, Services, beyond};
use axum::http::{HeaderMap, StatusCode};
use event_store::Head;
use event_store::analysis::Cursor;
use kernel::{Position, TenantId};
use platform::Problem;
use platform::auth::Identity;
use platform::request_log::RequestLog;
use std::sync::Arc;

/// Who looks, and at whose events.
pub(super) struct Sight {
    pub(super) identity: Arc<Identity>,
    /// `None`: every tenant's.
    pub(super) tenant_id: Option<TenantId>,
    pub(super) sees_personal: bool,
}

impl Sight {
    /// Authorizes the caller, and reads whose events he wants: his own tenant's unless he may and does say otherwise.
    pub(super) async fn of(
        services: &Services,
        headers: &HeaderMap,
        parameters: &mut Parameters,
        name: &'static str,
        log: &RequestLog,
    ) -> Result<Self, Problem> {
        let identity = services.authorize(headers, READ, name, log).await?;
        let own = Some(identity.tenant_id);
        let tenant_id = match parameters.take("tenant").as_deref() {
            None => own,
            Some("all") => None,
            Some(text) => {
                let id = text.parse().map_err(|_| invalid("tenant").detail("expected a UUID or `all`"))?;
                Some(TenantId(id))
            }
        };
        if tenant_id != own {
            identity.require(TENANTS)?;
        }
        if tenant_id.is_none() && services.following().is_none() {
            return Err(Problem::new(
                StatusCode::NOT_IMPLEMENTED,
                "all_tenants_unavailable",
                "Not all tenants at once here",
            )
            .remedy("Ask for one tenant, or ask a server whose login may work as sillage_engine."));
        }
        let sees_personal = identity.scopes.contains(PERSONAL);
        Ok(Self { identity, tenant_id, sees_personal })
    }
}

/// The end of what may be shown.
pub(super) struct Horizon {
    /// The log.
    pub(super) head: Head,
    /// Up to here this process knows it to be on disk.
    pub(super) shown: Position,
}

/// The end of the log as far as it is on disk, once it has got to `at_least`.
pub(super) async fn horizon(services: &Services, at_least: Option<Seen>) -> Result<Horizon, Problem> {
    let epoch = at_least.and_then(|seen| seen.epoch);
    let at_least = at_least.map(|seen| seen.position).unwrap_or_default();
    let behind = || {
        Problem::unavailable("The log has not got that far yet", 1)
            .detail(format!("position {at_least} was not reached within {} s", MAX_WAIT.as_secs()))
    };
    if at_least > Position::ZERO && !services.log.has(epoch, at_least).await.map_err(|error| read_problem(&error))? {
        return Err(beyond(at_least));
    }
    let Some(following) = services.following() else {
        let head = services.log.durable_head().await.map_err(|error| read_problem(&error))?;
        return if head.position < at_least { Err(behind()) } else { Ok(Horizon { head, shown: head.position }) };
    };
    let tail = &following.tail;
    if at_least > tail.head() {
        let away = |error| Problem::unavailable("The log cannot be followed now", 2).because(&error);
        let waited = tokio::time::timeout(MAX_WAIT, tail.next(Position(at_least.0 - 1), 1)).await;
        waited.map_err(|_| behind())?.map_err(away)?;
    }
    let shown = tail.head();
    let head = services.log.head().await.map_err(|error| read_problem(&error))?;
    // After a failover the log may end before what was heard of the one before.
    Ok(Horizon { shown: shown.min(head.position), head })
}

/// Takes `cursor`: where to go on, in this life of the log.
pub(super) fn cursor(parameters: &mut Parameters) -> Result<Option<Cursor>, Problem> {
    let wrong = || {
        invalid("cursor")
            .detail("it is not a cursor of the log")
            .remedy("Send a cursor as it came, or leave it out to begin with the first event.")
    };
    parameters.take("cursor").map(|text| text.parse().map_err(|_| wrong())).transpose()
}

/// The place of a cursor, if it still means what it meant.
pub(super) fn placed(cursor: Cursor, head: &Head) -> Result<Position, Problem> {
    if cursor.belongs_to(head) && cursor.position <= head.position {
        return Ok(cursor.position);
    }
    Err(Problem::new(StatusCode::CONFLICT, "log_diverged", "The cursor belongs to another history of the log")
        .detail("after a failover or a restore the same positions may mean other events")
        .remedy("Read again from where you last trust what you have, by from_position.")
        .extra("epoch", head.epoch.0))
}
