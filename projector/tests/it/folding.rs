//! What the engine folds is what the log tells, whatever the batches.

use crate::fixtures::{Boxes, Dice, Labels, Running, assert_equal_to_log, digest, models, record_some, wait};
use event_store::Log;
use projector::Options;

/// Scorecard row 56: the same log gives the same tables, bit for bit, for batches of 1, 7 and 500, live and catching up, with
/// much memory and with next to none.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_log_gives_the_same_tables_whatever_the_batches() {
    let mut digests = Vec::new();
    for (size, hot_rows) in [(1, 1), (7, 3), (500, 10_000), (5_000, 20)] {
        let (_, pool) = test_support::database().await;
        let log = Log::new(pool.clone());
        let options =
            Options { batch: size, catch_up_batch: size, hot_rows, catch_up_rows: hot_rows, ..Options::default() };
        let mut dice = Dice::new(56);
        let before = record_some(&pool, &mut dice, 1_500, 60).await;
        let running = Running::start(&log, models(), options).await;
        wait(&pool, "test.boxes", before).await;
        wait(&pool, "test.labels", before).await;
        let mut last = before;
        for _ in 0..5 {
            last = record_some(&pool, &mut dice, 100, 60).await;
        }
        wait(&pool, "test.boxes", last).await;
        wait(&pool, "test.labels", last).await;
        assert!(assert_equal_to_log::<Boxes<1>>(&log, 1).await > 20);
        assert!(assert_equal_to_log::<Labels>(&log, 1).await > 20);
        digests.push((digest(&pool, "test_boxes").await, digest(&pool, "test_labels").await));
        running.stop().await;
    }
    assert!(digests.iter().all(|digest| *digest == digests[0]), "{digests:?}");
}
