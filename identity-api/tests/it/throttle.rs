//! Guesses are slowed down; the owner is not.

use crate::fixtures::{engine, network};
use identity_api::place::{Place, Places};
use identity_api::throttle::{MOST_TRIES, Throttle, ThrottleError, Try};
use sqlx::PgPool;
use uuid::Uuid;

struct Story {
    throttle: Throttle,
    pool: PgPool,
}

impl Story {
    async fn new() -> Self {
        let pool = engine().await;
        Self { throttle: Throttle::new(pool.clone(), Places::new(&[3; 32])), pool }
    }

    /// Whether a try may go on, or how long it has to wait.
    async fn attempt(&self, account: Uuid, from: &str, device: Option<&Place>) -> Result<i32, u32> {
        match self.throttle.admit(&Try { account, network: network(from), device }).await {
            Ok(admitted) => Ok(admitted.streak),
            Err(ThrottleError::Wait { wait_s }) => Err(wait_s),
            Err(error) => panic!("{error}"),
        }
    }

    async fn owner_signs_in(&self, account: Uuid, from: &str, device: &Place) {
        let admitted =
            self.throttle.admit(&Try { account, network: network(from), device: Some(device) }).await.unwrap();
        self.throttle.succeeded(&admitted).await.unwrap();
        self.throttle.remember(account, network(from), Some(device)).await.unwrap();
    }

    /// As if everything had happened so long ago.
    async fn let_pass(&self, seconds: u32) {
        sqlx::query(
            "update secrets.attempts set last_at = last_at - make_interval(secs => $1), \
             tries = array(select t - make_interval(secs => $1) from unnest(tries) t)",
        )
        .bind(f64::from(seconds))
        .execute(&self.pool)
        .await
        .unwrap();
    }
}

#[tokio::test]
async fn tries_wait_longer_and_longer() {
    let story = Story::new().await;
    let account = Uuid::now_v7();
    for streak in 1..=5 {
        assert_eq!(story.attempt(account, "192.0.2.1", None).await, Ok(streak));
    }
    for expected in [2, 4, 8, 16, 32] {
        let wait = story.attempt(account, "192.0.2.1", None).await.unwrap_err();
        assert!(wait <= expected && wait > expected / 2, "{wait} of {expected}");
        // Whoever asks too early is told the same again and not punished further.
        assert!(story.attempt(account, "192.0.2.1", None).await.is_err());
        story.let_pass(expected).await;
        assert!(story.attempt(account, "192.0.2.1", None).await.is_ok());
    }
    // The eleventh within 15 minutes, however patient.
    story.let_pass(300).await;
    let wait = story.attempt(account, "192.0.2.1", None).await.unwrap_err();
    assert!((400..=600).contains(&wait), "{wait}");
    story.let_pass(24 * 3600 + 1).await;
    assert_eq!(story.attempt(account, "192.0.2.1", None).await, Ok(1), "a day of peace");
}

#[tokio::test]
async fn strangers_share_their_tries_and_the_owner_keeps_his() {
    let story = Story::new().await;
    let (account, device) = (Uuid::now_v7(), Place::device("sld_owner"));
    story.owner_signs_in(account, "198.51.100.7", &device).await;
    let mut passed = 0;
    for n in 0..400 {
        // A network of its own for each guess; some shake off the delay by waiting.
        if story.attempt(account, &format!("2001:db8:{n:x}::1"), None).await.is_ok() {
            passed += 1;
        }
        if n % 20 == 0 {
            story.let_pass(2).await;
        }
    }
    assert!(passed <= MOST_TRIES, "{passed} guesses of strangers passed");
    // The owner: from his device anywhere, and from his network with another device.
    assert!(story.attempt(account, "203.0.113.9", Some(&device)).await.is_ok());
    assert!(story.attempt(account, "198.51.100.7", None).await.is_ok());
    // A device that the account does not know is a stranger.
    assert!(story.attempt(account, "203.0.113.9", Some(&Place::device("sld_other"))).await.is_err());
    // And another account is not touched.
    assert!(story.attempt(Uuid::now_v7(), "203.0.113.9", None).await.is_ok());
}

#[tokio::test]
async fn a_thief_of_a_device_is_slowed_down_too() {
    let story = Story::new().await;
    let (account, device) = (Uuid::now_v7(), Place::device("sld_owner"));
    story.owner_signs_in(account, "198.51.100.7", &device).await;
    let mut passed = 0;
    for _ in 0..60 {
        passed += i32::from(story.attempt(account, "203.0.113.9", Some(&device)).await.is_ok());
        story.let_pass(10).await;
    }
    assert!(passed <= MOST_TRIES, "{passed}");
    // A success begins anew.
    story.let_pass(900).await;
    story.owner_signs_in(account, "203.0.113.9", &device).await;
    assert_eq!(story.attempt(account, "203.0.113.9", Some(&device)).await, Ok(1));
}

#[tokio::test]
async fn one_network_cannot_try_everybody() {
    let story = Story::new().await;
    let mut passed = 0;
    for _ in 0..150 {
        passed += i32::from(story.attempt(Uuid::now_v7(), "192.0.2.66", None).await.is_ok());
    }
    assert_eq!(passed, 100);
    assert!(story.attempt(Uuid::now_v7(), "192.0.2.67", None).await.is_ok());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn guesses_at_the_same_moment_are_counted_one_by_one() {
    let story = std::sync::Arc::new(Story::new().await);
    let account = Uuid::now_v7();
    let mut running = tokio::task::JoinSet::new();
    for n in 0..40 {
        let story = std::sync::Arc::clone(&story);
        running.spawn(async move { story.attempt(account, &format!("192.0.2.{n}"), None).await.is_ok() });
    }
    let passed = running.join_all().await.into_iter().filter(|passed| *passed).count();
    assert_eq!(passed, 5);
}
