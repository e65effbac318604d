//! Second factors: no code is good twice, and a lost app is no lost account.

use crate::fixtures::engine;
use identity_api::factors::{Factors, RECOVERY_CODES, Shown};
use identity_api::seal::Seal;
use std::collections::HashSet;
use std::sync::Arc;
use totp_rs::{Builder, Secret, Totp};
use uuid::Uuid;

const NOW: u64 = 1_800_000_000;

async fn factors() -> Factors {
    Factors::new(engine().await, Arc::new(Seal::new(&[5; 32]).unwrap()), "Sillage".to_owned())
}

/// What the app shows.
fn code(app: &Totp, at: u64) -> String {
    app.generate(at).to_string()
}

async fn enrolled(factors: &Factors, user_id: Uuid) -> (Totp, Vec<String>) {
    let enrolment = factors.enrol(user_id, "ada@example.com").await.unwrap().unwrap();
    let app = Totp::from_url(&enrolment.url).unwrap();
    assert_eq!((app.issuer(), app.account_name()), (Some("Sillage"), "ada@example.com"));
    let typed = Builder::new().with_secret(Secret::try_from_base32(&enrolment.secret).unwrap()).build().unwrap();
    assert_eq!(code(&typed, NOW), code(&app, NOW));
    assert!(!factors.is_on(user_id).await.unwrap(), "not before it is confirmed");
    assert_eq!(factors.confirm(user_id, "000000", NOW).await.unwrap(), None);
    let codes = factors.confirm(user_id, &code(&app, NOW), NOW).await.unwrap().unwrap();
    (app, codes)
}

#[tokio::test]
async fn no_code_is_good_twice() {
    let factors = factors().await;
    let user_id = Uuid::now_v7();
    let (app, _) = enrolled(&factors, user_id).await;
    let check = async |text: &str, at: u64| factors.check(user_id, Shown::Code(text), at).await.unwrap();
    assert!(factors.is_on(user_id).await.unwrap());
    let confirming = code(&app, NOW);
    assert!(!check(&confirming, NOW).await, "it was used to confirm");
    let next = code(&app, NOW + 30);
    assert!(check(&next, NOW + 30).await);
    for at in [NOW + 30, NOW + 31, NOW + 60] {
        assert!(!check(&next, at).await, "a replay");
    }
    assert!(!check(&confirming, NOW + 30).await, "an earlier one");
    // A clock may be a step off.
    assert!(check(&code(&app, NOW + 90), NOW + 60).await);
    for wrong in ["", "12345", "1234567", "abcdef", "12 34 56", "０００００００"] {
        assert!(!check(wrong, NOW + 200).await, "{wrong}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_many_at_once_with_one_code_one_wins() {
    let factors = factors().await;
    let user_id = Uuid::now_v7();
    let (app, recovery) = enrolled(&factors, user_id).await;
    let text = code(&app, NOW + 60);
    for shown in [Shown::Code(&text), Shown::Recovery(&recovery[3])] {
        let (a, b, c, d) = tokio::join!(
            factors.check(user_id, shown, NOW + 60),
            factors.check(user_id, shown, NOW + 60),
            factors.check(user_id, shown, NOW + 60),
            factors.check(user_id, shown, NOW + 60),
        );
        assert_eq!([a, b, c, d].into_iter().filter(|won| *won.as_ref().unwrap()).count(), 1, "{shown:?}");
    }
}

#[tokio::test]
async fn recovery_codes_help_once_each() {
    let factors = factors().await;
    let user_id = Uuid::now_v7();
    let (_, codes) = enrolled(&factors, user_id).await;
    assert_eq!(codes.iter().collect::<HashSet<_>>().len(), RECOVERY_CODES);
    let check = async |text: &str| factors.check(user_id, Shown::Recovery(text), NOW).await.unwrap();
    assert!(check(&codes[0]).await && !check(&codes[0]).await);
    assert!(check(&codes[1].to_uppercase().replace('-', " ")).await, "however it is typed");
    assert!(!check("").await && !check("aaaa-aaaa-aaaa-aaaa").await);
    assert!(!factors.check(Uuid::now_v7(), Shown::Recovery(&codes[2]), NOW).await.unwrap(), "somebody else's");
}

#[tokio::test]
async fn a_factor_that_is_on_is_not_replaced() {
    let factors = factors().await;
    let user_id = Uuid::now_v7();
    let begun = factors.enrol(user_id, "a@b.example").await.unwrap().unwrap();
    let again = factors.enrol(user_id, "a@b.example").await.unwrap().unwrap();
    assert_ne!(begun.secret, again.secret);
    let app = Totp::from_url(&begun.url).unwrap();
    assert_eq!(factors.confirm(user_id, &code(&app, NOW), NOW).await.unwrap(), None, "the first was replaced");
    let app = Totp::from_url(&again.url).unwrap();
    assert!(factors.confirm(user_id, &code(&app, NOW), NOW).await.unwrap().is_some());
    assert!(factors.enrol(user_id, "a@b.example").await.unwrap().is_none());
    factors.remove(user_id).await.unwrap();
    assert!(!factors.is_on(user_id).await.unwrap());
    assert!(factors.enrol(user_id, "a@b.example").await.unwrap().is_some());
}
