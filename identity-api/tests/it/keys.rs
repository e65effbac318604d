//! Keys rotate without a cut, and what was taken back is refused everywhere soon.

use crate::fixtures::{both, engine};
use chrono::{TimeDelta, Utc};
use identity_api::families::{Begin, Families, Lifetimes};
use identity_api::keys::{KeyError, KeyStore, Keyring};
use identity_api::seal::Seal;
use identity_api::trust::TrustFollower;
use kernel::{ActorId, ActorKind, Scopes, TenantId};
use platform::auth::{AuthError, Claims, KeySet, LiveTrust, Signer, Verifier};
use sqlx::PgPool;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

fn store(pool: &PgPool) -> KeyStore {
    KeyStore::new(pool.clone(), Arc::new(Seal::new(&[5; 32]).unwrap()))
}

fn token(signer: &Signer, sid: Uuid) -> String {
    let now = Utc::now();
    let claims = Claims {
        iss: "i".into(),
        aud: "a".into(),
        sub: ActorId(Uuid::from_u128(1)),
        tenant: TenantId(Uuid::from_u128(2)),
        kind: ActorKind::User,
        on_behalf_of: None,
        sid: Some(sid),
        roles: Vec::new(),
        scopes: Scopes::default(),
        exp: (now + TimeDelta::minutes(10)).timestamp(),
        iat: now.timestamp(),
        nbf: None,
        jti: Uuid::now_v7().to_string(),
        as_of: None,
    };
    signer.issue(&claims).unwrap()
}

/// A process that verifies.
fn process(pool: &PgPool) -> (TrustFollower, Verifier) {
    let trust = Arc::new(LiveTrust::live(KeySet::none()));
    (TrustFollower::new(pool.clone(), Arc::clone(&trust)), Verifier::live(trust, "i", "a"))
}

#[tokio::test]
async fn a_key_is_known_before_it_signs_and_believed_after() {
    let pool = engine().await;
    let keys = Keyring::open(store(&pool)).await.unwrap();
    let (mut follower, verifier) = process(&pool);
    let first = keys.signer(Utc::now()).unwrap();
    let early = token(&first, Uuid::nil());
    follower.renew().await.unwrap();
    assert!(verifier.verify(&early).is_ok());

    let kid = store(&pool).rotate(TimeDelta::milliseconds(300), TimeDelta::seconds(1)).await.unwrap();
    keys.renew().await.unwrap();
    follower.renew().await.unwrap();
    assert_eq!(keys.signer(Utc::now()).unwrap().key_id(), first.key_id(), "the new one is not known everywhere yet");
    assert_eq!(keys.jwks()["keys"].as_array().unwrap().len(), 2, "but it is published");
    assert!(KeySet::parse(&keys.jwks().to_string()).is_ok());
    tokio::time::sleep(Duration::from_millis(350)).await;
    let second = keys.signer(Utc::now()).unwrap();
    assert_eq!(second.key_id(), kid);
    assert!(verifier.verify(&token(&second, Uuid::nil())).is_ok() && verifier.verify(&early).is_ok());

    // When the last token of the old key has ended, nobody believes it any more.
    sqlx::query("update secrets.signing_keys set believed_until = now() where kid = $1")
        .bind(first.key_id())
        .execute(&pool)
        .await
        .unwrap();
    keys.renew().await.unwrap();
    follower.renew().await.unwrap();
    assert_eq!(verifier.verify(&early).map(drop), Err(AuthError::UnknownKey));
    assert_eq!(keys.jwks()["keys"].as_array().unwrap().len(), 1);
    assert!(verifier.verify(&token(&second, Uuid::nil())).is_ok());
}

#[tokio::test]
async fn a_leaked_key_ends_at_once() {
    let pool = engine().await;
    let keys = Keyring::open(store(&pool)).await.unwrap();
    let leaked = token(&keys.signer(Utc::now()).unwrap(), Uuid::nil());
    let (mut follower, verifier) = process(&pool);
    store(&pool).rotate(TimeDelta::zero(), TimeDelta::minutes(10)).await.unwrap();
    follower.renew().await.unwrap();
    assert!(verifier.verify(&leaked).is_ok());
    assert_eq!(store(&pool).revoke_old().await.unwrap(), 1);
    follower.renew().await.unwrap();
    assert_eq!(verifier.verify(&leaked).map(drop), Err(AuthError::UnknownKey));
}

#[tokio::test]
async fn processes_share_keys_and_nobody_reads_them_without_the_root_key() {
    let pool = engine().await;
    let (one, two) = (Keyring::open(store(&pool)).await.unwrap(), Keyring::open(store(&pool)).await.unwrap());
    assert_eq!(one.signer(Utc::now()).unwrap().key_id(), two.signer(Utc::now()).unwrap().key_id());
    let stranger = KeyStore::new(pool.clone(), Arc::new(Seal::new(&[6; 32]).unwrap()));
    assert!(matches!(Keyring::open(stranger).await, Err(KeyError::Sealed { .. })));
    let row: String = sqlx::query_scalar("select k::text from secrets.signing_keys k").fetch_one(&pool).await.unwrap();
    assert!(!row.contains("PRIVATE"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_ended_family_is_refused_in_every_process_within_seconds() {
    let (pool, reader) = both().await;
    let keys = Keyring::open(store(&pool)).await.unwrap();
    let families = Families::new(pool.clone(), Lifetimes::default());
    let (sid, user_id) = (Uuid::now_v7(), Uuid::from_u128(1));
    let wanted = Begin {
        sid,
        user_id,
        tenant_id: None,
        binding: b"b",
        network: crate::fixtures::network("192.0.2.1"),
        user_agent: "test",
    };
    families.begin(&wanted).await.unwrap();
    let access = token(&keys.signer(Utc::now()).unwrap(), sid);
    let stop = CancellationToken::new();
    let doors: Vec<Verifier> = (0..3)
        .map(|_| {
            let (follower, verifier) = process(&reader);
            tokio::spawn(follower.run(stop.clone()));
            verifier
        })
        .collect();
    for verifier in &doors {
        until(|| verifier.verify(&access).is_ok()).await;
    }
    families.end(sid, "test").await.unwrap();
    let began = Instant::now();
    for verifier in &doors {
        until(|| verifier.verify(&access).map(drop) == Err(AuthError::Revoked)).await;
    }
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
    stop.cancel();
}

async fn until(mut so: impl FnMut() -> bool) {
    for _ in 0..500 {
        if so() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("it did not come true");
}

#[tokio::test]
async fn who_reads_for_tenants_sees_no_secret() {
    let (pool, reader) = both().await;
    Keyring::open(store(&pool)).await.unwrap();
    for table in [
        "signing_keys",
        "passwords",
        "second_factors",
        "families",
        "refresh_tokens",
        "known_places",
        "attempts",
        "followed",
        "memberships",
        "api_keys",
        "access_log",
    ] {
        let read = || sqlx::AssertSqlSafe(format!("select count(*), min(t::text) from secrets.{table} t"));
        assert!(sqlx::query(read()).fetch_one(&reader).await.is_err(), "{table}");
        assert!(sqlx::query(read()).fetch_one(&pool).await.is_ok(), "{table}");
    }
    for call in ["secrets.tidy('1 second')", "secrets.end_family(gen_random_uuid(), 'x', '1 second')"] {
        let query = sqlx::AssertSqlSafe(format!("select {call}"));
        assert!(sqlx::query(query).execute(&reader).await.is_err(), "{call}");
    }
}
