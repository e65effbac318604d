//! Tickets counted: by status, priority, category and agent, and how soon they were answered and resolved.

use crate::description;
use crate::detail::table;
use crate::parameters::{Parameters, invalid};
use crate::reading::{CHECKPOINT, Services, timed};
use crate::routes::Asking;
use axum::Json;
use axum::body::Body;
use axum::http::{HeaderValue, Response, StatusCode};
use axum::response::IntoResponse;
use chrono::{DateTime, Utc};
use event_store::tenant;
use kernel::{Reach, ReadModel as _, Scope, TenantId};
use platform::Problem;
use platform::headers::POSITION;
use platform::openapi::Operation;
use platform::request_log::RequestLog;
use read_models::support::Tickets;
use serde::{Deserialize, Serialize};
use sqlx::Row;
use std::collections::BTreeMap;
use std::sync::Arc;
use utoipa::ToSchema;
use uuid::Uuid;

const NAME: &str = "support.get_ticket_statistics";
const SCOPE: Scope = Scope::new("support.ticket:work");

/// How long something took, over the tickets where it happened. Null where there is none.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub(super) struct Took {
    /// How many tickets.
    tickets: i64,
    /// Seconds on average.
    average_s: Option<f64>,
    /// Half of them took no longer, in seconds.
    median_s: Option<f64>,
    /// Nine in ten took no longer, in seconds.
    p90_s: Option<f64>,
}

/// Tickets that were opened in a period, counted as they stand now. Those that were merged into another one count there.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub(super) struct TicketStatistics {
    /// All of them.
    total: i64,
    /// How many stand at each status; none is left out.
    by_status: BTreeMap<String, i64>,
    /// By priority.
    by_priority: BTreeMap<String, i64>,
    /// By category.
    by_category: BTreeMap<String, i64>,
    /// By who is responsible; `none` for nobody.
    by_assignee: BTreeMap<String, i64>,
    /// By the day on which they were opened, UTC, for the last 366 days of the period.
    by_day: BTreeMap<String, i64>,
    /// From opening to the first answer of an agent.
    first_response: Took,
    /// From opening to the resolution that stands.
    resolution: Took,
    /// The customers' satisfaction, 1 to 5; null where nobody has said anything.
    csat_average: Option<f64>,
    /// How many have said it.
    csat_count: i64,
}

/// Which tickets.
#[derive(Default)]
pub(super) struct Period {
    pub(super) from: Option<DateTime<Utc>>,
    pub(super) to: Option<DateTime<Utc>>,
    pub(super) assignee: Option<Uuid>,
}

/// The statistics, and the position at which they hold.
pub(super) async fn statistics(
    services: &Services,
    tenant_id: TenantId,
    period: &Period,
    log: &RequestLog,
) -> Result<(TicketStatistics, i64), Problem> {
    let counted = |column: &str| {
        format!(
            "(select coalesce(json_object_agg(k, n), '{{}}') from (select coalesce({column}::text, 'none') as k, count(*) as n from chosen group by 1) c)"
        )
    };
    let took = |column: &str| {
        format!(
            "(select json_build_object('tickets', count(*), 'average_s', avg(s), \
             'median_s', percentile_cont(0.5) within group (order by s), \
             'p90_s', percentile_cont(0.9) within group (order by s)) \
             from (select extract(epoch from {column} - created_at)::float8 as s from chosen where {column} is not null) c)"
        )
    };
    let sql = format!(
        "with chosen as materialized (select t.status, t.priority, t.category, t.assignee_id, t.created_at, \
         t.first_response_at, t.resolved_at, t.csat_score from {} t where t.tenant_id = caller.tenant_id \
         and t.merged_into is null and ($3::timestamptz is null or t.created_at >= $3) \
         and ($4::timestamptz is null or t.created_at < $4) and ($5::uuid is null or t.assignee_id = $5)) \
         select {CHECKPOINT} as position, json_build_object('total', (select count(*) from chosen), \
         'by_status', {}, 'by_priority', {}, 'by_category', {}, 'by_assignee', {}, \
         'by_day', (select coalesce(json_object_agg(k, n), '{{}}') from (select (created_at at time zone 'UTC')::date as k, \
         count(*) as n from chosen group by 1 order by 1 desc limit 366) c), \
         'first_response', {}, 'resolution', {}, 'csat_average', (select avg(csat_score)::float8 from chosen), \
         'csat_count', (select count(csat_score) from chosen))::text as told",
        table::<Tickets>(),
        counted("status"),
        counted("priority"),
        counted("category"),
        counted("assignee_id"),
        took("first_response_at"),
        took("resolved_at"),
    );
    let query =
        tenant::query(tenant_id, &sql).bind(Tickets::NAME).bind(period.from).bind(period.to).bind(period.assignee);
    let row = timed(log, query.fetch_one(&services.pool)).await?;
    let mut told: TicketStatistics = serde_json::from_str(row.get(1)).map_err(|error| Problem::internal(&error))?;
    fill::<domain::support::ticket::TicketStatus>(&mut told.by_status);
    fill::<domain::support::ticket::TicketPriority>(&mut told.by_priority);
    fill::<domain::support::ticket::TicketCategory>(&mut told.by_category);
    Ok((told, row.get::<Option<i64>, _>(0).unwrap_or_default()))
}

/// Says 0 where there is nothing to count.
fn fill<L: kernel::Labelled>(counts: &mut BTreeMap<String, i64>) {
    for value in L::ALL {
        counts.entry(value.as_str().to_owned()).or_default();
    }
}

pub(super) async fn answer(services: Arc<Services>, asking: Asking) -> Result<Response<Body>, Problem> {
    let identity = services.authorize(&asking.headers, SCOPE, NAME, &asking.log).await?;
    let mut parameters = Parameters::parse(asking.uri.query())?;
    let min_position = parameters.min_position()?;
    let period = Period {
        from: parameters.time("from")?,
        to: parameters.time("to")?,
        assignee: parameters.take_as("assignee_id", "a UUID")?,
    };
    parameters.finish(&["from", "to", "assignee_id", "min_position"])?;
    if period.from.zip(period.to).is_some_and(|(from, to)| from > to) {
        return Err(invalid("to").detail("it is before `from`"));
    }
    services.wait(Tickets::NAME, min_position).await?;
    let (told, position) = statistics(&services, identity.tenant_id, &period, &asking.log).await?;
    let mut response = Json(told).into_response();
    response.headers_mut().insert(POSITION, HeaderValue::from(position));
    Ok(response)
}

pub(super) fn describe(path: &str) -> Operation {
    description::operation(path, NAME)
        .docs("Tickets counted: by status, priority, category, agent and day, and how soon they were answered and resolved.")
        .query_parameter::<String>("from", false, "Opened at this RFC 3339 time or later.")
        .query_parameter::<String>("to", false, "Opened before this time.")
        .query_parameter::<String>("assignee_id", false, "Only those of this agent.")
        .response::<TicketStatistics>(StatusCode::OK, "The numbers.")
        .bearer(Some(SCOPE.as_str()))
        .reach(Reach::All)
}
