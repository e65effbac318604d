//! How an event leaves: as a `CloudEvent`, its payload in today's shape, personal data masked or opened.

use crate::personal::vault_problem;
use crate::reading::Services;
use domain::catalogue::categories;
use event_store::analysis::Cursor;
use event_store::cloud_event::{CloudEvent, CloudEventError, source_of};
use event_store::{Head, Vault, VaultError};
use kernel::personal::ERASED;
use kernel::{EventData, Position, Recorded, Sealed, SubjectId, TenantId};
use platform::Problem;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use utoipa::ToSchema;

/// What stands where personal data would.
const MASK: &str = "[masked]";

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

/// Texts as they are stored, and what they say; `None` of what was erased.
type Opened = HashMap<(TenantId, Sealed), Option<Arc<str>>>;

/// Writes events for one reader.
#[derive(Clone)]
pub struct Outgoing {
    source: String,
    head: Head,
    sees_personal: bool,
    opened: Arc<Opened>,
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
        let opened = open(vault, sealed_in(events).collect()).await.map_err(|error| vault_problem(&error))?;
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
        let about = sealed_in(events).filter(|(_, sealed)| subjects.contains(&sealed.subject()));
        Ok(Self { opened: Arc::new(open(vault, about.collect()).await?), ..self.clone() })
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
        let lifted = event.try_map(|category, stored| {
            let known = categories().iter().find(|known| known.name == category);
            Ok::<_, std::convert::Infallible>(known.map_or_else(|| stored.clone(), |known| known.lift(stored.clone())))
        });
        let mut event = match lifted {
            Ok(event) => event,
            Err(never) => match never {},
        };
        if let Some(shown) = shown(&event.event.data, event.tenant_id, &self.opened) {
            event.event.data = shown;
        }
        event
    }
}

/// Opens texts. What does not open only looks as if it were sealed, and is left out: somebody may have written it.
async fn open(vault: &Vault, sealed: Vec<(TenantId, Sealed)>) -> Result<Opened, VaultError> {
    match vault.open_all(&sealed).await {
        Ok(texts) => return Ok(sealed.into_iter().zip(texts).collect()),
        Err(VaultError::Damaged(_) | VaultError::Missing(_)) => {}
        Err(error) => return Err(error),
    }
    let mut opened = Opened::new();
    for one in sealed {
        match vault.open_all(std::slice::from_ref(&one)).await {
            Ok(mut texts) => opened.extend(texts.pop().map(|text| (one, text))),
            Err(VaultError::Damaged(_) | VaultError::Missing(_)) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(opened)
}

/// Whether something in a payload may be sealed. Most hold nothing: a look at the bytes spares reading them.
fn has_sealed(data: &[u8]) -> bool {
    data.windows(4).any(|bytes| bytes == b"\"v1:")
}

/// Every text in payloads that looks as if it were sealed, once.
fn sealed_in(events: &[Recorded<EventData>]) -> impl Iterator<Item = (TenantId, Sealed)> {
    let mut sealed = HashSet::new();
    for event in events.iter().filter(|event| has_sealed(&event.event.data)) {
        if let Ok(data) = serde_json::from_slice(&event.event.data) {
            collect(&data, event.tenant_id, &mut sealed);
        }
    }
    sealed.into_iter()
}

fn collect(value: &Value, tenant_id: TenantId, sealed: &mut HashSet<(TenantId, Sealed)>) {
    match value {
        Value::String(text) => sealed.extend(Sealed::parse(text).ok().map(|text| (tenant_id, text))),
        Value::Array(values) => values.iter().for_each(|value| collect(value, tenant_id, sealed)),
        Value::Object(fields) => fields.values().for_each(|value| collect(value, tenant_id, sealed)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// The payload with every sealed text opened or masked; `None` where there is none.
fn shown(data: &[u8], tenant_id: TenantId, opened: &Opened) -> Option<Vec<u8>> {
    has_sealed(data).then_some(())?;
    let mut value: Value = serde_json::from_slice(data).ok()?;
    show(&mut value, tenant_id, opened).then(|| serde_json::to_vec(&value).unwrap_or_default())
}

fn show(value: &mut Value, tenant_id: TenantId, opened: &Opened) -> bool {
    match value {
        Value::String(text) => {
            let Ok(sealed) = Sealed::parse(text) else { return false };
            *text = match opened.get(&(tenant_id, sealed)) {
                Some(Some(clear)) => clear.as_ref().to_owned(),
                Some(None) => ERASED.to_owned(),
                None => MASK.to_owned(),
            };
            true
        }
        Value::Array(values) => {
            values.iter_mut().map(|one| show(one, tenant_id, opened)).filter(|shown| *shown).count() > 0
        }
        Value::Object(fields) => {
            fields.values_mut().map(|one| show(one, tenant_id, opened)).filter(|shown| *shown).count() > 0
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

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

    #[test]
    fn what_is_sealed_is_masked_opened_or_erased_wherever_it_stands() {
        let tenant = TenantId(uuid::Uuid::from_u128(1));
        let ciphertext = "A".repeat(38);
        let text = |nth: u32| format!("v1:01a1fca4-1244-70ab-9d22-110be592ef91:{nth}:{ciphertext}");
        let data =
            json!({"name": text(1), "v1:": 1, "list": [{"email": text(2), "note": "v1:none"}], "count": text(3)});
        let told = |opened: &Opened| -> Value {
            serde_json::from_slice(&shown(data.to_string().as_bytes(), tenant, opened).expect("something is sealed"))
                .unwrap()
        };
        let all = |name, email, count| json!({"name": name, "v1:": 1, "list": [{"email": email, "note": "v1:none"}], "count": count});
        assert_eq!(told(&Opened::new()), all(MASK, MASK, MASK));
        let sealed = |nth| (tenant, Sealed::parse(&text(nth)).unwrap());
        let opened = Opened::from([(sealed(1), Some("Ada".into())), (sealed(2), None)]);
        assert_eq!(told(&opened), all("Ada", ERASED, MASK), "what did not open stays masked");
        let elsewhere = Opened::from([((TenantId(uuid::Uuid::from_u128(2)), sealed(1).1), Some("Ada".into()))]);
        assert_eq!(told(&elsewhere), all(MASK, MASK, MASK), "a text is opened for its own tenant alone");
        for nothing in [r#"{"note":"v1:none"}"#, r#"{"note":"none"}"#] {
            assert_eq!(shown(nothing.as_bytes(), tenant, &Opened::new()), None);
        }
    }
}
