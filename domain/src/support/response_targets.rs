//! Targets over history: in which time an agent first answers a ticket and in which it is resolved, and whether that was kept.
//!
//! A question, not a rule in force: what a desk really promises is its policy ([`super::sla_policy`]). It answers "would these
//! targets have been breached, by this calendar?", with the very clock that the live tickets have ([`super::sla_clock`]): it
//! counts business time, and stands while a ticket waits for its customer or is over. Choices where the product page is silent:
//!
//! - A ticket that ends unanswered (resolved, closed, cancelled) before its time needed no answer: it counts as `ended`. So
//!   does one that is cancelled before it had to be resolved.
//! - Reopened, its clock goes on where it stood; it was not resolved then.
//! - The priority that it has last decides, over all of its time. One that is merged into another one is closed by that.

use super::business_calendar::BusinessCalendar;
use super::sla_clock::{SlaClock, runs_in};
use super::sla_terms::{SlaGoal, SlaTarget, SlaTargets, SlaTerms};
use crate::support::ticket::{Event, TicketId, TicketPriority, TicketStatus};
use chrono::{DateTime, TimeDelta, Utc};
use kernel::{Labelled, ParseError, Policy, Recorded};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::fmt;
use std::str::FromStr;
use utoipa::ToSchema;

/// A span of time as people say it: `30m`, `4h`, `2d`. From a minute to a year.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(try_from = "String", into = "String")]
#[schema(value_type = String, example = "4h", pattern = "^[0-9]{1,6}[mhd]$")]
pub struct ResponseTime(TimeDelta);

impl ResponseTime {
    /// So many hours.
    const fn hours(hours: i64) -> Self {
        Self(TimeDelta::hours(hours))
    }

    /// The span.
    pub const fn span(self) -> TimeDelta {
        self.0
    }
}

impl FromStr for ResponseTime {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        let error = || ParseError::new("must be a time from 1m to 365d: 30m, 4h, 2d");
        let (number, unit) = text.split_at_checked(text.len().saturating_sub(1)).ok_or_else(error)?;
        if number.is_empty() || number.len() > 6 || !number.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(error());
        }
        let minutes = match unit {
            "m" => 1,
            "h" => 60,
            "d" => 24 * 60,
            _ => return Err(error()),
        };
        let minutes = number.parse::<i64>().map_err(|_| error())? * minutes;
        if (1..=365 * 24 * 60).contains(&minutes) { Ok(Self(TimeDelta::minutes(minutes))) } else { Err(error()) }
    }
}

impl TryFrom<String> for ResponseTime {
    type Error = ParseError;

    fn try_from(text: String) -> Result<Self, ParseError> {
        text.parse()
    }
}

impl From<ResponseTime> for String {
    fn from(time: ResponseTime) -> Self {
        time.to_string()
    }
}

impl fmt::Display for ResponseTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let minutes = self.0.num_minutes();
        match (minutes % (24 * 60), minutes % 60) {
            (0, _) => write!(f, "{}d", minutes / (24 * 60)),
            (_, 0) => write!(f, "{}h", minutes / 60),
            _ => write!(f, "{minutes}m"),
        }
    }
}

/// In which time a ticket of each priority is first answered; without one, whenever.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ResponseTargets {
    /// Of urgent tickets.
    #[serde(default)]
    pub urgent: Option<ResponseTime>,
    /// Of those with high priority.
    #[serde(default)]
    pub high: Option<ResponseTime>,
    /// Of usual ones.
    #[serde(default)]
    pub medium: Option<ResponseTime>,
    /// Of those that can wait.
    #[serde(default)]
    pub low: Option<ResponseTime>,
}

impl ResponseTargets {
    /// What is compared with unless somebody says otherwise: an hour, four, eight, a day.
    pub const USUAL: Self = Self {
        urgent: Some(ResponseTime::hours(1)),
        high: Some(ResponseTime::hours(4)),
        medium: Some(ResponseTime::hours(8)),
        low: Some(ResponseTime::hours(24)),
    };

    /// The target of a priority.
    pub const fn of(&self, priority: TicketPriority) -> Option<ResponseTime> {
        match priority {
            TicketPriority::Urgent => self.urgent,
            TicketPriority::High => self.high,
            TicketPriority::Medium => self.medium,
            TicketPriority::Low => self.low,
        }
    }

    fn set(&mut self, priority: TicketPriority, time: ResponseTime) {
        match priority {
            TicketPriority::Urgent => self.urgent = Some(time),
            TicketPriority::High => self.high = Some(time),
            TicketPriority::Medium => self.medium = Some(time),
            TicketPriority::Low => self.low = Some(time),
        }
    }
}

/// Reads `urgent=1h,high=4h`, as people type it.
impl FromStr for ResponseTargets {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut targets = Self::default();
        for part in text.split(',').map(str::trim).filter(|part| !part.is_empty()) {
            let (name, time) = part.split_once('=').ok_or_else(|| format!("{part:?} is no target like urgent=1h"))?;
            let priority = TicketPriority::ALL.iter().find(|priority| priority.as_str() == name);
            let priority =
                priority.ok_or_else(|| format!("there is no priority {name:?}: urgent, high, medium, low"))?;
            targets.set(*priority, time.parse().map_err(|error: ParseError| format!("{time:?} {error}"))?);
        }
        Ok(targets)
    }
}

kernel::labelled! {
    /// Whether a target was kept.
    pub enum TargetOutcome("support.target_outcome") {
        /// Answered in time.
        Met: "met", "Met", "Tenu";
        /// Answered too late, or not at all and the time is over.
        Breached: "breached", "Breached", "Dépassé";
        /// Not answered yet, and there is still time.
        Running: "running", "Running", "En cours";
        /// Over before its time without an answer: none was needed.
        Ended: "ended", "Ended", "Terminé";
        /// There is no target for its priority.
        Untargeted: "untargeted", "No target", "Sans objectif";
    }
}

/// What a ticket came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Answered {
    /// The ticket's number.
    pub number: i64,
    /// How soon it needed an answer, as said last.
    pub priority: TicketPriority,
    /// When it was opened.
    pub opened_at: DateTime<Utc>,
    /// When an agent first answered.
    pub first_answer_at: Option<DateTime<Utc>>,
    /// When it was resolved, closed or cancelled, as far as it is.
    pub ended_at: Option<DateTime<Utc>>,
    /// Whether it was answered in time.
    pub outcome: TargetOutcome,
    /// Whether it was resolved in time.
    pub resolution: TargetOutcome,
}

/// What terms come to for every priority: first responses and resolutions.
pub fn terms(first_responses: ResponseTargets, resolutions: ResponseTargets, calendar: BusinessCalendar) -> SlaTerms {
    let of =
        |priority| SlaTarget { first_response: first_responses.of(priority), resolution: resolutions.of(priority) };
    let targets = SlaTargets {
        urgent: of(TicketPriority::Urgent),
        high: of(TicketPriority::High),
        medium: of(TicketPriority::Medium),
        low: of(TicketPriority::Low),
    };
    SlaTerms { targets, calendar }
}

/// A ticket that is watched.
#[derive(Clone, Debug)]
struct Watched {
    told: Answered,
    clock: SlaClock,
    /// The business time that it had used when it was first answered.
    used_to_respond: Option<TimeDelta>,
    cancelled: bool,
}

impl Watched {
    fn opened(told: Answered, clock: SlaClock) -> Self {
        Self { told, clock, used_to_respond: None, cancelled: false }
    }

    fn answered(&mut self, at: DateTime<Utc>) {
        self.told.first_answer_at.get_or_insert(at);
        self.used_to_respond.get_or_insert(self.clock.used_at(at));
    }

    fn moved(&mut self, to: TicketStatus, at: DateTime<Utc>) {
        let over = match to {
            TicketStatus::Resolved | TicketStatus::Closed | TicketStatus::Cancelled => true,
            TicketStatus::Open | TicketStatus::InProgress | TicketStatus::WaitingCustomer => false,
        };
        self.told.ended_at = if over { self.told.ended_at.or(Some(at)) } else { None };
        self.cancelled = to == TicketStatus::Cancelled;
        let clock = self.clock.clone();
        self.clock = if runs_in(to) { clock.resumed(self.told.priority, at) } else { clock.paused(at) };
    }

    fn judged(&self, at: DateTime<Utc>) -> Answered {
        let used = self.clock.used_at(at);
        let target = |goal| self.clock.terms().targets.of(self.told.priority).of(goal);
        let over = self.told.ended_at.is_some();
        let done = if over && !self.cancelled { Some(used) } else { None };
        let outcome = judged(target(SlaGoal::FirstResponse), self.used_to_respond, used, over);
        Answered { outcome, resolution: judged(target(SlaGoal::Resolution), done, used, over), ..self.told }
    }
}

/// What a target came to: the business time until it was reached, if it was, and all that was used.
fn judged(target: Option<ResponseTime>, reached: Option<TimeDelta>, used: TimeDelta, over: bool) -> TargetOutcome {
    let Some(target) = target.map(ResponseTime::span) else { return TargetOutcome::Untargeted };
    match reached {
        Some(reached) if reached <= target => TargetOutcome::Met,
        None if used <= target => {
            if over {
                TargetOutcome::Ended
            } else {
                TargetOutcome::Running
            }
        }
        Some(_) | None => TargetOutcome::Breached,
    }
}

/// Watches what becomes of tickets: those that were opened in a span of time, against terms.
#[derive(Clone, Debug)]
pub struct FirstAnswers {
    terms: SlaTerms,
    /// Opened at this time or later, and before that.
    opened: (DateTime<Utc>, DateTime<Utc>),
    tickets: HashMap<TicketId, Watched>,
}

impl FirstAnswers {
    /// Watches the tickets that are opened from `from` on and before `to`.
    pub fn new(terms: SlaTerms, from: DateTime<Utc>, to: DateTime<Utc>) -> Self {
        Self { terms, opened: (from, to), tickets: HashMap::new() }
    }
}

impl Policy for FirstAnswers {
    type Event = Event;
    type Key = TicketId;
    type Outcome = Answered;

    fn observe(&mut self, event: &Recorded<Event>) {
        let (ticket_id, at) = (TicketId(event.stream_id), event.occurred_at);
        match &event.event {
            Event::Opened { priority, .. } => {
                if self.opened.0 <= at && at < self.opened.1 {
                    let opened = Answered {
                        number: event.number.unwrap_or_default(),
                        priority: *priority,
                        opened_at: at,
                        first_answer_at: None,
                        ended_at: None,
                        outcome: TargetOutcome::Running,
                        resolution: TargetOutcome::Running,
                    };
                    let clock = SlaClock::started(self.terms.clone(), *priority, at);
                    self.tickets.insert(ticket_id, Watched::opened(opened, clock));
                }
            }
            Event::AgentReplied { .. } => {
                if let Some(ticket) = self.tickets.get_mut(&ticket_id) {
                    ticket.answered(at);
                }
            }
            Event::StatusChanged { to, .. } => {
                if let Some(ticket) = self.tickets.get_mut(&ticket_id) {
                    ticket.moved(*to, at);
                }
            }
            Event::PriorityChanged { to, .. } => {
                if let Some(ticket) = self.tickets.get_mut(&ticket_id) {
                    ticket.told.priority = *to;
                }
            }
            Event::CustomerReplied { .. }
            | Event::InternalNoteAdded { .. }
            | Event::Assigned { .. }
            | Event::Unassigned { .. }
            | Event::CategoryChanged { .. }
            | Event::SubjectChanged { .. }
            | Event::Tagged { .. }
            | Event::Untagged { .. }
            | Event::ReadUpTo { .. }
            | Event::CsatSubmitted { .. }
            | Event::MergedInto { .. }
            | Event::AttachmentLinked { .. }
            | Event::InternalAttachmentLinked { .. }
            | Event::Unmerged { .. }
            | Event::Absorbed { .. }
            | Event::Released { .. }
            | Event::SlaClockStarted { .. }
            | Event::SlaClockPaused { .. }
            | Event::SlaClockResumed { .. }
            | Event::SlaTargetChanged { .. }
            | Event::SlaWarned { .. }
            | Event::SlaBreached { .. }
            | Event::TimerSet { .. }
            | Event::Imported { .. }
            | Event::ImportSettled { .. } => {}
            Event::ImportUndone { .. } => {
                self.tickets.remove(&ticket_id);
            }
        }
    }

    fn outcomes(&self, at: DateTime<Utc>) -> HashMap<TicketId, Answered> {
        self.tickets.iter().map(|(id, ticket)| (*id, ticket.judged(at))).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::support::ticket::{Content, Subject, Tags, TicketCategory, TicketMessageId};
    use kernel::specs::{Story, noon};
    use kernel::{ActorId, Personal};
    use proptest::prelude::*;
    use uuid::Uuid;

    const ADA: ActorId = ActorId(Uuid::from_u128(0xada));
    const TICKET: TicketId = TicketId(Uuid::from_u128(0x71c));

    fn text(text: &str) -> Personal<Content> {
        Personal::new(ADA, Content::parse(text).unwrap())
    }

    fn opened(priority: TicketPriority) -> Event {
        Event::Opened {
            subject: Personal::new(ADA, Subject::parse("Printer on fire").unwrap()),
            description: text("It burns."),
            priority,
            category: TicketCategory::Bug,
            tags: Tags::default(),
            customer_id: ADA,
        }
    }

    fn answered() -> Event {
        Event::AgentReplied {
            message_id: TicketMessageId(Uuid::from_u128(1)),
            seq: 1,
            content: text("Use water"),
            customer_id: ADA,
            first_response: true,
        }
    }

    fn moved(to: TicketStatus) -> Event {
        let from = TicketStatus::Open;
        Event::StatusChanged { from, to, reason: None, customer_id: ADA, assignee_id: None, reopen_until: None }
    }

    /// What a ticket came to: events a minute apart, asked so many minutes after the opening.
    fn outcome(target: &str, events: &[Event], asked_after: i64) -> TargetOutcome {
        let targets = ResponseTargets { urgent: target.parse().ok(), ..ResponseTargets::default() };
        let terms = terms(targets, ResponseTargets::default(), BusinessCalendar::default());
        let mut policy = FirstAnswers::new(terms, noon(), noon() + TimeDelta::days(1));
        let told = std::iter::once(opened(TicketPriority::Urgent)).chain(events.iter().cloned());
        let story = told.fold(Story::new(), |story: Story<Event>, event| story.then(TICKET, ADA, event));
        story.events().iter().for_each(|event| policy.observe(event));
        // The story's first event happens a minute after noon.
        policy.outcomes(noon() + TimeDelta::minutes(1 + asked_after))[&TICKET].outcome
    }

    #[test]
    fn an_answer_in_time_keeps_the_target_and_one_too_late_breaks_it() {
        use TargetOutcome::{Breached, Ended, Met, Running, Untargeted};
        assert_eq!(outcome("1m", &[answered()], 0), Met, "to the minute");
        let note = Event::CustomerReplied {
            message_id: TicketMessageId(Uuid::from_u128(2)),
            seq: 1,
            content: text("Still"),
            customer_id: ADA,
            assignee_id: None,
        };
        assert_eq!(outcome("1m", &[note.clone(), answered()], 9), Breached);
        assert_eq!(outcome("2m", &[note.clone(), answered(), answered()], 9), Met, "the first answer counts");
        assert_eq!((outcome("5m", std::slice::from_ref(&note), 5), outcome("5m", &[note], 6)), (Running, Breached));
        assert_eq!(outcome("5m", &[moved(TicketStatus::Cancelled)], 99), Ended, "none was needed");
        let reopened = [moved(TicketStatus::Resolved), moved(TicketStatus::Open)];
        assert_eq!(outcome("5m", &reopened, 99), Breached, "the clock went on");
        assert_eq!(outcome("never", &[], 99), Untargeted);
        let lowered = |to| Event::PriorityChanged { from: TicketPriority::Urgent, to, customer_id: ADA };
        assert_eq!(outcome("5m", &[lowered(TicketPriority::Low)], 99), Untargeted, "the last priority decides");
    }

    #[test]
    fn a_calendar_and_what_waits_for_the_customer_count_as_they_do_for_a_live_ticket() {
        use TargetOutcome::{Breached, Ended, Met, Running, Untargeted};
        use TicketStatus::{Cancelled, InProgress, Resolved, WaitingCustomer};
        let judged = |resolution: &str, calendar: serde_json::Value, events: &[Event]| {
            let targets = ResponseTargets { urgent: resolution.parse().ok(), ..ResponseTargets::default() };
            let calendar = serde_json::from_value(calendar).unwrap();
            let terms = terms(ResponseTargets::default(), targets, calendar);
            let mut policy = FirstAnswers::new(terms, noon(), noon() + TimeDelta::days(1));
            let told = std::iter::once(opened(TicketPriority::Urgent)).chain(events.iter().cloned());
            let story = told.fold(Story::new(), |story: Story<Event>, event| story.then(TICKET, ADA, event));
            story.events().iter().for_each(|event| policy.observe(event));
            policy.outcomes(noon() + TimeDelta::minutes(100))[&TICKET].resolution
        };
        let always = || serde_json::json!({});
        // Opened at minute 1, each event a minute later.
        let waits = [moved(WaitingCustomer), answered(), moved(InProgress), moved(Resolved)];
        assert_eq!(
            (judged("2m", always(), &waits), judged("1m", always(), &waits)),
            (Met, Breached),
            "it waited for two"
        );
        assert_eq!(judged("2m", always(), &waits[..1]), Running, "it still waits");
        assert_eq!(judged("2m", always(), &[moved(Cancelled)]), Ended);
        assert_eq!(judged("never", always(), &waits), Untargeted);
        assert_eq!(judged("2m", always(), &[moved(Resolved), moved(InProgress)]), Breached, "reopened, it goes on");
        let later = serde_json::json!({"time_zone": "UTC", "hours": {"monday": [{"from": "09:00", "to": "18:00"}]}});
        assert_eq!(judged("2m", later, &[]), Running, "noon of a Thursday is not in its hours");
    }

    #[test]
    fn only_tickets_of_the_span_are_judged() {
        let terms = terms(ResponseTargets::USUAL, ResponseTargets::default(), BusinessCalendar::default());
        let mut policy = FirstAnswers::new(terms, noon(), noon() + TimeDelta::minutes(2));
        let other = TicketId(Uuid::from_u128(2));
        let story = Story::new()
            .then(TICKET, ADA, opened(TicketPriority::Low))
            .then(other, ADA, opened(TicketPriority::Low))
            .then(other, ADA, answered());
        story.events().iter().for_each(|event| policy.observe(event));
        assert_eq!(policy.outcomes(noon()).into_keys().collect::<Vec<_>>(), [TICKET]);
    }

    #[test]
    fn targets_are_read_as_people_type_them() {
        let targets: ResponseTargets = "urgent=1h, high=90m,low=2d".parse().unwrap();
        let said = |time: Option<ResponseTime>| time.map(|time| time.to_string());
        assert_eq!(said(targets.urgent).as_deref(), Some("1h"));
        assert_eq!(said(targets.high).as_deref(), Some("90m"));
        assert_eq!((said(targets.medium), said(targets.low).as_deref()), (None, Some("2d")));
        for wrong in
            ["urgent", "soon=1h", "urgent=1", "urgent=0m", "urgent=366d", "urgent=1w", "urgent=-1h", "urgent=é"]
        {
            wrong.parse::<ResponseTargets>().expect_err(wrong);
        }
        let json = serde_json::to_value(targets).unwrap();
        assert_eq!(json, serde_json::json!({"urgent": "1h", "high": "90m", "medium": null, "low": "2d"}));
        assert_eq!(serde_json::from_value::<ResponseTargets>(json).unwrap(), targets);
    }

    proptest! {
        /// More time never breaks a target that less time kept.
        #[test]
        fn more_time_is_never_worse(less in 1_i64..500, more in 0_i64..500, reached in 0_i64..1_000, used in 0_i64..1_000) {
            let minutes = TimeDelta::minutes;
            let outcome = |target| {
                let reached = (reached < 900).then(|| minutes(reached.min(used)));
                judged(Some(ResponseTime(minutes(target))), reached, minutes(used), used % 7 == 0)
            };
            if outcome(less + more) == TargetOutcome::Breached {
                prop_assert_eq!(outcome(less), TargetOutcome::Breached);
            }
        }

        #[test]
        fn a_time_is_said_as_it_is_read(minutes in 1_i64..=525_600) {
            let time = ResponseTime(TimeDelta::minutes(minutes));
            prop_assert_eq!(time.to_string().parse::<ResponseTime>().unwrap(), time);
        }
    }
}
