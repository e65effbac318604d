//! The knowledge base: from a draft to its readers, who need no token.

use crate::world::{World, act, items, make, text};
use domain::identity::tenant::{Event, Plan, Slug, TenantName};
use domain::identity::{Locale, TimeZone};
use kernel::TenantId;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::time::Duration;
use tests::node::{Actor, Answer, eventually, send};

const SECRET: &str = "Paragraphe secret";

/// Somebody who writes and publishes.
fn editor(world: &World) -> Actor {
    world.node.actor(
        world.tenant,
        0xed1,
        &["support.article:read", "support.article:write", "support.article:publish", "support.article:rate"],
    )
}

/// Gives the tenant a slug, and answers where it may be read without a token.
async fn public(world: &World) -> String {
    let slug = format!("t{}", &world.tenant.0.simple().to_string()[..20]);
    let created = Event::Created {
        slug: Slug::parse(&slug).unwrap(),
        name: TenantName::parse("Encre Noire").unwrap(),
        plan: Plan::Free,
        locale: Locale::Fr,
        time_zone: TimeZone::default(),
    };
    let root = world.node.actor(TenantId::PLATFORM, 1, &["identity.tenant:read"]);
    let position = world.node.record(&root, world.tenant.0, &[created]).await;
    let _ = root.get_after("/v1/identity/tenants", position).await;
    format!("/v1/public/{slug}")
}

fn body(title: &str, text: &str) -> Value {
    json!({"title": title, "body": text, "category": "Compte", "tags": ["accès"], "language": "fr"})
}

/// Asks without a token.
async fn read(world: &World, path: &str) -> Answer {
    send(reqwest::Client::new().get(format!("{}{path}", world.node.node().urls().queries))).await
}

async fn slugs(world: &World, path: &str) -> Vec<String> {
    items(&read(world, path).await.ok()).iter().map(|item| text(&item["slug"])).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn readers_see_what_is_published_and_nothing_else() {
    let world = World::start().await;
    let (ed, public) = (editor(&world), public(&world).await);
    let article = make(&ed, "/v1/support/articles", body("Réinitialiser l'accès", "Cliquez sur le lien.")).await;
    let path = format!("/v1/support/articles/{}", article.id);
    let shown = ed.get_after(&path, article.position).await;
    assert_eq!((&shown["slug"], &shown["status"]), (&json!("reinitialiser-l-acces"), &json!("draft")));
    let address = format!("{public}/articles/reinitialiser-l-acces");
    read(&world, &format!("{address}?min_position={}", article.position)).await.refused(404, "not_found");

    let first = act(&ed, &format!("{path}/publish"), json!({})).await;
    let seen = read(&world, &format!("{address}?min_position={first}")).await.ok();
    assert_eq!((&seen["body"], &seen["views"]), (&json!("Cliquez sur le lien."), &json!(0)));
    let revised = act(&ed, &format!("{path}/revise"), body("Réinitialiser l'accès", SECRET)).await;
    for path in [address.clone(), format!("{public}/articles"), format!("{public}/articles?q=secret")] {
        let separator = if path.contains('?') { '&' } else { '?' };
        let answer = read(&world, &format!("{path}{separator}min_position={revised}")).await;
        assert!(answer.status.is_success() && !answer.text.contains("secret"), "{path}: {}", answer.text);
    }
    let second = act(&ed, &format!("{path}/publish"), json!({})).await;
    assert_eq!(read(&world, &format!("{address}?min_position={second}")).await.ok()["body"], SECRET);

    // As the customer saw it then, also when it is gone.
    let gone = act(&ed, &format!("{path}/unpublish"), json!({})).await;
    read(&world, &format!("{address}?min_position={gone}")).await.refused(404, "not_found");
    let then = ed.get_after(&format!("{path}/as-seen?as_of={first}"), gone).await;
    assert_eq!((&then["body"], &then["revision"]), (&json!("Cliquez sur le lien."), &json!(1)));
    ed.get(&format!("{path}/as-seen?as_of={gone}")).await.refused(404, "not_found");

    let revisions = ed.get_after(&format!("{path}/revisions"), gone).await;
    assert_eq!(items(&revisions).len(), 2);
    let diff = ed.get_after(&format!("{path}/revisions/diff?from=1&to=2"), gone).await;
    assert_eq!(diff["changed"], json!(["body"]));
    assert_eq!(diff["body"][1], json!({"side": "added", "lines": [SECRET]}));
}

#[tokio::test(flavor = "multi_thread")]
async fn fifty_articles_with_one_title_at_once_get_fifty_addresses() {
    let world = World::start().await;
    let sibling = world.node.sibling().await;
    let ed = editor(&world);
    let other = sibling.actor(world.tenant, 0xed1, &["support.article:write"]);
    let drafts = (0..50).map(|n| {
        let (ed, other) = (&ed, &other);
        async move {
            let author = if n % 2 == 0 { ed } else { other };
            make(author, "/v1/support/articles", body("Réinitialiser l'accès", "Cliquez.")).await
        }
    });
    let made = futures_util::future::join_all(drafts).await;
    let last = made.iter().map(|made| made.position).max().unwrap();
    let page = ed.get_after("/v1/support/articles?limit=100", last).await;
    let slugs: BTreeSet<String> = items(&page).iter().map(|item| text(&item["slug"])).collect();
    let expected: BTreeSet<String> = (1..=50)
        .map(|n| if n == 1 { "reinitialiser-l-acces".to_owned() } else { format!("reinitialiser-l-acces-{n}") })
        .collect();
    assert_eq!(slugs, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_old_address_leads_on_and_is_nobody_elses() {
    let world = World::start().await;
    let (ed, public) = (editor(&world), public(&world).await);
    let article = make(&ed, "/v1/support/articles", body("Accès perdu", "Cliquez.")).await;
    let path = format!("/v1/support/articles/{}", article.id);
    act(&ed, &format!("{path}/publish"), json!({})).await;
    let moved = act(&ed, &format!("{path}/slug"), json!({"slug": "mot-de-passe"})).await;
    for old in ["acces-perdu", "mot-de-passe"] {
        // The client follows.
        let seen = read(&world, &format!("{public}/articles/{old}?min_position={moved}")).await.ok();
        assert_eq!((&seen["slug"], &seen["article_id"]), (&json!("mot-de-passe"), &json!(article.id)));
    }
    let second = make(&ed, "/v1/support/articles", body("Accès perdu", "Autre.")).await;
    let shown = ed.get_after(&format!("/v1/support/articles/{}", second.id), second.position).await;
    assert_eq!(shown["slug"], "acces-perdu-2");
    let change = format!("/v1/support/articles/{}/slug", second.id);
    ed.post(&change, json!({"slug": "acces-perdu"})).await.refused(409, "support.article_slug_taken");
    let back = act(&ed, &format!("{path}/slug"), json!({"slug": "acces-perdu"})).await;
    let seen = read(&world, &format!("{public}/articles/mot-de-passe?min_position={back}")).await.ok();
    assert_eq!(seen["slug"], "acces-perdu");
}

#[tokio::test(flavor = "multi_thread")]
async fn articles_are_found_by_words_rated_and_counted() {
    let world = World::start().await;
    let (ed, public) = (editor(&world), public(&world).await);
    let mut last = 0;
    for (title, words) in [
        ("Réinitialiser l'accès", "Le mot de passe oublié se réinitialise par courriel."),
        ("Payer une facture", "Les factures sont réglées par carte bancaire."),
        ("Œuvres et sœurs", "Un texte sur les œuvres, écrit en été."),
    ] {
        let article = make(&ed, "/v1/support/articles", body(title, words)).await;
        last = act(&ed, &format!("/v1/support/articles/{}/publish", article.id), json!({})).await;
    }
    let stranger = world.node.actor(tests::node::tenant(), 0xed1, &["support.article:read"]);
    for (question, expected) in [
        ("reinitialisation", "reinitialiser-l-acces"),
        ("mots%20de%20passe%20oublies", "reinitialiser-l-acces"),
        ("%22mot%20de%20passe%22", "reinitialiser-l-acces"),
        ("factur%C3%A9", "payer-une-facture"),
        ("OEUVRE", "oeuvres-et-soeurs"),
        ("ete%20-facture", "oeuvres-et-soeurs"),
    ] {
        let found = slugs(&world, &format!("{public}/articles?q={question}&min_position={last}")).await;
        assert_eq!(found, [expected], "{question}");
        let listed = ed.get_after(&format!("/v1/support/articles?q={question}"), last).await;
        assert_eq!(items(&listed).len(), 1, "{question}");
        let elsewhere = stranger.get_after(&format!("/v1/support/articles?q={question}"), last).await;
        assert!(items(&elsewhere).is_empty(), "another tenant finds nothing");
    }
    ed.get("/v1/support/articles?q=%20").await.refused(400, "invalid_parameter");
    assert!(slugs(&world, &format!("{public}/articles?q=introuvable")).await.is_empty());

    let page = ed.get_after("/v1/support/articles?slug=payer-une-facture", last).await;
    let payer = format!("/v1/support/articles/{}", text(&items(&page)[0]["article_id"]));
    act(&ed, &format!("{payer}/rate"), json!({"helpful": true})).await;
    act(&ed, &format!("{payer}/rate"), json!({"helpful": true})).await;
    let rated = act(&ed, &format!("{payer}/rate"), json!({"helpful": false})).await;
    let seen = read(&world, &format!("{public}/articles/payer-une-facture?min_position={rated}")).await.ok();
    assert_eq!((&seen["helpful"], &seen["not_helpful"]), (&json!(0), &json!(1)));

    let view = format!("{}{public}/articles/oeuvres-et-soeurs/views", world.node.node().urls().queries);
    for _ in 0..3 {
        assert_eq!(send(reqwest::Client::new().post(&view)).await.status.as_u16(), 204);
    }
    eventually("three views are counted", Duration::from_secs(30), async || {
        read(&world, &format!("{public}/articles/oeuvres-et-soeurs")).await.ok()["views"] == json!(3)
    })
    .await;
    let featured = act(&ed, &format!("{payer}/feature"), json!({})).await;
    let order = slugs(&world, &format!("{public}/articles?min_position={featured}")).await;
    assert_eq!(order, ["payer-une-facture", "oeuvres-et-soeurs", "reinitialiser-l-acces"], "featured, views, date");
    let one = read(&world, &format!("{public}/articles?limit=1")).await.ok();
    let next = format!("{public}/articles?limit=2&cursor={}", text(&one["next_cursor"]));
    assert_eq!(slugs(&world, &next).await, ["oeuvres-et-soeurs", "reinitialiser-l-acces"]);
    let categories = read(&world, &format!("{public}/article-categories")).await.ok();
    assert_eq!(items(&categories), [json!({"category": "Compte", "articles": 3})]);
    read(&world, "/v1/public/nobody/articles").await.refused(404, "not_found");
}
