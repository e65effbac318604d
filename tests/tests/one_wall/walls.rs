//! The first wall is taken away.

use crate::world::{boss, open};
use event_store::{Role, schema, tenant};
use sqlx::Row as _;
use std::collections::BTreeSet;
use tests::node::{TestNode, tenant as new_tenant};

/// For the whole program: statements say `true` where they would name their tenant.
pub(crate) fn prepare() {
    tenant::first_wall::remove();
}

/// Without that, all the other tests here prove nothing.
#[tokio::test(flavor = "multi_thread")]
async fn the_first_wall_is_gone_and_the_second_stands() {
    prepare();
    let node = TestNode::start().await;
    let tenants = [new_tenant(), new_tenant()];
    for tenant_id in tenants {
        open(&boss(&node, tenant_id, 1), "Mine").await;
    }
    let body = "select e.tenant_id from log.events e where e.tenant_id = caller.tenant_id";
    for (role, shown) in [(Role::Engine, &tenants[..]), (Role::Tenant, &tenants[..1])] {
        let pool = schema::connect(&node.database_url, "test-one-wall", role, 1).await.expect("Postgres answers");
        let rows = tenant::query(tenants[0], body).fetch_all(&pool).await.expect("it may read");
        let seen: BTreeSet<uuid::Uuid> = rows.iter().map(|row| row.get(0)).collect();
        assert_eq!(seen, shown.iter().map(|tenant_id| tenant_id.0).collect(), "{role:?}");
    }
    node.stop().await;
}
