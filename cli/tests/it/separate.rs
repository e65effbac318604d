//! Each process by itself on one database, and everything inside the test's own process.

use crate::child::{Running, printed, run, sillage};
use cli::keys::LocalKey;
use cli::tokens::{Audience, Ttl, issue};
use cli::{Listeners, Node, NodeOptions, Trust};
use serde_json::{Value, json};
use std::path::Path;
use std::time::{Duration, Instant};
use test_support::{empty_database, scratch, servers};

/// Sends a command and asks for what it made.
async fn opens_a_ticket(commands: &str, queries: &str, token: &str) {
    let client = reqwest::Client::new();
    let opened = client
        .post(format!("{commands}/v1/support/tickets"))
        .bearer_auth(token)
        .header("idempotency-key", "one")
        .json(&json!({ "subject": "Hello", "description": "…" }))
        .send()
        .await
        .unwrap();
    assert_eq!(opened.status(), 201);
    let opened: Value = opened.json().await.unwrap();
    let (id, position) = (opened["id"].as_str().unwrap(), &opened["position"]);
    let url = format!("{queries}/v1/support/tickets/{id}?min_position={position}");
    let began = Instant::now();
    // A projector that has just started may still be making its tables: 503 says to ask again.
    let shown = loop {
        let shown = client.get(&url).bearer_auth(token).send().await.unwrap();
        if shown.status() != 503 || began.elapsed() > Duration::from_secs(20) {
            break shown;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    };
    assert_eq!((shown.status().as_u16(), shown.headers()["x-position"].as_bytes()), (200, b"1" as &[u8]));
}

/// Waits until a process says where it is, in its JSON log.
async fn ready(log: &Path) -> String {
    let began = Instant::now();
    loop {
        let text = std::fs::read_to_string(log).unwrap_or_default();
        let lines = text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        let mut said = lines.filter(|line| line["message"].as_str().is_some_and(|text| text.starts_with("ready: ")));
        if let Some(line) = said.next() {
            return line["place"].as_str().unwrap().to_owned();
        }
        assert!(began.elapsed() < Duration::from_secs(30), "not ready:\n{text}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

fn own_login(process: &str) -> String {
    format!("test_{}_{}", process.replace('-', "_"), std::process::id())
}

/// As docs/operations.md says: logins with membership, and nothing else. Only the projector is the owner.
async fn make_logins(pool: &sqlx::PgPool) {
    for (process, roles) in [
        ("command-api", "sillage_engine, sillage_tenant"),
        ("query-api", "sillage_tenant"),
        ("relay", "sillage_engine"),
    ] {
        let login = own_login(process);
        let make = format!("create role {login} login; grant {roles} to {login}");
        sqlx::raw_sql(sqlx::AssertSqlSafe(make)).execute(pool).await.unwrap();
    }
}

#[tokio::test]
async fn each_process_does_its_part() {
    let folder = scratch("cli-separate");
    let (url, pool) = empty_database(&servers().database_url).await;
    let on_database = ["--database-url", &url, "--allow-unsafe-postgres"];

    let early = run(
        &folder,
        &[
            &["relay", "--admin-listen", "127.0.0.1:0", "--nats-url", &servers().nats_url, "--start-wait-s", "1"],
            &on_database[..],
        ]
        .concat(),
    );
    assert!(early.status.code() == Some(1) && printed(&early).contains("sillage migrate"), "{}", printed(&early));
    let migrated = run(&folder, &[&["migrate"], &on_database[..]].concat());
    assert!(migrated.status.success(), "{}", printed(&migrated));

    make_logins(&pool).await;
    let start = |name: &str, listens: bool| {
        let mut command = sillage(&folder);
        let login = if name == "projector" { "sillage".to_owned() } else { own_login(name) };
        let url = url.replacen("//sillage@", &format!("//{login}@"), 1);
        command.arg(name).args(["--database-url", &url, "--allow-unsafe-postgres"]).args([
            "--nats-url",
            &servers().nats_url,
            "--log-format",
            "json",
        ]);
        command.args(["--admin-listen", "127.0.0.1:0"]).env("SILLAGE_ROOT_KEY", test_support::ROOT_KEY);
        if listens {
            command.args(["--listen", "127.0.0.1:0"]);
        }
        let log = folder.join(format!("{name}.log"));
        (Running::start(command, &log), log)
    };
    // Without SILLAGE_JWKS_FILE both accept the development key that they find in the folder.
    let key = LocalKey::open_or_create(&folder.join(".sillage")).unwrap();
    let mut processes = vec![start("command-api", true)];
    let commands = ready(&processes[0].1).await;
    processes.extend([start("query-api", true), start("projector", false), start("relay", false)]);
    let queries = ready(&processes[1].1).await;
    for (_, log) in &processes {
        ready(log).await;
    }
    let token = issue(&key, &Audience::default(), &cli::demo::AGENT.grant(Ttl::days(1))).unwrap();
    opens_a_ticket(&commands, &queries, &token).await;
    let url_of_queries = url.replacen("//sillage@", &format!("//{}@", own_login("query-api")), 1);
    let wrong =
        ["relay", "--admin-listen", "127.0.0.1:0", "--nats-url", &servers().nats_url, "--allow-unsafe-postgres"];
    let stranger = run(&folder, &[&wrong[..], &["--database-url", &url_of_queries]].concat());
    assert_eq!(stranger.status.code(), Some(3));
    assert!(printed(&stranger).contains("grant sillage_engine to"), "{}", printed(&stranger));

    for (process, log) in &mut processes {
        process.signal("TERM");
        let status = process.ends_within(Duration::from_secs(10));
        assert_eq!(status.code(), Some(0), "{}", std::fs::read_to_string(log).unwrap());
    }
    pool.close().await;
    std::fs::remove_dir_all(folder).unwrap();
}

#[tokio::test]
async fn a_node_runs_inside_a_test() {
    let folder = scratch("cli-node");
    let (url, pool) = empty_database(&servers().database_url).await;
    let key = LocalKey::open_or_create(&folder).unwrap();
    let audience = Audience::default();
    let trust =
        Trust { keys: key.key_set().unwrap(), issuer: audience.issuer.clone(), audience: audience.audience.clone() };
    let mut options = NodeOptions::new(url, trust, test_support::root_keys(), Listeners::free().await.unwrap());
    options.allow_unsafe_postgres = true;
    let node = Box::pin(Node::start(options)).await.unwrap();
    node.until_ready(Duration::from_secs(10)).await.unwrap();
    let token = issue(&key, &audience, &cli::demo::AGENT.grant(Ttl::days(1))).unwrap();
    opens_a_ticket(&node.urls().commands, &node.urls().queries, &token).await;
    node.stop().await;
    pool.close().await;
    std::fs::remove_dir_all(folder).unwrap();
}
