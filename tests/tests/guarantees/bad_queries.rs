//! Bad parameters on every query: a 400 that says which, never a guess and never a failure.

use crate::operations::{filters, queries};
use crate::world::{Everything, boss, open};
use tests::node::{Actor, Answer, TestNode, tenant};
use tests::policy::Route;
use uuid::Uuid;

/// Filters that take any words.
const FREE: [(&str, &str); 5] = [
    ("support.list_tickets", "q"),
    ("support.list_tickets", "tag"),
    ("support.list_articles", "q"),
    ("support.list_articles", "category"),
    ("support.list_articles", "slug"),
];

/// A node with one of everything, and who may see it.
struct Stage {
    node: TestNode,
    boss: Actor,
    things: Everything,
}

impl Stage {
    async fn set() -> Self {
        let node = TestNode::start().await;
        let boss = boss(&node, tenant(), 1);
        let things = Everything::make(&node, &boss, "As it is").await;
        // What was made last must be visible, so that a 404 does not hide a 400.
        let contract = format!("/v1/field-sales/contracts/{}", things.contract);
        boss.get_after(&contract, things.position).await;
        Self { node, boss, things }
    }

    async fn ask(&self, query: &Route, parameters: &str) -> Answer {
        let path = query.target().map_or_else(|| query.path.clone(), |target| query.at(self.things.named(target)));
        self.boss.get(&format!("{path}?{parameters}")).await
    }

    /// Expects a 400 with one of the two codes that parameters have.
    async fn refuses(&self, query: &Route, parameters: &str) {
        let answer = self.ask(query, parameters).await;
        let known = ["unknown_parameter", "invalid_parameter"];
        let code = answer.json["code"].as_str().filter(|code| known.contains(code)).map(str::to_owned);
        assert!(answer.status == 400, "{} {parameters}: {} {}", query.id, answer.status, answer.text);
        answer.refused(400, &code.unwrap_or_else(|| "invalid_parameter".to_owned()));
    }
}

fn hexadecimal(text: &str) -> String {
    text.bytes().flat_map(|byte| [byte >> 4, byte & 15]).filter_map(|n| char::from_digit(n.into(), 16)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn unknown_and_repeated_parameters_are_refused() {
    let stage = Stage::set().await;
    for query in queries() {
        assert!(stage.ask(&query, "").await.status.is_success(), "{}", query.id);
        for parameters in ["colour=red", "tenant_id=1", "Limit=5", "min_position=1&min_position=1", "%00=1", "a=%ff"] {
            stage.refuses(&query, parameters).await;
        }
    }
    stage.node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_limits_sorts_and_positions_are_refused() {
    let stage = Stage::set().await;
    for query in queries() {
        for bad in ["-1", "x", "1e3", "", "9223372036854775808", "%00"] {
            stage.refuses(&query, &format!("min_position={bad}")).await;
        }
        if query.takes("limit") {
            for bad in ["0", "101", "-1", "x", "", "1e1", "1.0", "99999999999999999999"] {
                stage.refuses(&query, &format!("limit={bad}")).await;
            }
        }
        if query.takes("sort") {
            for bad in ["", "colour", "tenant_id", "created_at%20desc", "1;drop%20table%20x"] {
                stage.refuses(&query, &format!("sort={bad}")).await;
            }
        }
        if query.takes("as_of") {
            for bad in ["yesterday", "", "2026-13-01T00:00:00Z"] {
                stage.refuses(&query, &format!("as_of={bad}")).await;
            }
        }
    }
    stage.node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_filter_takes_only_what_its_column_can_hold() {
    let stage = Stage::set().await;
    let mut known = 0;
    for query in queries() {
        for filter in filters(&query) {
            let free = FREE.contains(&(query.id.as_str(), filter.as_str()));
            let bad = ["", "%00", "No%20such%20thing!", "'", "99999999999999999999"];
            for bad in bad.into_iter().take(if free { 2 } else { 5 }) {
                stage.refuses(&query, &format!("{filter}={bad}")).await;
            }
            // Beyond an integer column, within a larger one: whatever the column, no failure.
            let big = stage.ask(&query, &format!("{filter}=9223372036854775807")).await;
            assert!([200, 400].contains(&big.status.as_u16()), "{} {filter}: {}", query.id, big.text);
            known += 1;
        }
    }
    assert!(known > 20, "the filters are found");
    stage.node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_foreign_or_garbled_cursor_is_refused() {
    let stage = Stage::set().await;
    open(&stage.boss, "A second ticket").await;
    let position = stage.node.head().await;
    let page = stage.boss.get_after("/v1/support/tickets?limit=1", position).await;
    let foreign = page["next_cursor"].as_str().expect("there is a second ticket").to_owned();
    let next = stage.boss.get(&format!("/v1/support/tickets?limit=1&cursor={foreign}")).await.ok();
    assert_eq!(next["items"].as_array().map(Vec::len), Some(1), "it is good where it belongs");
    for query in queries().into_iter().filter(|query| query.takes("limit")) {
        let mut bad = vec![String::new(), "zz".into(), "7b".into(), "x".repeat(5_000), hexadecimal("{}"), "%00".into()];
        bad.push(hexadecimal(&format!(r#"{{"l":"{}","s":"no-such-sort","v":["a","b"]}}"#, query.id)));
        if query.id != "support.list_tickets" {
            bad.push(foreign.clone());
        }
        bad.push(foreign[..foreign.len() - 2].to_owned());
        for cursor in bad {
            stage.refuses(&query, &format!("cursor={cursor}")).await;
        }
    }
    stage.refuses(tickets(&queries()), &format!("sort=-number&cursor={foreign}")).await;
    stage.node.stop().await;
}

fn tickets(all: &[Route]) -> &Route {
    all.iter().find(|query| query.id == "support.list_tickets").expect("the list of tickets")
}

/// Postgres reads fewer spellings than the code that checked them first; these reached it as they stood.
#[tokio::test(flavor = "multi_thread")]
async fn a_forged_cursor_never_makes_the_database_fail() {
    let stage = Stage::set().await;
    let id = Uuid::now_v7();
    let values = [
        "0000-01-01T00:00:00Z".to_owned(),
        "9999-12-31T23:59:60Z".to_owned(),
        "2026-01-01T00:00:00+23:59".to_owned(),
        format!("urn:uuid:{id}"),
        format!("{{{id}}}"),
        "1e400".to_owned(),
        "NaN".to_owned(),
        "+7".to_owned(),
        "9223372036854775807".to_owned(),
        "\\".to_owned(),
        "'".to_owned(),
    ];
    for query in queries().into_iter().filter(|query| query.takes("sort")) {
        // A refusal names every sort that the list has.
        let problem = stage.ask(&query, "sort=none").await.refused(400, "invalid_parameter");
        let detail = problem["detail"].as_str().expect("a detail");
        let sorts = detail.strip_prefix("expected one of: ").expect("the sorts").split(", ");
        for sort in sorts {
            for (value, count) in values.iter().flat_map(|value| (1..=3).map(move |count| (value, count))) {
                for last in [value.clone(), id.to_string()] {
                    let mut row = vec![value.clone(); count];
                    row[count - 1].clone_from(&last);
                    let cursor = serde_json::json!({ "l": query.id, "s": sort, "v": row }).to_string();
                    let answer = stage.ask(&query, &format!("sort={sort}&cursor={}", hexadecimal(&cursor))).await;
                    assert!(
                        [200, 400].contains(&answer.status.as_u16()),
                        "{} {cursor}: {} {}",
                        query.id,
                        answer.status,
                        answer.text
                    );
                }
            }
        }
    }
    stage.node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_malformed_id_is_not_found() {
    let stage = Stage::set().await;
    for query in queries().into_iter().filter(|query| query.target().is_some()) {
        for id in ["42", "not-a-uuid", "%00", "%ff"] {
            stage.boss.get(&query.at(id)).await.refused(404, "not_found");
        }
    }
    stage.node.stop().await;
}
