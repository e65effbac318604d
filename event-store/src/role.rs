//! As whom a session works: row level security asks, not the login.

use sqlx::postgres::PgConnectOptions;

/// As whom the sessions of a pool work. Migration 0004 makes the roles and says what each may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// As the login itself: migrates, makes and drops tables. Serves nobody.
    Owner,
    /// `sillage_engine`: serves all tenants. Appends, relays, folds, verifies.
    Engine,
    /// `sillage_tenant`: reads for one tenant at a time, through [`crate::tenant::query`]. A statement that names no tenant
    /// is an error, and none shows two.
    Tenant,
}

impl Role {
    /// Its name in Postgres; none for the login's own.
    pub const fn name(self) -> Option<&'static str> {
        match self {
            Self::Owner => None,
            Self::Engine => Some("sillage_engine"),
            Self::Tenant => Some("sillage_tenant"),
        }
    }

    /// The same session working as this role from its first statement on. `RESET ROLE` does not lead back. A session that
    /// has a role already cannot become the owner's again.
    pub fn assume(self, session: PgConnectOptions) -> PgConnectOptions {
        match self.name() {
            None => session,
            Some(name) => session.options([("role", name)]),
        }
    }
}
