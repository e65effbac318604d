//! A rough measure, for working on the engine: `cargo test --release -p projector speed -- --nocapture` with
//! `SILLAGE_SPEED_EVENTS=1000000`. Small by default, to see only that it works.

use crate::fixtures::{Boxes, Dice, Labels, Running, assert_equal_to_log, record, wait};
use event_store::Log;
use kernel::Position;
use projector::{Options, projection};
use std::time::Instant;
use uuid::Uuid;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn speed_of_catching_up() {
    let events: usize = std::env::var("SILLAGE_SPEED_EVENTS").ok().and_then(|text| text.parse().ok()).unwrap_or(10_000);
    let (_, pool) = test_support::database().await;
    let log = Log::new(pool.clone());
    let mut dice = Dice::new(1);
    let mut last = Position::ZERO;
    let mut made = 0;
    // Some ten events per box, of a thousand boxes at a time.
    while made < events {
        let part: Vec<_> = (0..20_000.min(events - made))
            .map(|number| {
                let (stream, category, event) = dice.event(1_000);
                (Uuid::from_u128(stream.as_u128() + u128::try_from((made + number) / 10).unwrap()), category, event)
            })
            .collect();
        made += part.len();
        last = record(&pool, 3, part).await;
    }
    for (name, model) in [("test.boxes", projection::<Boxes<1>>()), ("test.labels", projection::<Labels>())] {
        let begun = Instant::now();
        let running = Running::start(&log, vec![model], Options::default()).await;
        wait(&pool, name, last).await;
        let rate = i32::try_from(events).map(f64::from).unwrap_or(f64::MAX) / begun.elapsed().as_secs_f64();
        println!("{name}: {events} events in {:?}, {rate:.0} events/s", begun.elapsed());
        running.stop().await;
    }
    assert_equal_to_log::<Boxes<1>>(&log, 1).await;
    assert_equal_to_log::<Labels>(&log, 1).await;
}
