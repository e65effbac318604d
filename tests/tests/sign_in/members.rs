//! Belonging to companies: joining, changing roles, leaving, moving between them, and being suspended.

use crate::world::{Device, PASSWORD, World};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use kernel::TenantId;
use platform::auth::{Claims, Purpose};
use serde_json::{Value, json};
use std::time::Duration;
use tests::node::{Actor, eventually, tenant};

/// What whoever runs a company's desk may do there.
const ADMIN: [&str; 11] = [
    "identity.member:read",
    "identity.member:manage",
    "identity.invitation:read",
    "identity.invitation:manage",
    "identity.role:grant_any",
    "identity.api_key:manage",
    "identity.api_key:read",
    "support.ticket:open",
    "support.ticket:read",
    "support.ticket:reply",
    "support.ticket:work",
];

fn ticket() -> Value {
    json!({ "subject": "Hello", "description": "…" })
}

/// Invites an address and gives the token of the link.
async fn invite(world: &World, admin: &Actor, email: &str, roles: &[&str]) -> String {
    let body = json!({ "email": email, "roles": roles, "locale": "en" });
    admin.post("/v1/identity/invitations", body).await.ok();
    world.link("invited", Purpose::JOIN).await.0
}

fn admin(world: &World, of: TenantId) -> Actor {
    world.node.actor(of, 1, &ADMIN)
}

/// The same token as an issuer would have given it whose clock is off by so many seconds.
fn by_another_clock(world: &World, device: &Device, off_by_s: i64) -> Device {
    let token = device.access.as_deref().expect("a token");
    let payload = URL_SAFE_NO_PAD.decode(token.split('.').nth(1).expect("a payload")).expect("base64");
    let mut claims: Claims = serde_json::from_slice(&payload).expect("claims");
    claims.iat += off_by_s;
    let seconds = u64::try_from(claims.iat).expect("a time after 1970");
    claims.jti = uuid::Uuid::new_v7(uuid::Timestamp::from_unix(uuid::NoContext, seconds, 0)).to_string();
    let access = world.node.signer().issue(&claims).expect("a token is signed");
    Device { access: Some(access), ..device.clone() }
}

/// A ticket opened with the token that a device holds.
async fn opens(world: &World, device: &Device) -> tests::node::Answer {
    let request = world.request(device, reqwest::Method::POST, "/v1/support/tickets");
    tests::node::send(request.header("idempotency-key", uuid::Uuid::now_v7().to_string()).json(&ticket())).await
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_invited_joins_with_a_new_account_or_the_one_he_has() {
    let world = World::new().await;
    let (studio, shop) = (tenant(), tenant());
    let email = format!("joan-{}@example.com", uuid::Uuid::now_v7().simple());
    let link = invite(&world, &admin(&world, studio), &email, &["support_customer"]).await;
    let mut joan = Device::somewhere();
    let account = json!({ "password": PASSWORD, "given_name": "Joan", "family_name": "Clarke" });
    let accept = |token: &str, account: Value| json!({ "token": token, "account": account, "delivery": "body" });
    world
        .post(&joan, "/v1/auth/accept-invitation", accept(&link[1..], account.clone()))
        .await
        .refused(422, "link_invalid");
    world.post(&joan, "/v1/auth/accept-invitation", accept(&link, Value::Null)).await.refused(422, "account_needed");
    let joined = world.post(&joan, "/v1/auth/accept-invitation", accept(&link, account.clone())).await.ok();
    assert_eq!((&joined["tenant_id"], &joined["roles"]), (&json!(studio), &json!(["support_customer"])));
    joan.keep(&joined);
    opens(&world, &joan).await.ok();
    // The link was good once, and the address was proven by it.
    let again = world.post(&Device::somewhere(), "/v1/auth/accept-invitation", accept(&link, account.clone())).await;
    assert_eq!(again.status, 409, "{}", again.text);
    world.login(&joan, &email, PASSWORD).await.ok();

    // Another company: the address has an account now, so she signs in first.
    let link = invite(&world, &admin(&world, shop), &email, &["sales_rep"]).await;
    world
        .post(&Device::somewhere(), "/v1/auth/accept-invitation", accept(&link, account))
        .await
        .refused(409, "account_exists");
    let joined =
        world.post(&joan, "/v1/auth/accept-invitation", json!({ "token": link, "delivery": "body" })).await.ok();
    assert_eq!(joined["tenant_id"], json!(shop));
    joan.keep(&joined);
    opens(&world, &joan).await.refused(403, "scope_missing");

    let mine = world.get(&joan, "/v1/me/tenants").await.ok();
    assert_eq!(mine.as_array().unwrap().len(), 2, "{mine}");
    let back = world.post(&joan, "/v1/auth/switch-tenant", json!({ "tenant_id": studio })).await.ok();
    assert_eq!((&back["tenant_id"], &back["session_id"]), (&json!(studio), &joined["session_id"]));
    joan.keep(&back);
    opens(&world, &joan).await.ok();
    let next = world.refresh(&joan, joined["refresh_token"].as_str().unwrap()).await.ok();
    assert_eq!(next["tenant_id"], json!(studio), "the next refreshes are for it too");
    for foreign in [tenant(), TenantId::PLATFORM] {
        let body = json!({ "tenant_id": foreign });
        world.post(&joan, "/v1/auth/switch-tenant", body).await.refused(404, "not_found");
    }
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_member_whose_roles_change_or_who_leaves_is_heard_of_within_seconds() {
    let world = World::new().await;
    let studio = tenant();
    let admin = admin(&world, studio);
    let ada = world.person("ada").await;
    let mut app = Device::somewhere();
    world.signs_in(&mut app, &ada.email).await;
    let link = invite(&world, &admin, &ada.email, &["support_customer"]).await;
    let joined =
        world.post(&app, "/v1/auth/accept-invitation", json!({ "token": link, "delivery": "body" })).await.ok();
    app.keep(&joined);
    opens(&world, &app).await.ok();
    let refresh = joined["refresh_token"].as_str().unwrap().to_owned();
    let refused = async |device: &Device| {
        eventually("the old token is refused", Duration::from_secs(10), async || {
            opens(&world, device).await.status == 401
        })
        .await;
    };

    let member = domain::identity::membership::membership_id(studio, domain::identity::UserId(ada.id));
    let roles = json!({ "roles": ["sales_rep"] });
    // Issued before the change, by a clock that is ahead: it looks as if it had been issued afterwards.
    let ahead = by_another_clock(&world, &app, 25);
    opens(&world, &ahead).await.ok();
    admin.post(&format!("/v1/identity/members/{member}/roles"), roles).await.ok();
    refused(&app).await;
    refused(&ahead).await;
    let next = world.refresh(&app, &refresh).await.ok();
    assert_eq!(next["roles"], json!(["sales_rep"]), "the next token says what is so");
    app.keep(&next);
    opens(&world, &app).await.refused(403, "scope_missing");
    // Issued after the change, by a clock that is behind.
    opens(&world, &by_another_clock(&world, &app, -25)).await.refused(403, "scope_missing");

    admin.post(&format!("/v1/identity/members/{member}/deactivate"), json!({})).await.ok();
    refused(&app).await;
    let last = world.refresh(&app, next["refresh_token"].as_str().unwrap()).await.ok();
    assert_eq!((&last["tenant_id"], &last["roles"]), (&Value::Null, &json!([])), "he has an account and no company");
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_suspended_company_reads_and_changes_nothing() {
    let world = World::new().await;
    let operator = world.node.actor(TenantId::PLATFORM, 9, &["identity.tenant:manage", "identity.user:manage"]);
    let slug = format!("studio-{}", &uuid::Uuid::now_v7().simple().to_string()[20..]);
    let created = operator.post("/v1/identity/tenants", json!({ "slug": slug, "name": "Encre Noire" })).await.ok();
    let id: uuid::Uuid = created["id"].as_str().unwrap().parse().unwrap();
    let ada = world.node.actor(TenantId(id), 1, &["support.ticket:open", "support.ticket:read"]);
    ada.post("/v1/support/tickets", ticket()).await.ok();
    operator.post(&format!("/v1/identity/tenants/{id}/suspend"), json!({ "reason": "The invoice." })).await.ok();
    eventually("changes are refused", Duration::from_secs(10), async || {
        ada.post("/v1/support/tickets", ticket()).await.json["code"] == "tenant_suspended"
    })
    .await;
    assert_eq!(ada.get("/v1/support/tickets").await.status, 200, "reading goes on");
    operator.post(&format!("/v1/identity/tenants/{id}/resume"), json!({})).await.ok();
    eventually("changes are taken again", Duration::from_secs(10), async || {
        ada.post("/v1/support/tickets", ticket()).await.status.is_success()
    })
    .await;
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_closed_account_gets_in_nowhere() {
    let world = World::new().await;
    let operator = world.node.actor(TenantId::PLATFORM, 9, &["identity.user:manage"]);
    let ada = world.person("ada").await;
    let mut app = Device::somewhere();
    let refresh = world.signs_in(&mut app, &ada.email).await;
    operator.post(&format!("/v1/identity/users/{}/deactivate", ada.id), json!({})).await.ok();
    eventually("its token is refused", Duration::from_secs(10), async || world.get(&app, "/v1/me").await.status == 401)
        .await;
    world.refresh(&app, &refresh).await.refused(401, "refresh_token_invalid");
    world.login(&app, &ada.email, PASSWORD).await.refused(401, "sign_in_failed");
    operator.post(&format!("/v1/identity/users/{}/reactivate", ada.id), json!({})).await.ok();
    world.signs_in(&mut app, &ada.email).await;
    assert_eq!(world.get(&app, "/v1/me").await.status, 200);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_acts_with_its_key_until_it_is_taken_back() {
    let world = World::new().await;
    let studio = tenant();
    let admin = admin(&world, studio);
    let key = async |scopes: Value| {
        let body = json!({ "name": "Display in the hall", "scopes": scopes });
        admin.post("/v1/identity/api-keys", body).await
    };
    key(json!(["manage:queue"])).await.refused(403, "identity.api_key_scope_beyond_own");
    let issued = key(json!(["support.ticket:open", "support.ticket:read"])).await.ok();
    let secret = issued["secret"].as_str().unwrap();
    assert!(secret.starts_with("slk_"));
    let service = Device { access: Some(secret.to_owned()), ..Device::somewhere() };
    let opened = opens(&world, &service).await;
    let position = opened.position();
    let read = format!("{}/v1/support/tickets?min_position={position}", world.node.node().urls().queries);
    let shown = tests::node::send(reqwest::Client::new().get(&read).bearer_auth(secret)).await;
    assert_eq!(shown.status, 200, "{}", shown.text);
    let none = Device { access: Some(format!("slk_{}", "A".repeat(43))), ..Device::somewhere() };
    opens(&world, &none).await.refused(401, "unauthenticated");

    let id = issued["id"].as_str().unwrap();
    admin.post(&format!("/v1/identity/api-keys/{id}/revoke"), json!({})).await.ok();
    let began = std::time::Instant::now();
    eventually("the key is refused", Duration::from_secs(10), async || opens(&world, &service).await.status == 401)
        .await;
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
    world.stop().await;
}
