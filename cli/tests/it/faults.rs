//! Crashes: of the process, of its servers, of the data.

use crate::child::{Up, position, printed, run, signal};
use reqwest::StatusCode;
use serde_json::json;
use sqlx::{AssertSqlSafe, Connection as _, PgConnection};
use std::time::{Duration, Instant};
use test_support::scratch;

#[tokio::test]
async fn a_crash_blocks_no_next_start_and_loses_nothing() {
    let folder = scratch("cli-crash");
    let mut up = Up::start(&folder).await;
    let (_, before) = up.command("/v1/support/tickets", json!({ "subject": "Before", "description": "…" })).await;
    up.process.signal("KILL");
    assert!(!up.process.ends_within(Duration::from_secs(5)).success());
    drop(up);
    let up = Up::start(&folder).await;
    let id = before["id"].as_str().unwrap();
    let began = Instant::now();
    let (status, shown) = loop {
        let answer = up.query(&format!("/v1/support/tickets/{id}?min_position={}", position(&before))).await;
        // On a busy machine the projector needs longer than a caller may wait.
        if answer.0 != StatusCode::SERVICE_UNAVAILABLE || began.elapsed() > Duration::from_mins(1) {
            break answer;
        }
    };
    assert_eq!((status, &shown["subject"]), (StatusCode::OK, &json!("Before")));
    up.stops_on("TERM");
    std::fs::remove_dir_all(folder).unwrap();
}

#[tokio::test]
async fn dead_servers_come_back_and_everything_goes_on() {
    let folder = scratch("cli-servers");
    let up = Up::start(&folder).await;
    let ticket = || json!({ "subject": "Hello", "description": "…" });
    signal("KILL", up.run.nats_pid.unwrap());
    let (status, sent) = up.command("/v1/support/tickets", ticket()).await;
    assert_eq!(status, StatusCode::CREATED, "nobody needs NATS: {sent}");

    signal("KILL", up.run.postgres_pid.unwrap());
    let began = Instant::now();
    let (status, refused) = up.command("/v1/support/tickets", ticket()).await;
    assert!([StatusCode::SERVICE_UNAVAILABLE, StatusCode::CREATED].contains(&status), "{refused}");
    let answer = loop {
        let (status, answer) = up.command("/v1/support/tickets", ticket()).await;
        if status == StatusCode::CREATED && up.run.postgres_pid.is_some() && began.elapsed() > Duration::from_secs(1) {
            break answer;
        }
        assert!(began.elapsed() < Duration::from_secs(30), "no recovery: {status} {answer}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    };
    loop {
        let list = format!("/v1/support/tickets?limit=1&min_position={}", position(&answer));
        let ((queried, _), (ready, report)) = (up.query(&list).await, up.admin("/readyz").await);
        if queried == StatusCode::OK && ready == StatusCode::OK {
            break;
        }
        assert!(began.elapsed() < Duration::from_mins(1), "no recovery: {queried} {report}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let verified = run(&folder, &["verify", "--quiet"]);
    assert!(verified.status.success(), "{}", printed(&verified));
    up.stops_on("TERM");
    std::fs::remove_dir_all(folder).unwrap();
}

#[tokio::test]
async fn verify_finds_what_was_altered() {
    let folder = scratch("cli-verify");
    let up = Up::start_with(&folder, &["--no-nats", "--verify-events-per-second", "100000"]).await;
    let url = up.run.database_url.clone().unwrap();
    let tell = async |statement: &str| {
        let mut connection = PgConnection::connect(&url).await.unwrap();
        sqlx::query(AssertSqlSafe(statement.to_owned())).execute(&mut connection).await.unwrap().rows_affected()
    };
    let alter = async |statement: &str| assert!(tell(statement).await > 0, "{statement}");
    let finds = |what: &str| {
        let verified = run(&folder, &["verify", "--quiet"]);
        let said = printed(&verified);
        assert!(verified.status.code() == Some(1) && said.contains("DIVERGED") && said.contains(what), "{said}");
    };
    let admin = up.run.admin_url.clone().unwrap();
    let ask = async |path: &str| reqwest::get(format!("{admin}{path}")).await.unwrap().text().await.unwrap();
    alter("update read.support_tickets_g1 set subject = 'Altered' where number = 2").await;
    finds("subject: expected ");
    // What is proved in the background finds it too, and says so to whoever looks after the process.
    let began = Instant::now();
    // One read model every few seconds, the one that waited longest: it is made the next.
    tell("delete from log.verifications where part = 'support.tickets'").await;
    while !ask("/readyz").await.contains("subject: expected ") {
        assert!(began.elapsed() < Duration::from_mins(4), "not found: {}", ask("/readyz").await);
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    assert!(ask("/readyz").await.contains("\"ready\":true"), "it is shown, and that is all");
    assert!(ask("/metrics").await.contains("verify_divergences 1"), "{}", ask("/metrics").await);
    alter("update log.streams set version = version + 1 where category = 'field_sales.building'").await;
    finds("field_sales.building");
    alter("delete from log.events where position = 7").await;
    finds("log, position 7, position: expected 7, found the next event is at 8");
    up.stops_on("TERM");
    std::fs::remove_dir_all(folder).unwrap();
}
