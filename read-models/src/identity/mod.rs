//! What identity shows: tenants and users to the platform, members, invitations, keys and the trail of acts to a tenant.

pub mod api_keys;
pub mod audit_entries;
pub mod invitations;
pub mod members;
pub mod sessions;
pub mod tenants;
pub mod user_memberships;
pub mod users;

pub use api_keys::ApiKeys;
pub use audit_entries::AuditEntries;
pub use invitations::Invitations;
pub use members::Members;
pub use sessions::Sessions;
pub use tenants::Tenants;
pub use user_memberships::UserMemberships;
pub use users::Users;
