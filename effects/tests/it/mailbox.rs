//! The development mailbox: what would have been sent, on this machine only.

use crate::world::{World, quick};
use axum::body::Body;
use axum::http::{Request, Response, StatusCode};
use domain::identity::Locale;
use effects::email::Mailbox;
use serde_json::Value;
use tower::ServiceExt as _;

async fn get(mailbox: &Mailbox, path: &str, host: &str) -> Response<Body> {
    let request = Request::get(path).header("host", host).body(Body::empty()).unwrap();
    mailbox.router().oneshot(request).await.unwrap()
}

async fn text(response: Response<Body>) -> String {
    let bytes = axum::body::to_bytes(response.into_body(), 1 << 20).await.unwrap();
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_shows_what_would_have_been_sent_and_only_here() {
    let world = World::new().await;
    world.declare().await;
    let mailbox = Mailbox::new(world.pool.clone());
    let running = world.start(mailbox.clone(), quick()).await;
    world.register("zoe@example.com", "<b>Zoé</b>", Locale::Fr).await;
    world.register("ada@example.com", "Ada", Locale::En).await;
    world.settled(2).await;
    running.stop().await;
    assert_eq!(world.events("sent").await, 2);

    let here = "127.0.0.1:9090";
    let mails: Value = serde_json::from_str(&text(get(&mailbox, "/dev/api/mails", here).await).await).unwrap();
    assert_eq!(mails.as_array().unwrap().len(), 2);
    let only = text(get(&mailbox, "/dev/api/mails?to=Zoe@example.com", here).await).await;
    let only: Value = serde_json::from_str(&only).unwrap();
    assert_eq!((only.as_array().unwrap().len(), &only[0]["recipient"]), (1, &"zoe@example.com".into()));
    let link = only[0]["links"][0].as_str().unwrap();
    assert!(link.starts_with("https://app.sillage.test/verify-email#token="), "{link}");

    let id = only[0]["id"].as_str().unwrap();
    let list = text(get(&mailbox, "/dev/mailbox", here).await).await;
    assert!(list.contains(id) && list.contains("Confirmez votre adresse e-mail"), "{list}");
    let shown = get(&mailbox, &format!("/dev/mailbox/{id}"), here).await;
    assert_eq!(shown.headers()["cache-control"], "no-store");
    let shown = text(shown).await;
    assert!(shown.contains("sandbox=\"allow-popups allow-popups-to-escape-sandbox\"") && !shown.contains("<b>Zoé"));
    let html = get(&mailbox, &format!("/dev/mailbox/{id}/html"), here).await;
    let policy = html.headers()["content-security-policy"].to_str().unwrap().to_owned();
    assert!(policy.contains("sandbox") && policy.contains("default-src 'none'"), "{policy}");
    let html = text(html).await;
    assert!(html.contains("<base target=\"_blank\">") && !html.contains("<b>Zoé"), "{html}");
    let raw = text(get(&mailbox, &format!("/dev/mailbox/{id}/raw"), here).await).await;
    assert!(raw.contains("Auto-Submitted: auto-generated"), "{raw}");
    for path in [
        "/dev/verify-email",
        "/dev/confirm-email",
        "/dev/reset-password",
        "/dev/join",
        "/dev/sign-in",
        "/dev/forgot-password",
        "/dev/notifications",
        "/dev/tickets/7",
    ] {
        assert_eq!(get(&mailbox, path, here).await.status(), StatusCode::OK, "{path}");
    }

    for host in ["evil.example:9090", "10.0.0.7:9090", ""] {
        for path in ["/dev/mailbox", "/dev/api/mails", &format!("/dev/mailbox/{id}/html")] {
            assert_eq!(get(&mailbox, path, host).await.status(), StatusCode::FORBIDDEN, "{host} {path}");
        }
    }
    let unknown = format!("/dev/mailbox/{}", uuid::Uuid::now_v7());
    assert_eq!(get(&mailbox, &unknown, here).await.status(), StatusCode::NOT_FOUND);
    let clear = Request::delete("/dev/api/mails").header("host", here).body(Body::empty()).unwrap();
    assert_eq!(mailbox.router().oneshot(clear).await.unwrap().status(), StatusCode::NO_CONTENT);
    assert_eq!(text(get(&mailbox, "/dev/api/mails", here).await).await, "[]");
}
