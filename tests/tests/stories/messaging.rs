//! Conversations: opened once, sent once, counted exactly.

use crate::world::{World, act, items, open_conversation, say};
use serde_json::{Value, json};
use tests::node::Actor;
use uuid::Uuid;

/// The unread count on every path that shows it.
async fn unread(reader: &Actor, field: &str, conversation: &str, position: i64) -> [Value; 2] {
    let detail = reader.get_after(&format!("/v1/messaging/conversations/{conversation}"), position).await;
    let list = reader.get_after("/v1/messaging/conversations", position).await;
    [detail[field].clone(), items(&list)[0][field].clone()]
}

#[tokio::test(flavor = "multi_thread")]
async fn an_appointment_has_one_conversation_however_often_it_is_opened() {
    let world = World::start().await;
    let (cleo, studio) = (world.cleo(), world.studio());
    let body = json!({"client_user_id": cleo.id, "studio_user_id": studio.id, "appointment_id": Uuid::now_v7()});
    let first = cleo.post("/v1/messaging/conversations", body.clone()).await;
    let head = world.node.head().await;
    let second = studio.post("/v1/messaging/conversations", body).await;
    assert_eq!((first.status.as_u16(), second.status.as_u16()), (201, 200));
    assert_eq!(first.json["id"], second.json["id"]);
    assert_eq!(world.node.head().await, head);
    let listed = studio.get_after("/v1/messaging/conversations", second.position()).await;
    assert_eq!(items(&listed).len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_resent_message_is_there_once_and_its_id_serves_no_other() {
    let world = World::start().await;
    let (cleo, studio) = (world.cleo(), world.studio());
    let talk = open_conversation(&cleo, &studio).await;
    let path = format!("/v1/messaging/conversations/{}/messages", talk.id);
    let message = json!({"message_id": Uuid::now_v7(), "content": "At noon?"});
    cleo.post(&path, message.clone()).await.ok();
    let head = world.node.head().await;
    let resent = cleo.post(&path, message.clone()).await;
    let other = json!({"message_id": message["message_id"], "content": "At one?"});
    cleo.post(&path, other).await.refused(409, "messaging.message_id_reused");
    assert_eq!(world.node.head().await, head);
    let messages = studio.get_after(&path, resent.position()).await;
    assert_eq!(items(&messages).len(), 1);
    assert_eq!(items(&messages)[0]["content"], "At noon?");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_unread_count_follows_the_read_cursor_on_every_path() {
    let world = World::start().await;
    let (cleo, studio) = (world.cleo(), world.studio());
    let talk = open_conversation(&cleo, &studio).await;
    let mut position = 0;
    for index in 1..=120 {
        position = say(&studio, &talk.id, &format!("Message {index}")).await;
    }
    assert_eq!(unread(&cleo, "client_unread", &talk.id, position).await, [120, 120]);
    assert_eq!(unread(&studio, "studio_unread", &talk.id, position).await, [0, 0]);

    let path = format!("/v1/messaging/conversations/{}", talk.id);
    let page = cleo.get_after(&format!("{path}/messages"), position).await;
    let seqs: Vec<_> = items(&page).iter().filter_map(|message| message["seq"].as_i64()).collect();
    assert_eq!(seqs, (71..=120).rev().collect::<Vec<_>>());

    for (seq, left) in [(50, 70), (71, 49), (30, 49), (120, 0)] {
        position = act(&cleo, &format!("{path}/read"), json!({"seq": seq})).await;
        assert_eq!(unread(&cleo, "client_unread", &talk.id, position).await, [left, left], "read up to {seq}");
    }
    cleo.post(&format!("{path}/read"), json!({"seq": 121}))
        .await
        .refused(409, "messaging.conversation_beyond_last_message");
    // One's own messages are never unread.
    position = say(&cleo, &talk.id, "Thank you").await;
    assert_eq!(unread(&cleo, "client_unread", &talk.id, position).await, [0, 0]);
    assert_eq!(unread(&studio, "studio_unread", &talk.id, position).await, [1, 1]);
}

#[tokio::test(flavor = "multi_thread")]
async fn looking_at_a_conversation_appends_nothing() {
    let world = World::start().await;
    let (cleo, studio) = (world.cleo(), world.studio());
    let talk = open_conversation(&cleo, &studio).await;
    let position = say(&studio, &talk.id, "Hello").await;
    let head = world.node.head().await;
    let path = format!("/v1/messaging/conversations/{}", talk.id);
    for _ in 0..2 {
        for path in [path.clone(), format!("{path}/messages"), format!("{path}/history")] {
            cleo.get_after(&path, position).await;
        }
        cleo.get_after("/v1/messaging/conversations", position).await;
    }
    assert_eq!(world.node.head().await, head);
    assert_eq!(unread(&cleo, "client_unread", &talk.id, position).await, [1, 1]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stranger_finds_no_conversation() {
    let world = World::start().await;
    let (cleo, studio, stranger) = (world.cleo(), world.studio(), world.stranger());
    let talk = open_conversation(&cleo, &studio).await;
    let position = say(&cleo, &talk.id, "Between us").await;
    let path = format!("/v1/messaging/conversations/{}", talk.id);
    cleo.get_after(&path, position).await;
    stranger.get(&path).await.refused(404, "not_found");
    stranger.get(&format!("{path}/history")).await.refused(404, "not_found");
    stranger.get(&format!("{path}?as_of={position}")).await.refused(404, "not_found");
    assert_eq!(items(&stranger.get_after(&format!("{path}/messages"), position).await).len(), 0);
    assert_eq!(items(&stranger.get_after("/v1/messaging/conversations", position).await).len(), 0);
    let body = json!({"message_id": Uuid::now_v7(), "content": "Let me in"});
    stranger.post(&format!("{path}/messages"), body).await.refused(404, "messaging.conversation_not_found");
    stranger.post(&format!("{path}/read"), json!({"seq": 1})).await.refused(404, "messaging.conversation_not_found");
}
