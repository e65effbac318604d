//! `sillage events`: what is printed, filtered, traced and written.

use crate::child::{printed, sillage};
use domain::support::ticket;
use event_store::append::AppenderOptions;
use event_store::{Append, Appender, Idempotency};
use kernel::specs::sealed;
use kernel::{Actor, ActorId, Change, CommandId, CorrelationId, Event, EventId, TenantId, Version};
use serde_json::Value;
use std::path::Path;
use std::process::Command;
use test_support::scratch;
use uuid::Uuid;

const STORY: Uuid = Uuid::from_u128(0x570);

/// A ticket and what its events caused, in a database of its own.
async fn log() -> (String, Uuid) {
    let (url, pool) = test_support::database().await;
    let appender = Appender::start(&url, pool.clone(), &AppenderOptions::default()).expect("an appender");
    let events: Vec<ticket::Event> = ticket::Event::examples();
    let stream_id = Uuid::now_v7();
    let mut cause = None;
    for (nth, event) in (0..).zip(&events[..3]) {
        let command_id = CommandId(Uuid::now_v7());
        let append = Append {
            tenant_id: TenantId(Uuid::from_u128(1)),
            actor: Actor::user(ActorId(Uuid::from_u128(7))),
            command_id,
            correlation_id: CorrelationId(STORY),
            causation_id: cause,
            trace: None,
            occurred_at: chrono::Utc::now(),
            idempotency: Idempotency { key: command_id.0, request_hash: Uuid::nil() },
            changes: vec![Change {
                category: "support.ticket",
                stream_id,
                expected: Version(nth),
                events: vec![sealed(|| event.encode())],
            }],
            reserve: Vec::new(),
            release: Vec::new(),
            counter: None,
        };
        appender.append(append).await.expect("an event");
        let id: Uuid = sqlx::query_scalar("select event_id from log.head").fetch_one(&pool).await.expect("a head");
        cause = Some(EventId(id));
    }
    (url, stream_id)
}

fn on(folder: &Path, url: &str, arguments: &[&str]) -> Command {
    let mut command = sillage(folder);
    command.args(arguments).args(["--database-url", url, "--allow-unsafe-postgres", "--quiet"]);
    command
}

#[tokio::test(flavor = "multi_thread")]
async fn history_is_told_on_the_command_line() {
    let (url, stream_id) = log().await;
    let folder = scratch("cli-events");
    let run = |arguments: &[&str]| {
        let output = on(&folder, &url, arguments).output().expect("the binary runs");
        (output.status.code(), printed(&output))
    };
    let (code, said) = run(&["events", "tail"]);
    assert!(code == Some(0) && said.lines().count() == 3 && said.contains("support.ticket.opened"), "{said}");
    let (_, said) = run(&["events", "tail", "-n", "1", "--json"]);
    let event: Value = serde_json::from_str(said.trim()).expect("one CloudEvent");
    assert_eq!((&event["position"], &event["specversion"]), (&3.into(), &"1.0".into()));
    let (_, said) = run(&["events", "tail", "--type", "opened", "--stream", &stream_id.to_string()]);
    assert_eq!(said.lines().count(), 1, "{said}");

    for what in ["2", event["id"].as_str().expect("an id")] {
        let (code, said) = run(&["events", "show", what]);
        let shown: Value = serde_json::from_str(&said).expect("one event");
        assert!(code == Some(0) && shown["correlationid"] == STORY.to_string(), "{said}");
    }
    let (code, said) = run(&["events", "show", "99"]);
    assert!(code == Some(1) && said.contains("there is no event 99"), "{said}");

    let (_, said) = run(&["events", "trace", &STORY.to_string()]);
    let depths: Vec<usize> = said.lines().map(|line| (line.len() - line.trim_start().len()) / 4).collect();
    assert_eq!(depths, [0, 1, 2], "each under its cause: {said}");

    let (_, said) = run(&["events", "stats", "--json", "--by", "category"]);
    let groups: Value = serde_json::from_str(&said).expect("groups");
    assert_eq!((&groups[0]["name"], &groups[0]["events"]), (&"support.ticket".into(), &3.into()));
    let (code, said) = run(&["events", "stats", "--category", "support.tickets"]);
    assert!(code == Some(2) && said.contains("Categories are"), "{said}");

    let tenant = Uuid::from_u128(1).to_string();
    let asked = ["what-if", "ticket-targets", "--tenant", &tenant, "--from", "2020-01-01", "--targets", "urgent=1h"];
    let (code, said) = run(&asked);
    assert!(code == Some(0) && said.contains("1 tickets come to something else"), "{said}");
    let (code, said) = run(&[&asked[..7], &["soon=1h"]].concat());
    assert!(code == Some(2) && said.contains("there is no priority"), "{said}");

    let out = folder.join("out");
    for expected in ["3 events up to position 3", "3 events up to position 3"] {
        let (code, said) = run(&["events", "export", "--out", &out.to_string_lossy()]);
        assert!(code == Some(0) && said.contains(expected), "{said}");
    }
    assert!(out.join("manifest.json").exists());
    let (code, said) = run(&["events", "export", "--out", &out.to_string_lossy(), "--format", "csv"]);
    assert!(code == Some(1) && said.contains("another export"), "{said}");
    std::fs::remove_dir_all(folder).expect("the folder can be removed");
}
