//! A read model over all tenants keeps its rows in the platform's.

use crate::fixtures::{Boxed, Dice, Running, assert_equal_to_log, record_some, wait};
use event_store::Log;
use kernel::{Column, ColumnKind, Keys, ReadModel, Recorded, Table, TenantId};
use projector::{Options, projection};
use serde::{Deserialize, Serialize};
use sqlx::query_as;
use uuid::Uuid;

/// How many things happened to boxes in each tenant.
struct Census;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct CensusRow {
    counted_in: TenantId,
    happened: i64,
}

impl ReadModel for Census {
    type Event = Boxed;
    type Key = TenantId;
    type Row = CensusRow;
    const NAME: &'static str = "test.census";
    const VERSION: i32 = 1;
    const TABLE: Table = Table {
        key: 1,
        columns: &[Column::new("counted_in", ColumnKind::Uuid), Column::new("happened", ColumnKind::BigInt)],
        indexes: &[],
    };

    fn home(_tenant_id: TenantId) -> TenantId {
        TenantId::PLATFORM
    }

    fn keys(event: &Recorded<Boxed>) -> Keys<TenantId> {
        Keys::One(event.tenant_id)
    }

    fn apply(row: Option<CensusRow>, key: &TenantId, _event: &Recorded<Boxed>) -> Option<CensusRow> {
        let happened = row.map_or(0, |row| row.happened) + 1;
        Some(CensusRow { counted_in: *key, happened })
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rows_of_all_tenants_are_at_home_in_the_platforms() {
    let (_, pool) = test_support::database().await;
    let log = Log::new(pool.clone());
    let mut dice = Dice::new(9);
    record_some(&pool, &mut dice, 300, 30).await;
    // With next to no memory, rows are also loaded again.
    let options = Options { hot_rows: 1, catch_up_rows: 1, batch: 7, catch_up_batch: 7, ..Options::default() };
    let running = Running::start(&log, vec![projection::<Census>()], options).await;
    let last = record_some(&pool, &mut dice, 200, 30).await;
    wait(&pool, "test.census", last).await;
    assert_eq!(assert_equal_to_log::<Census>(&log, 1).await, 3);
    let homes: Vec<(Uuid, i64)> =
        query_as("select tenant_id, count(*) from read.test_census group by tenant_id").fetch_all(&pool).await.unwrap();
    assert_eq!(homes, [(TenantId::PLATFORM.0, 3)]);
    running.stop().await;
}
