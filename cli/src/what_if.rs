//! `sillage what-if`: questions to history, answered on the database and changing nothing.

use crate::arguments::OnDatabase;
use crate::events::Moment;
use crate::failure::Failure;
use crate::operator::{open, unreadable};
use crate::terminal::{print, table};
use chrono::{DateTime, Utc};
use clap::{Args, Subcommand};
use domain::support::business_calendar::BusinessCalendar;
use domain::support::response_targets::{ResponseTargets, ResponseTime};
use kernel::{Labelled as _, TenantId};
use projector::sandbox::SandboxError;
use query_api::{TargetCounts, TicketTargetsAnswer, TicketTargetsQuestion, what_if_ticket_targets};
use uuid::Uuid;

#[derive(Subcommand, Debug)]
pub(crate) enum WhatIfCommand {
    /// Would these response-time targets have been breached? Over HTTP: `POST /v1/support/what-if/ticket-targets`.
    TicketTargets(Box<TicketTargets>),
}

#[derive(Args, Debug)]
pub(crate) struct TicketTargets {
    /// Whose tickets.
    #[arg(long, value_name = "UUID")]
    tenant: Uuid,
    /// Tickets that were opened at this time or later.
    #[arg(long, value_name = "TIME|DATE")]
    from: Moment,
    /// Tickets that were opened before this time; now unless given.
    #[arg(long, value_name = "TIME|DATE")]
    to: Option<Moment>,
    /// The targets to try: urgent=1h,high=4h,medium=8h,low=2d. A priority that is left out has none.
    #[arg(long, value_name = "TARGETS")]
    targets: ResponseTargets,
    /// The targets to compare with: urgent=1h,high=4h,medium=8h,low=1d unless given.
    #[arg(long, value_name = "TARGETS")]
    baseline: Option<ResponseTargets>,
    /// The targets for resolutions to try; none unless given.
    #[arg(long, value_name = "TARGETS", default_value = "")]
    resolutions: ResponseTargets,
    /// Those to compare with; the same unless given.
    #[arg(long, value_name = "TARGETS")]
    baseline_resolutions: Option<ResponseTargets>,
    /// The calendar to try, in JSON, as the API takes it. Every hour of every day unless given.
    #[arg(long, value_name = "JSON", value_parser = calendar)]
    calendar: Option<BusinessCalendar>,
    /// The calendar to compare with; every hour of every day unless given.
    #[arg(long, value_name = "JSON", value_parser = calendar)]
    baseline_calendar: Option<BusinessCalendar>,
    /// How many of the differing tickets are named.
    #[arg(long, value_name = "N", default_value_t = 20)]
    limit: usize,
    /// One JSON document instead of tables.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    on: OnDatabase,
}

/// Does what is asked for.
pub(crate) async fn run(command: &WhatIfCommand) -> Result<(), Failure> {
    let WhatIfCommand::TicketTargets(asked) = command;
    let question = TicketTargetsQuestion {
        from: time(asked.from)?,
        to: asked.to.map(time).transpose()?,
        targets: asked.targets,
        baseline: asked.baseline,
        resolutions: asked.resolutions,
        baseline_resolutions: asked.baseline_resolutions,
        calendar: asked.calendar.clone().unwrap_or_default(),
        baseline_calendar: asked.baseline_calendar.clone().unwrap_or_default(),
        limit: Some(asked.limit),
    };
    let now = Utc::now();
    if question.from >= question.to.unwrap_or(now) {
        return Err(Failure::usage("the span is empty: --from must be before --to, or before now"));
    }
    let opened = open(&asked.on).await?;
    opened.progress.say("running both sets of targets over history");
    let log = opened.log();
    let answered = async {
        let head = log.durable_head().await.map_err(unreadable)?.position;
        let asked = what_if_ticket_targets(&log, TenantId(asked.tenant), &question, (head, now), u64::MAX);
        asked.await.map_err(|error| match error {
            SandboxError::Read(error) => unreadable(error),
            error => Failure::failed("the question cannot be answered").because(error),
        })
    };
    let answered = answered.await;
    opened.close().await;
    let answered = answered?;
    if asked.json {
        print(&serde_json::to_string_pretty(&answered).unwrap_or_default());
    } else {
        tell(&answered);
    }
    Ok(())
}

fn calendar(text: &str) -> Result<BusinessCalendar, String> {
    serde_json::from_str(text).map_err(|error| error.to_string())
}

fn time(moment: Moment) -> Result<DateTime<Utc>, Failure> {
    match moment {
        Moment::Time(time) => Ok(time),
        Moment::Position(_) => Err(Failure::usage("a span is between times, like 2026-03-01, not positions")),
    }
}

fn tell(answered: &TicketTargetsAnswer) {
    print(&format!(
        "Tickets opened from {} to {}, judged at {}, {} events",
        answered.from.format("%F %T"),
        answered.to.format("%F %T"),
        answered.judged_at.format("%F %T"),
        answered.events
    ));
    let side = |counts: &TargetCounts| {
        let target = counts.target.map_or_else(|| "-".to_owned(), |target: ResponseTime| target.to_string());
        [target, counts.met.to_string(), counts.breached.to_string(), (counts.running + counts.ended).to_string()]
    };
    let rows: Vec<[String; 10]> = answered
        .priorities
        .iter()
        .map(|one| {
            let [target, met, breached, open] = side(&one.tried);
            let [usual, usual_met, usual_breached, usual_open] = side(&one.baseline);
            let (name, tickets) = (one.priority.as_str().to_owned(), one.tickets.to_string());
            [name, tickets, target, met, breached, open, usual, usual_met, usual_breached, usual_open]
        })
        .collect();
    let headings = ["PRIORITY", "TICKETS", "TRIED", "MET", "BREACHED", "OTHER", "BASELINE", "MET", "BREACHED", "OTHER"];
    print(&table(headings, &rows));
    if answered.differing_count == 0 {
        print("No ticket comes to anything else.");
        return;
    }
    print(&format!(
        "\n{} tickets come to something else; {} of them:",
        answered.differing_count,
        answered.differing.len()
    ));
    let rows: Vec<[String; 6]> = answered
        .differing
        .iter()
        .map(|one| {
            [
                one.ticket_number.clone(),
                one.priority.as_str().to_owned(),
                one.opened_at.format("%F %T").to_string(),
                one.first_response_at.map_or_else(|| "-".to_owned(), |at| at.format("%F %T").to_string()),
                one.tried.as_str().to_owned(),
                one.baseline.as_str().to_owned(),
            ]
        })
        .collect();
    print(&table(["TICKET", "PRIORITY", "OPENED", "ANSWERED", "TRIED", "BASELINE"], &rows));
}
