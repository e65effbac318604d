//! States come from the cache, from snapshots or from the log, and are the same.

use crate::fixtures::{Counter, TENANT, append, change, store};
use event_store::{Log, States};
use kernel::{Source, Version};
use std::time::Duration;
use uuid::Uuid;

#[tokio::test]
async fn a_long_stream_is_folded_right_with_and_without_its_snapshot() {
    let store = store().await;
    let log = Log::new(store.for_tenants(4).await);
    let stream = Uuid::now_v7();
    let ones = vec![1; 1_000];
    store.appender.append(append(vec![change(stream, 0, &ones)])).await.unwrap();
    let snapshots = async || -> i64 {
        sqlx::query_scalar("select count(*) from log.snapshots").fetch_one(&store.pool).await.unwrap()
    };
    assert_eq!(snapshots().await, 0);
    for _ in 0..2 {
        let states = States::new(log.clone(), 10);
        let loaded = states.of(TENANT, None).load::<Counter>(stream).await.unwrap();
        assert_eq!((loaded.version, loaded.state.total), (Version(1_000), 1_000));
        while snapshots().await == 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
    store.appender.append(append(vec![change(stream, 1_000, &[5])])).await.unwrap();
    let loaded = States::new(log.clone(), 10).of(TENANT, None).load::<Counter>(stream).await.unwrap();
    assert_eq!((loaded.version, loaded.state.total), (Version(1_001), 1_005));
    // A snapshot of another build is not believed.
    sqlx::query("update log.snapshots set build = gen_random_uuid(), state = '{\"total\":-1}'")
        .execute(&store.pool)
        .await
        .unwrap();
    let loaded = States::new(log.clone(), 10).of(TENANT, None).load::<Counter>(stream).await.unwrap();
    assert_eq!(loaded.state.total, 1_005);
}

#[tokio::test]
async fn another_tenant_sees_nothing() {
    let store = store().await;
    let log = Log::new(store.for_tenants(4).await);
    let stream = Uuid::now_v7();
    store.appender.append(append(vec![change(stream, 0, &[1])])).await.unwrap();
    let other = kernel::TenantId(Uuid::from_u128(0xb0b));
    let loaded = States::new(log.clone(), 10).of(other, None).load::<Counter>(stream).await.unwrap();
    assert_eq!(loaded.version, Version::ZERO);
}
