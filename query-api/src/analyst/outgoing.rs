//! How an event leaves: as a `CloudEvent`, its payload in today's shape, personal data masked or opened.

use crate::personal::vault_problem;
use crate::reading::Services;
use domain::catalogue::categories;
use event_store::analysis::Cursor;
use event_store::cloud_event::{CloudEvent, CloudEventError, source_of};
use event_store::masking::Unsealed;
use event_store::{Head, Vault, VaultError};
use kernel::{EventData, Position, Recorded, SubjectId};
use platform::Problem;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::sync::Arc;
use utoipa::ToSchema;

/// One event in the JSON format of CloudEvents 1.0.
#[derive(Serialize, Deserialize, ToSchema)]
#[schema(as = CloudEvent)]
#[serde(deny_unknown_fields)]
pub(super) struct EventDocument {
    /// `1.0`.
    specversion: String,
    /// The event's id.
    id: String,
    /// `/logs/<log id>`.
    source: String,
    /// `support.ticket.opened`: category and type.
    #[serde(rename = "type")]
    event_type: String,
    /// The stream's id.
    subject: String,
    /// When it happened: business or device time.
    time: String,
    /// `application/json`.
    datacontenttype: String,
    /// Place in the log.
    position: i64,
    /// The life of the log in which the position was given.
    epoch: i32,
    /// Whose event.
    tenantid: String,
    /// The stream's category: `support.ticket`.
    category: String,
    /// Place in the stream.
    streamversion: i32,
    /// The shape of the payload: today's, unless it is newer than this server.
    schemaversion: i16,
    /// When the server recorded it; never decreases with the position.
    recordedat: String,
    /// What sort of actor.
    actorkind: String,
    /// Who did it.
    actorid: String,
    /// For whom.
    #[serde(skip_serializing_if = "Option::is_none")]
    onbehalfof: Option<String>,
    /// By which command.
    commandid: String,
    /// In which story.
    correlationid: String,
    /// Because of which event.
    #[serde(skip_serializing_if = "Option::is_none")]
    causationid: Option<String>,
    /// In which trace.
    #[serde(skip_serializing_if = "Option::is_none")]
    traceparent: Option<String>,
    /// The number that a counter gave with it.
    #[serde(skip_serializing_if = "Option::is_none")]
    number: Option<i64>,
    /// Where to go on after it; in lines of NDJSON only.
    #[serde(skip_serializing_if = "Option::is_none")]
    cursor: Option<String>,
    /// The payload.
    #[schema(value_type = Object)]
    data: Value,
}

/// Writes events for one reader.
#[derive(Clone)]
pub struct Outgoing {
    source: String,
    head: Head,
    sees_personal: bool,
    opened: Arc<Unsealed>,
}

impl Outgoing {
    /// For somebody who may or may not see personal data.
    pub fn new(head: &Head, sees_personal: bool) -> Self {
        Self { source: source_of(head.log_id), head: *head, sees_personal, opened: Arc::default() }
    }

    /// The cursor for a position, as text.
    pub(super) fn cursor(&self, position: Position) -> String {
        Cursor::at(&self.head, position).to_string()
    }

    /// The same, able to show what is sealed in these events to whoever may see it.
    pub(super) async fn opening(&self, services: &Services, events: &[Recorded<EventData>]) -> Result<Self, Problem> {
        let Some(vault) = services.log.vault().filter(|_| self.sees_personal) else { return Ok(self.clone()) };
        let opened = Unsealed::of(vault, events).await.map_err(|error| vault_problem(&error))?;
        Ok(Self { opened: Arc::new(opened), ..self.clone() })
    }

    /// The same, able to show what these events hold about these subjects, and nothing about anybody else.
    ///
    /// # Errors
    /// Postgres does not answer.
    pub async fn opening_about(
        &self,
        vault: &Vault,
        subjects: &[SubjectId],
        events: &[Recorded<EventData>],
    ) -> Result<Self, VaultError> {
        Ok(Self { opened: Arc::new(Unsealed::about(vault, subjects, events).await?), ..self.clone() })
    }

    /// One event as JSON.
    ///
    /// # Errors
    /// Its payload is no JSON.
    pub fn event(&self, event: Recorded<EventData>) -> Result<Vec<u8>, Problem> {
        self.written(event, None)
    }

    /// One event as a line of NDJSON, with the cursor to go on after it.
    pub(super) fn line(&self, event: Recorded<EventData>) -> Result<Vec<u8>, Problem> {
        let cursor = self.cursor(event.position);
        let mut line = self.written(event, Some(cursor))?;
        line.push(b'\n');
        Ok(line)
    }

    fn written(&self, event: Recorded<EventData>, cursor: Option<String>) -> Result<Vec<u8>, Problem> {
        let event = self.shown(event);
        let mut cloud =
            CloudEvent::of(&self.source, &event).map_err(|error: CloudEventError| Problem::internal(&error))?;
        cloud.cursor = cursor.map(Into::into);
        serde_json::to_vec(&cloud).map_err(|error| Problem::internal(&error))
    }

    /// An event as it is shown: the payload in today's shape, personal data masked.
    pub fn shown(&self, event: Recorded<EventData>) -> Recorded<EventData> {
        self.opened.shown(event, categories())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_described_document_is_what_is_written() {
        let id = uuid::Uuid::from_u128(1);
        let event = Recorded {
            position: Position(7),
            epoch: kernel::Epoch(1),
            event_id: kernel::EventId(id),
            tenant_id: kernel::TenantId(id),
            category: "support.ticket".into(),
            stream_id: id,
            version: kernel::Version(1),
            actor: kernel::Actor {
                on_behalf_of: Some(kernel::ActorId(id)),
                ..kernel::Actor::user(kernel::ActorId(id))
            },
            command_id: kernel::CommandId(id),
            correlation_id: kernel::CorrelationId(id),
            causation_id: Some(kernel::EventId(id)),
            trace: "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01".parse().ok(),
            occurred_at: chrono::DateTime::UNIX_EPOCH,
            recorded_at: chrono::DateTime::UNIX_EPOCH,
            number: Some(3),
            event: EventData { event_type: "opened".into(), schema_version: 1, data: b"{\"a\":1}".to_vec() },
        };
        let head = Head { log_id: kernel::LogId(id), epoch: kernel::Epoch(1), position: Position(7), event_id: None };
        let line = Outgoing::new(&head, false).line(event).unwrap();
        let document: EventDocument = serde_json::from_slice(&line).expect("nothing is undescribed");
        let again = serde_json::to_value(&document).unwrap();
        assert_eq!(again, serde_json::from_slice::<Value>(&line).unwrap(), "and nothing described is missing");
        assert_eq!(again.as_object().unwrap().len(), 24);
    }
}
