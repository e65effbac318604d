//! The one table of who may do what: roles, each a bundle of scopes.
//!
//! A member of a tenant holds any number of roles; his token permits what they permit together, and what everybody
//! may do with his own account and notifications ([`EVERYBODY`]). Scopes that no route asks for yet are the contract of what is to come.
//! This is the only file outside `processes` that names all contexts. `docs/generated/authorization.txt` shows the
//! table against the routes.

use super::{GRANT_ANY_ROLE, MANAGE_MEMBERS};
use kernel::{Context, Labelled, Scopes, TenantId};
use std::collections::BTreeSet;

kernel::labelled! {
    /// What a member is in his tenant.
    pub enum Role("identity.role") {
        /// Runs the installation: tenants, users, operations, the history of every tenant with personal data masked. In the
        /// platform's tenant only.
        PlatformAdmin: "platform_admin" | "PLATFORM_ADMIN", "Platform administrator", "Administrateur de la plateforme";
        /// Runs the tenant: invites, gives every role, issues API keys, reads what happened. Does no business by that alone.
        TenantAdmin: "tenant_admin", "Administrator", "Administrateur";
        /// Asks the support desk.
        SupportCustomer: "support_customer", "Support customer", "Client du support";
        /// Works on the tickets of the support desk.
        SupportAgent: "support_agent", "Support agent", "Agent du support";
        /// Runs the support desk and its knowledge base.
        SupportAdmin: "support_admin" | "BRAND_ADMIN", "Support administrator", "Administrateur du support";
        /// A client of the studio.
        StudioClient: "studio_client", "Studio client", "Client du studio";
        /// Works at the studio.
        StudioArtist: "studio_artist" | "user_tatoueur", "Studio artist", "Tatoueur";
        /// Teaches at the studio.
        StudioTrainer: "studio_trainer" | "formateur", "Studio trainer", "Formateur";
        /// Owns the studio.
        StudioOwner: "studio_owner" | "user_salon", "Studio owner", "Responsable du salon";
        /// Runs the waiting lines of all tenants: billing and quotas. In the platform's tenant only.
        QueueSuperAdmin: "queue_super_admin", "Queue super administrator", "Super-administrateur des files";
        /// Runs the waiting lines of the tenant.
        QueueAdmin: "queue_admin", "Queue administrator", "Administrateur des files";
        /// Leads the agents at the desks.
        QueueManager: "queue_manager", "Queue manager", "Responsable des files";
        /// Calls people at a desk.
        QueueAgent: "queue_agent", "Queue agent", "Agent de guichet";
        /// Knocks on doors.
        SalesRep: "sales_rep" | "COMMERCIAL", "Sales rep", "Commercial";
        /// Leads sales reps.
        SalesManager: "sales_manager" | "MANAGER", "Sales manager", "Manager commercial";
        /// Leads managers.
        SalesDirector: "sales_director" | "DIRECTEUR", "Sales director", "Directeur commercial";
        /// Runs the field organisation.
        SalesAdmin: "sales_admin", "Sales administrator", "Administrateur commercial";
        /// Owns the company whose pictures are taken.
        ImageRightsOwner: "image_rights_owner" | "OWNER", "Image rights owner", "Responsable droit à l'image";
        /// Works with shoots and answers in the company.
        ImageRightsUser: "image_rights_user", "Image rights user", "Utilisateur droit à l'image";
        /// Takes the pictures.
        Photographer: "photographer" | "PHOTOGRAPHER", "Photographer", "Photographe";
        /// Is in the pictures, and answers for himself.
        Employee: "employee" | "EMPLOYEE", "Employee", "Employé";
        /// Connects other systems.
        Developer: "developer" | "DEVELOPER", "Developer", "Développeur";
        /// Does everything in the image rights of the company.
        ImageRightsSuperUser: "image_rights_super_user" | "SUPER_USER", "Image rights super user", "Super-utilisateur droit à l'image";
    }
}

/// A named part of a bundle.
type Bundle = &'static [&'static str];

/// What everybody who is signed in may do.
pub const EVERYBODY: Bundle =
    &["identity.account:read", "identity.account:change", "notifications.feed:read", "notifications.feed:change"];

const PLATFORM: Bundle = &[
    "identity.tenant:read",
    "identity.tenant:manage",
    "identity.user:read",
    "identity.user:manage",
    "identity.session:read",
    "identity.session:revoke",
    "operations.projection:read",
    "operations.projection:operate",
    "operations.log:read",
];
const MEMBERS: Bundle = &[
    "identity.member:read",
    "identity.member:manage",
    "identity.invitation:read",
    "identity.invitation:manage",
    "identity.audit:read",
];
/// What happened, event by event: in the tenant, personal data masked.
const HISTORY: Bundle = &["analyst.events:read"];
/// The same with personal data, to answer those whom it is about.
const PERSONAL_HISTORY: Bundle = &["analyst.personal:read"];
/// The same of every tenant: part of roles of the platform only.
const HISTORY_OF_ALL: Bundle = &["analyst.tenants:read"];
const API_KEYS: Bundle = &["identity.api_key:read", "identity.api_key:manage"];
/// Telling other systems what happens.
const WEBHOOKS: Bundle = &["notifications.webhook:read", "notifications.webhook:manage"];
const ANY_ROLE: Bundle = &["identity.role:grant_any"];
/// Seeing who else is there: to choose an assignee, to know a team.
const COLLEAGUES: Bundle = &["identity.member:read"];

const SUPPORT_CUSTOMER: Bundle = &[
    "support.ticket:open",
    "support.ticket:read",
    "support.ticket:reply",
    "support.article:rate",
    "files.stored_file:upload",
];
const SUPPORT_AGENT: Bundle =
    &["support.ticket:work", "support.article:read", "support.article:write", "files.stored_file:upload_about_others"];
/// Deciding what readers of the knowledge base see.
const SUPPORT_EDITOR: Bundle = &["support.article:publish"];
/// Saying what the desk promises.
const SUPPORT_MANAGER: Bundle = &["support.sla_policy:manage"];
/// Bringing tickets and articles in from elsewhere, and taking them out again; telling what happened before.
const SUPPORT_IMPORT: Bundle = &["support.import:run", "support.history:tell_late"];
/// Seeing and erasing what others have handed over.
const FILES: Bundle = &["files.stored_file:manage"];
const SUPPORT_ADMIN: Bundle = &["support.ticket:assign"];

const STUDIO_CLIENT: Bundle =
    &["messaging.conversation:open", "messaging.conversation:read", "messaging.conversation:send"];
const STUDIO_OWNER: Bundle = &["messaging.conversation:manage"];

/// The fourteen scopes of the queue system, spelled as its clients know them.
pub const QUEUE_SCOPES: Bundle = &[
    "read:queue",
    "write:queue",
    "manage:queue",
    "read:ticket",
    "write:ticket",
    "manage:ticket",
    "read:agent",
    "manage:agent",
    "read:customer",
    "write:customer",
    "read:reports",
    "manage:settings",
    "send:notification",
    "read:feedback",
];
const QUEUE_MANAGER: Bundle = &[
    "read:queue",
    "write:queue",
    "manage:queue",
    "read:ticket",
    "write:ticket",
    "manage:ticket",
    "read:agent",
    "manage:agent",
    "read:customer",
    "write:customer",
    "read:reports",
    "send:notification",
    "read:feedback",
];
const QUEUE_AGENT: Bundle = &["read:queue", "read:ticket", "write:ticket", "read:customer", "write:customer"];

const SALES_REP: Bundle = &[
    "field_sales.building:create",
    "field_sales.building:read",
    "field_sales.contract:read",
    "field_sales.contract:sign",
    "field_sales.door:visit",
    "field_sales.zone:read",
];
const SALES_MANAGER: Bundle = &["field_sales.zone:assign", "field_sales.statistics:read"];
const SALES_DIRECTOR: Bundle = &["field_sales.zone:create", "field_sales.recording:listen"];
/// Sees and leads everybody, not only those below him.
const SALES_ADMIN: Bundle = &["field_sales.team:lead_all"];

const IMAGE_EMPLOYEE: Bundle = &["image_rights.answer:give"];
const IMAGE_USER: Bundle = &["image_rights.shoot:read", "image_rights.answer:read", "image_rights.file:read"];
const IMAGE_PHOTOGRAPHER: Bundle = &["image_rights.shoot:read", "image_rights.file:read", "image_rights.file:upload"];
const IMAGE_OWNER: Bundle = &[
    "image_rights.answer:give",
    "image_rights.company:manage",
    "image_rights.employee:manage",
    "image_rights.file:upload",
    "image_rights.shoot:manage",
    "image_rights.subscription:manage",
];

impl Role {
    /// What the role permits, besides [`EVERYBODY`].
    const fn bundles(self) -> &'static [Bundle] {
        match self {
            Self::PlatformAdmin => &[PLATFORM, MEMBERS, API_KEYS, WEBHOOKS, ANY_ROLE, HISTORY, HISTORY_OF_ALL],
            Self::TenantAdmin => &[MEMBERS, API_KEYS, WEBHOOKS, ANY_ROLE, HISTORY, PERSONAL_HISTORY, SUPPORT_IMPORT],

            Self::SupportCustomer => &[SUPPORT_CUSTOMER],
            Self::SupportAgent => &[SUPPORT_CUSTOMER, SUPPORT_AGENT, SUPPORT_ADMIN, COLLEAGUES],
            Self::SupportAdmin => &[
                SUPPORT_CUSTOMER,
                SUPPORT_AGENT,
                SUPPORT_ADMIN,
                SUPPORT_EDITOR,
                SUPPORT_MANAGER,
                SUPPORT_IMPORT,
                FILES,
                MEMBERS,
            ],

            Self::StudioClient => &[STUDIO_CLIENT],
            Self::StudioArtist | Self::StudioTrainer => &[STUDIO_CLIENT, COLLEAGUES],
            Self::StudioOwner => &[STUDIO_CLIENT, STUDIO_OWNER, MEMBERS],

            Self::QueueSuperAdmin => &[PLATFORM, MEMBERS],
            Self::QueueAdmin => &[QUEUE_SCOPES, MEMBERS],
            Self::QueueManager => &[QUEUE_MANAGER, COLLEAGUES],
            Self::QueueAgent => &[QUEUE_AGENT],

            Self::SalesRep => &[SALES_REP, COLLEAGUES],
            Self::SalesManager => &[SALES_REP, SALES_MANAGER, COLLEAGUES],
            Self::SalesDirector => &[SALES_REP, SALES_MANAGER, SALES_DIRECTOR, COLLEAGUES],
            Self::SalesAdmin => &[SALES_REP, SALES_MANAGER, SALES_DIRECTOR, SALES_ADMIN, MEMBERS],

            Self::Employee => &[IMAGE_EMPLOYEE],
            Self::Photographer => &[IMAGE_PHOTOGRAPHER],
            Self::ImageRightsUser => &[IMAGE_USER],
            Self::ImageRightsOwner => &[IMAGE_EMPLOYEE, IMAGE_USER, IMAGE_PHOTOGRAPHER, IMAGE_OWNER, MEMBERS],
            Self::ImageRightsSuperUser => {
                &[IMAGE_EMPLOYEE, IMAGE_USER, IMAGE_PHOTOGRAPHER, IMAGE_OWNER, MEMBERS, API_KEYS]
            }
            Self::Developer => &[API_KEYS, IMAGE_USER],
        }
    }

    /// The names of the scopes that the role permits, besides [`EVERYBODY`]; some may come twice.
    pub fn scopes(self) -> impl Iterator<Item = &'static str> {
        self.bundles().iter().flat_map(|bundle| bundle.iter().copied())
    }

    /// Whether the role counts in the platform's tenant only, and is given there only.
    pub const fn is_of_the_platform(self) -> bool {
        matches!(self, Self::PlatformAdmin | Self::QueueSuperAdmin)
    }

    /// Whether the role administers members: a tenant always has somebody with such a role.
    pub fn administers(self) -> bool {
        self.scopes().any(|scope| scope == MANAGE_MEMBERS.as_str())
    }

    /// Where the role stands in a team: whoever leads others stands higher than they. 0 leads nobody.
    pub const fn rank(self) -> u8 {
        match self {
            Self::PlatformAdmin
            | Self::TenantAdmin
            | Self::SupportAdmin
            | Self::QueueSuperAdmin
            | Self::QueueAdmin
            | Self::SalesAdmin
            | Self::StudioOwner
            | Self::ImageRightsOwner
            | Self::ImageRightsSuperUser => 3,
            Self::SalesDirector => 2,
            Self::SalesManager | Self::QueueManager => 1,
            Self::SupportCustomer
            | Self::SupportAgent
            | Self::StudioClient
            | Self::StudioArtist
            | Self::StudioTrainer
            | Self::QueueAgent
            | Self::SalesRep
            | Self::ImageRightsUser
            | Self::Photographer
            | Self::Employee
            | Self::Developer => 0,
        }
    }

    /// Whether the actor may give this role to somebody or take it away: he holds all that it permits, or may give
    /// any. A role of the platform is given in the platform's tenant only.
    pub fn may_be_granted_by(self, cx: &Context) -> bool {
        if self.is_of_the_platform() && cx.tenant_id != TenantId::PLATFORM {
            return false;
        }
        cx.may(GRANT_ANY_ROLE) || self.scopes().all(|scope| cx.scopes.contains_name(scope))
    }
}

/// What a member with these roles may do in this tenant.
pub fn scopes_of(roles: &[Role], tenant_id: TenantId) -> Scopes {
    let counts = |role: &&Role| tenant_id == TenantId::PLATFORM || !role.is_of_the_platform();
    let granted = roles.iter().filter(counts).flat_map(|role| role.scopes());
    EVERYBODY.iter().copied().chain(granted).collect()
}

/// Every scope of every role: what may stand in a token, in order.
pub fn all_scopes() -> BTreeSet<&'static str> {
    EVERYBODY.iter().copied().chain(Role::ALL.iter().flat_map(|role| role.scopes())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use kernel::ActorId;
    use kernel::specs::{TENANT, context};
    use uuid::Uuid;

    fn holding(roles: &[Role], tenant_id: TenantId) -> Context {
        let cx = context(ActorId(Uuid::from_u128(1)), Uuid::nil(), &[]);
        Context { scopes: scopes_of(roles, tenant_id), tenant_id, ..cx }
    }

    #[test]
    fn the_queue_roles_have_the_scopes_of_the_product_page() {
        let queue = |role: Role| role.scopes().filter(|scope| QUEUE_SCOPES.contains(scope)).collect::<BTreeSet<_>>();
        assert_eq!(QUEUE_SCOPES.len(), 14);
        assert_eq!(queue(Role::QueueAdmin).len(), 14);
        let manager = queue(Role::QueueManager);
        assert!(manager.len() == 13 && !manager.contains("manage:settings"));
        let agent = ["read:customer", "read:queue", "read:ticket", "write:customer", "write:ticket"];
        assert_eq!(queue(Role::QueueAgent), agent.into());
        assert_eq!(queue(Role::QueueSuperAdmin).len(), 0);
    }

    #[test]
    fn a_role_of_the_platform_means_nothing_elsewhere() {
        let manage = "identity.tenant:manage";
        assert!(scopes_of(&[Role::PlatformAdmin], TenantId::PLATFORM).contains_name(manage));
        assert!(!scopes_of(&[Role::PlatformAdmin], TENANT).contains_name(manage));
        assert!(!Role::PlatformAdmin.may_be_granted_by(&holding(&[Role::TenantAdmin], TENANT)));
        assert!(Role::PlatformAdmin.may_be_granted_by(&holding(&[Role::PlatformAdmin], TenantId::PLATFORM)));
    }

    #[test]
    fn nobody_gives_more_than_he_holds() {
        for giver in Role::ALL {
            let cx = holding(&[*giver], TENANT);
            for role in Role::ALL.iter().filter(|role| role.may_be_granted_by(&cx)) {
                let more = role.scopes().find(|scope| !cx.scopes.contains_name(scope));
                assert!(more.is_none() || cx.may(GRANT_ANY_ROLE), "{giver} gives {role} with {more:?}");
            }
        }
        let owner = holding(&[Role::SupportAdmin], TENANT);
        assert!(Role::SupportAgent.may_be_granted_by(&owner) && !Role::SalesRep.may_be_granted_by(&owner));
        assert!(!Role::TenantAdmin.may_be_granted_by(&owner), "it gives any role");
    }

    #[test]
    fn leaders_of_a_business_may_give_its_roles() {
        for (admin, below) in [
            (Role::SupportAdmin, &[Role::SupportCustomer, Role::SupportAgent][..]),
            (Role::StudioOwner, &[Role::StudioClient, Role::StudioArtist, Role::StudioTrainer]),
            (Role::QueueAdmin, &[Role::QueueManager, Role::QueueAgent]),
            (Role::SalesAdmin, &[Role::SalesRep, Role::SalesManager, Role::SalesDirector]),
            (Role::ImageRightsOwner, &[Role::ImageRightsUser, Role::Photographer, Role::Employee]),
            (Role::TenantAdmin, Role::ALL),
        ] {
            for role in below.iter().filter(|role| !role.is_of_the_platform()) {
                assert!(role.may_be_granted_by(&holding(&[admin], TENANT)), "{admin} gives {role}");
            }
            assert!(admin.administers());
        }
    }

    #[test]
    fn a_scope_has_one_of_the_two_forms() {
        for scope in all_scopes() {
            let dotted = scope.split_once('.').is_some_and(|(_, rest)| rest.split_once(':').is_some());
            assert!(dotted || QUEUE_SCOPES.contains(&scope), "{scope}");
        }
    }
}
