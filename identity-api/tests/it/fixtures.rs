//! What the tests share.

use event_store::{Role, schema};
use platform::http::{ClientAddress, Network};
use sqlx::PgPool;
use std::net::IpAddr;

/// A new database, as the engine sees it.
pub(crate) async fn engine() -> PgPool {
    let (url, _) = test_support::database().await;
    schema::connect(&url, "test-identity", Role::Engine, 10).await.expect("Postgres answers")
}

/// The network of an address.
pub(crate) fn network(address: &str) -> Network {
    ClientAddress(address.parse::<IpAddr>().expect("an address")).network()
}
