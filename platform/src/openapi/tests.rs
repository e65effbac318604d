//! The document and its pages.

use super::*;
use axum::body::Body;
use kernel::{Actor, ActorKind, Text};
use serde_json::{Value, json};
use tower::ServiceExt as _;

/// Opens a thing. A second sentence says more.
///
/// Another paragraph.
#[derive(ToSchema)]
#[expect(dead_code, reason = "only its schema is used")]
struct OpenThing {
    /// How it is called.
    title: Text<1, 20>,
    actor: Actor,
    part: Option<Part>,
}

#[derive(ToSchema)]
#[expect(dead_code, reason = "only its schema is used")]
struct Part {
    size: u32,
}

mod other {
    #[derive(utoipa::ToSchema)]
    #[expect(dead_code, reason = "only its schema is used")]
    pub(super) struct Part {
        weight: u32,
    }
}

#[derive(IntoParams)]
#[expect(dead_code, reason = "only its parameters are used")]
struct Page {
    /// How many.
    limit: Option<u32>,
}

fn document() -> Value {
    let mut document = Document::new("Test", "1.2.3", "A test.");
    document.tag("things", "All about things.");
    document.operation(
        Operation::new(Method::POST, "/v1/shelves/{shelf_id}/things/{kind}", "things.open")
            .tag("things")
            .docs_of::<OpenThing>()
            .header_parameter::<String>("Idempotency-Key", false, "Same key, same answer.")
            .body::<OpenThing>()
            .response::<Part>(StatusCode::CREATED, "It is open.")
            .response_header::<String>(StatusCode::CREATED, "ETag", "Its version.")
            .problem(StatusCode::CONFLICT, "It is open already.")
            .problem(StatusCode::CONFLICT, "The version has changed.")
            .bearer(Some("things:open")),
    );
    document.operation(
        Operation::new(Method::GET, "/v1/things", "things.list")
            .query::<Page>()
            .query_parameter::<i64>("min_position", false, "See at least that.")
            .response_text(StatusCode::OK, "text/csv", "All of them.")
            .response_empty(StatusCode::NOT_MODIFIED, "Nothing new."),
    );
    assert_eq!(document.findings(), &[] as &[String]);
    serde_json::from_str(&document.build().to_json().unwrap()).unwrap()
}

#[test]
fn an_operation_says_what_it_takes_and_answers() {
    let document = document();
    assert_eq!(document["openapi"], "3.1.0");
    let open = &document["paths"]["/v1/shelves/{shelf_id}/things/{kind}"]["post"];
    assert_eq!((&open["operationId"], &open["summary"]), (&json!("things.open"), &json!("Opens a thing")));
    assert!(open["description"].as_str().unwrap().contains("Another paragraph."));
    let parameters: Vec<_> = open["parameters"].as_array().unwrap().iter().map(|p| (&p["in"], &p["name"])).collect();
    assert_eq!(parameters.len(), 3);
    assert_eq!(open["parameters"][1]["schema"], json!({ "type": "string", "format": "uuid" }));
    assert_eq!(open["parameters"][2]["schema"], json!({ "type": "string" }));
    assert_eq!(open["requestBody"]["content"]["application/json"]["schema"]["$ref"], "#/components/schemas/OpenThing");
    assert_eq!(open["responses"]["409"]["description"], "It is open already. The version has changed.");
    assert_eq!(
        open["responses"]["409"]["content"]["application/problem+json"]["schema"]["$ref"],
        "#/components/schemas/Problem"
    );
    assert!(open["responses"]["201"]["headers"]["ETag"].is_object());
    assert_eq!(open["security"], json!([{ "bearer": ["things:open"] }]));
    for refusal in ["401", "403", "408", "413", "415"] {
        assert!(open["responses"][refusal].is_object(), "{refusal}");
    }
    assert_eq!(document["paths"]["/v1/things"]["get"]["parameters"].as_array().unwrap().len(), 2);
}

/// Every `$ref` anywhere in the document.
fn references(value: &Value, into: &mut Vec<String>) {
    match value {
        Value::Object(members) => {
            if let Some(Value::String(reference)) = members.get("$ref") {
                into.push(reference.clone());
            }
            members.values().for_each(|member| references(member, into));
        }
        Value::Array(items) => items.iter().for_each(|item| references(item, into)),
        _ => {}
    }
}

#[test]
fn every_reference_leads_somewhere() {
    let document = document();
    let mut all = Vec::new();
    references(&document, &mut all);
    assert!(all.len() > 5);
    for reference in all {
        let pointer = reference.strip_prefix('#').unwrap();
        assert!(document.pointer(pointer).is_some(), "{reference}");
    }
    assert!(document["components"]["schemas"]["ActorKind"].is_object());
    let _ = ActorKind::User;
}

#[test]
fn two_types_of_one_name_and_two_operations_of_one_id_are_found() {
    let mut document = Document::new("Test", "1", "");
    document.schema::<Part>().schema::<Part>().schema::<other::Part>().schema::<other::Part>();
    let operation = || Operation::new(Method::GET, "/", "x").response_empty(StatusCode::OK, "");
    document.operation(operation()).operation(operation());
    document.operation(Operation::new(Method::CONNECT, "/", "y"));
    let findings = document.findings();
    assert_eq!(findings.len(), 4, "{findings:?}");
    assert!(findings[0].contains("Part") && findings[1].contains('x') && findings[3].contains("CONNECT"));
}

#[tokio::test]
async fn the_pages_come_from_this_binary_only() {
    let document = || Document::new("Test", "1", "").build();
    let page = |title, path| super::Page { title, path, document: document() };
    let router = router(&[page("One", "/openapi.json"), page("Two", "/openapi-two.json")]).unwrap();
    let fetch = async |path: &str| {
        let response = router.clone().oneshot(Request::get(path).body(Body::empty()).unwrap()).await.unwrap();
        let csp = response.headers().get(CONTENT_SECURITY_POLICY).cloned();
        let status = response.status().as_u16();
        let body = axum::body::to_bytes(response.into_body(), 1 << 24).await.unwrap();
        (status, csp, body)
    };
    let (status, csp, body) = fetch("/openapi.json").await;
    assert_eq!((status, csp), (200, None));
    assert_eq!(serde_json::from_slice::<Value>(&body).unwrap()["info"]["title"], "Test");
    assert_eq!(fetch("/docs").await.0, 303);
    for path in ["/docs/", "/docs/swagger-ui.css", "/docs/swagger-ui-bundle.js", "/docs/swagger-initializer.js"] {
        let (status, csp, body) = fetch(path).await;
        assert_eq!((status, csp), (200, Some(DOCS_CSP)), "{path}");
        assert!(!body.is_empty());
    }
    let initializer = String::from_utf8(fetch("/docs/swagger-initializer.js").await.2.to_vec()).unwrap();
    assert!(initializer.contains("/openapi.json") && !initializer.contains("petstore"), "{initializer}");
}
