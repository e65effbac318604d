//! Without a good token, and without the scope.

use crate::operations::{ask, begin, request};
use crate::world::boss;
use chrono::{TimeDelta, Utc};
use kernel::{ActorId, ActorKind, Scopes};
use platform::auth::{Claims, Signer};
use std::collections::BTreeSet;
use tests::node::{TestNode, tenant};
use tests::policy::{Policy, routes};
use uuid::Uuid;

/// What a good token says; it would permit everything.
fn claims() -> Claims {
    let now = Utc::now();
    Claims {
        iss: "sillage".to_owned(),
        aud: "sillage".to_owned(),
        sub: ActorId(Uuid::now_v7()),
        tenant: tenant(),
        kind: ActorKind::User,
        on_behalf_of: None,
        sid: None,
        roles: Vec::new(),
        scopes: cli::tokens::all_scopes().into_iter().collect(),
        exp: (now + TimeDelta::hours(1)).timestamp(),
        iat: now.timestamp(),
        nbf: None,
        as_of: None,
        jti: Uuid::now_v7().to_string(),
    }
}

/// Tokens that are good for nothing.
fn bad_tokens(signer: &Signer) -> Vec<Option<String>> {
    let sign = |signer: &Signer, claims: &Claims| Some(signer.issue(claims).expect("it can be signed"));
    let now = Utc::now();
    let ago = |hours: i64| (now - TimeDelta::hours(hours)).timestamp();
    let stranger = Signer::generate().expect("a key can be made");
    vec![
        None,
        Some(String::new()),
        Some("a.b.c".to_owned()),
        sign(signer, &Claims { exp: ago(1), iat: ago(2), ..claims() }),
        sign(signer, &Claims { aud: "others".to_owned(), ..claims() }),
        sign(signer, &Claims { iss: "others".to_owned(), ..claims() }),
        sign(&stranger, &claims()),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_gets_past_a_route_without_a_good_token() {
    let node = TestNode::start().await;
    let bad_tokens = bad_tokens(node.signer());
    let (mut refusals, mut sent) = (BTreeSet::new(), 0);
    for route in routes() {
        let path = route.at(&Uuid::now_v7().to_string());
        if route.policy == Ok(Policy::Open) {
            let answer = begin(request(&node, &route, &path, None, None)).await;
            assert!(answer.status.as_u16() < 500, "{}: {}", route.id, answer.text);
            continue;
        }
        for token in &bad_tokens {
            let answer = begin(request(&node, &route, &path, token.as_deref(), None)).await;
            assert_eq!(answer.status, 401, "{} with {token:?}: {}", route.id, answer.text);
            assert!(!answer.header("www-authenticate").is_empty(), "{}", route.id);
            let mut problem = answer.refused(401, "unauthenticated");
            problem["trace_id"].take();
            refusals.insert(problem.to_string());
            sent += 1;
        }
    }
    assert_eq!(refusals.len(), 1, "a 401 says why: {refusals:?}");
    assert!(sent > 700, "{sent}");
    assert_eq!(node.head().await, 0, "nothing has happened");
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_route_is_passed_with_its_scope_and_with_nothing_else() {
    let node = TestNode::start().await;
    let (tenant, mut refused) = (tenant(), 0);
    let all = Scopes::from_iter(cli::tokens::all_scopes());
    for route in routes() {
        let Some(scope) = route.scope() else { continue };
        let path = route.at(&Uuid::now_v7().to_string());
        let others: Vec<&str> = all.names().filter(|held| *held != scope).collect();
        let without = node.actor(tenant, 1, &others);
        let answer = ask(&node, &route, &path, &without, None).await;
        let problem = answer.refused(403, "scope_missing");
        assert_eq!(problem["scope"], scope, "it says which one is missing");
        let with = node.actor(tenant, 1, &[scope]);
        let answer = ask(&node, &route, &path, &with, None).await;
        assert!(answer.status != 401 && answer.json["code"] != "scope_missing", "{}: {}", route.id, answer.text);
        refused += 1;
    }
    assert!(refused > 90, "{refused}");
    // Whoever may do everything is not refused for want of a scope, so the refusals above were for that alone.
    let everything = boss(&node, tenant, 2);
    let listed = everything.get("/v1/support/tickets").await;
    assert_eq!(listed.status, 200);
    node.stop().await;
}
