//! The operators' door, on a port of its own: is it alive, is it ready, what does it measure.

use crate::telemetry::Metrics;
use axum::Json;
use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use serde::Serialize;
use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};

/// The content type of Prometheus' text format.
const PROMETHEUS_TEXT: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Named checks that say whether this process can do its work.
///
/// Whoever knows sets a check; reading them touches nothing else, so `/readyz` answers at once however
/// badly a dependency hangs. Clones are the same registry.
#[derive(Clone, Debug, Default)]
pub struct Readiness(Arc<RwLock<BTreeMap<String, CheckState>>>);

#[derive(Clone, Debug)]
struct CheckState {
    needed: Needed,
    failing: Option<String>,
}

/// Whether the process can do its work without it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Needed {
    /// No: while it fails, `/readyz` is 503.
    Required,
    /// Yes, more slowly or not everything: it is shown, and that is all.
    Optional,
}

/// One check, for whoever knows its state.
#[derive(Clone, Debug)]
pub struct Check {
    name: String,
    readiness: Readiness,
}

/// What `/readyz` answers.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// Whether requests should be sent here.
    pub ready: bool,
    /// Every check by name.
    pub checks: BTreeMap<String, CheckReport>,
}

/// One check in a [`Report`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CheckReport {
    /// Whether it is well.
    pub ok: bool,
    /// Whether the process can do without.
    pub needed: Needed,
    /// Why it is not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

impl Readiness {
    /// Nothing to check: ready.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a check. It fails until somebody has said that it is well.
    pub fn check(&self, name: impl Into<String>, needed: Needed) -> Check {
        let name = name.into();
        self.write().insert(name.clone(), CheckState { needed, failing: Some("not known yet".to_owned()) });
        Check { name, readiness: self.clone() }
    }

    /// Takes a check away, with the part of the process that it spoke for.
    pub fn remove(&self, name: &str) {
        self.write().remove(name);
    }

    /// Every check, and what follows from them.
    pub fn report(&self) -> Report {
        let checks = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let ready = checks.values().all(|check| check.failing.is_none() || check.needed == Needed::Optional);
        let checks = checks.iter().map(|(name, check)| {
            let report =
                CheckReport { ok: check.failing.is_none(), needed: check.needed, reason: check.failing.clone() };
            (name.clone(), report)
        });
        Report { ready, checks: checks.collect() }
    }

    fn write(&self) -> std::sync::RwLockWriteGuard<'_, BTreeMap<String, CheckState>> {
        self.0.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Check {
    /// It is well. Cheap when it already was.
    pub fn ok(&self) {
        let changed = self.differs(None);
        if changed && self.set(None) {
            tracing::info!(check = self.name, "the check {} is well", self.name);
        }
    }

    /// It is not well, and why. Logged once, when it begins or its reason changes.
    pub fn failing(&self, reason: impl Into<String>) {
        let reason = reason.into();
        if self.differs(Some(&reason)) && self.set(Some(reason.clone())) {
            tracing::warn!(check = self.name, reason, "the check {} fails", self.name);
        }
    }

    fn differs(&self, failing: Option<&str>) -> bool {
        let checks = self.readiness.0.read().unwrap_or_else(PoisonError::into_inner);
        checks.get(&self.name).is_some_and(|check| check.failing.as_deref() != failing)
    }

    fn set(&self, failing: Option<String>) -> bool {
        let mut checks = self.readiness.write();
        let Some(check) = checks.get_mut(&self.name) else { return false };
        check.failing = failing;
        true
    }
}

/// `/livez`, `/readyz`, `/healthz` (the same) and `/metrics`. Without authentication: bind it to where only
/// operators are.
pub fn router(readiness: Readiness, metrics: Metrics) -> Router {
    Router::new()
        .route("/livez", get(|| async { "alive\n" }))
        .route("/readyz", get(ready))
        .route("/healthz", get(ready))
        .with_state(readiness)
        .merge(Router::new().route("/metrics", get(measured)).with_state(metrics))
}

async fn ready(State(readiness): State<Readiness>) -> Response {
    let report = readiness.report();
    let status = if report.ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(report)).into_response()
}

async fn measured(State(metrics): State<Metrics>) -> Response {
    ([(CONTENT_TYPE, PROMETHEUS_TEXT)], metrics.render()).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::body::Body;
    use axum::http::Request;
    use tower::ServiceExt as _;

    async fn fetch(router: &Router, path: &str) -> (u16, String) {
        let request = Request::get(path).body(Body::empty()).unwrap();
        let response = router.clone().oneshot(request).await.unwrap();
        let status = response.status().as_u16();
        let body = axum::body::to_bytes(response.into_body(), 1 << 20).await.unwrap();
        (status, String::from_utf8(body.to_vec()).unwrap())
    }

    #[tokio::test]
    async fn ready_means_that_every_required_check_is_well() {
        let readiness = Readiness::new();
        let router = router(readiness.clone(), Metrics::unregistered());
        assert_eq!(fetch(&router, "/readyz").await.0, 200);
        let postgres = readiness.check("postgres", Needed::Required);
        let nats = readiness.check("nats", Needed::Optional);
        assert_eq!(fetch(&router, "/readyz").await.0, 503, "unknown is not well");
        postgres.ok();
        nats.failing("no connection");
        let (status, body) = fetch(&router, "/readyz").await;
        let report: serde_json::Value = serde_json::from_str(&body).unwrap();
        assert_eq!((status, &report["ready"]), (200, &true.into()));
        assert_eq!(
            report["checks"]["nats"],
            serde_json::json!({ "ok": false, "needed": "optional", "reason": "no connection" })
        );
        postgres.failing("connection refused");
        assert_eq!(fetch(&router, "/healthz").await.0, 503);
        readiness.remove("postgres");
        postgres.failing("late news of what is gone");
        assert_eq!(fetch(&router, "/readyz").await.0, 200);
    }

    #[tokio::test]
    async fn alive_and_measured_whatever_the_checks_say() {
        let readiness = Readiness::new();
        readiness.check("postgres", Needed::Required).failing("down");
        let metrics = Metrics::unregistered();
        let router = router(readiness, metrics);
        assert_eq!(fetch(&router, "/livez").await, (200, "alive\n".to_owned()));
        assert_eq!(fetch(&router, "/metrics").await.0, 200);
    }
}
