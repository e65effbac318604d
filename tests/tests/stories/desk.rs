//! The support desk at work: tickets merged, found, read, rated and counted.

use crate::world::{World, act, items, make, number, open_ticket, text};
use domain::identity::Role;
use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, PgPool, query, query_scalar};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;
use tests::node::{Actor, eventually};

fn path(id: &str) -> String {
    format!("/v1/support/tickets/{id}")
}

async fn ticket(actor: &Actor, subject: &str, description: &str) -> (String, i64) {
    let made = make(actor, "/v1/support/tickets", json!({"subject": subject, "description": description})).await;
    (path(&made.id), made.position)
}

fn ids(page: &Value) -> Vec<String> {
    items(page).iter().map(|item| path(item["ticket_id"].as_str().unwrap_or_default())).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_merged_ticket_goes_on_in_the_other_and_comes_back() {
    let world = World::start().await;
    let (ada, eve, alice) = (world.ada(), world.eve(), world.alice());
    let (first, second) = (open_ticket(&ada).await, open_ticket(&ada).await);
    let (one, other) = (path(&first.id), path(&second.id));
    act(&ada, &format!("{one}/replies"), json!({"content": "Still burning"})).await;
    ada.post(&format!("{one}/merge"), json!({"into": second.id})).await.refused(403, "scope_missing");
    let merged = act(&alice, &format!("{one}/merge"), json!({"into": second.id})).await;
    assert_eq!(act(&alice, &format!("{one}/merge"), json!({"into": second.id})).await, merged, "nothing more to do");
    let shown = alice.get_after(&one, merged).await;
    assert_eq!((&shown["merged_into"], &shown["status"]), (&json!(second.id), &json!("closed")));
    let refusal = ada.post(&format!("{one}/replies"), json!({"content": "Hello?", "reopen": true})).await;
    let refusal = refusal.refused(409, "support.ticket_merged");
    assert!(refusal["detail"].to_string().contains(&second.id), "it says where to go on: {refusal}");
    act(&ada, &format!("{other}/replies"), json!({"content": "Here I am."})).await;

    // Number, messages and the way there can still be found.
    let found = alice.get_after("/v1/support/tickets?q=TKT-00001", merged).await;
    assert_eq!(ids(&found), std::slice::from_ref(&one));
    let found = alice.get_after(&format!("/v1/support/tickets?merged_into={}", second.id), merged).await;
    assert_eq!(ids(&found), std::slice::from_ref(&one));
    assert_eq!(items(&ada.get_after(&format!("{one}/replies"), merged).await).len(), 1);

    let of_eve = open_ticket(&eve).await;
    let answer = alice.post(&format!("{}/merge", path(&of_eve.id)), json!({"into": second.id})).await;
    answer.refused(409, "support.ticket_merge_other_customer");
    alice
        .post(&format!("{other}/merge"), json!({"into": second.id}))
        .await
        .refused(422, "support.ticket_merge_into_itself");

    let back = act(&alice, &format!("{one}/unmerge"), json!({"from": second.id})).await;
    let shown = alice.get_after(&one, back).await;
    assert_eq!((&shown["merged_into"], &shown["status"]), (&Value::Null, &json!("open")));
    let steps = alice.get_after(&format!("{other}/activities"), back).await;
    let actions: Vec<String> = items(&steps).iter().map(|step| text(&step["action"])).collect();
    assert_eq!(actions, ["created", "absorbed", "message_added", "released"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_hundred_merges_and_replies_at_once_leave_every_ticket_consistent() {
    const TICKETS: usize = 10;
    let world = World::start().await;
    let sibling = world.node.sibling().await;
    let ada = world.ada();
    let agents = [world.alice(), sibling.actor(world.tenant, 0xa11ce, &["support.ticket:work"])];
    let mut tickets = Vec::new();
    for _ in 0..TICKETS {
        tickets.push(open_ticket(&ada).await.id);
    }
    let deeds = (0..200_usize).map(|n| {
        let (ada, agents, tickets) = (&ada, &agents, &tickets);
        // Every pair in both directions, and replies to all of them in between.
        let (from, into) = (n / 2 % TICKETS, (n / 2 % TICKETS + 1 + n / 20 % (TICKETS - 1)) % TICKETS);
        async move {
            let answer = if n % 2 == 0 {
                let agent = &agents[n / 2 % agents.len()];
                agent.insist(&format!("{}/merge", path(&tickets[from])), json!({"into": tickets[into]})).await
            } else {
                let said = json!({"content": format!("Reply {n}")});
                ada.insist(&format!("{}/replies", path(&tickets[from])), said).await
            };
            let reply = (n % 2 == 1).then_some(from);
            if answer.status.is_success() {
                return (reply, Some(answer.position()));
            }
            let code = text(&answer.json["code"]);
            let expected = [
                "support.ticket_merged",
                "support.ticket_merge_target_over",
                "support.ticket_closed",
                "version_conflict",
            ];
            assert!(expected.contains(&code.as_str()), "{code}: {}", answer.text);
            (reply, None)
        }
    });
    let outcomes = futures_util::future::join_all(deeds).await;
    let last = outcomes.iter().filter_map(|(_, position)| *position).max().unwrap();
    let mut accepted: BTreeMap<usize, i64> = BTreeMap::new();
    for (reply, _) in outcomes.iter().filter(|(_, position)| position.is_some()) {
        if let Some(ticket) = reply {
            *accepted.entry(*ticket).or_default() += 1;
        }
    }
    // So much at once takes longer to show than one question waits.
    let shown =
        [path(&tickets[0]), format!("{}/replies", path(&tickets[0])), format!("{}/activities", path(&tickets[0]))];
    for shown in shown.map(|path| format!("{path}?min_position={last}")) {
        let is_shown = async || agents[0].get(&shown).await.status.is_success();
        eventually("everything is shown", Duration::from_mins(1), is_shown).await;
    }
    are_consistent(&agents[0], &tickets, &accepted, last).await;
}

/// Looks at every ticket, given how many replies to each were accepted.
async fn are_consistent(alice: &Actor, tickets: &[String], accepted: &BTreeMap<usize, i64>, last: i64) {
    let mut into: BTreeMap<String, String> = BTreeMap::new();
    let mut absorbed: BTreeSet<(String, String)> = BTreeSet::new();
    for (n, id) in tickets.iter().enumerate() {
        let shown = alice.get_after(&path(id), last).await;
        let replies = alice.get_after(&format!("{}/replies?limit=100", path(id)), last).await;
        let seqs: Vec<i64> = items(&replies).iter().map(|reply| number(&reply["seq"])).collect();
        let count = accepted.get(&n).copied().unwrap_or_default();
        assert_eq!(seqs, (1..=count).collect::<Vec<_>>(), "every accepted reply is there, once, in order");
        assert_eq!(number(&shown["message_count"]), count);
        let is_merged = shown["merged_into"].is_string();
        assert_eq!(shown["status"] == "closed", is_merged, "{shown}");
        if is_merged {
            into.insert(id.clone(), text(&shown["merged_into"]));
        }
        let steps = alice.get_after(&format!("{}/activities?limit=100", path(id)), last).await;
        for step in items(&steps).iter().filter(|step| step["action"] == "absorbed") {
            absorbed.insert((text(&step["new_value"]), id.clone()));
        }
        let after_merge = items(&steps).iter().skip_while(|step| step["action"] != "merged").skip(1);
        for step in after_merge {
            assert!(["status_changed", "absorbed"].contains(&step["action"].as_str().unwrap_or_default()), "{step}");
        }
    }
    let merged: BTreeSet<(String, String)> = into.clone().into_iter().collect();
    assert_eq!(merged, absorbed, "both sides tell the same");
    for start in tickets {
        let mut at = start;
        for _ in 0..tickets.len() {
            let Some(next) = into.get(at) else { break };
            at = next;
        }
        assert!(!into.contains_key(at), "nobody goes in circles");
    }
    assert!(into.len() < tickets.len() && !into.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn tickets_are_found_by_words_numbers_keywords_and_what_is_unread() {
    let world = World::start().await;
    let (ada, eve, alice) = (world.ada(), world.eve(), world.alice());
    let (printer, _) = ticket(&ada, "L'imprimante brûle", "De la fumée noire sort du bac à papier.").await;
    let (invoice, _) = ticket(&ada, "Facture de mars", "Le montant réglé est faux.").await;
    let (of_eve, _) = ticket(&eve, "Mot de passe", "Je ne peux plus entrer.").await;
    act(&ada, &format!("{invoice}/replies"), json!({"content": "Voici le reçu de la banque."})).await;
    act(&alice, &format!("{of_eve}/notes"), json!({"content": "Cliente pyromane"})).await;
    let tagged = act(&alice, &format!("{printer}/tag"), json!({"tags": ["vip", "feu"]})).await;
    for (question, expected) in [
        ("q=imprimantes%20brul%C3%A9es", vec![&printer]),
        ("q=fumee", vec![&printer]),
        ("q=recu%20banque", vec![&invoice]),
        ("q=2", vec![&invoice]),
        ("q=tkt-00003", vec![&of_eve]),
        ("q=pyromane", vec![]),
        ("tag=vip", vec![&printer]),
        ("tag=x,feu", vec![&printer]),
        ("unread=true", vec![&invoice]),
        ("q=montant&status=open&tag=vip", vec![]),
        ("created_from=2100-01-01T00:00:00Z", vec![]),
        ("created_to=2100-01-01T00:00:00Z&sort=number", vec![&printer, &invoice, &of_eve]),
    ] {
        let found = alice.get_after(&format!("/v1/support/tickets?{question}"), tagged).await;
        assert_eq!(ids(&found).iter().collect::<Vec<_>>(), expected, "{question}");
    }
    let foreign = eve.get_after("/v1/support/tickets?q=imprimante", tagged).await;
    assert!(ids(&foreign).is_empty(), "a customer finds her own tickets only");
    let own = eve.get_after("/v1/support/own-tickets", tagged).await;
    assert_eq!(ids(&own), [of_eve]);
    assert!(!own.to_string().contains("vip") && items(&own)[0].get("tags").is_none());
    alice.get("/v1/support/tickets?created_from=yesterday").await.refused(400, "invalid_parameter");
    alice.get("/v1/support/tickets?unread=maybe").await.refused(400, "invalid_parameter");
}

/// Rows that no event made: a thousand tickets take longer than a test has. Copies of a ticket with other subjects, each a
/// second newer than the one before.
async fn copy_rows(world: &World, ticket: &str, copies: i32, subject: &str) {
    copy_rows_to(world, ticket, copies, subject, "t.tenant_id").await;
}

/// The same, for a tenant whose id this SQL says.
async fn copy_rows_to(world: &World, ticket: &str, copies: i32, subject: &str, tenant: &str) {
    let pool = PgPool::connect(&world.node.database_url).await.expect("Postgres answers");
    let columns: String = query_scalar(
        "select string_agg(quote_ident(column_name), ', ') from information_schema.columns \
         where table_schema = 'read' and table_name = 'support_tickets_g1' and is_generated = 'NEVER' \
         and column_name not in ('tenant_id', 'ticket_id', 'number', 'subject', 'created_at')",
    )
    .fetch_one(&pool)
    .await
    .expect("there is a table");
    let copy = format!(
        "insert into read.support_tickets_g1 (tenant_id, ticket_id, number, subject, created_at, {columns}) \
         select {tenant}, gen_random_uuid(), last.number + n, $1, last.created_at + n * interval '1 second', {columns} \
         from read.support_tickets_g1 t, generate_series(1, $2) n, \
         (select max(number) as number, max(created_at) as created_at from read.support_tickets_g1) last \
         where t.ticket_id = $3::uuid"
    );
    let id = ticket.rsplit('/').next();
    query(AssertSqlSafe(copy)).bind(subject).bind(copies).bind(id).execute(&pool).await.expect("rows are written");
    pool.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn words_are_found_however_many_tickets_hold_them_and_wherever_they_lie() {
    let world = World::start().await;
    let (ada, alice) = (world.ada(), world.alice());
    let (first, _) = ticket(&ada, "Le grille-pain", "Il ne grille plus.").await;
    let (talked, opened) = ticket(&ada, "Un mixeur", "Il ne tourne plus.").await;
    act(&ada, &format!("{talked}/replies"), json!({"content": "Sauf le dimanche."})).await;
    alice.get_after("/v1/support/tickets", opened).await;
    // More than are looked at before the index is asked, and more than it names.
    copy_rows(&world, &first, 20_500, "Grille").await;
    copy_rows(&world, &talked, 2_500, "Mixeur").await;
    let found = async |question: &str| alice.get(&format!("/v1/support/tickets?{question}")).await.ok();
    let common = found("q=mixeur&limit=100").await;
    assert!(items(&common).len() == 100 && items(&common)[0]["number"] == 23_002, "those that come first");
    let rare = found("q=dimanche").await;
    assert_eq!(ids(&rare), [talked.as_str()], "behind many others, in a message");
    assert!(ids(&found("q=samedi").await).is_empty());
    // What lies behind thousands of others, and is too much to be named.
    let mut numbers = Vec::new();
    let mut cursor = String::new();
    for _ in 0..3 {
        let page = found(&format!("q=grille&limit=50{cursor}")).await;
        numbers.extend(items(&page).iter().map(|ticket| ticket["number"].as_i64().unwrap_or_default()));
        cursor = format!("&cursor={}", page["next_cursor"].as_str().expect("there is more"));
    }
    assert_eq!(numbers, (20_503 - 150..20_503).rev().collect::<Vec<i64>>());
    let last = found("q=grille&sort=number&limit=2").await;
    assert_eq!(items(&last)[0]["number"], 1);
    // Once it is known that nearly all rows are his, he is not told from others by the index, but still told from them.
    copy_rows_to(&world, &first, 1_000, "Dimanche et mercredi", "gen_random_uuid()").await;
    let pool = PgPool::connect(&world.node.database_url).await.expect("Postgres answers");
    query("analyze read.support_tickets_g1, read.support_ticket_messages_g1").execute(&pool).await.unwrap();
    pool.close().await;
    assert_eq!(ids(&found("q=dimanche").await), [talked.as_str()]);
    assert!(ids(&found("q=mercredi").await).is_empty(), "others' tickets");
    assert_eq!(items(&found("q=-grille&limit=100&sort=number").await)[0]["number"], 2, "all that do not hold it");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ticket_is_read_rated_and_counted() {
    let world = World::start().await;
    let (ada, alice) = (world.ada(), world.alice());
    let empty = alice.get("/v1/support/tickets/stats").await.ok();
    assert_eq!((&empty["total"], &empty["csat_average"]), (&json!(0), &Value::Null));
    assert_eq!((&empty["first_response"]["average_s"], &empty["by_status"]["open"]), (&Value::Null, &json!(0)));

    let (path, _) = ticket(&ada, "Printer on fire", "It burns.").await;
    world.node.join(&alice, Role::SupportAgent, None).await.unwrap();
    act(&alice, &format!("{path}/assign"), json!({"assignee_id": alice.id})).await;
    act(&alice, &format!("{path}/replies"), json!({"content": "Take cover."})).await;
    let replied = act(&alice, &format!("{path}/replies"), json!({"content": "And call us."})).await;
    let unread = |page: Value| number(&items(&page)[0]["unread"]);
    assert_eq!(unread(ada.get_after("/v1/support/own-tickets", replied).await), 2);
    let read = act(&ada, &format!("{path}/read"), json!({"up_to": 1})).await;
    assert_eq!(unread(ada.get_after("/v1/support/own-tickets", read).await), 1);

    ada.post(&format!("{path}/csat"), json!({"score": 5})).await.refused(409, "support.ticket_not_resolved");
    act(&alice, &format!("{path}/priority"), json!({"priority": "urgent"})).await;
    act(&alice, &format!("{path}/category"), json!({"category": "BUG"})).await;
    act(&alice, &format!("{path}/subject"), json!({"subject": "Printer was on fire"})).await;
    act(&alice, &format!("{path}/status"), json!({"status": "resolved"})).await;
    ada.post(&format!("{path}/csat"), json!({"score": 6})).await.refused(422, "validation_failed");
    let rated = act(&ada, &format!("{path}/csat"), json!({"score": 4, "comment": "Quick."})).await;
    ada.post(&format!("{path}/csat"), json!({"score": 5})).await.refused(409, "support.ticket_csat_given");
    let shown = ada.get_after(&path, rated).await;
    assert_eq!((&shown["csat_score"], &shown["subject"]), (&json!(4), &json!("Printer was on fire")));

    let told = alice.get_after("/v1/support/tickets/stats", rated).await;
    assert_eq!((&told["total"], &told["csat_average"], &told["csat_count"]), (&json!(1), &json!(4.0), &json!(1)));
    assert_eq!((&told["by_status"]["resolved"], &told["by_priority"]["urgent"]), (&json!(1), &json!(1)));
    assert_eq!((&told["by_category"]["bug"], &told["by_assignee"][alice.id.to_string()]), (&json!(1), &json!(1)));
    assert!(told["first_response"]["median_s"].is_number() && told["resolution"]["p90_s"].is_number(), "{told}");
    let none = alice.get_after("/v1/support/tickets/stats?to=2020-01-01T00:00:00Z", rated).await;
    assert_eq!(none["total"], 0);
    let dashboard = alice.get_after("/v1/support/dashboard", rated).await;
    assert_eq!(dashboard["recent_tickets"][0]["ticket_number"], "TKT-00001");
    assert_eq!((&dashboard["featured_articles"], &dashboard["statistics"]["total"]), (&json!([]), &json!(1)));
    let reopened = json!({"content": "It burns again.", "reopen": true});
    let position = act(&ada, &format!("{path}/replies"), reopened).await;
    let shown = ada.get_after(&path, position).await;
    assert_eq!((&shown["status"], &shown["csat_score"]), (&json!("in_progress"), &Value::Null));
    for path in ["/v1/support/tickets/stats", "/v1/support/dashboard", &format!("{path}/activities")] {
        ada.get(path).await.refused(403, "scope_missing");
    }
}
