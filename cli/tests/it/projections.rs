//! `sillage projections`: built beside, watched, compared, switched, rolled back, retired; and as of a moment.

use crate::child::{printed, sillage};
use domain::field_sales::zone;
use event_store::append::AppenderOptions;
use event_store::{Append, Appender, Idempotency, Log, Tail};
use kernel::{Actor, ActorId, Change, CommandId, CorrelationId, Event, TenantId, Version};
use projector::{Options, Projector, projection};
use read_models::field_sales::Zones;
use serde_json::Value;
use sqlx::PgPool;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use test_support::scratch;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

const NAME: &str = "field_sales.zones";

/// Zones in a database of their own, with a projector that folds them.
struct Stage {
    url: String,
    pool: PgPool,
    folder: PathBuf,
    stop: CancellationToken,
    projector: Option<tokio::task::JoinHandle<()>>,
}

impl Stage {
    async fn set(name: &str) -> Self {
        let (url, pool) = test_support::database().await;
        let appender = Appender::start(&url, pool.clone(), &AppenderOptions::default()).expect("an appender");
        for _ in 0..30 {
            make_zone(&appender).await;
        }
        let mut stage = Self { url, pool, folder: scratch(name), stop: CancellationToken::new(), projector: None };
        stage.project().await;
        stage
    }

    async fn project(&mut self) {
        self.stop = CancellationToken::new();
        let tail = Tail::start(Log::new(self.pool.clone()), None, self.stop.clone()).await.expect("a tail");
        let projector = Projector::new(tail, vec![projection::<Zones>()], Options::default());
        let stop = self.stop.clone();
        self.projector = Some(tokio::spawn(async move { projector.run(stop).await.expect("it folds") }));
        self.until("live", "state = 'live' and serving").await;
    }

    /// Waits until a generation is as the condition says.
    async fn until(&self, what: &str, condition: &str) {
        let statement = format!("select exists (select from projection.projections where {condition})");
        let began = Instant::now();
        while !sqlx::query_scalar::<_, bool>(sqlx::AssertSqlSafe(statement.clone()))
            .fetch_one(&self.pool)
            .await
            .unwrap()
        {
            assert!(began.elapsed() < Duration::from_mins(1), "no generation is {what}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    async fn run(&self, arguments: &[&str]) -> (Option<i32>, String) {
        let mut command = sillage(&self.folder);
        command.args(["projections"]).args(arguments).args(["--database-url", &self.url, "--allow-unsafe-postgres"]);
        command.env("USER", "ada").stdin(std::process::Stdio::null());
        let output = tokio::task::spawn_blocking(move || command.output()).await.unwrap().expect("the binary runs");
        (output.status.code(), printed(&output))
    }

    /// The one JSON document that it prints.
    async fn json(&self, arguments: &[&str]) -> Value {
        let (code, said) = self.run(&[arguments, &["--json", "--quiet"]].concat()).await;
        assert_eq!(code, Some(0), "{said}");
        serde_json::from_str(&said).unwrap_or_else(|_| panic!("one document: {said}"))
    }

    async fn rest(mut self) {
        self.stop.cancel();
        if let Some(projector) = self.projector.take() {
            projector.await.unwrap();
        }
        std::fs::remove_dir_all(&self.folder).expect("the folder can be removed");
    }
}

async fn make_zone(appender: &Appender) {
    let opened = zone::Event::examples().into_iter().next().expect("an example");
    let command_id = CommandId(Uuid::now_v7());
    let append = Append {
        tenant_id: TenantId(Uuid::from_u128(1)),
        actor: Actor::user(ActorId(Uuid::from_u128(7))),
        command_id,
        correlation_id: CorrelationId(Uuid::from_u128(2)),
        causation_id: None,
        trace: None,
        occurred_at: chrono::Utc::now(),
        idempotency: Idempotency { key: command_id.0, request_hash: Uuid::nil() },
        changes: vec![Change {
            category: "field_sales.zone",
            stream_id: Uuid::now_v7(),
            expected: Version(0),
            events: vec![opened.encode()],
        }],
        reserve: Vec::new(),
        release: Vec::new(),
        counter: None,
    };
    appender.append(append).await.expect("an event");
}

fn has(said: &str, all: &[&str]) {
    for part in all {
        assert!(said.contains(part), "{part:?} is missing in: {said}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rebuild_from_the_request_to_the_retirement_of_what_was_before() {
    let stage = Stage::set("cli-rebuild").await;
    let (code, said) = stage.run(&["rebuild", NAME, "--switch", "ask", "--reason", "a try", "--budget", "90%"]).await;
    assert_eq!(code, Some(0), "{said}");
    has(&said, &["Generation 2 of field_sales.zones is being built", "end of the log, position 30"]);
    has(&said, &["Readers would see the same", "Readers see what they saw"]);

    let found = stage.json(&["compare", NAME]).await;
    assert_eq!((&found["before"]["rows"], &found["after"]["rows"]), (&30.into(), &30.into()));
    assert_eq!(found["before"]["hash"], found["after"]["hash"]);
    sqlx::query("update read.field_sales_zones_g2 set radius_m = 900 where at_position = 3")
        .execute(&stage.pool)
        .await
        .unwrap();
    let (_, said) = stage.run(&["compare", NAME]).await;
    has(&said, &["1 rows changed, 0 new, 0 gone", "radius_m: 850 → 900"]);

    let (code, said) = stage.run(&["switch", NAME, "--yes", "--reason", "it is right"]).await;
    assert_eq!(code, Some(0), "{said}");
    has(&said, &["see generation 2 since", "Generation 1 is kept", "rollback field_sales.zones"]);
    let back = stage.json(&["rollback", NAME]).await;
    assert_eq!((&back["generation"], &back["before"], &back["changed"]), (&1.into(), &2.into(), &true.into()));
    let (code, said) = stage.run(&["retire", NAME, "--generation", "1"]).await;
    assert_eq!(code, Some(1), "{said}");
    has(&said, &["is the one that readers see", "Switch readers to another generation first"]);
    let retired = stage.json(&["retire", NAME]).await;
    assert_eq!(retired[0]["generation"], 2);

    let shown = stage.json(&["show", NAME]).await;
    assert_eq!(shown["generations"].as_array().unwrap().len(), 1);
    let acts: Vec<&str> = shown["acts"].as_array().unwrap().iter().map(|act| act["act"].as_str().unwrap()).collect();
    assert_eq!(acts, ["retired", "rolled_back", "switched", "rebuild_requested"]);
    assert_eq!((&shown["acts"][2]["who"], &shown["acts"][2]["reason"]), (&"ada".into(), &"it is right".into()));
    let (_, said) = stage.run(&["show", NAME]).await;
    has(&said, &["ada", "it is right", "2 → 1"]);
    stage.rest().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rebuild_switches_readers_by_itself_and_can_be_held_and_given_up() {
    let mut stage = Stage::set("cli-rebuild-auto").await;
    let done = stage.json(&["rebuild", NAME]).await;
    assert_eq!((&done["generation"], &done["serving"]), (&2.into(), &true.into()));
    assert_eq!(
        (&done["comparison"]["before"]["generation"], &done["comparison"]["rows_changed"]),
        (&1.into(), &0.into())
    );

    stage.stop.cancel();
    stage.projector.take().unwrap().await.unwrap();
    let asked = stage.json(&["rebuild", NAME, "--no-wait", "--switch", "never"]).await;
    assert_eq!(asked["generation"], 3);
    let (code, said) = stage.run(&["rebuild", NAME, "--no-wait"]).await;
    assert!(code == Some(1) && said.contains("is being built already"), "{said}");
    for (act, so) in [("pause", "stands still"), ("resume", "goes on")] {
        let (code, said) = stage.run(&[act, NAME]).await;
        assert!(code == Some(0) && said.contains(so), "{said}");
    }
    let (code, said) = stage.run(&["change", NAME]).await;
    assert!(code == Some(2) && said.contains("Give --budget, --switch, or both"), "{said}");
    stage.json(&["change", NAME, "--budget", "20000/s,50%", "--switch", "ask"]).await;
    let (_, said) = stage.run(&["show", NAME]).await;
    has(&said, &["20000/s,50%", "building", "ask"]);
    let cancelled = stage.json(&["cancel", NAME]).await;
    assert_eq!(cancelled["generation"], 3);
    let (code, said) = stage.run(&["list"]).await;
    assert!(code == Some(0) && said.lines().count() == 3, "two generations under a heading: {said}");
    for (arguments, all) in [
        (vec!["switch", NAME, "--generation", "9", "--yes"], ["there is no generation 9", "projections list"]),
        (vec!["rebuild", "field_sales.nothing"], ["there is no read model field_sales.nothing", "projections list"]),
        (vec!["show", "field_sales.nothing"], ["there is no read model field_sales.nothing", "projections list"]),
        (vec!["rollback", NAME, "--generation", "1"], ["goes to the generation", "switch --generation"]),
    ] {
        let (code, said) = stage.run(&arguments).await;
        assert_ne!(code, Some(0), "{said}");
        has(&said, &all);
    }
    stage.rest().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_read_model_as_of_a_moment_goes_into_a_table_of_its_own() {
    let stage = Stage::set("cli-past").await;
    let at = |folder: &Path| folder.display().to_string();
    let built = stage.json(&["build", NAME, "--as-of", "12", "--into", "analysts.zones_early"]).await;
    assert_eq!(
        (&built["rows"], &built["as_of_position"], &built["table"]),
        (&12.into(), &12.into(), &"analysts.zones_early".into())
    );
    let rows: i64 =
        sqlx::query_scalar("select count(*) from analysts.zones_early").fetch_one(&stage.pool).await.unwrap();
    let same: i64 = sqlx::query_scalar(
        "select count(*) from (select * from analysts.zones_early intersect select * from read.field_sales_zones) same",
    )
    .fetch_one(&stage.pool)
    .await
    .unwrap();
    assert_eq!((rows, same), (12, 12), "what has not changed since is what readers see");
    let hour: String = sqlx::query_scalar("select (now() + interval '1 hour')::timestamptz(0)::text")
        .fetch_one(&stage.pool)
        .await
        .unwrap();
    let hour = chrono::DateTime::parse_from_str(&hour, "%F %T%#z").unwrap().to_rfc3339();
    let (code, said) = stage.run(&["build", NAME, "--as-of", &hour, "--into", "zones_now"]).await;
    assert_eq!(code, Some(0), "{said}");
    has(&said, &["as of position 30: 30 rows in past.zones_now"]);
    for (arguments, why) in [
        (
            ["build", NAME, "--as-of", "12", "--into", "analysts.zones_early"],
            "there is a table analysts.zones_early already",
        ),
        (["build", NAME, "--as-of", "31", "--into", "later"], "the log ends at position 30"),
        (["build", NAME, "--as-of", "12", "--into", "read.field_sales_zones"], "belongs to Sillage itself"),
        (["build", "field_sales.nothing", "--as-of", "12", "--into", "x"], "Read models are: support.tickets"),
        (["build", NAME, "--as-of", "noon", "--into", "x"], "no time like"),
    ] {
        let (code, said) = stage.run(&arguments).await;
        assert!(code != Some(0) && said.contains(why), "{} {said}", at(&stage.folder));
    }
    let left: i64 = sqlx::query_scalar("select count(*) from pg_tables where schemaname = 'past'")
        .fetch_one(&stage.pool)
        .await
        .unwrap();
    assert_eq!(left, 1, "a table that was not made leaves nothing");
    stage.rest().await;
}
