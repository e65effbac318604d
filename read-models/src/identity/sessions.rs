//! Who signed in when, from where, and how it ended: as the platform sees it.

use chrono::{DateTime, Utc};
use domain::identity::session::{ClientKind, EndReason, Event};
use domain::identity::{ClientAddress, SessionId, UserAgent, UserId};
use kernel::{Column, ColumnKind, Index, Keys, Personal, ReadModel, Recorded, Table, TenantId, Version};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// `identity.sessions`: one row per session family, in the platform's tenant.
pub struct Sessions;

/// A session as it stands now.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct SessionRow {
    /// The session.
    pub session_id: SessionId,
    /// Whose.
    pub user_id: UserId,
    /// What holds the refresh token.
    pub client: ClientKind,
    /// Whether a second factor was proven.
    pub second_factor: bool,
    /// From which network address.
    pub client_address: Option<Personal<ClientAddress>>,
    /// What the browser or app calls itself.
    pub user_agent: Option<Personal<UserAgent>>,
    /// For which tenant its tokens are.
    pub signed_in_to: Option<TenantId>,
    /// When it began.
    pub started_at: DateTime<Utc>,
    /// Whether a refresh token came a second time.
    pub reuse_detected: bool,
    /// Whether it is over.
    pub ended: bool,
    /// When it ended.
    pub ended_at: Option<DateTime<Utc>>,
    /// Why it ended.
    pub end_reason: Option<EndReason>,
    /// The version of the session's stream, for `If-Match`.
    pub version: Version,
}

impl ReadModel for Sessions {
    type Event = Event;
    type Key = SessionId;
    type Row = SessionRow;

    const NAME: &'static str = "identity.sessions";
    const VERSION: i32 = 1;
    const TABLE: Table = Table {
        key: 1,
        columns: &[
            Column::new("session_id", ColumnKind::Uuid),
            Column::new("user_id", ColumnKind::Uuid),
            Column::new("client", ColumnKind::Text),
            Column::new("second_factor", ColumnKind::Boolean),
            Column::optional("client_address", ColumnKind::Personal),
            Column::optional("user_agent", ColumnKind::Personal),
            Column::optional("signed_in_to", ColumnKind::Uuid),
            Column::new("started_at", ColumnKind::Timestamp),
            Column::new("reuse_detected", ColumnKind::Boolean),
            Column::new("ended", ColumnKind::Boolean),
            Column::optional("ended_at", ColumnKind::Timestamp),
            Column::optional("end_reason", ColumnKind::Text),
            Column::new("version", ColumnKind::Integer),
        ],
        indexes: &[Index { columns: &["user_id", "-started_at"] }, Index { columns: &["-started_at"] }],
    };

    fn keys(event: &Recorded<Event>) -> Keys<SessionId> {
        Keys::One(SessionId(event.stream_id))
    }

    fn apply(row: Option<SessionRow>, key: &SessionId, event: &Recorded<Event>) -> Option<SessionRow> {
        let row = match &event.event {
            Event::Started { user_id, signed_in_to, client, second_factor, client_address, user_agent } => {
                Some(SessionRow {
                    session_id: *key,
                    user_id: *user_id,
                    client: *client,
                    second_factor: *second_factor,
                    client_address: client_address.clone(),
                    user_agent: user_agent.clone(),
                    signed_in_to: *signed_in_to,
                    started_at: event.occurred_at,
                    reuse_detected: false,
                    ended: false,
                    ended_at: None,
                    end_reason: None,
                    version: event.version,
                })
            }
            Event::TenantSwitched { switched_to, .. } => {
                row.map(|row| SessionRow { signed_in_to: Some(*switched_to), ..row })
            }
            Event::ReuseDetected { .. } => row.map(|row| SessionRow { reuse_detected: true, ..row }),
            Event::Ended { reason, .. } => row.map(|row| SessionRow {
                ended: true,
                ended_at: Some(event.occurred_at),
                end_reason: Some(*reason),
                ..row
            }),
        };
        row.map(|row| SessionRow { version: event.version, ..row })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use kernel::specs::Story;
    use kernel::{ActorId, Event as _};
    use uuid::Uuid;

    #[test]
    fn a_session_shows_how_it_ended() {
        let id = SessionId(Uuid::from_u128(7));
        let told = |count: usize| {
            let events = Event::examples().into_iter().take(count);
            let story = events.fold(Story::<Event>::new(), |story, event| story.then(id, ActorId(id.0), event));
            story.row::<Sessions>(&id).unwrap()
        };
        assert!(told(1).second_factor && !told(2).reuse_detected && !told(3).ended);
        let over = told(4);
        assert_eq!((over.reuse_detected, over.end_reason), (true, Some(EndReason::TokenReused)));
    }
}
