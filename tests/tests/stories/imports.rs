//! Files from other desks: looked at, brought in, broken off and gone on with, and taken out again.

use crate::world::{World, act, items, open_ticket, text};
use domain::identity::Role;
use kernel::Labelled as _;
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::time::Duration;
use tests::node::{Actor, Answer, TestNode, eventually, tenant};
use tests::policy::held;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use uuid::Uuid;

const IMPORTS: &str = "/v1/support/imports";
const TICKETS: &str = "/v1/support/imports?kind=tickets&file_name=old-desk.csv";
const PREVIEW: &str = "/v1/support/imports/preview?kind=tickets";

/// How long a rollback may take where everything is busy.
const PATIENCE: Duration = Duration::from_mins(2);

/// A support administrator, and Ada as a customer whom files may name.
async fn set() -> (World, Actor, Actor) {
    let world = World { node: TestNode::with_letters().await, tenant: tenant() };
    let ada = world.ada();
    world.node.join(&ada, Role::SupportCustomer, None).await.expect("she is new");
    let olivia = playing(&world, Role::SupportAdmin);
    (world, olivia, ada)
}

fn playing(world: &World, role: Role) -> Actor {
    let held = held(role);
    world.node.actor(world.tenant, 0x0111, &held.names().collect::<Vec<_>>())
}

/// So many old tickets of somebody, one a day, each third resolved.
fn file(customer: &Actor, rows: usize) -> String {
    let mut file = "id;Client;Objet;Description;Créé le;Résolu le;Mots-clés\n".to_owned();
    for row in 1..=rows {
        let day = 1 + row % 28;
        let resolved = if row % 3 == 0 { format!("{day:02}/03/2025 17:00") } else { String::new() };
        let _ = writeln!(
            file,
            "ZD-{row};{};\"Panne {row}\";\"Elle ne marche plus.\nDepuis hier.\";{day:02}/03/2025 09:00;{resolved};ancien",
            customer.id
        );
    }
    file
}

async fn hand_over(actor: &Actor, key: &str, file: &str) -> Answer {
    actor.hand_over(TICKETS, key, "text/csv", file.to_owned()).await
}

/// Sends it until every row has an outcome.
async fn all_of(actor: &Actor, key: &str, file: &str) -> Value {
    for _ in 0..100 {
        let answer = hand_over(actor, key, file).await;
        if answer.status != 503 && answer.json["status"] != "running" {
            return answer.ok();
        }
    }
    panic!("it does not end");
}

async fn statistics(actor: &Actor, position: &Value) -> Value {
    actor.get_after("/v1/support/tickets/stats", position.as_i64().expect("a position")).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_preview_says_what_would_be_and_changes_nothing() {
    let (world, olivia, ada) = set().await;
    let mut csv = file(&ada, 3);
    csv += "ZD-9;nobody@example.com;Panne;Hier;31/02/2025;;\nZD-1;x;Panne;Hier;01/03/2025;;\n";
    let before = world.node.head().await;
    let told = olivia.hand_over(PREVIEW, "k", "text/csv", csv).await.ok();
    assert_eq!((&told["rows"], &told["usable"], &told["unusable"]), (&json!(5), &json!(3), &json!(2)));
    let wrong: Vec<_> =
        told["problems"].as_array().unwrap().iter().map(|it| (it["line"].clone(), text(&it["problem"]))).collect();
    let line = |line: u64, problem: &str| (json!(line), problem.to_owned());
    assert_eq!(
        wrong,
        [
            line(8, "no_such_customer"),
            line(8, "time_not_readable"),
            line(9, "no_such_customer"),
            line(9, "reference_taken"),
        ]
    );
    assert_eq!(told["samples"][2]["status"], "resolved");
    assert_eq!(told["samples"][0]["created_at"], "2025-03-02T08:00:00Z", "by the clocks of Paris");
    assert_eq!(world.node.head().await, before, "nothing was recorded");
    assert_eq!(items(&olivia.get(IMPORTS).await.ok()).len(), 0);

    for role in Role::ALL {
        let may = [Role::SupportAdmin, Role::TenantAdmin].contains(role);
        let answer = playing(&world, *role).hand_over(PREVIEW, "k", "text/csv", file(&ada, 1)).await;
        assert_eq!(answer.status == 200, may, "{role}: {}", answer.text);
        if !may {
            hand_over(&playing(&world, *role), "k", &file(&ada, 1)).await.refused(403, "scope_missing");
        }
    }
    world.node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_import_keeps_the_old_times_and_is_undone_but_for_what_was_worked_on() {
    let (world, olivia, ada) = set().await;
    let kept = open_ticket(&ada).await;
    let before = statistics(&olivia, &json!(kept.position)).await;
    let csv = file(&ada, 7) + "ZD-8;nobody@example.com;Panne;Hier;01/03/2025;;\n";
    let done = all_of(&olivia, "march", &csv).await;
    assert_eq!((&done["status"], &done["accepted"], &done["refused"]), (&json!("completed"), &json!(7), &json!(1)));
    assert_eq!(all_of(&olivia, "march", &csv).await["accepted"], 7, "the same file makes nothing a second time");
    hand_over(&olivia, "march", &file(&ada, 2)).await.refused(422, "support.import_other_file");

    let import = format!("{IMPORTS}/{}", text(&done["import_id"]));
    let position = done["position"].as_i64().unwrap();
    let shown = olivia.get_after(&import, position).await;
    assert_eq!((&shown["done_count"], &shown["file_name"]), (&json!(8), &json!("old-desk.csv")));
    let refused = olivia.get_after(&format!("{import}/rows?status=refused"), position).await;
    assert_eq!((&refused["items"][0]["line"], &refused["items"][0]["field"]), (&json!(16), &json!("customer")));
    let listed = olivia.get_after("/v1/support/tickets?tag=ancien&sort=created_at", position).await;
    let tickets = items(&listed);
    assert_eq!(tickets.len(), 7);
    assert_eq!(
        (&tickets[0]["created_at"], &tickets[0]["external_reference"]),
        (&json!("2025-03-02T08:00:00Z"), &json!("ZD-1"))
    );
    let counted = statistics(&olivia, &done["position"]).await;
    assert_eq!((&counted["total"], &counted["resolution"]["average_s"]), (&json!(8), &json!(28_800.0)));
    assert_eq!(counted["by_day"]["2025-03-04"], 1);
    let own = ada.get_after("/v1/support/own-tickets", position).await;
    assert_eq!(items(&own).len(), 8, "they are her tickets");

    // Alice answers one and reads another.
    let alice = world.alice();
    let [answered, read] =
        [&tickets[0], &tickets[1]].map(|ticket| format!("/v1/support/tickets/{}", text(&ticket["ticket_id"])));
    act(&alice, &format!("{answered}/replies"), json!({ "content": "Bonjour" })).await;
    act(&alice, &format!("{read}/read"), json!({ "up_to": 0 })).await;
    alice.post(&format!("{import}/rollback"), json!({})).await.refused(403, "scope_missing");
    let back = act(&olivia, &format!("{import}/rollback"), json!({})).await;
    eventually("it is rolled back", PATIENCE, async || {
        olivia.get_after(&import, back).await["status"] == "rolled_back"
    })
    .await;
    let over = world.node.head().await;
    let shown = olivia.get_after(&import, over).await;
    assert_eq!((&shown["undone_count"], &shown["left_count"]), (&json!(6), &json!(1)));
    let left = olivia.get_after(&format!("{import}/rows?status=left"), over).await;
    assert_eq!(left["items"][0]["made_id"], tickets[0]["ticket_id"]);
    let after = statistics(&olivia, &json!(over)).await;
    assert_eq!(after["total"], json!(before["total"].as_i64().unwrap() + 1), "as before, and the one that was left");
    let own = ada.get_after("/v1/support/own-tickets", over).await;
    assert_eq!(items(&own).len(), 2);
    let gone = format!("/v1/support/tickets/{}", text(&tickets[2]["ticket_id"]));
    olivia.get(&gone).await.refused(404, "not_found");
    alice
        .post(&format!("{gone}/replies"), json!({ "content": "Hello?" }))
        .await
        .refused(404, "support.ticket_not_found");
    hand_over(&olivia, "march", &csv).await.refused(409, "support.import_rolled_back");
    assert_eq!(
        all_of(&olivia, "april", &csv).await["accepted"],
        6,
        "what was undone may come again, what is there not"
    );
    world.node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_import_that_breaks_off_anywhere_goes_on_and_makes_nothing_twice() {
    let (world, olivia, ada) = set().await;
    let csv = file(&ada, 130);
    for pause_ms in [3, 10, 25, 60, 120] {
        // Whoever hangs up ends the work wherever it is.
        let _ = tokio::time::timeout(Duration::from_millis(pause_ms), hand_over(&olivia, "k", &csv)).await;
    }
    let (one, other) = tokio::join!(all_of(&olivia, "k", &csv), all_of(&olivia, "k", &csv));
    assert_eq!((&one["accepted"], &other["accepted"]), (&json!(130), &json!(130)));
    let counted = statistics(&olivia, &json!(world.node.head().await)).await;
    assert_eq!(counted["total"], 130);
    assert_eq!(counted["by_status"]["resolved"], 43);

    // One that broke off and is rolled back leaves nothing, whatever it had made and not told.
    let second = file(&ada, 130).replace("ZD-", "AB-").replace("ancien", "neuf");
    let _ = tokio::time::timeout(Duration::from_millis(60), hand_over(&olivia, "second", &second)).await;
    let answer = hand_over(&olivia, "second", &second).await;
    let import = format!("{IMPORTS}/{}", text(&answer.json["import_id"]));
    let back = act(&olivia, &format!("{import}/rollback"), json!({})).await;
    eventually("it is rolled back", PATIENCE, async || {
        olivia.get_after(&import, back).await["status"] == "rolled_back"
    })
    .await;
    let counted = statistics(&olivia, &json!(world.node.head().await)).await;
    assert_eq!(counted["total"], 130);
    world.node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn files_that_are_none_are_refused_in_words() {
    let (world, olivia, ada) = set().await;
    let head = "customer,subject,description,created_at\n";
    let send = async |media_type: &str, file: Vec<u8>| {
        olivia.hand_over(TICKETS, &Uuid::now_v7().to_string(), media_type, file).await
    };
    send("text/csv", b"customer,subject\na,b\n".to_vec()).await.refused(422, "import_columns_missing");
    send("text/csv", [head.as_bytes(), b"a,Caf\xe9,c,2025-01-01\n"].concat()).await.refused(422, "import_encoding");
    send("text/csv", [head.as_bytes(), b"a,b\0,c,2025-01-01\n"].concat()).await.refused(422, "import_nul");
    send("text/csv", ("x,".repeat(1_000_000) + "\n1\n").into_bytes()).await.refused(422, "import_too_many_columns");
    announced(&olivia, 100 * 1024 * 1024).await;
    send("application/json", b"{}".to_vec()).await.refused(415, "unsupported_media_type");
    send("text/csv; charset=iso-8859-1", file(&ada, 1).into_bytes()).await.refused(415, "unsupported_media_type");
    let unknown = olivia.hand_over(&format!("{IMPORTS}?kind=cats"), "k", "text/csv", file(&ada, 1)).await;
    unknown.refused(400, "parameter_invalid");
    let keyless = olivia.command(TICKETS).header("content-type", "text/csv").body(file(&ada, 1));
    tests::node::send(keyless).await.refused(400, "idempotency_key_missing");
    assert_eq!(items(&olivia.get(IMPORTS).await.ok()).len(), 0, "nothing was begun");
    world.node.stop().await;
}

/// A file of so many bytes is refused before any of them is sent.
async fn announced(actor: &Actor, bytes: usize) {
    let request = actor.command(TICKETS).build().expect("a request");
    let url = request.url();
    let address = (url.host_str().expect("a host"), url.port().expect("a port"));
    let mut stream = TcpStream::connect(address).await.expect("the door is open");
    let head = format!(
        "POST {TICKETS} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {}\r\nContent-Type: text/csv\r\n\
         Idempotency-Key: long\r\nContent-Length: {bytes}\r\n\r\n",
        actor.token
    );
    stream.write_all(head.as_bytes()).await.expect("it is sent");
    let mut answer = vec![0; 12];
    stream.read_exact(&mut answer).await.expect("it is answered");
    assert_eq!(String::from_utf8_lossy(&answer), "HTTP/1.1 413");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_said_comes_with_the_ticket_and_articles_come_with_their_dates() {
    let (world, olivia, ada) = set().await;
    let line = json!({
        "id": "ZD-1", "customer_id": ada.id, "subject": "Panne", "description": "Elle ne marche plus.",
        "created_at": "2025-03-03T08:00:00Z", "status": "closed", "closed_at": "2025-03-05T08:00:00Z",
        "messages": [
            { "at": "2025-03-03T08:30:00Z", "by": "agent", "text": "Avez-vous redémarré ?" },
            { "at": "2025-03-03T09:00:00Z", "by": "customer", "text": "Oui." },
        ],
    });
    let answer = olivia.hand_over(TICKETS, "said", "application/x-ndjson", line.to_string()).await.ok();
    let position = answer["position"].as_i64().unwrap();
    let ticket = items(&olivia.get_after("/v1/support/tickets", position).await)[0].clone();
    assert_eq!(
        (&ticket["first_response_at"], &ticket["closed_at"]),
        (&json!("2025-03-03T08:30:00Z"), &json!("2025-03-05T08:00:00Z"))
    );
    let path = format!("/v1/support/tickets/{}/replies", text(&ticket["ticket_id"]));
    let said = ada.get_after(&path, position).await;
    let authors: Vec<&Value> = said["items"].as_array().unwrap().iter().map(|said| &said["author_id"]).collect();
    assert_eq!(authors, [&json!(olivia.id), &json!(ada.id)]);

    let articles = "Titre;Texte;Rubrique;Publié le;Langue\nRéinitialiser;Cliquez **ici**.;Compte;01/02/2025;fr\nBrouillon;À écrire.;Compte;;\n";
    let path = format!("{IMPORTS}?kind=articles");
    let done = olivia.hand_over(&path, "kb", "text/csv", articles).await.ok();
    let position = done["position"].as_i64().unwrap();
    let shown = olivia.get_after("/v1/support/articles?sort=-updated_at", position).await;
    assert_eq!(shown["items"].as_array().unwrap().len(), 2, "{shown}");
    let published = items(&shown).iter().find(|article| article["status"] == "published").expect("one is published");
    assert_eq!(published["published_at"], "2025-02-01T11:00:00Z");
    let import = format!("{IMPORTS}/{}", text(&done["import_id"]));
    let back = act(&olivia, &format!("{import}/rollback"), json!({})).await;
    eventually("it is rolled back", PATIENCE, async || {
        olivia.get_after(&import, back).await["status"] == "rolled_back"
    })
    .await;
    let shown = olivia.get_after("/v1/support/articles?status=archived", world.node.head().await).await;
    assert_eq!(items(&shown).len(), 2);
    world.node.stop().await;
}
