//! The month of the demo: told through the public API as if it had happened, once.

use crate::child::Up;
use reqwest::StatusCode;
use serde_json::{Value, json};
use sqlx::{Connection as _, PgConnection};
use std::time::Duration;
use test_support::scratch;

/// A month that is over: whatever day it is, it is the same to the letter.
const MONTH: [&str; 8] =
    ["--no-nats", "--demo-month", "--demo-seed", "3", "--demo-tickets", "40", "--demo-until", "2026-01-31"];

/// A number from the node's own Postgres.
async fn count(up: &Up, sql: &'static str) -> i64 {
    let url = up.run.database_url.as_deref().expect("a private Postgres");
    let mut connection = PgConnection::connect(url).await.expect("Postgres");
    sqlx::query_scalar(sql).fetch_one(&mut connection).await.expect("a number")
}

/// Signs somebody of the month in.
async fn token(up: &Up, email: &str) -> String {
    let body = json!({ "email": email, "password": up.run.password, "delivery": "body" });
    let (status, signed_in) = up.command_as(None, "/v1/auth/login", body).await;
    assert_eq!(status, StatusCode::OK, "{signed_in}");
    signed_in["access_token"].as_str().expect("a token").to_owned()
}

async fn shows(up: &Up, path: &str) -> Value {
    let (status, shown) = up.query(path).await;
    assert_eq!(status, StatusCode::OK, "{shown}");
    shown
}

fn items(page: &Value) -> &[Value] {
    page["items"].as_array().map_or(&[], Vec::as_slice)
}

const OPENED: &str = "select count(*) from log.events where category = 'support.ticket' and type = 'opened'";

#[tokio::test]
async fn a_month_has_happened_that_nobody_is_told_of_and_that_happens_once() {
    let folder = scratch("cli-month");
    let up = Up::start_with(&folder, &MONTH).await;
    let opened = count(&up, OPENED).await;
    let head = count(&up, "select max(position) from log.events").await;
    assert!((40..50).contains(&opened), "{opened}");

    // Lists, searches and statistics have something to show.
    let counted = shows(&up, &format!("/v1/support/tickets/stats?min_position={head}")).await;
    let days = counted["by_day"].as_object().unwrap();
    assert!(days.len() >= 18, "{counted}");
    assert!(counted["first_response"]["tickets"].as_i64() > Some(25), "{counted}");
    assert!(counted["first_response"]["median_s"].as_f64() > Some(600.0), "{counted}");
    assert!(counted["csat_count"].as_i64() > Some(5) && counted["by_assignee"].as_object().unwrap().len() > 4);
    for word in ["facture", "invoice", "galerie", "gallery"] {
        assert!(!items(&shows(&up, &format!("/v1/support/tickets?q={word}")).await).is_empty(), "{word}");
    }
    let tickets = shows(&up, "/v1/support/tickets?limit=100").await;
    let have = |field: &str| items(&tickets).iter().filter(|ticket| !ticket[field].is_null()).count();
    assert!(have("first_response_breached_at") > 0 && have("first_response_breached_at") < 20, "{tickets}");
    let newest = &items(&tickets)[0];
    assert_eq!(newest["ticket_number"], format!("TKT-{opened:05}"), "numbers are in the order of time");
    let articles = shows(&up, "/v1/support/articles?status=published&limit=100").await;
    assert!(items(&articles).iter().filter(|article| article["helpful"].as_i64() > Some(0)).count() > 20, "{articles}");

    // Nothing of it is news, and no clock has told anything.
    let margot = token(&up, "margot.deschamps@demo.example").await;
    let assign = json!({ "assignee_id": "01975111-a6e0-7000-8000-000000200000" });
    let (status, assigned) = up.command(&format!("/v1/support/tickets/{}/assign", up.demo("ticket")), assign).await;
    assert_eq!(status, StatusCode::OK, "{assigned}");
    let began = std::time::Instant::now();
    let news = loop {
        let (_, news) = up.query_as(&margot, "/v1/notifications").await;
        if !items(&news).is_empty() {
            break news;
        }
        assert!(began.elapsed() < Duration::from_mins(1), "she is told of what happens now");
        tokio::time::sleep(Duration::from_millis(50)).await;
    };
    assert_eq!((items(&news).len(), &items(&news)[0]["topic"]), (1, &json!("ticket_assigned")), "{news}");
    assert_eq!(count(&up, "select count(*) from effects.jobs where kind = 'email'").await, 0);
    let by_itself = "select count(*) from log.events where category = 'support.ticket' and actor_kind = 'system'";
    assert_eq!(count(&up, by_itself).await, 0);
    up.stops_on("TERM");

    // Broken off before it was known to be told, it is told again, and nothing happens twice.
    let remembered = folder.join(".sillage/demo.json");
    let told = std::fs::read_to_string(&remembered).unwrap();
    std::fs::write(&remembered, told.replace("\"told\": true", "\"told\": false")).unwrap();
    let up = Up::start_with(&folder, &MONTH).await;
    let again = count(&up, OPENED).await;
    assert_eq!(again, opened, "tickets");
    assert!(std::fs::read_to_string(&remembered).unwrap().contains("\"told\": true"));
    up.stops_on("TERM");
    std::fs::remove_dir_all(folder).unwrap();
}
