//! Whatever is altered in the log, in what says how far it is, or in its mirror: the first of it is found, exactly.

use crate::fixtures::{Store, TENANT, append, change, store};
use async_nats::jetstream::Context;
use event_store::jetstream::{self, MirrorOptions};
use event_store::relay::RelayState;
use event_store::verify::{Divergence, Limits, LogVerifier, MirrorVerified, Pace, verify_mirror};
use event_store::{Log, Relay};
use kernel::{Position, TenantId};
use sqlx::{AssertSqlSafe, PgPool, query_as, query_scalar, raw_sql};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

/// Numbers that look random and are the same every time (splitmix64).
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: i64) -> i64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        i64::try_from((z ^ (z >> 31)) % sides.unsigned_abs()).unwrap()
    }
}

/// About `count` events in some dozen streams of two tenants.
async fn fill(store: &Store, count: i64) -> Position {
    let mut dice = Dice(1);
    let mut versions = std::collections::HashMap::new();
    let mut last = store.log.head().await.unwrap().position;
    let (base, up_to) = (0x500 + u128::try_from(last.0).unwrap() * 100, last.0 + count);
    while last.0 < up_to {
        let (tenant, stream) = (dice.roll(2), dice.roll(20));
        let amounts: Vec<i64> = (0..=dice.roll(3)).collect();
        let version = versions.entry((tenant, stream)).or_insert(0);
        let mut request =
            append(vec![change(Uuid::from_u128(base + u128::try_from(stream).unwrap()), *version, &amounts)]);
        if tenant == 1 {
            request.tenant_id = TenantId(Uuid::from_u128(0xb22));
        }
        *version += i32::try_from(amounts.len()).unwrap();
        last = store.appender.append(request).await.unwrap().position;
    }
    last
}

async fn execute(pool: &PgPool, sql: String) {
    raw_sql(AssertSqlSafe(sql)).execute(pool).await.unwrap();
}

/// Verifies the whole log, with room for so many streams.
async fn verify(log: &Log, streams: usize) -> Option<Divergence> {
    let limits = Limits { streams, ..Limits::default() };
    let mut pace = Pace::new(None);
    let head = log.head().await.unwrap().position;
    let mut verifier = LogVerifier::start(log, Position::ZERO, limits, (0, 1)).await.unwrap();
    match verifier.read_to(head, &mut pace).await.unwrap() {
        Some(divergence) => Some(divergence),
        None => verifier.finish(&mut pace).await.unwrap(),
    }
}

struct Row {
    tenant_id: Uuid,
    stream_id: Uuid,
    version: i32,
}

/// What is done, and where and in which field it must be found, with what is expected there.
struct Corruption {
    sql: String,
    position: Option<i64>,
    field: &'static str,
    expected: Option<String>,
}

async fn event_at(pool: &PgPool, position: i64) -> Row {
    let (tenant_id, stream_id, version) =
        query_as("select tenant_id, stream_id, version from log.events where position = $1")
            .bind(position)
            .fetch_one(pool)
            .await
            .unwrap();
    Row { tenant_id, stream_id, version }
}

async fn corruption(pool: &PgPool, dice: &mut Dice, head: i64) -> Corruption {
    let at = 2 + dice.roll(head - 2);
    let row = event_at(pool, at).await;
    let here = |sql: &str, field, expected: Option<String>| Corruption {
        sql: format!("update log.events set {sql} where position = {at}"),
        position: Some(at),
        field,
        expected,
    };
    let known = format!("tenant_id = '{}' and stream_id = '{}'", row.tenant_id, row.stream_id);
    let (first, last): (i64, i64) =
        query_as(AssertSqlSafe(format!("select min(position), max(position) from log.events where {known}")))
            .fetch_one(pool)
            .await
            .unwrap();
    let versions = event_at(pool, last).await.version;
    let of_streams = |sql: &str, position, expected| Corruption {
        sql: format!("{sql} where {known}"),
        position,
        field: "log.streams.version",
        expected,
    };
    let of_head = |sql: &str, field, expected| Corruption {
        sql: format!("update log.head set {sql}"),
        position: None,
        field,
        expected,
    };
    match dice.roll(16) {
        0 => {
            let sql = format!("delete from log.events where position = {at}");
            Corruption { sql, position: Some(at), field: "position", expected: Some(at.to_string()) }
        }
        1 => here("version = version + 100", "version", Some(row.version.to_string())),
        2 => here("version = -version", "version", Some(row.version.to_string())),
        3 => here("stream_id = gen_random_uuid()", "stream", None),
        4 => here("tenant_id = gen_random_uuid()", "stream", None),
        5 => here("category = 'test.other'", "stream", None),
        6 => here("epoch = epoch + 1", "epoch", Some("1".into())),
        7 => here("recorded_at = recorded_at - interval '1 day'", "recorded_at", None),
        8 => {
            let other = 1 + dice.roll(at - 1);
            let sql = format!("event_id = (select event_id from log.events where position = {other})");
            here(&sql, "event_id", Some(format!("an id of its own (position {other} has this one)")))
        }
        9 => of_streams("update log.streams set version = version + 1", None, Some(versions.to_string())),
        10 => {
            of_streams("update log.streams set version = version - 1", Some(last), Some(format!("{versions} or more")))
        }
        11 => Corruption { field: "stream", ..of_streams("delete from log.streams", Some(first), None) },
        12 => Corruption {
            sql: format!("insert into log.streams values ('{}', gen_random_uuid(), 3, 'test.counter')", TENANT.0),
            position: None,
            field: "log.streams.version",
            expected: Some("0 (it has no event)".into()),
        },
        13 => of_head("position = position - 1", "position", Some(head.to_string())),
        14 => of_head("event_id = gen_random_uuid()", "event_id", None),
        _ => of_head("recorded_at = recorded_at - interval '1 day'", "recorded_at", None),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_first_of_a_hundred_random_corruptions_of_the_log_is_found_exactly() {
    let store = store().await;
    let head = fill(&store, 200).await.0;
    let pool = &store.pool;
    let save = "create table saved_events as table log.events; create table saved_streams as table log.streams; \
                create table saved_head as table log.head";
    let restore = "delete from log.events; insert into log.events table saved_events; \
                   delete from log.streams; insert into log.streams table saved_streams; \
                   delete from log.head; insert into log.head table saved_head";
    execute(pool, save.to_owned()).await;
    let mut dice = Dice(2);
    for round in 0..100 {
        assert_eq!(verify(&store.log, 10_000).await, None, "round {round}: what is well is well");
        let Corruption { sql, position, field, expected } = corruption(pool, &mut dice, head).await;
        execute(pool, sql.clone()).await;
        // All streams in memory, and next to none.
        for streams in [10_000, 4] {
            let found = verify(&store.log, streams).await.unwrap_or_else(|| panic!("not found: {sql}"));
            assert_eq!((found.position, &*found.field), (position.map(Position), field), "{sql}: {found}");
            assert!(expected.as_ref().is_none_or(|expected| *expected == found.expected), "{sql}: {found}");
        }
        execute(pool, restore.to_owned()).await;
    }
}

/// A verification that is taken up again knows what came before without reading it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_verification_goes_on_where_it_was() {
    let store = store().await;
    let head = fill(&store, 200).await;
    let half = Position(head.0 / 2);
    let mut pace = Pace::new(None);
    let mut first = LogVerifier::start(&store.log, Position::ZERO, Limits::default(), (0, 1)).await.unwrap();
    assert_eq!(first.read_to(half, &mut pace).await.unwrap(), None);
    assert_eq!(first.position(), half);
    let again = async || {
        let mut again = LogVerifier::start(&store.log, half, Limits::default(), (0, 1)).await.unwrap();
        again.read_to(head, &mut Pace::new(None)).await.unwrap()
    };
    assert_eq!(again().await, None);
    // The log goes on meanwhile.
    let tail = fill(&store, 20).await;
    assert_eq!(first.read_to(tail, &mut pace).await.unwrap(), None);
    assert_eq!(first.finish(&mut pace).await.unwrap(), None);
    // An event before the place that is missing shows in the next event of its stream.
    let (gone, next): (i64, i64) = query_as(
        "select e.position, n.position from log.events e join log.events n \
         on n.tenant_id = e.tenant_id and n.stream_id = e.stream_id and n.version = e.version + 1 \
         where e.position <= $1 and n.position > $1 order by n.position limit 1",
    )
    .bind(half.0)
    .fetch_one(&store.pool)
    .await
    .unwrap();
    execute(&store.pool, format!("delete from log.events where position = {gone}")).await;
    let found = again().await.expect("it is found");
    assert_eq!((found.position, &*found.field), (Some(Position(next)), "version"));
}

/// Verifying while others append finds nothing.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_log_that_grows_is_well() {
    let store = store().await;
    fill(&store, 50).await;
    let appender = store.appender.clone();
    let writing = tokio::spawn(async move {
        for number in 0..400_u128 {
            let request = append(vec![change(Uuid::from_u128(0x9000 + number), 0, &[1, 2])]);
            appender.append(request).await.unwrap();
        }
    });
    while !writing.is_finished() {
        for streams in [10_000, 5] {
            assert_eq!(verify(&store.log, streams).await, None);
        }
    }
    writing.await.unwrap();
}

/// Ids are looked at in slices: in one of them the one that is there twice is found.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_id_that_is_there_twice_is_found_in_its_slice() {
    let store = store().await;
    let head = fill(&store, 60).await;
    execute(
        &store.pool,
        "update log.events set event_id = (select event_id from log.events where position = 7) where position = 50"
            .into(),
    )
    .await;
    let mut found = 0;
    for slice in 0..3 {
        let mut verifier = LogVerifier::start(&store.log, Position::ZERO, Limits::default(), (slice, 3)).await.unwrap();
        found += usize::from(verifier.read_to(head, &mut Pace::new(None)).await.unwrap().is_some());
    }
    assert_eq!(found, 1);
}

/// The mirror of a log, and how to fill it with other messages.
struct Mirrored {
    store: Store,
    url: String,
    context: Context,
    messages: Vec<Message>,
}

#[derive(Clone)]
struct Message {
    subject: String,
    headers: async_nats::HeaderMap,
    payload: Vec<u8>,
}

impl Mirrored {
    async fn new() -> Self {
        let store = store().await;
        let url = test_support::servers().nats_url.clone();
        let shutdown = CancellationToken::new();
        let relay = Relay::new(store.log.clone(), MirrorOptions::new(&url), store.appender.committed());
        let mut state = relay.state();
        let relaying = tokio::spawn(relay.run(shutdown.clone()));
        // A mirror holds what comes after its making.
        let made = state.wait_for(|state| matches!(state, RelayState::Relaying(_)));
        tokio::time::timeout(std::time::Duration::from_mins(2), made).await.unwrap().unwrap();
        let head = fill(&store, 40).await;
        let reached = state.wait_for(|state| matches!(state, RelayState::Relaying(at) if *at >= head));
        tokio::time::timeout(std::time::Duration::from_mins(2), reached).await.unwrap().unwrap();
        shutdown.cancel();
        relaying.await.unwrap().unwrap();
        let context = jetstream::context(async_nats::connect(&url).await.unwrap());
        let mut mirrored = Self { store, url, context, messages: Vec::new() };
        let stream = mirrored.context.get_stream(mirrored.name().await).await.unwrap();
        for sequence in 1..=head.0.unsigned_abs() {
            let message = stream.get_raw_message(sequence).await.unwrap();
            mirrored.messages.push(Message {
                subject: message.subject.to_string(),
                headers: message.headers.clone(),
                payload: message.payload.to_vec(),
            });
        }
        mirrored
    }

    async fn name(&self) -> String {
        let head = self.store.log.head().await.unwrap();
        jetstream::stream_name(head.log_id, head.epoch)
    }

    /// Makes the mirror anew, of these messages.
    async fn refill(&self, messages: &[Message]) {
        let head = self.store.log.head().await.unwrap();
        self.context.delete_stream(self.name().await).await.unwrap();
        jetstream::create(&self.context, &MirrorOptions::new(&self.url), &head, Position(1)).await.unwrap();
        for message in messages {
            let Message { subject, headers, payload } = message.clone();
            let mut kept = async_nats::HeaderMap::new();
            // Those that are swapped do not follow what they say they follow.
            for (name, values) in headers.iter().filter(|(name, _)| !name.to_string().starts_with("Nats-Expected")) {
                for value in values {
                    kept.append(name.clone(), value.clone());
                }
            }
            self.context.publish_with_headers(subject, kept, payload.into()).await.unwrap().await.unwrap();
        }
    }

    async fn verify(&self, after: i64) -> MirrorVerified {
        verify_mirror(&self.store.log, &self.url, Position(after), &mut Pace::new(None)).await.unwrap()
    }
}

/// Messages with one thing altered: where and in which field it must be found.
fn altered(messages: &[Message], dice: &mut Dice) -> (Vec<Message>, i64, &'static str) {
    let mut altered = messages.to_vec();
    let at = dice.roll(i64::try_from(messages.len()).unwrap() - 1);
    let index = usize::try_from(at).unwrap();
    let message = &mut altered[index];
    let replace = |message: &mut Message, from: &str, to: &str| {
        let text = String::from_utf8(message.payload.clone()).unwrap();
        assert!(text.contains(from), "{text}");
        message.payload = text.replacen(from, to, 1).into_bytes();
    };
    let field = match dice.roll(8) {
        0 => {
            replace(message, "\"amount\":", "\"amount\":1");
            "data"
        }
        1 => {
            replace(message, "\"actorkind\":\"user\"", "\"actorkind\":\"system\"");
            "actorkind"
        }
        2 => {
            message.payload.push(b' ');
            "payload"
        }
        3 => {
            message.headers.insert("Nats-Msg-Id", "other");
            "Nats-Msg-Id"
        }
        4 => {
            message.headers.insert("traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01");
            "traceparent"
        }
        5 => {
            message.headers.insert("content-type", "text/plain");
            "content-type"
        }
        6 => {
            message.subject = message.subject.replace("counter", "other");
            "subject"
        }
        _ => {
            altered.swap(index, index + 1);
            "Nats-Msg-Id"
        }
    };
    (altered, at + 1, field)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_random_corruption_of_the_mirror_is_found_exactly() {
    let mirrored = Mirrored::new().await;
    let count = i64::try_from(mirrored.messages.len()).unwrap();
    let well = mirrored.verify(0).await;
    assert_eq!(well.window, Some((Position(1), Position(count))));
    assert_eq!((well.messages, well.divergence), (count.unsigned_abs(), None));
    let mut dice = Dice(3);
    for _ in 0..30 {
        let (messages, at, field) = altered(&mirrored.messages, &mut dice);
        mirrored.refill(&messages).await;
        let found = mirrored.verify(0).await.divergence.unwrap_or_else(|| panic!("not found: {field} at {at}"));
        assert_eq!((&*found.part, found.position, &*found.field), ("mirror", Some(Position(at)), field), "{found}");
        assert_eq!(mirrored.verify(count).await.divergence, None, "what was looked at is not looked at again");
    }
    mirrored.refill(&mirrored.messages).await;
    let stream = mirrored.context.get_stream(mirrored.name().await).await.unwrap();
    assert!(stream.delete_message(9).await.unwrap());
    let found = mirrored.verify(0).await.divergence.unwrap();
    assert_eq!(
        (found.position, &*found.field, &*found.found),
        (Some(Position(9)), "sequence", "none; the next is at 10")
    );
}

/// A mirror that was filled from a history which the log no longer tells.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_mirror_that_is_ahead_of_the_log_is_told() {
    let mirrored = Mirrored::new().await;
    let count = i64::try_from(mirrored.messages.len()).unwrap();
    let pool = &mirrored.store.pool;
    execute(
        pool,
        format!("delete from log.events where position = {count}; update log.head set position = position - 1"),
    )
    .await;
    let found = mirrored.verify(0).await.divergence.unwrap();
    assert_eq!((found.position, &*found.field), (Some(Position(count)), "sequence"), "{found}");
    // Another log has no mirror, which is no divergence: the relay makes it.
    let other: i64 = query_scalar(
        "with gone as (update log.identity set log_id = gen_random_uuid() returning 1) select count(*) from gone",
    )
    .fetch_one(pool)
    .await
    .unwrap();
    assert_eq!((other, mirrored.verify(0).await), (1, MirrorVerified::default()));
}
