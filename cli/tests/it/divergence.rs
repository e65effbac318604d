//! A standby that has not got the tail takes the primary's place, while everything runs.

use crate::child::{Up, position, printed, run};
use domain::identity::UserId;
use domain::identity::membership::membership_id;
use kernel::TenantId;
use reqwest::StatusCode;
use serde_json::{Value, json};
use sqlx::{Connection as _, PgConnection, query, query_as, query_scalar};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;
use std::time::{Duration, Instant};
use test_support::scratch;

/// Within so long everything must have noticed.
const NOTICED: Duration = Duration::from_secs(5);

/// Somebody of the demo who opens tickets, and another.
const CUSTOMER: &str = "support-customer";
const DISMISSED: &str = "studio-client";

fn copy(from: &Path, to: &Path) {
    let done = Command::new("cp").arg("-a").args([from, to]).status().expect("cp runs");
    // Files come and go in a running server; the log says how to mend that.
    assert!(to.exists(), "{done}");
}

/// A copy of the running server's files, as a base backup makes one, that will promote itself when it is started.
async fn standby(url: &str, cluster: &Path) -> PathBuf {
    let mut connection = PgConnection::connect(url).await.unwrap();
    query("select pg_backup_start('standby', true)").execute(&mut connection).await.unwrap();
    let copied = cluster.with_extension("standby");
    copy(cluster, &copied);
    let (label,): (String,) =
        query_as("select labelfile from pg_backup_stop(false)").fetch_one(&mut connection).await.unwrap();
    std::fs::remove_dir_all(copied.join("pg_wal")).unwrap();
    copy(&cluster.join("pg_wal"), &copied.join("pg_wal"));
    let _ = std::fs::remove_file(copied.join("postmaster.pid"));
    let settings = copied.join("postgresql.auto.conf");
    let written = std::fs::read_to_string(&settings).unwrap();
    std::fs::write(&settings, format!("{written}\nrestore_command = 'false'\n")).unwrap();
    for (name, text) in [("backup_label", label.as_str()), ("recovery.signal", "")] {
        std::fs::write(copied.join(name), text).unwrap();
        // Postgres may run as another user than this test.
        let like = format!("--reference={}", copied.join("PG_VERSION").display());
        assert!(Command::new("chown").arg(like).arg(copied.join(name)).status().unwrap().success());
    }
    copied
}

/// Every generation that is not gone, with its checkpoint.
async fn checkpoints(connection: &mut PgConnection) -> Vec<(String, i32, i64)> {
    let all = "select name, generation, c.position from projection.checkpoints c join projection.projections \
               using (name, generation) where state not in ('cancelled', 'retired') order by 1, 2";
    query_as(all).fetch_all(connection).await.unwrap()
}

async fn head(connection: &mut PgConnection) -> i64 {
    query_scalar("select position from log.head").fetch_one(connection).await.unwrap()
}

async fn until(what: &str, within: Duration, mut so: impl AsyncFnMut() -> Result<(), String>) -> Duration {
    let began = Instant::now();
    loop {
        match so().await {
            Ok(()) => return began.elapsed(),
            Err(why) => assert!(began.elapsed() < within, "{what}: not within {within:?}: {why}"),
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

fn ticket(subject: &str) -> Value {
    json!({ "subject": subject, "description": "…" })
}

/// The server answers before its promotion is over; how long that takes is the disk's affair.
async fn promoted(connection: &mut PgConnection) {
    until("the server is promoted", Duration::from_mins(1), async || {
        let in_recovery: bool = query_scalar("select pg_is_in_recovery()")
            .fetch_one(&mut *connection)
            .await
            .map_err(|error| error.to_string())?;
        if in_recovery { Err("it is in recovery".to_owned()) } else { Ok(()) }
    })
    .await;
}

/// Every read model has folded the whole log.
async fn folded(url: &str) {
    until("everything is folded", Duration::from_mins(1), async || {
        let mut connection = PgConnection::connect(url).await.map_err(|error| error.to_string())?;
        let head = head(&mut connection).await;
        let all = checkpoints(&mut connection).await;
        let behind: Vec<_> = all.into_iter().filter(|(_, _, position)| *position < head).collect();
        if behind.is_empty() { Ok(()) } else { Err(format!("{behind:?} of {head}")) }
    })
    .await;
}

/// Everybody says so, in time: parts of the process, answers to clients, the command line.
async fn told_by_all(up: &Up, given: &[&str], end: i64, before: &[(String, i32, i64)]) {
    let beyond = format!("/v1/support/tickets?min_position={end}");
    let took = until("all say LOG_DIVERGED", NOTICED, async || {
        let (_, report) = up.admin("/readyz").await;
        let failing = |name: &str| {
            let checks = report["checks"].to_string();
            checks.contains(name) && report.to_string().matches("LOG_DIVERGED").count() >= 4
        };
        if !["projector", "projections", "relay", "effects"].into_iter().all(failing) {
            return Err(report.to_string());
        }
        let (status, problem) = up.query(&beyond).await;
        if status != StatusCode::CONFLICT || problem["code"] != "log_diverged" {
            return Err(format!("{status} {problem}"));
        }
        Ok(())
    })
    .await;
    eprintln!("all said LOG_DIVERGED {} ms after Postgres was back", took.as_millis());
    let names: Vec<&str> = before.iter().map(|(name, ..)| name.as_str()).chain(["server", "relay"]).collect();
    until("the command line names them all", NOTICED, async || {
        let told = run(&up.folder, &[&["log", "status", "--json", "--quiet"], given].concat());
        let standing: Value = serde_json::from_slice(&told.stdout).map_err(|_| printed(&told))?;
        let is_listed = |name: &&str| standing["diverged"].as_array().unwrap().iter().any(|one| one[0] == **name);
        let is_told =
            told.status.code() == Some(1) && standing["adopted"] == json!(false) && names.iter().all(is_listed);
        if is_told { Ok(()) } else { Err(standing.to_string()) }
    })
    .await;
}

/// Nothing is taken, and nothing folded: what is done in vain can be done again.
async fn nothing_is_done_in_vain(
    up: &Up,
    given: &[&str],
    connection: &mut PgConnection,
    before: &[(String, i32, i64)],
) {
    let (status, refused) = up.command("/v1/support/tickets", ticket("Too early")).await;
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE, "{refused}");
    let early = run(&up.folder, &[&["heal", "--quiet"], given].concat());
    assert!(!early.status.success() && printed(&early).contains("log adopt"), "{}", printed(&early));
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(checkpoints(connection).await, before, "nothing was folded");
}

/// The operator says that the log goes on here, and has what does not fit built again.
fn adopted_and_healed(folder: &Path, given: &[&str]) {
    let adopted = run(folder, &[&["log", "adopt", "--reason", "a test", "--if-promoted"], &given[..2]].concat());
    assert!(adopted.status.success() && printed(&adopted).contains("epoch 2"), "{}", printed(&adopted));
    let again = run(folder, &[&["log", "adopt", "--reason", "a test", "--if-promoted"], &given[..2]].concat());
    assert!(printed(&again).contains("nothing to do"), "{}", printed(&again));
    let healed = run(folder, &[&["heal"], given].concat());
    assert!(healed.status.success(), "{}", printed(&healed));
    assert!(printed(&healed).contains("built again: support.tickets (generation 2)"), "{}", printed(&healed));
}

/// Signs in by the password as somebody of the demo.
async fn signs_in(up: &Up, account: &str) -> Value {
    let given = json!({
        "email": format!("{account}@demo.example"), "password": up.run.password, "tenant_id": up.run.tenant_id,
        "delivery": "body",
    });
    let (status, given) = up.command_as(None, "/v1/auth/login", given).await;
    assert_eq!(status, StatusCode::OK, "{given}");
    given
}

/// Whoever signed in so opens a ticket and reads it back.
async fn works(up: &Up, who: &Value, subject: &str) {
    let token = who["access_token"].as_str().unwrap_or_else(|| panic!("no token in {who}"));
    let opened = Mutex::new(None);
    until(&format!("{subject}: the ticket is opened"), Duration::from_secs(30), async || {
        let (status, answer) = up.command_as(Some(token), "/v1/support/tickets", ticket(subject)).await;
        // Nothing but the log's own absence is worth another try.
        assert!(matches!(status.as_u16(), 201 | 503), "{subject}: {status} {answer}");
        *opened.lock().unwrap() = Some(answer.clone());
        if status == StatusCode::CREATED { Ok(()) } else { Err(answer.to_string()) }
    })
    .await;
    let opened = opened.into_inner().unwrap().unwrap();
    let path = format!("/v1/support/tickets/{}?min_position={}", opened["id"].as_str().unwrap(), position(&opened));
    until(&format!("{subject}: the ticket is shown"), Duration::from_secs(30), async || {
        let (status, shown) = up.query_as(token, &path).await;
        assert!(matches!(status.as_u16(), 200 | 503), "{subject}: {status} {shown}");
        if shown["subject"] == subject { Ok(()) } else { Err(shown.to_string()) }
    })
    .await;
}

/// Who loses his place in the company is refused, also with a token as of a later position of the life before.
async fn who_is_dismissed_is_refused(up: &Up, dismissed: &Value, end: i64) {
    let token = dismissed["access_token"].as_str().unwrap();
    let admin = signs_in(up, "tenant-admin").await;
    let user_id = UserId(dismissed["user_id"].as_str().unwrap().parse().unwrap());
    let member = membership_id(TenantId(up.run.tenant_id.unwrap()), user_id).0;
    let path = format!("/v1/identity/members/{member}/deactivate");
    let (status, done) = up.command_as(admin["access_token"].as_str(), &path, json!({})).await;
    assert_eq!(status, StatusCode::OK, "{done}");
    assert!(position(&done) <= end, "{done}: the token says as of {end} at most");
    until("his token is refused", Duration::from_secs(10), async || {
        let (status, answer) = up.query_as(token, "/v1/support/tickets").await;
        if status == StatusCode::UNAUTHORIZED { Ok(()) } else { Err(format!("{status} {answer}")) }
    })
    .await;
}

/// Those who had signed in go on, but for whom the log does not know any more; anybody can sign in.
async fn people_go_on(up: &Up, known: &Value, lost: &Value) {
    works(up, known, "With a token of before").await;
    works(up, lost, "With a token of the lost tail, until it ends").await;
    let refresh = async |who: &Value| {
        up.command_as(None, "/v1/auth/refresh", json!({ "refresh_token": who["refresh_token"] })).await
    };
    let (status, refreshed) = refresh(known).await;
    assert_eq!(status, StatusCode::OK, "{refreshed}");
    works(up, &refreshed, "With a token that was refreshed").await;
    let (status, refused) = refresh(lost).await;
    assert_eq!(status, StatusCode::UNAUTHORIZED, "the session is lost: {refused}");
    works(up, &signs_in(up, CUSTOMER).await, "With a new token").await;
}

/// Nobody stands still any more, and everything is what the log says.
async fn all_is_well(up: &Up, given: &[&str], url: &str) {
    until("everything is well", Duration::from_secs(30), async || {
        let (status, report) = up.admin("/readyz").await;
        if status == StatusCode::OK && !report.to_string().contains("DIVERGED") {
            Ok(())
        } else {
            Err(report.to_string())
        }
    })
    .await;
    folded(url).await;
    let status = run(&up.folder, &[&["log", "status", "--quiet"], given].concat());
    assert!(status.status.success(), "{}", printed(&status));
    let verified = run(&up.folder, &[&["verify", "--quiet"], given].concat());
    assert!(verified.status.success(), "{}", printed(&verified));
}

/// A process that has never seen the old primary.
async fn a_new_process_knows_them(folder: &Path, given: &[&str], known: &Value) {
    let up = Up::start_with(folder, given).await;
    works(&up, known, "With a token of before, elsewhere").await;
    works(&up, &signs_in(&up, CUSTOMER).await, "With a new token, elsewhere").await;
    up.stops_on("TERM");
}

async fn the_mirror_has_it_all(up: &Up) {
    until("the mirror has it all", Duration::from_secs(10), async || {
        let (_, metrics) = up.admin("/metrics").await;
        let said = metrics.as_str().unwrap_or_default().to_owned();
        if said.contains("relay_gap 0") { Ok(()) } else { Err(said) }
    })
    .await;
}

#[tokio::test]
async fn a_standby_without_the_tail_is_noticed_by_all_and_healed() {
    let folder = scratch("cli-standby");
    let mut servers = test_support::start(true).await;
    let (url, nats) = (servers.database_url.clone(), servers.nats_url.clone().unwrap());
    let given = ["--database-url", &url, "--nats-url", &nats];
    let up = Up::start_with(&folder, &given).await;
    let (_, known) = up.command("/v1/support/tickets", ticket("Known to both")).await;
    let known_session = signs_in(&up, CUSTOMER).await;
    folded(&url).await;
    let postgres = servers.postgres.as_mut().unwrap();
    let cluster = postgres.data_dir().to_owned();
    let standby = standby(&url, &cluster).await;
    // What only the primary has: a thing, and a change of one that both have.
    let (_, lost) = up.command("/v1/support/tickets", ticket("Lost")).await;
    let (id, agent) = (known["id"].as_str().unwrap(), cli::demo::AGENT.id().0.to_string());
    let assign = json!({ "assignee_id": agent });
    let (status, assigned) = up.command(&format!("/v1/support/tickets/{id}/assign"), assign.clone()).await;
    assert_eq!(status, StatusCode::OK, "{assigned}");
    for number in 0..8 {
        up.command("/v1/support/tickets", ticket(&format!("Lost {number}"))).await;
    }
    let (lost_session, dismissed) = (signs_in(&up, CUSTOMER).await, signs_in(&up, DISMISSED).await);
    folded(&url).await;
    let mut connection = PgConnection::connect(&url).await.unwrap();
    let end = head(&mut connection).await;
    the_mirror_has_it_all(&up).await;

    postgres.kill().await.unwrap();
    std::fs::rename(&cluster, cluster.with_extension("primary")).unwrap();
    std::fs::rename(&standby, &cluster).unwrap();
    postgres.restart().await.unwrap();
    let mut connection = PgConnection::connect(&url).await.unwrap();
    promoted(&mut connection).await;
    let (ends, before) = (head(&mut connection).await, checkpoints(&mut connection).await);
    assert!(ends < end && position(&lost) > ends, "{ends} of {end}");

    told_by_all(&up, &given, end, &before).await;
    nothing_is_done_in_vain(&up, &given, &mut connection, &before).await;
    // A read model whose table has not come with the log: as if it had been kept elsewhere.
    query(
        "update projection.checkpoints set position = $1, event_id = gen_random_uuid() where name = 'support.tickets'",
    )
    .bind(end)
    .execute(&mut connection)
    .await
    .unwrap();
    adopted_and_healed(&folder, &given);
    // The state that this process had in memory knew of an assignment that is lost: it is decided anew.
    let (status, assigned) = up.command(&format!("/v1/support/tickets/{id}/assign"), assign).await;
    assert!(status == StatusCode::OK && position(&assigned) > ends + 1, "{assigned}");
    let shown = format!("/v1/support/tickets/{id}?min_position=2.{}", position(&assigned));
    until("commands and queries are answered", Duration::from_secs(30), async || {
        let (status, shown) = up.query(&shown).await;
        if status == StatusCode::OK && shown["assignee_id"] == agent { Ok(()) } else { Err(shown.to_string()) }
    })
    .await;
    // The same number meant another event before; who says where he has it from is told.
    let (status, problem) = up.query(&format!("/v1/support/tickets?min_position=1.{}", ends + 1)).await;
    assert_eq!((status, &problem["code"]), (StatusCode::CONFLICT, &json!("log_diverged")));
    assert_eq!(up.query(&format!("/v1/support/tickets?min_position=1.{ends}")).await.0, StatusCode::OK);

    who_is_dismissed_is_refused(&up, &dismissed, end).await;
    people_go_on(&up, &known_session, &lost_session).await;

    all_is_well(&up, &given, &url).await;
    up.stops_on("TERM");
    a_new_process_knows_them(&folder, &given, &known_session).await;
    servers.stop().await.unwrap();
    std::fs::remove_dir_all(folder).unwrap();
}
