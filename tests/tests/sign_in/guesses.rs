//! Guessing passwords: strangers get ten tries in a quarter of an hour, the owner gets in.

use crate::world::{Device, Person, World};
use futures_util::{StreamExt as _, stream};
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tests::node::tenant;
use tokio::task::JoinHandle;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep_until};

/// What commands take in the middle of the guessing, times what they take when nobody guesses.
const SLOWER: f64 = 1.5;
/// For how long nobody guesses between two lots of accounts: both are timed on a machine that is as busy otherwise.
const QUIET: Duration = Duration::from_secs(4);
const LOT: usize = 50;
/// Between two guesses at one account where commands are timed: 25 a second in all. As many as a machine can answer would
/// only show that it is busy.
const PACE: Duration = Duration::from_millis(160);

/// Somebody who opens fifty tickets a second, until told otherwise; from then on he knows how long each took.
struct Clerk {
    stop: Arc<AtomicBool>,
    working: JoinHandle<Vec<Duration>>,
}

impl Clerk {
    fn at_work(world: &World) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let (told, actor) = (Arc::clone(&stop), world.node.actor(tenant(), 1, &["support.ticket:open"]));
        let working = tokio::spawn(async move {
            let (mut took, mut every) = (Vec::new(), interval(Duration::from_millis(20)));
            every.set_missed_tick_behavior(MissedTickBehavior::Delay);
            while !told.load(Ordering::Relaxed) {
                every.tick().await;
                let began = Instant::now();
                actor.post("/v1/support/tickets", json!({ "subject": "Any", "description": "Any" })).await.ok();
                took.push(began.elapsed());
            }
            took
        });
        Self { stop, working }
    }

    async fn times(self) -> Vec<Duration> {
        self.stop.store(true, Ordering::Relaxed);
        self.working.await.unwrap()
    }

    /// The times of a while in which nothing else happens.
    async fn quiet(world: &World) -> Vec<Duration> {
        let clerk = Self::at_work(world);
        tokio::time::sleep(QUIET).await;
        clerk.times().await
    }
}

/// What 99 of 100 do not exceed, in milliseconds.
fn p99_ms(mut times: Vec<Duration>) -> f64 {
    times.sort_unstable();
    times[(times.len() - 1) * 99 / 100].as_secs_f64() * 1_000.0
}

/// At each of these accounts, four of them at a time. Ten tries get through, and the others are told when to come again.
async fn guess(world: &World, owners: &[(Person, Device)], guesses: usize, pace: Option<Duration>) {
    let guess = async |email: &str| {
        let mut throttled = 0;
        for n in 0..guesses {
            let due = pace.map(|pace| Instant::now() + pace);
            // A botnet: a network of its own for every guess.
            let answer = world.login(&Device::somewhere(), email, &format!("guess number {n} of many")).await;
            match answer.status.as_u16() {
                429 => {
                    assert!(answer.header("retry-after").parse::<u32>().is_ok_and(|wait| wait > 0));
                    throttled += 1;
                }
                401 => {}
                status => panic!("{status} {}", answer.text),
            }
            if let Some(due) = due {
                sleep_until(due).await;
            }
        }
        assert!(throttled + 10 >= guesses, "{throttled}");
    };
    stream::iter(owners).for_each_concurrent(4, |(person, _)| guess(&person.email)).await;
}

/// 12 accounts with 30 guesses each; with `SILLAGE_TEST_FULL=1` 500 accounts with 20 each, 10,000 in all, while somebody
/// else's commands are timed.
#[tokio::test(flavor = "multi_thread")]
async fn guesses_over_many_accounts_reach_few_hashes_and_the_owners_get_in() {
    let full = std::env::var_os("SILLAGE_TEST_FULL").is_some();
    let (accounts, guesses) = if full { (500, 20) } else { (12, 30) };
    let world = World::new().await;
    let mut owners = Vec::new();
    for n in 0..accounts {
        let person = world.person(&format!("owner{n}")).await;
        let mut device = Device::somewhere();
        world.signs_in(&mut device, &person.email).await;
        owners.push((person, device));
    }
    let (mut quiet, mut meanwhile, mut took) = (Vec::new(), Vec::new(), Duration::ZERO);
    for owners in owners.chunks(LOT) {
        if full {
            quiet.extend(Clerk::quiet(&world).await);
        }
        let (clerk, began) = (full.then(|| Clerk::at_work(&world)), Instant::now());
        guess(&world, owners, guesses, full.then_some(PACE)).await;
        took += began.elapsed();
        if let Some(clerk) = clerk {
            meanwhile.extend(clerk.times().await);
        }
    }
    if full {
        let (quiet, meanwhile) = (p99_ms(quiet), p99_ms(meanwhile));
        eprintln!(
            "{} guesses in {took:.0?}; p99 of commands {meanwhile:.1} ms, else {quiet:.1} ms",
            accounts * guesses
        );
        assert!(meanwhile <= SLOWER * quiet, "{meanwhile} ms while passwords are guessed, {quiet} ms otherwise");
    }
    for (person, device) in &owners {
        let reached: i64 = sqlx::query_scalar(
            "select count(*) from secrets.access_log where what = 'wrong_password' and account = $1",
        )
        .bind(person.id)
        .fetch_one(&world.pool)
        .await
        .unwrap();
        assert!(reached <= 10, "{reached} guesses reached the hash");
        // From his own device wherever he is, and from his usual network with another one.
        let travelling = Device { address: Device::somewhere().address, ..device.clone() };
        let at_home = Device { address: device.address.clone(), ..Device::default() };
        for owner in [travelling, at_home] {
            world.login(&owner, &person.email, crate::world::PASSWORD).await.ok();
        }
    }
    let (person, _) = &owners[0];
    assert!(world.events("sign_in_throttled", person.id).await >= 1, "the owner is told");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_that_does_not_exist_is_throttled_alike() {
    let world = World::new().await;
    let (mut codes, mut of_nobody) = (Vec::new(), Vec::new());
    let ada = world.person("ada").await;
    let nobody = format!("nobody-{}@example.com", uuid::Uuid::now_v7().simple());
    for (email, seen) in [(&ada.email, &mut codes), (&nobody, &mut of_nobody)] {
        let from = Device::somewhere();
        for _ in 0..8 {
            let answer = world.login(&from, email, "quite another password").await;
            seen.push((answer.status.as_u16(), answer.json["code"].clone()));
        }
    }
    assert_eq!(codes, of_nobody);
    assert_eq!(codes.last().unwrap(), &(429, Value::from("too_many_tries")));
    let body = json!({ "email": nobody });
    assert_eq!(world.post(&Device::somewhere(), "/v1/auth/forgot-password", body).await.status, 202);
    world.stop().await;
}
