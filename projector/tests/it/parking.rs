//! Streams that a read model cannot go on with: set aside in order, and brought back.

use crate::fixtures::{
    self, BoxId, Boxed, Boxes, Dice, Labels, MendedBoxes, Running, Unreadable, assert_equal_to_log, digest, models,
    record, record_boxed, record_some, state, until, wait,
};
use event_store::Log;
use kernel::{Event, Position};
use projector::acts::{Act, By, Queue, not_recorded};
use projector::aside::{ParkedStream, parked_streams, waiting_events};
use projector::parking::{ParkingError, Request, skip};
use projector::{Options, Projection, ProjectionStatus, State, projection};
use sqlx::{PgPool, query, query_scalar};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use uuid::Uuid;

const BAD: u128 = 0xbad;

async fn record_bad(pool: &PgPool, event: impl Event) -> Position {
    record_boxed(pool, BAD, event).await
}

fn put(amount: i64) -> Boxed {
    let (label, tags) = ("oak".to_owned(), Vec::new());
    Boxed::Put { amount, label, ratio: 0.5, colour: crate::fixtures::Colour::Red, day: None, tags }
}

async fn boxes_status(log: &Log) -> ProjectionStatus {
    let all = projector::status(log.pool()).await.unwrap();
    all.into_iter().find(|status| status.name == "test.boxes").expect("it is declared")
}

async fn parked(pool: &PgPool, name: &str) -> Vec<ParkedStream> {
    parked_streams(pool).await.unwrap().into_iter().filter(|one| one.name == name).collect()
}

/// The same read model under the same version, as it is when its bug is mended.
fn mended() -> Vec<Box<dyn Projection>> {
    vec![projection::<MendedBoxes>(), projection::<Labels>()]
}

fn request(parked: &ParkedStream, dry_run: bool) -> Request {
    Request {
        generation: parked.generation,
        stream: parked.stream.clone(),
        dry_run,
        by: By::on_the_command_line("somebody", Some("a test".to_owned())),
    }
}

/// The stream of these events is parked, and says why once.
async fn assert_waits(log: &Log, positions: [Position; 3], reason: &str) {
    let status = boxes_status(log).await;
    assert_eq!((status.parked_streams, status.parked_position), (1, Some(positions[0])), "{status:?}");
    let error = status.parked_error.as_deref().unwrap();
    assert!(!error.contains("position") && error.matches(reason).count() == 1, "{error}");
    let parked = parked(log.pool(), "test.boxes").await;
    assert_eq!((parked.len(), parked[0].waiting, parked[0].stream.stream_id), (1, 3, Uuid::from_u128(BAD)));
    let queue = waiting_events(log.pool(), &parked[0], 10).await.unwrap();
    assert_eq!(queue.iter().map(|event| event.position).collect::<Vec<_>>(), positions);
}

/// Scorecard row 15. `live`: the event comes while the projections follow the log; otherwise it is there before they start.
async fn one_stream_is_parked_and_everybody_goes_on(bad: impl Event, reason: &str, live: bool) {
    let (_, pool) = test_support::database().await;
    let log = Log::new(pool.clone());
    let mut dice = Dice::new(15);
    let before = record_some(&pool, &mut dice, 700, 50).await;
    let mut running = None;
    if live {
        let started = Running::start(&log, models(), Options::default()).await;
        wait(&pool, "test.boxes", before).await;
        wait(&pool, "test.labels", before).await;
        running = Some(started);
    }
    record_bad(&pool, put(2)).await;
    let bad = record_bad(&pool, bad).await;
    // Not one that mends the row: what is folded together is written once.
    let waits = record_bad(&pool, Boxed::Taken { amount: 1 }).await;
    let last = record_some(&pool, &mut dice, 700, 50).await;
    let running = match running {
        Some(running) => running,
        None => Running::start(&log, models(), Options::default()).await,
    };
    wait(&pool, "test.labels", last).await;
    wait(&pool, "test.boxes", last).await;
    let more = record_bad(&pool, Boxed::Taken { amount: 2 }).await;
    wait(&pool, "test.boxes", more).await;
    fixtures::live(&pool, "test.boxes", 1).await;

    assert_waits(&log, [bad, waits, more], reason).await;
    // What is not set aside is folded, and nothing else.
    assert!(assert_equal_to_log::<Boxes<1>>(&log, 1).await > 20);
    assert!(assert_equal_to_log::<Labels>(&log, 1).await > 20);
    running.stop().await;

    // Repaired (in a test, by a change of history), the stream goes on from exactly there.
    query("update log.events set type = 'taken', data = '{\"amount\":1}' where position = $1")
        .bind(bad.0)
        .execute(&pool)
        .await
        .unwrap();
    for parked in parked_streams(&pool).await.unwrap() {
        let model = models().into_iter().find(|model| model.name() == parked.name).unwrap();
        let resumed = model.resume(&log, &request(&parked, false)).await.unwrap();
        assert_eq!((resumed.folded, resumed.waiting, &resumed.stopped), (3, 0, &None), "{resumed:?}");
    }
    let running = Running::start(&log, models(), Options::default()).await;
    let more = record_bad(&pool, put(8)).await;
    wait(&pool, "test.boxes", more).await;
    wait(&pool, "test.labels", more).await;
    assert_eq!(parked_streams(&pool).await.unwrap(), []);
    assert!(assert_equal_to_log::<Boxes<1>>(&log, 1).await > 20);
    assert!(assert_equal_to_log::<Labels>(&log, 1).await > 20);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_that_makes_a_read_model_panic_is_parked() {
    let reason = "the read model panicked: a cursed box";
    one_stream_is_parked_and_everybody_goes_on(Boxed::Cursed {}, reason, true).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_panic_is_found_among_thousands_while_catching_up() {
    let reason = "the read model panicked: a cursed box";
    one_stream_is_parked_and_everybody_goes_on(Boxed::Cursed {}, reason, false).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_row_that_postgres_refuses_parks_its_stream() {
    // Longer than an index entry can be, even compressed.
    let mut dice = Dice::new(4);
    let label = (0..9_000).map(|_| char::from(b'a' + u8::try_from(dice.roll(26)).unwrap())).collect();
    one_stream_is_parked_and_everybody_goes_on(Boxed::Inked { label }, "index row", true).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_row_that_cannot_be_stored_is_found_while_catching_up() {
    let bad = Boxed::Inked { label: "a\0b".to_owned() };
    one_stream_is_parked_and_everybody_goes_on(bad, "NUL", false).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_with_a_damaged_event_is_parked() {
    let reason = "reading test.box.taken";
    one_stream_is_parked_and_everybody_goes_on(Unreadable::Taken { amount: "x".into() }, reason, true).await;
}

/// A log with a cursed box, folded as far as it goes.
async fn with_a_curse() -> (PgPool, Log, Running, Position) {
    let (_, pool) = test_support::database().await;
    let log = Log::new(pool.clone());
    record_some(&pool, &mut Dice::new(1), 300, 30).await;
    record_bad(&pool, put(2)).await;
    let bad = record_bad(&pool, Boxed::Cursed {}).await;
    record_bad(&pool, put(4)).await;
    let last = record_bad(&pool, Boxed::Taken { amount: 1 }).await;
    let running = Running::start(&log, models(), Options::default()).await;
    wait(&pool, "test.boxes", last).await;
    wait(&pool, "test.labels", last).await;
    (pool, log, running, bad)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dry_run_says_what_would_happen_and_changes_nothing() {
    let (pool, log, running, bad) = with_a_curse().await;
    let parked = parked(&pool, "test.boxes").await.remove(0);
    let before = (digest(&pool, "test_boxes").await, parked_streams(&pool).await.unwrap());
    let same = async || assert_eq!((digest(&pool, "test_boxes").await, parked_streams(&pool).await.unwrap()), before);
    let still = projection::<Boxes<1>>().resume(&log, &request(&parked, true)).await.unwrap();
    assert_eq!((still.folded, still.waiting, still.rows), (0, 3, 0), "{still:?}");
    let stopped = still.stopped.unwrap();
    assert_eq!((stopped.position, stopped.reason.as_str()), (bad, "the read model panicked: a cursed box"));
    same().await;
    let then = projection::<MendedBoxes>().resume(&log, &request(&parked, true)).await.unwrap();
    assert_eq!((then.folded, then.waiting, then.rows, &then.stopped), (3, 0, 1, &None), "{then:?}");
    assert!(!then.from_the_beginning);
    assert!(then.changes[0].before.as_deref().unwrap().contains("amount: 2"), "{then:?}");
    assert!(then.changes[0].after.as_deref().unwrap().contains("amount: 5"), "{then:?}");
    same().await;
    let acts: i64 =
        query_scalar("select (select count(*) from projection.parking_acts) + (select count(*) from projection.acts)")
            .fetch_one(&pool)
            .await
            .unwrap();
    assert_eq!(acts, 0, "a dry run is no act");
    running.stop().await;
}

/// Resuming in vain changes nothing but the record of it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_still_cannot_be_folded_stays_parked() {
    let (pool, log, running, bad) = with_a_curse().await;
    let one = parked(&pool, "test.boxes").await.remove(0);
    let before = digest(&pool, "test_boxes").await;
    let resumed = projection::<Boxes<1>>().resume(&log, &request(&one, false)).await.unwrap();
    assert_eq!(resumed.stopped.unwrap().position, bad);
    assert_eq!(digest(&pool, "test_boxes").await, before);
    let again = parked(&pool, "test.boxes").await.remove(0);
    assert!(again.position == bad && again.tried_at.is_some() && again.waiting == 3);
    running.stop().await;
}

/// The queue is folded up to the very event that Postgres still refuses.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_resumed_stream_stops_at_the_next_event_that_cannot_be_folded() {
    let (pool, log, running, _) = with_a_curse().await;
    record_bad(&pool, put(10)).await;
    let bad = record_bad(&pool, Boxed::Inked { label: "a\0b".to_owned() }).await;
    let last = record_bad(&pool, Boxed::Taken { amount: 3 }).await;
    wait(&pool, "test.boxes", last).await;
    let one = parked(&pool, "test.boxes").await.remove(0);
    let resumed = projection::<MendedBoxes>().resume(&log, &request(&one, false)).await.unwrap();
    assert_eq!((resumed.folded, resumed.waiting), (4, 2), "{resumed:?}");
    assert_eq!(resumed.stopped.as_ref().unwrap().position, bad, "{resumed:?}");
    let left = parked(&pool, "test.boxes").await.remove(0);
    assert_eq!((left.position, left.waiting), (bad, 2));
    assert!(left.error.contains("NUL"), "{}", left.error);
    assert!(assert_equal_to_log::<MendedBoxes>(&log, 1).await > 20);
    running.stop().await;
}

/// Another stream has touched the row since: folding the queue onto it would be another order than the log's.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rows_that_others_have_touched_are_folded_in_the_order_of_the_log() {
    let (pool, log, running, _) = with_a_curse().await;
    let tied = Boxed::Tied { to: vec![BoxId(Uuid::from_u128(BAD)), BoxId(Uuid::from_u128(7))] };
    let other = BAD + 3;
    record_boxed(&pool, other, tied).await;
    // Gone and made anew: in another order something else would be left.
    record_bad(&pool, Boxed::Burnt {}).await;
    let tied = Boxed::Tied { to: vec![BoxId(Uuid::from_u128(BAD))] };
    record_boxed(&pool, other + 3, tied).await;
    let last = record_bad(&pool, put(1)).await;
    wait(&pool, "test.boxes", last).await;
    let one = parked(&pool, "test.boxes").await.remove(0);
    let resumed = projection::<MendedBoxes>().resume(&log, &request(&one, false)).await.unwrap();
    assert!(resumed.from_the_beginning && resumed.stopped.is_none(), "{resumed:?}");
    assert_eq!(parked(&pool, "test.boxes").await, []);
    assert!(assert_equal_to_log::<MendedBoxes>(&log, 1).await > 20);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_skip_takes_out_one_event_and_is_recorded() {
    let (pool, log, running, bad) = with_a_curse().await;
    let one = parked(&pool, "test.boxes").await.remove(0);
    let wrong = skip(&log, "test.boxes", &request(&one, false), bad.next()).await;
    assert!(matches!(wrong, Err(ParkingError::NotFirst { first, .. }) if first == bad), "{wrong:?}");
    let tried = skip(&log, "test.boxes", &request(&one, true), bad).await.unwrap();
    assert_eq!(parked(&pool, "test.boxes").await.len(), 1, "a dry run");
    let skipped = skip(&log, "test.boxes", &request(&one, false), bad).await.unwrap();
    assert_eq!((skipped, skipped.next), (tried, Some(bad.next())));
    let twice = skip(&log, "test.boxes", &request(&one, false), bad).await;
    assert!(matches!(twice, Err(ParkingError::NotFirst { .. })), "one event at a time: {twice:?}");
    // The rest of the queue can be folded by the code as it is.
    let resumed = projection::<Boxes<1>>().resume(&log, &request(&one, false)).await.unwrap();
    assert_eq!((resumed.folded, resumed.stopped), (2, None));
    let last = record_bad(&pool, put(100)).await;
    wait(&pool, "test.boxes", last).await;
    let amount: i64 = query_scalar("select amount from read.test_boxes where id = $1")
        .bind(Uuid::from_u128(BAD))
        .fetch_one(&pool)
        .await
        .unwrap();
    assert_eq!(amount, 2 + 4 - 1 + 100);
    assert!(assert_equal_to_log::<Boxes<1>>(&log, 1).await > 20, "a skipped event is not missed");
    let acts: Vec<(String, String, Option<String>, i64, String)> =
        sqlx::query_as("select act, operator, reason, position, outcome from projection.parking_acts order by id")
            .fetch_all(&pool)
            .await
            .unwrap();
    let said = |act: &str, at: Position, outcome: &str| {
        (act.to_owned(), "somebody".to_owned(), Some("a test".to_owned()), at.0, outcome.to_owned())
    };
    assert_eq!(
        acts,
        [
            said("skipped", bad, &format!("{} is the first to wait", bad.next())),
            said("stream_resumed", bad.next(), "2 folded; unparked")
        ]
    );
    // And, without words that may quote an event, for the log.
    let noted = not_recorded(&pool, 10).await.unwrap();
    let queue = |at: Position, folded, next_position| {
        Some(Queue { stream: one.stream.clone(), position: at, folded, next_position })
    };
    let told: Vec<_> = noted.into_iter().map(|act| (act.act, act.queue, act.by.to_string(), act.by.reason)).collect();
    let by = || ("somebody".to_owned(), Some("a test".to_owned()));
    assert_eq!(
        told,
        [
            (Act::Skipped, queue(bad, 0, Some(bad.next())), by().0, by().1),
            (Act::StreamResumed, queue(bad.next(), 2, None), by().0, by().1),
        ]
    );
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn when_the_last_event_that_waits_is_skipped_the_stream_goes_on() {
    let (_, pool) = test_support::database().await;
    let log = Log::new(pool.clone());
    record_bad(&pool, put(2)).await;
    let bad = record_bad(&pool, Boxed::Cursed {}).await;
    let running = Running::start(&log, models(), Options::default()).await;
    wait(&pool, "test.boxes", bad).await;
    let one = parked(&pool, "test.boxes").await.remove(0);
    assert_eq!(skip(&log, "test.boxes", &request(&one, false), bad).await.unwrap().next, None);
    let gone = skip(&log, "test.boxes", &request(&one, false), bad).await;
    assert!(matches!(gone, Err(ParkingError::NotParked { .. })), "{gone:?}");
    let last = record_bad(&pool, put(3)).await;
    wait(&pool, "test.boxes", last).await;
    assert_eq!(assert_equal_to_log::<Boxes<1>>(&log, 1).await, 1);
    running.stop().await;
}

/// LAW 7: what this build does not know stops it, wherever it stands; a queue is no place to hide it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_unknown_event_in_a_parked_stream_stops_the_read_model() {
    let (pool, log, running, _) = with_a_curse().await;
    let unknown = record_bad(&pool, Unreadable::Dropped {}).await;
    until("it has stopped", async || state(&log, "test.boxes", 1).await == State::Failed).await;
    let status = boxes_status(&log).await;
    assert_eq!(status.error_position, Some(unknown));
    assert!(status.position < unknown && status.error.unwrap().contains("test.box.dropped"));
    running.stop().await;
}

/// A bug in the read model itself would park every stream: that is no longer about single streams.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_too_many_parked_streams_the_read_model_stops() {
    let (_, pool) = test_support::database().await;
    let log = Log::new(pool.clone());
    record_some(&pool, &mut Dice::new(1), 50, 10).await;
    let mut last = Position::ZERO;
    for number in 0..6 {
        last = record_boxed(&pool, BAD + number, Boxed::Cursed {}).await;
    }
    let running = Running::start(&log, models(), Options { parked_streams: 4, ..Options::default() }).await;
    wait(&pool, "test.labels", last).await;
    until("it has stopped", async || state(&log, "test.boxes", 1).await == State::Failed).await;
    let status = boxes_status(&log).await;
    assert_eq!(status.parked_streams, 4);
    let error = status.error.unwrap();
    assert_eq!(error, "4 streams are parked already: the read model panicked: a cursed box");
    running.stop().await;
}

/// Curses are strewn about, projectors die anywhere, and operators resume with mended code while events come in.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_effect_is_there_exactly_once_however_streams_are_parked_and_resumed() {
    let (_, pool) = test_support::database().await;
    let log = Log::new(pool.clone());
    record_some(&pool, &mut Dice::new(1), 2_000, 40).await;
    let stop = Arc::new(AtomicBool::new(false));
    let recording = {
        let (pool, stop) = (pool.clone(), Arc::clone(&stop));
        tokio::spawn(async move {
            let mut dice = Dice::new(2);
            let mut last = Position::ZERO;
            while !stop.load(Ordering::SeqCst) {
                let mut events: Vec<_> = (0..=dice.roll(30)).map(|_| dice.event(40)).collect();
                if dice.roll(4) == 0 {
                    let stream = Uuid::from_u128(u128::from(dice.roll(40)) + 1);
                    events.push((stream, Boxed::CATEGORY, Boxed::Cursed {}.encode()));
                }
                last = record(&pool, 3, events).await;
                tokio::time::sleep(Duration::from_millis(4)).await;
            }
            last
        })
    };
    let mut dice = Dice::new(3);
    let (mut parked_once, mut resumed) = (0, 0);
    for round in 0..12 {
        let options = Options { batch: 50, catch_up_batch: 2_000, lanes: 2, ..Options::default() };
        let running = Running::start(&log, models(), options).await;
        if round % 2 == 0 {
            until("a stream is parked", async || !parked(&pool, "test.boxes").await.is_empty()).await;
        }
        tokio::time::sleep(Duration::from_millis(dice.roll(300))).await;
        let parked = parked(&pool, "test.boxes").await;
        parked_once += parked.len();
        for one in parked.iter().take(3) {
            // The owner goes on meanwhile, and may be the faster one each time.
            match projection::<MendedBoxes>().resume(&log, &request(one, false)).await {
                Ok(done) => resumed += usize::from(done.stopped.is_none()),
                Err(ParkingError::Busy) => {}
                Err(error) => panic!("{error:?}"),
            }
        }
        if round % 3 == 2 {
            running.stop().await;
        } else {
            running.task.abort();
            let _ = running.task.await;
            running.shutdown.cancel();
        }
    }
    stop.store(true, Ordering::SeqCst);
    let last = recording.await.unwrap();
    assert!(parked_once > 5 && resumed > 5, "{parked_once} parked, {resumed} resumed");
    let running = Running::start(&log, mended(), Options::default()).await;
    wait(&pool, "test.boxes", last).await;
    wait(&pool, "test.labels", last).await;
    assert!(assert_equal_to_log::<MendedBoxes>(&log, 1).await > 20, "with what is still parked");
    for one in parked(&pool, "test.boxes").await {
        let done = projection::<MendedBoxes>().resume(&log, &request(&one, false)).await.unwrap();
        assert_eq!(done.stopped, None);
    }
    assert_eq!(parked_streams(&pool).await.unwrap(), []);
    assert!(assert_equal_to_log::<MendedBoxes>(&log, 1).await > 20, "with nothing parked");
    assert!(assert_equal_to_log::<Labels>(&log, 1).await > 20);
    running.stop().await;
}
