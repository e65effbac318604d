//! A changed read model is tried on history beside the one that serves, and nothing is touched.

use crate::fixtures::{Boxes, Dice, Running, digest, record_some, tenant, wait};
use event_store::{Log, Role, schema};
use kernel::{Position, ReadModel as _, Rows};
use projector::sandbox::{self, SandboxError, Stretch};
use projector::{Options, projection};
use std::collections::BTreeSet;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_changed_rule_is_tried_on_history_and_touches_nothing() {
    let (url, pool) = test_support::database().await;
    let log = Log::new(pool.clone());
    let last = record_some(&pool, &mut Dice::new(5), 2_000, 100).await;
    let running = Running::start(&log, vec![projection::<Boxes<1>>()], Options::default()).await;
    wait(&pool, "test.boxes", last).await;
    running.stop().await;
    let before = digest(&pool, "test_boxes").await;

    // As whoever reads for one tenant at a time.
    let of_tenant = Log::new(schema::connect(&url, "sandbox", Role::Tenant, 2).await.unwrap());
    let now = chrono::Utc::now();
    let stretch = Stretch { tenant_id: tenant(0), after: Position::ZERO, up_to: last, most: u64::MAX };
    let same = sandbox::run(&of_tenant, stretch, now, Rows::<Boxes<1>>::default(), Rows::<Boxes<1>>::default());
    let same = same.await.unwrap();
    assert!(!same.tried.is_empty() && same.differences().is_empty());
    // The baseline is what readers are shown.
    let shown: i64 = sqlx::query_scalar("select count(*) from read.test_boxes where tenant_id = $1")
        .bind(tenant(0).0)
        .fetch_one(&pool)
        .await
        .unwrap();
    assert_eq!(same.baseline.len(), usize::try_from(shown).unwrap());

    let changed = sandbox::run(&of_tenant, stretch, now, Rows::<Boxes<2>>::default(), Rows::<Boxes<1>>::default());
    let changed = changed.await.unwrap();
    let differing: BTreeSet<_> = changed.differences().into_iter().map(|one| format!("{:?}", one.key)).collect();
    let expected: BTreeSet<_> = changed
        .tried
        .iter()
        .filter(|(key, row)| changed.baseline.get(key) != Some(row))
        .map(|(key, _)| format!("{key:?}"))
        .collect();
    assert!(!differing.is_empty() && differing == expected, "{} differ", differing.len());
    assert_eq!(digest(&pool, "test_boxes").await, before, "nothing was touched");
    let generations: i64 = sqlx::query_scalar("select count(*) from projection.projections where name = $1")
        .bind(Boxes::<1>::NAME)
        .fetch_one(&pool)
        .await
        .unwrap();
    assert_eq!(generations, 1);

    let few = Stretch { most: 10, ..stretch };
    let refused = sandbox::run(&log, few, now, Rows::<Boxes<2>>::default(), Rows::<Boxes<1>>::default()).await;
    assert!(matches!(refused, Err(SandboxError::TooMany(10))));
}
