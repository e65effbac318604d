//! What identity shows: members, invitations and keys to a tenant; tenants, users and sessions to the platform, whose rows
//! are in its own tenant.

mod get_api_key;
mod get_invitation;
mod get_member;
mod get_session;
mod get_tenant;
mod get_user;
mod list_api_keys;
mod list_audit_entries;
mod list_invitations;
mod list_members;
mod list_sessions;
mod list_tenants;
mod list_user_memberships;
mod list_user_sessions;
mod list_users;

use crate::routes::QueryRoutes;

pub(crate) fn routes() -> QueryRoutes {
    QueryRoutes::new("/identity")
        .list::<list_tenants::ListTenants>("/tenants")
        .detail::<get_tenant::GetTenant>("/tenants/{tenant_id}")
        .list::<list_users::ListUsers>("/users")
        .detail::<get_user::GetUser>("/users/{user_id}")
        .list::<list_user_memberships::ListUserMemberships>("/users/{user_id}/memberships")
        .list::<list_user_sessions::ListUserSessions>("/users/{user_id}/sessions")
        .list::<list_sessions::ListSessions>("/sessions")
        .detail::<get_session::GetSession>("/sessions/{session_id}")
        .list::<list_members::ListMembers>("/members")
        .detail::<get_member::GetMember>("/members/{member_id}")
        .list::<list_invitations::ListInvitations>("/invitations")
        .detail::<get_invitation::GetInvitation>("/invitations/{invitation_id}")
        .list::<list_api_keys::ListApiKeys>("/api-keys")
        .detail::<get_api_key::GetApiKey>("/api-keys/{api_key_id}")
        .list::<list_audit_entries::ListAuditEntries>("/audit")
}
