//! Events as CloudEvents 1.0: the form in which they leave the log.

use chrono::{DateTime, Utc};
use kernel::{
    Actor, ActorId, ActorKind, CommandId, CorrelationId, Epoch, EventData, EventId, LogId, Position, Recorded,
    TenantId, TraceParent, Version,
};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use std::borrow::Cow;
use uuid::Uuid;

/// One event in the JSON format of CloudEvents 1.0. Extension attributes are lower-case letters and digits only,
/// as the specification demands.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct CloudEvent<'a> {
    specversion: Cow<'a, str>,
    /// The event's id.
    pub id: EventId,
    /// `/logs/<log id>`.
    #[serde(borrow)]
    pub source: Cow<'a, str>,
    /// `support.ticket.opened`.
    #[serde(rename = "type", borrow)]
    pub event_type: Cow<'a, str>,
    /// The stream's id.
    pub subject: Uuid,
    /// When it happened.
    pub time: DateTime<Utc>,
    datacontenttype: Cow<'a, str>,
    /// Place in the log.
    pub position: Position,
    /// The life of the log.
    pub epoch: Epoch,
    /// Whose event.
    pub tenantid: TenantId,
    /// The stream's category: `support.ticket`.
    #[serde(borrow)]
    pub category: Cow<'a, str>,
    /// Place in the stream.
    pub streamversion: Version,
    /// The shape of the payload.
    pub schemaversion: i16,
    /// When the server recorded it.
    pub recordedat: DateTime<Utc>,
    /// What sort of actor.
    pub actorkind: ActorKind,
    /// Who did it.
    pub actorid: ActorId,
    /// For whom.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub onbehalfof: Option<ActorId>,
    /// By which command.
    pub commandid: CommandId,
    /// In which story.
    pub correlationid: CorrelationId,
    /// Because of which event.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub causationid: Option<EventId>,
    /// In which trace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub traceparent: Option<TraceParent>,
    /// The number that a counter gave.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub number: Option<i64>,
    /// Where a reader goes on after it, where he was told with it.
    #[serde(default, skip_serializing_if = "Option::is_none", borrow)]
    pub cursor: Option<Cow<'a, str>>,
    /// The payload.
    #[serde(borrow)]
    pub data: Cow<'a, RawValue>,
}

/// Why something is not an event of this log.
#[derive(Debug, thiserror::Error)]
pub enum CloudEventError {
    /// It is not a `CloudEvent` as the log writes them.
    #[error("reading a CloudEvent")]
    Malformed(#[from] serde_json::Error),
    /// Its type does not begin with its category.
    #[error("the type {0} does not belong to its category")]
    Type(String),
}

/// The `source` attribute of a log's events.
pub fn source_of(log_id: LogId) -> String {
    format!("/logs/{log_id}")
}

impl<'a> CloudEvent<'a> {
    /// The outward form of a stored event.
    ///
    /// # Errors
    /// The payload is not JSON.
    pub fn of(source: &'a str, event: &'a Recorded<EventData>) -> Result<Self, CloudEventError> {
        Ok(Self {
            specversion: Cow::Borrowed("1.0"),
            id: event.event_id,
            source: Cow::Borrowed(source),
            event_type: Cow::Owned(format!("{}.{}", event.category, event.event.event_type)),
            subject: event.stream_id,
            time: event.occurred_at,
            datacontenttype: Cow::Borrowed("application/json"),
            position: event.position,
            epoch: event.epoch,
            tenantid: event.tenant_id,
            category: Cow::Borrowed(&event.category),
            streamversion: event.version,
            schemaversion: event.event.schema_version,
            recordedat: event.recorded_at,
            actorkind: event.actor.kind,
            actorid: event.actor.id,
            onbehalfof: event.actor.on_behalf_of,
            commandid: event.command_id,
            correlationid: event.correlation_id,
            causationid: event.causation_id,
            traceparent: event.trace,
            number: event.number,
            cursor: None,
            data: Cow::Borrowed(serde_json::from_slice(&event.event.data)?),
        })
    }

    /// The stored form again.
    ///
    /// # Errors
    /// The type does not belong to the category.
    pub fn into_recorded(self) -> Result<Recorded<EventData>, CloudEventError> {
        let event_type = self
            .event_type
            .strip_prefix(&*self.category)
            .and_then(|rest| rest.strip_prefix('.'))
            .ok_or_else(|| CloudEventError::Type(self.event_type.to_string()))?;
        Ok(Recorded {
            event: EventData {
                event_type: event_type.to_owned(),
                schema_version: self.schemaversion,
                data: self.data.get().as_bytes().to_vec(),
            },
            position: self.position,
            epoch: self.epoch,
            event_id: self.id,
            tenant_id: self.tenantid,
            category: self.category.into_owned(),
            stream_id: self.subject,
            version: self.streamversion,
            actor: Actor { kind: self.actorkind, id: self.actorid, on_behalf_of: self.onbehalfof },
            command_id: self.commandid,
            correlation_id: self.correlationid,
            causation_id: self.causationid,
            trace: self.traceparent,
            occurred_at: self.time,
            recorded_at: self.recordedat,
            number: self.number,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_comes_back_as_it_left() {
        let event = Recorded {
            position: Position(7),
            epoch: Epoch(2),
            event_id: EventId(Uuid::from_u128(1)),
            tenant_id: TenantId(Uuid::from_u128(2)),
            category: "test.thing".into(),
            stream_id: Uuid::from_u128(3),
            version: Version(4),
            actor: Actor::user(ActorId(Uuid::from_u128(5))),
            command_id: CommandId(Uuid::from_u128(6)),
            correlation_id: CorrelationId(Uuid::from_u128(7)),
            causation_id: None,
            trace: "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01".parse().ok(),
            occurred_at: DateTime::from_timestamp_micros(1_768_474_800_123_456).unwrap(),
            recorded_at: DateTime::from_timestamp_micros(1_768_474_800_000_001).unwrap(),
            number: Some(42),
            event: EventData { event_type: "was_named".into(), schema_version: 2, data: br#"{"a":"\"x"}"#.to_vec() },
        };
        let source = source_of(LogId(Uuid::from_u128(9)));
        let text = serde_json::to_string(&CloudEvent::of(&source, &event).unwrap()).unwrap();
        let attributes: serde_json::Map<String, serde_json::Value> = serde_json::from_str(&text).unwrap();
        assert!(attributes.keys().all(|name| name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit())));
        assert_eq!(attributes["type"], "test.thing.was_named");
        let back: CloudEvent<'_> = serde_json::from_str(&text).unwrap();
        assert_eq!(back.into_recorded().unwrap(), event);
    }
}
