//! A projection as operators treat it: built anew, switched, rolled back. This file is the stored contract.
//!
//! One stream per read model, in the platform's tenant; its id follows from the read model's name. Who acted is in the
//! envelope, or by name where it was somebody on the command line.

mod record_act;
mod rejection;

pub use record_act::RecordProjectionAct;
pub use rejection::Rejection;

use super::{CategoryName, OperatorName, ReadModelName, Reason};
use kernel::{Aggregate, Position, Scope, TenantId};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

/// Tells what was done. In no role and in no token.
pub const RECORD: Scope = Scope::new("operations.projection:record");

/// From which the ids of the streams are derived.
const STREAMS: Uuid = Uuid::from_u128(0x09e7_a710_0000_4000_8000_0000_0000_0001);

/// The stream of a read model.
pub fn stream_of(read_model: &str) -> Uuid {
    kernel::ids::derived(STREAMS, read_model)
}

/// To what something was done, by whom and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Deed {
    /// The read model.
    pub read_model: ReadModelName,
    /// Which generation of it.
    pub generation: i32,
    /// Who, where it was on the command line.
    pub operator: Option<OperatorName>,
    /// Why.
    pub reason: Option<Reason>,
}

/// The events of a stream that a read model could not go on with, when something was done about them. What they say is not
/// told: it may be personal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Queue {
    /// Whose stream.
    pub tenant_id: TenantId,
    /// Of which category.
    pub category: CategoryName,
    /// Which stream.
    pub stream_id: Uuid,
    /// The first event that waited.
    pub position: Position,
    /// How many of them were folded.
    pub folded: i64,
    /// The first that waits still; none: the stream goes on.
    pub next_position: Option<Position>,
}

/// What may be done to a projection.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = ProjectionEvent)]
#[serde(rename_all = "snake_case")]
pub enum Event {
    /// A new generation is to be built.
    RebuildRequested {
        /// Of what.
        deed: Deed,
    },
    /// Nothing is folded into it for the time being.
    Paused {
        /// Of what.
        deed: Deed,
    },
    /// It is folded again.
    Resumed {
        /// Of what.
        deed: Deed,
    },
    /// Its budget or its way of switching was changed.
    Changed {
        /// Of what.
        deed: Deed,
    },
    /// A build was given up before readers saw it.
    Cancelled {
        /// Of what.
        deed: Deed,
    },
    /// Readers are shown it.
    Switched {
        /// Of what.
        deed: Deed,
        /// The generation that they saw before.
        before: Option<i32>,
    },
    /// Readers are shown it again.
    RolledBack {
        /// Of what.
        deed: Deed,
        /// The generation that they saw before.
        before: Option<i32>,
    },
    /// It is no longer needed; its table is dropped.
    Retired {
        /// Of what.
        deed: Deed,
    },
    /// Events that waited in a parked stream were folded, as far as they could be.
    StreamResumed {
        /// Of what.
        deed: Deed,
        /// Which.
        queue: Queue,
    },
    /// The first event that waited in a parked stream was taken out, for good.
    Skipped {
        /// Of what.
        deed: Deed,
        /// Which.
        queue: Queue,
    },
}

impl kernel::Event for Event {
    const CATEGORY: &'static str = "operations.projection";

    fn examples() -> Vec<Self> {
        let deed = || Deed {
            read_model: ReadModelName::parse("operations.projection_acts").expect("an example is valid"),
            generation: 2,
            operator: OperatorName::parse("ada").ok(),
            reason: Reason::parse("the counts of last week were wrong").ok(),
        };
        let queue = |folded, next| Queue {
            tenant_id: TenantId(Uuid::from_u128(0x0197_5111_a6e0_7000_8000_0000_0000_0001)),
            category: CategoryName::parse("operations.projection").expect("an example is valid"),
            stream_id: Uuid::from_u128(0x0197_5111_a6e0_7000_8000_0000_0000_0007),
            position: Position(4711),
            folded,
            next_position: next,
        };
        vec![
            Self::RebuildRequested { deed: deed() },
            Self::Paused { deed: deed() },
            Self::Resumed { deed: deed() },
            Self::Changed { deed: deed() },
            Self::Cancelled { deed: deed() },
            Self::Switched { deed: deed(), before: Some(1) },
            Self::RolledBack { deed: Deed { generation: 1, ..deed() }, before: Some(2) },
            Self::Retired { deed: deed() },
            Self::StreamResumed { deed: deed(), queue: queue(3, None) },
            Self::Skipped { deed: deed(), queue: queue(0, Some(Position(4715))) },
        ]
    }
}

kernel::labelled! {
    /// What was done to a projection.
    pub enum ProjectionAct("operations.projection_act") {
        /// A new generation is to be built.
        RebuildRequested: "rebuild_requested", "Rebuild requested", "Reconstruction demandée";
        /// Nothing is folded into it for the time being.
        Paused: "paused", "Paused", "Mise en pause";
        /// It is folded again.
        Resumed: "resumed", "Resumed", "Reprise";
        /// Its budget or its way of switching was changed.
        Changed: "changed", "Changed", "Réglage modifié";
        /// A build was given up before readers saw it.
        Cancelled: "cancelled", "Cancelled", "Abandonnée";
        /// Readers are shown it.
        Switched: "switched", "Switched", "Bascule";
        /// Readers are shown it again.
        RolledBack: "rolled_back", "Rolled back", "Retour arrière";
        /// It is no longer needed; its table is dropped.
        Retired: "retired", "Retired", "Retirée";
        /// Events that waited in a parked stream were folded, as far as they could be.
        StreamResumed: "stream_resumed", "Stream resumed", "Flux repris";
        /// The first event that waited in a parked stream was taken out, for good.
        Skipped: "skipped", "Event skipped", "Événement écarté";
    }
}

impl Event {
    /// What was done.
    pub const fn act(&self) -> ProjectionAct {
        match self {
            Self::RebuildRequested { .. } => ProjectionAct::RebuildRequested,
            Self::Paused { .. } => ProjectionAct::Paused,
            Self::Resumed { .. } => ProjectionAct::Resumed,
            Self::Changed { .. } => ProjectionAct::Changed,
            Self::Cancelled { .. } => ProjectionAct::Cancelled,
            Self::Switched { .. } => ProjectionAct::Switched,
            Self::RolledBack { .. } => ProjectionAct::RolledBack,
            Self::Retired { .. } => ProjectionAct::Retired,
            Self::StreamResumed { .. } => ProjectionAct::StreamResumed,
            Self::Skipped { .. } => ProjectionAct::Skipped,
        }
    }

    /// To what, by whom and why.
    pub const fn deed(&self) -> &Deed {
        match self {
            Self::RebuildRequested { deed }
            | Self::Paused { deed }
            | Self::Resumed { deed }
            | Self::Changed { deed }
            | Self::Cancelled { deed }
            | Self::Switched { deed, .. }
            | Self::RolledBack { deed, .. }
            | Self::Retired { deed }
            | Self::StreamResumed { deed, .. }
            | Self::Skipped { deed, .. } => deed,
        }
    }

    /// The generation that readers saw before, where they are shown another since.
    pub const fn before(&self) -> Option<i32> {
        match self {
            Self::Switched { before, .. } | Self::RolledBack { before, .. } => *before,
            Self::RebuildRequested { .. }
            | Self::Paused { .. }
            | Self::Resumed { .. }
            | Self::Changed { .. }
            | Self::Cancelled { .. }
            | Self::Retired { .. }
            | Self::StreamResumed { .. }
            | Self::Skipped { .. } => None,
        }
    }

    /// Which parked stream it was about, where it was about one.
    pub const fn queue(&self) -> Option<&Queue> {
        match self {
            Self::StreamResumed { queue, .. } | Self::Skipped { queue, .. } => Some(queue),
            Self::RebuildRequested { .. }
            | Self::Paused { .. }
            | Self::Resumed { .. }
            | Self::Changed { .. }
            | Self::Cancelled { .. }
            | Self::Switched { .. }
            | Self::RolledBack { .. }
            | Self::Retired { .. } => None,
        }
    }
}

/// Nothing is decided here, so nothing is remembered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Projection;

impl Aggregate for Projection {
    type Event = Event;
    type Rejection = Rejection;

    fn evolve(self, event: &Event) -> Self {
        match event {
            Event::RebuildRequested { .. }
            | Event::Paused { .. }
            | Event::Resumed { .. }
            | Event::Changed { .. }
            | Event::Cancelled { .. }
            | Event::Switched { .. }
            | Event::RolledBack { .. }
            | Event::Retired { .. }
            | Event::StreamResumed { .. }
            | Event::Skipped { .. } => self,
        }
    }
}
