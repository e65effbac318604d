//! Would these targets have been breached? Two sets of targets and calendars over the same history, and where they differ.

use crate::analyst::READ;
use crate::as_of::read_problem;
use crate::parameters::{Parameters, invalid};
use crate::reading::Services;
use crate::routes::Asking;
use axum::body::{Body, Bytes};
use axum::http::{Method, Response, StatusCode};
use axum::response::IntoResponse;
use axum::{Json, http::HeaderValue};
use chrono::{DateTime, TimeDelta, Utc};
use domain::support::business_calendar::BusinessCalendar;
use domain::support::response_targets::{Answered, FirstAnswers, ResponseTargets, ResponseTime, TargetOutcome, terms};
use domain::support::sla_terms::{SlaGoal, SlaTargets};
use domain::support::ticket::{TicketId, TicketNumber, TicketPriority};
use event_store::{Log, ReadError};
use kernel::{Position, Reach, TenantId};
use platform::Problem;
use platform::headers::POSITION;
use platform::openapi::Operation;
use projector::sandbox::{self, Difference, Outcomes, SandboxError, Stretch};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::sync::Arc;
use utoipa::ToSchema;

const NAME: &str = "support.what_if_ticket_targets";
/// Events that one answer over HTTP looks at.
const MOST_EVENTS: u64 = 200_000;
/// Tickets that one answer names unless told otherwise, and at most.
const LIMIT: usize = 100;
const MOST_TICKETS: usize = 1_000;
/// Devices' clocks are wrong: an event that occurred in a span is looked for so long before it, too.
const SLACK: TimeDelta = TimeDelta::days(1);

/// What is asked.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TicketTargetsQuestion {
    /// Tickets that were opened at this time or later.
    pub from: DateTime<Utc>,
    /// Tickets that were opened before this time; now unless given.
    #[serde(default)]
    pub to: Option<DateTime<Utc>>,
    /// The targets that are tried.
    pub targets: ResponseTargets,
    /// The targets that they are compared with; the usual ones unless given: an hour, four, eight, a day.
    #[serde(default)]
    pub baseline: Option<ResponseTargets>,
    /// The targets for resolutions that are tried; none unless given.
    #[serde(default)]
    pub resolutions: ResponseTargets,
    /// Those that they are compared with; the same unless given.
    #[serde(default)]
    pub baseline_resolutions: Option<ResponseTargets>,
    /// The calendar that is tried; every hour of every day unless given.
    #[serde(default)]
    pub calendar: BusinessCalendar,
    /// The one that it is compared with; every hour of every day unless given.
    #[serde(default)]
    pub baseline_calendar: BusinessCalendar,
    /// How many of the differing tickets are named, up to 1,000; 100 unless given.
    #[serde(default)]
    pub limit: Option<usize>,
}

/// What came of it.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct TicketTargetsAnswer {
    /// The first moment of the span.
    pub from: DateTime<Utc>,
    /// The end of the span.
    pub to: DateTime<Utc>,
    /// The moment at which it was judged: what is unanswered by then is running or breached.
    pub judged_at: DateTime<Utc>,
    /// The position up to which the log was looked at.
    pub as_of_position: i64,
    /// Events that were looked at.
    pub events: u64,
    /// Per priority, the most urgent first.
    pub priorities: Vec<PriorityTargets>,
    /// Tickets that come to something else, all of them.
    pub differing_count: usize,
    /// The first of them, by number.
    pub differing: Vec<DifferingTicket>,
}

/// The tickets of one priority.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct PriorityTargets {
    /// The priority.
    pub priority: TicketPriority,
    /// Tickets that were opened in the span.
    pub tickets: usize,
    /// Under the targets that are tried.
    pub tried: TargetCounts,
    /// Under the targets that they are compared with.
    pub baseline: TargetCounts,
    /// Their resolutions under the targets that are tried.
    pub tried_resolution: TargetCounts,
    /// Their resolutions under the targets that they are compared with.
    pub baseline_resolution: TargetCounts,
}

/// What tickets came to under one target.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct TargetCounts {
    /// The target; null where there is none.
    pub target: Option<ResponseTime>,
    /// Answered, or resolved, in time.
    pub met: usize,
    /// Too late, or not at all and the time is over.
    pub breached: usize,
    /// Not yet, and there is still time.
    pub running: usize,
    /// Over before the time without it.
    pub ended: usize,
}

/// A ticket that comes to something else.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct DifferingTicket {
    /// The ticket.
    pub ticket_id: TicketId,
    /// Its number as people say it.
    pub ticket_number: String,
    /// How soon it needed an answer.
    pub priority: TicketPriority,
    /// When it was opened.
    pub opened_at: DateTime<Utc>,
    /// When an agent first answered.
    pub first_response_at: Option<DateTime<Utc>>,
    /// What it comes to under the targets that are tried.
    pub tried: TargetOutcome,
    /// What it comes to under the targets that they are compared with.
    pub baseline: TargetOutcome,
    /// What its resolution comes to under the targets that are tried.
    pub tried_resolution: TargetOutcome,
    /// What its resolution comes to under the targets that they are compared with.
    pub baseline_resolution: TargetOutcome,
}

/// Answers the question over a tenant's history up to a position, looking at most at so many events. Writes nothing.
///
/// # Errors
/// The log cannot be read, or there are more events.
pub async fn ask(
    log: &Log,
    tenant_id: TenantId,
    question: &TicketTargetsQuestion,
    (up_to, now): (Position, DateTime<Utc>),
    most: u64,
) -> Result<TicketTargetsAnswer, SandboxError> {
    let (from, to) = (question.from, question.to.unwrap_or(now));
    let after = log.position_at(from - SLACK).await?;
    let baseline = question.baseline.unwrap_or(ResponseTargets::USUAL);
    let baseline_resolutions = question.baseline_resolutions.unwrap_or(question.resolutions);
    let tried = terms(question.targets, question.resolutions, question.calendar.clone());
    let compared = terms(baseline, baseline_resolutions, question.baseline_calendar.clone());
    let (tried_targets, baseline_targets) = (tried.targets, compared.targets);
    let watch = |terms| FirstAnswers::new(terms, from, to);
    let stretch = Stretch { tenant_id, after, up_to, most };
    let outcomes = sandbox::run(log, stretch, now, watch(tried), watch(compared)).await?;
    let mut differing = outcomes.differences();
    differing.sort_by_key(|one| one.tried.map(|ticket| (ticket.number, one.key.0)));
    let limit = question.limit.unwrap_or(LIMIT).min(MOST_TICKETS);
    Ok(TicketTargetsAnswer {
        from,
        to,
        judged_at: now,
        as_of_position: up_to.0,
        events: outcomes.events,
        priorities: [TicketPriority::Urgent, TicketPriority::High, TicketPriority::Medium, TicketPriority::Low]
            .map(|priority| counted(&outcomes, priority, &tried_targets, &baseline_targets))
            .into(),
        differing_count: differing.len(),
        differing: differing.iter().take(limit).filter_map(named).collect(),
    })
}

fn counted(
    outcomes: &Outcomes<TicketId, Answered>,
    priority: TicketPriority,
    tried: &SlaTargets,
    baseline: &SlaTargets,
) -> PriorityTargets {
    let counts = |all: &HashMap<TicketId, Answered>, targets: &SlaTargets, goal| {
        let came_to = |one: &Answered| match goal {
            SlaGoal::FirstResponse => one.outcome,
            SlaGoal::Resolution => one.resolution,
        };
        let of = |outcome| all.values().filter(|one| one.priority == priority && came_to(one) == outcome).count();
        TargetCounts {
            target: targets.of(priority).of(goal),
            met: of(TargetOutcome::Met),
            breached: of(TargetOutcome::Breached),
            running: of(TargetOutcome::Running),
            ended: of(TargetOutcome::Ended),
        }
    };
    PriorityTargets {
        priority,
        tickets: outcomes.tried.values().filter(|ticket| ticket.priority == priority).count(),
        tried: counts(&outcomes.tried, tried, SlaGoal::FirstResponse),
        baseline: counts(&outcomes.baseline, baseline, SlaGoal::FirstResponse),
        tried_resolution: counts(&outcomes.tried, tried, SlaGoal::Resolution),
        baseline_resolution: counts(&outcomes.baseline, baseline, SlaGoal::Resolution),
    }
}

fn named(difference: &Difference<TicketId, Answered>) -> Option<DifferingTicket> {
    let (tried, baseline) = (difference.tried?, difference.baseline?);
    Some(DifferingTicket {
        ticket_id: difference.key,
        ticket_number: TicketNumber(tried.number).to_string(),
        priority: tried.priority,
        opened_at: tried.opened_at,
        first_response_at: tried.first_answer_at,
        tried: tried.outcome,
        baseline: baseline.outcome,
        tried_resolution: tried.resolution,
        baseline_resolution: baseline.resolution,
    })
}

/// `POST /v1/support/what-if/ticket-targets`
pub(super) async fn answer(services: Arc<Services>, asking: Asking, body: Bytes) -> Result<Response<Body>, Problem> {
    let identity = services.authorize(&asking.headers, READ, NAME, &asking.log).await?;
    Parameters::parse(asking.uri.query())?.finish(&[])?;
    let question: TicketTargetsQuestion = platform::json::parse(&asking.headers, &body)?;
    let now = Utc::now();
    if question.from >= question.to.unwrap_or(now) {
        return Err(invalid("from").detail("the span is empty: `from` must be before `to`, or before now"));
    }
    let head = services.log.durable_head().await.map_err(|error| read_problem(&error))?.position;
    asking.log.position(head);
    let answered =
        ask(&services.log, identity.tenant_id, &question, (head, now), MOST_EVENTS).await.map_err(problem)?;
    let mut response = Json(answered).into_response();
    response.headers_mut().insert(POSITION, HeaderValue::from(head.0));
    Ok(response)
}

fn problem(error: SandboxError) -> Problem {
    match error {
        SandboxError::Read(error @ (ReadError::Archived(_) | ReadError::Database(_) | ReadError::Damaged(_))) => {
            read_problem(&error)
        }
        SandboxError::Decode { .. } => Problem::internal(&error),
        SandboxError::TooMany(most) => {
            Problem::new(StatusCode::NOT_IMPLEMENTED, "what_if_too_large", "There is too much history for one answer")
                .detail(format!("there are more than {most} events"))
                .remedy("Ask for a shorter span, or run `sillage what-if ticket-targets` on the database.")
        }
    }
}

/// Its description.
pub(super) fn describe(path: &str) -> Operation {
    let docs = "Would these response-time targets have been breached?\n\n\
        Runs two sets of targets over the tickets that were opened in a span of time, in a sandbox, and says per priority \
        what they come to and which tickets differ. Changes nothing. The clock is that of the live tickets: it counts the hours \
        of the calendar, from the opening to the first public answer of an agent and to the resolution, and stands while a \
        ticket waits for its customer; a ticket that ended unanswered before its time counts as `ended`.";
    Operation::new(Method::POST, path, NAME)
        .docs(docs)
        .reach(Reach::All)
        .body::<TicketTargetsQuestion>()
        .component::<TargetOutcome>()
        .response::<TicketTargetsAnswer>(StatusCode::OK, "What they come to.")
        .response_header::<i64>(StatusCode::OK, "X-Position", "The position up to which the log was looked at.")
        .problem(StatusCode::BAD_REQUEST, "The question is malformed, or its span is empty.")
        .problem(StatusCode::UNPROCESSABLE_ENTITY, "A target or a time is none.")
        .problem(StatusCode::GONE, "`log_archived`: that part of the log, up to `archived_up_to`, is in an archive.")
        .problem(StatusCode::NOT_IMPLEMENTED, "`what_if_too_large`: there is too much history for one answer.")
        .bearer(Some(READ.as_str()))
}
