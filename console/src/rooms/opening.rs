//! Opening a ticket: for oneself, or as an agent for a customer.

use super::Who;
use super::ticket::{WORK, tags};
use crate::Console;
use crate::api::Refused;
use crate::form::{Form, link};
use crate::page::{Page, Visit, html, on};
use crate::people::customers;
use crate::show::{Choice, choices};
use axum::body::Body;
use axum::extract::State;
use axum::http::{Response, StatusCode};
use axum::routing::get;
use axum::{Extension, Router};
use domain::support::ticket::{TicketCategory, TicketPriority};
use serde_json::{Value, json};
use std::sync::Arc;
use uuid::Uuid;

/// Opens tickets.
pub(crate) const OPEN: &str = "support.ticket:open";
const HERE: &str = "/console/tickets/new";
const TICKETS: &str = "/v1/support/tickets";

/// What was written, as long as it could not be sent.
struct Draft {
    subject: String,
    description: String,
    priority: String,
    category: String,
    tags: String,
    customer: String,
}

#[derive(askama::Template)]
#[template(path = "open_ticket.html")]
struct OpenTicket {
    page: Page,
    draft: Draft,
    priorities: Vec<Choice>,
    categories: Vec<Choice>,
    /// For whom an agent can open it.
    customers: Vec<Choice>,
    works: bool,
    /// By what a repeat of the form is known.
    key: Uuid,
}

pub(super) fn router() -> Router<Arc<Console>> {
    Router::new().route(HERE, get(page).post(open))
}

impl Draft {
    fn empty() -> Self {
        let (priority, category) = (TicketPriority::default().to_string(), TicketCategory::default().to_string());
        let nothing = String::new;
        Self { subject: nothing(), description: nothing(), priority, category, tags: nothing(), customer: nothing() }
    }

    fn of(form: &Form) -> Self {
        let text = |name| form.text(name).to_owned();
        Self {
            subject: text("subject"),
            description: text("description"),
            priority: text("priority"),
            category: text("category"),
            tags: text("tags"),
            customer: text("customer_id"),
        }
    }

    /// What the API is asked for.
    fn command(&self) -> Value {
        let mut body = json!({
            "subject": self.subject,
            "description": self.description,
            "priority": self.priority,
            "category": self.category,
            "tags": tags(&self.tags),
        });
        if !self.customer.is_empty() {
            body["customer_id"] = json!(self.customer);
        }
        body
    }
}

async fn page(State(console): State<Arc<Console>>, Extension(visit): Who) -> Response<Body> {
    visit.answer(show(&console, &visit, Draft::empty(), None).await)
}

async fn show(
    console: &Console,
    visit: &Visit,
    draft: Draft,
    refused: Option<Refused>,
) -> Result<Response<Body>, Refused> {
    if !visit.may(OPEN) {
        return Err(Refused::not_allowed());
    }
    let status = refused.as_ref().map_or(StatusCode::OK, |refused| refused.status);
    let template = OpenTicket {
        page: Page { refused, ..visit.page(visit.t().new_ticket) },
        draft,
        priorities: choices::<TicketPriority>(visit.language),
        categories: choices::<TicketCategory>(visit.language),
        customers: customers(console, visit).await?,
        works: visit.may(WORK),
        key: Uuid::new_v4(),
    };
    Ok(html(status, &template))
}

async fn open(State(console): State<Arc<Console>>, Extension(visit): Who, body: Body) -> Response<Body> {
    let done = async {
        let form = Form::read(body).await?;
        let draft = Draft::of(&form);
        match console.commands.post(&visit.caller, TICKETS, &draft.command(), form.filled("key")).await {
            Ok(done) => {
                let position = done.position.map(|position| position.to_string());
                let page = done.id.map_or_else(|| "/console/tickets".to_owned(), |id| format!("/console/tickets/{id}"));
                Ok(on(&link(&page, &[("min_position", position.as_deref())])))
            }
            // What was written is not lost.
            Err(refused) if !refused.asks_to_sign_in() => show(&console, &visit, draft, Some(refused)).await,
            Err(refused) => Err(refused),
        }
    };
    visit.answer(done.await)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_form_says_what_is_opened_for_whom() {
        let form = Form::read(Body::from(
            "subject=Lost+ring&description=Gone.%0D%0AIn+March.&priority=high&category=other&tags=a%2C+b+c+%2C%2C&customer_id=",
        ));
        let own = Draft::of(&form.await.unwrap()).command();
        let expected = json!({
            "subject": "Lost ring", "description": "Gone.\nIn March.", "priority": "high", "category": "other", "tags": ["a", "b c"],
        });
        assert_eq!(own, expected);
        let form = Form::read(Body::from("subject=Lost+ring&description=x&customer_id=7")).await.unwrap();
        let other = Draft::of(&form).command();
        assert_eq!((&other["customer_id"], &other["tags"]), (&json!("7"), &json!([])));
        let usual = Draft::empty().command();
        assert_eq!((&usual["priority"], &usual["category"]), (&json!("medium"), &json!("technical")));
    }
}
