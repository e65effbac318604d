//! What the desk promises.

use chrono::{DateTime, Utc};
use domain::support::business_calendar::BusinessCalendar;
use domain::support::sla_policy::{Event, SlaPolicyId, TicketTimers};
use domain::support::sla_terms::SlaTargets;
use kernel::{ActorId, Column, ColumnKind, Index, Keys, ReadModel, Recorded, Table, Version};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// `support.sla_policies`: one row per tenant that has said what it promises.
pub struct SlaPolicies;

/// The policy of a tenant, as it holds for tickets that are opened now.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct SlaPolicyRow {
    /// The policy.
    pub sla_policy_id: SlaPolicyId,
    /// In which time.
    pub targets: SlaTargets,
    /// When time counts.
    pub calendar: BusinessCalendar,
    /// What happens by itself.
    pub timers: TicketTimers,
    /// Who said so last.
    pub defined_by: ActorId,
    /// Since when.
    pub defined_at: DateTime<Utc>,
    /// The version of the policy's stream, for `If-Match`.
    pub version: Version,
}

impl ReadModel for SlaPolicies {
    type Event = Event;
    type Key = SlaPolicyId;
    type Row = SlaPolicyRow;

    const NAME: &'static str = "support.sla_policies";
    const VERSION: i32 = 1;
    const TABLE: Table = Table {
        key: 1,
        columns: &[
            Column::new("sla_policy_id", ColumnKind::Uuid),
            Column::new("targets", ColumnKind::Json),
            Column::new("calendar", ColumnKind::Json),
            Column::new("timers", ColumnKind::Json),
            Column::new("defined_by", ColumnKind::Uuid),
            Column::new("defined_at", ColumnKind::Timestamp),
            Column::new("version", ColumnKind::Integer),
        ],
        indexes: &[Index { columns: &["-defined_at"] }],
    };

    fn keys(event: &Recorded<Event>) -> Keys<SlaPolicyId> {
        Keys::One(SlaPolicyId(event.stream_id))
    }

    fn apply(_row: Option<SlaPolicyRow>, key: &SlaPolicyId, event: &Recorded<Event>) -> Option<SlaPolicyRow> {
        match &event.event {
            Event::Defined { targets, calendar, timers } => Some(SlaPolicyRow {
                sla_policy_id: *key,
                targets: *targets,
                calendar: calendar.clone(),
                timers: *timers,
                defined_by: event.actor.id,
                defined_at: event.occurred_at,
                version: event.version,
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use kernel::Event as _;
    use kernel::specs::Story;
    use uuid::Uuid;

    #[test]
    fn what_was_said_last_holds() {
        let (policy, boss) = (SlaPolicyId(Uuid::from_u128(1)), ActorId(Uuid::from_u128(2)));
        let nothing = Event::Defined {
            targets: SlaTargets::default(),
            calendar: BusinessCalendar::default(),
            timers: TicketTimers::default(),
        };
        let example = Event::examples().remove(0);
        let story = Story::new().then(policy, boss, nothing).then(policy, boss, example.clone());
        let row = story.row::<SlaPolicies>(&policy).unwrap();
        let SlaPolicyRow { targets, calendar, timers, version, .. } = row;
        assert_eq!((Event::Defined { targets, calendar, timers }, version), (example, Version(2)));
    }
}
