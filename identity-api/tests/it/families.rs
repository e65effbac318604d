//! Refresh tokens: one use each, an honest repeat gets the same answer, a copy ends everything.

use crate::fixtures::{engine, network};
use chrono::TimeDelta;
use identity_api::families::{Begin, Families, Lifetimes, RefreshError, Refreshed};
use sqlx::PgPool;
use std::time::{Duration, Instant};
use uuid::Uuid;

const CLIENT: &[u8] = b"this client";
const OTHER: &[u8] = b"another client";

struct Story {
    families: Families,
    pool: PgPool,
}

impl Story {
    async fn new(lifetimes: Lifetimes) -> Self {
        let pool = engine().await;
        Self { families: Families::new(pool.clone(), lifetimes), pool }
    }

    async fn begin(&self) -> (Uuid, String) {
        let (sid, user_id) = (Uuid::now_v7(), Uuid::now_v7());
        let begin =
            Begin { sid, user_id, tenant_id: None, binding: CLIENT, network: network("192.0.2.1"), user_agent: "test" };
        (sid, self.families.begin(&begin).await.unwrap())
    }

    async fn refresh(&self, token: &str, client: &[u8]) -> Result<Refreshed, RefreshError> {
        self.families.refresh(token, &[client.to_vec()], network("192.0.2.1")).await
    }

    async fn is_revoked(&self, sid: Uuid) -> bool {
        sqlx::query_scalar("select exists (select from secrets.revocations where kind = 'family' and id = $1)")
            .bind(sid.to_string())
            .fetch_one(&self.pool)
            .await
            .unwrap()
    }
}

#[tokio::test]
async fn a_token_is_good_once_and_its_successor_follows() {
    let story = Story::new(Lifetimes::default()).await;
    let (sid, mut token) = story.begin().await;
    for _ in 0..5 {
        let next = story.refresh(&token, CLIENT).await.unwrap();
        assert_eq!((next.sid, next.repeated), (sid, false));
        assert_ne!(next.refresh_token, token);
        token = next.refresh_token;
    }
    for unknown in ["", "slr_", "nonsense", &"slr_".repeat(12), &format!("slr_{}", "A".repeat(43))] {
        assert!(matches!(story.refresh(unknown, CLIENT).await, Err(RefreshError::Unknown)), "{unknown}");
    }
    assert!(!story.is_revoked(sid).await);
}

#[tokio::test]
async fn an_honest_repeat_gets_the_same_successor_and_a_copy_ends_the_family() {
    let story = Story::new(Lifetimes::default()).await;
    let (sid, first) = story.begin().await;
    let next = story.refresh(&first, CLIENT).await.unwrap();
    let again = story.refresh(&first, CLIENT).await.unwrap();
    assert_eq!((again.refresh_token, again.repeated), (next.refresh_token.clone(), true));
    // Even after the successor was used: its holder may have many windows open.
    let third = story.refresh(&next.refresh_token, CLIENT).await.unwrap();
    assert!(story.refresh(&first, CLIENT).await.unwrap().repeated);
    // The same token from elsewhere, within the ten seconds.
    assert!(matches!(story.refresh(&first, OTHER).await, Err(RefreshError::Reused { sid: ended, .. }) if ended == sid));
    assert!(story.is_revoked(sid).await);
    for token in [&first, &next.refresh_token, &third.refresh_token] {
        assert!(matches!(story.refresh(token, CLIENT).await, Err(RefreshError::Over { .. })));
    }
}

#[tokio::test]
async fn after_the_grace_the_same_client_is_a_copy_too() {
    let story = Story::new(Lifetimes { grace: TimeDelta::milliseconds(50), ..Lifetimes::default() }).await;
    let (sid, first) = story.begin().await;
    let next = story.refresh(&first, CLIENT).await.unwrap();
    tokio::time::sleep(Duration::from_millis(60)).await;
    assert!(matches!(story.refresh(&first, CLIENT).await, Err(RefreshError::Reused { .. })));
    assert!(matches!(story.refresh(&next.refresh_token, CLIENT).await, Err(RefreshError::Over { .. })));
    assert!(story.is_revoked(sid).await);
}

#[tokio::test]
async fn what_nobody_uses_ends() {
    let lifetimes = Lifetimes { refresh: TimeDelta::milliseconds(50), ..Lifetimes::default() };
    let story = Story::new(lifetimes).await;
    let (sid, first) = story.begin().await;
    tokio::time::sleep(Duration::from_millis(60)).await;
    assert!(matches!(story.refresh(&first, CLIENT).await, Err(RefreshError::Over { .. })));
    assert!(!story.is_revoked(sid).await, "nobody did anything wrong");
}

#[tokio::test]
async fn a_family_is_ended_once_and_others_go_on() {
    let story = Story::new(Lifetimes::default()).await;
    let ((sid, token), (_, other)) = (story.begin().await, story.begin().await);
    assert!(story.families.end(sid, "signed_out").await.unwrap());
    assert!(!story.families.end(sid, "signed_out").await.unwrap());
    assert!(matches!(story.refresh(&token, CLIENT).await, Err(RefreshError::Over { .. })));
    assert!(story.refresh(&other, CLIENT).await.is_ok());
}

#[tokio::test]
async fn nothing_that_is_stored_is_a_token() {
    let story = Story::new(Lifetimes { grace: TimeDelta::zero(), ..Lifetimes::default() }).await;
    let (_, first) = story.begin().await;
    let next = story.refresh(&first, CLIENT).await.unwrap().refresh_token;
    let stored: Vec<String> =
        sqlx::query_scalar("select t::text from secrets.refresh_tokens t").fetch_all(&story.pool).await.unwrap();
    for token in [&first, &next] {
        assert!(stored.iter().all(|row| !row.contains(token.as_str()) && !row.contains(&token[4..])));
    }
    sqlx::query("select secrets.tidy('0 seconds')").execute(&story.pool).await.unwrap();
    let salts: i64 =
        sqlx::query_scalar("select count(salt) from secrets.refresh_tokens").fetch_one(&story.pool).await.unwrap();
    assert_eq!(salts, 0);
}

/// Families that are used honestly, in parallel, with lost answers, and by thieves; 500 of them with
/// `SILLAGE_TEST_FULL=1`.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_families_at_once_keep_every_promise() {
    let count = if std::env::var_os("SILLAGE_TEST_FULL").is_some() { 500 } else { 60 };
    let story = std::sync::Arc::new(Story::new(Lifetimes::default()).await);
    let mut running = tokio::task::JoinSet::new();
    for number in 0..count {
        let story = std::sync::Arc::clone(&story);
        running.spawn(async move { one_life(&story, number).await });
        if running.len() >= 8 {
            running.join_next().await.unwrap().unwrap();
        }
    }
    while let Some(ended) = running.join_next().await {
        ended.unwrap();
    }
}

async fn one_life(story: &Story, number: usize) {
    let (sid, mut token) = story.begin().await;
    let mut used = Vec::new();
    for round in 0..2 + number % 3 {
        // Three windows refresh at once: one successor.
        let (a, b, c) =
            tokio::join!(story.refresh(&token, CLIENT), story.refresh(&token, CLIENT), story.refresh(&token, CLIENT));
        let answers = [a.unwrap(), b.unwrap(), c.unwrap()];
        assert!(answers.iter().all(|answer| answer.refresh_token == answers[0].refresh_token), "{number} {round}");
        assert_eq!(answers.iter().filter(|answer| !answer.repeated).count(), 1, "one of them rotated");
        used.push(std::mem::replace(&mut token, answers[0].refresh_token.clone()));
        let honest = story.refresh(&used[round], CLIENT).await.unwrap();
        assert_eq!(honest.refresh_token, token, "an honest repeat always works");
    }
    // A thief with any of the used tokens.
    let stolen = &used[number % used.len()];
    let began = Instant::now();
    assert!(matches!(story.refresh(stolen, OTHER).await, Err(RefreshError::Reused { .. })));
    assert!(matches!(story.refresh(&token, CLIENT).await, Err(RefreshError::Over { .. })));
    assert!(matches!(story.refresh(&token, OTHER).await, Err(RefreshError::Over { .. })));
    assert!(story.is_revoked(sid).await && began.elapsed() < Duration::from_secs(1), "{:?}", began.elapsed());
}
