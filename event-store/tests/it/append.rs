//! One request is one atomic unit; neighbours in a batch do not disturb each other.

use crate::fixtures::{Store, append, change, store};
use event_store::{AppendError, Idempotency};
use futures_util::future::join_all;
use kernel::{Position, Version, command::Reservation};
use std::collections::HashSet;
use uuid::Uuid;

async fn positions(store: &Store) -> Vec<i64> {
    sqlx::query_scalar("select position from log.events order by position").fetch_all(&store.pool).await.unwrap()
}

async fn assert_contiguous(store: &Store) -> i64 {
    let positions = positions(store).await;
    let expected: Vec<i64> = (1..=i64::try_from(positions.len()).unwrap()).collect();
    assert_eq!(positions, expected, "positions have gaps");
    let head = store.log.head().await.unwrap();
    assert_eq!(head.position.0, *expected.last().unwrap_or(&0));
    head.position.0
}

#[tokio::test]
async fn events_get_gapless_positions_and_versions() {
    let store = store().await;
    let stream = Uuid::now_v7();
    let first = store.appender.append(append(vec![change(stream, 0, &[1, 2, 3])])).await.unwrap();
    assert_eq!((first.position, first.version, first.changed), (Position(3), Version(3), true));
    let second = store.appender.append(append(vec![change(stream, 3, &[4])])).await.unwrap();
    assert_eq!((second.position, second.version), (Position(4), Version(4)));
    assert!(second.recorded_at >= first.recorded_at);
    let events = store.log.read(Position::ZERO, 10).await.unwrap();
    assert_eq!(events.iter().map(|e| e.version.0).collect::<Vec<_>>(), [1, 2, 3, 4]);
    assert_eq!(store.log.head().await.unwrap().event_id, Some(events[3].event_id));
}

#[tokio::test]
async fn a_stale_request_conflicts_and_its_neighbours_do_not() {
    let store = store().await;
    let stream = Uuid::now_v7();
    store.appender.append(append(vec![change(stream, 0, &[1])])).await.unwrap();
    let mut requests = vec![store.appender.append(append(vec![change(stream, 0, &[9])]))];
    requests.extend((0..50).map(|_| store.appender.append(append(vec![change(Uuid::now_v7(), 0, &[1])]))));
    let answers = join_all(requests).await;
    assert!(matches!(answers[0], Err(AppendError::Conflict { version: Version(1), .. })));
    assert!(answers[1..].iter().all(Result::is_ok));
    assert_eq!(assert_contiguous(&store).await, 51);
}

/// Two appenders know nothing of each other's versions: Postgres must judge, batch by batch.
#[tokio::test]
async fn conflicts_between_processes_are_found_by_postgres() {
    let store = store().await;
    let other =
        event_store::Appender::start(&store.url, store.pool.clone(), &event_store::append::AppenderOptions::default())
            .unwrap();
    for round in 0..20 {
        let streams: Vec<Uuid> = (0..20).map(|_| Uuid::now_v7()).collect();
        let race = |appender: &event_store::Appender| {
            let appender = appender.clone();
            let requests: Vec<_> = streams.iter().map(|s| append(vec![change(*s, 0, &[round])])).collect();
            async move { join_all(requests.into_iter().map(|r| appender.append(r))).await }
        };
        let (mine, theirs) = tokio::join!(race(&store.appender), race(&other));
        for (mine, theirs) in mine.iter().zip(&theirs) {
            assert!(mine.is_ok() != theirs.is_ok(), "exactly one wins: {mine:?} {theirs:?}");
            let lost = mine.as_ref().err().or(theirs.as_ref().err()).unwrap();
            assert!(matches!(lost, AppendError::Conflict { version: Version(1), .. }), "{lost:?}");
        }
    }
    assert_eq!(assert_contiguous(&store).await, 400);
}

#[tokio::test]
async fn several_streams_change_together_or_not_at_all() {
    let store = store().await;
    let (a, b) = (Uuid::now_v7(), Uuid::now_v7());
    store.appender.append(append(vec![change(a, 0, &[1])])).await.unwrap();
    let refused = store.appender.append(append(vec![change(b, 0, &[1]), change(a, 0, &[1])])).await;
    assert!(matches!(refused, Err(AppendError::Conflict { stream_id, .. }) if stream_id == a));
    assert_eq!(assert_contiguous(&store).await, 1);
    // A stream that is only looked at must be at the version that was seen.
    let looked = store.appender.append(append(vec![change(b, 0, &[1]), change(a, 1, &[])])).await.unwrap();
    assert_eq!((looked.stream_id, looked.version), (b, Version(1)));
    let refused = store.appender.append(append(vec![change(b, 1, &[1]), change(a, 7, &[])])).await;
    assert!(matches!(refused, Err(AppendError::Conflict { stream_id, version: Version(1) }) if stream_id == a));
}

#[tokio::test]
async fn a_repeat_gets_the_first_answer_and_another_request_with_the_key_is_refused() {
    let store = store().await;
    let stream = Uuid::now_v7();
    let mut first = append(vec![change(stream, 0, &[1])]);
    first.idempotency = Idempotency { key: Uuid::from_u128(1), request_hash: Uuid::from_u128(2) };
    let answer = store.appender.append(first.clone()).await.unwrap();
    store.appender.append(append(vec![change(stream, 1, &[5])])).await.unwrap();
    // Decided again on the newer state, as a handler would.
    let mut again = append(vec![change(stream, 2, &[1])]);
    again.idempotency = first.idempotency;
    let repeated = store.appender.append(again.clone()).await.unwrap();
    assert!(repeated.repeated);
    assert_eq!(event_store::Answer { repeated: false, ..repeated }, answer);
    again.idempotency.request_hash = Uuid::from_u128(3);
    assert!(matches!(store.appender.append(again).await, Err(AppendError::KeyReused)));
    assert_eq!(assert_contiguous(&store).await, 2);
}

#[tokio::test]
async fn a_request_that_changes_nothing_is_remembered_too() {
    let store = store().await;
    let stream = Uuid::now_v7();
    store.appender.append(append(vec![change(stream, 0, &[1])])).await.unwrap();
    let nothing = append(vec![change(stream, 1, &[])]);
    let answer = store.appender.append(nothing.clone()).await.unwrap();
    assert_eq!((answer.changed, answer.position, answer.version), (false, Position(1), Version(1)));
    store.appender.append(append(vec![change(stream, 1, &[1])])).await.unwrap();
    let repeated = store.appender.append(nothing).await;
    // The version moved on, so the appender knows without asking that it must be decided again.
    assert!(matches!(repeated, Err(AppendError::Conflict { .. })));
}

#[tokio::test]
async fn numbers_are_gap_free_whatever_fails_beside_them() {
    let store = store().await;
    let taken = Uuid::now_v7();
    store.appender.append(append(vec![change(taken, 0, &[1])])).await.unwrap();
    let requests = (0..300).map(|nth| {
        let stream = if nth % 10 == 0 { taken } else { Uuid::now_v7() };
        let mut request = append(vec![change(stream, 0, &[1, 2])]);
        request.counter = Some("test.number");
        store.appender.append(request)
    });
    let answers = join_all(requests).await;
    let mut numbers: Vec<i64> = answers.iter().flatten().filter_map(|answer| answer.number).collect();
    numbers.sort_unstable();
    assert_eq!(numbers, (1..=270).collect::<Vec<i64>>());
    let stored: Vec<(i64, Option<i64>)> =
        sqlx::query_as("select version::bigint, number from log.events where position > 1 order by position")
            .fetch_all(&store.pool)
            .await
            .unwrap();
    assert!(
        stored.iter().all(|(version, number)| number.is_some() == (*version == 1)),
        "only the first event is numbered"
    );
}

#[tokio::test]
async fn a_name_belongs_to_one_stream_until_it_is_given_back() {
    let store = store().await;
    let name = |key: &str| vec![Reservation { scope: "test.name", key: key.into() }];
    let (a, b) = (Uuid::now_v7(), Uuid::now_v7());
    let mut first = append(vec![change(a, 0, &[1])]);
    first.reserve = name("ada");
    store.appender.append(first).await.unwrap();
    let mut second = append(vec![change(b, 0, &[1])]);
    second.reserve = name("ada");
    let refused = store.appender.append(second.clone()).await;
    assert!(matches!(refused, Err(AppendError::Reserved { stream_id, .. }) if stream_id == a));
    let mut release = append(vec![change(a, 1, &[1])]);
    release.release = name("ada");
    release.reserve = name("grace");
    store.appender.append(release).await.unwrap();
    store.appender.append(second).await.unwrap();
    assert_eq!(assert_contiguous(&store).await, 3);
}

#[tokio::test]
async fn only_one_of_many_reserves_a_name() {
    let store = store().await;
    for round in 0..10 {
        let requests = (0..50).map(|_| {
            let mut request = append(vec![change(Uuid::now_v7(), 0, &[1])]);
            request.reserve = vec![Reservation { scope: "test.name", key: format!("name {round}") }];
            store.appender.append(request)
        });
        let answers = join_all(requests).await;
        assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), 1);
        assert!(
            answers
                .iter()
                .filter_map(|answer| answer.as_ref().err())
                .all(|e| matches!(e, AppendError::Reserved { .. }))
        );
    }
}

#[tokio::test]
async fn one_stream_has_one_winner_per_version() {
    let store = store().await;
    let stream = Uuid::now_v7();
    for expected in 0..30 {
        let requests = (0..32).map(|nth| store.appender.append(append(vec![change(stream, expected, &[nth])])));
        let answers = join_all(requests).await;
        assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), 1);
    }
    assert_eq!(assert_contiguous(&store).await, 30);
}

#[tokio::test]
async fn partitions_are_made_ahead_of_need() {
    let (url, pool) = test_support::empty_database(&test_support::servers().database_url).await;
    event_store::schema::migrate(&pool, 50).await.unwrap();
    let options = event_store::append::AppenderOptions { partition_size: 50, ..Default::default() };
    let appender = event_store::Appender::start(&url, pool.clone(), &options).unwrap();
    // One append that is larger than everything that was made ahead.
    let amounts: Vec<i64> = (0..220).collect();
    appender.append(append(vec![change(Uuid::now_v7(), 0, &amounts)])).await.unwrap_err();
    for _ in 0..40 {
        appender.append(append(vec![change(Uuid::now_v7(), 0, &amounts[..9])])).await.unwrap();
    }
    let partitions: i64 =
        sqlx::query_scalar("select count(*) from pg_inherits where inhparent = 'log.events'::regclass")
            .fetch_one(&pool)
            .await
            .unwrap();
    assert!(partitions >= 8, "{partitions}");
    let events = event_store::Log::new(pool).read(Position::ZERO, 1_000).await.unwrap();
    assert_eq!(events.len(), 360);
    assert_eq!(events.iter().map(|e| e.event_id).collect::<HashSet<_>>().len(), 360);
}

/// A connection that Postgres ends under the appender: what was acknowledged is there, the rest is told.
#[tokio::test]
async fn a_lost_connection_loses_nothing_that_was_acknowledged() {
    let store = store().await;
    let writers = join_all((0..8).map(|_| {
        let appender = store.appender.clone();
        async move {
            let mut acknowledged = Vec::new();
            for _ in 0..100 {
                let mut request = append(vec![change(Uuid::now_v7(), 0, &[1])]);
                request.idempotency.key = Uuid::now_v7();
                while appender.append(request.clone()).await.is_err() {
                    tokio::time::sleep(std::time::Duration::from_millis(20)).await;
                }
                acknowledged.push(request.changes[0].stream_id);
            }
            acknowledged
        }
    }));
    let killer = async {
        for _ in 0..20 {
            tokio::time::sleep(std::time::Duration::from_millis(15)).await;
            sqlx::query("select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'sillage-appender' and datname = current_database()")
                .execute(&store.pool)
                .await
                .unwrap();
        }
    };
    let (acknowledged, ()) = tokio::join!(writers, killer);
    let acknowledged: HashSet<Uuid> = acknowledged.into_iter().flatten().collect();
    let stored = store.log.read(Position::ZERO, 10_000).await.unwrap();
    assert_eq!(stored.len(), 800, "a retry made a second effect, or one was lost");
    assert_eq!(stored.iter().map(|e| e.stream_id).collect::<HashSet<_>>(), acknowledged);
    assert_contiguous(&store).await;
}
