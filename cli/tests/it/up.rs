//! From an empty folder to the four things that the product is named for, and over a restart.

use crate::child::{Up, position, printed, run};
use reqwest::StatusCode;
use serde_json::json;
use std::time::Duration;
use test_support::scratch;
use uuid::Uuid;

#[tokio::test]
async fn a_newcomer_does_the_four_things_and_finds_them_after_a_restart() {
    let folder = scratch("cli-up");
    let up = Up::start(&folder).await;
    // Fetching NATS, the first time in a checkout, is not part of the start.
    assert!(up.took < Duration::from_secs(30), "took {:?}", up.took);
    assert_eq!(up.admin("/readyz").await.0, StatusCode::OK);

    let ticket = json!({ "subject": "Album delivery date", "description": "When will it be sent?" });
    let (status, ticket) = up.command("/v1/support/tickets", ticket).await;
    assert_eq!(status, StatusCode::CREATED, "{ticket}");
    let ticket_id = ticket["id"].as_str().unwrap().to_owned();
    let (_, shown) = up.query(&format!("/v1/support/tickets/{ticket_id}?min_position={}", position(&ticket))).await;
    assert_eq!(shown["ticket_number"], "TKT-00005", "{shown}");

    let building = up.demo("building");
    let (status, contract) =
        up.command("/v1/field-sales/contracts", json!({ "building_id": building, "door_number": "302" })).await;
    assert_eq!(status, StatusCode::CREATED, "{contract}");
    let at = position(&contract);
    let (_, contracts) = up.query(&format!("/v1/field-sales/contracts?building_id={building}&min_position={at}")).await;
    assert_eq!(contracts["items"].as_array().unwrap().len(), 2, "{contracts}");

    let (rep, zone) = (cli::demo::SALES_REP.id(), up.demo("free_zone"));
    let assign = json!({ "user_id": rep, "user_type": "sales_rep" });
    let (status, assigned) = up.command(&format!("/v1/field-sales/zones/{zone}/assign"), assign).await;
    assert_eq!(status, StatusCode::OK, "{assigned}");
    let at = position(&assigned);
    let (_, zones) = up.query(&format!("/v1/field-sales/current-zones?user_id={rep}&min_position={at}")).await;
    assert_eq!((zones["items"][0]["zone_id"].as_str(), zones["items"].as_array().unwrap().len()), (Some(zone), 1));

    let conversation = format!("/v1/messaging/conversations/{}/messages", up.demo("conversation"));
    let message = json!({ "message_id": Uuid::now_v7(), "content": "À samedi !" });
    let (status, sent) = up.command(&conversation, message).await;
    assert_eq!(status, StatusCode::OK, "{sent}");
    let (_, messages) = up.query(&format!("{conversation}?limit=1&min_position={}", position(&sent))).await;
    assert_eq!(messages["items"][0]["content"], "À samedi !", "{messages}");

    let verified = run(&folder, &["verify", "--quiet"]);
    assert!(verified.status.success(), "beside a running one: {}", printed(&verified));
    let status = run(&folder, &["projections", "status", "--quiet"]);
    assert!(
        printed(&status).contains("support.tickets") && !printed(&status).contains("failed"),
        "{}",
        printed(&status)
    );

    let (head, ids) = (position(&sent), up.run.demo.clone());
    up.stops_on("TERM");
    let up = Up::start(&folder).await;
    assert_eq!(up.run.demo, ids, "the demo tenant is not loaded again");
    let (_, shown) = up.query(&format!("/v1/support/tickets/{ticket_id}")).await;
    assert_eq!(shown["subject"], "Album delivery date", "{shown}");
    let (_, next) = up.command("/v1/support/tickets", json!({ "subject": "Next", "description": "…" })).await;
    assert_eq!(position(&next), head + 1, "the log goes on where it was");
    up.stops_on("INT");

    let verified = run(&folder, &["verify", "--quiet"]);
    assert!(verified.status.success(), "on the folder alone: {}", printed(&verified));
    assert!(printed(&verified).contains("without a gap"));
    std::fs::remove_dir_all(folder).unwrap();
}

#[tokio::test]
async fn a_second_one_in_the_folder_hears_who_has_it() {
    let folder = scratch("cli-second");
    let up = Up::start_with(&folder, &["--no-demo", "--no-nats"]).await;
    let second = run(&folder, &["up"]);
    assert_eq!(second.status.code(), Some(1));
    let said = printed(&second);
    assert!(said.contains("in use by sillage up") && said.contains(&up.run.pid.to_string()), "{said}");
    assert!(up.run.tokens.is_empty() && up.run.nats_url.is_none());
    up.stops_on("TERM");
    std::fs::remove_dir_all(folder).unwrap();
}

#[tokio::test]
async fn a_customers_token_is_a_customers() {
    let folder = scratch("cli-customer");
    let mut up = Up::start(&folder).await;
    let customer = up.run.tokens["customer"].clone();
    up.run.tokens.insert("agent".into(), customer);
    let (_, tickets) = up.query("/v1/support/tickets").await;
    let items = tickets["items"].as_array().unwrap();
    let own = cli::demo::CUSTOMER.id().to_string();
    assert!(items.len() == 2 && items.iter().all(|ticket| ticket["customer_id"] == own), "{tickets}");
    let zone = json!({ "name": "Mine", "center": { "latitude": 1.0, "longitude": 1.0 }, "radius_m": 100 });
    assert_eq!(up.command("/v1/field-sales/zones", zone).await.0, StatusCode::FORBIDDEN);
    up.stops_on("TERM");
    std::fs::remove_dir_all(folder).unwrap();
}

/// What one of the demo may, and may not.
struct May {
    account: &'static str,
    reads: &'static str,
    not: &'static str,
}

#[tokio::test]
async fn everybody_who_is_printed_signs_in_and_does_what_his_role_allows() {
    let folder = scratch("cli-users");
    let up = Up::start_with(&folder, &["--no-nats"]).await;
    let printed = std::fs::read_to_string(folder.join("up.log")).unwrap();
    let password = up.run.password.clone().unwrap();
    assert!(printed.contains(&password) && up.run.users.len() == 23, "{printed}");
    let client = reqwest::Client::new();
    let login = async |email: &str| {
        let body = json!({ "email": email, "password": password, "delivery": "body" });
        let answer = client.post(format!("{}/v1/auth/login", up.run.command_url)).json(&body).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::OK, "{email}");
        answer.json::<serde_json::Value>().await.unwrap()
    };
    let mut tokens = std::collections::HashMap::new();
    for user in &up.run.users {
        let account = user.email.split('@').next().unwrap();
        assert!(printed.contains(account), "{account} in {printed}");
        let signed_in = login(&user.email).await;
        assert_eq!(signed_in["tenant_id"], json!(user.tenant_id), "{signed_in}");
        assert!(signed_in["roles"].as_array().unwrap().contains(&json!(user.roles[0])), "{signed_in}");
        tokens.insert(account.to_owned(), signed_in["access_token"].as_str().unwrap().to_owned());
    }
    let may = |account, reads, not| May { account, reads, not };
    for may in [
        may("platform-admin", "/v1/identity/tenants", "/v1/support/tickets"),
        may("tenant-admin", "/v1/identity/members", "/v1/identity/tenants"),
        may("support-agent", "/v1/support/tickets", "/v1/field-sales/zones"),
        may("support-customer", "/v1/support/tickets", "/v1/identity/members"),
        may("studio-artist", "/v1/messaging/conversations", "/v1/support/tickets"),
        may("sales-rep", "/v1/field-sales/zones", "/v1/messaging/conversations"),
        may("employee", "", "/v1/field-sales/zones"),
    ] {
        let status = async |path: &str| {
            let url = format!("{}{path}", up.run.query_url);
            client.get(url).bearer_auth(&tokens[may.account]).send().await.unwrap().status()
        };
        if !may.reads.is_empty() {
            assert_eq!(status(may.reads).await, StatusCode::OK, "{} {}", may.account, may.reads);
        }
        assert_eq!(status(may.not).await, StatusCode::FORBIDDEN, "{} {}", may.account, may.not);
    }
    // What the story has told is theirs: the manager sees what his rep did.
    let url = format!("{}/v1/field-sales/contracts", up.run.query_url);
    let began = std::time::Instant::now();
    loop {
        let shown = client.get(&url).bearer_auth(&tokens["sales-manager"]).send().await.unwrap();
        let shown: serde_json::Value = shown.json().await.unwrap();
        if shown["items"].as_array().unwrap().len() == 1 {
            break;
        }
        // Who leads whom is known a few seconds later.
        assert!(began.elapsed() < Duration::from_secs(20), "{shown}");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }

    up.stops_on("TERM");
    // Behind an address that others reach, nobody signs in with what everybody knows.
    let up = Up::start_with(&folder, &["--no-nats", "--command-listen", "0.0.0.0:0"]).await;
    let another = up.run.password.clone().unwrap();
    assert!(another != password && another.len() >= 16);
    let body = json!({ "email": "tenant-admin@demo.example", "password": password, "delivery": "body" });
    let refused = client.post(format!("{}/v1/auth/login", up.run.command_url)).json(&body).send().await.unwrap();
    assert_eq!(refused.status(), StatusCode::UNAUTHORIZED);
    up.stops_on("TERM");
    std::fs::remove_dir_all(folder).unwrap();
}
