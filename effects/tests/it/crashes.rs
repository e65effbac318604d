//! However those who send mails end, each mail is sent; twice only in the window that is documented.

use crate::smtp::MailServer;
use crate::world::{World, quick, smtp, until};
use domain::identity::Locale;
use effects::Options;
use std::collections::HashMap;
use std::time::{Duration, Instant};
use test_support::itself::{self, Itself};

const MAILS: usize = 300;

/// Everything that sends mails, in a process of its own, that can be killed and paused.
fn sender(world: &World, server: &MailServer) -> Itself {
    Itself::running("crashes::a_process_that_sends_mails", &format!("{} {}", world.url, server.url()))
}

/// Not a test: what [`sender`] runs.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_process_that_sends_mails() {
    let Some(told) = itself::told() else { return };
    let (url, server) = told.split_once(' ').unwrap();
    let world = World::on(url.to_owned()).await;
    let _running = world.start(smtp(server), impatient()).await;
    std::future::pending::<()>().await;
}

fn impatient() -> Options {
    Options { most_attempts: 1_000, ..quick() }
}

async fn register(world: &World, prefix: &str, mails: usize) {
    for chunk in (0..mails).collect::<Vec<_>>().chunks(20) {
        let registering = chunk.iter().map(|n| {
            let address = format!("{prefix}-{n}@example.com");
            async move { world.register(&address, "Ada", Locale::En).await }
        });
        futures_util::future::join_all(registering).await;
    }
}

/// How often each mail was taken, by its `Message-ID`.
fn by_message(server: &MailServer) -> HashMap<String, usize> {
    server.taken().iter().fold(HashMap::new(), |mut counts, mail| {
        *counts.entry(mail.header("Message-ID").to_owned()).or_default() += 1;
        counts
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_again_and_again_over_a_server_that_fails_a_third_of_the_time_nothing_is_lost() {
    let (world, server) = (World::new().await, MailServer::start());
    world.declare().await;
    register(&world, "flaky", MAILS).await;
    let (began, mut kills, mut pause_ms) = (Instant::now(), 0_usize, 150_u64);
    loop {
        let process = sender(&world, &server);
        // Killed at another moment each time: while it starts, reads, sends, notes, records.
        pause_ms = (pause_ms * 7 + 131) % 1_400 + 200;
        tokio::time::sleep(Duration::from_millis(pause_ms)).await;
        drop(process);
        kills += 1;
        let done = world.count("select count(*) from effects.jobs where state = 'done'").await;
        if usize::try_from(done).unwrap() == MAILS {
            break;
        }
        assert!(began.elapsed() < Duration::from_mins(5), "{done} of {MAILS} after {kills} kills");
        if kills >= 25 {
            // Enough: let one finish.
            let _last = sender(&world, &server);
            world.settled(i64::try_from(MAILS).unwrap()).await;
            break;
        }
    }
    let counts = by_message(&server);
    let duplicates: usize = counts.values().map(|count| count - 1).sum();
    eprintln!("mails: {MAILS} asked for, {} sent, {duplicates} of them twice, {kills} kills", counts.len());
    assert_eq!(counts.len(), MAILS, "none is lost");
    // Each kill can catch as many mails between the server's yes and our note of it as are sent at once.
    assert!(duplicates <= kills * impatient().at_once, "{duplicates} duplicates after {kills} kills");
    assert_eq!(world.events("requested").await, i64::try_from(MAILS).unwrap(), "none is asked for twice");
    assert_eq!(world.events("sent").await, i64::try_from(MAILS).unwrap(), "none is recorded twice");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn dropped_anywhere_it_leaves_no_transaction_and_no_second_request() {
    let (world, server) = (World::new().await, MailServer::start());
    world.declare().await;
    register(&world, "ada", 100).await;
    for round in 0..12_u64 {
        let running = world.start(smtp(&server.url()), impatient()).await;
        tokio::time::sleep(Duration::from_millis(20 + round * 37 % 300)).await;
        running.abort().await;
    }
    let running = world.start(smtp(&server.url()), impatient()).await;
    world.settled(100).await;
    running.stop().await;
    assert_eq!(by_message(&server).len(), 100);
    assert_eq!((world.events("requested").await, world.events("sent").await), (100, 100));
    let idle = "select count(*) from pg_stat_activity where datname = current_database() and state like 'idle in tr%'";
    until("no session is left inside a transaction", async || world.count(idle).await == 0).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn several_workers_never_send_the_same_mail() {
    let (world, server) = (World::new().await, MailServer::start());
    world.declare().await;
    let mut all = Vec::new();
    for _ in 0..3 {
        let own = World::on(world.url.clone()).await;
        all.push(own.start(smtp(&server.url()), quick()).await);
    }
    register(&world, "ada", 200).await;
    world.settled(200).await;
    for running in all {
        running.stop().await;
    }
    let counts = by_message(&server);
    assert_eq!((counts.len(), server.taken().len()), (200, 200), "each mail once");
    assert_eq!((world.events("requested").await, world.events("sent").await), (200, 200));
}
