//! What a ticket tells and does when its time has come.

use super::clock::timer_set;
use super::{Event, REOPEN_WINDOW_DAYS, Ticket, TicketStatus};
use crate::support::sla_policy::{SlaPolicy, sla_policy_id};
use chrono::TimeDelta;
use kernel::command::unchanged;
use kernel::{Command, Context, Decided, Decision, Known, Reach, Scope, View};
use serde::Deserialize;
use utoipa::ToSchema;
use uuid::Uuid;

/// Tells what is due by now: that a goal is breached, or soon will be; and moves a ticket that nobody did anything about for
/// as long as the policy says. Nobody asks for it: a timer does, as often as it likes. What is not due changes nothing, and
/// what was told is not told again.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct KeepTicketTime {}

impl Command for KeepTicketTime {
    type Streams = (Ticket, Known<SlaPolicy>);
    const NAME: &'static str = "support.keep_ticket_time";
    const SCOPE: Scope = super::WORK;
    const REACH: Reach = Reach::All;

    fn streams(&self, target: Uuid, cx: &Context) -> (Uuid, Uuid) {
        (target, sla_policy_id(cx.tenant_id).0)
    }

    fn decide(&self, (ticket, policy): View<'_, Self>, cx: &Context) -> Decision<Self> {
        let Some(case) = &ticket.case else { return unchanged() };
        let mut events = case.told_by(cx.now);
        if let Some(timer) = case.timer().filter(|timer| timer.at <= cx.now) {
            let closes = timer.to == TicketStatus::Closed;
            events.push(Event::StatusChanged {
                from: timer.from,
                to: timer.to,
                reason: None,
                customer_id: case.customer_id,
                assignee_id: case.assignee_id,
                reopen_until: closes.then(|| cx.now + TimeDelta::days(REOPEN_WINDOW_DAYS)),
            });
            events.extend(timer_set(policy.timers(), timer.to, cx.now));
        }
        Ok(Decided::new(events))
    }
}
