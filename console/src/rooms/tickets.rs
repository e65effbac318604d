//! The list of tickets: filters, words, order, pages, and a word when it has changed.

use super::{Who, asked};
use crate::Console;
use crate::api::Refused;
use crate::form::link;
use crate::live;
use crate::page::{Page, Visit, html};
use crate::people::{People, agents};
use crate::show::{Choice, choices};
use axum::body::Body;
use axum::extract::State;
use axum::http::{Response, StatusCode, Uri};
use axum::routing::get;
use axum::{Extension, Router};
use chrono::{DateTime, Utc};
use domain::support::ticket::{TicketCategory, TicketPriority, TicketStatus};
use serde::Deserialize;
use std::hash::{DefaultHasher, Hash, Hasher as _};
use std::sync::Arc;
use std::time::Duration;
use uuid::Uuid;

const LIST: &str = "/v1/support/tickets";
const HERE: &str = "/console/tickets";
/// Tickets on a page.
const LIMIT: &str = "25";
/// How often somebody who looks at the list has it looked at again.
const EVERY: Duration = Duration::from_secs(2);

/// What is asked for, as it stands in the address.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Asked {
    q: String,
    status: String,
    priority: String,
    category: String,
    assignee_id: String,
    unread: String,
    sort: String,
    cursor: String,
    /// What the page shows that follows.
    seen: String,
}

impl Asked {
    fn parameters(&self) -> Vec<(&'static str, Option<&str>)> {
        vec![
            ("q", Some(self.q.trim())),
            ("status", Some(&self.status)),
            ("priority", Some(&self.priority)),
            ("category", Some(&self.category)),
            ("assignee_id", Some(&self.assignee_id)),
            ("unread", Some(&self.unread)),
            ("sort", Some(&self.sort)),
            ("cursor", Some(&self.cursor)),
        ]
    }

    /// The question to the API.
    fn question(&self) -> String {
        let mut parameters = self.parameters();
        parameters.push(("limit", Some(LIMIT)));
        link(LIST, &parameters)
    }

    /// The page with another order, or at another place.
    fn page(&self, sort: &str, cursor: &str) -> String {
        link(HERE, &Self { sort: sort.to_owned(), cursor: cursor.to_owned(), ..self.clone() }.parameters())
    }
}

/// A ticket in the list.
#[derive(Deserialize, Hash)]
struct Row {
    ticket_id: Uuid,
    ticket_number: String,
    subject: String,
    status: TicketStatus,
    priority: TicketPriority,
    category: TicketCategory,
    assignee_id: Option<Uuid>,
    unread: i32,
    updated_at: DateTime<Utc>,
}

#[derive(Deserialize)]
struct Rows {
    items: Vec<Row>,
    next_cursor: Option<String>,
}

impl Rows {
    /// A text that differs whenever another row is shown.
    fn shown(&self) -> String {
        let mut hasher = DefaultHasher::new();
        self.items.hash(&mut hasher);
        format!("{:x}", hasher.finish())
    }
}

/// A column, and where a click on its head leads.
struct Column {
    label: &'static str,
    class: &'static str,
    href: String,
    sorted: &'static str,
    arrow: &'static str,
}

#[derive(askama::Template)]
#[template(path = "tickets.html")]
struct TicketList {
    page: Page,
    asked: Asked,
    statuses: Vec<Choice>,
    priorities: Vec<Choice>,
    categories: Vec<Choice>,
    agents: Vec<Choice>,
    columns: Vec<Column>,
    tickets: Vec<Row>,
    people: People,
    live: String,
    may_open: bool,
    first: String,
    next: String,
}

pub(super) fn router() -> Router<Arc<Console>> {
    Router::new().route(HERE, get(page)).route("/console/tickets/live", get(follow))
}

async fn page(State(console): State<Arc<Console>>, Extension(visit): Who, uri: Uri) -> Response<Body> {
    visit.answer(show(&console, &visit, asked(&uri)).await)
}

async fn show(console: &Console, visit: &Visit, asked: Asked) -> Result<Response<Body>, Refused> {
    let question = asked.question();
    let (rows, agents) =
        tokio::try_join!(console.queries.get::<Rows>(&visit.caller, &question), agents(console, visit))?;
    let rows = rows.value;
    let people = People::of(console, visit, rows.items.iter().filter_map(|row| row.assignee_id)).await?;
    let mut seen = asked.parameters();
    let shown = rows.shown();
    seen.push(("seen", Some(&shown)));
    let live = link("/console/tickets/live", &seen);
    let next = rows.next_cursor.as_deref().map(|cursor| asked.page(&asked.sort, cursor));
    let template = TicketList {
        page: visit.page(visit.t().tickets),
        statuses: choices::<TicketStatus>(visit.language),
        priorities: choices::<TicketPriority>(visit.language),
        categories: choices::<TicketCategory>(visit.language),
        agents,
        columns: columns(visit, &asked),
        people,
        live,
        may_open: visit.may(super::opening::OPEN),
        first: if asked.cursor.is_empty() { String::new() } else { asked.page(&asked.sort, "") },
        next: next.unwrap_or_default(),
        tickets: rows.items,
        asked,
    };
    Ok(html(StatusCode::OK, &template))
}

/// The heads of the table. Those that the API sorts by are links that turn the order round.
fn columns(visit: &Visit, asked: &Asked) -> Vec<Column> {
    let t = visit.t();
    let plain = |label, class| Column { label, class, href: String::new(), sorted: "", arrow: "" };
    let sorted = |label, class, up: &str, down: &str| {
        let (sorted, arrow) = match asked.sort.as_str() {
            now if now == down => ("descending", " ↓"),
            now if now == up && !up.is_empty() => ("ascending", " ↑"),
            _ => ("", ""),
        };
        let to = if sorted == "descending" { up } else { down };
        Column { label, class, href: asked.page(to, ""), sorted, arrow }
    };
    vec![
        sorted(t.number, "number", "number", "-number"),
        plain(t.subject, ""),
        plain(t.status, ""),
        plain(t.priority, ""),
        plain(t.category, "optional"),
        plain(t.assignee, "optional"),
        sorted(t.updated, "when", "", "-updated_at"),
    ]
}

/// Says when the page that is shown has changed.
async fn follow(State(console): State<Arc<Console>>, Extension(visit): Who, uri: Uri) -> Response<Body> {
    let asked: Asked = asked(&uri);
    let look = live::asking::<Rows>(&console, &visit.caller, asked.question(), Rows::shown);
    let ends = visit.visitor.as_ref().map(|visitor| visitor.expires_at()).unwrap_or_default();
    live::changes(&console, asked.seen, ends, EVERY, look)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_asks_what_its_address_says_and_nothing_more() {
        let uri: Uri = "/console/tickets?q=lost+ring&status=open&evil=1&cursor=abc".parse().unwrap();
        let asked: Asked = super::asked(&uri);
        assert_eq!(asked.question(), "/v1/support/tickets?q=lost+ring&status=open&cursor=abc&limit=25");
        assert_eq!(asked.page("-number", ""), "/console/tickets?q=lost+ring&status=open&sort=-number");
    }
}
