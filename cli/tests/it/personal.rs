//! What people write is read by people, and stands in clear in no file besides: not in the log's, not in those of NATS, not
//! in what processes print, not in exports. And when somebody is erased, everything can be made anew without him.

use crate::child::{Up, position, printed, run};
use reqwest::StatusCode;
use serde_json::json;
use std::path::Path;
use test_support::scratch;
use uuid::Uuid;

/// Nobody else writes this.
const CANARY: &str = "zyzzyva canary";

/// The files below a folder that hold a text.
fn found_in(folder: &Path, text: &[u8]) -> Vec<String> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
            } else if std::fs::read(&path).is_ok_and(|bytes| holds(&bytes, text)) {
                found.push(path.display().to_string());
            }
        }
    }
    found
}

fn holds(bytes: &[u8], text: &[u8]) -> bool {
    bytes.windows(text.len()).any(|part| part == text)
}

fn holds_canary(bytes: &[u8]) -> bool {
    holds(bytes, CANARY.as_bytes())
}

/// Runs a command beside the installation; what it printed holds no canary unless it must.
fn says(folder: &Path, arguments: &[&str]) -> String {
    let output = run(folder, arguments);
    let said = printed(&output);
    assert!(output.status.success(), "{arguments:?}: {said}");
    assert!(!holds_canary(said.as_bytes()), "{arguments:?}: {said}");
    said
}

/// People write, in every way that there is and wrongly too. Gives the ticket, and whose it is.
async fn people_write(up: &Up) -> (String, Uuid) {
    let (subject, text) = (format!("{CANARY} in a subject"), format!("a {CANARY} at length"));
    let customer = Uuid::now_v7();
    let body = json!({ "subject": subject, "description": text, "customer_id": customer });
    let (status, ticket) = up.command("/v1/support/tickets", body).await;
    assert_eq!(status, StatusCode::CREATED, "{ticket}");
    let path = format!("/v1/support/tickets/{}", ticket["id"].as_str().unwrap());
    let (_, shown) = up.query(&format!("{path}?min_position={}", position(&ticket))).await;
    assert_eq!(shown["subject"], json!(subject), "whoever may reads it: {shown}");

    let (status, noted) = up.command(&format!("{path}/notes"), json!({ "content": text })).await;
    assert!(status.is_success(), "{noted}");
    let conversation = format!("/v1/messaging/conversations/{}/messages", up.demo("conversation"));
    let message = json!({ "message_id": Uuid::now_v7(), "content": text });
    let (status, sent) = up.command(&conversation, message).await;
    assert!(status.is_success(), "{sent}");
    let visit =
        json!({ "door_number": "302", "outcome": "absent", "comment": text, "occurred_at": "2026-01-05T10:00:00Z" });
    let building = format!("/v1/field-sales/buildings/{}/visits", up.demo("building"));
    let (status, visited) = up.command(&building, visit).await;
    assert!(status.is_success(), "{visited}");
    // An account, a password that is a canary too, and what is refused: refusals are logged.
    let account =
        json!({ "email": "zyzzyva@example.com", "password": text, "given_name": CANARY, "family_name": CANARY });
    let (status, _) = up.command("/v1/auth/register", account).await;
    assert!(status.is_success());
    for wrong in [
        json!({ "subject": subject, "description": text, "priority": text }),
        json!({ "subject": [text], "description": text }),
        json!({ "subject": text, "description": text, text.as_str(): 1 }),
    ] {
        let (status, refused) = up.command("/v1/support/tickets", wrong).await;
        assert!(status.is_client_error(), "{refused}");
    }
    let sign_in = json!({ "email": "zyzzyva@example.com", "password": CANARY, "delivery": "body" });
    assert!(up.command("/v1/auth/login", sign_in).await.0.is_client_error());
    (path, customer)
}

/// The files of Postgres are looked at elsewhere: rows that are shown stand there in clear until somebody is erased.
fn nothing_is_clear(folder: &Path) {
    let data = folder.join(".sillage");
    let mirror = data.join("nats");
    assert!(!found_in(&mirror, b"support.ticket").is_empty(), "the mirror holds what the log holds");
    assert_eq!(found_in(&mirror, CANARY.as_bytes()), Vec::<String>::new());
    for (out, format) in [("parquet", "parquet"), ("csv", "csv"), ("lines", "ndjson")] {
        says(folder, &["events", "export", "--out", out, "--format", format, "--quiet"]);
        assert_eq!(found_in(&folder.join(out), CANARY.as_bytes()), Vec::<String>::new(), "{format}");
    }
    let log = std::fs::read(folder.join("up.log")).expect("a log");
    let text = String::from_utf8_lossy(&log);
    assert!(text.contains("DEBUG") || text.contains("\"debug\""), "it tells everything it knows");
    let lines: Vec<&str> = text.lines().filter(|line| holds_canary(line.as_bytes())).collect();
    assert!(lines.is_empty(), "{lines:#?}");
}

#[tokio::test]
async fn what_people_write_is_clear_nowhere_and_gone_when_they_are_erased() {
    let folder = scratch("cli-personal");
    let up = Up::talking(&folder).await;
    let (path, customer) = people_write(&up).await;
    nothing_is_clear(&folder);

    let export = ["privacy", "export", "--subject", &customer.to_string(), "--out", "given", "--quiet"];
    let given = says(&folder, &export);
    assert!(given.contains("files about") && !found_in(&folder.join("given"), CANARY.as_bytes()).is_empty(), "{given}");
    let again = printed(&run(&folder, &export));
    assert!(again.contains("given is there already") && again.contains("--out"), "{again}");
    std::fs::remove_dir_all(folder.join("given")).unwrap();

    let erased = says(&folder, &["privacy", "erase", "--subject", &customer.to_string()]);
    assert!(erased.contains("is erased"), "{erased}");
    // Made anew from the first event, whatever no key opens any more.
    says(&folder, &["projections", "rebuild", "support.tickets", "--quiet"]);
    let (status, shown) = up.query(&path).await;
    assert_eq!(
        (status, &shown["subject"], &shown["description"]),
        (StatusCode::OK, &json!("[erased]"), &json!("[erased]"))
    );
    let (_, history) = up.query(&format!("{path}/history")).await;
    assert!(history.to_string().contains("[erased]") && !holds_canary(history.to_string().as_bytes()), "{history}");
    let status = says(&folder, &["projections", "status", "--quiet"]);
    assert!(!status.contains("failed") && !status.contains("parked"), "{status}");
    assert!(says(&folder, &["verify", "--quiet"]).contains("without a gap"));
    up.stops_on("TERM");
    std::fs::remove_dir_all(folder).unwrap();
}
