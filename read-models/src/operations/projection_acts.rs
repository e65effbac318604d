//! The trail of what operators did to projections.

use chrono::{DateTime, Utc};
use domain::operations::projection::{Event, ProjectionAct};
use domain::operations::{CategoryName, OperatorName, ReadModelName, Reason};
use kernel::{
    ActorId, ActorKind, Column, ColumnKind, EventId, Index, Keys, Position, ReadModel, Recorded, Table, TenantId,
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

/// `operations.projection_acts`: one row per act, in the platform's tenant.
pub struct ProjectionActs;

/// One act.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ProjectionActRow {
    /// The event that tells it.
    pub event_id: EventId,
    /// When it was done.
    pub occurred_at: DateTime<Utc>,
    /// What was done.
    pub act: ProjectionAct,
    /// To which read model.
    pub read_model: ReadModelName,
    /// To which generation of it.
    pub generation: i32,
    /// The generation that readers saw before, where they are shown another since.
    pub before: Option<i32>,
    /// What sort of actor did it: `system` where it happened by itself or on the command line.
    pub actor_kind: ActorKind,
    /// Who did it.
    pub actor_id: ActorId,
    /// Who did it, where it was on the command line.
    pub operator: Option<OperatorName>,
    /// Why.
    pub reason: Option<Reason>,
    /// Whose stream it was about, where it was about a parked one.
    pub stream_tenant_id: Option<TenantId>,
    /// The category of that stream.
    pub stream_category: Option<CategoryName>,
    /// Which stream.
    pub stream_id: Option<Uuid>,
    /// The first event that waited in it; the one that was skipped.
    pub stream_position: Option<Position>,
    /// How many of its events were folded.
    pub stream_folded: Option<i64>,
    /// The first that waits still; none: the stream goes on.
    pub stream_next_position: Option<Position>,
}

impl ReadModel for ProjectionActs {
    type Event = Event;
    type Key = EventId;
    type Row = ProjectionActRow;

    const NAME: &'static str = "operations.projection_acts";
    const VERSION: i32 = 2;
    const TABLE: Table = Table {
        key: 1,
        columns: &[
            Column::new("event_id", ColumnKind::Uuid),
            Column::new("occurred_at", ColumnKind::Timestamp),
            Column::new("act", ColumnKind::Text),
            Column::new("read_model", ColumnKind::Text),
            Column::new("generation", ColumnKind::Integer),
            Column::optional("before", ColumnKind::Integer),
            Column::new("actor_kind", ColumnKind::Text),
            Column::new("actor_id", ColumnKind::Uuid),
            Column::optional("operator", ColumnKind::Text),
            Column::optional("reason", ColumnKind::Text),
            Column::optional("stream_tenant_id", ColumnKind::Uuid),
            Column::optional("stream_category", ColumnKind::Text),
            Column::optional("stream_id", ColumnKind::Uuid),
            Column::optional("stream_position", ColumnKind::BigInt),
            Column::optional("stream_folded", ColumnKind::BigInt),
            Column::optional("stream_next_position", ColumnKind::BigInt),
        ],
        indexes: &[Index { columns: &["-occurred_at"] }, Index { columns: &["read_model", "-occurred_at"] }],
    };

    fn keys(event: &Recorded<Event>) -> Keys<EventId> {
        Keys::One(event.event_id)
    }

    fn apply(_row: Option<ProjectionActRow>, key: &EventId, event: &Recorded<Event>) -> Option<ProjectionActRow> {
        let (deed, queue) = (event.event.deed().clone(), event.event.queue());
        Some(ProjectionActRow {
            event_id: *key,
            occurred_at: event.occurred_at,
            act: event.event.act(),
            read_model: deed.read_model,
            generation: deed.generation,
            before: event.event.before(),
            actor_kind: event.actor.kind,
            actor_id: event.actor.id,
            operator: deed.operator,
            reason: deed.reason,
            stream_tenant_id: queue.map(|queue| queue.tenant_id),
            stream_category: queue.map(|queue| queue.category.clone()),
            stream_id: queue.map(|queue| queue.stream_id),
            stream_position: queue.map(|queue| queue.position),
            stream_folded: queue.map(|queue| queue.folded),
            stream_next_position: queue.and_then(|queue| queue.next_position),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use kernel::Event as _;
    use kernel::specs::Story;

    #[test]
    fn every_act_leaves_a_row_that_says_who_and_why() {
        let story = Event::examples().into_iter().fold(Story::<Event>::new(), |story, event| {
            story.then(Uuid::from_u128(1), ActorId(Uuid::from_u128(2)), event)
        });
        let rows: Vec<ProjectionActRow> = story.rows::<ProjectionActs>().into_values().collect();
        let mut acts: Vec<ProjectionAct> = rows.iter().map(|row| row.act).collect();
        acts.sort_unstable();
        let mut all = <ProjectionAct as kernel::Labelled>::ALL.to_vec();
        all.sort_unstable();
        assert_eq!(acts, all);
        assert!(rows.iter().all(|row| row.actor_id == ActorId(Uuid::from_u128(2)) && row.reason.is_some()));
        let switched = rows.iter().find(|row| row.act == ProjectionAct::Switched).unwrap();
        assert_eq!((switched.before, switched.generation), (Some(1), 2));
        assert_eq!(switched.stream_id, None);
        let skipped = rows.iter().find(|row| row.act == ProjectionAct::Skipped).unwrap();
        let places = (skipped.stream_position, skipped.stream_next_position, skipped.stream_folded);
        assert_eq!(places, (Some(Position(4711)), Some(Position(4715)), Some(0)));
    }
}
