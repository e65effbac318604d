//! The mix of commands that one actor sends: mostly replies, messages and visits, now and then something new.

use crate::Failure;
use crate::load::http::HttpClient;
use serde::Deserialize;
use serde_json::json;
use uuid::Uuid;

/// A round of twenty: 6 replies, 9 messages and 3 visits, on a ticket and in a conversation opened at its beginning.
const ROUND: [Kind; 20] = {
    use Kind::{Converse, Message, Open, Reply, Visit};
    [
        Open, Converse, Reply, Message, Visit, Message, Reply, Message, Message, Reply, Visit, Message, Reply, Message,
        Message, Reply, Visit, Message, Reply, Message,
    ]
};
/// A building with 20 doors, then ten rounds of which the visits go there.
const STRETCH: usize = 1 + 10 * ROUND.len();

/// What an actor does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Enters a building, of which 20 doors are made.
    Build,
    /// Opens a ticket, which gets the tenant's next number.
    Open,
    /// Replies on the ticket.
    Reply,
    /// Opens a conversation.
    Converse,
    /// Sends a message there.
    Message,
    /// Records a visit to a door of the building.
    Visit,
}

/// What a command was answered.
#[derive(Clone, Copy, Debug, Deserialize)]
pub(crate) struct Accepted {
    /// The thing that was made or changed.
    pub(crate) id: Uuid,
    /// Where in the log it stands.
    pub(crate) position: i64,
}

/// One command as sent and answered.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Done {
    pub(crate) kind: Kind,
    /// What a reader looks for: the ticket, the message; else what was answered.
    pub(crate) subject: Uuid,
    pub(crate) position: i64,
}

/// A person who works through one connection.
pub(crate) struct CommandingActor {
    client: HttpClient,
    actor: Uuid,
    nth: usize,
    ticket: Uuid,
    conversation: Uuid,
    building: Uuid,
}

impl CommandingActor {
    /// An actor who has not done anything yet; the client's token must name the same actor.
    pub(crate) const fn new(client: HttpClient, actor: Uuid) -> Self {
        let nil = Uuid::nil();
        Self { client, actor, nth: 0, ticket: nil, conversation: nil, building: nil }
    }

    /// Sends the next command and waits for its answer, which must be a success.
    pub(crate) async fn next(&mut self) -> Result<Done, Failure> {
        let nth = self.nth;
        self.nth += 1;
        let kind = kind_of(nth);
        let message_id = Uuid::new_v4();
        let (path, body) = self.command(kind, nth, message_id);
        let answer = self.client.post(&path, body.as_bytes(), true).await?;
        let accepted: Accepted = serde_json::from_slice(answer.success()?)?;
        let subject = match kind {
            Kind::Build => {
                self.building = accepted.id;
                accepted.id
            }
            Kind::Open => {
                self.ticket = accepted.id;
                accepted.id
            }
            Kind::Converse => {
                self.conversation = accepted.id;
                accepted.id
            }
            Kind::Message => message_id,
            Kind::Reply | Kind::Visit => accepted.id,
        };
        Ok(Done { kind, subject, position: accepted.position })
    }

    fn command(&self, kind: Kind, nth: usize, message_id: Uuid) -> (String, String) {
        let text = format!(
            "Message {nth}: the second delivery has not arrived yet, could you please look into it and tell us when we \
             may expect it? Thank you."
        );
        match kind {
            Kind::Build => (
                "/v1/field-sales/buildings".into(),
                json!({"address": format!("{nth} rue de la Part-Dieu, 69003 Lyon"), "floors": 4, "doors_per_floor": 5})
                    .to_string(),
            ),
            Kind::Open => (
                "/v1/support/tickets".into(),
                json!({"subject": "Second delivery", "description": text, "priority": "high", "tags": ["delivery"]})
                    .to_string(),
            ),
            Kind::Reply => {
                (format!("/v1/support/tickets/{}/replies", self.ticket), json!({"content": text}).to_string())
            }
            Kind::Converse => (
                "/v1/messaging/conversations".into(),
                json!({"client_user_id": self.actor, "studio_user_id": crate::identity::STUDIO}).to_string(),
            ),
            Kind::Message => (
                format!("/v1/messaging/conversations/{}/messages", self.conversation),
                json!({"message_id": message_id, "content": text}).to_string(),
            ),
            Kind::Visit => {
                let outcome = ["absent", "return_needed", "refused"][nth % 3];
                let door = format!("{}{:02}", nth % 4 + 1, nth % 5 + 1);
                (
                    format!("/v1/field-sales/buildings/{}/visits", self.building),
                    json!({"door_number": door, "outcome": outcome, "comment": text}).to_string(),
                )
            }
        }
    }
}

const fn kind_of(nth: usize) -> Kind {
    match nth % STRETCH {
        0 => Kind::Build,
        within => ROUND[(within - 1) % ROUND.len()],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn most_commands_decide_over_something_that_exists() {
        let count = |kind| (0..STRETCH).filter(|nth| kind_of(*nth) == kind).count();
        assert_eq!((count(Kind::Build), count(Kind::Open), count(Kind::Converse)), (1, 10, 10));
        assert_eq!((count(Kind::Reply), count(Kind::Message), count(Kind::Visit)), (60, 90, 30));
    }

    #[test]
    fn everything_is_opened_before_it_is_used() {
        let first = |kind| (0..STRETCH).position(|nth| kind_of(nth) == kind);
        assert!(first(Kind::Build) < first(Kind::Visit));
        assert!(first(Kind::Open) < first(Kind::Reply));
        assert!(first(Kind::Converse) < first(Kind::Message));
    }
}
