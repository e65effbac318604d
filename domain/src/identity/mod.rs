//! Who may do what: tenants, the people who belong to them, their invitations, sessions and API keys.
//!
//! Users, tenants and sessions are kept in the platform's tenant ([`TenantId::PLATFORM`]): a user is one person in many
//! tenants. Memberships, invitations and API keys are kept in the company's own. Secrets (password hashes, refresh
//! tokens, TOTP secrets) are never here: the sign-in door keeps them in tables of its own, and tells the facts.
//!
//! Choices where the product pages are silent:
//!
//! - An address is unique among all users, also of those who are deactivated: they may come back.
//! - A link in a mail is good once and only until the next one of its sort is sent; the aggregate knows the
//!   `request_id` that the last one answers to.
//! - The last administrator of a tenant cannot leave: see [`administrators`].
//! - Whoever gives or takes a role must hold all that it permits, see [`roles`].

pub mod administrators;
pub mod api_key;
mod contact;
pub mod invitation;
pub mod membership;
mod role_set;
pub mod roles;
pub mod session;
pub mod tenant;
pub mod user;

pub use crate::time_zone::TimeZone;
pub use contact::{ClientAddress, EmailAddress, PersonName, PhoneNumber, Recipient, UserAgent};
pub use role_set::RoleSet;
pub use roles::Role;

use kernel::{ActorId, Context, Scope, TenantId, Text};

/// What only the sign-in door does, after it has checked a proof itself. In no role and in no token.
pub const SIGN_IN: Scope = Scope::new("identity.account:sign_in");
/// What everybody may do with his own account.
pub const OWN_ACCOUNT: Scope = Scope::new("identity.account:change");
/// What makes an actor an administrator of the platform: changes, suspends and resumes tenants.
pub const MANAGE_TENANTS: Scope = Scope::new("identity.tenant:manage");
/// Deactivates users, ends their sessions.
pub const MANAGE_USERS: Scope = Scope::new("identity.user:manage");
/// What makes an actor an administrator of his tenant: invites, changes roles, deactivates members.
pub const MANAGE_MEMBERS: Scope = Scope::new("identity.member:manage");
/// Invites people, and takes invitations back.
pub const MANAGE_INVITATIONS: Scope = Scope::new("identity.invitation:manage");
/// Issues and revokes API keys.
pub const MANAGE_API_KEYS: Scope = Scope::new("identity.api_key:manage");
/// Ends sessions of others.
pub const REVOKE_SESSIONS: Scope = Scope::new("identity.session:revoke");
/// Gives roles that permit more than the actor himself may do.
pub const GRANT_ANY_ROLE: Scope = Scope::new("identity.role:grant_any");

/// The scope of the reservations that make addresses unique; also the scope of their blind index.
pub const EMAIL_RESERVATION: &str = "identity.email";
/// The scope of the reservations by which a tenant has one open invitation per address.
pub const INVITATION_RESERVATION: &str = "identity.invitation";
/// The scope of the reservations that make slugs unique.
pub const SLUG_RESERVATION: &str = "identity.slug";

/// Why somebody did something, for the record.
pub type Reason = Text<1, 500>;

kernel::typed_id! {
    /// A person, over all tenants: the `sub` of an access token.
    pub struct UserId;
    /// What a user is in one tenant; follows from the two, see [`membership::membership_id`].
    pub struct MembershipId;
    /// An invitation.
    pub struct InvitationId;
    /// A family of sessions: everything that was refreshed from one sign-in.
    pub struct SessionId;
    /// An API key. The `sub` of what a service does with it.
    pub struct ApiKeyId;
    /// What a link in a mail answers to; the `cause_id` of its token.
    pub struct RequestId;
}

impl From<UserId> for ActorId {
    fn from(user_id: UserId) -> Self {
        Self(user_id.0)
    }
}

impl From<ActorId> for UserId {
    fn from(actor_id: ActorId) -> Self {
        Self(actor_id.0)
    }
}

kernel::labelled! {
    /// In which language somebody is spoken to.
    #[derive(Default)]
    pub enum Locale("identity.locale") {
        /// French.
        #[default]
        Fr: "fr" | "fr-FR" | "fr_FR", "French", "Français";
        /// English.
        En: "en" | "en-US" | "en-GB" | "en_US" | "en_GB", "English", "Anglais";
    }
}

/// Whether the actor administers the platform, from the platform's own tenant.
fn on_the_platform(cx: &Context, scope: Scope) -> bool {
    cx.tenant_id == TenantId::PLATFORM && cx.may(scope)
}

/// The id of a request that this command makes, for the link that answers to it.
fn request_id(cx: &Context) -> RequestId {
    RequestId(cx.derived_id("identity.request"))
}

/// The instant to the whole second: a link says no more.
fn after(cx: &Context, lifetime: chrono::TimeDelta) -> chrono::DateTime<chrono::Utc> {
    let end = cx.now + lifetime;
    chrono::DateTime::from_timestamp(end.timestamp(), 0).unwrap_or(end)
}
