//! `sillage events show` and `trace`: one event, or one story.

use super::line::Lines;
use crate::arguments::OnDatabase;
use crate::failure::Failure;
use crate::operator::{open, unreadable};
use crate::terminal::print;
use event_store::analysis::{Filter, Finder, causes};
use kernel::{CorrelationId, EventId, Position, TenantId};
use std::time::Duration;
use uuid::Uuid;

pub(super) async fn show(what: &str, tenant: Option<Uuid>, on: &OnDatabase) -> Result<(), Failure> {
    let mut filter = Filter { tenant_id: tenant.map(TenantId), ..Filter::default() };
    let place = what.parse::<i64>().ok().filter(|position| *position > 0).map(Position);
    if place.is_none() {
        let id =
            what.parse().map_err(|_| Failure::usage(format!("{what:?} is neither a position nor an event's id")))?;
        filter.event_id = Some(EventId(id));
    }
    let opened = open(on).await?;
    let outcome = async {
        let log = opened.log();
        let head = log.durable_head().await.map_err(unreadable)?;
        let (after, up_to) =
            place.map_or((Position::ZERO, head.position), |at| (Position(at.0 - 1), at.min(head.position)));
        let finder = Finder::new(log.clone(), log);
        let found = finder.find(&filter, after, up_to, 1, Duration::MAX).await.map_err(unreadable)?;
        let event =
            found.events.into_iter().next().ok_or_else(|| Failure::failed(format!("there is no event {what}")))?;
        let json = Lines::new(&head, true).json(event)?;
        let value: serde_json::Value = serde_json::from_str(&json).unwrap_or_default();
        print(&format!("{value:#}"));
        Ok(())
    };
    let outcome = outcome.await;
    opened.close().await;
    outcome
}

pub(super) async fn trace(correlation_id: Uuid, tenant: Option<Uuid>, on: &OnDatabase) -> Result<(), Failure> {
    let opened = open(on).await?;
    let outcome = async {
        let log = opened.log();
        let head = log.durable_head().await.map_err(unreadable)?;
        let filter = Filter {
            tenant_id: tenant.map(TenantId),
            correlation_id: Some(CorrelationId(correlation_id)),
            ..Filter::default()
        };
        let finder = Finder::new(log.clone(), log);
        let found = finder.find(&filter, Position::ZERO, head.position, usize::MAX, Duration::MAX).await;
        let events = found.map_err(unreadable)?.events;
        if events.is_empty() {
            return Err(Failure::failed(format!("there is no event of the story {correlation_id}")));
        }
        let lines = Lines::new(&head, false);
        for (depth, event) in causes::in_order(events) {
            print(&format!("{}{}", "    ".repeat(depth), lines.line(event)?.trim_start()));
        }
        Ok(())
    };
    let outcome = outcome.await;
    opened.close().await;
    outcome
}
