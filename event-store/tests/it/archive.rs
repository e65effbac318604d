//! Taking old stretches of the log out of the database and bringing them back: nothing is lost, nothing differs, and nobody
//! is given a part as if it were the whole.

use crate::fixtures::{Counter, TENANT, append, change};
use event_store::analysis::{Filter, Finder};
use event_store::append::AppenderOptions;
use event_store::archive::{self, Archive, ArchiveError, Hasher, Restore};
use event_store::repository::LoadError;
use event_store::verify::{Limits, LogVerifier, Pace};
use event_store::{Appender, Log, ReadError, Role, States, schema};
use futures_util::StreamExt as _;
use kernel::{Aggregate as _, EventData, Position, Recorded, Source as _, Version};
use sqlx::{PgPool, query, query_scalar};
use std::pin::pin;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;
use uuid::Uuid;

const SIZE: i64 = 100;
const SHORT: Duration = Duration::from_secs(20);

/// A log with small partitions: 350 events of 10 streams, of which one began late.
struct Small {
    owner: PgPool,
    appender: Appender,
    log: Log,
    /// The same for one tenant at a time.
    of_tenant: Log,
}

const LATE: u128 = 0x1a7e;

async fn small() -> Small {
    let (url, owner) = test_support::empty_database(&test_support::servers().database_url).await;
    schema::migrate(&owner, SIZE).await.unwrap();
    let engine = schema::connect(&url, "engine", Role::Engine, 10).await.unwrap();
    let options = AppenderOptions { partition_size: SIZE, ..AppenderOptions::default() };
    let appender = Appender::start(&url, engine.clone(), &options).unwrap();
    let of_tenant = Log::new(schema::connect(&url, "for-tenants", Role::Tenant, 4).await.unwrap());
    let small = Small { owner, appender, log: Log::new(engine), of_tenant };
    for round in 0..30 {
        for stream in 1..=10 {
            small.add(stream, round).await;
        }
    }
    for version in 0..50 {
        small.add(LATE, version).await;
    }
    small
}

impl Small {
    async fn add(&self, stream: u128, version: i32) {
        let change = change(Uuid::from_u128(stream), version, &[i64::from(version)]);
        self.appender.append(append(vec![change])).await.unwrap();
    }

    async fn all(&self) -> Vec<Recorded<EventData>> {
        self.log.read(Position::ZERO, 10_000).await.unwrap()
    }

    /// What would be written down about a stretch.
    async fn described(&self, first: i64) -> Archive {
        let after = Position(first - 1);
        let events = self.log.read(after, usize::try_from(SIZE).unwrap()).await.unwrap();
        let (begin, end) = (&events[0], &events[events.len() - 1]);
        let content = archive::content_hash(&self.log, after, Position(first + SIZE - 1), |_| ()).await.unwrap();
        Archive {
            first: Position(first),
            last: Position(first + SIZE - 1),
            first_recorded_at: begin.recorded_at,
            last_recorded_at: end.recorded_at,
            last_event_id: end.event_id,
            manifest: format!("/archive/{first}/manifest.json"),
            manifest_sha256: vec![1; 32],
            content_sha256: content.to_vec(),
            detached_at: None,
        }
    }

    async fn detach(&self, first: i64) -> Archive {
        let archive = self.described(first).await;
        archive::detach(&self.owner, &archive, "ada", SHORT).await.unwrap();
        archive
    }

    async fn restore(&self, archive: &Archive, events: &[Recorded<EventData>]) -> Result<(), ArchiveError> {
        let mut restore = Restore::begin(&self.owner, archive).await?;
        for some in events.chunks(30) {
            restore.put(some).await?;
        }
        restore.finish("ada").await
    }
}

fn is_archived<T: std::fmt::Debug>(answer: &Result<T, ReadError>, last: i64) -> bool {
    matches!(answer, Err(ReadError::Archived(archived)) if archived.last.0 == last && archived.manifest.starts_with("/archive"))
}

async fn scanned(log: &Log, after: i64, up_to: i64, categories: &[&str]) -> Result<usize, ReadError> {
    let mut scan = pin!(log.scan(Position(after), Position(up_to), categories));
    let mut count = 0;
    while let Some(chunk) = scan.next().await {
        count += chunk?.len();
    }
    Ok(count)
}

/// Every column of an event goes into files, and none that is added is forgotten.
#[tokio::test]
async fn what_is_hashed_is_the_whole_event() {
    let small = small().await;
    let columns: i64 = query_scalar(
        "select count(*) from information_schema.columns where table_schema = 'log' and table_name = 'events'",
    )
    .fetch_one(&small.owner)
    .await
    .unwrap();
    assert_eq!(columns, 20, "binary.rs, columns! and the files of archives must know every column");
    let mut hasher = Hasher::of_events();
    small.all().await.iter().for_each(|event| hasher.event(event));
    let stored = archive::content_hash(&small.log, Position::ZERO, Position(350), |_| ()).await.unwrap();
    assert_eq!(hasher.finish(), stored, "events are hashed as Postgres tells them");
}

#[tokio::test]
async fn what_is_archived_is_said_so_on_every_way_and_comes_back_as_it_was() {
    let small = small().await;
    let before = small.all().await;
    let first = small.detach(1).await;
    let second = small.detach(101).await;
    assert_eq!(archive::stretches(&small.owner).await.unwrap()[0].first, Position(201));

    for log in [&small.log, &small.of_tenant] {
        let early = log.stream(TENANT, Counter::CATEGORY, Uuid::from_u128(1), Version::ZERO, None, 256).await;
        assert!(is_archived(&early, 200), "{early:?}");
        let middle = log.stream(TENANT, Counter::CATEGORY, Uuid::from_u128(1), Version(19), None, 256).await;
        assert!(is_archived(&middle, 200), "version 20 is archived too: {middle:?}");
        let later = log.stream(TENANT, Counter::CATEGORY, Uuid::from_u128(1), Version(20), None, 256).await.unwrap();
        assert_eq!(later.len(), 10);
        let (late, none) = (Uuid::from_u128(LATE), Uuid::from_u128(99));
        let whole = log.stream(TENANT, Counter::CATEGORY, late, Version::ZERO, None, 256).await.unwrap();
        assert_eq!(whole.len(), 50, "what began later is whole");
        assert!(log.stream(TENANT, Counter::CATEGORY, none, Version::ZERO, None, 9).await.unwrap().is_empty());
        let streams = |ids: &'static [u128], up_to| async move {
            let named: Vec<_> = ids.iter().map(|id| (Counter::CATEGORY, Uuid::from_u128(*id))).collect();
            log.streams(TENANT, &named, Position(up_to), 1_000).await
        };
        assert!(is_archived(&streams(&[1], 350).await, 200) && is_archived(&streams(&[LATE, 1], 350).await, 200));
        assert_eq!(streams(&[LATE, 99], 310).await.unwrap().len(), 10);
        assert_eq!(streams(&[LATE], 300).await.unwrap().len(), 0, "it had not begun");
        let moment = log.position_at(before[150].recorded_at).await;
        assert!(is_archived(&moment, 200), "{moment:?}");
    }
    assert!(is_archived(&small.log.read(Position(0), 10).await, 200));
    assert!(is_archived(&small.log.read_durable(Position(199), 10).await, 200));
    assert_eq!(small.log.read(Position(200), 1_000).await.unwrap(), before[200..]);
    assert!(is_archived(&scanned(&small.log, 0, 350, &[]).await, 200));
    assert!(is_archived(&scanned(&small.log, 0, 350, &["test.other"]).await, 200), "also where nothing fits");
    assert_eq!(scanned(&small.log, 200, 350, &[]).await.unwrap(), 150);
    assert!(is_archived(&archive::content_hash(&small.log, Position(100), Position(350), |_| ()).await, 200));
    let finder = Finder::new(small.of_tenant.clone(), small.log.clone());
    let found = finder.find(&Filter::default(), Position(0), Position(350), 10, SHORT).await;
    assert!(is_archived(&found, 200), "{found:?}");

    let states = States::new(small.of_tenant.clone(), 10);
    let old = states.of(TENANT, None).load::<Counter>(Uuid::from_u128(1)).await;
    assert!(matches!(old, Err(LoadError::Read(ReadError::Archived(_)))), "never folded from a part");
    let late = states.of(TENANT, None).load::<Counter>(Uuid::from_u128(LATE)).await.unwrap();
    assert_eq!((late.version, late.state.total), (Version(50), (0..50).sum()));

    let mut verifier = LogVerifier::start(&small.log, Position::ZERO, Limits::default(), (0, 1)).await.unwrap();
    let mut pace = Pace::new(None);
    assert_eq!(verifier.position(), Position(200));
    assert_eq!(verifier.read_to(Position(350), &mut pace).await.unwrap(), None);
    assert_eq!(verifier.finish(&mut pace).await.unwrap(), None);

    small.restore(&second, &before[100..200]).await.unwrap();
    assert!(is_archived(&small.log.read(Position(0), 10).await, 100));
    small.restore(&first, &before[..100]).await.unwrap();
    assert_eq!(small.all().await, before);
    assert_eq!(small.described(1).await.content_sha256, first.content_sha256);
    let listed = archive::list(&small.owner).await.unwrap();
    assert_eq!(listed.iter().map(|one| (one.first.0, one.detached_at)).collect::<Vec<_>>(), [(1, None), (101, None)]);
    small.add(1, 30).await;
    let walls: bool = query_scalar("select bool_and(relrowsecurity and relforcerowsecurity) from pg_class where relname like 'events\\_%\\_%' and relkind = 'r'")
        .fetch_one(&small.owner)
        .await
        .unwrap();
    assert!(walls, "what came back is behind the wall");
}

#[tokio::test]
async fn what_must_not_go_or_come_back_does_not() {
    let small = small().await;
    let before = small.all().await;
    let refused = async |archive: &Archive| {
        let refused = archive::detach(&small.owner, archive, "ada", SHORT).await;
        assert!(matches!(refused, Err(ArchiveError::Database(..))), "{refused:?}");
        assert_eq!(small.all().await, before);
        assert!(archive::list(&small.owner).await.unwrap().is_empty());
    };
    refused(&small.described(101).await).await;
    let unfinished = Archive { first: Position(301), last: Position(400), ..small.described(1).await };
    refused(&unfinished).await;
    // Not a partition.
    refused(&Archive { last: Position(150), ..small.described(1).await }).await;

    let (first, second) = (small.detach(1).await, small.detach(101).await);
    let out_of_order = small.restore(&first, &before[..100]).await;
    assert!(matches!(out_of_order, Err(ArchiveError::Database(..))), "{out_of_order:?}");
    let mut altered = before[100..200].to_vec();
    altered[50].event.data = br#"{"amount":1000000}"#.to_vec();
    for wrong in [&altered[..], &before[100..199], &[][..]] {
        let refused = small.restore(&second, wrong).await;
        assert!(matches!(refused, Err(ArchiveError::Altered { .. })), "{refused:?}");
        assert!(is_archived(&small.log.read(Position(100), 10).await, 200), "nothing came back");
    }
    small.restore(&second, &before[100..200]).await.unwrap();
}

#[tokio::test]
async fn a_long_reader_is_not_pushed_aside_and_appends_go_on() {
    let small = small().await;
    let archive = small.described(1).await;
    let mut reader = small.owner.begin().await.unwrap();
    query("select count(*) from log.events").execute(&mut *reader).await.unwrap();
    let trying = archive::detach(&small.owner, &archive, "ada", Duration::from_secs(2));
    let (refused, ()) = tokio::join!(trying, async {
        for version in 30..40 {
            tokio::time::timeout(Duration::from_secs(5), small.add(1, version)).await.expect("appends go on");
        }
    });
    assert!(matches!(refused, Err(ArchiveError::Busy(_))), "{refused:?}");
    reader.rollback().await.unwrap();
    archive::detach(&small.owner, &archive, "ada", SHORT).await.unwrap();
}

/// Whoever reads while stretches go and come back gets all of it or is told; never a part.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn readers_never_get_a_part_while_stretches_go_and_come_back() {
    let small = small().await;
    let before = small.all().await;
    let (rounds, whole, told) = (AtomicU32::new(0), AtomicU32::new(0), AtomicU32::new(0));
    let done = |answer: Result<bool, ReadError>| match answer {
        Ok(true) => whole.fetch_add(1, Ordering::Relaxed),
        Ok(false) => panic!("a part was given as the whole"),
        Err(ReadError::Archived(_)) => told.fetch_add(1, Ordering::Relaxed),
        Err(error) => panic!("{error:?}"),
    };
    let goes_on = || rounds.load(Ordering::Relaxed) < 12;
    let finder = Finder::new(small.of_tenant.clone(), small.log.clone());
    tokio::join!(
        async {
            while goes_on() {
                let archive = small.detach(1).await;
                tokio::time::sleep(Duration::from_millis(30)).await;
                small.restore(&archive, &before[..100]).await.unwrap();
                rounds.fetch_add(1, Ordering::Relaxed);
            }
        },
        async {
            while goes_on() {
                done(small.log.read(Position::ZERO, 350).await.map(|events| events.len() == 350));
            }
        },
        async {
            while goes_on() {
                let stream = Uuid::from_u128(3);
                let read = small.of_tenant.stream(TENANT, Counter::CATEGORY, stream, Version::ZERO, None, 256).await;
                done(read.map(|events| events.len() == 30));
                let both = [(Counter::CATEGORY, stream), (Counter::CATEGORY, Uuid::from_u128(LATE))];
                let read = small.of_tenant.streams(TENANT, &both, Position(350), 1_000).await;
                done(read.map(|events| events.len() == 80));
            }
        },
        async {
            while goes_on() {
                done(scanned(&small.log, 0, 350, &["test.counter"]).await.map(|count| count == 350));
            }
        },
        async {
            while goes_on() {
                let all = Filter { tenant_id: Some(TENANT), ..Filter::default() };
                let found = finder.find(&all, Position::ZERO, Position(350), 1_000, SHORT).await;
                done(found.map(|found| found.events.len() == 350));
            }
        },
    );
    assert!(whole.into_inner() > 0 && told.into_inner() > 0, "both were met");
}
