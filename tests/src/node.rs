//! A whole node in this process, and named actors who talk to it over HTTP.

use cli::keys::LocalKey;
use cli::tokens::{Audience, Grant, issue};
use cli::{FileSettings, Listeners, MailSettings, Node, NodeOptions, Trust};
use domain::identity::membership::{self, Person, membership_id};
use domain::identity::{EmailAddress, PersonName, Role, RoleSet, UserId};
use event_store::append::AppenderOptions;
use event_store::{Append, AppendError, Appender, Idempotency, Role as DatabaseRole};
use kernel::{ActorId, Change, CommandId, CorrelationId, Event, TenantId, Version, personal};
use platform::auth::Signer;
use platform::http::Rates;
use platform::outbound::Guard;
use reqwest::header::{HeaderMap, HeaderValue};
use reqwest::{Client, Method, RequestBuilder, StatusCode};
use serde_json::Value;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::OnceCell;
use uuid::Uuid;

/// A node on free ports with a database of its own.
pub struct TestNode {
    node: Node,
    /// The database it works on.
    pub database_url: String,
    key: LocalKey,
    audience: Audience,
    client: Client,
}

impl TestNode {
    /// On the shared servers of this test program.
    pub async fn start() -> Self {
        let database_url = Self::database().await;
        Self::on(database_url, Some(test_support::servers().nats_url.clone())).await
    }

    /// A database as the first start of a node leaves it: what takes seconds is made once per test program.
    async fn database() -> String {
        static STARTED: OnceCell<String> = OnceCell::const_new();
        let template = STARTED.get_or_init(async || {
            let (database_url, pool) = test_support::empty_database(&test_support::servers().database_url).await;
            pool.close().await;
            Self::on(database_url.clone(), None).await.stop().await;
            database_url
        });
        test_support::copy_of(template.await).await.0
    }

    /// On a database and NATS of the caller's choice.
    pub async fn on(database_url: String, nats_url: Option<String>) -> Self {
        let key = LocalKey::open_or_create(&test_support::scratch("keys")).expect("a key can be made");
        Self::with_key(database_url, nats_url, key, Rates::default()).await
    }

    /// Where callers may not ask as often as they like.
    pub async fn with_rates(rates: Rates) -> Self {
        let database_url = Self::database().await;
        let key = LocalKey::open_or_create(&test_support::scratch("keys")).expect("a key can be made");
        Self::with_key(database_url, Some(test_support::servers().nats_url.clone()), key, rates).await
    }

    /// On the shared servers, with reactors, outbox and mails, which are kept in the development mailbox.
    pub async fn with_letters() -> Self {
        let database_url = Self::database().await;
        let key = LocalKey::open_or_create(&test_support::scratch("keys")).expect("a key can be made");
        let nats_url = Some(test_support::servers().nats_url.clone());
        Self::build(database_url, nats_url, key, Rates::default(), Some(folder_of_files())).await
    }

    /// The same, with files kept there.
    pub async fn with_files_at(files: FileSettings) -> Self {
        let database_url = Self::database().await;
        let key = LocalKey::open_or_create(&test_support::scratch("keys")).expect("a key can be made");
        let nats_url = Some(test_support::servers().nats_url.clone());
        Self::build(database_url, nats_url, key, Rates::default(), Some(files)).await
    }

    async fn with_key(database_url: String, nats_url: Option<String>, key: LocalKey, rates: Rates) -> Self {
        Self::build(database_url, nats_url, key, rates, None).await
    }

    /// With effects where `working` says where files are.
    async fn build(
        database_url: String,
        nats_url: Option<String>,
        key: LocalKey,
        rates: Rates,
        working: Option<FileSettings>,
    ) -> Self {
        let audience = Audience::default();
        let trust = Trust {
            keys: key.key_set().expect("the key can be read"),
            issuer: audience.issuer.clone(),
            audience: audience.audience.clone(),
        };
        let listeners = Listeners::free().await.expect("free ports");
        let mut options = NodeOptions::new(database_url.clone(), trust, test_support::root_keys(), listeners);
        options.nats_url = nats_url;
        // Tests come from many addresses, which they name in `X-Forwarded-For`.
        options.settings.proxies = 1;
        options.settings.rates = rates;
        options.settings.origins = [HeaderValue::from_static("https://app.example")].into();
        options.allow_unsafe_postgres = true;
        // Webhooks may lead to this machine, where tests listen.
        options.outbound = Guard::allowing(["127.0.0.0/8"], true).expect("a network");
        let has_effects = working.is_some();
        options.files = Some(working.unwrap_or_else(folder_of_files));
        if has_effects {
            let mail = MailSettings::development("https://app.example").expect("the built-in sender");
            options.mail = Some(mail);
        }
        let node = Box::pin(Node::start(options)).await.expect("the node starts");
        node.until_ready(Duration::from_secs(30)).await.expect("the read models are there");
        Self { node, database_url, key, audience, client: Client::new() }
    }

    /// Another node on the same database, trusting the same key: two processes of one installation.
    pub async fn sibling(&self) -> Self {
        let key = LocalKey::open(self.key.path().to_owned()).expect("the key is there");
        Self::with_key(self.database_url.clone(), Some(test_support::servers().nats_url.clone()), key, Rates::default())
            .await
    }

    /// The node itself.
    pub const fn node(&self) -> &Node {
        &self.node
    }

    /// The id of an actor by his number.
    pub const fn id(number: u128) -> ActorId {
        ActorId(Uuid::from_u128(0xac70_0000_0000_4000_8000_0000_0000_0000 + number))
    }

    /// Somebody with these scopes in this tenant.
    pub fn actor(&self, tenant: TenantId, id: u128, scopes: &[&str]) -> Actor {
        let id = Self::id(id);
        let grant = Grant {
            tenant_id: tenant,
            actor_id: id,
            scopes: scopes.iter().copied().collect(),
            ttl: "1h".parse().expect("an hour"),
        };
        let token = issue(&self.key, &self.audience, &grant).expect("a token can be issued");
        Actor { id, tenant, token: token.into(), client: self.client.clone(), urls: self.node.urls().clone() }
    }

    /// Speaks HTTP, as nobody.
    pub const fn client(&self) -> &Client {
        &self.client
    }

    /// Who signs its tokens: for tokens that no honest issuer would hand out.
    pub const fn signer(&self) -> &Signer {
        self.key.signer()
    }

    /// The end of the log.
    pub async fn head(&self) -> i64 {
        let pool = event_store::schema::connect(&self.database_url, "test-head", DatabaseRole::Engine, 1)
            .await
            .expect("Postgres answers");
        event_store::Log::new(pool).head().await.expect("the log answers").position.0
    }

    /// Makes the actor a member of his tenant, and answers the position that shows it.
    ///
    /// # Errors
    /// He is one.
    pub async fn join(&self, actor: &Actor, role: Role, supervisor: Option<&Actor>) -> Result<i64, AppendError> {
        let user_id = UserId(actor.id.0);
        let person = Person {
            given_name: PersonName::parse("Ada").expect("a name").into(),
            family_name: PersonName::parse("Byron").expect("a name").into(),
            email: EmailAddress::parse("ada@example.com").expect("an address").into(),
        };
        let granted = membership::Event::Granted {
            user_id,
            person: person.about(user_id),
            roles: RoleSet::new([role]).expect("a role"),
            supervisor_id: supervisor.map(|actor| UserId(actor.id.0)),
            invitation_id: None,
        };
        self.try_record(actor, membership_id(actor.tenant, user_id).0, &[granted]).await
    }

    /// Records what has happened to a stream that does not exist yet, past all commands: for what no route makes.
    /// Answers the position of the last event.
    pub async fn record<E: Event>(&self, actor: &Actor, stream_id: Uuid, events: &[E]) -> i64 {
        self.try_record(actor, stream_id, events).await.expect("it is recorded")
    }

    /// The same, for a stream that may exist.
    ///
    /// # Errors
    /// It exists.
    pub async fn try_record<E: Event>(&self, actor: &Actor, stream_id: Uuid, events: &[E]) -> Result<i64, AppendError> {
        let url = &self.database_url;
        let pool =
            event_store::schema::connect(url, "test-record", DatabaseRole::Engine, 1).await.expect("Postgres answers");
        let appender = Appender::start(url, pool, &AppenderOptions::default()).expect("a good URL");
        let encode = || events.iter().map(Event::encode).collect();
        let (_, subjects) = personal::collecting::<Vec<_>>(encode);
        let ring = self.node.vault().ring(actor.tenant, &subjects).await.expect("there are keys");
        let events = personal::sealing(ring, encode);
        let change = Change { category: E::CATEGORY, stream_id, expected: Version::ZERO, events };
        let key = Uuid::now_v7();
        let append = Append {
            tenant_id: actor.tenant,
            actor: kernel::Actor::user(actor.id),
            command_id: CommandId(key),
            correlation_id: CorrelationId(key),
            causation_id: None,
            trace: None,
            occurred_at: chrono::Utc::now(),
            idempotency: Idempotency { key, request_hash: key },
            changes: vec![change],
            reserve: Vec::new(),
            release: Vec::new(),
            counter: None,
        };
        Ok(appender.append(append).await?.position.0)
    }

    /// Stops it.
    pub async fn stop(self) {
        self.node.stop().await;
    }
}

fn folder_of_files() -> FileSettings {
    FileSettings::Folder { folder: test_support::scratch("files"), url: String::new() }
}

/// A tenant that no other test knows.
pub fn tenant() -> TenantId {
    TenantId(Uuid::now_v7())
}

/// Sends what a grant says, with these bytes where it is an upload, and no token.
pub async fn use_grant(actor: &Actor, grant: &Value, bytes: Vec<u8>) -> reqwest::Response {
    let text = |value: &Value| value.as_str().unwrap_or_else(|| panic!("no text in {grant}")).to_owned();
    let url = text(&grant["url"]);
    let url = if url.starts_with('/') { format!("{}{url}", actor.urls.commands) } else { url };
    let method = text(&grant["method"]).parse().expect("a method");
    let mut request = actor.client.request(method, url);
    for (name, value) in grant["headers"].as_object().expect("fields") {
        // The client counts the bytes by itself.
        if name != "content-length" {
            request = request.header(name, text(value));
        }
    }
    if grant["method"] == "PUT" {
        request = request.body(bytes);
    }
    request.send().await.expect("the store answers")
}

/// Somebody with a token.
#[derive(Clone)]
pub struct Actor {
    /// Who.
    pub id: ActorId,
    /// Where.
    pub tenant: TenantId,
    /// The access token.
    pub token: Arc<str>,
    client: Client,
    urls: cli::Urls,
}

/// An answer, read to its end.
#[derive(Debug)]
pub struct Answer {
    /// The status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The body as it came.
    pub text: String,
    /// The body as JSON; null where it is none.
    pub json: Value,
}

impl Answer {
    /// The JSON, if the request succeeded.
    #[track_caller]
    pub fn ok(self) -> Value {
        assert!(self.status.is_success(), "{} {}", self.status, self.text);
        self.json
    }

    /// A refusal with this status and code; checks the form that all refusals have.
    #[track_caller]
    pub fn refused(self, status: u16, code: &str) -> Value {
        assert_eq!((self.status.as_u16(), self.json["code"].as_str()), (status, Some(code)), "{}", self.text);
        assert_eq!(self.headers["content-type"], "application/problem+json");
        assert_eq!(self.json["status"], status);
        assert!(self.json["title"].is_string() && self.json["type"].is_string(), "{}", self.text);
        self.json
    }

    /// The position of a command's answer.
    #[track_caller]
    pub fn position(&self) -> i64 {
        self.json["position"].as_i64().unwrap_or_else(|| panic!("no position in {}", self.text))
    }

    /// A header as text; empty where there is none.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }
}

/// Sends a request and reads the answer; a broken connection is status 599.
pub async fn send(request: RequestBuilder) -> Answer {
    match request.send().await {
        Ok(response) => {
            let (status, headers) = (response.status(), response.headers().clone());
            let text = response.text().await.unwrap_or_default();
            Answer { status, headers, json: serde_json::from_str(&text).unwrap_or_default(), text }
        }
        Err(error) => Answer {
            status: StatusCode::from_u16(599).unwrap_or_default(),
            headers: HeaderMap::new(),
            text: error.to_string(),
            json: Value::Null,
        },
    }
}

impl Actor {
    /// A request to the command API, with the token; `path` begins with `/v1`.
    pub fn command(&self, path: &str) -> RequestBuilder {
        self.client.request(Method::POST, format!("{}{path}", self.urls.commands)).bearer_auth(&self.token)
    }

    /// A request to the query API, with the token.
    pub fn query(&self, path: &str) -> RequestBuilder {
        self.client.get(format!("{}{path}", self.urls.queries)).bearer_auth(&self.token)
    }

    /// A command with a new key.
    pub async fn post(&self, path: &str, body: Value) -> Answer {
        self.post_as(path, &Uuid::now_v7().to_string(), body).await
    }

    /// A command as a good client sends it: again, with its key, while the node is too busy to take it.
    pub async fn insist(&self, path: &str, body: Value) -> Answer {
        self.insist_as(path, &Uuid::now_v7().to_string(), body).await
    }

    /// The same with this key.
    pub async fn insist_as(&self, path: &str, key: &str, body: Value) -> Answer {
        again_while_busy(async || self.post_as(path, key, body.clone()).await).await
    }

    /// A command with this key.
    pub async fn post_as(&self, path: &str, key: &str, body: Value) -> Answer {
        send(self.command(path).header("idempotency-key", key).json(&body)).await
    }

    /// Hands a file of rows over, with this key.
    pub async fn hand_over(&self, path: &str, key: &str, media_type: &str, file: impl Into<Vec<u8>>) -> Answer {
        let request = self.command(path).header("idempotency-key", key).header("content-type", media_type);
        send(request.body(file.into())).await
    }

    /// A question to the query API that is too large for an address.
    pub async fn ask(&self, path: &str, body: &Value) -> Answer {
        let url = format!("{}{path}", self.urls.queries);
        send(self.client.post(url).bearer_auth(&self.token).json(body)).await
    }

    /// A query.
    pub async fn get(&self, path: &str) -> Answer {
        send(self.query(path)).await
    }

    /// A query that shows at least this position, asked again while the node is too busy to have got that far.
    pub async fn get_after(&self, path: &str, position: i64) -> Value {
        let separator = if path.contains('?') { '&' } else { '?' };
        let path = format!("{path}{separator}min_position={position}");
        again_while_busy(async || self.get(&path).await).await.ok()
    }
}

/// Asks up to twenty times more.
async fn again_while_busy(mut ask: impl AsyncFnMut() -> Answer) -> Answer {
    let mut answer = ask().await;
    for _ in 0..20 {
        if answer.status != StatusCode::SERVICE_UNAVAILABLE {
            break;
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
        answer = ask().await;
    }
    answer
}

/// Tries again until it is so, for what cannot be waited for by position.
pub async fn eventually(what: &str, within: Duration, mut check: impl AsyncFnMut() -> bool) {
    let until = std::time::Instant::now() + within;
    while !check().await {
        assert!(std::time::Instant::now() < until, "{what} did not come true within {within:?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
