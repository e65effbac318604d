//! Who did it.

use crate::ids::ActorId;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What sort of actor stands behind a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ActorKind {
    /// A person who signed in.
    User,
    /// A partner system or device with a token of its own.
    Service,
    /// Sillage itself: timers, process managers, imports.
    System,
}

impl ActorKind {
    /// The stored name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Service => "service",
            Self::System => "system",
        }
    }

    /// Reads a stored name.
    pub fn parse(name: &str) -> Option<Self> {
        [Self::User, Self::Service, Self::System].into_iter().find(|kind| kind.as_str() == name)
    }
}

/// The actor of a command, kept with every event it made. Taken from the token, never from a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
pub struct Actor {
    /// What sort of actor.
    pub kind: ActorKind,
    /// Which one.
    pub id: ActorId,
    /// For whom the actor acted, where that is somebody else (support staff in a customer's name).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_behalf_of: Option<ActorId>,
}

impl Actor {
    /// Sillage itself.
    pub const SYSTEM: Self = Self { kind: ActorKind::System, id: ActorId(uuid::Uuid::nil()), on_behalf_of: None };

    /// A person.
    pub const fn user(id: ActorId) -> Self {
        Self { kind: ActorKind::User, id, on_behalf_of: None }
    }
}
