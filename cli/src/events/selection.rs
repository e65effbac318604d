//! From arguments to a filter and a stretch of the log.

use super::arguments::{Moment, Wanted};
use crate::failure::Failure;
use crate::operator::{Opened, unreadable};
use chrono::TimeDelta;
use domain::catalogue::categories;
use event_store::analysis::{Filter, Finder, Kinds};
use event_store::{Head, Log};
use kernel::{ActorId, CommandId, CorrelationId, Position, TenantId};

/// What is looked at.
pub(super) struct Selection {
    pub(super) log: Log,
    pub(super) head: Head,
    pub(super) filter: Filter,
    pub(super) after: Position,
    pub(super) up_to: Position,
}

impl Selection {
    pub(super) async fn of(opened: &Opened, wanted: &Wanted) -> Result<Self, Failure> {
        let filter = filter(wanted)?;
        let log = opened.log();
        let head = log.durable_head().await.map_err(unreadable)?;
        let after = match wanted.since {
            None => Position::ZERO,
            Some(moment) => before(&log, moment).await?,
        };
        let up_to = match wanted.until {
            None => head.position,
            Some(Moment::Position(position)) => position.min(head.position),
            Some(moment @ Moment::Time(_)) => before(&log, moment).await?.min(head.position),
        };
        Ok(Self { log, head, filter, after, up_to })
    }

    pub(super) fn finder(&self) -> Finder {
        Finder::new(self.log.clone(), self.log.clone())
    }
}

/// The last position before a moment.
async fn before(log: &Log, moment: Moment) -> Result<Position, Failure> {
    match moment {
        Moment::Position(position) => Ok(Position(position.0 - 1)),
        Moment::Time(time) => log.position_at(time - TimeDelta::microseconds(1)).await.map_err(unreadable),
    }
}

fn filter(wanted: &Wanted) -> Result<Filter, Failure> {
    if let Some(unknown) = wanted.category.iter().find(|name| categories().iter().all(|known| known.name != **name)) {
        let known: Vec<&str> = categories().iter().map(|category| category.name).collect();
        return Err(Failure::usage(format!("there is no category {unknown:?}"))
            .remedy(format!("Categories are: {}.", known.join(", "))));
    }
    Ok(Filter {
        tenant_id: wanted.tenant.map(TenantId),
        kinds: Kinds { categories: wanted.category.clone(), types: wanted.types.clone() },
        stream_id: wanted.stream,
        actor_id: wanted.actor.map(ActorId),
        correlation_id: wanted.correlation.map(CorrelationId),
        command_id: wanted.command.map(CommandId),
        event_id: None,
        occurred_from: wanted.occurred_since,
        occurred_to: wanted.occurred_until,
    })
}
