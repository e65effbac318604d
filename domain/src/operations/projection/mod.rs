//! A projection as operators treat it: built anew, switched, rolled back. This file is the stored contract.
//!
//! One stream per read model, in the platform's tenant; its id follows from the read model's name. Who acted is in the
//! envelope, or by name where it was somebody on the command line.

mod record_act;
mod rejection;

pub use record_act::RecordProjectionAct;
pub use rejection::Rejection;

use super::{OperatorName, ReadModelName, Reason};
use kernel::{Aggregate, Scope};
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

/// What may be done to a projection.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
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
        vec![
            Self::RebuildRequested { deed: deed() },
            Self::Paused { deed: deed() },
            Self::Resumed { deed: deed() },
            Self::Changed { deed: deed() },
            Self::Cancelled { deed: deed() },
            Self::Switched { deed: deed(), before: Some(1) },
            Self::RolledBack { deed: Deed { generation: 1, ..deed() }, before: Some(2) },
            Self::Retired { deed: deed() },
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
            | Self::Retired { deed } => deed,
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
            | Event::Retired { .. } => self,
        }
    }
}
