//! What is found equals a look at every event, however far the index beside the log has come.

use crate::fixtures::{Store, append, change, store};
use event_store::analysis::{Filter, Finder, Indexer, Kinds};
use event_store::{Log, ReadError, Role, schema};
use kernel::{Actor, ActorId, CorrelationId, EventData, Position, Recorded, TenantId};
use std::time::Duration;
use uuid::Uuid;

const LONG: Duration = Duration::from_mins(1);

const fn id(number: u128) -> Uuid {
    Uuid::from_u128(number)
}

/// Appends 120 events of three tenants, three actors, five stories, two categories.
async fn fill(store: &Store, round: u128) {
    for nth in 0..60_u128 {
        let mut wanted = append(vec![change(Uuid::now_v7(), 0, &[1, 2])]);
        wanted.changes[0].category = if nth.is_multiple_of(4) { "test.other" } else { "test.counter" };
        wanted.tenant_id = TenantId(id(0xa0 + nth % 3));
        wanted.actor = Actor::user(ActorId(id(nth % 3 * 10 + nth % 2)));
        wanted.correlation_id = CorrelationId(id(round * 100 + nth % 5));
        wanted.occurred_at -= chrono::TimeDelta::minutes(i64::try_from(nth).unwrap());
        store.appender.append(wanted).await.unwrap();
    }
}

fn kinds(categories: &[&str], types: &[&str]) -> Kinds {
    let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    Kinds { categories: owned(categories), types: owned(types) }
}

/// Filters of every shape, alone and together, for one tenant and for all.
fn filters(sample: &Recorded<EventData>) -> Vec<Filter> {
    let whose = [None, Some(TenantId(id(0xa0))), Some(sample.tenant_id), Some(TenantId(id(0xdead)))];
    let of = |tenant_id| {
        let base = || Filter { tenant_id, ..Filter::default() };
        [
            base(),
            Filter { kinds: kinds(&["test.other"], &[]), ..base() },
            Filter { kinds: kinds(&[], &["added"]), ..base() },
            Filter { kinds: kinds(&[], &["test.other.added"]), ..base() },
            Filter { kinds: kinds(&["test.none"], &[]), ..base() },
            Filter { stream_id: Some(sample.stream_id), ..base() },
            Filter { actor_id: Some(ActorId(id(1))), ..base() },
            Filter { actor_id: Some(sample.actor.id), kinds: kinds(&["test.counter"], &[]), ..base() },
            Filter { correlation_id: Some(sample.correlation_id), ..base() },
            Filter { command_id: Some(sample.command_id), ..base() },
            Filter { event_id: Some(sample.event_id), ..base() },
            Filter { occurred_from: Some(sample.occurred_at), ..base() },
            Filter { occurred_to: Some(sample.occurred_at), actor_id: Some(sample.actor.id), ..base() },
        ]
    };
    whose.into_iter().flat_map(of).collect()
}

/// Everything that fits, seven at a time.
async fn found(finder: &Finder, filter: &Filter, after: i64, up_to: i64) -> Vec<Recorded<EventData>> {
    let (mut reached, mut events) = (Position(after), Vec::new());
    while reached < Position(up_to) {
        let page = finder.find(filter, reached, Position(up_to), 7, LONG).await.unwrap();
        assert!(page.reached > reached, "{filter:?} stands at {reached}");
        assert!(page.events.len() <= 7);
        reached = page.reached;
        events.extend(page.events);
    }
    events
}

/// With the rights that a server has: for one tenant as nobody else's reader, for all as the engine.
async fn finder(store: &Store) -> Finder {
    let log = async |role| Log::new(schema::connect(&store.url, "test-finder", role, 2).await.unwrap());
    Finder::new(log(Role::Tenant).await, log(Role::Engine).await)
}

async fn compare(store: &Store) {
    let finder = finder(store).await;
    let all = store.log.read(Position::ZERO, 1_000).await.unwrap();
    let mut matched = 0;
    for filter in filters(&all[all.len() / 3]) {
        for (after, up_to) in [(0, all.len()), (40, all.len() - 10), (all.len() - 1, all.len()), (50, 50)] {
            let (after, up_to) = (i64::try_from(after).unwrap(), i64::try_from(up_to).unwrap());
            let fits =
                all.iter().filter(|event| (after + 1..=up_to).contains(&event.position.0) && filter.matches(event));
            let expected: Vec<_> = fits.cloned().collect();
            assert_eq!(found(&finder, &filter, after, up_to).await, expected, "{filter:?} from {after} to {up_to}");
            matched += expected.len();
        }
    }
    assert!(matched > 500, "{matched} events were found in all");
}

#[tokio::test]
async fn a_search_finds_what_a_look_at_every_event_finds() {
    let store = store().await;
    fill(&store, 1).await;
    compare(&store).await;
    let engine = schema::connect(&store.url, "test-indexer", Role::Engine, 1).await.unwrap();
    let indexer = Indexer::new(Log::new(engine));
    assert_eq!(indexer.catch_up().await.unwrap(), Position(120));
    compare(&store).await;
    // Half of the log is not in the index.
    fill(&store, 2).await;
    compare(&store).await;
    indexer.catch_up().await.unwrap();
    compare(&store).await;
}

#[tokio::test]
async fn two_indexers_index_every_event_once() {
    let store = store().await;
    fill(&store, 1).await;
    let indexers = [Indexer::new(store.log.clone()), Indexer::new(store.log.clone())];
    let (one, other) = tokio::join!(indexers[0].catch_up(), indexers[1].catch_up());
    assert_eq!((one.unwrap(), other.unwrap()), (Position(120), Position(120)));
    let indexed: Vec<i64> = sqlx::query_scalar("select position from analysis.event_index order by position")
        .fetch_all(&store.pool)
        .await
        .unwrap();
    assert_eq!(indexed, (1..=120).collect::<Vec<_>>());
}

#[tokio::test]
async fn what_is_archived_is_refused_and_not_left_out() {
    let store = store().await;
    fill(&store, 1).await;
    Indexer::new(store.log.clone()).catch_up().await.unwrap();
    fill(&store, 2).await;
    sqlx::query(
        "insert into log.archives select 1, 100, now(), now(), gen_random_uuid(), 'file:///archive', '\\x00', now(), now(), '\\x00'",
    )
    .execute(&store.pool)
    .await
    .unwrap();
    let all = store.log.read(Position::ZERO, 1_000).await.unwrap();
    let finder = finder(&store).await;
    let find = async |filter: Filter, after| finder.find(&filter, Position(after), Position(240), 500, LONG).await;
    let cold =
        |answer: Result<_, ReadError>| matches!(answer, Err(ReadError::Archived(archived)) if archived.last.0 == 100);
    assert!(cold(find(Filter::default(), 0).await));
    assert!(cold(find(Filter { tenant_id: Some(all[0].tenant_id), ..Filter::default() }, 99).await));
    assert_eq!(find(Filter::default(), 100).await.unwrap().events.len(), 140);
    // Who asks for something narrow is answered where the whole answer is here.
    let told_with =
        |event: &Recorded<EventData>| Filter { correlation_id: Some(event.correlation_id), ..Filter::default() };
    assert!(cold(find(told_with(&all[0]), 0).await));
    assert_eq!(find(told_with(&all[239]), 0).await.unwrap().events.len(), 24);
    let one = |event: &Recorded<EventData>| Filter { event_id: Some(event.event_id), ..Filter::default() };
    assert!(cold(find(one(&all[50]), 0).await));
    assert_eq!(find(one(&all[150]), 0).await.unwrap().events, [all[150].clone()]);
}
