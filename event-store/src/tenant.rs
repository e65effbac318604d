//! Statements on behalf of one tenant: the only way through row level security.
//!
//! One statement, one round trip, no transaction of our own, nothing that stays behind in the session. The tenant is set
//! for the statement alone, and before anything of it is read: what the body reads depends on it.

use kernel::TenantId;
use sqlx::AssertSqlSafe;
use sqlx::postgres::{PgArguments, Postgres};
use sqlx::query::Query;

/// A statement whose `body` sees the rows of one tenant, whatever its conditions say.
///
/// The body is a `select`. It may name the tenant as `caller.tenant_id`, and should: that condition is the first wall.
/// Parameter 1 is the tenant, the body's own begin with 2. The body's order is kept.
///
/// Every name in the body must be a constant of the code, every value a parameter.
pub fn query<'q>(tenant_id: TenantId, body: &str) -> Query<'q, Postgres, PgArguments> {
    sqlx::query(AssertSqlSafe(statement(body))).bind(tenant_id.0)
}

/// Postgres works from the outside in: `set_config` is volatile, so `caller` is a step of its own; `offset 0` keeps the
/// page one, and that it mentions the caller makes it come second. Planning reads no setting, since the policy hides it
/// in a sub-select.
fn statement(body: &str) -> String {
    #[cfg(feature = "one-wall")]
    let body = &first_wall::of(body);
    format!(
        "select page.* from (select set_config('app.tenant', $1::uuid::text, true)::uuid as tenant_id) as caller \
         cross join lateral (select body.* from ({body}) as body where caller.tenant_id is not null offset 0) as page"
    )
}

/// The condition that statements name their tenant by, which tests take away to see that the second wall stands alone.
#[cfg(feature = "one-wall")]
pub mod first_wall {
    use std::borrow::Cow;
    use std::sync::atomic::{AtomicBool, Ordering};

    static REMOVED: AtomicBool = AtomicBool::new(false);

    /// From now on no statement of this process names its tenant.
    pub fn remove() {
        REMOVED.store(true, Ordering::SeqCst);
    }

    /// The body as it stands, or without its condition.
    pub(super) fn of(body: &str) -> Cow<'_, str> {
        if !REMOVED.load(Ordering::SeqCst) {
            return Cow::Borrowed(body);
        }
        let condition = "tenant_id = caller.tenant_id";
        let mut without = String::with_capacity(body.len());
        let mut rest = body;
        while let Some((before, after)) = rest.split_once(condition) {
            // `t.` or nothing in front of it.
            without.push_str(before.trim_end_matches(|letter: char| letter.is_ascii_alphanumeric() || letter == '.'));
            without.push_str("true");
            rest = after;
        }
        without.push_str(rest);
        Cow::Owned(without)
    }
}
