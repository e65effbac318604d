//! What a stranger to the system finds: the labels, the descriptions, the pages that show them.

use crate::world::{World, text};
use std::collections::BTreeSet;
use tests::node::send;

/// Every `http://` or `https://` in a page, up to the quote or space that ends it.
fn urls(page: &str) -> Vec<&str> {
    let starts = page.match_indices("http://").chain(page.match_indices("https://")).map(|(at, _)| at);
    starts.map(|at| page[at..].split(['"', '\'', ' ', '<', ')']).next().unwrap_or_default()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_enumerated_value_has_a_french_and_an_english_label() {
    let world = World::start().await;
    let labels = world.ada().get("/v1/labels").await.ok();
    let enumerations = labels.as_array().expect("a list").clone();
    let mut names = BTreeSet::new();
    for enumeration in &enumerations {
        names.insert(text(&enumeration["name"]));
        let values = enumeration["values"].as_array().expect("values");
        assert!(!values.is_empty(), "{enumeration}");
        for value in values {
            for field in ["value", "en", "fr"] {
                assert!(!text(&value[field]).trim().is_empty(), "{value}");
            }
        }
    }
    let known = [
        "field_sales.assignment_closing_reason",
        "field_sales.door_status",
        "field_sales.user_type",
        "files.file_erasure",
        "files.file_kind",
        "files.file_purpose",
        "files.file_refusal",
        "files.file_status",
        "files.file_variant",
        "identity.act",
        "identity.client_kind",
        "identity.invitation_status",
        "identity.locale",
        "identity.plan",
        "identity.role",
        "identity.session_end_reason",
        "messaging.message_kind",
        "notifications.delivery_state",
        "notifications.language",
        "notifications.mail_cadence",
        "notifications.notification_mail",
        "notifications.topic",
        "notifications.webhook_status",
        "notifications.webhook_stop",
        "operations.projection_act",
        "support.article_language",
        "support.article_status",
        "support.import_field",
        "support.import_kind",
        "support.import_problem",
        "support.import_row_status",
        "support.import_status",
        "support.sla_goal",
        "support.sla_state",
        "support.target_outcome",
        "support.ticket_action",
        "support.ticket_category",
        "support.ticket_message_type",
        "support.ticket_priority",
        "support.ticket_side",
        "support.ticket_status",
    ];
    assert_eq!(names, known.map(ToOwned::to_owned).into());
    let statuses = enumerations.iter().find(|known| known["name"] == "support.ticket_status").expect("statuses");
    assert_eq!(statuses["values"][0], serde_json::json!({"value": "open", "en": "Open", "fr": "Ouvert"}));
}

#[tokio::test(flavor = "multi_thread")]
async fn both_apis_describe_themselves() {
    let world = World::start().await;
    let ada = world.ada();
    let commands = send(ada.command("/openapi.json")).await;
    assert_eq!(commands.status, 405, "a description is read, not posted");
    for (url, path, method) in [
        (&world.node.node().urls().commands, "/v1/support/tickets/{ticket_id}/assign", "post"),
        (&world.node.node().urls().queries, "/v1/support/tickets/{ticket_id}/history", "get"),
    ] {
        let answer = send(reqwest::Client::new().get(format!("{url}/openapi.json"))).await;
        let document = answer.ok();
        assert!(text(&document["openapi"]).starts_with("3."), "{url}");
        assert!(document["paths"][path][method]["operationId"].is_string(), "{path} is missing");
        assert!(document["paths"].as_object().is_some_and(|paths| paths.len() >= 12), "{url}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_documentation_needs_nothing_from_elsewhere() {
    let world = World::start().await;
    let urls_of_node = world.node.node().urls();
    for url in [&urls_of_node.commands, &urls_of_node.queries] {
        let answer = send(reqwest::Client::new().get(format!("{url}/docs"))).await;
        assert_eq!(answer.status, 200, "{url}");
        assert!(answer.header("content-type").starts_with("text/html"), "{}", answer.header("content-type"));
        assert_eq!(urls(&answer.text), [""; 0], "{url}");
        assert!(!answer.text.contains("src=\"//") && !answer.text.contains("href=\"//"), "{}", answer.text);
    }
}
