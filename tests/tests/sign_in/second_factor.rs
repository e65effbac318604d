//! A second factor: turned on, asked for, never good twice, turned off.

use crate::world::{Device, PASSWORD, World};
use serde_json::{Value, json};
use std::time::{SystemTime, UNIX_EPOCH};
use totp_rs::Totp;

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_secs()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_factor_is_asked_for_and_no_code_is_good_twice() {
    let world = World::new().await;
    let ada = world.person("ada").await;
    let mut phone = Device::somewhere();
    world.signs_in(&mut phone, &ada.email).await;
    world.post(&phone, "/v1/auth/totp/enrol", json!({ "password": "wrong" })).await.refused(401, "password_wrong");
    let enrolment = world.post(&phone, "/v1/auth/totp/enrol", json!({ "password": PASSWORD })).await.ok();
    let app = Totp::from_url(enrolment["otpauth_url"].as_str().unwrap()).unwrap();
    // Codes of earlier steps first, so that the test never waits for the next one: a clock may be a step off.
    let code = |step: u64| app.generate(now() + 30 * step - 30).to_string();
    let wrong = json!({ "totp_code": "000000" });
    world.post(&phone, "/v1/auth/totp/confirm", wrong).await.refused(401, "second_factor_wrong");
    let first = code(0);
    let on = world.post(&phone, "/v1/auth/totp/confirm", json!({ "totp_code": first })).await.ok();
    let recovery: Vec<String> = serde_json::from_value(on["recovery_codes"].clone()).unwrap();
    assert_eq!((recovery.len(), world.events("totp_enabled", ada.id).await), (10, 1));

    let login = |extra: (&str, &str)| {
        let mut body = json!({ "email": ada.email, "password": PASSWORD, "delivery": "body" });
        body[extra.0] = Value::String(extra.1.to_owned());
        body
    };
    world.login(&phone, &ada.email, PASSWORD).await.refused(401, "second_factor_required");
    world.post(&phone, "/v1/auth/login", login(("totp_code", &first))).await.refused(401, "second_factor_wrong");
    let next = code(1);
    world.post(&phone, "/v1/auth/login", login(("totp_code", &next))).await.ok();
    world.post(&phone, "/v1/auth/login", login(("totp_code", &next))).await.refused(401, "second_factor_wrong");
    world.post(&phone, "/v1/auth/login", login(("recovery_code", &recovery[0]))).await.ok();
    world
        .post(&phone, "/v1/auth/login", login(("recovery_code", &recovery[0])))
        .await
        .refused(401, "second_factor_wrong");

    let off = |code: &str| json!({ "password": PASSWORD, "recovery_code": code });
    world.post(&phone, "/v1/auth/totp/disable", off(&recovery[0])).await.refused(401, "second_factor_wrong");
    assert_eq!(world.post(&phone, "/v1/auth/totp/disable", off(&recovery[1])).await.status, 204);
    world.login(&phone, &ada.email, PASSWORD).await.ok();
    assert_eq!(world.events("totp_disabled", ada.id).await, 1);
    world.stop().await;
}
