//! The users, as the platform sees them.

use chrono::{DateTime, Utc};
use domain::identity::user::Event;
use domain::identity::{EmailAddress, Locale, PersonName, PhoneNumber, UserId};
use kernel::{Column, ColumnKind, Index, Keys, Personal, ReadModel, Recorded, Table, Version};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// `identity.users`: one row per user, in the platform's tenant.
pub struct Users;

/// A user as he stands now.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct UserRow {
    /// The user.
    pub user_id: UserId,
    /// The address.
    pub email: Personal<EmailAddress>,
    /// Given name.
    pub given_name: Personal<PersonName>,
    /// Family name.
    pub family_name: Personal<PersonName>,
    /// Phone number.
    pub phone: Option<Personal<PhoneNumber>>,
    /// In which language.
    pub locale: Locale,
    /// Whether the address is proven.
    pub email_verified: bool,
    /// Whether signing in needs a second factor.
    pub second_factor: bool,
    /// Whether the account is open.
    pub active: bool,
    /// When the user registered.
    pub registered_at: DateTime<Utc>,
    /// When the password was last changed or reset.
    pub password_changed_at: Option<DateTime<Utc>>,
    /// Until when wrong passwords make the next ones wait; may be over.
    pub throttled_until: Option<DateTime<Utc>>,
    /// When anything about the account was last recorded.
    pub updated_at: DateTime<Utc>,
    /// The version of the user's stream, for `If-Match`.
    pub version: Version,
}

impl ReadModel for Users {
    type Event = Event;
    type Key = UserId;
    type Row = UserRow;

    const NAME: &'static str = "identity.users";
    const VERSION: i32 = 1;
    const TABLE: Table = Table {
        key: 1,
        columns: &[
            Column::new("user_id", ColumnKind::Uuid),
            Column::new("email", ColumnKind::Personal),
            Column::new("given_name", ColumnKind::Personal),
            Column::new("family_name", ColumnKind::Personal),
            Column::optional("phone", ColumnKind::Personal),
            Column::new("locale", ColumnKind::Text),
            Column::new("email_verified", ColumnKind::Boolean),
            Column::new("second_factor", ColumnKind::Boolean),
            Column::new("active", ColumnKind::Boolean),
            Column::new("registered_at", ColumnKind::Timestamp),
            Column::optional("password_changed_at", ColumnKind::Timestamp),
            Column::optional("throttled_until", ColumnKind::Timestamp),
            Column::new("updated_at", ColumnKind::Timestamp),
            Column::new("version", ColumnKind::Integer),
        ],
        indexes: &[Index { columns: &["-registered_at"] }],
    };

    fn keys(event: &Recorded<Event>) -> Keys<UserId> {
        Keys::One(UserId(event.stream_id))
    }

    fn apply(row: Option<UserRow>, key: &UserId, event: &Recorded<Event>) -> Option<UserRow> {
        let row = match &event.event {
            Event::Registered { email, given_name, family_name, phone, locale, email_index: _ } => Some(UserRow {
                user_id: *key,
                email: email.clone(),
                given_name: given_name.clone(),
                family_name: family_name.clone(),
                phone: phone.clone(),
                locale: *locale,
                email_verified: false,
                second_factor: false,
                active: true,
                registered_at: event.occurred_at,
                password_changed_at: None,
                throttled_until: None,
                updated_at: event.recorded_at,
                version: event.version,
            }),
            Event::EmailVerified { .. } => row.map(|row| UserRow { email_verified: true, ..row }),
            Event::ProfileChanged { given_name, family_name, phone, locale } => row.map(|row| UserRow {
                given_name: given_name.clone(),
                family_name: family_name.clone(),
                phone: phone.clone(),
                locale: *locale,
                ..row
            }),
            Event::EmailChanged { email, .. } => {
                row.map(|row| UserRow { email: email.clone(), email_verified: true, ..row })
            }
            Event::PasswordChanged { .. } => {
                row.map(|row| UserRow { password_changed_at: Some(event.occurred_at), throttled_until: None, ..row })
            }
            Event::PasswordResetCompleted { .. } => row.map(|row| UserRow {
                email_verified: true,
                password_changed_at: Some(event.occurred_at),
                throttled_until: None,
                ..row
            }),
            Event::TotpEnabled { .. } => row.map(|row| UserRow { second_factor: true, ..row }),
            Event::TotpDisabled { .. } => row.map(|row| UserRow { second_factor: false, ..row }),
            Event::SignInThrottled { until, .. } => row.map(|row| UserRow { throttled_until: Some(*until), ..row }),
            Event::Deactivated { .. } => row.map(|row| UserRow { active: false, ..row }),
            Event::Reactivated {} => row.map(|row| UserRow { active: true, ..row }),
            Event::EmailVerificationRequested { .. }
            | Event::SignUpRepeated { .. }
            | Event::EmailChangeRequested { .. }
            | Event::PasswordResetRequested { .. } => row,
        };
        row.map(|row| UserRow { updated_at: event.recorded_at, version: event.version, ..row })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use kernel::specs::Story;
    use kernel::{ActorId, Event as _};
    use uuid::Uuid;

    #[test]
    fn a_user_shows_what_happened_last() {
        let id = UserId(Uuid::from_u128(7));
        let told = |count: usize| {
            let events = Event::examples().into_iter().take(count);
            let story = events.fold(Story::<Event>::new(), |story, event| story.then(id, ActorId(id.0), event));
            story.row::<Users>(&id).unwrap()
        };
        assert!(!told(1).email_verified && told(3).email_verified);
        assert_eq!(told(5).family_name.fresh().unwrap().as_str(), "Lovelace");
        let email = |count| told(count).email.fresh().unwrap().to_string();
        assert_eq!((email(6), email(7)), ("ada@example.com".to_owned(), "ada@example.org".to_owned()));
        assert!(told(8).password_changed_at.is_some());
        assert!(told(11).second_factor && !told(12).second_factor);
        assert!(told(13).throttled_until.is_some());
        assert!(!told(14).active && told(15).active);
    }
}
