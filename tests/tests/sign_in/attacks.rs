//! Forged, rotated-out and revoked tokens against every door, over HTTP.

use crate::world::{Device, World};
use chrono::TimeDelta;
use identity_api::keys::KeyStore;
use identity_api::seal::Seal;
use platform::auth::attacks::Forge;
use reqwest::header::HeaderValue;
use serde_json::json;
use std::sync::Arc;
use std::time::Duration;
use tests::node::{eventually, send};

#[tokio::test(flavor = "multi_thread")]
async fn no_forged_token_passes_any_door() {
    let world = World::new().await;
    let forge = Forge::new(world.node.signer(), "sillage", "sillage").unwrap();
    let client = reqwest::Client::new();
    let (commands, queries) = (&world.node.node().urls().commands, &world.node.node().urls().queries);
    let doors = [format!("{commands}/v1/me"), format!("{queries}/v1/support/tickets")];
    let mut sent = 0;
    for token in forge.tokens() {
        // What is no header at all never arrives, and HTTP drops the spaces at the end of one (RFC 9110, 5.5): what is
        // left is an honest token. The verifier itself refuses it with them.
        let Ok(value) = HeaderValue::from_str(&format!("Bearer {token}")) else { continue };
        if token.ends_with(' ') {
            continue;
        }
        for door in &doors {
            let answer = send(client.get(door).header("authorization", value.clone())).await;
            // A header beyond the server's limit ends the connection, or is told so.
            let expected = if token.len() > 8_000 { &[401, 400, 431, 599][..] } else { &[401] };
            assert!(expected.contains(&answer.status.as_u16()), "{} {} {token:.120}", answer.status, answer.text);
        }
        sent += 1;
    }
    assert!(sent >= 140, "{sent}");
    let good = forge.with_claim("scope", json!("identity.account:read support.ticket:read"));
    let answer = send(client.get(&doors[1]).bearer_auth(&good)).await;
    assert_eq!(answer.status, 200, "the forge itself makes good tokens: {}", answer.text);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_rotate_under_people_who_stay_signed_in() {
    let world = World::new().await;
    let ada = world.person("ada").await;
    let mut app = Device::somewhere();
    let refresh = world.signs_in(&mut app, &ada.email).await;
    let published = world.get(&Device::somewhere(), "/.well-known/jwks.json").await;
    assert_eq!(published.header("cache-control"), "public, max-age=60");
    assert!(!published.text.contains("\"d\"") && published.json["keys"].as_array().unwrap().len() == 1);

    let seal = world.node.node().vault().derive(Seal::LABEL).unwrap();
    let store = KeyStore::new(world.pool.clone(), Arc::new(Seal::new(&seal).unwrap()));
    let next = store.rotate(TimeDelta::seconds(3), TimeDelta::minutes(10)).await.unwrap();
    eventually("the next key is published before it signs", Duration::from_secs(10), async || {
        let keys = world.get(&Device::somewhere(), "/.well-known/jwks.json").await.json;
        keys["keys"].as_array().is_some_and(|keys| keys.len() == 2 && keys.iter().any(|key| key["kid"] == *next))
    })
    .await;
    assert_eq!(world.get(&app, "/v1/me").await.status, 200, "the old key is believed");
    let kid_of = |token: &str| {
        let header = token.split('.').next().unwrap().to_owned();
        let bytes = base64::Engine::decode(&base64::engine::general_purpose::URL_SAFE_NO_PAD, header).unwrap();
        serde_json::from_slice::<serde_json::Value>(&bytes).unwrap()["kid"].clone()
    };
    tokio::time::sleep(Duration::from_millis(3_100)).await;
    let answer = world.refresh(&app, &refresh).await.ok();
    let token = answer["access_token"].as_str().unwrap();
    assert_eq!(kid_of(token), json!(next), "the new key signs");
    let renewed = Device { access: Some(token.to_owned()), ..app.clone() };
    assert_eq!(world.get(&renewed, "/v1/me").await.status, 200);
    assert_eq!(world.get(&app, "/v1/me").await.status, 200, "both are good");

    assert_eq!(store.revoke_old().await.unwrap(), 1);
    eventually("tokens of the old key are refused", Duration::from_secs(10), async || {
        world.get(&app, "/v1/me").await.status == 401
    })
    .await;
    assert_eq!(world.get(&renewed, "/v1/me").await.status, 200);
    world.stop().await;
}
