//! What is known about a caller beyond his token: whether his tenant may change things, and whom he leads.
//!
//! A token says what was so when it was issued. These two must be known sooner, so they are asked of somebody who looks
//! them up and remembers them for a few seconds.

use crate::problem::Problem;
use axum::http::StatusCode;
use kernel::{ActorId, Team, TenantId};
use std::pin::Pin;
use std::sync::Arc;

/// An answer that may have to be looked up.
pub type Answering<'a, T> = Pin<Box<dyn Future<Output = Result<T, Unknown>> + Send + 'a>>;

/// It could not be looked up now.
#[derive(Debug, thiserror::Error)]
#[error("the standing of a caller is not known now")]
pub struct Unknown(#[source] pub Box<dyn std::error::Error + Send + Sync>);

/// Knows it, or looks it up. What it says is five seconds old at most.
pub trait Standing: Send + Sync + 'static {
    /// Whether the tenant is suspended: it reads, and changes nothing.
    fn is_suspended(&self, tenant_id: TenantId) -> bool;

    /// Everybody below the actor in his tenant.
    fn team(&self, tenant_id: TenantId, actor_id: ActorId) -> Answering<'_, Team>;
}

/// Nobody is suspended and nobody leads anybody: for tests and for installations without tenants of their own.
pub struct Unranked;

impl Standing for Unranked {
    fn is_suspended(&self, _tenant_id: TenantId) -> bool {
        false
    }

    fn team(&self, _tenant_id: TenantId, _actor_id: ActorId) -> Answering<'_, Team> {
        Box::pin(async { Ok(Team::none()) })
    }
}

/// Whoever answers.
pub type SharedStanding = Arc<dyn Standing>;

/// 503: the caller tries again.
impl From<Unknown> for Problem {
    fn from(error: Unknown) -> Self {
        Self::unavailable("Who leads whom cannot be looked up now", 2).because(&error)
    }
}

/// 403 `tenant_suspended`: what a command gets while its tenant is suspended.
pub fn tenant_suspended() -> Problem {
    Problem::new(StatusCode::FORBIDDEN, "tenant_suspended", "The tenant is suspended")
        .detail("nothing can be changed; reading goes on")
        .remedy("Ask the administrator of the tenant to settle it with the operator of the platform.")
}
