//! Every route of all doors, read from their descriptions: a new one is covered without a word here.

use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};
use tests::node::{Actor, Answer, TestNode, send};
use tests::policy::{Route, routes};
use uuid::Uuid;

/// Queries that are neither one thing nor a page of things, and where they are put to the test.
const OF_THEIR_OWN_KIND: [(&str, &str); 7] = [
    ("support.get_ticket_statistics", "numbers: stories/desk.rs"),
    ("support.get_dashboard", "numbers: stories/desk.rs"),
    ("support.get_article_as_seen", "always of a moment: stories/knowledge.rs"),
    ("support.compare_article_revisions", "of two revisions: stories/knowledge.rs"),
    ("notifications.list_webhook_deliveries", "what the outbox knows: stories/webhooks.rs"),
    ("notifications.get_webhook_delivery", "what the outbox knows: stories/webhooks.rs"),
    ("notifications.list_webhook_replays", "what the outbox knows: stories/webhooks.rs"),
];

/// What takes files instead of JSON, and where that is put to the test.
const OF_FILES: [(&str, &str); 2] =
    [("support.import_file", "stories/imports.rs"), ("support.preview_import", "stories/imports.rs")];

/// Every route of the command API that takes JSON; the batch endpoint too.
pub(crate) fn commands() -> Vec<Route> {
    let mut commands = of("command-api");
    commands.retain(|command| !OF_FILES.iter().any(|(id, _)| *id == command.id));
    commands
}

/// Every route of the query API that shows a tenant's data, and ends. What is asked by a body has a story of its own; what
/// operators look at and do is no tenant's: see tests/tests/stories/operating.rs.
pub(crate) fn queries() -> Vec<Route> {
    let mut queries = of("query-api");
    let is_of_a_tenant = |query: &Route| query.scope().is_some() && !query.id.starts_with("operations.");
    let of_its_own_kind = |query: &Route| OF_THEIR_OWN_KIND.iter().any(|(id, _)| *id == query.id);
    let ends = |query: &Route| query.id != STREAM && query.method == "GET";
    queries.retain(|query| is_of_a_tenant(query) && ends(query) && !of_its_own_kind(query));
    queries
}

/// Every route of the sign-in door.
pub(crate) fn sign_in() -> Vec<Route> {
    of("identity-api")
}

/// Its answer never ends.
pub(crate) const STREAM: &str = "analyst.stream_events";

fn of(door: &str) -> Vec<Route> {
    let found: Vec<Route> = routes().into_iter().filter(|route| route.door == door).collect();
    assert!(found.len() > 12, "the description is read");
    found
}

/// The filters of a list.
pub(crate) fn filters(route: &Route) -> impl Iterator<Item = &String> {
    const NO_FILTERS: [&str; 5] = ["sort", "limit", "cursor", "min_position", "as_of"];
    route.parameters.iter().filter(|name| !NO_FILTERS.contains(&name.as_str()))
}

/// A request to a route at this path, with this token and body.
pub(crate) fn request(
    node: &TestNode,
    route: &Route,
    path: &str,
    token: Option<&str>,
    body: Option<&Value>,
) -> RequestBuilder {
    let urls = node.node().urls();
    let base = if route.door == "query-api" { &urls.queries } else { &urls.commands };
    let method = Method::from_bytes(route.method.as_bytes()).expect("a method");
    let mut request = node.client().request(method.clone(), format!("{base}{path}"));
    if method != Method::GET {
        request = request.header("idempotency-key", Uuid::now_v7().to_string()).json(body.unwrap_or(&json!({})));
    }
    token.into_iter().fold(request, RequestBuilder::bearer_auth)
}

/// What a route answers somebody, read to its end where it has one.
pub(crate) async fn ask(node: &TestNode, route: &Route, path: &str, actor: &Actor, body: Option<&Value>) -> Answer {
    let request = request(node, route, path, Some(&actor.token), body);
    if route.id == STREAM { begin(request).await } else { send(request).await }
}

/// The beginning of an answer: all of it where it is a refusal.
pub(crate) async fn begin(request: RequestBuilder) -> Answer {
    let response = request.send().await.expect("the door answers");
    let (status, headers) = (response.status(), response.headers().clone());
    let text = if status.is_success() { String::new() } else { response.text().await.unwrap_or_default() };
    Answer { status, headers, json: serde_json::from_str(&text).unwrap_or_default(), text }
}

/// The status and body of an answer, without what differs from request to request.
pub(crate) fn shape(answer: &Answer) -> (u16, Value) {
    let mut json = answer.json.clone();
    if let Some(fields) = json.as_object_mut() {
        fields.remove("trace_id");
        fields.remove("as_of_position");
    }
    (answer.status.as_u16(), json)
}
