//! From what happens to a ticket to the mail about it, on real servers, whoever is killed meanwhile.

use crate::smtp::{MailServer, judged};
use crate::world::{NoTransport, Running, World, links, quick, sender, smtp, until};
use chrono::{DateTime, TimeDelta, Utc};
use domain::identity::membership::GrantMembership;
use domain::notifications::feed::{
    ChangeNotificationPreferences, DIGEST_AFTER, MAILS_PER_RECIPIENT, MarkNotificationsRead, UNREAD_FOR, feed_id,
};
use domain::processes::NotifyAboutTickets;
use domain::support::ticket::{AddInternalNote, OpenTicket, ReplyToTicket};
use effects::email::{EmailEffect, Transport};
use effects::{NewsClock, Options, Runner, Worker, outbox, reactor};
use event_store::Tail;
use kernel::{ActorId, TenantId};
use serde_json::json;
use std::collections::HashMap;
use std::time::{Duration, Instant};
use test_support::itself::{self, Itself};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

const BOB: ActorId = ActorId(Uuid::from_u128(0xb0b));
const AGENT: &[&str] = &["support.ticket:work"];
/// Does the long version: ten thousand notifications.
const FULL: &str = "SILLAGE_TEST_FULL";

/// Everything between what happens to tickets and the mail server, in tasks of this process.
async fn start<T: Transport>(world: &World, transport: T, options: Options) -> Running {
    let stop = CancellationToken::new();
    let tail = Tail::start(world.log.clone(), None, stop.clone()).await.unwrap();
    let decisions = || world.decisions.clone();
    let followers = vec![reactor::<NotifyAboutTickets>(decisions()), outbox::<NewsClock>(), outbox::<EmailEffect<T>>()];
    let runner = Runner::new(tail, world.pool.clone(), followers);
    let (states, vault) = (world.decisions.states().clone(), world.decisions.vault().clone());
    let effect = EmailEffect::new(transport, sender(), links(), states, vault);
    let mails = Worker::new(effect, decisions(), world.pool.clone(), runner.bell(), options);
    // Whoever is killed is replaced soon.
    let looking = Options { lease: Duration::from_secs(3), budget: Duration::from_secs(2), ..NewsClock::options() };
    let news = NewsClock::new(decisions());
    let news = Worker::new(news, decisions(), world.pool.clone(), runner.bell(), looking);
    let runner_stop = stop.clone();
    let tasks = vec![
        tokio::spawn(async move { runner.run(runner_stop).await.unwrap() }),
        tokio::spawn(mails.run(stop.clone())),
        tokio::spawn(news.run(stop.clone())),
    ];
    Running::new(stop, tasks)
}

/// Makes the checkpoints: what happens from here on is told.
async fn declare(world: &World) {
    let running = start(world, NoTransport, quick()).await;
    until("the checkpoints are there", async || world.count("select count(*) from effects.followers").await == 3).await;
    running.stop().await;
}

/// Somebody who is written to at this address.
async fn member(world: &World, address: &str, role: &str) -> ActorId {
    let user_id = Uuid::now_v7();
    let person = json!({ "given_name": "Zoé", "family_name": "Été", "email": address });
    let grant: GrantMembership =
        serde_json::from_value(json!({ "user_id": user_id, "person": person, "roles": [role] })).unwrap();
    world.carry_out(&grant, Uuid::now_v7()).await;
    ActorId(user_id)
}

async fn open(world: &World, customer: ActorId, at: DateTime<Utc>) -> Uuid {
    let body = json!({ "subject": "Printer on fire", "description": "It burns.", "customer_id": customer });
    let open: OpenTicket = serde_json::from_value(body).unwrap();
    world.act(BOB, AGENT, at, Uuid::now_v7(), &open).await
}

async fn answer(world: &World, ticket: Uuid, at: DateTime<Utc>) {
    let reply: ReplyToTicket = serde_json::from_value(json!({ "content": "SECRET: use water." })).unwrap();
    world.act(BOB, AGENT, at, ticket, &reply).await;
}

/// How many events of feeds there are, by type.
async fn told(world: &World, of_type: &str) -> i64 {
    let count = "select count(*) from log.events where category = 'notifications.feed' and type = $1";
    sqlx::query_scalar(count).bind(of_type).fetch_one(&world.pool).await.unwrap()
}

/// As long ago as whoever is to be mailed at once has had time to look.
fn a_while_ago() -> DateTime<Utc> {
    Utc::now() - UNREAD_FOR - TimeDelta::seconds(1)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_nobody_reads_is_mailed_once_and_what_was_written_stays_where_it_is() {
    let (world, server) = (World::new().await, MailServer::start());
    declare(&world).await;
    let running = start(&world, smtp(&server.url()), quick()).await;
    let zoe = member(&world, "zoe@example.com", "support_customer").await;
    let ticket = open(&world, zoe, a_while_ago()).await;
    let note: AddInternalNote = serde_json::from_value(json!({ "content": "SECRET: rude." })).unwrap();
    world.act(BOB, AGENT, a_while_ago(), ticket, &note).await;
    answer(&world, ticket, a_while_ago()).await;
    until("she is mailed", async || world.events("sent").await == 1).await;

    // A second answer within the hour joins the digest, and so does what is to be told in one.
    answer(&world, ticket, a_while_ago()).await;
    until("it joins the digest", async || told(&world, "joined_digest").await == 1).await;
    // Another ticket, of long ago: its digest is due.
    let english: ChangeNotificationPreferences = serde_json::from_value(
        json!({ "language": "en", "topics": [{ "topic": "ticket_answered", "in_app": true, "mail": "digest" }] }),
    )
    .unwrap();
    world.act(zoe, &[], Utc::now(), feed_id(TenantId::PLATFORM, zoe).0, &english).await;
    let older = open(&world, zoe, Utc::now() - DIGEST_AFTER).await;
    answer(&world, older, Utc::now() - DIGEST_AFTER).await;
    until("the digest is sent", async || world.events("sent").await == 2).await;
    running.stop().await;

    let mails = server.taken_for("zoe@example.com");
    let read: Vec<_> = mails.iter().map(judged).collect();
    let french = read.iter().find(|mail| mail["subject"] == "Réponse à votre demande : TKT-00001").expect("the first");
    let plain = french["plain"].as_str().unwrap();
    assert!(plain.starts_with("Bonjour Zoé,"), "{plain}");
    for line in [format!("https://app.sillage.test/tickets/{ticket}"), "TKT-00001 : Réponse à votre demande".to_owned()]
    {
        assert!(plain.lines().any(|written| written == line), "{line} in\n{plain}");
    }
    assert!(plain.contains("https://app.sillage.test/notifications"), "{plain}");
    // What was answered a moment ago is left out of the digest: it had a mail of its own.
    let digest = read.iter().find(|mail| mail["subject"] == "Your ticket was answered: TKT-00002").expect("the digest");
    assert!(!digest["plain"].as_str().unwrap().contains("TKT-00001"));
    assert!(mails.iter().all(|mail| !mail.text.contains("SECRET")) && mails.len() == 2);
    let noted = "select count(*) from log.events where category = 'notifications.feed' \
                 and convert_from(data, 'UTF8') like '%ticket_noted%'";
    assert_eq!(world.count(noted).await, 0, "of a note no customer hears anything");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_read_before_the_mail_server_took_it_is_not_sent() {
    let (world, mut server) = (World::new().await, MailServer::start());
    declare(&world).await;
    let running = start(&world, smtp(&server.url()), quick()).await;
    server.end();
    let zoe = member(&world, "zoe@example.com", "support_customer").await;
    let ticket = open(&world, zoe, a_while_ago()).await;
    answer(&world, ticket, a_while_ago()).await;
    let tried = "select count(*) from effects.jobs where kind = 'email' and attempts > 0 and last_error is not null";
    until("it was tried in vain", async || world.count(tried).await == 1).await;
    // What is told meanwhile waits for the hour to be over; both are read.
    answer(&world, ticket, Utc::now()).await;
    until("she is told", async || told(&world, "notified").await == 2).await;
    let read = MarkNotificationsRead { up_to: i32::MAX, thread_id: None };
    world.act(zoe, &[], Utc::now(), feed_id(TenantId::PLATFORM, zoe).0, &read).await;
    server.begin();
    until("it is given up", async || world.events("suppressed").await == 1).await;
    running.stop().await;
    assert_eq!((server.taken().len(), world.events("sent").await, told(&world, "mailed").await), (0, 0, 1));
}

/// Everything in a process of its own, that can be killed.
fn teller(world: &World, server: &MailServer) -> Itself {
    Itself::running("notifications::a_process_that_tells_people", &format!("{} {}", world.url, server.url()))
}

/// Not a test: what [`teller`] runs.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_process_that_tells_people() {
    let Some(told) = itself::told() else { return };
    let (url, server) = told.split_once(' ').unwrap();
    let world = World::on(url.to_owned()).await;
    let _running = start(&world, smtp(server), impatient()).await;
    std::future::pending::<()>().await;
}

fn impatient() -> Options {
    Options { most_attempts: 100_000, ..quick() }
}

/// As many tickets of as few customers as may be mailed about all of them at once; each is answered.
async fn answer_tickets(world: &World, tickets: usize) {
    let mut customers = Vec::new();
    for n in 0..tickets.div_ceil(MAILS_PER_RECIPIENT) {
        customers.push(member(world, &format!("flaky-{n}@example.com"), "support_customer").await);
    }
    for chunk in (0..tickets).collect::<Vec<_>>().chunks(8) {
        let answering = chunk.iter().map(|n| {
            let customer = customers[n / MAILS_PER_RECIPIENT];
            async move {
                let ticket = open(world, customer, a_while_ago()).await;
                answer(world, ticket, a_while_ago()).await;
            }
        });
        futures_util::future::join_all(answering).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_notification_is_lost_over_a_server_that_fails_a_third_of_the_time_whoever_is_killed() {
    let tickets: usize = if std::env::var_os(FULL).is_some() { 10_000 } else { 60 };
    let (world, server) = (World::new().await, MailServer::start());
    declare(&world).await;
    answer_tickets(&world, tickets).await;
    let expected = i64::try_from(tickets).unwrap();

    // Two processes; now the one is killed, now the other, at another moment each time.
    let (began, mut kills, mut pause_ms) = (Instant::now(), 0_usize, 150_u64);
    let mut processes = [teller(&world, &server), teller(&world, &server)];
    while world.events("sent").await < expected {
        pause_ms = (pause_ms * 7 + 131) % 1_400 + 200;
        tokio::time::sleep(Duration::from_millis(pause_ms)).await;
        // At the end of the short version they may finish; a machine that is busy needs its time.
        if tickets > 1_000 || kills < 6 {
            processes[kills % 2] = teller(&world, &server);
            kills += 1;
        }
        assert!(began.elapsed() < Duration::from_mins(30), "{} of {tickets}", world.events("sent").await);
    }
    let elapsed = began.elapsed();
    drop(processes);

    let by_message = server.taken().into_iter().fold(HashMap::new(), |mut counts: HashMap<_, usize>, mail| {
        *counts.entry(mail.header("Message-ID").to_owned()).or_default() += 1;
        counts
    });
    let duplicates: usize = by_message.values().map(|count| count - 1).sum();
    eprintln!("{tickets} notifications, {} mails, {duplicates} twice, {kills} kills, {elapsed:?}", by_message.len());
    assert_eq!(told(&world, "notified").await, expected, "each is told once");
    assert_eq!((by_message.len(), told(&world, "mailed").await), (tickets, expected), "none is lost");
    let mailed = "select count(distinct (stream_id, seq)) from log.events, \
                  jsonb_array_elements(convert_from(data, 'UTF8')::jsonb->'seqs') as seq \
                  where category = 'notifications.feed' and type = 'mailed'";
    assert_eq!(world.count(mailed).await, expected, "each is in one mail");
    assert_eq!((world.events("requested").await, world.events("sent").await), (expected, expected), "asked for once");
    // Each kill can catch as many mails between the server's yes and our note of it as are sent at once.
    assert!(duplicates <= kills * impatient().at_once, "{duplicates} duplicates after {kills} kills");
}
