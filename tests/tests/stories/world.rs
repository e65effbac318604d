//! The people of the stories and their first steps.

use kernel::TenantId;
use serde_json::{Value, json};
use tests::node::{Actor, TestNode, tenant};
use uuid::Uuid;

pub(crate) const CUSTOMER: &[&str] = &["support.ticket:open", "support.ticket:reply", "support.ticket:read"];
pub(crate) const AGENT: &[&str] = &[
    "support.ticket:open",
    "support.ticket:reply",
    "support.ticket:read",
    "support.ticket:work",
    "support.ticket:assign",
];
const TALKER: &[&str] = &["messaging.conversation:open", "messaging.conversation:send", "messaging.conversation:read"];
const SELLER: &[&str] = &[
    "field_sales.zone:create",
    "field_sales.zone:assign",
    "field_sales.team:lead_all",
    "field_sales.zone:read",
    "field_sales.building:create",
    "field_sales.building:read",
    "field_sales.door:visit",
    "field_sales.contract:sign",
    "field_sales.contract:read",
];

/// A node and one tenant on it.
pub(crate) struct World {
    pub(crate) node: TestNode,
    pub(crate) tenant: TenantId,
}

impl World {
    pub(crate) async fn start() -> Self {
        Self { node: TestNode::start().await, tenant: tenant() }
    }

    /// The customer whose ticket it is.
    pub(crate) fn ada(&self) -> Actor {
        self.node.actor(self.tenant, 0xada, CUSTOMER)
    }

    /// Another customer.
    pub(crate) fn eve(&self) -> Actor {
        self.node.actor(self.tenant, 0xe0e, CUSTOMER)
    }

    /// An agent.
    pub(crate) fn alice(&self) -> Actor {
        self.node.actor(self.tenant, 0xa11ce, AGENT)
    }

    /// A client of the studio.
    pub(crate) fn cleo(&self) -> Actor {
        self.node.actor(self.tenant, 0xc1e0, TALKER)
    }

    /// The studio.
    pub(crate) fn studio(&self) -> Actor {
        self.node.actor(self.tenant, 0x57d0, TALKER)
    }

    /// Somebody who talks to nobody.
    pub(crate) fn stranger(&self) -> Actor {
        self.node.actor(self.tenant, 0x57a6, TALKER)
    }

    /// Who works in the field, and may do all of it.
    pub(crate) fn rep(&self) -> Actor {
        self.node.actor(self.tenant, 0x4e9, SELLER)
    }
}

/// Something that was made: where it is, and the position that shows it.
pub(crate) struct Made {
    pub(crate) id: String,
    pub(crate) position: i64,
}

/// Makes something and keeps what the answer says.
pub(crate) async fn make(actor: &Actor, path: &str, body: Value) -> Made {
    let answer = actor.insist(path, body).await.ok();
    Made { id: text(&answer["id"]), position: number(&answer["position"]) }
}

/// Does something and gives the position that shows it.
pub(crate) async fn act(actor: &Actor, path: &str, body: Value) -> i64 {
    make(actor, path, body).await.position
}

pub(crate) async fn open_ticket(customer: &Actor) -> Made {
    let body = json!({"subject": "Printer on fire", "description": "It burns.", "priority": "high"});
    make(customer, "/v1/support/tickets", body).await
}

pub(crate) async fn open_conversation(client: &Actor, studio: &Actor) -> Made {
    let body = json!({"client_user_id": client.id, "studio_user_id": studio.id, "appointment_id": Uuid::now_v7()});
    make(client, "/v1/messaging/conversations", body).await
}

pub(crate) async fn say(author: &Actor, conversation: &str, content: &str) -> i64 {
    let body = json!({"message_id": Uuid::now_v7(), "content": content});
    act(author, &format!("/v1/messaging/conversations/{conversation}/messages"), body).await
}

pub(crate) async fn create_zone(rep: &Actor, name: &str) -> Made {
    let body = json!({"name": name, "center": {"latitude": 48.85, "longitude": 2.35}, "radius_m": 500});
    make(rep, "/v1/field-sales/zones", body).await
}

pub(crate) async fn create_building(rep: &Actor, floors: i32, doors_per_floor: i32) -> Made {
    let body = json!({"address": "1 rue de la Paix, Paris", "floors": floors, "doors_per_floor": doors_per_floor});
    make(rep, "/v1/field-sales/buildings", body).await
}

/// A visit to a door of a building.
pub(crate) async fn visit(rep: &Actor, building: &str, body: Value) -> i64 {
    act(rep, &format!("/v1/field-sales/buildings/{building}/visits"), body).await
}

/// The door with this number, once the visits up to a position are shown.
pub(crate) async fn door(rep: &Actor, building: &str, number: &str, position: i64) -> Value {
    let doors = rep.get_after(&format!("/v1/field-sales/buildings/{building}/doors"), position).await;
    items(&doors).iter().find(|door| door["number"] == number).cloned().unwrap_or_default()
}

/// The rows of a page.
#[track_caller]
pub(crate) fn items(page: &Value) -> &[Value] {
    page["items"].as_array().unwrap_or_else(|| panic!("no page: {page}"))
}

/// A text of an answer.
#[track_caller]
pub(crate) fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("no text: {value}")).to_owned()
}

/// A whole number of an answer.
#[track_caller]
pub(crate) fn number(value: &Value) -> i64 {
    value.as_i64().unwrap_or_else(|| panic!("no whole number: {value}"))
}
