//! Bad bodies, tokens, ids and methods, against things that exist: each has its own code, and nothing changes.

use crate::operations::commands;
use crate::people::PLATFORM;
use crate::world::{Everything, boss, open, published, registered, verified_file};
use chrono::Utc;
use kernel::{ActorKind, TenantId};
use platform::auth::Claims;
use reqwest::{Client, RequestBuilder};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use tests::node::{Actor, TestNode, send};
use tests::policy::Route;
use uuid::Uuid;

/// A node with one of everything, and who made it. In the platform's tenant every command has something to do.
struct Stage {
    node: TestNode,
    tenant: TenantId,
    boss: Actor,
    things: Everything,
}

impl Stage {
    async fn set() -> Self {
        let (node, tenant) = (TestNode::start().await, PLATFORM);
        let boss = boss(&node, tenant, 1);
        let things = Everything::make(&node, &boss, "As it was").await;
        Self { node, tenant, boss, things }
    }

    /// Where the command acts on the thing that exists.
    fn path(&self, operation: &Route) -> String {
        operation.target().map_or_else(|| operation.path.clone(), |target| operation.at(self.things.named(target)))
    }

    fn draft(&self) -> Value {
        Everything::body("support.draft_article", "A change", self.boss.id.0, self.things.rep)
    }

    fn body(&self, operation: &Route) -> Value {
        Everything::body(&operation.id, "A change", self.boss.id.0, self.things.rep)
    }
}

/// The commands with a route of their own.
fn single_commands() -> Vec<Route> {
    commands().into_iter().filter(|operation| operation.id.contains('.')).collect()
}

fn keyed(request: RequestBuilder, body: impl Into<reqwest::Body>) -> RequestBuilder {
    // A body that is refused early may end the connection: no later request may count on it.
    let request = request.header("idempotency-key", "bad").header("content-type", "application/json");
    request.header("connection", "close").body(body)
}

/// Bodies that no route accepts, the batch neither; each with its code.
fn bodies() -> Vec<(u16, &'static str, String)> {
    vec![
        (400, "json_invalid", String::new()),
        (400, "json_invalid", " ".to_owned()),
        (400, "json_invalid", "{".to_owned()),
        (400, "json_invalid", "[".to_owned()),
        (400, "json_invalid", "nul".to_owned()),
        (400, "json_invalid", "{} {}".to_owned()),
        (400, "json_invalid", "{'a':1}".to_owned()),
        (400, "json_invalid", "\u{feff}{}".to_owned()),
        (400, "json_duplicate_key", r#"{"content":"a","content":"b"}"#.to_owned()),
        (400, "text_nul", r#"{"content":"a\u0000b"}"#.to_owned()),
        (400, "text_lone_surrogate", r#"{"content":"\ud800"}"#.to_owned()),
        (400, "json_too_deep", format!("{{\"a\":{}{}}}", "[".repeat(100), "]".repeat(100))),
        (400, "json_number_range", r#"{"radius_m":1e999}"#.to_owned()),
        (422, "validation_failed", "null".to_owned()),
        (422, "validation_failed", "\"text\"".to_owned()),
        (413, "body_too_large", format!("{{\"content\":\"{}\"}}", "x".repeat(300 << 10))),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn every_bad_body_has_its_own_code_on_every_route() {
    let stage = Stage::set().await;
    let before = stage.node.head().await;
    for operation in commands() {
        let path = stage.path(&operation);
        for (status, code, body) in bodies() {
            send(keyed(stage.boss.command(&path), body)).await.refused(status, code);
        }
        let (wrong, unknown) = if operation.id.contains('.') {
            ("[]", r#"{"colour":"red"}"#)
        } else {
            ("{}", r#"[{"name":"support.open_ticket","idempotency_key":"k","body":{},"colour":"red"}]"#)
        };
        send(keyed(stage.boss.command(&path), wrong)).await.refused(422, "validation_failed");
        let problem = send(keyed(stage.boss.command(&path), unknown)).await.refused(400, "unknown_field");
        assert!(problem["errors"][0]["pointer"].as_str().is_some_and(|at| at.ends_with("/colour")), "{problem}");
        let text = stage.boss.command(&path).header("idempotency-key", "bad").header("content-type", "text/plain");
        send(text.body("{}")).await.refused(415, "unsupported_media_type");
        let undeclared = stage.boss.command(&path).header("idempotency-key", "bad").body("{}");
        send(undeclared).await.refused(415, "unsupported_media_type");
    }
    assert_eq!(stage.node.head().await, before, "a refused request changed something");
    stage.node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_field_of_the_wrong_type_is_named() {
    let stage = Stage::set().await;
    let before = stage.node.head().await;
    for operation in single_commands() {
        let good = stage.body(&operation);
        for (field, value) in good.as_object().expect("an object") {
            let mut body = good.clone();
            body[field] = if value.is_boolean() { json!("yes") } else { json!(true) };
            let answer = stage.boss.post(&stage.path(&operation), body).await;
            assert_eq!(answer.status, 422, "{} {field}: {}", operation.id, answer.text);
            let refused = answer.refused(422, "validation_failed");
            assert_eq!(refused["errors"][0]["pointer"], format!("/{field}"), "{}", operation.id);
        }
    }
    assert_eq!(stage.node.head().await, before);
    stage.node.stop().await;
}

/// Without good bodies the refusals above would prove nothing.
#[tokio::test(flavor = "multi_thread")]
async fn the_good_bodies_are_good() {
    let stage = Stage::set().await;
    for operation in single_commands() {
        let mut body = stage.body(&operation);
        if operation.id == "field_sales.sign_contract" {
            body["building_id"] = json!(stage.things.building);
        }
        let path = match operation.target() {
            // Each on an article of its own: what follows would find an archived one.
            Some("article_id") => operation.at(&published(&stage.boss, stage.draft()).await),
            // And each on a file of its own: what follows would find an erased one.
            Some("file_id") => operation.at(&verified_file(&stage.node, &stage.boss, stage.boss.id, &[]).await),
            // And on a webhook of its own: what follows would find it removed.
            Some("webhook_id") => operation.at(&registered(&stage.boss).await),
            _ if operation.id == "support.attach_file" => {
                body["file_id"] = json!(verified_file(&stage.node, &stage.boss, stage.boss.id, &[]).await);
                stage.path(&operation)
            }
            _ if operation.id == "support.issue_attachment_url" => {
                body["file_id"] = json!(stage.things.file);
                stage.path(&operation)
            }
            _ if operation.id == "support.merge_ticket" => {
                body["into"] = json!(open(&stage.boss, "Goes on").await);
                operation.at(&open(&stage.boss, "Ends").await)
            }
            _ if operation.id == "support.submit_ticket_csat" => {
                let ticket = open(&stage.boss, "Resolved").await;
                let resolve = format!("/v1/support/tickets/{ticket}/status");
                stage.boss.post(&resolve, json!({ "status": "resolved" })).await.ok();
                operation.at(&ticket)
            }
            _ => stage.path(&operation),
        };
        stage.boss.post(&path, body).await.ok();
    }
    stage.node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_bad_token_gets_the_same_401_on_every_route() {
    let stage = Stage::set().await;
    let token = |change: fn(&mut Claims)| {
        let now = Utc::now().timestamp();
        let mut claims = Claims {
            iss: "sillage".into(),
            aud: "sillage".into(),
            sub: stage.boss.id,
            tenant: stage.tenant,
            kind: ActorKind::User,
            on_behalf_of: None,
            sid: None,
            roles: Vec::new(),
            scopes: cli::tokens::all_scopes().into_iter().collect(),
            exp: now + 3_600,
            iat: now - 7_200,
            nbf: None,
            jti: "test".into(),
            as_of: None,
        };
        change(&mut claims);
        stage.node.signer().issue(&claims).expect("a token is signed")
    };
    let good = token(|_| {});
    let tampered = format!("{}A{}", &good[..good.len() - 10], &good[good.len() - 9..]);
    let bad = [
        None,
        Some("garbage".to_owned()),
        Some("a.b.c".to_owned()),
        Some("x".repeat(9_000)),
        Some(tampered),
        Some(token(|claims| claims.exp = Utc::now().timestamp() - 3_600)),
        Some(token(|claims| claims.nbf = Some(Utc::now().timestamp() + 3_600))),
        Some(token(|claims| claims.iss = "another".into())),
        Some(token(|claims| claims.aud = "another".into())),
    ];
    let urls = stage.node.node().urls();
    let client = Client::new();
    let opening = json!({ "subject": "A good token", "description": "works" });
    let with_good = client.post(format!("{}/v1/support/tickets", urls.commands)).bearer_auth(&good).json(&opening);
    let opened = send(with_good.header("idempotency-key", "good")).await;
    let only_this = opened.position();
    opened.ok();
    let mut requests: Vec<RequestBuilder> = Vec::new();
    for operation in commands() {
        let request = client.post(format!("{}{}", urls.commands, stage.path(&operation)));
        requests.push(request.header("idempotency-key", "bad").json(&json!({})));
    }
    requests.push(client.get(format!("{}/v1/support/tickets", urls.queries)));
    requests.push(client.get(format!("{}/v1/support/tickets/{}", urls.queries, stage.things.ticket)));
    let mut answers = BTreeSet::new();
    for request in &requests {
        for token in &bad {
            let request = request.try_clone().expect("a short body");
            let answer = send(token.iter().fold(request, RequestBuilder::bearer_auth)).await;
            assert!(answer.header("www-authenticate").starts_with("Bearer"), "{}", answer.text);
            let mut problem = answer.refused(401, "unauthenticated");
            problem["trace_id"].take();
            answers.insert(problem.to_string());
        }
    }
    assert_eq!(answers.len(), 1, "a 401 tells what was wrong: {answers:?}");
    assert_eq!(stage.node.head().await, only_this);
    stage.node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_its_scope_a_good_command_is_refused() {
    let stage = Stage::set().await;
    let before = stage.node.head().await;
    let powerless = stage.node.actor(stage.tenant, 1, &[]);
    for operation in single_commands() {
        let answer = powerless.post(&stage.path(&operation), stage.body(&operation)).await;
        let problem = answer.refused(403, "scope_missing");
        assert!(problem["scope"].as_str().is_some_and(|scope| scope.contains(':')), "{problem}");
    }
    assert_eq!(stage.node.head().await, before);
    stage.node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_malformed_id_is_not_found_and_a_get_is_not_allowed() {
    let stage = Stage::set().await;
    let before = stage.node.head().await;
    for operation in commands() {
        if operation.target().is_some() {
            for id in ["42", "not-a-uuid", "%00", "%ff", &"a".repeat(2_000)] {
                let answer = stage.boss.post(&operation.at(id), stage.body(&operation)).await;
                answer.refused(404, "not_found");
            }
            let absent = operation.at(&Uuid::now_v7().to_string());
            let answer = stage.boss.post(&absent, stage.body(&operation)).await;
            // Who holds a zone is asked first; that the zone is not there follows from it.
            let expected = if operation.id == "field_sales.unassign_zone" { 409 } else { 404 };
            assert_eq!(answer.status, expected, "{}: {}", operation.id, answer.text);
        }
        let url = format!("{}{}", stage.node.node().urls().commands, stage.path(&operation));
        let answer = send(Client::new().get(url).bearer_auth(&stage.boss.token)).await;
        assert!(answer.header("allow").contains("POST"), "{}", answer.text);
        answer.refused(405, "method_not_allowed");
    }
    assert_eq!(stage.node.head().await, before);
    stage.node.stop().await;
}
