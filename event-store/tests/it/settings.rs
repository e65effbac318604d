//! The log refuses a Postgres that could lose what it acknowledged.

use event_store::schema::{SchemaError, check_server, migrate};

#[tokio::test]
async fn an_unsafe_server_is_refused_and_named() {
    // The shared test server runs with fsync off.
    let (_, pool) = test_support::database().await;
    match check_server(&pool, false).await {
        Err(SchemaError::Unsafe(settings)) => assert!(settings.contains(&"fsync=off".to_owned()), "{settings:?}"),
        other => panic!("{other:?}"),
    }
    check_server(&pool, true).await.unwrap();
}

#[tokio::test]
async fn migrating_twice_at_once_is_harmless() {
    let (_, pool) = test_support::empty_database(&test_support::servers().database_url).await;
    let (a, b) = tokio::join!(migrate(&pool, 1_000), migrate(&pool, 1_000));
    a.unwrap();
    b.unwrap();
}
