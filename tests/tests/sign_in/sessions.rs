//! Sessions: refreshed, ended, and refused everywhere soon after.

use crate::world::{Device, PASSWORD, World};
use reqwest::Method;
use serde_json::{Value, json};
use std::time::{Duration, Instant};
use tests::node::{TestNode, eventually, send};

/// Waits until an access token is refused by both doors of a node; a revoked token may live five seconds.
async fn refused_everywhere(nodes: &[&TestNode], access: &str) {
    let began = Instant::now();
    for node in nodes {
        let (commands, queries) = (&node.node().urls().commands, &node.node().urls().queries);
        for url in [format!("{commands}/v1/me"), format!("{queries}/v1/support/tickets")] {
            eventually("the token is refused", Duration::from_secs(10), async || {
                send(reqwest::Client::new().get(&url).bearer_auth(access)).await.status == 401
            })
            .await;
        }
    }
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copied_refresh_token_ends_the_session_in_every_process() {
    let world = World::new().await;
    let sibling = world.node.sibling().await;
    let ada = world.person("ada").await;
    let mut app = Device::somewhere();
    let first = world.signs_in(&mut app, &ada.email).await;
    let second = world.refresh(&app, &first).await.ok();
    assert_eq!(world.refresh(&app, &first).await.ok()["refresh_token"], second["refresh_token"], "an honest repeat");
    let access = second["access_token"].as_str().unwrap();
    let thief = Device::somewhere();
    let began = Instant::now();
    world.refresh(&thief, &first).await.refused(401, "refresh_token_invalid");
    let next = second["refresh_token"].as_str().unwrap();
    world.refresh(&app, next).await.refused(401, "refresh_token_invalid");
    assert!(began.elapsed() < Duration::from_secs(1), "{:?}", began.elapsed());
    let sid = second["session_id"].as_str().unwrap().parse().unwrap();
    assert_eq!((world.events("reuse_detected", sid).await, world.events("ended", sid).await), (1, 1));
    refused_everywhere(&[&world.node, &sibling], access).await;
    sibling.stop().await;
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn signing_out_ends_one_session_or_all() {
    let world = World::new().await;
    let ada = world.person("ada").await;
    let (mut one, mut two, mut three) = (Device::somewhere(), Device::somewhere(), Device::somewhere());
    for device in [&mut one, &mut two, &mut three] {
        world.signs_in(device, &ada.email).await;
    }
    let sessions = world.get(&one, "/v1/me/sessions").await.ok();
    assert_eq!(sessions.as_array().unwrap().len(), 3);
    assert_eq!(sessions.as_array().unwrap().iter().filter(|session| session["current"] == true).count(), 1);

    assert_eq!(world.post(&one, "/v1/auth/logout", json!({})).await.status, 204);
    assert_eq!(world.post(&one, "/v1/auth/logout", json!({})).await.status, 204, "a repeat changes nothing");
    refused_everywhere(&[&world.node], one.access.as_ref().unwrap()).await;

    // Another of one's sessions, by its id; not one of somebody else.
    let sessions = world.get(&two, "/v1/me/sessions").await.ok();
    let other = sessions.as_array().unwrap().iter().find(|session| session["current"] == false).unwrap();
    let path = format!("/v1/me/sessions/{}", other["id"].as_str().unwrap());
    let stranger = world.person("bob").await;
    let mut bob = Device::somewhere();
    world.signs_in(&mut bob, &stranger.email).await;
    send(world.request(&bob, Method::DELETE, &path)).await.refused(404, "not_found");
    assert_eq!(send(world.request(&two, Method::DELETE, &path)).await.status, 204);
    refused_everywhere(&[&world.node], three.access.as_ref().unwrap()).await;

    assert_eq!(world.post(&two, "/v1/auth/logout-everywhere", json!({})).await.status, 204);
    refused_everywhere(&[&world.node], two.access.as_ref().unwrap()).await;
    assert_eq!(world.get(&bob, "/v1/me").await.status, 200);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn changing_the_password_ends_the_other_sessions() {
    let world = World::new().await;
    let ada = world.person("ada").await;
    let (mut here, mut elsewhere) = (Device::somewhere(), Device::somewhere());
    world.signs_in(&mut here, &ada.email).await;
    world.signs_in(&mut elsewhere, &ada.email).await;
    let change = |current: &str, next: &str| json!({ "current_password": current, "new_password": next });
    let next = "seven quiet otters rowing";
    world.post(&here, "/v1/auth/change-password", change("wrong one", next)).await.refused(401, "password_wrong");
    world
        .post(&here, "/v1/auth/change-password", change(PASSWORD, "12345678"))
        .await
        .refused(422, "password_too_common");
    assert_eq!(world.post(&here, "/v1/auth/change-password", change(PASSWORD, next)).await.status, 204);
    assert_eq!(world.events("password_changed", ada.id).await, 1);
    refused_everywhere(&[&world.node], elsewhere.access.as_ref().unwrap()).await;
    assert_eq!(world.get(&here, "/v1/me").await.status, 200);
    world.login(&here, &ada.email, next).await.ok();
    world.stop().await;
}

/// The cookie of this name in an answer, value and attributes.
fn cookie<'a>(answer: &'a tests::node::Answer, name: &str) -> Option<(&'a str, Vec<&'a str>)> {
    answer.headers.get_all("set-cookie").iter().find_map(|line| {
        let mut parts = line.to_str().ok()?.split("; ");
        let (key, value) = parts.next()?.split_once('=')?;
        (key == name).then(|| (value, parts.collect()))
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_browser_keeps_its_refresh_token_where_scripts_and_other_sites_do_not_reach() {
    let world = World::new().await;
    let ada = world.person("ada").await;
    let browser = Device::somewhere();
    let signed_in = world.post(&browser, "/v1/auth/login", json!({ "email": ada.email, "password": PASSWORD })).await;
    for secret in ["refresh_token", "device_token"] {
        assert_eq!(signed_in.json[secret], Value::Null, "not where a script could read it");
    }
    let (refresh, attributes) = cookie(&signed_in, identity_api::REFRESH_COOKIE).unwrap();
    for attribute in ["Path=/v1/auth", "HttpOnly", "Secure", "SameSite=Strict", "Max-Age=604800"] {
        assert!(attributes.contains(&attribute), "{attribute} in {attributes:?}");
    }
    assert!(!attributes.iter().any(|attribute| attribute.starts_with("Domain")));
    let (device, _) = cookie(&signed_in, identity_api::DEVICE_COOKIE).unwrap();
    let jar = format!("{}={refresh}; {}={device}", identity_api::REFRESH_COOKIE, identity_api::DEVICE_COOKIE);

    let from = |headers: &[(&str, &str)]| {
        let mut request = world.request(&browser, Method::POST, "/v1/auth/refresh").header("cookie", &jar);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        send(request)
    };
    for foreign in [
        &[("sec-fetch-site", "cross-site")] as &[_],
        &[("sec-fetch-site", "same-site"), ("origin", "https://evil.example")],
        &[("origin", "https://evil.example")],
        &[("origin", "null")],
    ] {
        from(foreign).await.refused(403, "cross_site_request");
    }
    let next = from(&[("sec-fetch-site", "same-origin")]).await;
    let (second, _) = cookie(&next, identity_api::REFRESH_COOKIE).unwrap();
    assert!(next.status == 200 && second != refresh, "{}", next.text);
    let again = from(&[("sec-fetch-site", "cross-site"), ("origin", "https://app.example")]).await;
    assert_eq!(cookie(&again, identity_api::REFRESH_COOKIE).map(|(value, _)| value), Some(second), "{}", again.text);

    let out = send(world.request(&browser, Method::POST, "/v1/auth/logout").header("cookie", &jar)).await;
    assert_eq!(out.status, 204);
    assert!(cookie(&out, identity_api::REFRESH_COOKIE).unwrap().1.contains(&"Max-Age=0"));
    let over = from(&[]).await;
    assert!(cookie(&over, identity_api::REFRESH_COOKIE).unwrap().1.contains(&"Max-Age=0"));
    over.refused(401, "refresh_token_invalid");
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_postgres_signing_in_is_503_and_heals() {
    let mut servers = test_support::start(true).await;
    let node = TestNode::on(servers.database_url.clone(), None).await;
    let world = World::around(node).await;
    let ada = world.person("ada").await;
    let mut app = Device::somewhere();
    let refresh = world.signs_in(&mut app, &ada.email).await;
    servers.postgres.as_mut().expect("Postgres is ours").kill().await.expect("it can be killed");
    let away = world.login(&app, &ada.email, PASSWORD).await;
    assert_eq!((away.status.as_u16(), away.header("retry-after").is_empty()), (503, false), "{}", away.text);
    assert_eq!(world.refresh(&app, &refresh).await.status, 503);
    eventually("no token is accepted on stale knowledge", Duration::from_secs(20), async || {
        world.get(&app, "/v1/me").await.status == 503
    })
    .await;
    servers.postgres.as_mut().expect("Postgres is ours").restart().await.expect("it starts again");
    eventually("signing in works again", Duration::from_mins(1), async || {
        world.login(&app, &ada.email, PASSWORD).await.status == 200
    })
    .await;
    eventually("the session goes on", Duration::from_secs(20), async || {
        world.refresh(&app, &refresh).await.status == 200
    })
    .await;
    world.stop().await;
    let _ = servers.stop().await;
}
