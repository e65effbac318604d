//! The invitations of a tenant.

use chrono::{DateTime, Utc};
use domain::identity::invitation::{Event, InvitationStatus};
use domain::identity::{EmailAddress, InvitationId, Locale, RoleSet, UserId};
use kernel::{ActorId, Column, ColumnKind, Index, Keys, Personal, ReadModel, Recorded, Table, Version};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// `identity.invitations`: one row per invitation.
pub struct Invitations;

/// An invitation as it stands now.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct InvitationRow {
    /// The invitation.
    pub invitation_id: InvitationId,
    /// To which address.
    pub email: Personal<EmailAddress>,
    /// In which language the mail is.
    pub locale: Locale,
    /// As what he joins.
    pub roles: RoleSet,
    /// Who will lead him.
    pub supervisor_id: Option<UserId>,
    /// Where it stands. One that is over stays `open` until it is looked at: see `expires_at`.
    pub status: InvitationStatus,
    /// Who invited.
    pub invited_by: ActorId,
    /// When.
    pub invited_at: DateTime<Utc>,
    /// How often it was sent.
    pub sent_count: i32,
    /// Until when the last link is good.
    pub expires_at: DateTime<Utc>,
    /// Who accepted it.
    pub accepted_by: Option<UserId>,
    /// When it was accepted, taken back, or had expired.
    pub ended_at: Option<DateTime<Utc>>,
    /// When anything about it was last recorded.
    pub updated_at: DateTime<Utc>,
    /// The version of the invitation's stream, for `If-Match`.
    pub version: Version,
}

impl ReadModel for Invitations {
    type Event = Event;
    type Key = InvitationId;
    type Row = InvitationRow;

    const NAME: &'static str = "identity.invitations";
    const VERSION: i32 = 1;
    const TABLE: Table = Table {
        key: 1,
        columns: &[
            Column::new("invitation_id", ColumnKind::Uuid),
            Column::new("email", ColumnKind::Personal),
            Column::new("locale", ColumnKind::Text),
            Column::new("roles", ColumnKind::Json),
            Column::optional("supervisor_id", ColumnKind::Uuid),
            Column::new("status", ColumnKind::Text),
            Column::new("invited_by", ColumnKind::Uuid),
            Column::new("invited_at", ColumnKind::Timestamp),
            Column::new("sent_count", ColumnKind::Integer),
            Column::new("expires_at", ColumnKind::Timestamp),
            Column::optional("accepted_by", ColumnKind::Uuid),
            Column::optional("ended_at", ColumnKind::Timestamp),
            Column::new("updated_at", ColumnKind::Timestamp),
            Column::new("version", ColumnKind::Integer),
        ],
        indexes: &[Index { columns: &["-invited_at"] }],
    };

    fn keys(event: &Recorded<Event>) -> Keys<InvitationId> {
        Keys::One(InvitationId(event.stream_id))
    }

    fn apply(row: Option<InvitationRow>, key: &InvitationId, event: &Recorded<Event>) -> Option<InvitationRow> {
        let ended = |row: Option<InvitationRow>, status| {
            row.map(|row| InvitationRow { status, ended_at: Some(event.occurred_at), ..row })
        };
        let row = match &event.event {
            Event::Invited { to, roles, supervisor_id, expires_at, email_index: _, request_id: _ } => {
                Some(InvitationRow {
                    invitation_id: *key,
                    email: to.email.clone(),
                    locale: to.locale,
                    roles: roles.clone(),
                    supervisor_id: *supervisor_id,
                    status: InvitationStatus::Open,
                    invited_by: event.actor.id,
                    invited_at: event.occurred_at,
                    sent_count: 1,
                    expires_at: *expires_at,
                    accepted_by: None,
                    ended_at: None,
                    updated_at: event.recorded_at,
                    version: event.version,
                })
            }
            Event::Resent { expires_at, .. } => {
                row.map(|row| InvitationRow { sent_count: row.sent_count + 1, expires_at: *expires_at, ..row })
            }
            Event::Accepted { user_id } => {
                ended(row, InvitationStatus::Accepted).map(|row| InvitationRow { accepted_by: Some(*user_id), ..row })
            }
            Event::Revoked {} => ended(row, InvitationStatus::Revoked),
            Event::Expired {} => ended(row, InvitationStatus::Expired),
        };
        row.map(|row| InvitationRow { updated_at: event.recorded_at, version: event.version, ..row })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use kernel::Event as _;
    use kernel::specs::Story;
    use uuid::Uuid;

    #[test]
    fn an_invitation_shows_where_it_stands() {
        let id = InvitationId(Uuid::from_u128(7));
        let told = |which: &[usize]| {
            let examples = Event::examples();
            let events = which.iter().map(|at| examples[*at].clone());
            let story = events.fold(Story::<Event>::new(), |story, event| story.then(id, ActorId(id.0), event));
            story.row::<Invitations>(&id).unwrap()
        };
        assert_eq!((told(&[0]).status, told(&[0, 1]).sent_count), (InvitationStatus::Open, 2));
        let accepted = told(&[0, 1, 2]);
        assert_eq!((accepted.status, accepted.accepted_by.is_some()), (InvitationStatus::Accepted, true));
        assert_eq!(told(&[0, 3]).status, InvitationStatus::Revoked);
        assert_eq!((told(&[0, 4]).status, told(&[0, 4]).ended_at.is_some()), (InvitationStatus::Expired, true));
    }
}
