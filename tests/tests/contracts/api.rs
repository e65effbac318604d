//! The API documents, and which route asks for which scope.

use crate::files;
use serde_json::Value;
use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

/// Operations that ask for no scope, and why that is right.
const WITHOUT_SCOPE: [(&str, &str); 12] = [
    ("commands:batch", "each command inside asks for its own"),
    ("identity.forgot_password", "whoever asks cannot sign in; the answer tells nothing"),
    ("identity.join", "the link of the invitation proves it"),
    ("identity.prove_email", "the link in the mail proves it"),
    ("identity.prove_new_email", "the link in the mail proves it"),
    ("identity.refresh", "the refresh token proves it"),
    ("identity.register", "whoever asks has no account yet"),
    ("identity.resend_verification", "whoever asks cannot sign in yet; the answer tells nothing"),
    ("identity.reset_password", "the link in the mail proves it"),
    ("identity.sign_in", "the password proves it"),
    ("identity.sign_out", "whoever holds a token may end its session"),
    ("labels", "the names of enumerations are no secret; no token either"),
];

/// Commands that are no route of the write door, and who carries them out.
const WITHOUT_ROUTE: [(&str, &str); 26] = [
    ("identity.accept_invitation", "the sign-in door, when the link was followed"),
    ("identity.change_profile", "the sign-in door, for the account of the caller"),
    ("identity.complete_password_reset", "the sign-in door, when the link was followed"),
    ("identity.confirm_email_change", "the sign-in door, when the link was followed"),
    ("identity.disable_totp", "the sign-in door, for the account of the caller"),
    ("identity.enable_totp", "the sign-in door, for the account of the caller"),
    ("identity.end_session", "the sign-in door, when somebody signs out"),
    ("identity.expire_invitation", "a timer"),
    ("identity.grant_membership", "the operator's tool: people are invited"),
    ("identity.record_member_person", "what follows a change of the account"),
    ("identity.record_password_change", "the sign-in door, for the account of the caller"),
    ("identity.record_sign_in_throttled", "the sign-in door"),
    ("identity.record_sign_up_repeated", "the sign-in door"),
    ("identity.register_user", "the sign-in door, which keeps the password"),
    ("identity.report_token_reuse", "the sign-in door"),
    ("identity.request_email_change", "the sign-in door, for the account of the caller"),
    ("identity.request_email_verification", "the sign-in door"),
    ("identity.request_password_reset", "the sign-in door"),
    ("identity.start_session", "the sign-in door"),
    ("identity.switch_tenant", "the sign-in door"),
    ("identity.verify_email", "the sign-in door, when the link was followed"),
    ("notifications.record_email_failure", "the worker that sends mails"),
    ("notifications.record_email_sent", "the worker that sends mails"),
    ("notifications.request_email", "reactors"),
    ("notifications.requeue_email", "the operator's tool"),
    ("notifications.suppress_email", "the worker that sends mails"),
];

/// The documents, by file name.
fn documents() -> [(&'static str, Value); 3] {
    let value = |text: Result<String, serde_json::Error>| -> Value {
        serde_json::from_str(&text.expect("a document is JSON")).expect("a document is JSON")
    };
    [
        ("command-api", value(command_api::openapi().to_json())),
        ("identity-api", value(identity_api::openapi().to_json())),
        ("query-api", value(query_api::openapi().to_json())),
    ]
}

/// One route, as it is documented.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Operation {
    path: String,
    method: String,
    id: String,
    /// None where no token is asked for; several would be a mistake.
    scopes: Option<Vec<String>>,
    summary: String,
}

fn operations(document: &Value) -> Vec<Operation> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let mut operations = Vec::new();
    for (path, methods) in document["paths"].as_object().into_iter().flatten() {
        for (method, operation) in methods.as_object().into_iter().flatten() {
            let security = operation["security"].as_array();
            let scopes = security.map(|schemes| {
                let held = schemes.iter().filter_map(|scheme| scheme["bearer"].as_array()).flatten();
                held.map(text).collect()
            });
            operations.push(Operation {
                path: path.clone(),
                method: method.to_uppercase(),
                id: text(&operation["operationId"]),
                scopes,
                summary: text(&operation["summary"]),
            });
        }
    }
    operations.sort_unstable();
    operations
}

fn all_operations() -> Vec<Operation> {
    let mut all: Vec<Operation> = documents().iter().flat_map(|(_, document)| operations(document)).collect();
    all.sort_unstable();
    all
}

/// What is wrong with an operation's name, words and scope.
fn faults(operation: &Operation) -> Vec<String> {
    let Operation { path, method, id, scopes, summary } = operation;
    let mut faults = Vec::new();
    if id.is_empty() || summary.is_empty() {
        faults.push(format!("{method} {path}: has no operation id or no summary"));
    }
    match scopes.as_deref() {
        Some([scope]) if scope.contains('.') && scope.contains(':') => {}
        Some([]) | None if WITHOUT_SCOPE.iter().any(|(listed, _)| listed == id) => {}
        _ => faults.push(format!(
            "{method} {path}: asks for {scopes:?}; a route asks for one scope, or is listed in WITHOUT_SCOPE with the reason"
        )),
    }
    faults
}

/// The references of a document that lead nowhere.
fn dangling(document: &Value) -> BTreeSet<String> {
    let mut references = BTreeSet::new();
    collect_references(document, &mut references);
    references
        .retain(|reference| reference.strip_prefix('#').is_none_or(|pointer| document.pointer(pointer).is_none()));
    references
}

fn collect_references(value: &Value, references: &mut BTreeSet<String>) {
    match value {
        Value::Object(fields) => {
            if let Some(Value::String(reference)) = fields.get("$ref") {
                references.insert(reference.clone());
            }
            fields.values().for_each(|value| collect_references(value, references));
        }
        Value::Array(values) => values.iter().for_each(|value| collect_references(value, references)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// `const NAME: &'static str = "…"` of every command in a folder of the domain.
fn command_names(folder: &Path, commands: &mut BTreeSet<String>) {
    for entry in fs::read_dir(folder).expect("a folder of the domain can be read") {
        let path = entry.expect("an entry can be read").path();
        if path.is_dir() {
            command_names(&path, commands);
            continue;
        }
        let text = fs::read_to_string(&path).expect("a file of the domain can be read");
        let declared = text.split("impl Command for ").skip(1);
        let constants =
            declared.filter_map(|rest| rest.split_once("const NAME: &'static str = \"").map(|(_, rest)| rest));
        commands.extend(constants.filter_map(|rest| rest.split('"').next()).map(str::to_owned));
    }
}

#[test]
fn api_documents_are_up_to_date() {
    for (name, document) in documents() {
        let text = serde_json::to_string_pretty(&document).expect("JSON is written to memory") + "\n";
        files::expect_generated(&format!("docs/generated/{name}.json"), &text);
    }
}

#[test]
fn references_in_api_documents_lead_somewhere() {
    for (name, document) in documents() {
        assert_eq!(dangling(&document), BTreeSet::new(), "{name}: schemas that are not in the document");
    }
}

#[test]
fn a_reference_to_nowhere_is_found() {
    let document = serde_json::json!({ "a": [{ "$ref": "#/c/T" }, { "$ref": "#/c/U" }], "c": { "T": {} } });
    assert_eq!(dangling(&document), BTreeSet::from(["#/c/U".to_owned()]));
}

#[test]
fn routes_ask_for_scopes_and_their_list_is_up_to_date() {
    let all = all_operations();
    let faults: Vec<String> = all.iter().flat_map(faults).collect();
    assert!(faults.is_empty(), "\n{}\n", faults.join("\n"));
    let ids: BTreeSet<&str> = all.iter().map(|operation| operation.id.as_str()).collect();
    assert_eq!(ids.len(), all.len(), "an operation id is given once");

    let width = all.iter().map(|operation| operation.path.len()).max().unwrap_or_default();
    let mut page = format!("# Every route and the scope that it asks for. Written by `{}`.\n", files::HOW);
    for Operation { path, method, id: _, scopes, summary: _ } in &all {
        let scope = scopes.as_deref().unwrap_or_default().first().map_or("-", String::as_str);
        let _ = writeln!(page, "{method:6} {path:width$}  {scope}");
    }
    files::expect_generated("docs/generated/scopes.txt", &page);
}

#[test]
fn a_route_without_a_scope_is_found() {
    let with = |scopes: Option<&[&str]>| Operation {
        path: "/v1/things".to_owned(),
        method: "POST".to_owned(),
        id: "a.make_thing".to_owned(),
        scopes: scopes.map(|scopes| scopes.iter().map(|scope| (*scope).to_owned()).collect()),
        summary: "Makes".to_owned(),
    };
    for bad in [None, Some(&[][..]), Some(&["thing"]), Some(&["a.thing:make", "a.thing:see"])] {
        assert_eq!(faults(&with(bad)).len(), 1, "{bad:?}");
    }
    assert!(faults(&with(Some(&["a.thing:make"]))).is_empty());
    assert_eq!(faults(&Operation { summary: String::new(), ..with(Some(&["a.thing:make"])) }).len(), 1);
}

#[test]
fn every_command_has_a_route() {
    let mut commands = BTreeSet::new();
    command_names(&files::path("domain/src"), &mut commands);
    assert!(commands.len() > 10, "commands are found: {commands:?}");
    let routed: BTreeSet<String> = all_operations().into_iter().map(|operation| operation.id).collect();
    let unreachable: Vec<&str> = commands.difference(&routed).map(String::as_str).collect();
    let known: Vec<&str> = WITHOUT_ROUTE.iter().map(|(name, _)| *name).collect();
    assert_eq!(unreachable, known, "without a line in command-api/src, and without another door in WITHOUT_ROUTE");
}
