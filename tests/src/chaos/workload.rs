//! What the clients ask for: a mix of commands of all slices, on things that they share, so that they meet.

use super::history::Request;
use super::random::Random;
use serde_json::{Value, json};
use std::sync::{Arc, Mutex, PoisonError};
use uuid::Uuid;

/// With whom everybody talks.
const STUDIO: Uuid = Uuid::from_u128(0x57d1_0000_0000_4000_8000_0000_0000_0001);
/// Who is given zones to work: few, so that their assignments are contended.
const WORKERS: [Uuid; 3] = [Uuid::from_u128(0xa1), Uuid::from_u128(0xa2), Uuid::from_u128(0xa3)];
/// Things of a kind that are shared at a time; older ones are left alone.
const SHARED: usize = 24;

/// One turn of the wheel from which commands are drawn.
const WHEEL: [Kind; 24] = {
    use Kind::{Assign, Build, Converse, Draw, Message, Move, Note, Open, Reply, Sign, Visit};
    [
        Open, Open, Reply, Reply, Reply, Reply, Note, Note, Move, Move, Converse, Message, Message, Message, Message,
        Message, Build, Visit, Visit, Visit, Visit, Sign, Draw, Assign,
    ]
};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Open,
    Reply,
    Note,
    Move,
    Converse,
    Message,
    Build,
    Visit,
    Sign,
    Draw,
    Assign,
}

/// The things of one tenant that all its clients work on.
#[derive(Debug, Default)]
pub struct Things {
    tickets: Vec<Uuid>,
    buildings: Vec<Uuid>,
    zones: Vec<Uuid>,
}

/// What one client does next.
pub struct Workload {
    random: Random,
    actor_id: Uuid,
    things: Arc<Mutex<Things>>,
    conversations: Vec<Uuid>,
    last: Kind,
}

impl Workload {
    /// The choices of one client.
    pub const fn new(random: Random, actor_id: Uuid, things: Arc<Mutex<Things>>) -> Self {
        Self { random, actor_id, things, conversations: Vec::new(), last: Kind::Open }
    }

    /// The next command, with the id of its operation.
    pub fn choose(&mut self) -> (Uuid, Request) {
        let id = self.random.id();
        let wanted = *self.random.one(&WHEEL);
        let target = self.target(wanted);
        // What would have nothing to work on makes something first.
        self.last = if target.is_some() { wanted } else { maker(wanted) };
        let (path, body) = self.command(self.last, target.unwrap_or_default(), &id.to_string());
        let silent = self.last == Kind::Assign;
        let may_rest = matches!(self.last, Kind::Assign | Kind::Move);
        let mark = (!silent && self.last != Kind::Sign).then(|| id.to_string());
        (id, Request { path, body: body.to_string(), mark: if may_rest { None } else { mark }, may_rest })
    }

    /// The last command was accepted and answered this id.
    pub fn made(&mut self, id: Uuid) {
        let mut things = self.things.lock().unwrap_or_else(PoisonError::into_inner);
        let list = match self.last {
            Kind::Open => &mut things.tickets,
            Kind::Build => &mut things.buildings,
            Kind::Draw => &mut things.zones,
            Kind::Converse => &mut self.conversations,
            Kind::Reply | Kind::Note | Kind::Move | Kind::Message | Kind::Visit | Kind::Sign | Kind::Assign => return,
        };
        if list.len() == SHARED {
            list.remove(0);
        }
        list.push(id);
    }

    /// Whether the client asks once more with the key of an answered command.
    pub fn repeats(&mut self) -> bool {
        self.random.below(16) == 0
    }

    /// What the command works on; a command that makes something gets a stand-in.
    fn target(&mut self, kind: Kind) -> Option<Uuid> {
        let things = self.things.lock().unwrap_or_else(PoisonError::into_inner);
        let list = match kind {
            Kind::Open | Kind::Converse | Kind::Build | Kind::Draw => return Some(Uuid::nil()),
            Kind::Reply | Kind::Note | Kind::Move => &things.tickets,
            Kind::Visit | Kind::Sign => &things.buildings,
            Kind::Assign => &things.zones,
            Kind::Message => &self.conversations,
        };
        (!list.is_empty()).then(|| *self.random.one(list))
    }

    fn command(&mut self, kind: Kind, target: Uuid, mark: &str) -> (String, Value) {
        let random = &mut self.random;
        let door = format!("{}{:02}", random.below(3) + 1, random.below(4) + 1);
        match kind {
            Kind::Open => (
                "/v1/support/tickets".into(),
                json!({"subject": format!("Second delivery {mark}"), "description": "It has not arrived.",
                    "priority": random.one(&["low", "medium", "high", "urgent"]), "tags": ["delivery"]}),
            ),
            Kind::Reply => {
                (format!("/v1/support/tickets/{target}/replies"), json!({"content": format!("Any news? {mark}")}))
            }
            Kind::Note => {
                (format!("/v1/support/tickets/{target}/notes"), json!({"content": format!("Asked again. {mark}")}))
            }
            Kind::Move => (
                format!("/v1/support/tickets/{target}/status"),
                json!({"status": random.one(&["waiting_customer", "in_progress", "resolved", "open"]), "reason": mark}),
            ),
            Kind::Converse => (
                "/v1/messaging/conversations".into(),
                json!({"client_user_id": self.actor_id, "studio_user_id": STUDIO, "subject": mark}),
            ),
            Kind::Message => (
                format!("/v1/messaging/conversations/{target}/messages"),
                json!({"message_id": random.id(), "content": format!("See you on Saturday. {mark}")}),
            ),
            Kind::Build => (
                "/v1/field-sales/buildings".into(),
                json!({"address": format!("{mark} rue de la Part-Dieu, 69003 Lyon"), "floors": 3, "doors_per_floor": 4}),
            ),
            Kind::Visit => (
                format!("/v1/field-sales/buildings/{target}/visits"),
                json!({"door_number": door, "outcome": random.one(&["absent", "return_needed", "refused"]),
                    "comment": mark}),
            ),
            Kind::Sign => ("/v1/field-sales/contracts".into(), json!({"building_id": target, "door_number": door})),
            Kind::Draw => (
                "/v1/field-sales/zones".into(),
                json!({"name": mark, "center": {"latitude": 45.7606, "longitude": 4.859}, "radius_m": 900}),
            ),
            Kind::Assign => (
                format!("/v1/field-sales/zones/{target}/assign"),
                json!({"user_id": random.one(&WORKERS), "user_type": "sales_rep"}),
            ),
        }
    }
}

/// What makes the things that a command works on.
const fn maker(kind: Kind) -> Kind {
    match kind {
        Kind::Open | Kind::Reply | Kind::Note | Kind::Move => Kind::Open,
        Kind::Converse | Kind::Message => Kind::Converse,
        Kind::Build | Kind::Visit | Kind::Sign => Kind::Build,
        Kind::Draw | Kind::Assign => Kind::Draw,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_is_a_workload_and_marks_its_commands() {
        let draw = || {
            let mut workload = Workload::new(Random::new(7, 1), Uuid::nil(), Arc::default());
            let mut told = Vec::new();
            for _ in 0..200 {
                let (id, request) = workload.choose();
                workload.made(id);
                if let Some(mark) = &request.mark {
                    assert!(request.body.contains(mark), "{request:?}");
                }
                told.push((request.path, request.body));
            }
            told
        };
        let told = draw();
        assert_eq!(told, draw());
        for slice in ["tickets", "conversations", "buildings", "contracts", "zones"] {
            assert!(told.iter().any(|(path, _)| path.contains(slice)), "{slice}");
        }
    }
}
