//! Keys of personal data: made once, never come back, rotated without a cut.

use event_store::{Role, RootKey, RootKeys, Vault, VaultError};
use kernel::personal::sealing;
use kernel::{Personal, Sealed, Seals, SubjectId, TenantId};
use proptest::prelude::*;
use sqlx::PgPool;
use sqlx::postgres::PgPoolOptions;
use std::collections::BTreeSet;
use std::time::Duration;
use tokio::time::Instant;
use uuid::Uuid;

const HOUSE: TenantId = TenantId(Uuid::from_u128(0xa11));
const OTHER: TenantId = TenantId(Uuid::from_u128(0xa12));
const ADA: SubjectId = SubjectId(Uuid::from_u128(0xada));
const BOB: SubjectId = SubjectId(Uuid::from_u128(0xb0b));

async fn vault() -> (Vault, PgPool) {
    let (_, pool) = test_support::database().await;
    (test_support::vault(&pool).await, pool)
}

/// Another process of the same installation, with these root keys.
async fn process(pool: &PgPool, keys: RootKeys) -> Result<Vault, VaultError> {
    let session = Role::Engine.assume((*pool.connect_options()).clone());
    Vault::open(PgPoolOptions::new().max_connections(2).connect_lazy_with(session), keys).await
}

async fn seal(vault: &Vault, tenant_id: TenantId, subject: SubjectId, text: &str) -> Sealed {
    vault.ring(tenant_id, &BTreeSet::from([subject])).await.unwrap().seal(subject, text).unwrap()
}

async fn open(vault: &Vault, tenant_id: TenantId, sealed: &Sealed) -> Result<Option<String>, VaultError> {
    let opened = vault.open_all(&[(tenant_id, sealed.clone())]).await?;
    Ok(opened[0].as_deref().map(ToOwned::to_owned))
}

#[tokio::test(flavor = "multi_thread")]
async fn what_one_process_seals_another_opens_and_equal_texts_differ() {
    let (vault, pool) = vault().await;
    let second = test_support::vault(&pool).await;
    let sealed = seal(&vault, HOUSE, ADA, "Hé, c'est moi").await;
    assert_eq!(open(&second, HOUSE, &sealed).await.unwrap(), Some("Hé, c'est moi".into()));
    let again = seal(&second, HOUSE, ADA, "Hé, c'est moi").await;
    assert_ne!(sealed, again, "whether two texts are equal does not show");
    assert_eq!(open(&vault, HOUSE, &again).await.unwrap(), Some("Hé, c'est moi".into()));
    assert_eq!((sealed.subject(), sealed.key_version()), (ADA, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn every_flipped_bit_another_tenant_and_another_subject_are_refused() {
    let (vault, _) = vault().await;
    let sealed = seal(&vault, HOUSE, ADA, "Secret").await;
    seal(&vault, OTHER, ADA, "").await;
    seal(&vault, HOUSE, BOB, "").await;
    assert!(matches!(open(&vault, OTHER, &sealed).await, Err(VaultError::Damaged(ADA))));
    let moved = Sealed::new(BOB, 1, sealed.ciphertext()).unwrap();
    assert!(matches!(open(&vault, HOUSE, &moved).await, Err(VaultError::Damaged(BOB))));
    let later = Sealed::new(ADA, 2, sealed.ciphertext()).unwrap();
    assert!(matches!(open(&vault, HOUSE, &later).await, Err(VaultError::Damaged(ADA))));
    let alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    for at in 0..sealed.ciphertext().len() {
        for bit in 0..6 {
            let mut text: Vec<char> = sealed.ciphertext().chars().collect();
            let digit = alphabet.find(text[at]).unwrap() ^ (1 << bit);
            text[at] = alphabet.chars().nth(digit).unwrap();
            let flipped = Sealed::new(ADA, 1, &text.into_iter().collect::<String>()).unwrap();
            let refused = open(&vault, HOUSE, &flipped).await.unwrap_err().to_string();
            assert!(!refused.contains("Secret"), "{refused}");
        }
    }
    for length in (0..sealed.ciphertext().len()).rev() {
        let Ok(cut) = Sealed::new(ADA, 1, &sealed.ciphertext()[..length]) else { continue };
        assert!(open(&vault, HOUSE, &cut).await.is_err());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn texts_that_specs_sealed_open_nowhere() {
    let (vault, _) = vault().await;
    seal(&vault, HOUSE, ADA, "").await;
    let text = kernel::specs::sealed(|| serde_json::to_string(&Personal::new(ADA, "Secret".to_owned())).unwrap());
    let sealed = Sealed::parse(text.trim_matches('"')).unwrap();
    assert!(matches!(open(&vault, HOUSE, &sealed).await, Err(VaultError::Damaged(ADA))));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_processes_at_once_make_one_key() {
    let (vault, pool) = vault().await;
    let second = test_support::vault(&pool).await;
    let sealing = (0..100).map(|nth| {
        let vault = if nth % 2 == 0 { vault.clone() } else { second.clone() };
        tokio::spawn(async move { seal(&vault, HOUSE, SubjectId(Uuid::from_u128(nth % 5)), "Secret").await })
    });
    let third = test_support::vault(&pool).await;
    for sealed in sealing.collect::<Vec<_>>() {
        assert_eq!(open(&third, HOUSE, &sealed.await.unwrap()).await.unwrap(), Some("Secret".into()));
    }
    let keys: i64 = sqlx::query_scalar("select count(*) from keys.subjects").fetch_one(vault.pool()).await.unwrap();
    assert_eq!(keys, 5);
}

/// A fair, or an import: none of them has a key, and every commit waits for a disk.
#[tokio::test(flavor = "multi_thread")]
async fn two_thousand_new_people_at_once_are_served_by_two_connections() {
    let (_, pool) = vault().await;
    // Slow as a disk is: 2,000 commits one after the other on each of two connections would take ten seconds.
    sqlx::raw_sql(
        "create function keys.as_on_a_disk() returns trigger language plpgsql as \
         $$ begin perform pg_sleep(0.01); return null; end $$; \
         create trigger slow after insert on keys.subjects for each statement execute function keys.as_on_a_disk()",
    )
    .execute(&pool)
    .await
    .unwrap();
    let session = Role::Engine.assume((*pool.connect_options()).clone());
    let two = PgPoolOptions::new().max_connections(2).acquire_timeout(Duration::from_secs(2));
    let vault = Vault::open(two.connect_lazy_with(session), test_support::root_keys()).await.unwrap();
    let sealing = (0..2_000_u128).map(|nth| {
        let (vault, tenant_id) = (vault.clone(), TenantId(Uuid::from_u128(0xb00 + nth % 7)));
        tokio::spawn(async move {
            let subject = SubjectId(Uuid::from_u128(nth / 2));
            Ok::<_, VaultError>((
                tenant_id,
                vault.ring(tenant_id, &BTreeSet::from([subject])).await?.seal(subject, "Ada"),
            ))
        })
    });
    let mut sealed = Vec::new();
    for one in sealing.collect::<Vec<_>>() {
        let (tenant_id, text) = one.await.unwrap().expect("nobody is refused");
        sealed.push((tenant_id, text.unwrap()));
    }
    let opened = test_support::vault(&pool).await.open_all(&sealed).await.unwrap();
    assert!(opened.iter().all(|text| text.as_deref() == Some("Ada")), "another process reads all of it");
}

/// Somebody whose key was altered keeps nobody else from his.
#[tokio::test(flavor = "multi_thread")]
async fn one_altered_key_is_the_affair_of_its_owner() {
    let (vault, pool) = vault().await;
    let places: Vec<_> = (0..40).map(|nth| SubjectId(Uuid::from_u128(nth))).collect();
    for place in &places {
        seal(&vault, HOUSE, *place, "Secret").await;
    }
    sqlx::query(
        "update keys.subjects set wrapped = set_byte(wrapped, 20, 255 - get_byte(wrapped, 20)) where subject_id = $1",
    )
    .bind(places[7].0)
    .execute(&pool)
    .await
    .unwrap();
    let fresh = process(&pool, test_support::root_keys()).await.unwrap();
    let asked = places.iter().map(|place| {
        let (vault, place) = (fresh.clone(), *place);
        tokio::spawn(async move { vault.ring(HOUSE, &BTreeSet::from([place])).await.map(|_| ()) })
    });
    for (nth, answer) in asked.collect::<Vec<_>>().into_iter().enumerate() {
        let answer = answer.await.unwrap();
        assert_eq!(matches!(answer, Err(VaultError::Altered)), nth == 7, "{nth}: {answer:?}");
        assert_eq!(answer.is_ok(), nth != 7);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_destroyed_key_comes_back_from_no_cache_and_no_process() {
    let (vault, pool) = vault().await;
    let second = test_support::vault(&pool).await;
    let (hers, his) = (seal(&vault, HOUSE, ADA, "Ada").await, seal(&vault, HOUSE, BOB, "Bob").await);
    let elsewhere = seal(&vault, OTHER, ADA, "Ada").await;
    let cached_ring = second.ring(HOUSE, &BTreeSet::from([ADA])).await.unwrap();
    assert_eq!(open(&second, HOUSE, &hers).await.unwrap(), Some("Ada".into()));

    let destroyed = vault.destroy(HOUSE, ADA, "asked for").await.unwrap();
    assert_eq!(open(&vault, HOUSE, &hers).await.unwrap(), None);
    let begun = Instant::now();
    while open(&second, HOUSE, &hers).await.unwrap().is_some() {
        assert!(begun.elapsed() < Duration::from_secs(10), "the other process never heard of it");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    // What somebody seals with a ring that he still holds is erased from the first moment on.
    let late = cached_ring.seal(ADA, "Too late").unwrap();
    assert_eq!(open(&second, HOUSE, &late).await.unwrap(), None);
    for process in [&vault, &second, &test_support::vault(&pool).await] {
        let refused = process.ring(HOUSE, &BTreeSet::from([ADA, BOB])).await.unwrap_err();
        assert!(matches!(refused, VaultError::Erased(ADA)), "{refused}");
        assert_eq!(open(process, HOUSE, &hers).await.unwrap(), None);
        assert_eq!(open(process, HOUSE, &his).await.unwrap(), Some("Bob".into()));
        assert_eq!(open(process, OTHER, &elsewhere).await.unwrap(), Some("Ada".into()), "another tenant's own affair");
    }
    assert_eq!(vault.destroy(HOUSE, ADA, "again").await.unwrap(), destroyed, "a repeat changes nothing");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_was_erased_before_anything_was_known_stays_unknown() {
    let (vault, _) = vault().await;
    vault.destroy(HOUSE, ADA, "asked for").await.unwrap();
    assert!(matches!(vault.ring(HOUSE, &BTreeSet::from([ADA])).await, Err(VaultError::Erased(ADA))));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_never_was_is_no_erasure() {
    let (vault, pool) = vault().await;
    let sealed = seal(&vault, HOUSE, ADA, "Ada").await;
    sqlx::raw_sql("alter table keys.subjects no force row level security; delete from keys.subjects")
        .execute(&pool)
        .await
        .unwrap();
    let restored = test_support::vault(&pool).await;
    let missing = open(&restored, HOUSE, &sealed).await.unwrap_err();
    assert!(matches!(missing, VaultError::Missing(ADA)), "{missing}");
}

#[tokio::test(flavor = "multi_thread")]
async fn another_root_key_opens_nothing_and_says_which_is_wanted() {
    let (_, pool) = vault().await;
    let stranger = RootKey::generate().unwrap();
    let refused = process(&pool, RootKeys::new(stranger.clone(), None)).await.err().unwrap();
    let (wanted, given) = (test_support::root_keys().current().id().unwrap(), stranger.id().unwrap());
    assert!(
        matches!(&refused, VaultError::WrongRoot { wanted: w, given: g } if (w, g) == (&wanted, &given)),
        "{refused}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rotated_root_key_opens_all_and_the_old_one_nothing_more() {
    let (vault, pool) = vault().await;
    let sealed = [seal(&vault, HOUSE, ADA, "Ada").await, seal(&vault, HOUSE, BOB, "Bob").await];
    let purpose = vault.derive("some purpose").unwrap();
    let (old, new) = (test_support::root_keys().current(), RootKey::generate().unwrap());
    let both = process(&pool, RootKeys::new(new.clone(), Some(old.clone()))).await.unwrap();
    assert_eq!(both.rotate_root().await.unwrap().keys, 2, "the installation's and the tenant's");
    assert_eq!(both.rotate_root().await.unwrap().keys, 0, "a repeat has nothing to do");
    let after = process(&pool, RootKeys::new(new, None)).await.unwrap();
    assert_eq!(open(&after, HOUSE, &sealed[0]).await.unwrap(), Some("Ada".into()));
    assert_eq!(open(&after, HOUSE, &sealed[1]).await.unwrap(), Some("Bob".into()));
    assert_eq!(after.derive("some purpose").unwrap(), purpose, "what is derived stays");
    assert!(process(&pool, RootKeys::new(old, None)).await.is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tenants_key_is_rotated_while_others_seal() {
    let (vault, pool) = vault().await;
    let second = test_support::vault(&pool).await;
    let mut sealed = Vec::new();
    for nth in 0..20 {
        sealed.push(seal(&vault, HOUSE, SubjectId(Uuid::from_u128(nth)), "Secret").await);
    }
    vault.destroy(HOUSE, SubjectId(Uuid::from_u128(0)), "asked for").await.unwrap();
    let rotating = vault.clone();
    let rotated = tokio::spawn(async move { rotating.rotate_tenant(HOUSE).await });
    for nth in 100..140 {
        sealed.push(seal(&second, HOUSE, SubjectId(Uuid::from_u128(nth)), "Secret").await);
    }
    assert!(rotated.await.unwrap().unwrap().keys >= 19);
    vault.rotate_tenant(HOUSE).await.unwrap();
    let third = test_support::vault(&pool).await;
    assert_eq!(open(&third, HOUSE, &sealed[0]).await.unwrap(), None, "what was destroyed stays destroyed");
    for sealed in &sealed[1..] {
        assert_eq!(open(&third, HOUSE, sealed).await.unwrap(), Some("Secret".into()));
    }
    // A process that knows the key of before makes its next one under the new one.
    let late = seal(&second, HOUSE, SubjectId(Uuid::from_u128(999)), "Secret").await;
    assert_eq!(open(&third, HOUSE, &late).await.unwrap(), Some("Secret".into()));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrapped_is_not_what_wraps() {
    let (vault, pool) = vault().await;
    seal(&vault, HOUSE, ADA, "Ada").await;
    sqlx::raw_sql(
        "alter table keys.subjects no force row level security; \
         update keys.subjects set wrapped = set_byte(wrapped, 20, 255 - get_byte(wrapped, 20))",
    )
    .execute(&pool)
    .await
    .unwrap();
    let fresh = test_support::vault(&pool).await;
    assert!(matches!(fresh.ring(HOUSE, &BTreeSet::from([ADA])).await, Err(VaultError::Altered)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tenants_session_reads_no_key() {
    let (url, pool) = test_support::database().await;
    let vault = test_support::vault(&pool).await;
    seal(&vault, HOUSE, ADA, "Ada").await;
    let tenant = event_store::schema::connect(&url, "test", Role::Tenant, 1).await.unwrap();
    for table in ["keys.subjects", "keys.tenants", "keys.erasures", "keys.installation", "keys.head"] {
        let sql = sqlx::AssertSqlSafe(format!("select * from {table}"));
        let refused = event_store::tenant::query(HOUSE, "select 1").fetch_one(&tenant).await;
        assert!(refused.is_ok(), "a tenant's session works");
        assert!(sqlx::query(sql).fetch_all(&tenant).await.is_err(), "{table}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn keyed_hashes_are_the_same_in_every_process_and_differ_by_purpose() {
    let (vault, pool) = vault().await;
    let second = test_support::vault(&pool).await;
    let hash = |vault: &Vault, label| vault.keyed(label).unwrap().hash(&[b"short", b"text"]);
    assert_eq!(hash(&vault, "a"), hash(&second, "a"));
    assert_ne!(hash(&vault, "a"), hash(&vault, "b"));
    assert_ne!(vault.keyed("a").unwrap().hash(&[b"shortt", b"ext"]), hash(&vault, "a"));
    let index = |vault: &Vault, text| vault.blind_indexer().index("scope", text);
    assert_eq!(index(&vault, "ada@example.com"), index(&second, "ada@example.com"));
    let other = test_support::vault(&test_support::database().await.1).await;
    assert_ne!(index(&vault, "ada@example.com"), index(&other, "ada@example.com"), "another installation");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(8))]
    #[test]
    fn any_text_comes_back(texts in proptest::collection::vec(".{0,60}", 1..20)) {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        runtime.block_on(async {
            let (vault, _) = vault().await;
            let ring = vault.ring(HOUSE, &BTreeSet::from([ADA])).await.unwrap();
            let fresh: Vec<Personal<String>> = texts.iter().map(|text| Personal::new(ADA, text.clone())).collect();
            let stored = sealing(ring, || serde_json::to_string(&fresh).unwrap());
            let read: Vec<Personal<String>> = serde_json::from_str(&stored).unwrap();
            let sealed: Vec<_> = read.iter().map(|value| (HOUSE, value.sealed().unwrap().clone())).collect();
            let opened = vault.open_all(&sealed).await.unwrap();
            for (text, opened) in texts.iter().zip(opened) {
                assert_eq!(opened.as_deref(), Some(text.as_str()));
            }
        });
    }
}
