//! What the visitor was told, how much of it he has not read, and how he wants to be told.

use super::{Who, asked};
use crate::Console;
use crate::api::Refused;
use crate::form::{Form, link};
use crate::live;
use crate::page::{Page, Visit, html, on};
use crate::people::People;
use crate::show::{Choice, choices};
use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::{Response, StatusCode, Uri};
use axum::response::IntoResponse as _;
use axum::routing::{get, post};
use axum::{Extension, Router};
use chrono::{DateTime, Utc};
use domain::notifications::WrittenIn;
use domain::notifications::feed::{CHANGE, MailCadence, NotificationTopic, TopicPreference};
use kernel::Labelled as _;
use serde::Deserialize;
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;
use uuid::Uuid;

const LIST: &str = "/v1/notifications";
const OWN: &str = "/v1/notifications/own-feed";
const HERE: &str = "/console/notifications";
/// Notifications on a page.
const LIMIT: &str = "25";
/// How often somebody who looks at the list has it looked at again.
const EVERY: Duration = Duration::from_secs(2);

/// What is asked for, as it stands in the address.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct Asked {
    unread: String,
    topic: String,
    cursor: String,
    /// What was just done is shown.
    min_position: String,
    /// The version that the page shows that follows.
    seen: String,
}

impl Asked {
    fn question(&self) -> String {
        let least = Some(&*self.min_position);
        let (unread, topic, cursor) = (Some(&*self.unread), Some(&*self.topic), Some(&*self.cursor));
        let parameters = [("unread", unread), ("topic", topic), ("cursor", cursor), ("min_position", least)];
        link(LIST, &[&parameters[..], &[("limit", Some(LIMIT))]].concat())
    }

    fn page(&self, cursor: &str) -> String {
        link(HERE, &[("unread", Some(&self.unread)), ("topic", Some(&self.topic)), ("cursor", Some(cursor))])
    }
}

/// A notification in the list.
#[derive(Deserialize)]
struct Row {
    topic: NotificationTopic,
    thread_id: Uuid,
    actor_id: Option<Uuid>,
    happened_at: DateTime<Utc>,
    unread: bool,
}

#[derive(Deserialize)]
struct Rows {
    items: Vec<Row>,
    next_cursor: Option<String>,
}

/// The visitor's own feed.
#[derive(Deserialize)]
pub(super) struct Own {
    pub(super) feed_id: Uuid,
    /// Tickets of which he wants to hear nothing.
    pub(super) muted: Vec<Uuid>,
    unread: i32,
    last_seq: i32,
    language: Option<WrittenIn>,
    topics: Vec<TopicPreference>,
    version: i32,
}

#[derive(askama::Template)]
#[template(path = "notifications.html")]
struct Notifications {
    page: Page,
    asked: Asked,
    feed: Own,
    rows: Vec<Row>,
    people: People,
    topics: Vec<Choice>,
    cadences: Vec<Choice>,
    languages: Vec<Choice>,
    language: String,
    /// By what a repeat of a form is known.
    key: Uuid,
    first: String,
    next: String,
}

/// The visitor's feed as of a position, where he may have one and it can be had now.
pub(super) async fn own(console: &Console, visit: &Visit, least: Option<&str>) -> Result<Option<Own>, Refused> {
    if !visit.may(CHANGE.as_str()) {
        return Ok(None);
    }
    match console.queries.get::<Own>(&visit.caller, &link(OWN, &[("min_position", least)])).await {
        Ok(own) => Ok(Some(own.value)),
        // What is about a ticket is shown also while nothing can be said of the feed.
        Err(refused) if refused.status.is_server_error() => Ok(None),
        Err(refused) => Err(refused),
    }
}

pub(super) fn router() -> Router<Arc<Console>> {
    Router::new()
        .route(HERE, get(page))
        .route("/console/notifications/live", get(follow))
        .route("/console/notifications/unread", get(unread))
        .route("/console/notifications/{act}", post(act))
}

async fn page(State(console): State<Arc<Console>>, Extension(visit): Who, uri: Uri) -> Response<Body> {
    visit.answer(show(&console, &visit, asked(&uri), None).await)
}

async fn show(
    console: &Console,
    visit: &Visit,
    asked: Asked,
    refused: Option<Refused>,
) -> Result<Response<Body>, Refused> {
    let (list, own) = (asked.question(), link(OWN, &[("min_position", Some(&asked.min_position))]));
    let (rows, feed) = tokio::try_join!(
        console.queries.get::<Rows>(&visit.caller, &list),
        console.queries.get::<Own>(&visit.caller, &own)
    )?;
    let (rows, feed) = (rows.value, feed.value);
    let people = People::of(console, visit, rows.items.iter().filter_map(|row| row.actor_id)).await?;
    let status = refused.as_ref().map_or(StatusCode::OK, |refused| refused.status);
    let template = Notifications {
        page: Page { refused, ..visit.page(visit.t().notifications) },
        people,
        topics: choices::<NotificationTopic>(visit.language),
        cadences: choices::<MailCadence>(visit.language),
        languages: choices::<WrittenIn>(visit.language),
        language: feed.language.map(|language| language.as_str().to_owned()).unwrap_or_default(),
        key: Uuid::new_v4(),
        first: if asked.cursor.is_empty() { String::new() } else { asked.page("") },
        next: rows.next_cursor.as_deref().map(|cursor| asked.page(cursor)).unwrap_or_default(),
        rows: rows.items,
        feed,
        asked,
    };
    Ok(html(status, &template))
}

/// What the bell says: how many are unread; nothing where none is, and no word where that cannot be known now.
async fn unread(State(console): State<Arc<Console>>, Extension(visit): Who) -> Response<Body> {
    match console.queries.get::<Own>(&visit.caller, OWN).await {
        Ok(feed) if feed.value.unread > 0 => axum::response::Html(feed.value.unread.to_string()).into_response(),
        Ok(_) => axum::response::Html(String::new()).into_response(),
        Err(_) => StatusCode::NO_CONTENT.into_response(),
    }
}

/// A command as its form says it, and its path behind the feed.
fn command(act: &str, form: &Form) -> Option<(&'static str, Value)> {
    Some(match act {
        "read" => ("/read", json!({ "up_to": form.text("up_to").parse::<i32>().unwrap_or_default() })),
        "preferences" => {
            let wanted = NotificationTopic::ALL.iter().filter_map(|topic| {
                let mail = form.filled(&format!("mail_{topic}"))?;
                let in_app = form.filled(&format!("in_app_{topic}")).is_some();
                Some(json!({ "topic": topic, "in_app": in_app, "mail": mail }))
            });
            ("/preferences", json!({ "language": form.filled("language"), "topics": wanted.collect::<Vec<_>>() }))
        }
        _ => return None,
    })
}

async fn act(
    State(console): State<Arc<Console>>,
    Extension(visit): Who,
    Path(act): Path<String>,
    body: Body,
) -> Response<Body> {
    let done = async {
        let form = Form::read(body).await?;
        let feed_id: Uuid = form.text("feed_id").parse().map_err(|_| Refused::not_found())?;
        let (rest, given) = command(&act, &form).ok_or_else(Refused::not_found)?;
        let path = format!("/v1/notifications/feeds/{feed_id}{rest}");
        match console.commands.post(&visit.caller, &path, &given, form.filled("key")).await {
            Ok(done) => {
                let position = done.position.map(|position| position.to_string());
                Ok(on(&link(HERE, &[("min_position", position.as_deref())])))
            }
            Err(refused) if !refused.asks_to_sign_in() => show(&console, &visit, Asked::default(), Some(refused)).await,
            Err(refused) => Err(refused),
        }
    };
    visit.answer(done.await)
}

/// Says when the visitor was told something, or has read something elsewhere.
async fn follow(State(console): State<Arc<Console>>, Extension(visit): Who, uri: Uri) -> Response<Body> {
    let look = live::asking::<Own>(&console, &visit.caller, OWN.to_owned(), |feed| feed.version.to_string());
    let ends = visit.visitor.as_ref().map(|visitor| visitor.expires_at()).unwrap_or_default();
    live::changes(&console, asked::<Asked>(&uri).seen, ends, EVERY, look)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_form_says_how_somebody_wants_to_be_told() {
        let form = Form::read(Body::from(
            "language=fr&mail_ticket_noted=digest&in_app_ticket_noted=on&mail_ticket_closed=off",
        ));
        let (path, said) = command("preferences", &form.await.unwrap()).unwrap();
        assert_eq!(path, "/preferences");
        assert_eq!(
            said,
            json!({ "language": "fr", "topics": [
                { "topic": "ticket_closed", "in_app": false, "mail": "off" },
                { "topic": "ticket_noted", "in_app": true, "mail": "digest" },
            ] })
        );
        let form = Form::read(Body::from("up_to=7")).await.unwrap();
        assert_eq!(command("read", &form), Some(("/read", json!({ "up_to": 7 }))));
        assert_eq!(command("erase", &form), None);
    }

    #[test]
    fn a_page_asks_what_its_address_says() {
        let uri: Uri = "/console/notifications?unread=true&topic=ticket_noted&evil=1".parse().unwrap();
        let asked: Asked = super::asked(&uri);
        assert_eq!(asked.question(), "/v1/notifications?unread=true&topic=ticket_noted&limit=25");
    }
}
