//! Typed ids: a `TicketId` can never be passed where a `TenantId` is meant.

use uuid::Uuid;

/// Declares a typed id over a UUID: `typed_id! { /// docs pub struct TicketId; }`.
#[macro_export]
macro_rules! typed_id {
    ($($(#[$meta:meta])* $visibility:vis struct $name:ident;)+) => {$(
        $(#[$meta])*
        #[derive(
            Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord,
            ::serde::Serialize, ::serde::Deserialize, ::utoipa::ToSchema,
        )]
        #[serde(transparent)]
        $visibility struct $name(pub ::uuid::Uuid);

        impl ::std::fmt::Display for $name {
            fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                ::std::fmt::Display::fmt(&self.0, f)
            }
        }

        impl From<::uuid::Uuid> for $name {
            fn from(id: ::uuid::Uuid) -> Self {
                Self(id)
            }
        }

        impl From<$name> for ::uuid::Uuid {
            fn from(id: $name) -> Self {
                id.0
            }
        }
    )+};
}

typed_id! {
    /// A company, studio or brand: the wall between customers of Sillage. In every key and every row.
    pub struct TenantId;
    /// Who acts: a person, a service or the system itself.
    pub struct ActorId;
    /// One stored event, UUIDv7.
    pub struct EventId;
    /// One accepted request to change something. Every event names the command that made it.
    pub struct CommandId;
    /// The story that a command belongs to; handed on from events to the commands they cause.
    pub struct CorrelationId;
    /// Whom personal data is about: usually a person, by the user's or actor's id; else what stands for the people behind it.
    pub struct SubjectId;
    /// One log. Positions of different logs never compare.
    pub struct LogId;
}

impl TenantId {
    /// The operator of the installation: holds what belongs to no single company.
    pub const PLATFORM: Self = Self(Uuid::nil());
}

/// An id that follows from others: the same `parent` and `name` always give the same id (UUIDv5).
///
/// This is how uniqueness is had by construction: the conversation of an appointment, the door of a
/// building and a number.
pub fn derived(parent: Uuid, name: &str) -> Uuid {
    Uuid::new_v5(&parent, name.as_bytes())
}
