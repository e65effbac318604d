//! Opening an account, forgetting its password, and what strangers can tell from the outside: nothing.

use crate::world::{Device, PASSWORD, World, registration};
use platform::auth::Purpose;
use serde_json::{Value, json};
use std::time::{Duration, Instant};
use tests::node::Answer;
use uuid::Uuid;

/// What is sent about an e-mail address.
type Body<'a> = &'a dyn Fn(&str) -> Value;

#[tokio::test(flavor = "multi_thread")]
async fn somebody_registers_proves_his_address_and_signs_in() {
    let world = World::new().await;
    let mut ada = Device::somewhere();
    let email = format!("ada-{}@example.com", Uuid::now_v7().simple());
    let answer = world.post(&ada, "/v1/auth/register", registration(&email)).await;
    assert_eq!((answer.status.as_u16(), &answer.json), (202, &json!({ "status": "accepted" })));
    world.login(&ada, &email, PASSWORD).await.refused(403, "email_not_verified");

    let (token, id) = world.link("email_verification_requested", Purpose::VERIFY_EMAIL).await;
    let wrong = [("nonsense", "link_invalid"), (&token[1..], "link_invalid")];
    for (token, code) in wrong {
        world.post(&ada, "/v1/auth/verify-email", json!({ "token": token })).await.refused(422, code);
    }
    world
        .post(&ada, "/v1/auth/reset-password", json!({ "token": token, "password": PASSWORD }))
        .await
        .refused(422, "link_invalid");
    assert_eq!(world.post(&ada, "/v1/auth/verify-email", json!({ "token": token })).await.status, 204);
    world.post(&ada, "/v1/auth/verify-email", json!({ "token": token })).await.refused(409, "identity.link_used");

    // However the address is typed.
    let tokens = world.login(&ada, &email.to_uppercase(), PASSWORD).await.ok();
    assert_eq!((tokens["token_type"].as_str(), tokens["expires_in"].as_i64()), (Some("Bearer"), Some(600)));
    assert_eq!((&tokens["tenant_id"], &tokens["roles"]), (&Value::Null, &json!([])));
    let everybody =
        ["identity.account:change", "identity.account:read", "notifications.feed:change", "notifications.feed:read"];
    assert_eq!(tokens["scopes"], json!(everybody));
    ada.keep(&tokens);
    let me = world.get(&ada, "/v1/me").await.ok();
    assert_eq!((me["user_id"].as_str(), me["email_verified"].as_bool()), (Some(&*id.to_string()), Some(true)));
    assert_eq!(world.get(&ada, "/v1/me/tenants").await.ok(), json!([]));
    assert_eq!(world.events("started", tokens["session_id"].as_str().unwrap().parse().unwrap()).await, 1);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn weak_passwords_are_refused_with_advice() {
    let world = World::new().await;
    let from = Device::somewhere();
    for (password, code) in [
        ("short", "password_too_short"),
        ("Password123!", "password_too_common"),
        ("lovelace1815", "password_too_personal"),
        (&"x".repeat(1025), "password_too_long"),
    ] {
        let mut body = registration("lovelace@example.com");
        body["password"] = password.into();
        let problem = world.post(&from, "/v1/auth/register", body).await.refused(422, code);
        assert!(problem["remedy"].as_str().is_some_and(|advice| !advice.is_empty()), "{problem}");
    }
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_forgotten_password_is_reset_once_and_ends_all_sessions() {
    let world = World::new().await;
    let ada = world.person("ada").await;
    let mut old = Device::somewhere();
    let refresh = world.signs_in(&mut old, &ada.email).await;
    let from = Device::somewhere();
    let asked = world.post(&from, "/v1/auth/forgot-password", json!({ "email": ada.email })).await;
    assert_eq!(asked.status, 202);
    let (first, _) = world.link("password_reset_requested", Purpose::RESET_PASSWORD).await;
    world.post(&from, "/v1/auth/forgot-password", json!({ "email": ada.email })).await.ok();
    let (second, _) = world.link("password_reset_requested", Purpose::RESET_PASSWORD).await;
    let reset = async |token: &str, password: &str| {
        world.post(&from, "/v1/auth/reset-password", json!({ "token": token, "password": password })).await
    };
    let next = "seven quiet otters rowing";
    reset(&first, next).await.refused(409, "identity.link_used");
    reset(&second, "byron1815").await.refused(422, "password_too_personal");
    assert_eq!(reset(&second, next).await.status, 204);
    reset(&second, "another good one entirely").await.refused(409, "identity.link_used");

    world.login(&from, &ada.email, PASSWORD).await.refused(401, "sign_in_failed");
    world.login(&from, &ada.email, next).await.ok();
    world.refresh(&old, &refresh).await.refused(401, "refresh_token_invalid");
    world.get(&old, "/v1/me").await.refused(401, "unauthenticated");
    world.stop().await;
}

/// What a stranger can compare: everything but the ids of the request itself.
fn outside(answer: &Answer) -> (u16, Vec<(String, String)>, Value) {
    let mut body = answer.json.clone();
    if let Some(body) = body.as_object_mut() {
        body.remove("trace_id");
    }
    let own = ["x-correlation-id", "date", "traceparent"];
    let headers = answer.headers.iter().filter(|(name, _)| !own.contains(&name.as_str()));
    let mut headers: Vec<_> =
        headers.map(|(name, value)| (name.to_string(), value.to_str().unwrap_or_default().to_owned())).collect();
    headers.sort();
    (answer.status.as_u16(), headers, body)
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times[times.len() / 2]
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_learns_from_outside_whether_there_is_an_account() {
    let world = World::new().await;
    let ada = world.person("ada").await;
    let nobody = || format!("nobody-{}@example.com", Uuid::now_v7().simple());
    let login = |email: &str| json!({ "email": email, "password": "quite another password" });
    let only = |email: &str| json!({ "email": email });
    let requests: [(&str, Body); 4] = [
        ("/v1/auth/login", &login),
        ("/v1/auth/register", &registration),
        ("/v1/auth/forgot-password", &only),
        ("/v1/auth/verify-email/resend", &only),
    ];
    for (path, body) in requests {
        let (mut there, mut missing) = (Vec::new(), Vec::new());
        for round in 0..4 {
            // In turns, each from another address, so that neither tires of the other.
            for (email, times) in [(ada.email.clone(), &mut there), (nobody(), &mut missing)] {
                let began = Instant::now();
                let answer = world.post(&Device::somewhere(), path, body(&email)).await;
                times.push((began.elapsed(), outside(&answer)));
            }
            assert_eq!(there[round].1, missing[round].1, "{path}");
        }
        let time = |answers: &[(Duration, _)]| median(answers.iter().map(|(took, _)| *took).collect());
        let (one, other) = (time(&there), time(&missing));
        let (less, more) = (one.min(other), one.max(other));
        // A loaded machine is noisy; a hash that is left out would be a factor.
        assert!(more < less.mul_f64(1.8) + Duration::from_millis(60), "{path}: {one:?} with, {other:?} without");
    }
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_owner_of_an_address_hears_that_it_was_registered_again() {
    let world = World::new().await;
    let ada = world.person("ada").await;
    let stranger = Device::somewhere();
    for _ in 0..5 {
        world.post(&stranger, "/v1/auth/register", registration(&ada.email)).await.ok();
    }
    let told = world.events("sign_up_repeated", ada.id).await;
    assert!((1..=3).contains(&told), "{told} mails");
    let mut owner = Device::somewhere();
    world.signs_in(&mut owner, &ada.email).await;
    world.stop().await;
}
