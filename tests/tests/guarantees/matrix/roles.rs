//! As every role: what the table says, no more and no less.

use super::stage::{Stage, Whose};
use crate::operations::{STREAM, ask, commands, queries, sign_in};
use crate::people::PLATFORM;
use domain::identity::Role;
use kernel::Labelled as _;
use tests::node::Answer;
use tests::policy::{Cell, Policy, Route, held, routes};
use uuid::Uuid;

fn cell(route: &Route, role: Role) -> Cell {
    route.policy.as_ref().map_or(Cell::No, |policy| policy.cell(&held(role)))
}

/// Whether something of somebody is shown.
fn shows(stage: &Stage, query: &Route, whose: Whose, answer: &Answer) -> bool {
    let items = answer.json["items"].as_array();
    match (query.target(), items) {
        (Some(_), Some(items)) => !items.is_empty(),
        (Some(_), None) => answer.status.is_success(),
        (None, _) => stage.things(whose).ids().iter().any(|id| answer.text.contains(id)),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_role_sees_what_the_table_says() {
    let stage = Stage::set().await;
    let (mut seen, mut hidden, mut refused) = (0, 0, 0);
    for role in Role::ALL {
        let actor = stage.playing(*role);
        for query in queries() {
            let cell = cell(&query, *role);
            for whose in Whose::ALL {
                let answer = ask(&stage.node, &query, &stage.path(&query, whose), &actor, None).await;
                if cell == Cell::No {
                    answer.refused(403, "scope_missing");
                    refused += 1;
                    break;
                }
                let (shown, what) = (shows(&stage, &query, whose, &answer), (role, &query.id, whose));
                assert_eq!(shown, whose.is_within(cell), "{what:?}: {cell:?} is what he reaches: {}", answer.text);
                if shown {
                    seen += 1;
                } else {
                    assert!([200, 404].contains(&answer.status.as_u16()), "{what:?}: {}", answer.text);
                    hidden += 1;
                }
            }
        }
    }
    eprintln!("matrix: {seen} times shown, {hidden} times hidden, {refused} times refused");
    assert!(seen > 500 && hidden > 50 && refused > 800, "{seen} {hidden} {refused}");
    stage.node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_role_does_what_the_table_says() {
    let stage = Stage::set().await;
    let (mut done, mut beyond, mut refused) = (0, 0, 0);
    for role in Role::ALL {
        let actor = stage.playing(*role);
        for command in commands().iter().filter(|command| command.scope().is_some()) {
            let cell = cell(command, *role);
            if cell == Cell::No {
                let path = command.at(&Uuid::now_v7().to_string());
                ask(&stage.node, command, &path, &actor, None).await.refused(403, "scope_missing");
                refused += 1;
                continue;
            }
            for whose in Whose::ALL {
                let (path, body) = stage.command(command, whose).await;
                let before = stage.node.head().await;
                let answer = ask(&stage.node, command, &path, &actor, Some(&body)).await;
                let (status, code) = (answer.status.as_u16(), answer.json["code"].as_str().unwrap_or_default());
                let what = format!("{role} {} {whose:?}: {cell:?} is what he reaches: {}", command.id, answer.text);
                if whose.is_within(cell) {
                    // The business may still refuse, where things of all are about.
                    assert!(![401, 404].contains(&status) && code != "scope_missing", "{what}");
                    assert!(cell == Cell::All || answer.status.is_success(), "{what}");
                    done += 1;
                } else {
                    assert!(status == 404 || status == 403 && code != "scope_missing", "{what}");
                    assert_eq!(stage.node.head().await, before, "{what}");
                    beyond += 1;
                }
            }
        }
    }
    eprintln!("matrix: {done} times done, {beyond} times beyond reach, {refused} times refused");
    assert!(done > 300 && beyond > 20 && refused > 500, "{done} {beyond} {refused}");
    stage.node.stop().await;
}

/// What is about the caller's own account asks every role alike; the stories of signing in say what then happens.
#[tokio::test(flavor = "multi_thread")]
async fn every_role_gets_past_the_sign_in_door_as_the_table_says() {
    let stage = Stage::set().await;
    for (number, role) in (1_000..).zip(Role::ALL) {
        for route in sign_in().iter().filter(|route| matches!(route.policy, Ok(Policy::Scope { .. }))) {
            // To sign out everywhere ends what this person was given before.
            let held = held(*role);
            let scopes: Vec<&str> = held.names().collect();
            let actor = stage.node.actor(PLATFORM, number, &scopes);
            let path = route.at(&Uuid::now_v7().to_string());
            let answer = ask(&stage.node, route, &path, &actor, None).await;
            let is_refused = answer.json["code"] == "scope_missing";
            assert_eq!(is_refused, cell(route, *role) == Cell::No, "{role} {}: {}", route.id, answer.text);
        }
    }
    stage.node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_live_stream_begins_for_those_who_may_read_events() {
    let stage = Stage::set().await;
    let stream = routes().into_iter().find(|route| route.id == STREAM).expect("there is one");
    for role in Role::ALL {
        let answer = ask(&stage.node, &stream, &stream.path, &stage.playing(*role), None).await;
        let expected = if cell(&stream, *role) == Cell::No { 403 } else { 200 };
        assert_eq!(answer.status, expected, "{role}: {}", answer.text);
    }
    stage.node.stop().await;
}
