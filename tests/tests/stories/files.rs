//! Files from hand to hand: uploaded, looked into, put on tickets, had by those who may, and gone.

use crate::s3_server::S3Server;
use crate::world::{act, items, open_ticket, text};
use cli::FileSettings;
use cli::privacy::{Eraser, ExportPersonError, PersonExporter};
use domain::privacy::subject::ErasureReason;
use event_store::append::AppenderOptions;
use event_store::{Appender, Decisions, Log, Role, States, schema};
use file_store::Store;
use futures_util::{StreamExt as _, stream};
use kernel::{Position, SubjectId, TenantId};
use reqwest::StatusCode;
use serde_json::{Value, json};
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;
use test_support::files::{GPS_CANARY, Sample, good, hostile, photo_with_place, plain_pdf, png};
use tests::node::{Actor, TestNode, eventually, tenant, use_grant};

const CUSTOMER: &[&str] =
    &["support.ticket:open", "support.ticket:reply", "support.ticket:read", "files.stored_file:upload"];
const AGENT: &[&str] = &[
    "support.ticket:open",
    "support.ticket:reply",
    "support.ticket:read",
    "support.ticket:work",
    "files.stored_file:upload",
    "files.stored_file:upload_about_others",
];
/// As long as anything may take on a busy machine.
const PATIENCE: Duration = Duration::from_mins(1);

/// A node with a store, and the people of a tenant on it.
struct Desk {
    node: TestNode,
    files: FileSettings,
    tenant: TenantId,
    ada: Actor,
    eve: Actor,
    alice: Actor,
}

impl Desk {
    async fn in_a_folder() -> Self {
        Self::with(FileSettings::Folder { folder: test_support::scratch("files"), url: String::new() }).await
    }

    async fn with(files: FileSettings) -> Self {
        let node = TestNode::with_files_at(files.clone()).await;
        let tenant = tenant();
        let actor = |id, scopes| node.actor(tenant, id, scopes);
        let (ada, eve, alice) = (actor(0xada, CUSTOMER), actor(0xe0e, CUSTOMER), actor(0xa11ce, AGENT));
        Self { node, files, tenant, ada, eve, alice }
    }

    /// Where bytes of the tenant are.
    async fn kept(&self) -> Vec<String> {
        let keys = self.store().keys(self.tenant.0).await.expect("the store answers");
        keys.iter().map(ToString::to_string).collect()
    }

    /// Where these bytes are.
    async fn holding(&self, wanted: &[u8]) -> Vec<String> {
        let store = self.store();
        let mut found = Vec::new();
        for key in store.keys(self.tenant.0).await.expect("the store answers") {
            if holds(&store.get(key, u64::MAX).await.expect("what is listed is there"), wanted) {
                found.push(key.to_string());
            }
        }
        found
    }

    fn store(&self) -> Store {
        self.files.open(self.node.node().vault()).expect("the store opens")
    }
}

fn wanted(name: &str, bytes: &[u8]) -> Value {
    json!({"name": name, "purpose": "ticket_attachment", "size_bytes": bytes.len()})
}

/// Hands a file over as a good client does: asks, uploads, says so, and waits for what becomes of it.
async fn hand_over(actor: &Actor, request: Value, bytes: &[u8]) -> Value {
    let asked = actor.insist("/v1/files", request).await.ok();
    let put = use_grant(actor, &asked["grant"], bytes.to_vec()).await;
    assert_eq!(put.status(), StatusCode::OK, "{asked}");
    let path = format!("/v1/files/{}", text(&asked["id"]));
    let done = act(actor, &format!("{path}/complete"), json!({})).await;
    let mut file = actor.get_after(&path, done).await;
    eventually("the file is looked into", PATIENCE, async || {
        file = actor.get(&path).await.json;
        file["status"] != "uploaded" && file["status"] != "requested"
    })
    .await;
    file
}

/// Gets what a command permits: the answer's header fields, and the bytes.
async fn have(actor: &Actor, path: &str, body: Value) -> (reqwest::header::HeaderMap, Vec<u8>) {
    let granted = actor.insist(path, body).await.ok();
    let answer = use_grant(actor, &granted["grant"], Vec::new()).await;
    assert_eq!(answer.status(), StatusCode::OK, "{granted}");
    (answer.headers().clone(), answer.bytes().await.expect("bytes come").to_vec())
}

fn holds(bytes: &[u8], wanted: &[u8]) -> bool {
    bytes.windows(wanted.len()).any(|window| window == wanted)
}

/// The whole way, wherever the bytes are.
async fn from_hand_to_hand(desk: &Desk) {
    let (ada, eve, alice) = (&desk.ada, &desk.eve, &desk.alice);
    let ticket = open_ticket(ada).await;
    let attachments = format!("/v1/support/tickets/{}/attachments", ticket.id);
    let bytes = photo_with_place();

    // Before it is looked into it is nowhere to be had or linked.
    let asked = ada.insist("/v1/files", wanted("IMG_0001.jpg", &bytes)).await.ok();
    let early = format!("/v1/files/{}", text(&asked["id"]));
    ada.post(&format!("{early}/url"), json!({})).await.refused(409, "files.stored_file_not_verified");
    let link = json!({"file_id": asked["id"]});
    ada.post(&attachments, link).await.refused(409, "support.ticket_attachment_not_verified");

    let file = hand_over(ada, wanted("IMG_0001.jpg", &bytes), &bytes).await;
    assert_eq!(
        (&file["status"], &file["kind"], &file["has_thumbnail"]),
        (&json!("verified"), &json!("jpeg"), &json!(true))
    );
    assert_eq!((&file["width"], &file["height"], &file["name"]), (&json!(30), &json!(40), &json!("IMG_0001.jpg")));
    let file_id = &file["file_id"];
    let path = format!("/v1/files/{}", text(file_id));
    eve.get(&path).await.refused(404, "not_found");
    eve.post(&format!("{path}/url"), json!({})).await.refused(404, "files.stored_file_not_found");

    let linked = act(ada, &attachments, json!({"file_id": file_id})).await;
    assert_eq!(act(ada, &attachments, json!({"file_id": file_id})).await, linked, "nothing more to do");
    let shown = alice.get_after(&attachments, linked).await;
    assert_eq!((items(&shown).len(), &items(&shown)[0]["name"]), (1, &json!("IMG_0001.jpg")));
    let row = ada.get_after(&format!("/v1/support/tickets/{}", ticket.id), linked).await;
    assert_eq!(row["attachment_count"], 1);

    let url = format!("{attachments}/url");
    for actor in [ada, alice] {
        let (headers, had) = have(actor, &url, json!({"file_id": file_id})).await;
        assert_eq!(headers["content-type"], "image/jpeg");
        assert_eq!(headers["content-disposition"], "attachment; filename=\"file.jpg\"");
        assert!(!holds(&had, GPS_CANARY) && !holds(&had, b"Exif") && had.starts_with(&[0xff, 0xd8]));
        assert_eq!(had.len(), usize::try_from(file["size_bytes"].as_u64().unwrap_or_default()).unwrap_or_default());
        let (_, small) = have(actor, &url, json!({"file_id": file_id, "variant": "thumbnail"})).await;
        assert!(!holds(&small, GPS_CANARY));
    }
    eve.post(&url, json!({"file_id": file_id})).await.refused(404, "support.ticket_not_found");
    let other = open_ticket(eve).await;
    let of_eve = format!("/v1/support/tickets/{}/attachments", other.id);
    eve.post(&of_eve, json!({"file_id": file_id})).await.refused(404, "support.ticket_attachment_not_found");
    eve.post(&format!("{of_eve}/url"), json!({"file_id": file_id}))
        .await
        .refused(404, "support.ticket_attachment_not_found");

    internal_files_stay_internal(desk, &ticket.id).await;

    // Erased: an address that was good a moment ago leads nowhere, and what is left is what is not erased.
    let granted = ada.insist(&url, json!({"file_id": file_id})).await.ok();
    let before = desk.kept().await.len();
    act(ada, &format!("{path}/erase"), json!({})).await;
    eventually("the file is erased", PATIENCE, async || ada.get(&path).await.json["status"] == "erased").await;
    assert_eq!(use_grant(ada, &granted["grant"], Vec::new()).await.status(), StatusCode::NOT_FOUND);
    assert_eq!(desk.kept().await.len(), before - 2, "the picture and its thumbnail");
    ada.post(&url, json!({"file_id": file_id})).await.refused(409, "support.ticket_attachment_gone");
    let gone = ada.get(&attachments).await.ok();
    assert_eq!((&items(&gone)[0]["available"], &items(&gone)[0]["name"]), (&json!(false), &Value::Null));
}

/// What an agent puts on a note is there for agents, and for the customer it is nowhere.
async fn internal_files_stay_internal(desk: &Desk, ticket_id: &str) {
    let (ada, alice) = (&desk.ada, &desk.alice);
    let ticket = format!("/v1/support/tickets/{ticket_id}");
    let noted = act(alice, &format!("{ticket}/notes"), json!({"content": "See the file."})).await;
    let shown = alice.get_after(&format!("{ticket}/notes"), noted).await;
    let pdf = plain_pdf();
    let attachments = format!("{ticket}/attachments");
    let mine = hand_over(alice, wanted("about nobody.pdf", &pdf), &pdf).await;
    let link = json!({"file_id": mine["file_id"]});
    alice.post(&attachments, link).await.refused(409, "support.ticket_attachment_about_somebody_else");
    let mut request = wanted("analysis.pdf", &pdf);
    request["about"] = json!(ada.id);
    ada.post("/v1/files", {
        let mut request = wanted("x.pdf", &pdf);
        request["about"] = json!(alice.id);
        request
    })
    .await
    .refused(403, "files.stored_file_about_somebody_else");
    let file = hand_over(alice, request, &pdf).await;
    let link = json!({"file_id": file["file_id"], "note_id": items(&shown)[0]["note_id"]});
    let linked = act(alice, &attachments, link).await;
    assert_eq!(items(&alice.get_after(&attachments, linked).await).len(), 2);
    assert_eq!(items(&ada.get_after(&attachments, linked).await).len(), 1);
    let url = format!("{attachments}/url");
    ada.post(&url, json!({"file_id": file["file_id"]})).await.refused(404, "support.ticket_attachment_not_found");
    let erase = format!("/v1/files/{}/erase", text(&file["file_id"]));
    ada.post(&erase, json!({})).await.refused(404, "files.stored_file_not_found");
    let (headers, had) = have(alice, &url, json!({"file_id": file["file_id"]})).await;
    assert_eq!(headers["content-type"], "application/pdf");
    assert_eq!(had, pdf, "a document is kept as it is");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_goes_from_hand_to_hand_and_is_gone_when_it_is_erased() {
    let desk = Desk::in_a_folder().await;
    from_hand_to_hand(&desk).await;
    addresses_permit_what_they_say(&desk).await;
    a_person_is_erased_with_his_files(&desk).await;
}

/// Only with `SILLAGE_TEST_FULL`: the service is 150 MB, fetched once.
#[tokio::test(flavor = "multi_thread")]
async fn a_file_goes_the_same_way_through_an_s3_service() {
    if std::env::var_os("SILLAGE_TEST_FULL").is_none() {
        return;
    }
    let server = S3Server::start().await;
    let desk = Desk::with(FileSettings::Service(server.settings())).await;
    from_hand_to_hand(&desk).await;
    a_person_is_erased_with_his_files(&desk).await;
    let eve = &desk.eve;
    // The service itself holds callers to what was signed.
    let asked = eve.insist("/v1/files", wanted("a.png", &png())).await.ok();
    let mut grant = asked["grant"].clone();
    grant["headers"]["content-type"] = json!("text/html");
    assert_eq!(use_grant(eve, &grant, png()).await.status(), StatusCode::FORBIDDEN, "another type");
    let mut grant = asked["grant"].clone();
    grant["method"] = json!("GET");
    assert_eq!(use_grant(eve, &grant, Vec::new()).await.status(), StatusCode::FORBIDDEN, "another method");
    assert_eq!(use_grant(eve, &asked["grant"], vec![0; 5]).await.status(), StatusCode::FORBIDDEN, "another length");
}

/// An address is good for one thing, and for that alone.
async fn addresses_permit_what_they_say(desk: &Desk) {
    let ada = &desk.ada;
    let asked = ada.insist("/v1/files", wanted("a.png", &png())).await.ok();
    let grant = &asked["grant"];
    let with = |from: &str, to: &str| {
        let mut changed = grant.clone();
        let url = text(&grant["url"]);
        assert!(url.contains(from), "{url}");
        changed["url"] = json!(url.replace(from, to));
        changed
    };
    let size = png().len();
    let changed = [
        with("incoming", "whole"),
        with(&desk.tenant.0.to_string(), "00000000-0000-0000-0000-000000000000"),
        with(&format!("size={size}"), "size=5"),
        with("until=1", "until=2"),
        with("signature=", "signature=A"),
        with("/incoming", "/../incoming"),
    ];
    for grant in changed {
        let answer = use_grant(ada, &grant, png()).await;
        assert!(
            matches!(answer.status(), StatusCode::FORBIDDEN | StatusCode::NOT_FOUND),
            "{grant}: {}",
            answer.status()
        );
    }
    for bytes in [Vec::new(), vec![0; size - 1], vec![0; size + 1]] {
        assert_eq!(use_grant(ada, grant, bytes).await.status(), StatusCode::FORBIDDEN);
    }
    let mut get = grant.clone();
    get["method"] = json!("GET");
    assert_eq!(use_grant(ada, &get, Vec::new()).await.status(), StatusCode::FORBIDDEN);
    // Said to be there, and not: refused, with a reason that a person can act on.
    let path = format!("/v1/files/{}", text(&asked["id"]));
    act(ada, &format!("{path}/complete"), json!({})).await;
    eventually("it is refused", PATIENCE, async || ada.get(&path).await.json["refusal"] == "missing").await;
    // A repeat of the request finds the same file, and nothing that it may still do.
    let key = "the-same-request";
    let first = ada.post_as("/v1/files", key, wanted("a.png", &png())).await.ok();
    let again = ada.post_as("/v1/files", key, wanted("a.png", &png())).await.ok();
    assert_eq!((&first["id"], &first["grant"]["until"]), (&again["id"], &again["grant"]["until"]));
    let mut wrong = wanted("a.png", &png());
    wrong["sha256"] = json!("0".repeat(64));
    assert_eq!(hand_over(ada, wrong, &png()).await["refusal"], "wrong_checksum");
}

async fn a_person_is_erased_with_his_files(desk: &Desk) {
    let ada = &desk.ada;
    let canary = b"canary of a file: Ada was here\n".to_vec();
    let own = hand_over(ada, wanted("canary-name.txt", &canary), &canary).await;
    let mut request = wanted("canary-by-alice.txt", &canary);
    request["about"] = json!(ada.id);
    let about = hand_over(&desk.alice, request, &canary).await;
    let of_eve = hand_over(&desk.eve, wanted("eve.txt", b"of Eve"), b"of Eve").await;
    assert_eq!([&own["status"], &about["status"], &of_eve["status"]], [&json!("verified"); 3]);
    let waiting = ada.insist("/v1/files", wanted("late.txt", &canary)).await.ok();
    use_grant(ada, &waiting["grant"], canary.clone()).await;

    let pool = schema::connect(&desk.node.database_url, "test-erase", Role::Engine, 2).await.expect("Postgres answers");
    let appender = Appender::start(&desk.node.database_url, pool.clone(), &AppenderOptions::default());
    let (log, vault) = (Log::new(pool.clone()), desk.node.node().vault().clone());
    let decisions = Decisions::new(appender.expect("a good URL"), States::new(log.clone(), 10), log.clone(), vault);
    let exporter = PersonExporter::new(Eraser::new(pool.clone(), decisions.clone()), pool.clone(), log, desk.store());
    people_are_given_what_is_theirs(desk, &exporter, &canary).await;
    let erased = Eraser::new(pool, decisions).erase(SubjectId(ada.id.0), None, ErasureReason::Asked, |_| true).await;
    assert!(erased.expect("it is done").keys > 0);
    let folder = test_support::scratch("given-nothing").join("ada");
    let nothing = exporter.export(SubjectId(ada.id.0), None, &folder, |_, _| ()).await;
    assert!(matches!(nothing, Err(ExportPersonError::Nobody(_))), "{nothing:?}");

    let alice = &desk.alice;
    for (reader, file) in [(ada, &own["file_id"]), (alice, &about["file_id"]), (ada, &waiting["id"])] {
        let path = format!("/v1/files/{}", text(file));
        eventually("a file goes with the person", PATIENCE, async || {
            let row = reader.get(&path).await.json;
            row["status"] == "erased" && row["name"].is_null()
        })
        .await;
    }
    assert_eq!(desk.holding(b"canary of a file").await, Vec::<String>::new());
    assert_eq!(desk.holding(b"of Eve").await.len(), 1, "the search is not broken, and hers is there");
    let again = ada.post("/v1/files", wanted("again.txt", &canary)).await;
    again.refused(410, "subject_erased");
}

/// Somebody's folder holds what is about him, in clear, and nothing about anybody else.
async fn people_are_given_what_is_theirs(desk: &Desk, exporter: &PersonExporter, canary: &[u8]) {
    let folder = test_support::scratch("given");
    let out = folder.join("ada");
    let looked = AtomicI64::new(0);
    let look = |at: Position, of: Position| {
        assert!(at <= of);
        looked.store(at.0, Ordering::Relaxed);
    };
    let ada = SubjectId(desk.ada.id.0);
    let given = exporter.export(ada, None, &out, look).await.expect("it is written");
    assert_eq!(looked.into_inner(), given.position.0);
    let read = |path: &str| std::fs::read_to_string(out.join(path)).expect("a file of text");
    let events = read("events.ndjson");
    assert_eq!(events.lines().count() as u64, given.events);
    for theirs in ["canary-name.txt", "canary-by-alice.txt", "late.txt"] {
        assert!(events.contains(theirs), "{theirs}");
    }
    assert!(!events.contains("eve.txt") && !events.contains(&desk.eve.id.0.to_string()), "Eve is somebody else");
    let with_bytes: Vec<&str> = given.files.iter().filter_map(|file| file.path.as_deref()).collect();
    let bytes = |path: &&&str| std::fs::read(out.join(path)).expect("a file");
    let texts = with_bytes.iter().filter(|path| bytes(path) == canary).count();
    assert_eq!(texts, 2, "what she handed over and what was handed over about her: {with_bytes:?}");
    let manifest: Value = serde_json::from_str(&read("manifest.json")).expect("JSON");
    assert_eq!(manifest["events"], json!(given.events));
    assert!(read("README.txt").contains("CE QUI EST CONSERVÉ"));

    let again = exporter.export(ada, None, &out, |_, _| ()).await;
    assert!(matches!(again, Err(ExportPersonError::Exists(_))), "{again:?}");
    // What Alice did for Ada is Alice's too; what it says is about Ada.
    hand_over(&desk.alice, wanted("of-alice.txt", b"of Alice"), b"of Alice").await;
    let out = folder.join("alice");
    exporter.export(SubjectId(desk.alice.id.0), Some(desk.tenant), &out, |_, _| ()).await.expect("it is written");
    let events = std::fs::read_to_string(out.join("events.ndjson")).expect("a file of text");
    assert!(
        events.contains("[masked]") && events.contains("of-alice.txt") && !events.contains("canary-by-alice"),
        "{events}"
    );
    std::fs::remove_dir_all(folder).expect("it is ours");
}

/// Sends a file the whole way; whether it was taken.
async fn is_taken(actor: &Actor, sample: &Sample) -> bool {
    let asked = actor.insist("/v1/files", wanted(&sample.name, &sample.bytes)).await;
    if !asked.status.is_success() {
        assert!(asked.status.is_client_error(), "{}: {} {}", sample.about, asked.status, asked.text);
        return false;
    }
    let file = hand_over(actor, wanted(&sample.name, &sample.bytes), &sample.bytes).await;
    file["status"] == "verified"
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_hostile_is_taken_and_what_people_send_is() {
    let desk = Desk::in_a_folder().await;
    let (hostile, good) = (hostile(), good());
    assert!(hostile.len() >= 60 && good.len() >= 10);
    let trying = hostile.iter().map(|sample| async {
        let what = format!("{}: {}", sample.name, sample.about);
        is_taken(&desk.eve, sample).await.then_some(what)
    });
    let taken: Vec<Option<String>> = stream::iter(trying).buffer_unordered(8).collect().await;
    assert_eq!(taken.into_iter().flatten().collect::<Vec<_>>(), Vec::<String>::new());
    assert_eq!(desk.kept().await, Vec::<String>::new(), "nothing is left of what was refused");
    for sample in &good {
        assert!(is_taken(&desk.ada, sample).await, "{} ({})", sample.name, sample.about);
    }
    let kept = desk.kept().await;
    assert!(kept.iter().all(|key| key.ends_with("/whole") || key.ends_with("/thumbnail")), "{kept:?}");
    // Nothing of a name is where the bytes are.
    assert!(kept.iter().all(|key| !key.contains("photo") && !key.contains("Facture")));
}
