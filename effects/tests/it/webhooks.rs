//! Webhooks: what is told, to whom, how often, and what never leaves.

use crate::receiver::{Answering, Receiver, Taken, judged, ok};
use crate::world::{World, quick, until};
use domain::identity::Locale;
use domain::notifications::webhook::{
    DeliveryId, DisableWebhook, EnableWebhook, RedeliverWebhook, RegisterWebhook, RemoveWebhook, ReplayWebhook,
    RotateWebhookSecret, TestWebhook, Webhook, WebhookId, delivery_id,
};
use effects::webhooks::{Client, WebhookEffect, WebhookReplay, webhooks_dispatch};
use effects::{Options, Runner, Worker};
use event_store::Tail;
use kernel::{EventId, TenantId};
use platform::auth::SigningSecrets;
use platform::outbound::Guard;
use serde_json::{Value, json};
use sqlx::Row as _;
use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};
use test_support::itself::{self, Itself};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

fn secrets() -> SigningSecrets {
    SigningSecrets::new(&[9; 32])
}

/// Everything that calls webhooks, in tasks of this process.
pub(crate) struct Running(CancellationToken, Vec<JoinHandle<()>>);

impl Running {
    async fn start(world: &World, pauses: &[Duration]) -> Self {
        let guard = Guard::allowing(["127.0.0.0/8"], true).unwrap();
        Self::calling(world, Client::new(guard, &[]).unwrap(), pauses).await
    }

    pub(crate) async fn calling(world: &World, client: Client, pauses: &[Duration]) -> Self {
        let stop = CancellationToken::new();
        let tail = Tail::start(world.log.clone(), None, stop.clone()).await.unwrap();
        let runner = Runner::new(tail, world.pool.clone(), vec![webhooks_dispatch(world.pool.clone())]);
        let (decisions, log) = (world.decisions.clone(), world.log.clone());
        let effect = WebhookEffect::new(client, secrets(), decisions.clone(), log.clone(), world.pool.clone());
        let effect = effect.pausing(pauses);
        let options = Options { lease: Duration::from_secs(6), budget: Duration::from_secs(5), ..effect.options() };
        let worker = Worker::new(effect, decisions.clone(), world.pool.clone(), runner.bell(), options);
        let replay = WebhookReplay::new(decisions.clone(), log, world.pool.clone());
        let replays = Worker::new(replay, decisions, world.pool.clone(), runner.bell(), quick());
        let runner_stop = stop.clone();
        let tasks = vec![
            tokio::spawn(async move { runner.run(runner_stop).await.unwrap() }),
            tokio::spawn(worker.run(stop.clone())),
            tokio::spawn(replays.run(stop.clone())),
        ];
        let running = Self(stop, tasks);
        until("the checkpoint is there", async || world.count("select count(*) from effects.followers").await == 1)
            .await;
        running
    }

    pub(crate) async fn stop(self) {
        self.0.cancel();
        for task in self.1 {
            task.await.unwrap();
        }
    }
}

pub(crate) const QUICK: &[Duration] =
    &[Duration::from_millis(50), Duration::from_millis(50), Duration::from_millis(50)];

pub(crate) async fn register(world: &World, url: &str, types: &[&str]) -> WebhookId {
    let command: RegisterWebhook =
        serde_json::from_value(json!({"url": url, "label": "Ours", "event_types": types})).unwrap();
    WebhookId(world.carry_out(&command, Uuid::now_v7()).await)
}

/// Its secret as it is now.
async fn secret(world: &World, webhook: WebhookId) -> String {
    let state = world.decisions.states().current::<Webhook>(TenantId::PLATFORM, webhook.0).await.unwrap();
    let secret_id = state.facts().unwrap().secret_id;
    secrets().of(TenantId::PLATFORM, webhook.0, secret_id.0).expose()
}

/// Events of this type, in order.
async fn events(world: &World, of_type: &str) -> Vec<(i64, Uuid)> {
    let rows = sqlx::query("select position, event_id from log.events where category || '.' || type = $1 order by 1");
    let rows = rows.bind(of_type).fetch_all(&world.pool).await.unwrap();
    rows.iter().map(|row| (row.get(0), row.get(1))).collect()
}

/// The ids under which a webhook is told of the events of a category after a position.
async fn of_category(world: &World, category: &str, webhook: WebhookId, after: i64) -> BTreeSet<String> {
    let found: Vec<Uuid> = sqlx::query_scalar("select event_id from log.events where category = $1 and position > $2")
        .bind(category)
        .bind(after)
        .fetch_all(&world.pool)
        .await
        .unwrap();
    found.into_iter().map(|id| delivery_id(webhook, EventId(id)).to_string()).collect()
}

/// How many deliveries of a webhook stand so: the state, and the reason where there is one.
pub(crate) async fn standing(world: &World, webhook: WebhookId) -> BTreeMap<String, i64> {
    let rows = sqlx::query(
        "select coalesce(outcome, state) || coalesce(' ' || reason, ''), count(*) from effects.jobs where endpoint = $1 group by 1",
    );
    let rows = rows.bind(webhook.0).fetch_all(&world.pool).await.unwrap();
    rows.iter().map(|row| (row.get(0), row.get(1))).collect()
}

/// The distinct ids, in order of their first arrival.
fn ids(taken: &[Taken]) -> BTreeSet<String> {
    taken.iter().map(|one| one.id().to_owned()).collect()
}

async fn receives(receiver: &Receiver, path: &str, count: usize) -> Vec<Taken> {
    until(&format!("{path} is called {count} times"), async || receiver.taken(path).len() >= count).await;
    receiver.taken(path)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_happens_is_told_signed_once_and_without_anything_personal() {
    let (world, receiver) = (World::new().await, Receiver::answering(ok).await);
    let running = Running::start(&world, QUICK).await;
    world.register("before@example.com", "Canary-before", Locale::Fr).await;
    let users = register(&world, &receiver.url("/users"), &["identity.user.*"]).await;
    let all = register(&world, &receiver.url("/all"), &["*"]).await;
    let nothing = register(&world, &receiver.url("/nothing"), &["notifications.email.failed"]).await;
    let ada = world.register("canary@example.com", "Canary-Ada", Locale::Fr).await;
    world.forget_password(ada).await;

    // What was before its registration is not told.
    let registered = events(&world, "identity.user.registered").await;
    let since = events(&world, "notifications.webhook.registered").await[0].0;
    let expected = of_category(&world, "identity.user", users, since).await;
    for path in ["/users", "/all"] {
        until("everything is told", async || ids(&receiver.taken(path)).len() >= expected.len()).await;
    }
    let (told, told_all) = (receiver.taken("/users"), receiver.taken("/all"));
    assert_eq!(ids(&told), expected);
    let first = told.iter().find(|one| one.event()["type"] == "identity.user.registered").expect("told");
    let (position, event_id) = registered[1];
    assert_eq!(first.id(), delivery_id(users, EventId(event_id)).to_string());
    let event = first.event();
    assert_eq!((&event["specversion"], &event["id"]), (&json!("1.0"), &json!(event_id)));
    assert_eq!((&event["position"], &event["subject"]), (&json!(position), &json!(ada)));
    assert_eq!(event["data"]["given_name"], "[masked]");
    assert!(first.headers["content-type"].starts_with("application/cloudevents+json"));
    for one in told.iter().chain(&told_all) {
        assert!(!one.body.to_lowercase().contains("canary") && !one.body.contains("v1:"), "{}", one.body);
    }
    let (of_users, of_all) = (secret(&world, users).await, secret(&world, all).await);
    let judge: Vec<(&Taken, &str)> = told.iter().map(|one| (one, of_users.as_str())).collect();
    assert!(judged(&judge).into_iter().all(|is_ours| is_ours));
    assert_eq!(judged(&[(first, &of_all)]), [false], "another's secret is no secret of this one");
    let altered = Taken { body: first.body.replace("masked", "Masked"), ..first.clone() };
    assert_eq!(judged(&[(&altered, &of_users)]), [false]);

    // Trying one out tells that one alone, whatever it wants, also while it is disabled.
    world.carry_out(&DisableWebhook {}, nothing.0).await;
    world.carry_out(&TestWebhook {}, nothing.0).await;
    let tried = receives(&receiver, "/nothing", 1).await;
    assert_eq!(tried[0].event()["type"], "notifications.webhook.test_requested");
    until("everything is settled", async || {
        world.count("select count(*) from effects.jobs where state = 'waiting'").await == 0
    })
    .await;
    running.stop().await;
    for path in ["/users", "/all", "/nothing"] {
        assert_eq!(receiver.taken(path).len(), ids(&receiver.taken(path)).len(), "{path}: each once");
    }
    let kept: Vec<String> =
        sqlx::query_scalar("select row_to_json(t)::text from effects.tries t").fetch_all(&world.pool).await.unwrap();
    assert!(kept.len() == 2 * expected.len() + 1);
    assert!(kept.iter().all(|row| !row.contains("whsec_") && !row.contains("anary")));
    let clear = "select count(*) from log.events where position(convert_to('whsec_', 'UTF8') in data) > 0";
    assert_eq!(world.count(clear).await, 0, "no secret is in the log");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rotated_secret_goes_on_beside_the_new_one() {
    let (world, receiver) = (World::new().await, Receiver::answering(ok).await);
    let running = Running::start(&world, QUICK).await;
    let webhook = register(&world, &receiver.url("/x"), &["*"]).await;
    let before = secret(&world, webhook).await;
    world.carry_out(&RotateWebhookSecret {}, webhook.0).await;
    let after = secret(&world, webhook).await;
    assert_ne!(before, after);
    world.carry_out(&TestWebhook {}, webhook.0).await;
    let taken = receives(&receiver, "/x", 1).await;
    assert_eq!(judged(&[(&taken[0], &before), (&taken[0], &after)]), [true, true]);
    assert_eq!(taken[0].headers["webhook-signature"].split(' ').count(), 2);
    // A leaked secret is gone after two rotations, at once.
    world.carry_out(&RotateWebhookSecret {}, webhook.0).await;
    world.carry_out(&TestWebhook {}, webhook.0).await;
    let taken = receives(&receiver, "/x", 2).await;
    let newest = secret(&world, webhook).await;
    assert_eq!(judged(&[(&taken[1], &before), (&taken[1], &after), (&taken[1], &newest)]), [false, true, true]);
    running.stop().await;
}

fn moody(path: &str, nth: usize) -> (u16, Option<&'static str>, Duration) {
    let status = match (path, nth) {
        ("/wakes-up", 0) => 500,
        ("/wakes-up", 1) => 404,
        ("/busy", 0) => return (429, Some("2"), Duration::ZERO),
        ("/redirects", _) => return (302, Some("/elsewhere"), Duration::ZERO),
        ("/gone", _) => 410,
        ("/down" | "/long-down", _) => 503,
        _ => 204,
    };
    (status, None, Duration::ZERO)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_fails_is_tried_again_given_up_and_disabled_when_it_is_gone_or_fails_for_days() {
    let (world, receiver) = (World::new().await, Receiver::answering(moody).await);
    let running = Running::start(&world, QUICK).await;
    let mut webhooks = BTreeMap::new();
    for path in ["/wakes-up", "/busy", "/redirects", "/gone", "/down", "/long-down"] {
        webhooks.insert(path, register(&world, &receiver.url(path), &["identity.user.registered"]).await);
    }
    let closed = register(&world, "http://127.0.0.1:1/", &["identity.user.registered"]).await;
    let inside = register(&world, "http://10.0.0.1/", &["identity.user.registered"]).await;
    until("all are known", async || world.count("select count(*) from effects.endpoints").await == 8).await;
    let six_days = "update effects.endpoints set failing_since = now() - interval '6 days' where id = $1";
    sqlx::query(six_days).bind(webhooks["/long-down"].0).execute(&world.pool).await.unwrap();
    let began = Instant::now();
    world.register("ada@example.com", "Ada", Locale::Fr).await;

    let is = async |webhook: WebhookId, expected: &str| standing(&world, webhook).await.keys().eq([expected]);
    for (path, expected, calls) in [
        ("/wakes-up", "succeeded", 3),
        ("/busy", "succeeded", 2),
        ("/redirects", "failed exhausted", 4),
        ("/gone", "failed gone", 1),
        ("/down", "failed exhausted", 4),
    ] {
        until(&format!("{path} is {expected}"), async || is(webhooks[path], expected).await).await;
        assert_eq!(receiver.taken(path).len(), calls, "{path}");
        assert_eq!(ids(&receiver.taken(path)).len(), 1, "{path} is always told under the same id");
        if path == "/busy" {
            assert!(began.elapsed() >= Duration::from_secs(2), "it asked for two seconds");
        }
    }
    until("none is there", async || is(closed, "failed exhausted").await && is(inside, "failed exhausted").await).await;
    until("it is disabled", async || is(webhooks["/long-down"], "suppressed disabled").await).await;
    assert_eq!(receiver.taken("/elsewhere").len(), 0, "no redirect is followed");
    let causes = "select string_agg(data->>'cause', ',' order by data->>'cause') from log.events_json \
                  where category = 'notifications.webhook' and type = 'disabled'";
    let causes: String = sqlx::query_scalar(causes).fetch_one(&world.pool).await.unwrap();
    assert_eq!(causes, "failing,gone");
    let said = "select string_agg(distinct coalesce(error, '-'), ',' order by coalesce(error, '-')) from effects.tries";
    let said: String = sqlx::query_scalar(said).fetch_one(&world.pool).await.unwrap();
    assert_eq!(said, "-,connect,forbidden,status");

    // Enabled again, it is told of what comes, and asked for what it missed.
    let gone = webhooks["/gone"];
    world.carry_out(&EnableWebhook {}, gone.0).await;
    world.register("grace@example.com", "Grace", Locale::Fr).await;
    until("it is called again", async || receiver.taken("/gone").len() == 2).await;
    until("the first one is, too", async || receiver.taken("/wakes-up").len() == 4).await;
    world.carry_out(&RemoveWebhook {}, webhooks["/wakes-up"].0).await;
    world.register("joan@example.com", "Joan", Locale::Fr).await;
    until("the others are told", async || receiver.taken("/busy").len() == 4).await;
    assert_eq!(receiver.taken("/wakes-up").len(), 4, "what is removed is not called");
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn history_is_sent_once_more_under_the_same_ids() {
    let (world, receiver) = (World::new().await, Receiver::answering(ok).await);
    let running = Running::start(&world, QUICK).await;
    for n in 0..5 {
        world.register(&format!("early-{n}@example.com"), "Ada", Locale::Fr).await;
    }
    let webhook = register(&world, &receiver.url("/x"), &["identity.user.registered"]).await;
    world.register("late@example.com", "Ada", Locale::Fr).await;
    let told = receives(&receiver, "/x", 1).await;

    // From the beginning: what was before it was registered, too.
    let replay = |body: Value| serde_json::from_value::<ReplayWebhook>(body).unwrap();
    world.carry_out(&replay(json!({"from_position": 1})), webhook.0).await;
    let taken = receives(&receiver, "/x", 7).await;
    let registered = events(&world, "identity.user.registered").await;
    let expected = registered.iter().map(|(_, id)| delivery_id(webhook, EventId(*id)).to_string());
    assert_eq!(ids(&taken), expected.collect());
    assert_eq!(taken.iter().filter(|one| one.id() == told[0].id()).count(), 2);
    // From the third one on, and from a time after all of them.
    world.carry_out(&replay(json!({"from_position": registered[3].0})), webhook.0).await;
    receives(&receiver, "/x", 10).await;
    world.carry_out(&replay(json!({"from_time": chrono::Utc::now()})), webhook.0).await;
    until("all replays are over", async || {
        world.count("select count(*) from effects.replays where finished_at is not null").await == 3
    })
    .await;
    let queued = "select sum(queued)::bigint from effects.replays where error is null and reached >= up_to";
    assert_eq!(world.count(queued).await, 9);

    // One alone.
    let one = DeliveryId(told[0].id().parse().unwrap());
    world.carry_out(&RedeliverWebhook { delivery_id: one }, webhook.0).await;
    let taken = receives(&receiver, "/x", 11).await;
    assert_eq!(taken[10].id(), told[0].id());
    world.carry_out(&RedeliverWebhook { delivery_id: DeliveryId(Uuid::now_v7()) }, webhook.0).await;
    world.register("last@example.com", "Ada", Locale::Fr).await;
    receives(&receiver, "/x", 12).await;
    running.stop().await;
    assert_eq!(receiver.taken("/x").len(), 12, "what is not known is not sent");
}

fn slow(path: &str, _: usize) -> (u16, Option<&'static str>, Duration) {
    (200, None, if path == "/slow" { Duration::from_secs(1) } else { Duration::ZERO })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slow_one_holds_nobody_up() {
    const EVENTS: usize = 40;
    let (world, receiver) = (World::new().await, Receiver::answering(slow).await);
    let running = Running::start(&world, QUICK).await;
    register(&world, &receiver.url("/slow"), &["identity.user.registered"]).await;
    register(&world, &receiver.url("/quick"), &["identity.user.registered"]).await;
    for n in 0..EVENTS {
        world.register(&format!("ada-{n}@example.com"), "Ada", Locale::Fr).await;
    }
    receives(&receiver, "/quick", EVENTS).await;
    let slow = receiver.taken("/slow").len();
    assert!(slow < EVENTS, "all {slow} calls of the slow one were done as well");
    let most = receiver.most_at_once.load(std::sync::atomic::Ordering::SeqCst);
    assert!(most <= 4, "{most} calls of the slow one at once");
    running.stop().await;
}

/// Not a test: what the child process runs.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_process_that_calls_webhooks() {
    let Some(url) = itself::told() else { return };
    let world = World::on(url).await;
    let _running = Running::start(&world, &[Duration::from_millis(100); 100]).await;
    std::future::pending::<()>().await;
}

fn flaky(_: &str, nth: usize) -> (u16, Option<&'static str>, Duration) {
    (if nth % 3 == 2 { 500 } else { 200 }, None, Duration::from_millis(5))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_again_and_again_every_event_is_told_under_one_id() {
    const EVENTS: usize = 60;
    let answering: Answering = flaky;
    let (world, receiver) = (World::new().await, Receiver::answering(answering).await);
    Running::start(&world, QUICK).await.stop().await;
    let webhook = register(&world, &receiver.url("/x"), &["identity.user.registered"]).await;
    for n in 0..EVENTS {
        world.register(&format!("ada-{n}@example.com"), "Ada", Locale::Fr).await;
    }
    let (mut kills, mut pause_ms) = (0, 500_u64);
    let done = "select count(*) from effects.jobs where kind = 'webhook' and state = 'done'";
    let rounds = if std::env::var_os("SILLAGE_TEST_FULL").is_some() { 30 } else { 5 };
    while kills < rounds && usize::try_from(world.count(done).await).unwrap() < EVENTS {
        let process = Itself::running("webhooks::a_process_that_calls_webhooks", &world.url);
        pause_ms = (pause_ms * 7 + 131) % 700 + 300;
        tokio::time::sleep(Duration::from_millis(pause_ms)).await;
        drop(process);
        kills += 1;
    }
    let last = Itself::running("webhooks::a_process_that_calls_webhooks", &world.url);
    until("every event is told", async || usize::try_from(world.count(done).await).unwrap() == EVENTS).await;
    drop(last);
    let taken = receiver.taken("/x");
    let registered = events(&world, "identity.user.registered").await;
    let expected: BTreeSet<String> =
        registered.iter().map(|(_, id)| delivery_id(webhook, EventId(*id)).to_string()).collect();
    assert_eq!((ids(&taken), expected.len()), (expected, EVENTS), "every event, and nothing else");
    let failed = taken.len() / 3;
    let twice = taken.len() - failed - EVENTS;
    eprintln!(
        "webhook: {EVENTS} events, {} calls, {failed} answered 500, {twice} told twice, {kills} kills",
        taken.len()
    );
    // Each kill can catch as many as are called at once between the yes and our note of it.
    assert!(twice <= kills * 4, "{twice} told twice after {kills} kills");
}
