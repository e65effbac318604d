//! The API documents.

use crate::files;
use serde_json::Value;
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use tests::policy::{documents, routes};

/// Commands that are no route of the write door, and who carries them out.
const WITHOUT_ROUTE: &[(&str, &str)] = &[
    ("files.expire_upload", "the worker behind uploads"),
    ("files.record_file_erased", "the worker that deletes bytes"),
    ("files.record_file_refused", "the worker that looks into files"),
    ("files.record_file_verified", "the worker that looks into files"),
    ("files.remove_file", "the follower of erasures"),
    ("identity.accept_invitation", "the sign-in door, when the link was followed"),
    ("identity.change_profile", "the sign-in door, for the account of the caller"),
    ("identity.close_erased_user", "the operator's tool, when somebody is erased"),
    ("identity.complete_password_reset", "the sign-in door, when the link was followed"),
    ("identity.confirm_email_change", "the sign-in door, when the link was followed"),
    ("identity.disable_totp", "the sign-in door, for the account of the caller"),
    ("identity.enable_totp", "the sign-in door, for the account of the caller"),
    ("identity.end_session", "the sign-in door, when somebody signs out"),
    ("identity.expire_invitation", "a timer"),
    ("identity.grant_membership", "the operator's tool: people are invited"),
    ("identity.invite_administrator", "what follows the creation of a tenant"),
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
    ("notifications.mail_news", "a timer"),
    ("notifications.record_email_failure", "the worker that sends mails"),
    ("notifications.record_email_sent", "the worker that sends mails"),
    ("notifications.request_email", "reactors"),
    ("notifications.requeue_email", "the operator's tool"),
    ("notifications.stop_webhook", "the worker that calls webhooks"),
    ("notifications.suppress_email", "the worker that sends mails"),
    ("notifications.update_feed", "the reactor behind tickets"),
    ("operations.record_projection_act", "whoever folds: what was done is told in the log"),
    ("privacy.certify_erasure", "the operator's tool, when somebody is erased"),
    ("privacy.request_erasure", "the operator's tool, when somebody is erased"),
    ("privacy.request_export", "the operator's tool, when somebody is given what is kept about him"),
    ("support.begin_import", "the import of a file"),
    ("support.import_article", "the import of a file"),
    ("support.import_ticket", "the import of a file"),
    ("support.import_ticket_reply", "the import of a file"),
    ("support.keep_ticket_time", "a timer"),
    ("support.record_import_rows", "the import of a file"),
    ("support.record_undone_rows", "the worker that rolls imports back"),
    ("support.release_ticket", "what follows when an agent leaves the desk"),
    ("support.settle_imported_ticket", "the import of a file"),
    ("support.undo_article_import", "the worker that rolls imports back"),
    ("support.undo_ticket_import", "the worker that rolls imports back"),
];

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
fn every_command_has_a_route() {
    let mut commands = BTreeSet::new();
    command_names(&files::path("domain/src"), &mut commands);
    assert!(commands.len() > 10, "commands are found: {commands:?}");
    let routed: BTreeSet<String> = routes().into_iter().map(|route| route.id).collect();
    let unreachable: Vec<&str> = commands.difference(&routed).map(String::as_str).collect();
    let known: Vec<&str> = WITHOUT_ROUTE.iter().map(|(name, _)| *name).collect();
    assert_eq!(unreachable, known, "without a line in command-api/src, and without another door in WITHOUT_ROUTE");
}
