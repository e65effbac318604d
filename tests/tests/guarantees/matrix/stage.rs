//! Three people with one of everything each: somebody, somebody below him, and somebody else.

use crate::operations::filters;
use crate::people::PLATFORM;
use crate::standing::join;
use crate::world::{Everything, boss, make, published, registered, verified_file};
use domain::files::stored_file::Event as FileEvent;
use domain::identity::Role;
use serde_json::{Value, json};
use tests::node::{Actor, TestNode};
use tests::policy::{Cell, Route, held};
use uuid::Uuid;

/// Whose a thing is, seen from the one who asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Whose {
    Mine,
    OfOneBelow,
    OfAnother,
}

impl Whose {
    pub(super) const ALL: [Self; 3] = [Self::Mine, Self::OfOneBelow, Self::OfAnother];

    /// Whether somebody who reaches that much reaches his things.
    pub(super) const fn is_within(self, cell: Cell) -> bool {
        match cell {
            Cell::No => false,
            Cell::Own => matches!(self, Self::Mine),
            Cell::Below => matches!(self, Self::OfOneBelow),
            Cell::Team => matches!(self, Self::Mine | Self::OfOneBelow),
            Cell::All => true,
        }
    }
}

/// In the platform's tenant, where all roles count.
pub(super) struct Stage {
    pub(super) node: TestNode,
    owners: [Actor; 3],
    things: [Everything; 3],
    /// Shows all of it.
    pub(super) position: i64,
}

impl Stage {
    pub(super) async fn set() -> Self {
        let node = TestNode::start().await;
        let owners = [1, 2, 3].map(|id| boss(&node, PLATFORM, id));
        let [me, below, other] = &owners;
        join(&node, me, Role::SalesManager, None).await;
        join(&node, below, Role::SalesRep, Some(me)).await;
        join(&node, other, Role::SalesRep, None).await;
        let mut things = Vec::new();
        for (owner, mark) in owners.iter().zip(["of me", "of one below me", "of another"]) {
            let made = Everything::make(&node, owner, mark).await;
            zone_of(owner, &made.zone).await;
            things.push(made);
        }
        let Ok(things) = <[Everything; 3]>::try_from(things) else { unreachable!("three were made") };
        let position = node.head().await;
        Self { node, owners, things, position }
    }

    pub(super) const fn owner(&self, whose: Whose) -> &Actor {
        &self.owners[whose as usize]
    }

    pub(super) const fn things(&self, whose: Whose) -> &Everything {
        &self.things[whose as usize]
    }

    /// The first of the three, with what this role permits and nothing else.
    pub(super) fn playing(&self, role: Role) -> Actor {
        let held = held(role);
        self.node.actor(PLATFORM, 1, &held.names().collect::<Vec<_>>())
    }

    /// Where a query shows somebody's things.
    pub(super) fn path(&self, query: &Route, whose: Whose) -> String {
        let path = query.target().map_or_else(|| query.path.clone(), |name| query.at(self.things(whose).named(name)));
        let limit = if query.takes("limit") { "&limit=100" } else { "" };
        // What differs between two moments: between now and now, nothing.
        let moments = if filters(query).any(|name| name == "from") { "&from=1&to=2" } else { "" };
        if query.takes("min_position") {
            format!("{path}?min_position={}{limit}{moments}", self.position)
        } else {
            format!("{path}?{}{}", moments.trim_start_matches('&'), limit)
        }
    }

    /// A command about somebody's things, made for it: its path and its body.
    pub(super) async fn command(&self, command: &Route, whose: Whose) -> (String, Value) {
        let (owner, things) = (self.owner(whose), self.things(whose));
        let body = || Everything::body(&command.id, "A change", owner.id.0, owner.id.0);
        let ticket = || make(owner, "/v1/support/tickets", json!({ "subject": "Mine", "description": "Mine" }));
        let talk = json!({ "client_user_id": owner.id, "studio_user_id": Uuid::now_v7() });
        match command.id.as_str() {
            "support.open_ticket" => {
                (command.path.clone(), json!({ "subject": "His", "description": "His", "customer_id": owner.id }))
            }
            "support.change_ticket_status" => (command.at(&ticket().await), json!({ "status": "cancelled" })),
            "support.merge_ticket" => (command.at(&ticket().await), json!({ "into": ticket().await })),
            "support.submit_ticket_csat" => {
                let (ticket, resolved) = (ticket().await, json!({ "status": "resolved" }));
                owner.post(&format!("/v1/support/tickets/{ticket}/status"), resolved).await.ok();
                (command.at(&ticket), body())
            }
            "support.attach_file" => {
                // What one links one has handed over oneself.
                let file = verified_file(&self.node, &self.owners[0], owner.id, &[]).await;
                (command.at(&ticket().await), json!({ "file_id": file }))
            }
            "support.issue_attachment_url" => {
                let ticket = ticket().await;
                let to = ticket.parse().expect("an id");
                let linked = [FileEvent::Linked { to, restricted: false }];
                let file = verified_file(&self.node, owner, owner.id, &linked).await;
                (command.at(&ticket), json!({ "file_id": file }))
            }
            _ if command.target() == Some("file_id") => {
                (command.at(&verified_file(&self.node, owner, owner.id, &[]).await), body())
            }
            _ if command.target() == Some("article_id") => {
                let draft = Everything::body("support.draft_article", "An article", owner.id.0, owner.id.0);
                (command.at(&published(owner, draft).await), body())
            }
            _ if command.target() == Some("ticket_id") => (command.at(&ticket().await), body()),
            _ if command.target() == Some("webhook_id") => (command.at(&registered(owner).await), body()),
            "messaging.open_conversation" => (command.path.clone(), talk),
            id if id.starts_with("messaging.") => {
                let conversation = make(owner, "/v1/messaging/conversations", talk).await;
                let path = format!("/v1/messaging/conversations/{conversation}/messages");
                owner
                    .post(&path, Everything::body("messaging.send_message", "Hello", owner.id.0, owner.id.0))
                    .await
                    .ok();
                (command.at(&conversation), body())
            }
            "field_sales.assign_zone" | "field_sales.unassign_zone" => {
                let zone = make(
                    owner,
                    "/v1/field-sales/zones",
                    Everything::body("field_sales.create_zone", "Zone", owner.id.0, owner.id.0),
                )
                .await;
                if command.id.ends_with("unassign_zone") {
                    zone_of(owner, &zone).await;
                }
                (command.at(&zone), body())
            }
            "field_sales.sign_contract" => {
                let building = Everything::body("field_sales.create_building", "House", owner.id.0, owner.id.0);
                let building = make(owner, "/v1/field-sales/buildings", building).await;
                (command.path.clone(), json!({ "building_id": building, "door_number": "101" }))
            }
            _ => match command.target() {
                Some(name) => (command.at(things.named(name)), body()),
                None => (command.path.clone(), body()),
            },
        }
    }
}

/// The owner himself works his zone.
async fn zone_of(owner: &Actor, zone: &str) {
    let body = json!({ "user_id": owner.id, "user_type": "sales_rep" });
    owner.post(&format!("/v1/field-sales/zones/{zone}/assign"), body).await.ok();
}
