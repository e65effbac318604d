//! The support desk at a glance: how many tickets wait, how many come, how soon they are answered.

use super::Who;
use crate::Console;
use crate::api::Refused;
use crate::form::link;
use crate::page::{Page, Visit, html};
use crate::show::span;
use axum::body::Body;
use axum::extract::State;
use axum::http::{Response, StatusCode};
use axum::routing::get;
use axum::{Extension, Router};
use chrono::{DateTime, Days, NaiveDate, TimeDelta, Utc};
use futures_util::future::try_join_all;
use serde::Deserialize;
use serde_json::json;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Days of the first chart.
const DAYS: u64 = 30;
/// Weeks of the second.
const WEEKS: i64 = 8;

#[derive(Deserialize)]
struct Took {
    median_s: Option<f64>,
    p90_s: Option<f64>,
}

#[derive(Deserialize)]
struct Statistics {
    by_status: BTreeMap<String, i64>,
    by_priority: BTreeMap<String, i64>,
    by_day: BTreeMap<String, i64>,
    first_response: Took,
    csat_average: Option<f64>,
}

/// A number that leads to what it counts.
struct Number {
    value: String,
    label: &'static str,
    href: String,
}

/// A chart, and the same as a table.
struct Chart {
    title: &'static str,
    about: &'static str,
    /// What the script draws.
    series: String,
    columns: Vec<&'static str>,
    rows: Vec<Vec<String>>,
}

#[derive(askama::Template)]
#[template(path = "desk.html")]
struct Desk {
    page: Page,
    numbers: Vec<Number>,
    charts: [Chart; 2],
}

pub(super) fn router() -> Router<Arc<Console>> {
    Router::new().route("/console/desk", get(page))
}

async fn page(State(console): State<Arc<Console>>, Extension(visit): Who) -> Response<Body> {
    visit.answer(show(&console, &visit, Utc::now()).await)
}

/// The tickets that were opened in a stretch of time, counted.
async fn between(
    console: &Console,
    visit: &Visit,
    from: Option<DateTime<Utc>>,
    to: Option<DateTime<Utc>>,
) -> Result<Statistics, Refused> {
    let text = |at: Option<DateTime<Utc>>| at.map(|at| at.format("%Y-%m-%dT%H:%M:%SZ").to_string());
    let (from, to) = (text(from), text(to));
    let path = link("/v1/support/tickets/stats", &[("from", from.as_deref()), ("to", to.as_deref())]);
    Ok(console.queries.get(&visit.caller, &path).await?.value)
}

async fn show(console: &Console, visit: &Visit, now: DateTime<Utc>) -> Result<Response<Body>, Refused> {
    let weeks: Vec<(DateTime<Utc>, DateTime<Utc>)> =
        (0..WEEKS).rev().map(|ago| (now - TimeDelta::weeks(ago + 1), now - TimeDelta::weeks(ago))).collect();
    let lately = now - TimeDelta::days(DAYS.cast_signed());
    let asked = weeks.iter().map(|(from, to)| between(console, visit, Some(*from), Some(*to)));
    let (all, lately, by_week) = tokio::try_join!(
        between(console, visit, None, None),
        between(console, visit, Some(lately), None),
        try_join_all(asked)
    )?;
    let template = Desk {
        page: visit.page(visit.t().desk),
        numbers: numbers(visit, &all, &lately),
        charts: [per_day(visit, &lately, now.date_naive()), answers(visit, &weeks, &by_week)],
    };
    Ok(html(StatusCode::OK, &template))
}

fn numbers(visit: &Visit, all: &Statistics, lately: &Statistics) -> Vec<Number> {
    let t = visit.t();
    let tickets = |name: &str, value: &str| link("/console/tickets", &[(name, Some(value))]);
    let count = |counts: &BTreeMap<String, i64>, key: &str| counts.get(key).copied().unwrap_or_default().to_string();
    let at = |status: &'static str, label| Number {
        value: count(&all.by_status, status),
        label,
        href: tickets("status", status),
    };
    let took = |seconds: Option<f64>| seconds.map_or_else(|| "—".to_owned(), span);
    vec![
        at("open", t.open_now),
        at("in_progress", t.in_progress_now),
        at("waiting_customer", t.waiting_now),
        Number { value: count(&all.by_priority, "urgent"), label: t.urgent_ever, href: tickets("priority", "urgent") },
        Number { value: took(lately.first_response.median_s), label: t.median_answer, href: "#answers".to_owned() },
        Number {
            value: lately.csat_average.map_or_else(|| "—".to_owned(), |score| format!("{score:.1} / 5")),
            label: t.satisfaction_lately,
            href: tickets("status", "closed"),
        },
    ]
}

fn per_day(visit: &Visit, lately: &Statistics, today: NaiveDate) -> Chart {
    let t = visit.t();
    let days = (0..DAYS).rev().filter_map(|ago| today.checked_sub_days(Days::new(ago)));
    let counts = days.map(|day| (day, lately.by_day.get(&day.to_string()).copied().unwrap_or_default()));
    let counts: Vec<(NaiveDate, i64)> = counts.collect();
    let at = |day: &NaiveDate| day.and_time(chrono::NaiveTime::MIN).and_utc().timestamp();
    let series = json!({
        "kind": "bars",
        "label": t.day,
        "x": counts.iter().map(|(day, _)| at(day)).collect::<Vec<_>>(),
        "series": [{ "label": t.tickets, "values": counts.iter().map(|(_, count)| count).collect::<Vec<_>>() }],
    });
    Chart {
        title: t.tickets_per_day,
        about: t.last_30_days,
        series: series.to_string(),
        columns: vec![t.day, t.tickets],
        rows: counts.iter().rev().map(|(day, count)| vec![day.to_string(), count.to_string()]).collect(),
    }
}

fn answers(visit: &Visit, weeks: &[(DateTime<Utc>, DateTime<Utc>)], by_week: &[Statistics]) -> Chart {
    let t = visit.t();
    let minutes = |pick: fn(&Took) -> Option<f64>| -> Vec<Option<f64>> {
        by_week.iter().map(|week| pick(&week.first_response).map(|seconds| (seconds / 6.0).round() / 10.0)).collect()
    };
    let series = json!({
        "kind": "lines",
        "label": t.week_until,
        "unit": "min",
        "x": weeks.iter().map(|(_, to)| to.timestamp()).collect::<Vec<_>>(),
        "series": [
            { "label": t.median, "values": minutes(|took| took.median_s) },
            { "label": t.nine_in_ten, "values": minutes(|took| took.p90_s) },
        ],
    });
    let took = |seconds: Option<f64>| seconds.map_or_else(|| "—".to_owned(), span);
    let row = |((_, to), week): (&(DateTime<Utc>, DateTime<Utc>), &Statistics)| {
        vec![to.date_naive().to_string(), took(week.first_response.median_s), took(week.first_response.p90_s)]
    };
    Chart {
        title: t.first_answers,
        about: t.last_8_weeks,
        series: series.to_string(),
        columns: vec![t.week_until, t.median, t.nine_in_ten],
        rows: weeks.iter().zip(by_week).rev().map(row).collect(),
    }
}
