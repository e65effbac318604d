//! An import that one process rolls back while another one still carries its rows out.

use crate::world::World;
use domain::support::import::{BeginImport, ImportId, RollBackImport};
use domain::support::ticket::{ImportTicket, Rejection};
use event_store::{Answer, InternalCommand, Refused, RefusedOf};
use kernel::TenantId;
use serde_json::json;
use uuid::Uuid;

fn row(import_id: ImportId, row: i32) -> ImportTicket {
    let body = json!({
        "import_id": import_id, "row": row, "reference": null, "subject": "Panne", "description": "Depuis hier.",
        "priority": "low", "category": "other", "tags": [], "customer_id": Uuid::from_u128(0xada),
    });
    serde_json::from_value(body).unwrap()
}

/// Carries a row out, as whoever brings a file in does.
async fn carry_out(world: &World, import_id: ImportId, row: i32) -> Result<Answer, RefusedOf<ImportTicket>> {
    let (target, command_id) = (import_id.made_by(row), import_id.step(row, "open"));
    let internal = InternalCommand::new(TenantId::PLATFORM, target, command_id);
    world.decisions.carry_out_internal(&self::row(import_id, row), &internal).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_row_makes_one_ticket_and_none_for_who_has_not_heard_of_the_rollback() {
    let world = World::new().await;
    let other = World::on(world.url.clone()).await;
    let begin = json!({ "kind": "tickets", "file_name": null, "sha256": "0".repeat(64), "rows": 3 });
    let begin: BeginImport = serde_json::from_value(begin).unwrap();
    let import_id = ImportId(world.carry_out(&begin, Uuid::now_v7()).await);
    let made = carry_out(&other, import_id, 1).await.unwrap();
    for process in [&world, &other] {
        let again = carry_out(process, import_id, 1).await.unwrap();
        assert_eq!((again.stream_id, again.position), (made.stream_id, made.position), "once more is the same");
    }
    world.carry_out(&RollBackImport {}, import_id.0).await;

    // The other process still remembers an import that runs; the append knows better.
    for row in [2, 3] {
        let refused = carry_out(&other, import_id, row).await;
        assert!(matches!(refused, Err(Refused::Rejected(Rejection::ImportOver))), "{refused:?}");
    }
    let opened = "select count(*) from log.events where category = 'support.ticket' and type = 'opened'";
    assert_eq!(world.count(opened).await, 1, "what was made before, and nothing else");
}
