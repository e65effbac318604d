//! What a process knows of a server is not believed of the server that takes its place.

use crate::fixtures::{No, TENANT, store};
use event_store::{Decisions, InternalCommand, States};
use kernel::{
    Aggregate, Command, CommandId, Context, Decided, Decision, Event, Personal, Position, Reach, Scope, SubjectId,
};
use serde::{Deserialize, Serialize};
use sqlx::PgPool;
use std::time::Duration;
use utoipa::ToSchema;
use uuid::Uuid;

const ADA: SubjectId = SubjectId(Uuid::from_u128(0xada));

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Noted {
    Written { text: Personal<String> },
}

impl Event for Noted {
    const CATEGORY: &'static str = "test.note";
    fn examples() -> Vec<Self> {
        vec![Self::Written { text: Personal::new(ADA, "Hello".to_owned()) }]
    }
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Note {}

impl Aggregate for Note {
    type Event = Noted;
    type Rejection = No;
    fn evolve(self, event: &Noted) -> Self {
        match event {
            Noted::Written { .. } => self,
        }
    }
}

/// Writes something about Ada.
#[derive(Deserialize, ToSchema)]
struct WriteNote {
    text: String,
}

impl Command for WriteNote {
    type Streams = Note;
    const NAME: &'static str = "test.write_note";
    const SCOPE: Scope = Scope::new("test.note:write");
    const REACH: Reach = Reach::All;
    fn streams(&self, target: Uuid, _: &Context) -> Uuid {
        target
    }
    fn decide(&self, _: &Note, _: &Context) -> Decision<Self> {
        Ok(Decided::new(vec![Noted::Written { text: Personal::new(ADA, self.text.clone()) }]))
    }
}

/// Another server has taken the place of the one that had all of it: without the key, and nobody is connected any more.
async fn lose_the_keys(pool: &PgPool) {
    sqlx::raw_sql(
        "set session_replication_role = replica; delete from keys.subjects; delete from keys.tenants; \
         set session_replication_role = origin; \
         select pg_terminate_backend(pid) from pg_stat_activity \
         where application_name = 'sillage-appender' and datname = current_database()",
    )
    .execute(pool)
    .await
    .unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_sealed_with_a_key_that_the_new_server_does_not_have() {
    let store = store().await;
    let vault = test_support::vault(&store.pool).await;
    let states = States::new(store.log.clone(), 10);
    let decisions = Decisions::new(store.appender.clone(), states, store.log.clone(), vault.clone());
    let write = async |text: &str| {
        let command = WriteNote { text: text.to_owned() };
        let internal = InternalCommand::new(TENANT, Uuid::now_v7(), CommandId(Uuid::now_v7()));
        // The first one after the loss may meet the connection that has just gone.
        for _ in 0..100 {
            match decisions.carry_out_internal(&command, &internal).await {
                Ok(answer) => return answer.position,
                Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
            }
        }
        panic!("never stored");
    };
    let reader = test_support::vault(&store.pool).await;
    let read = async |vault: &event_store::Vault, position: Position| {
        let stored = store.log.read(Position(position.0 - 1), 1).await.unwrap().remove(0);
        let Noted::Written { text } = stored.decode::<Noted>().unwrap().event;
        vault.reveal(TENANT, &text).await.map(|text| text.expect("nobody was erased"))
    };
    let before = write("before").await;
    assert_eq!(read(&reader, before).await.unwrap(), "before");

    lose_the_keys(&store.pool).await;
    let after = write("after").await;
    assert_eq!(read(&test_support::vault(&store.pool).await, after).await.unwrap(), "after", "a new process");
    assert_eq!(read(&vault, after).await.unwrap(), "after", "the one that sealed it");
    assert_eq!(read(&reader, after).await.unwrap(), "after", "one that remembers the lost key");
    assert!(read(&reader, before).await.is_err(), "what the lost key sealed is lost with it");
}
