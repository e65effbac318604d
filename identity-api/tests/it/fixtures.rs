//! What the tests share.

use event_store::{Role, schema};
use platform::http::{ClientAddress, Network};
use sqlx::PgPool;
use std::net::IpAddr;

/// A new database, as the engine sees it.
pub(crate) async fn engine() -> PgPool {
    both().await.0
}

/// The same database as the engine sees it, and as whoever reads on behalf of tenants does.
pub(crate) async fn both() -> (PgPool, PgPool) {
    let (url, _) = test_support::database().await;
    let connect = async |role| schema::connect(&url, "test-identity", role, 8).await.expect("Postgres answers");
    (connect(Role::Engine).await, connect(Role::Tenant).await)
}

/// The network of an address.
pub(crate) fn network(address: &str) -> Network {
    ClientAddress(address.parse::<IpAddr>().expect("an address")).network()
}
