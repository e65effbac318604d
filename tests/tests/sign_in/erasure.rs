//! Somebody is erased: nothing that was written about him can be read any more, wherever it was.

use crate::world::{Device, PASSWORD, World};
use cli::privacy::{Eraser, Step};
use domain::privacy::subject::ErasureReason;
use event_store::append::AppenderOptions;
use event_store::{Appender, Decisions, Log, Role, States, schema};
use kernel::SubjectId;
use serde_json::json;
use sqlx::{AssertSqlSafe, PgPool, query, query_as, query_scalar};
use std::time::Duration;
use tests::node::{eventually, tenant};
use uuid::Uuid;

const CANARIES: [&str; 5] = ["canaryaddress", "Canarygiven", "Canaryfamily", "+33600000042", "canary of a ticket"];

impl World {
    pub(crate) fn eraser(&self) -> Eraser {
        let options = AppenderOptions::default();
        let appender = Appender::start(&self.node.database_url, self.pool.clone(), &options).expect("a good URL");
        let (log, vault) = (Log::new(self.pool.clone()), self.node.node().vault().clone());
        Eraser::new(self.pool.clone(), Decisions::new(appender, States::new(log.clone(), 10), log, vault))
    }
}

/// Every canary that a table of these schemas holds, as text.
async fn found_in_tables(pool: &PgPool, schemas: &[&str]) -> Vec<String> {
    let tables: Vec<(String, String)> =
        query_as("select schemaname::text, tablename::text from pg_tables where schemaname = any($1)")
            .bind(schemas)
            .fetch_all(pool)
            .await
            .expect("Postgres answers");
    let mut found = Vec::new();
    for (house, table) in tables {
        // Bytes as hexadecimal digits hide nothing: payloads are read as they are.
        let rows = if table.starts_with("events") { "convert_from(t.data, 'UTF8')" } else { "t::text" };
        let text = format!("select coalesce(string_agg({rows}, ' '), '') from {house}.\"{table}\" t");
        let text: String = query_scalar(AssertSqlSafe(text)).fetch_one(pool).await.unwrap_or_default();
        let here = CANARIES.iter().filter(|canary| text.contains(**canary));
        found.extend(here.map(|canary| format!("{house}.{table}: {canary}")));
    }
    found
}

/// Every canary in the files of the database, once freed pages are gone.
async fn found_in_files(owner: &PgPool) -> Vec<String> {
    for house in ["read", "effects", "secrets", "keys"] {
        let tables: Vec<String> = query_scalar("select tablename::text from pg_tables where schemaname = $1")
            .bind(house)
            .fetch_all(owner)
            .await
            .expect("Postgres answers");
        for table in tables {
            let vacuum = format!("vacuum full {house}.\"{table}\"");
            query(AssertSqlSafe(vacuum)).execute(owner).await.expect("it is written anew");
        }
    }
    query("checkpoint").execute(owner).await.expect("it is on disk");
    let folder: String = query_scalar(
        "select current_setting('data_directory') || '/base/' || oid from pg_database where datname = current_database()",
    )
    .fetch_one(owner)
    .await
    .expect("Postgres answers");
    let mut found = Vec::new();
    for entry in std::fs::read_dir(&folder).expect("the files are on this machine") {
        let path = entry.expect("an entry").path();
        let Ok(bytes) = std::fs::read(&path) else { continue };
        let holds = |canary: &&&str| bytes.windows(canary.len()).any(|part| part == canary.as_bytes());
        found.extend(CANARIES.iter().filter(holds).map(|canary| format!("{}: {canary}", path.display())));
    }
    found
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_is_erased_is_found_nowhere_however_often_it_was_interrupted() {
    let world = World::new().await;
    let email = format!("canaryaddress-{}@example.com", Uuid::now_v7().simple());
    let body = json!({ "email": email, "password": PASSWORD, "given_name": "Canarygiven", "family_name": "Canaryfamily",
        "phone": "+33600000042", "locale": "en" });
    world.post(&Device::somewhere(), "/v1/auth/register", body.clone()).await.ok();
    let id: Uuid = query_scalar("select stream_id from log.events where type = 'registered'")
        .fetch_one(&world.pool)
        .await
        .expect("somebody registered");
    let ada = world.node.actor(tenant(), 7, &["support.ticket:open", "support.ticket:read"]);
    let ticket = json!({ "subject": "canary of a ticket", "description": "canary of a ticket" });
    let opened = ada.post("/v1/support/tickets", ticket).await.ok();
    let shown = format!("/v1/support/tickets/{}", opened["id"].as_str().expect("an id"));
    eventually("the read models show it", Duration::from_secs(20), async || {
        found_in_tables(&world.pool, &["read"]).await.len() >= CANARIES.len()
    })
    .await;
    assert_eq!(found_in_tables(&world.pool, &["log", "keys"]).await, Vec::<String>::new(), "the log has none in clear");

    let eraser = world.eraser();
    for subject in [SubjectId(id), SubjectId(ada.id.0)] {
        assert!(!eraser.plan(subject, None).await.unwrap().is_empty());
        for last in [Step::Requested, Step::KeysDestroyed, Step::AccountClosed, Step::TablesScrubbed] {
            let reason = ErasureReason::Asked;
            let stopped = eraser.erase(subject, None, reason, |step| step != last).await.unwrap();
            assert!(stopped.stopped, "stopped after {last:?}");
        }
        let done = eraser.erase(subject, None, ErasureReason::Asked, |_| true).await.unwrap();
        assert!(!done.stopped && done.keys > 0);
        let head = world.node.head().await;
        eraser.erase(subject, None, ErasureReason::Asked, |_| true).await.unwrap();
        assert_eq!(world.node.head().await, head, "a repeat adds nothing");
        assert_eq!(world.events("erasure_completed", subject.0).await, 1);
    }

    let answer = ada.get(&shown).await;
    assert!(answer.text.contains("[erased]") && !answer.text.contains("canary"), "{}", answer.text);
    assert_eq!(world.login(&Device::somewhere(), &email, PASSWORD).await.status, 401);
    let everywhere = ["read", "log", "keys", "effects", "secrets", "projection"];
    assert_eq!(found_in_tables(&world.pool, &everywhere).await, Vec::<String>::new());
    let owner = schema::connect(&world.node.database_url, "test-owner", Role::Owner, 1).await.unwrap();
    assert_eq!(found_in_files(&owner).await, Vec::<String>::new());
    // The address is free again, for another account.
    world.post(&Device::somewhere(), "/v1/auth/register", body).await.ok();
    assert_eq!(world.events("registered", id).await, 1);
    let accounts: i64 =
        query_scalar("select count(*) from log.events where type = 'registered'").fetch_one(&world.pool).await.unwrap();
    assert_eq!(accounts, 2);
    world.stop().await;
}
