//! The HTTP face of tenants, members, invitations and API keys. What concerns one's own account and signing in has a
//! door of its own.

use crate::routes::CommandRoutes;
use domain::identity::api_key::RevokeApiKey;
use domain::identity::invitation::{InviteMember, ResendInvitation, RevokeInvitation};
use domain::identity::membership::{ChangeRoles, DeactivateMember, ReactivateMember, RemoveSupervisor, SetSupervisor};
use domain::identity::session::RevokeSession;
use domain::identity::tenant::{ChangeTenant, CreateTenant, ResumeTenant, SuspendTenant};
use domain::identity::user::{DeactivateUser, ReactivateUser};

pub(crate) fn routes() -> CommandRoutes {
    CommandRoutes::new("/identity")
        .create::<CreateTenant>("/tenants")
        .on::<ChangeTenant>("/tenants/{tenant_id}/settings")
        .on::<SuspendTenant>("/tenants/{tenant_id}/suspend")
        .on::<ResumeTenant>("/tenants/{tenant_id}/resume")
        .on::<DeactivateUser>("/users/{user_id}/deactivate")
        .on::<ReactivateUser>("/users/{user_id}/reactivate")
        .on::<RevokeSession>("/sessions/{session_id}/revoke")
        .create::<InviteMember>("/invitations")
        .on::<ResendInvitation>("/invitations/{invitation_id}/resend")
        .on::<RevokeInvitation>("/invitations/{invitation_id}/revoke")
        .on::<ChangeRoles>("/members/{member_id}/roles")
        .on::<SetSupervisor>("/members/{member_id}/supervisor")
        .on::<RemoveSupervisor>("/members/{member_id}/supervisor/remove")
        .on::<DeactivateMember>("/members/{member_id}/deactivate")
        .on::<ReactivateMember>("/members/{member_id}/reactivate")
        .on::<RevokeApiKey>("/api-keys/{api_key_id}/revoke")
}
