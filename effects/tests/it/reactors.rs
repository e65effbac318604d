//! What reactors promise: each event once, refusals seen, nothing skipped, nothing old, nothing over another history.

use crate::world::{NoTransport, World, quick, until};
use domain::identity::Locale;
use domain::identity::user;
use domain::notifications::email::{EmailContent, EmailRecipient, RequestEmail};
use domain::notifications::{MailAddress, WrittenIn};
use effects::{Follower, RunError, Runner, operate, reactor};
use event_store::Tail;
use kernel::reactor::{Start, target};
use kernel::{Personal, Reaction, Reactor, Recorded, TenantId};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

fn request(event: &Recorded<user::Event>, name: &'static str, step: &'static str) -> Reaction<RequestEmail> {
    let to = EmailRecipient {
        address: Personal::new(event.stream_id, MailAddress::parse("ada@example.com").unwrap()),
        name: None,
        language: WrittenIn::En,
    };
    let command = RequestEmail { to, content: EmailContent::PasswordChanged {} };
    Reaction { step, tenant_id: TenantId::PLATFORM, target: target(name, event.event_id, step), command }
}

/// Two mails for everybody who ever registered.
struct Twice;

impl Reactor for Twice {
    type Event = user::Event;
    type Command = RequestEmail;
    const NAME: &'static str = "test.twice";
    const START: Start = Start::Beginning;

    fn react(event: &Recorded<user::Event>) -> Vec<Reaction<RequestEmail>> {
        if !matches!(event.event, user::Event::Registered { .. }) {
            return Vec::new();
        }
        vec![request(event, Self::NAME, "first"), request(event, Self::NAME, "second")]
    }
}

/// Stumbles over people who speak French.
struct Stumbling;

impl Reactor for Stumbling {
    type Event = user::Event;
    type Command = RequestEmail;
    const NAME: &'static str = "test.stumbling";
    const START: Start = Start::Beginning;

    fn react(event: &Recorded<user::Event>) -> Vec<Reaction<RequestEmail>> {
        let user::Event::Registered { locale, .. } = &event.event else { return Vec::new() };
        assert!(*locale != Locale::Fr, "no such language");
        vec![request(event, Self::NAME, "only")]
    }
}

/// Asks for what is refused.
struct Refused;

impl Reactor for Refused {
    type Event = user::Event;
    type Command = domain::notifications::email::RequeueEmail;
    const NAME: &'static str = "test.refused";

    fn react(event: &Recorded<user::Event>) -> Vec<Reaction<Self::Command>> {
        let user::Event::Registered { .. } = event.event else { return Vec::new() };
        let command = domain::notifications::email::RequeueEmail {};
        vec![Reaction { step: "only", tenant_id: TenantId::PLATFORM, target: Uuid::from_u128(404), command }]
    }
}

struct Running {
    stop: CancellationToken,
    task: JoinHandle<Result<(), RunError>>,
    stopped: tokio::sync::watch::Receiver<Vec<String>>,
}

impl Running {
    async fn start(world: &World, followers: Vec<Box<dyn Follower>>) -> Self {
        let stop = CancellationToken::new();
        let tail = Tail::start(world.log.clone(), None, stop.clone()).await.unwrap();
        let runner = Runner::new(tail, world.pool.clone(), followers);
        let stopped = runner.stopped();
        let until = stop.clone();
        Self { task: tokio::spawn(async move { runner.run(until).await }), stop, stopped }
    }

    async fn stop(self) -> Result<(), RunError> {
        self.stop.cancel();
        self.task.await.unwrap()
    }
}

fn of<R: Reactor>(world: &World) -> Vec<Box<dyn Follower>> {
    vec![reactor::<R>(world.decisions.clone())]
}

async fn at_the_end(world: &World, name: &'static str) {
    until("the reactor has seen the whole log", async || {
        let behind = "select h.position - f.position from effects.followers f, log.head h where f.name = $1";
        let behind: Option<i64> = sqlx::query_scalar(behind).bind(name).fetch_optional(&world.pool).await.unwrap();
        behind == Some(0)
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_event_that_is_delivered_again_has_no_second_effect() {
    let world = World::new().await;
    for n in 0..10 {
        world.register(&format!("ada-{n}@example.com"), "Ada", Locale::En).await;
    }
    for _ in 0..3 {
        let running = Running::start(&world, of::<Twice>(&world)).await;
        at_the_end(&world, "test.twice").await;
        running.stop().await.unwrap();
        assert_eq!(world.events("requested").await, 20);
        // As after a crash before the checkpoint moved, only worse.
        sqlx::query("update effects.followers set position = 0, event_id = null").execute(&world.pool).await.unwrap();
    }
    assert_eq!(world.count("select count(*) from effects.refusals").await, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_processes_take_turns() {
    let world = World::new().await;
    let others = World::on(world.url.clone()).await;
    let first = Running::start(&world, of::<Twice>(&world)).await;
    world.register("ada@example.com", "Ada", Locale::En).await;
    at_the_end(&world, "test.twice").await;
    let second = Running::start(&others, of::<Twice>(&others)).await;
    let owners = "select owner_epoch from effects.followers";
    let owner = world.count(owners).await;
    world.register("bob@example.com", "Bob", Locale::En).await;
    until("two more are asked for", async || world.events("requested").await == 4).await;
    assert_eq!(world.count(owners).await, owner, "the second one waits");
    first.stop().await.unwrap();
    world.register("eve@example.com", "Eve", Locale::En).await;
    until("the second one has taken over", async || world.events("requested").await == 6).await;
    assert!(world.count(owners).await > owner);
    second.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stale_owner_cannot_move_the_checkpoint() {
    let world = World::new().await;
    let running = Running::start(&world, of::<Twice>(&world)).await;
    world.register("ada@example.com", "Ada", Locale::En).await;
    at_the_end(&world, "test.twice").await;
    // Somebody else has taken over, and this one does not know it yet.
    sqlx::query("update effects.followers set owner_epoch = owner_epoch + 1").execute(&world.pool).await.unwrap();
    let before = world.count("select owner_epoch from effects.followers").await;
    world.register("bob@example.com", "Bob", Locale::En).await;
    at_the_end(&world, "test.twice").await;
    assert!(world.count("select owner_epoch from effects.followers").await > before, "it had to take over anew");
    running.stop().await.unwrap();
    assert_eq!(world.events("requested").await, 4);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refused_command_is_kept_for_operators_and_stops_nobody() {
    let world = World::new().await;
    let running = Running::start(&world, of::<Refused>(&world)).await;
    until("it is declared", async || world.count("select count(*) from effects.followers").await == 1).await;
    world.register("ada@example.com", "Ada", Locale::En).await;
    world.register("bob@example.com", "Bob", Locale::En).await;
    at_the_end(&world, "test.refused").await;
    running.stop().await.unwrap();
    let refusals = operate::refusals(&world.pool, 10).await.unwrap();
    assert_eq!(refusals.len(), 2);
    assert_eq!(refusals[0].code, "notifications.email_not_found");
    assert_eq!(refusals[0].command, "notifications.requeue_email");
    assert!(operate::dismiss(&world.pool, refusals[0].command_id).await.unwrap());
    assert!(!operate::dismiss(&world.pool, refusals[0].command_id).await.unwrap());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_reactor_cannot_pass_stops_it_there_and_the_others_go_on() {
    let world = World::new().await;
    let both = || [of::<Stumbling>(&world), of::<Twice>(&world)].into_iter().flatten().collect();
    let mut running = Running::start(&world, both()).await;
    for (name, locale) in [("Ada", Locale::En), ("Bug", Locale::Fr), ("Eve", Locale::En)] {
        world.register(&format!("{}@example.com", name.to_lowercase()), name, locale).await;
    }
    running.stopped.wait_for(|stopped| stopped == &["test.stumbling"]).await.unwrap();
    at_the_end(&world, "test.twice").await;
    running.stop().await.unwrap();
    assert_eq!(world.events("requested").await, 6 + 1, "before the bug, it had done its work");
    let followers = operate::followers(&world.pool).await.unwrap();
    let stumbling = followers.iter().find(|one| one.name == "test.stumbling").unwrap();
    assert_eq!((stumbling.state.as_str(), stumbling.error_position.map(|at| at.0)), ("stopped", Some(3)));
    assert!(stumbling.error.as_deref().unwrap().contains("no such language") && stumbling.position.0 == 2);
    // A restart tries again, and nothing is asked for twice.
    let mut running = Running::start(&world, both()).await;
    running.stopped.wait_for(|stopped| stopped == &["test.stumbling"]).await.unwrap();
    running.stop().await.unwrap();
    assert_eq!(world.events("requested").await, 7);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_old_log_sends_no_old_mails() {
    let world = World::new().await;
    for n in 0..5 {
        world.register(&format!("old-{n}@example.com"), "Ada", Locale::En).await;
    }
    let running = world.start(NoTransport, quick()).await;
    until("the checkpoints are there", async || world.count("select count(*) from effects.followers").await == 2).await;
    world.register("new@example.com", "Ada", Locale::En).await;
    until("the new one is asked for", async || world.events("requested").await == 1).await;
    until("and is in the outbox", async || world.count("select count(*) from effects.jobs").await == 1).await;
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_acted_on_over_another_history() {
    let world = World::new().await;
    world.register("ada@example.com", "Ada", Locale::En).await;
    let running = Running::start(&world, of::<Twice>(&world)).await;
    at_the_end(&world, "test.twice").await;
    running.stop().await.unwrap();
    // As after a promotion without the tail: the event at the checkpoint is another one.
    let other = "update effects.followers set event_id = gen_random_uuid()";
    sqlx::query(other).execute(&world.pool).await.unwrap();
    let running = Running::start(&world, of::<Twice>(&world)).await;
    let ended = running.task.await.unwrap().unwrap_err();
    assert!(ended.to_string().contains("LOG_DIVERGED"), "{ended}");
    let followers = operate::followers(&world.pool).await.unwrap();
    assert_eq!(followers[0].state, "diverged");
    let before = world.events("requested").await;
    // An operator has looked, and lets it go on from where the histories part.
    assert_eq!(operate::resume(&world.pool).await.unwrap(), ["test.twice"]);
    let running = Running::start(&world, of::<Twice>(&world)).await;
    world.register("bob@example.com", "Bob", Locale::En).await;
    at_the_end(&world, "test.twice").await;
    running.stop().await.unwrap();
    assert_eq!(world.events("requested").await, before + 2);
}
