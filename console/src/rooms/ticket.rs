//! One ticket: what is said, what it stands at, and what its reader does about it.

use super::{Id, Who, asked, notifications};
use crate::Console;
use crate::api::{Done, Got, Refused};
use crate::form::{Form, link};
use crate::live;
use crate::page::{Page, Visit, html, on};
use crate::people::{People, agents};
use crate::show::{Choice, choices};
use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::{Response, StatusCode, Uri};
use axum::routing::{get, post};
use axum::{Extension, Router};
use chrono::{DateTime, Utc};
use domain::support::ticket::{TicketCategory, TicketNumber, TicketPriority, TicketStatus};
use kernel::Labelled;
use read_models::support::TicketAction;
use serde::Deserialize;
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;
use uuid::Uuid;

/// Works on everybody's tickets: sees notes and activities.
pub(crate) const WORK: &str = "support.ticket:work";
/// How often somebody who looks at a ticket has it looked at again.
const EVERY: Duration = Duration::from_millis(700);

/// A ticket, as the API shows it.
#[derive(Clone, Deserialize)]
pub(crate) struct ShownTicket {
    pub(crate) ticket_id: Uuid,
    pub(crate) ticket_number: String,
    pub(crate) subject: String,
    pub(crate) description: String,
    pub(crate) status: TicketStatus,
    pub(crate) priority: TicketPriority,
    pub(crate) category: TicketCategory,
    pub(crate) tags: Vec<String>,
    pub(crate) customer_id: Uuid,
    pub(crate) assignee_id: Option<Uuid>,
    pub(crate) csat_score: Option<i32>,
    pub(crate) merged_into: Option<Uuid>,
    pub(crate) first_response_at: Option<DateTime<Utc>>,
    pub(crate) resolved_at: Option<DateTime<Utc>>,
    pub(crate) created_at: DateTime<Utc>,
    pub(crate) version: i64,
}

impl ShownTicket {
    /// Whether it takes no messages unless it is reopened.
    pub(crate) const fn is_over(&self) -> bool {
        matches!(self.status, TicketStatus::Resolved | TicketStatus::Closed | TicketStatus::Cancelled)
    }
}

/// Something that somebody said.
pub(crate) struct Said {
    /// `customer`, `agent` or `note`.
    pub(crate) kind: &'static str,
    pub(crate) by: String,
    pub(crate) at: DateTime<Utc>,
    pub(crate) content: String,
}

/// A step in the list of activities.
pub(crate) struct Step {
    pub(crate) what: &'static str,
    pub(crate) from: String,
    pub(crate) to: String,
    pub(crate) by: String,
    pub(crate) at: DateTime<Utc>,
}

#[derive(Deserialize)]
struct Items<T> {
    items: Vec<T>,
}

impl<T> Default for Items<T> {
    fn default() -> Self {
        Self { items: Vec::new() }
    }
}

#[derive(Deserialize)]
struct Reply {
    author_id: Uuid,
    content: String,
    created_at: DateTime<Utc>,
}

#[derive(Deserialize)]
struct Activity {
    action: TicketAction,
    actor_id: Uuid,
    old_value: Option<String>,
    new_value: Option<String>,
    occurred_at: DateTime<Utc>,
}

/// Where the page is to be.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Asked {
    /// What was just done is shown.
    min_position: Option<i64>,
    /// The version that the page shows that follows.
    seen: String,
}

#[derive(askama::Template)]
#[template(path = "ticket.html")]
struct OneTicket {
    page: Page,
    ticket: ShownTicket,
    thread: Vec<Said>,
    activities: Vec<Step>,
    people: People,
    agents: Vec<Choice>,
    assignee: String,
    statuses: Vec<Choice>,
    priorities: Vec<Choice>,
    works: bool,
    /// By what a repeat of a form is known.
    key: Uuid,
    /// The feed of the visitor, where he can mute the ticket in it.
    feed_id: Option<Uuid>,
    is_muted: bool,
    draft: Draft,
}

/// What was written and could not be sent.
#[derive(Default)]
struct Draft {
    reply: String,
    tags: String,
    into: String,
}

impl Draft {
    fn of(act: &str, form: &Form) -> Self {
        let of = |sort: &str, name: &str| if act == sort { form.text(name).to_owned() } else { String::new() };
        Self { reply: of("reply", "content"), tags: of("tag", "tags"), into: of("merge", "into") }
    }
}

pub(super) fn router() -> Router<Arc<Console>> {
    Router::new()
        .route("/console/tickets/{ticket_id}", get(page))
        .route("/console/tickets/{ticket_id}/live", get(follow))
        .route("/console/tickets/{ticket_id}/{act}", post(act))
}

fn path(id: Uuid, rest: &str) -> String {
    format!("/v1/support/tickets/{id}{rest}")
}

async fn page(State(console): State<Arc<Console>>, Extension(visit): Who, id: Id, uri: Uri) -> Response<Body> {
    visit.answer(
        async { show(&console, &visit, id, asked::<Asked>(&uri).min_position, None, Draft::default()).await }.await,
    )
}

async fn show(
    console: &Console,
    visit: &Visit,
    Id(id): Id,
    min_position: Option<i64>,
    refused: Option<Refused>,
    draft: Draft,
) -> Result<Response<Body>, Refused> {
    let id = id.ok_or_else(Refused::not_found)?;
    let least = min_position.map(|position| position.to_string());
    let ticket: Got<ShownTicket> =
        console.queries.get(&visit.caller, &link(&path(id, ""), &[("min_position", least.as_deref())])).await?;
    // What belongs to it is shown at least as far as the ticket itself.
    let least = ticket.position.map(|position| position.to_string());
    let of = |rest: &str| link(&path(id, rest), &[("limit", Some("100")), ("min_position", least.as_deref())]);
    let works = visit.may(WORK);
    let (replies, notes, activities, agents, feed) = tokio::try_join!(
        async { console.queries.get::<Items<Reply>>(&visit.caller, &of("/replies")).await.map(|got| got.value) },
        if_works(console, visit, works, of("/notes")),
        if_works(console, visit, works, of("/activities")),
        agents(console, visit),
        notifications::own(console, visit, least.as_deref()),
    )?;
    let (replies, notes, activities): (_, Items<Reply>, Items<Activity>) = (replies, notes, activities);
    let ticket = ticket.value;
    let authors = replies.items.iter().chain(&notes.items).map(|reply| reply.author_id);
    let actors = activities.items.iter().flat_map(|activity| {
        let values = [&activity.old_value, &activity.new_value];
        std::iter::once(activity.actor_id).chain(values.into_iter().flatten().filter_map(|value| value.parse().ok()))
    });
    let ids: Vec<Uuid> = authors.chain(actors).chain([ticket.customer_id]).chain(ticket.assignee_id).collect();
    let people = People::of(console, visit, ids).await?;
    let status = refused.as_ref().map_or(StatusCode::OK, |refused| refused.status);
    let title = format!("{} · {}", ticket.ticket_number, ticket.subject);
    let template = OneTicket {
        page: Page { refused, ..visit.page(title) },
        thread: thread(&ticket, &people, replies.items, notes.items),
        activities: activities.items.into_iter().map(|activity| step(visit, &people, activity)).collect(),
        agents,
        assignee: ticket.assignee_id.map(|id| id.to_string()).unwrap_or_default(),
        statuses: choices::<TicketStatus>(visit.language),
        priorities: choices::<TicketPriority>(visit.language),
        works,
        key: Uuid::new_v4(),
        feed_id: feed.as_ref().map(|feed| feed.feed_id),
        is_muted: feed.is_some_and(|feed| feed.muted.contains(&ticket.ticket_id)),
        draft,
        people,
        ticket,
    };
    Ok(html(status, &template))
}

/// What only agents may see; nothing for the others.
async fn if_works<T: serde::de::DeserializeOwned>(
    console: &Console,
    visit: &Visit,
    works: bool,
    path: String,
) -> Result<Items<T>, Refused> {
    if works { Ok(console.queries.get(&visit.caller, &path).await?.value) } else { Ok(Items::default()) }
}

/// The description, the replies and the notes, as they came.
fn thread(ticket: &ShownTicket, people: &People, replies: Vec<Reply>, notes: Vec<Reply>) -> Vec<Said> {
    let said = |kind, reply: Reply| Said {
        kind,
        by: people.name(reply.author_id),
        at: reply.created_at,
        content: reply.content,
    };
    let sort = |reply: &Reply| if reply.author_id == ticket.customer_id { "customer" } else { "agent" };
    let question = Said {
        kind: "customer",
        by: people.name(ticket.customer_id),
        at: ticket.created_at,
        content: ticket.description.clone(),
    };
    let replies = replies.into_iter().map(|reply| said(sort(&reply), reply));
    let mut rest: Vec<Said> = replies.chain(notes.into_iter().map(|note| said("note", note))).collect();
    rest.sort_by_key(|said| said.at);
    rest.insert(0, question);
    rest
}

fn step(visit: &Visit, people: &People, activity: Activity) -> Step {
    let text = |value: Option<String>| value.map(|value| in_words(visit, people, &value)).unwrap_or_default();
    Step {
        what: activity.action.label(visit.language),
        from: text(activity.old_value),
        to: text(activity.new_value),
        by: people.name(activity.actor_id),
        at: activity.occurred_at,
    }
}

/// A value for people: somebody's name, or the label of a status, a priority or a category.
pub(crate) fn in_words(visit: &Visit, people: &People, value: &str) -> String {
    fn label<L: Labelled>(value: &str, visit: &Visit) -> Option<String> {
        let known = L::ALL.iter().find(|known| known.as_str() == value)?;
        Some(known.label(visit.language).to_owned())
    }
    if let Ok(id) = value.parse::<Uuid>() {
        return people.name(id);
    }
    label::<TicketStatus>(value, visit)
        .or_else(|| label::<TicketPriority>(value, visit))
        .or_else(|| label::<TicketCategory>(value, visit))
        .unwrap_or_else(|| value.to_owned())
}

/// A command as its form says it, and its path behind the ticket.
fn command(act: &str, form: &Form) -> Option<(&'static str, Value)> {
    Some(match act {
        "reply" => ("/replies", json!({ "content": form.text("content"), "reopen": form.filled("reopen").is_some() })),
        "note" => ("/notes", json!({ "content": form.text("content") })),
        "status" => ("/status", json!({ "status": form.text("status") })),
        "priority" => ("/priority", json!({ "priority": form.text("priority") })),
        "assign" => match form.filled("assignee_id") {
            Some(agent) => ("/assign", json!({ "assignee_id": agent })),
            None => ("/unassign", json!({})),
        },
        "tag" => ("/tag", json!({ "tags": tags(form.text("tags")) })),
        // One button for each, which may have a comma in it.
        "untag" => ("/untag", json!({ "tags": [form.text("tag")] })),
        "unmerge" => ("/unmerge", json!({ "from": form.text("from") })),
        _ => return None,
    })
}

/// Keywords as people write them, with commas between.
pub(super) fn tags(written: &str) -> Vec<&str> {
    written.split(',').map(str::trim).filter(|tag| !tag.is_empty()).collect()
}

/// Does what a form says.
async fn carry_out(console: &Console, visit: &Visit, id: Uuid, act: &str, form: &Form) -> Result<Done, Refused> {
    let (path, given) = match (command(act, form), act) {
        (Some((rest, given)), _) => (path(id, rest), given),
        (None, "merge") => (path(id, "/merge"), json!({ "into": numbered(console, visit, form.text("into")).await? })),
        (None, "mute" | "unmute") => {
            let feed_id: Uuid = form.text("feed_id").parse().map_err(|_| Refused::not_found())?;
            (format!("/v1/notifications/feeds/{feed_id}/{act}"), json!({ "thread_id": id }))
        }
        (None, _) => return Err(Refused::not_found()),
    };
    console.commands.post(&visit.caller, &path, &given, form.filled("key")).await
}

/// The ticket that somebody means by its number.
async fn numbered(console: &Console, visit: &Visit, written: &str) -> Result<Uuid, Refused> {
    #[derive(Deserialize)]
    struct Row {
        ticket_id: Uuid,
        ticket_number: String,
    }
    let unknown = || Refused::told(StatusCode::UNPROCESSABLE_ENTITY, visit.t().no_such_number);
    let number = written.parse::<TicketNumber>().map_err(|_| unknown())?.to_string();
    let question = link("/v1/support/tickets", &[("q", Some(&number)), ("limit", Some("25"))]);
    let found = console.queries.get::<Items<Row>>(&visit.caller, &question).await?.value;
    let meant = found.items.into_iter().find(|row| row.ticket_number == number);
    meant.map(|row| row.ticket_id).ok_or_else(unknown)
}

async fn act(
    State(console): State<Arc<Console>>,
    Extension(visit): Who,
    Path((id, act)): Path<(String, String)>,
    body: Body,
) -> Response<Body> {
    let done = async {
        let form = Form::read(body).await?;
        let id: Uuid = id.parse().map_err(|_| Refused::not_found())?;
        match carry_out(&console, &visit, id, &act, &form).await {
            Ok(done) => {
                let position = done.position.map(|position| position.to_string());
                let page = format!("/console/tickets/{id}");
                Ok(on(&link(&page, &[("min_position", position.as_deref())])))
            }
            // What was written is not lost.
            Err(refused) if !refused.asks_to_sign_in() => {
                show(&console, &visit, Id(Some(id)), None, Some(refused), Draft::of(&act, &form)).await
            }
            Err(refused) => Err(refused),
        }
    };
    visit.answer(done.await)
}

/// Says when the ticket has changed, in anything.
async fn follow(State(console): State<Arc<Console>>, Extension(visit): Who, Id(id): Id, uri: Uri) -> Response<Body> {
    let Some(id) = id else { return visit.refusal(Refused::not_found()) };
    let look = live::asking::<ShownTicket>(&console, &visit.caller, path(id, ""), |ticket| ticket.version.to_string());
    let ends = visit.visitor.as_ref().map(|visitor| visitor.expires_at()).unwrap_or_default();
    live::changes(&console, asked::<Asked>(&uri).seen, ends, EVERY, look)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::page::tests::visit;
    use askama::Template as _;

    /// What breaks out of text, of an attribute, of a script and of a comment.
    const HOSTILE: &str =
        "</script><script>alert(1)</script>\" onmouseover=\"x' autofocus <img src=x onerror=alert(2)> {{ 7*7 }} --><b>";

    #[tokio::test]
    async fn what_people_write_stays_text_wherever_it_stands() {
        let visit = visit(WORK).await;
        let id = Uuid::from_u128(7);
        let people = People::one(&visit, id, HOSTILE);
        let ticket: ShownTicket = serde_json::from_value(json!({
            "ticket_id": id, "ticket_number": "TKT-00001", "subject": HOSTILE, "description": HOSTILE, "status": "open",
            "priority": "urgent", "category": "billing", "tags": [HOSTILE], "customer_id": id, "assignee_id": id,
            "csat_score": null, "merged_into": null, "first_response_at": null, "resolved_at": null,
            "created_at": "2026-11-21T12:00:00Z", "version": 3, "a_field_of_tomorrow": 1,
        }))
        .unwrap();
        let refused = Refused { title: HOSTILE.into(), detail: Some(HOSTILE.to_owned()), ..Refused::not_found() };
        let template = OneTicket {
            page: Page { refused: Some(refused), ..visit.page(HOSTILE) },
            thread: thread(&ticket, &people, Vec::new(), Vec::new()),
            activities: Vec::new(),
            agents: vec![Choice { value: id.to_string(), label: HOSTILE.to_owned() }],
            assignee: id.to_string(),
            statuses: choices::<TicketStatus>(visit.language),
            priorities: choices::<TicketPriority>(visit.language),
            works: true,
            key: id,
            feed_id: Some(id),
            is_muted: false,
            draft: Draft { reply: HOSTILE.to_owned(), tags: HOSTILE.to_owned(), into: HOSTILE.to_owned() },
            people,
            ticket,
        };
        let text = template.render().unwrap();
        // In title, heading, message, name, tag and its button, drafts, choice and refusal.
        assert!(text.matches("alert(2)").count() >= 12, "{text}");
        for markup in ["<img", "<script>", "<b>", "\" onmouseover"] {
            assert!(!text.contains(markup), "{markup}");
        }
        assert!(!text.contains(" style=") && !text.contains("onclick") && !text.contains("javascript:"));
        assert!(text.contains(r#"<option value="urgent" selected>"#), "what the ticket has is chosen");
    }

    #[tokio::test]
    async fn values_are_told_in_words() {
        let visit = visit(WORK).await;
        let id = Uuid::from_u128(7);
        let people = People::one(&visit, id, "Ada Byron");
        for (value, words) in
            [("waiting_customer", "Waiting for customer"), ("urgent", "Urgent"), ("billing", "Billing")]
        {
            assert_eq!(in_words(&visit, &people, value), words);
        }
        assert_eq!(in_words(&visit, &people, &id.to_string()), "Ada Byron");
        assert_eq!(in_words(&visit, &people, "42"), "42");
        let form = Form::read(Body::from("content=Hello&assignee_id=+&reopen=true")).await.unwrap();
        assert_eq!(command("reply", &form), Some(("/replies", json!({ "content": "Hello", "reopen": true }))));
        assert_eq!(command("assign", &form), Some(("/unassign", json!({}))), "nobody is chosen");
        assert_eq!(command("merge", &form), None, "its number is looked up");
        let form = Form::read(Body::from("tags=+vip,,+lost+ring+&tag=a%2Cb")).await.unwrap();
        assert_eq!(command("tag", &form), Some(("/tag", json!({ "tags": ["vip", "lost ring"] }))));
        assert_eq!(command("untag", &form), Some(("/untag", json!({ "tags": ["a,b"] }))));
        let draft = Draft::of("tag", &form);
        assert_eq!((&*draft.tags, &*draft.reply), (" vip,, lost ring ", ""), "what was written is not lost");
    }
}
