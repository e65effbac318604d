//! With reactors, outbox and mailbox at work: what people read, the links that they follow, and what happens by itself.

use crate::world::{Device, PASSWORD, World};
use chrono::{TimeDelta, Utc};
use domain::identity::invitation::Event;
use domain::privacy::subject::ErasedKey;
use kernel::{Event as _, SubjectId, TenantId};
use serde_json::{Value, json};
use std::time::Duration;
use tests::node::{Actor, TestNode, eventually, tenant};
use uuid::Uuid;

/// What whoever runs the desk of a company may do.
const ADMIN: [&str; 6] = [
    "identity.member:read",
    "identity.member:manage",
    "identity.invitation:read",
    "identity.invitation:manage",
    "identity.role:grant_any",
    "support.ticket:read",
];

/// A letter as it would have arrived.
struct Letter {
    subject: String,
    plain: String,
    /// What stands behind the `#` of its link.
    token: String,
}

/// The letter about something to an address: the one whose link leads there.
async fn letter(world: &World, email: &str, leads_to: &str) -> Letter {
    let mailbox = world.node.node().mailbox().expect("a development mailbox");
    let mut found = None;
    let link = format!("/{leads_to}#token=");
    eventually(&format!("a letter to {email} with {link}"), Duration::from_secs(30), async || {
        let mails = mailbox.list(Some(email), 20).await.expect("Postgres answers");
        found = mails.into_iter().find(|mail| mail.plain.contains(&link));
        found.is_some()
    })
    .await;
    let mail = found.expect("just found");
    let (_, rest) = mail.plain.split_once(&link).expect("just found");
    let token = rest.split_whitespace().next().unwrap_or_default().to_owned();
    assert!(mail.html.contains(&token), "the same link in both forms");
    Letter { subject: mail.subject, plain: mail.plain, token }
}

fn address(name: &str) -> String {
    format!("{name}-{}@example.com", Uuid::now_v7().simple())
}

fn newcomer(email: &str, locale: &str) -> Value {
    json!({ "email": email, "password": PASSWORD, "given_name": "Ada", "family_name": "Byron", "locale": locale })
}

async fn with_letters() -> World {
    World::around(TestNode::with_letters().await).await
}

fn admin(world: &World, of: TenantId) -> Actor {
    world.node.actor(of, 1, &ADMIN)
}

#[tokio::test(flavor = "multi_thread")]
async fn letters_lead_people_in_and_back_in_and_speak_their_language() {
    let world = with_letters().await;
    let from = Device::somewhere();
    let (english, french) = (address("ada"), address("zoe"));
    for (email, locale, subject, greeting) in [
        (&english, "en", "Confirm your e-mail address", "Ada"),
        (&french, "fr", "Confirmez votre adresse e-mail", "Ada"),
    ] {
        world.post(&from, "/v1/auth/register", newcomer(email, locale)).await.ok();
        world.login(&from, email, PASSWORD).await.refused(403, "email_not_verified");
        let letter = letter(&world, email, "verify-email").await;
        assert_eq!(letter.subject, subject);
        assert!(letter.plain.contains(greeting), "{}", letter.plain);
        let body = json!({ "token": letter.token });
        assert_eq!(world.post(&from, "/v1/auth/verify-email", body).await.status, 204);
        world.login(&from, email, PASSWORD).await.ok();
    }

    // An invitation, in the language that was chosen for it, with the role in that language.
    let company = tenant();
    for (locale, words) in [("en", ["invited", "Support agent"]), ("fr", ["invité", "Agent du support"])] {
        let email = address("joan");
        let body = json!({ "email": email, "roles": ["support_agent"], "locale": locale });
        admin(&world, company).post("/v1/identity/invitations", body).await.ok();
        let letter = letter(&world, &email, "join").await;
        assert!(letter.subject.contains(words[0]) && letter.plain.contains(words[1]), "{}", letter.plain);
        let account = json!({ "password": PASSWORD, "given_name": "Joan", "family_name": "Clarke" });
        let body = json!({ "token": letter.token, "account": account, "delivery": "body" });
        let joined = world.post(&Device::somewhere(), "/v1/auth/accept-invitation", body).await.ok();
        assert_eq!((&joined["tenant_id"], &joined["roles"]), (&json!(company), &json!(["support_agent"])));
    }

    // A forgotten password.
    world.post(&from, "/v1/auth/forgot-password", json!({ "email": french })).await.ok();
    let letter = letter(&world, &french, "reset-password").await;
    assert!(letter.subject.contains("mot de passe"), "{}", letter.subject);
    let next = "seven quiet otters rowing";
    let body = json!({ "token": letter.token, "password": next });
    assert_eq!(world.post(&from, "/v1/auth/reset-password", body.clone()).await.status, 204);
    world.post(&from, "/v1/auth/reset-password", body).await.refused(409, "identity.link_used");
    world.login(&from, &french, PASSWORD).await.refused(401, "sign_in_failed");
    world.login(&from, &french, next).await.ok();
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_is_named_with_a_new_tenant_is_invited_to_administer_it() {
    let world = with_letters().await;
    let root = world.node.actor(TenantId::PLATFORM, 1, &["identity.tenant:manage"]);
    let email = address("first");
    let slug = format!("t{}", Uuid::now_v7().simple());
    let body = json!({ "slug": slug, "name": "Encre Noire", "locale": "en", "administrator_email": email });
    let mut wrong = body.clone();
    wrong["administrator_email"] = json!("nobody");
    root.post("/v1/identity/tenants", wrong).await.refused(422, "validation_failed");
    let created = root.post("/v1/identity/tenants", body).await.ok();

    let letter = letter(&world, &email, "join").await;
    assert!(letter.plain.contains("Encre Noire") && letter.plain.contains("Administrator"), "{}", letter.plain);
    let account = json!({ "password": PASSWORD, "given_name": "Joan", "family_name": "Clarke" });
    let body = json!({ "token": letter.token, "account": account, "delivery": "body" });
    let joined = world.post(&Device::somewhere(), "/v1/auth/accept-invitation", body).await.ok();
    assert_eq!((&joined["tenant_id"], &joined["roles"]), (&created["id"], &json!(["tenant_admin"])));

    let (invitations, invitation): (i64, Option<Uuid>) =
        sqlx::query_as("select count(*), max(stream_id::text)::uuid from log.events where type = 'invited'")
            .fetch_one(&world.pool)
            .await
            .unwrap();
    assert_eq!(invitations, 1, "once, whoever follows the log");
    // When he is erased, the platform forgets the address that it was told, too.
    let user: Uuid = joined["user_id"].as_str().unwrap().parse().unwrap();
    let keys = world.eraser().plan(SubjectId(user), None).await.unwrap();
    let named = ErasedKey { kept_by: TenantId::PLATFORM, subject_id: SubjectId(invitation.unwrap()) };
    assert!(keys.contains(&named), "{keys:?}");
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_invitation_ends_by_itself_and_the_address_is_free_again() {
    let world = with_letters().await;
    let company = tenant();
    let admin = admin(&world, company);
    let email = address("late");
    let invite = || admin.post("/v1/identity/invitations", json!({ "email": email, "roles": ["sales_rep"] }));
    let invited = invite().await.ok();
    invite().await.refused(409, "name_taken");
    let id: Uuid = invited["id"].as_str().unwrap().parse().unwrap();
    // Its deadline is in seven days; as if they were over for the timer, it looks, and puts it off.
    eventually("the deadline is noted", Duration::from_secs(20), async || due(&world, id).await.is_some()).await;
    assert!(due(&world, id).await.unwrap() > Utc::now() + TimeDelta::days(6));
    make_due(&world, id).await;
    eventually("it is put off", Duration::from_secs(20), async || {
        due(&world, id).await.is_some_and(|due| due > Utc::now() + TimeDelta::days(6))
    })
    .await;
    assert_eq!(world.events("expired", id).await, 0);

    // One whose time is over.
    let over = Uuid::now_v7();
    let Event::Invited { request_id, to, email_index, roles, supervisor_id, .. } = Event::examples().remove(0) else {
        panic!("the first example is an invitation")
    };
    let expires_at = Utc::now() - TimeDelta::seconds(1);
    let told = Event::Invited { request_id, to, email_index, roles, supervisor_id, expires_at };
    world.node.record(&admin, over, &[told]).await;
    eventually("it has expired", Duration::from_secs(20), async || world.events("expired", over).await == 1).await;
    eventually("the list says so", Duration::from_secs(20), async || {
        let shown = admin.get(&format!("/v1/identity/invitations/{over}")).await;
        shown.json["status"] == "expired"
    })
    .await;
    world.stop().await;
}

/// When the deadline of an invitation is looked at next; `None` where there is none, or it is done.
async fn due(world: &World, id: Uuid) -> Option<chrono::DateTime<Utc>> {
    sqlx::query_scalar("select due_at from effects.jobs where kind = 'invitation_deadline' and id = $1")
        .bind(id)
        .fetch_optional(&world.pool)
        .await
        .expect("Postgres answers")
        .flatten()
}

async fn make_due(world: &World, id: Uuid) {
    sqlx::query("update effects.jobs set due_at = clock_timestamp() where kind = 'invitation_deadline' and id = $1")
        .bind(id)
        .execute(&world.pool)
        .await
        .expect("Postgres answers");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_company_knows_its_members_by_the_names_that_they_have_now() {
    let world = with_letters().await;
    let (studio, shop) = (tenant(), tenant());
    let ada = world.person("ada").await;
    let mut app = Device::somewhere();
    world.signs_in(&mut app, &ada.email).await;
    for company in [studio, shop] {
        let body = json!({ "email": ada.email, "roles": ["sales_rep"], "locale": "en" });
        let invited = admin(&world, company).post("/v1/identity/invitations", body).await;
        invited.ok();
        let mailbox = world.node.node().mailbox().expect("a development mailbox");
        let mut tokens = Vec::new();
        eventually("both letters", Duration::from_secs(30), async || {
            let mails = mailbox.list(Some(&ada.email), 20).await.expect("Postgres answers");
            tokens = mails
                .iter()
                .filter_map(|mail| mail.plain.split_once("/join#token="))
                .map(|(_, rest)| rest.split_whitespace().next().unwrap_or_default().to_owned())
                .collect();
            tokens.len() == if company == studio { 1 } else { 2 }
        })
        .await;
        let body = json!({ "token": tokens[0], "delivery": "body" });
        let joined = world.post(&app, "/v1/auth/accept-invitation", body).await.ok();
        app.keep(&joined);
    }
    let renamed = json!({ "family_name": "Lovelace" });
    let answer = tests::node::send(world.request(&app, reqwest::Method::PUT, "/v1/me/profile").json(&renamed)).await;
    assert_eq!(answer.status, 204, "{}", answer.text);
    for company in [studio, shop] {
        eventually("the list of members has the new name", Duration::from_secs(20), async || {
            let members = admin(&world, company).get("/v1/identity/members").await.json;
            members["items"][0]["family_name"] == "Lovelace" && members["items"][0]["given_name"] == "Ada"
        })
        .await;
    }
    world.stop().await;
}
