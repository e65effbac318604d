//! A node, its mailbox as the log tells it, and people with clients of their own.

use chrono::{DateTime, Utc};
use event_store::{Role, schema};
use kernel::TenantId;
use platform::auth::{Link, LinkKey, Purpose};
use reqwest::{Client, Method, RequestBuilder};
use serde_json::{Value, json};
use sqlx::{PgPool, Row};
use std::sync::atomic::{AtomicU32, Ordering};
use tests::node::{Answer, TestNode, send};
use uuid::Uuid;

pub(crate) const PASSWORD: &str = "gulmohar trellis lantern";

pub(crate) struct World {
    pub(crate) node: TestNode,
    pub(crate) pool: PgPool,
    client: Client,
}

/// A client: where it calls from, what it calls itself, and what it was given.
#[derive(Clone, Default)]
pub(crate) struct Device {
    pub(crate) address: String,
    pub(crate) access: Option<String>,
    pub(crate) known_by: Option<String>,
}

impl Device {
    /// At an address that nobody else has.
    pub(crate) fn somewhere() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(1);
        let n = NEXT.fetch_add(1, Ordering::Relaxed);
        Self { address: format!("10.{}.{}.{}", n >> 16, n >> 8 & 255, n & 255), ..Self::default() }
    }
}

/// Somebody with an account.
pub(crate) struct Person {
    pub(crate) email: String,
    pub(crate) id: Uuid,
}

impl World {
    pub(crate) async fn new() -> Self {
        Self::around(TestNode::start().await).await
    }

    pub(crate) async fn around(node: TestNode) -> Self {
        let pool =
            schema::connect(&node.database_url, "test-sign-in", Role::Engine, 4).await.expect("Postgres answers");
        Self { node, pool, client: Client::new() }
    }

    /// A request to the command API's listener.
    pub(crate) fn request(&self, from: &Device, method: Method, path: &str) -> RequestBuilder {
        let mut request = self.client.request(method, format!("{}{path}", self.node.node().urls().commands));
        request = request.header("x-forwarded-for", &from.address).header("user-agent", "story");
        if let Some(access) = &from.access {
            request = request.bearer_auth(access);
        }
        if let Some(device) = &from.known_by {
            request = request.header("sillage-device", device);
        }
        request
    }

    pub(crate) async fn post(&self, from: &Device, path: &str, body: Value) -> Answer {
        send(self.request(from, Method::POST, path).json(&body)).await
    }

    pub(crate) async fn get(&self, from: &Device, path: &str) -> Answer {
        send(self.request(from, Method::GET, path)).await
    }

    /// Signs in, tokens in the body.
    pub(crate) async fn login(&self, from: &Device, email: &str, password: &str) -> Answer {
        self.post(from, "/v1/auth/login", json!({ "email": email, "password": password, "delivery": "body" })).await
    }

    /// The same, with what it needs to succeed; the device keeps its tokens. Gives the refresh token.
    pub(crate) async fn signs_in(&self, from: &mut Device, email: &str) -> String {
        let answer = self.login(from, email, PASSWORD).await.ok();
        from.keep(&answer);
        answer["refresh_token"].as_str().expect("a refresh token").to_owned()
    }

    pub(crate) async fn refresh(&self, from: &Device, token: &str) -> Answer {
        let bare = Device { access: None, ..from.clone() };
        self.post(&bare, "/v1/auth/refresh", json!({ "refresh_token": token })).await
    }

    /// Somebody who has registered and proven his address.
    pub(crate) async fn person(&self, name: &str) -> Person {
        let email = format!("{name}-{}@example.com", Uuid::now_v7().simple());
        let from = Device::somewhere();
        self.post(&from, "/v1/auth/register", registration(&email)).await.ok();
        let (token, id) = self.link("email_verification_requested", Purpose::VERIFY_EMAIL).await;
        let verified = self.post(&from, "/v1/auth/verify-email", json!({ "token": token })).await;
        assert_eq!(verified.status, 204, "{}", verified.text);
        Person { email, id }
    }

    /// The link of the last mail of this sort, as the mail worker makes it from the event; and whom it is about.
    pub(crate) async fn link(&self, event_type: &str, purpose: Purpose) -> (String, Uuid) {
        let row = sqlx::query(
            "select tenant_id, stream_id, data ->> 'request_id', data ->> 'expires_at' from log.events_json \
             where type = $1 order by position desc limit 1",
        )
        .bind(event_type)
        .fetch_one(&self.pool)
        .await
        .expect("a mail was asked for");
        let expires_at: DateTime<Utc> = row.get::<&str, _>(3).parse().expect("a time");
        let cause_id = row.get::<&str, _>(2).parse().expect("an id");
        let link = Link { tenant_id: TenantId(row.get(0)), subject_id: row.get(1), cause_id, expires_at };
        (
            LinkKey::new(&self.node.node().vault().derive(LinkKey::LABEL).expect("a key")).token(purpose, &link),
            row.get(1),
        )
    }

    /// How many events of a type there are about a stream.
    pub(crate) async fn events(&self, event_type: &str, stream: Uuid) -> i64 {
        sqlx::query_scalar("select count(*) from log.events where type = $1 and stream_id = $2")
            .bind(event_type)
            .bind(stream)
            .fetch_one(&self.pool)
            .await
            .expect("the log answers")
    }

    pub(crate) async fn stop(self) {
        self.pool.close().await;
        self.node.stop().await;
    }
}

impl Device {
    /// Keeps the tokens of an answer.
    pub(crate) fn keep(&mut self, answer: &Value) {
        self.access = answer["access_token"].as_str().map(str::to_owned);
        self.known_by = answer["device_token"].as_str().map(str::to_owned).or(self.known_by.take());
    }
}

pub(crate) fn registration(email: &str) -> Value {
    json!({ "email": email, "password": PASSWORD, "given_name": "Ada", "family_name": "Byron", "locale": "en" })
}
