//! Moving a ticket by hand.

use super::clock::timer_set;
use super::{Case, Event, Party, REOPEN_WINDOW_DAYS, Reason, Rejection, Ticket, TicketStatus, WORK};
use crate::support::sla_policy::{SlaPolicy, sla_policy_id};
use chrono::TimeDelta;
use kernel::command::unchanged;
use kernel::{Command, Context, Decided, Decision, Known, Private, Reach, Scope, View};
use serde::Deserialize;
use utoipa::ToSchema;
use uuid::Uuid;

/// Moves a ticket: waits for the customer, resolves, closes, cancels or reopens it.
///
/// Customers cancel their tickets, close resolved ones and reopen; the other steps are for agents
/// (`support.ticket_agents_only`). A step that the status table does not have is refused with
/// `support.ticket_status_not_reachable`, reopening too late with `support.ticket_reopen_window_over`.
/// Asking for the status that the ticket has changes nothing. A ticket that waits or is resolved moves on by itself after as
/// long as the tenant's policy says.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ChangeTicketStatus {
    /// Where the ticket should stand.
    pub status: TicketStatus,
    /// Why, for the record.
    pub reason: Option<Private<Reason>>,
}

impl Command for ChangeTicketStatus {
    type Streams = (Ticket, Known<SlaPolicy>);
    const NAME: &'static str = "support.change_ticket_status";
    const SCOPE: Scope = Scope::new("support.ticket:reply");
    const REACH: Reach = Reach::Own { all: Some(WORK) };

    fn streams(&self, target: Uuid, cx: &Context) -> (Uuid, Uuid) {
        (target, sla_policy_id(cx.tenant_id).0)
    }

    fn decide(&self, (ticket, policy): View<'_, Self>, cx: &Context) -> Decision<Self> {
        let (case, party) = ticket.seen_by(cx)?;
        if case.status == self.status {
            return unchanged();
        }
        case.may_move(self.status, party, cx)?;
        let reopen_until = (self.status == TicketStatus::Closed).then(|| cx.now + TimeDelta::days(REOPEN_WINDOW_DAYS));
        let moved = Event::StatusChanged {
            from: case.status,
            to: self.status,
            reason: self.reason.as_ref().map(|reason| reason.about(case.customer_id)),
            customer_id: case.customer_id,
            assignee_id: case.assignee_id,
            reopen_until,
        };
        let timer = timer_set(policy.timers(), self.status, cx.now);
        Ok(Decided::new(case.timed([moved].into_iter().chain(timer).collect(), cx.now)))
    }
}

/// Who may take a step of the status table by asking for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mover {
    Agent,
    Anybody,
    AnybodyInTime,
}

/// The status table, without the two cells that only an assignment or a reply fills.
const fn mover(from: TicketStatus, to: TicketStatus) -> Option<Mover> {
    match (from, to) {
        (TicketStatus::Open | TicketStatus::InProgress, TicketStatus::WaitingCustomer)
        | (
            TicketStatus::Open | TicketStatus::InProgress | TicketStatus::WaitingCustomer,
            TicketStatus::Resolved | TicketStatus::Closed,
        ) => Some(Mover::Agent),
        (TicketStatus::Open | TicketStatus::InProgress | TicketStatus::WaitingCustomer, TicketStatus::Cancelled)
        | (TicketStatus::Resolved, TicketStatus::Closed | TicketStatus::InProgress | TicketStatus::Open) => {
            Some(Mover::Anybody)
        }
        (TicketStatus::Closed, TicketStatus::InProgress | TicketStatus::Open) => Some(Mover::AnybodyInTime),
        _ => None,
    }
}

impl Case {
    pub(super) fn may_move(&self, to: TicketStatus, party: Party, cx: &Context) -> Result<(), Rejection> {
        match (mover(self.status, to), party) {
            (None, _) => Err(Rejection::StatusNotReachable { from: self.status, to }),
            (Some(Mover::Agent), Party::Customer) => Err(Rejection::AgentsOnly),
            (Some(Mover::AnybodyInTime), _) if self.reopen_until.is_some_and(|until| cx.now > until) => {
                Err(Rejection::ReopenWindowOver)
            }
            (Some(Mover::Agent), Party::Agent) | (Some(Mover::Anybody | Mover::AnybodyInTime), _) => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::specs::{ADA, BOB, EVE, agent, closed, customer, moved, opened};
    use super::*;
    use crate::support::sla_policy::DefineSlaPolicy;
    use TicketStatus::{Cancelled, Closed, InProgress, Open, Resolved, WaitingCustomer};
    use kernel::specs::{given, noon};
    use kernel::{Labelled, Personal, Rejection as _};
    use serde_json::json;

    fn set(status: TicketStatus) -> ChangeTicketStatus {
        ChangeTicketStatus { status, reason: None }
    }

    /// A ticket that stands at `status`; the way there does not matter to what may follow.
    fn at(status: TicketStatus) -> Vec<Event> {
        if status == Open { vec![opened()] } else { vec![opened(), moved(Open, status)] }
    }

    /// What an agent and the owner are answered for every step, `.` being the same status again.
    #[test]
    fn the_status_table_is_the_whole_truth() {
        let table = [
            //                 open  in_pr wait  resol close cancel
            (Open, /*        */ [" .", "--", "A-", "A-", "A-", "AO"]),
            (InProgress, /*  */ ["--", " .", "A-", "A-", "A-", "AO"]),
            (WaitingCustomer, ["--", "--", " .", "A-", "A-", "AO"]),
            (Resolved, /*    */ ["AO", "AO", "--", " .", "AO", "--"]),
            (Closed, /*      */ ["AO", "AO", "--", "--", " .", "--"]),
            (Cancelled, /*   */ ["--", "--", "--", "--", "--", " ."]),
        ];
        for (from, answers) in table {
            for (to, expected) in TicketStatus::ALL.iter().zip(answers) {
                let policy = SlaPolicy::default();
                let ask = |cx: &Context| set(*to).decide((&kernel::specs::state_of(at(from)), &policy), cx);
                let (by_agent, by_owner) = (ask(&agent(BOB)), ask(&customer(ADA)));
                if from == *to {
                    assert!(expected == " ." && by_agent.unwrap().events.is_empty());
                    assert!(by_owner.unwrap().events.is_empty());
                    continue;
                }
                let sign = |allowed: bool, sign: char| if allowed { sign } else { '-' };
                let answer: String = [sign(by_agent.is_ok(), 'A'), sign(by_owner.is_ok(), 'O')].iter().collect();
                assert_eq!(answer, expected, "{from} to {to}");
                let code = by_owner.map_err(|rejection| rejection.code());
                match expected {
                    "A-" => assert_eq!(code.unwrap_err(), "support.ticket_agents_only"),
                    "--" => assert_eq!(code.unwrap_err(), "support.ticket_status_not_reachable"),
                    _ => assert!(matches!(code.unwrap().events[..], [Event::StatusChanged { .. }])),
                }
            }
        }
    }

    #[test]
    fn a_step_says_from_where_and_why() {
        let why = Reason::parse("Solved by phone").unwrap();
        let command = ChangeTicketStatus { status: Resolved, reason: Some(why.clone().into()) };
        given([opened()]).when(&command, &agent(BOB)).answers([
            Event::StatusChanged {
                from: Open,
                to: Resolved,
                reason: Some(Personal::new(ADA, why)),
                customer_id: ADA,
                assignee_id: None,
                reopen_until: None,
            },
            timer(Resolved, Closed),
        ]);
    }

    fn timer(from: TicketStatus, to: TicketStatus) -> Event {
        Event::TimerSet { from, to, at: noon() + TimeDelta::days(7) }
    }

    #[test]
    fn a_ticket_that_nobody_cares_about_moves_on_by_itself_unless_that_is_switched_off() {
        let waits = [moved(Open, WaitingCustomer), timer(WaitingCustomer, Resolved)];
        given([opened()]).when(&set(WaitingCustomer), &agent(BOB)).answers(waits);
        let never = json!({"timers": {"resolve_waiting_after_days": null, "close_resolved_after_days": 30}});
        let never: DefineSlaPolicy = serde_json::from_value(never).unwrap();
        let policy: SlaPolicy = kernel::specs::state_of(given([]).when(&never, &agent(BOB)).accepted().events);
        given([opened()])
            .when_knowing(&policy, &set(WaitingCustomer), &agent(BOB))
            .answers([moved(Open, WaitingCustomer)]);
        let month = Event::TimerSet { from: Resolved, to: Closed, at: noon() + TimeDelta::days(30) };
        given([opened()]).when_knowing(&policy, &set(Resolved), &agent(BOB)).answers([moved(Open, Resolved), month]);
    }

    #[test]
    fn a_closed_ticket_can_be_reopened_for_a_while() {
        given(at(Resolved)).when(&set(Closed), &customer(ADA)).answers([closed(Resolved)]);
        let last_moment = Context { now: noon() + TimeDelta::days(REOPEN_WINDOW_DAYS), ..customer(ADA) };
        let too_late = Context { now: last_moment.now + TimeDelta::seconds(1), ..customer(ADA) };
        given([opened(), closed(Open)]).when(&set(Open), &last_moment).answers([moved(Closed, Open)]);
        given([opened(), closed(Open)]).when(&set(Open), &too_late).is_rejected(&Rejection::ReopenWindowOver);
    }

    #[test]
    fn a_foreign_ticket_and_a_missing_one_cannot_be_told_apart() {
        given([opened()]).when(&set(Open), &customer(EVE)).is_rejected(&Rejection::NotFound);
        given([opened()]).when(&set(Cancelled), &customer(EVE)).is_rejected(&Rejection::NotFound);
        given([]).when(&set(Cancelled), &customer(EVE)).is_rejected(&Rejection::NotFound);
    }

    #[test]
    fn the_missions_spellings_are_understood() {
        let command: ChangeTicketStatus =
            serde_json::from_value(serde_json::json!({"status": "WAITING_CUSTOMER"})).unwrap();
        assert_eq!(command.status, WaitingCustomer);
    }
}
