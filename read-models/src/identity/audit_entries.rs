//! The trail of what was done to accounts, members, invitations, keys and tenants.

use chrono::{DateTime, Utc};
use domain::identity::{Reason, RoleSet, UserId, api_key, invitation, membership, session, tenant, user};
use kernel::{ActorId, ActorKind, Column, ColumnKind, EventId, Index, Keys, Personal, ReadModel, Recorded, Table};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

kernel::event_set! {
    /// Everything that the trail tells of.
    pub enum Told {
        /// Of a tenant.
        Tenant(tenant::Event),
        /// Of an account.
        User(user::Event),
        /// Of a member.
        Membership(membership::Event),
        /// Of an invitation.
        Invitation(invitation::Event),
        /// Of a session.
        Session(session::Event),
        /// Of an API key.
        ApiKey(api_key::Event),
    }
}

kernel::labelled! {
    /// What was done.
    pub enum Act("identity.act") {
        /// A tenant was created.
        TenantCreated: "tenant_created", "Tenant created", "Client créé";
        /// A tenant's settings changed.
        TenantChanged: "tenant_changed", "Tenant changed", "Client modifié";
        /// A tenant was suspended.
        TenantSuspended: "tenant_suspended", "Tenant suspended", "Client suspendu";
        /// A tenant was resumed.
        TenantResumed: "tenant_resumed", "Tenant resumed", "Client rétabli";
        /// Somebody registered.
        UserRegistered: "user_registered", "User registered", "Compte créé";
        /// An address was proven.
        EmailVerified: "email_verified", "Address verified", "Adresse vérifiée";
        /// Somebody tried to register with an address that has an account.
        SignUpRepeated: "sign_up_repeated", "Registration repeated", "Inscription répétée";
        /// Names, phone or language changed.
        ProfileChanged: "profile_changed", "Profile changed", "Profil modifié";
        /// Another address was asked for.
        EmailChangeRequested: "email_change_requested", "Change of address requested", "Changement d'adresse demandé";
        /// The address changed.
        EmailChanged: "email_changed", "Address changed", "Adresse modifiée";
        /// The password changed.
        PasswordChanged: "password_changed", "Password changed", "Mot de passe modifié";
        /// A link for a new password was asked for.
        PasswordResetRequested: "password_reset_requested", "Password reset requested", "Nouveau mot de passe demandé";
        /// A new password was chosen by the link.
        PasswordResetCompleted: "password_reset_completed", "Password reset", "Mot de passe réinitialisé";
        /// A second factor was set up.
        TotpEnabled: "totp_enabled", "Second factor enabled", "Second facteur activé";
        /// The second factor was given up.
        TotpDisabled: "totp_disabled", "Second factor disabled", "Second facteur désactivé";
        /// Wrong passwords have to wait.
        SignInThrottled: "sign_in_throttled", "Sign-in slowed down", "Connexion ralentie";
        /// An account was closed.
        UserDeactivated: "user_deactivated", "Account closed", "Compte fermé";
        /// An account was opened again.
        UserReactivated: "user_reactivated", "Account reopened", "Compte rouvert";
        /// A user became a member.
        MemberJoined: "member_joined", "Member joined", "Membre ajouté";
        /// A member's roles changed.
        RolesChanged: "roles_changed", "Roles changed", "Rôles modifiés";
        /// A member's supervisor changed.
        SupervisorChanged: "supervisor_changed", "Supervisor changed", "Responsable modifié";
        /// A member was deactivated.
        MemberDeactivated: "member_deactivated", "Member deactivated", "Membre désactivé";
        /// A member was reactivated.
        MemberReactivated: "member_reactivated", "Member reactivated", "Membre réactivé";
        /// Somebody was invited.
        Invited: "invited", "Invited", "Invitation envoyée";
        /// An invitation was sent again.
        InvitationResent: "invitation_resent", "Invitation sent again", "Invitation renvoyée";
        /// An invitation was accepted.
        InvitationAccepted: "invitation_accepted", "Invitation accepted", "Invitation acceptée";
        /// An invitation was taken back.
        InvitationRevoked: "invitation_revoked", "Invitation revoked", "Invitation retirée";
        /// Somebody signed in.
        SignedIn: "signed_in", "Signed in", "Connexion";
        /// Somebody went on in another tenant.
        TenantSwitched: "tenant_switched", "Switched tenant", "Changement de client";
        /// A refresh token came a second time.
        TokenReused: "token_reused", "Token used twice", "Jeton utilisé deux fois";
        /// A session ended.
        SessionEnded: "session_ended", "Session ended", "Session terminée";
        /// An API key was issued.
        ApiKeyIssued: "api_key_issued", "API key issued", "Clé d'API créée";
        /// An API key was revoked.
        ApiKeyRevoked: "api_key_revoked", "API key revoked", "Clé d'API révoquée";
    }
}

/// `identity.audit_entries`: one row per act. What concerns a tenant's members, invitations and keys is in the tenant;
/// what concerns accounts, sessions and tenants is in the platform's.
pub struct AuditEntries;

/// One act. Names nobody: ids say who, and the things themselves say what they are called.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct AuditEntryRow {
    /// The event that tells it.
    pub event_id: EventId,
    /// When it happened.
    pub occurred_at: DateTime<Utc>,
    /// What was done.
    pub act: Act,
    /// What sort of actor did it.
    pub actor_kind: ActorKind,
    /// Who did it.
    pub actor_id: ActorId,
    /// To which user, where it concerns one.
    pub user_id: Option<UserId>,
    /// To which thing: the tenant, user, membership, invitation, session or key.
    pub subject_id: Uuid,
    /// As what from then on, where roles are concerned.
    pub roles: Option<RoleSet>,
    /// As what until then.
    pub previous_roles: Option<RoleSet>,
    /// Why, where somebody said so.
    pub reason: Option<Personal<Reason>>,
}

/// What an event tells for the trail.
#[derive(Default)]
struct Tale {
    act: Option<Act>,
    user_id: Option<UserId>,
    roles: Option<RoleSet>,
    previous_roles: Option<RoleSet>,
    reason: Option<Personal<Reason>>,
}

impl ReadModel for AuditEntries {
    type Event = Told;
    type Key = EventId;
    type Row = AuditEntryRow;

    const NAME: &'static str = "identity.audit_entries";
    const VERSION: i32 = 1;
    const TABLE: Table = Table {
        key: 1,
        columns: &[
            Column::new("event_id", ColumnKind::Uuid),
            Column::new("occurred_at", ColumnKind::Timestamp),
            Column::new("act", ColumnKind::Text),
            Column::new("actor_kind", ColumnKind::Text),
            Column::new("actor_id", ColumnKind::Uuid),
            Column::optional("user_id", ColumnKind::Uuid),
            Column::new("subject_id", ColumnKind::Uuid),
            Column::optional("roles", ColumnKind::Json),
            Column::optional("previous_roles", ColumnKind::Json),
            Column::optional("reason", ColumnKind::Personal),
        ],
        indexes: &[
            Index { columns: &["-occurred_at"] },
            Index { columns: &["user_id", "-occurred_at"] },
            Index { columns: &["actor_id", "-occurred_at"] },
        ],
    };

    fn keys(event: &Recorded<Told>) -> Keys<EventId> {
        if told(event).act.is_some() { Keys::One(event.event_id) } else { Keys::None }
    }

    fn apply(_row: Option<AuditEntryRow>, key: &EventId, event: &Recorded<Told>) -> Option<AuditEntryRow> {
        let Tale { act, user_id, roles, previous_roles, reason } = told(event);
        Some(AuditEntryRow {
            event_id: *key,
            occurred_at: event.occurred_at,
            act: act?,
            actor_kind: event.actor.kind,
            actor_id: event.actor.id,
            user_id,
            subject_id: event.stream_id,
            roles,
            previous_roles,
            reason,
        })
    }
}

fn told(event: &Recorded<Told>) -> Tale {
    match &event.event {
        Told::Tenant(event) => of_tenant(event),
        Told::User(of_user) => Tale { user_id: Some(UserId(event.stream_id)), ..of_account(of_user) },
        Told::Membership(event) => of_member(event),
        Told::Invitation(event) => of_invitation(event),
        Told::Session(event) => of_session(event),
        Told::ApiKey(event) => of_key(event),
    }
}

fn plain(act: Act) -> Tale {
    Tale { act: Some(act), ..Tale::default() }
}

fn of_tenant(event: &tenant::Event) -> Tale {
    match event {
        tenant::Event::Created { .. } => plain(Act::TenantCreated),
        tenant::Event::Changed { .. } => plain(Act::TenantChanged),
        tenant::Event::Suspended { reason } => Tale { reason: Some(reason.clone()), ..plain(Act::TenantSuspended) },
        tenant::Event::Resumed {} => plain(Act::TenantResumed),
        // Part of another act; the invitation that follows is told.
        tenant::Event::AdministratorNamed { .. } => Tale::default(),
    }
}

fn of_account(event: &user::Event) -> Tale {
    match event {
        user::Event::Registered { .. } => plain(Act::UserRegistered),
        // Follows from another act, or is sent by itself.
        user::Event::EmailVerificationRequested { .. } => Tale::default(),
        user::Event::EmailVerified { .. } => plain(Act::EmailVerified),
        user::Event::SignUpRepeated { .. } => plain(Act::SignUpRepeated),
        user::Event::ProfileChanged { .. } => plain(Act::ProfileChanged),
        user::Event::EmailChangeRequested { .. } => plain(Act::EmailChangeRequested),
        user::Event::EmailChanged { .. } => plain(Act::EmailChanged),
        user::Event::PasswordChanged { .. } => plain(Act::PasswordChanged),
        user::Event::PasswordResetRequested { .. } => plain(Act::PasswordResetRequested),
        user::Event::PasswordResetCompleted { .. } => plain(Act::PasswordResetCompleted),
        user::Event::TotpEnabled { .. } => plain(Act::TotpEnabled),
        user::Event::TotpDisabled { .. } => plain(Act::TotpDisabled),
        user::Event::SignInThrottled { .. } => plain(Act::SignInThrottled),
        user::Event::Deactivated { reason } => Tale { reason: reason.clone(), ..plain(Act::UserDeactivated) },
        user::Event::Reactivated {} => plain(Act::UserReactivated),
    }
}

fn of_member(event: &membership::Event) -> Tale {
    let tale = |act, user_id: &UserId| Tale { user_id: Some(*user_id), ..plain(act) };
    match event {
        membership::Event::Granted { user_id, roles, .. } => {
            Tale { roles: Some(roles.clone()), ..tale(Act::MemberJoined, user_id) }
        }
        membership::Event::RolesChanged { user_id, roles, previous } => Tale {
            roles: Some(roles.clone()),
            previous_roles: Some(previous.clone()),
            ..tale(Act::RolesChanged, user_id)
        },
        membership::Event::SupervisorChanged { user_id, .. } => tale(Act::SupervisorChanged, user_id),
        // A copy of what the account has told already.
        membership::Event::PersonChanged { .. } => Tale::default(),
        membership::Event::Deactivated { user_id, reason } => {
            Tale { reason: reason.clone(), ..tale(Act::MemberDeactivated, user_id) }
        }
        membership::Event::Reactivated { user_id } => tale(Act::MemberReactivated, user_id),
    }
}

fn of_invitation(event: &invitation::Event) -> Tale {
    match event {
        invitation::Event::Invited { roles, .. } => Tale { roles: Some(roles.clone()), ..plain(Act::Invited) },
        invitation::Event::Resent { roles, .. } => Tale { roles: Some(roles.clone()), ..plain(Act::InvitationResent) },
        invitation::Event::Accepted { user_id } => Tale { user_id: Some(*user_id), ..plain(Act::InvitationAccepted) },
        invitation::Event::Revoked {} => plain(Act::InvitationRevoked),
        // Nobody did it.
        invitation::Event::Expired {} => Tale::default(),
    }
}

fn of_session(event: &session::Event) -> Tale {
    let tale = |act, user_id: &UserId| Tale { user_id: Some(*user_id), ..plain(act) };
    match event {
        session::Event::Started { user_id, .. } => tale(Act::SignedIn, user_id),
        session::Event::TenantSwitched { user_id, .. } => tale(Act::TenantSwitched, user_id),
        session::Event::ReuseDetected { user_id } => tale(Act::TokenReused, user_id),
        session::Event::Ended { user_id, .. } => tale(Act::SessionEnded, user_id),
    }
}

fn of_key(event: &api_key::Event) -> Tale {
    match event {
        api_key::Event::Issued { .. } => plain(Act::ApiKeyIssued),
        api_key::Event::Revoked {} => plain(Act::ApiKeyRevoked),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use kernel::specs::Story;

    fn tell<E: kernel::Event + Into<Told>>(story: Story<Told>, by: u128) -> Story<Told> {
        let (stream, actor) = (Uuid::from_u128(by), ActorId(Uuid::from_u128(by)));
        E::examples().into_iter().fold(story, |story, event| story.then(stream, actor, event))
    }

    #[test]
    fn every_act_leaves_a_trace_that_says_who_and_to_whom() {
        let story = tell::<tenant::Event>(Story::new(), 1);
        let story = tell::<user::Event>(story, 2);
        let story = tell::<membership::Event>(story, 3);
        let story = tell::<invitation::Event>(story, 4);
        let story = tell::<session::Event>(story, 5);
        let story = tell::<api_key::Event>(story, 6);
        let rows: Vec<AuditEntryRow> = story.rows::<AuditEntries>().into_values().collect();
        let mut acts: Vec<Act> = rows.iter().map(|row| row.act).collect();
        acts.sort_unstable();
        acts.dedup();
        assert_eq!(acts, <Act as kernel::Labelled>::ALL, "every act is told once, of every event that tells one");
        assert_eq!(rows.len(), acts.len());
        let of = |act: Act| rows.iter().find(|row| row.act == act).unwrap();
        assert_eq!(of(Act::UserDeactivated).user_id, Some(UserId(Uuid::from_u128(2))));
        assert!(of(Act::RolesChanged).roles.is_some() && of(Act::RolesChanged).previous_roles.is_some());
        assert!(of(Act::TenantSuspended).reason.is_some());
        let text = kernel::specs::sealed(|| serde_json::to_string(&rows)).unwrap();
        let in_hex = |name: &str| name.bytes().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().concat();
        let hidden = ["ada@example", "Byron"].map(in_hex);
        assert!(hidden.iter().all(|name| !text.contains(name)), "the trail names nobody: {text}");
        let subjects = [(Act::MemberJoined, 3), (Act::Invited, 4), (Act::SignedIn, 5), (Act::ApiKeyRevoked, 6)];
        assert!(subjects.iter().all(|(act, stream)| of(*act).subject_id == Uuid::from_u128(*stream)));
    }
}
