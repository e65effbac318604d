//! The second wall between tenants, over everything that a whole node keeps: no table without it, no way around it.

use crate::operations::queries;
use crate::world::{Everything, boss};
use event_store::{Role, schema, tenant};
use projector::ddl::WORDS;
use sqlx::{AssertSqlSafe, PgPool, Row as _, query, query_scalar};
use std::time::Duration;
use tests::node::{TestNode, eventually, tenant as new_tenant};

/// What a reader for one tenant reaches besides the tables behind the wall, and why that tells nobody about others.
const WITHOUT_A_TENANT: [(&str, &str); 10] = [
    ("analysis.kinds", "which types of events there have been, as the catalogue tells everybody"),
    ("analysis.progress", "how far the index of events is"),
    ("log.head", "where the log ends"),
    ("log.identity", "which log it is"),
    ("log.archives", "which positions lie in files"),
    ("projection.checkpoints", "how far read models are"),
    ("projection.parts", "how far parts of read models are"),
    ("projection.projections", "which read models there are"),
    ("secrets.revocations", "ids of what was taken back; every door checks its tokens against them"),
    ("secrets.signing_keys", "the public halves, which /.well-known/jwks.json shows to everybody; no other column"),
];

/// What works with its owner's rights, whoever calls it, and why that tells nobody about others.
const WITH_THE_OWNERS_RIGHTS: [(&str, &str); 9] = [
    ("log.common_up_to", "where an epoch of the log ended"),
    ("log.holds", "whether an id that the caller knows is the one at a position"),
    ("log.is_adopted", "whether the server may go on with the log"),
    ("log.position_at", "a position for a moment"),
    ("log.recorded_at", "a moment for a position"),
    ("log.require_stream_here", "whether events of the caller's own tenant are archived"),
    ("search.found", "ids of the tenant's own rows: it asks the same setting as the wall"),
    ("projection.parking", "how many streams wait; the health of a process tells it"),
    ("secrets.find_api_key", "whose API key it is, told to who holds the key"),
];

/// Read models that no query of a tenant's with a token asks, and which one asks them.
const BY_OTHERS: [(&str, &str); 3] = [
    ("operations_projection_acts", "operations.list_projection_acts"),
    ("support_article_slugs", "support.get_public_article"),
    ("support_published_articles", "support.list_public_articles"),
];

/// The only policies that may speak for the two roles.
const EXPECTED: &str = "tenant_id = (select current_setting('app.tenant')::uuid)";

const OURS: &str = "c.relnamespace::regnamespace::text not in ('pg_catalog', 'information_schema', 'pg_toast') \
    and c.relpersistence <> 't'";

async fn names(pool: &PgPool, statement: String) -> Vec<String> {
    query_scalar(AssertSqlSafe(statement)).fetch_all(pool).await.expect("Postgres answers")
}

/// What is wrong with the walls of this database, one sentence each.
async fn holes(pool: &PgPool) -> Vec<String> {
    // The policy as Postgres prints it, whatever its version: that of a table which is made for the purpose.
    let printed = format!(
        "create temp table sample (tenant_id uuid); create policy sample on sample using ({EXPECTED}); \
         create temp table printed as select pg_get_expr(polqual, polrelid) as own from pg_policy where polname = 'sample'"
    );
    let mut session = pool.acquire().await.expect("Postgres answers");
    sqlx::raw_sql(AssertSqlSafe(printed)).execute(&mut *session).await.expect("a table of our own");
    let policies = "exists (select from pg_policy p where p.polrelid = c.oid and p.polpermissive and p.polcmd = '*'";
    let tables = format!(
        "select c.oid::regclass || ' is not behind the wall: call log.wall in the migration that makes it' \
         from pg_class c join pg_attribute a on a.attrelid = c.oid and a.attname = 'tenant_id' and not a.attisdropped \
         where c.relkind in ('r', 'p') and {OURS} and not (c.relrowsecurity and c.relforcerowsecurity \
         and {policies} and p.polroles = array['sillage_engine'::regrole::oid] \
         and pg_get_expr(p.polqual, c.oid) = 'true' and pg_get_expr(p.polwithcheck, c.oid) = 'true') \
         and {policies} and p.polroles = array['sillage_tenant'::regrole::oid] \
         and pg_get_expr(p.polqual, c.oid) = (select own from printed) \
         and pg_get_expr(p.polwithcheck, c.oid) = (select own from printed)) \
         and (select count(*) from pg_policy p where p.polrelid = c.oid and p.polroles && array[0, \
         'sillage_engine'::regrole::oid, 'sillage_tenant'::regrole::oid]) = 2)"
    );
    let views = format!(
        "select c.oid::regclass || ' shows tenants'' rows with its owner''s rights' from pg_class c \
         join pg_attribute a on a.attrelid = c.oid and a.attname = 'tenant_id' \
         where c.relkind in ('v', 'm') and {OURS} \
         and not coalesce('security_invoker=true' = any(c.reloptions), false)"
    );
    let reached = format!(
        "select c.oid::regclass || ' has no tenant, and sillage_tenant reaches it' from pg_class c \
         where c.relkind in ('r', 'p', 'v', 'm', 'f') and {OURS} \
         and (has_table_privilege('sillage_tenant', c.oid, 'select, insert, update, delete, truncate, references, trigger') \
         or has_any_column_privilege('sillage_tenant', c.oid, 'select, insert, update, references')) \
         and not exists (select from pg_attribute a where a.attrelid = c.oid and a.attname = 'tenant_id' and not a.attisdropped) \
         and c.oid::regclass::text <> all(array['{}'])",
        WITHOUT_A_TENANT.map(|(name, _)| name).join("', '")
    );
    let functions = format!(
        "select f.oid::regproc || ' works with its owner''s rights, and sillage_tenant may call it' from pg_proc f \
         where f.prosecdef and has_function_privilege('sillage_tenant', f.oid, 'execute') \
         and f.pronamespace <> 'pg_catalog'::regnamespace and f.oid::regproc::text <> all(array['{}'])",
        WITH_THE_OWNERS_RIGHTS.map(|(name, _)| name).join("', '")
    );
    let roles = "select rolname || ' may do more than work' from pg_roles where rolname in ('sillage_engine', 'sillage_tenant') \
         and (rolsuper or rolbypassrls or rolcreaterole or rolcreatedb or rolcanlogin or rolreplication) \
         union all select member::regrole || ' is a member of ' || roleid::regrole from pg_auth_members \
         where member in ('sillage_engine'::regrole, 'sillage_tenant'::regrole) \
         union all select refobjid::regrole || ' owns ' || classid::regclass || ' ' || objid from pg_shdepend \
         where deptype = 'o' and refobjid in ('sillage_engine'::regrole, 'sillage_tenant'::regrole) \
         union all select r || ' may make things in ' || nspname from pg_namespace, unnest(array['sillage_engine', 'sillage_tenant']) r \
         where nspname !~ '^pg_' and has_schema_privilege(r, oid, 'create') \
         union all select r || ' may change history' from unnest(array['sillage_engine', 'sillage_tenant']) r \
         where has_table_privilege(r, 'log.events', 'update, delete, truncate')";
    let mut found = Vec::new();
    for statement in [tables, views, reached, functions, roles.to_owned()] {
        let more: Vec<String> =
            query_scalar(AssertSqlSafe(statement)).fetch_all(&mut *session).await.expect("the catalogue answers");
        found.extend(more);
    }
    query("discard temp").execute(&mut *session).await.expect("the session is left as it was");
    found
}

/// Tables and views that a reader for one tenant may read and that have tenants.
async fn readable(pool: &PgPool) -> Vec<String> {
    let statement = format!(
        "select c.oid::regclass::text from pg_class c join pg_attribute a on a.attrelid = c.oid and a.attname = 'tenant_id' \
         where c.relkind in ('r', 'p', 'v') and {OURS} and has_table_privilege('sillage_tenant', c.oid, 'select') order by 1"
    );
    names(pool, statement).await
}

async fn pool(node: &TestNode, role: Role) -> PgPool {
    schema::connect(&node.database_url, "test-wall", role, 2).await.expect("Postgres answers")
}

#[tokio::test(flavor = "multi_thread")]
async fn no_table_stands_outside_the_wall() {
    let node = TestNode::start().await;
    let owner = pool(&node, Role::Owner).await;
    assert_eq!(holes(&owner).await, Vec::<String>::new());
    // What would be found.
    for (hole, told) in [
        ("create table read.bare (tenant_id uuid, title text)", "read.bare is not behind the wall"),
        ("create table log.half (tenant_id uuid); alter table log.half enable row level security", "log.half is not"),
        (
            "create table read.open (tenant_id uuid); select log.wall('read.open'); \
             create policy all_of_them on read.open using (true)",
            "read.open is not behind the wall",
        ),
        ("create view read.everything as select * from log.events", "read.everything shows tenants' rows"),
        ("create table log.flat (id uuid); grant select on log.flat to sillage_tenant", "log.flat has no tenant"),
        (
            "create function log.peek() returns bigint language sql security definer as 'select count(*) from log.events'",
            "log.peek works with its owner's rights",
        ),
        ("grant delete on log.events to sillage_engine", "sillage_engine may change history"),
    ] {
        sqlx::raw_sql(hole).execute(&owner).await.expect("a hole can be made");
        let found = holes(&owner).await;
        assert!(found.iter().any(|sentence| sentence.starts_with(told)), "{hole}: {found:?}");
    }
    node.stop().await;
}

/// The first wall is taken away: statements without any condition, over every table there is.
#[tokio::test(flavor = "multi_thread")]
async fn without_any_condition_only_the_tenants_own_rows_come_back() {
    let node = TestNode::start().await;
    let canaries = ["canary-of-a", "canary-of-b", "canary-of-c"];
    let tenants = [new_tenant(), new_tenant(), new_tenant()];
    let mut position = 0;
    for (tenant_id, canary) in tenants.iter().zip(canaries) {
        let maker = boss(&node, *tenant_id, 1);
        position = Everything::make(&node, &maker, canary).await.position;
        maker.get_after("/v1/field-sales/contracts", position).await;
    }
    let (owner, tenants_pool) = (pool(&node, Role::Owner).await, pool(&node, Role::Tenant).await);
    eventually("every read model has come so far", Duration::from_secs(20), async || {
        let behind = "select count(*) from projection.checkpoints where position < $1";
        query_scalar::<_, i64>(behind).bind(position).fetch_one(&owner).await.expect("Postgres answers") == 0
    })
    .await;
    let (mut tables, mut rows) = (0, 0);
    for table in readable(&owner).await {
        let all = format!("select count(*) from {table} where tenant_id = $1");
        for (tenant_id, canary) in tenants.iter().zip(canaries) {
            let own: i64 = query_scalar(AssertSqlSafe(all.clone()))
                .bind(tenant_id.0)
                .fetch_one(&owner)
                .await
                .expect("Postgres answers");
            let everything = format!("select t.tenant_id, row_to_json(t)::text from {table} t");
            let seen = tenant::query(*tenant_id, &everything).fetch_all(&tenants_pool).await.expect("it may read");
            assert_eq!(i64::try_from(seen.len()).expect("few"), own, "{table}");
            for row in &seen {
                assert_eq!(row.get::<uuid::Uuid, _>(0), tenant_id.0, "{table}");
                let text: &str = row.get(1);
                let foreign = canaries.iter().find(|other| **other != canary && text.contains(**other));
                assert!(foreign.is_none(), "{table} shows {text}");
            }
            rows += seen.len();
        }
        let without_a_tenant = query(AssertSqlSafe(format!("select * from {table}"))).fetch_all(&tenants_pool).await;
        // Where there is no row, Postgres asks for no tenant.
        assert!(without_a_tenant.map_or(true, |rows| rows.is_empty()), "{table} was read for nobody");
        tables += 1;
    }
    assert!(tables >= 25 && rows > 150, "{tables} tables and {rows} rows prove little");
    node.stop().await;
}

/// Every query, with 10 rows of each of 400 other tenants in every table: none of them reads a table from end to end.
#[tokio::test(flavor = "multi_thread")]
async fn every_query_still_finds_an_index() {
    let node = TestNode::start().await;
    let maker = boss(&node, new_tenant(), 1);
    let things = Everything::make(&node, &maker, "indexed").await;
    maker.get_after("/v1/field-sales/contracts", things.position).await;
    let owner = pool(&node, Role::Owner).await;
    let tables =
        names(&owner, "select table_name from projection.projections where serving order by 1".to_owned()).await;
    for table in &tables {
        let key: String = query_scalar(
            "select string_agg(quote_literal(a.attname) || ', gen_random_uuid()', ', ') from pg_index i join pg_attribute a \
             on a.attrelid = i.indrelid and a.attnum = any(i.indkey) \
             where i.indrelid = ('read.' || $1)::regclass and i.indisprimary and a.atttypid = 'uuid'::regtype \
             and a.attname <> 'tenant_id'",
        )
        .bind(table)
        .fetch_one(&owner)
        .await
        .expect("every key has a uuid");
        let columns = |of: &'static str| {
            let all = "select string_agg($3 || quote_ident(attname), ', ' order by attnum) from pg_attribute \
                 where attrelid = ('read.' || $1)::regclass and attnum > 0 and attname <> $2";
            query_scalar::<_, String>(all).bind(table).bind(WORDS).bind(of).fetch_one(&owner)
        };
        let (columns, of_other) =
            (columns("").await.expect("there are columns"), columns("other.").await.expect("there are columns"));
        let filled = format!(
            "insert into read.{table} ({columns}) select {of_other} from (select * from read.{table} limit 1) t, \
             generate_series(1, 4000) n, jsonb_populate_record(null::read.{table}, to_jsonb(t) || jsonb_build_object( \
             {key}, 'tenant_id', ('00000000-0000-4000-8000-000000000' || lpad((n % 400)::text, 3, '0'))::uuid)) other; \
             analyze read.{table}; select pg_stat_force_next_flush()"
        );
        sqlx::raw_sql(AssertSqlSafe(filled)).execute(&owner).await.expect("rows of others");
    }
    let scans = async || -> Vec<(String, i64, i64)> {
        let statement = "select relname, coalesce(seq_scan, 0), coalesce(idx_scan, 0) from pg_stat_user_tables \
             where schemaname = 'read' order by 1";
        let rows = query(statement).fetch_all(&owner).await.expect("Postgres answers");
        rows.iter().map(|row| (row.get(0), row.get(1), row.get(2))).collect()
    };
    let before = scans().await;
    let paths: Vec<String> = queries()
        .iter()
        .map(|query| query.target().map_or_else(|| query.path.clone(), |target| query.at(things.named(target))))
        .collect();
    let (mut after, mut rounds) = (before.clone(), 0);
    // A session tells what it did once a second, while it does more.
    eventually("every table was looked into by every session", Duration::from_secs(30), async || {
        for path in &paths {
            assert!(maker.get(path).await.status.is_success(), "{path}");
        }
        rounds += 1;
        after = scans().await;
        let of_others = |table: &str| BY_OTHERS.iter().any(|(known, _)| table.starts_with(known));
        rounds >= 24 && before.iter().zip(&after).all(|(before, after)| before.2 < after.2 || of_others(&before.0))
    })
    .await;
    for ((table, before, _), (_, after, _)) in before.iter().zip(&after) {
        // A few may be late news of the time when the tables were all but empty.
        assert!(after - before < 16, "{table} was read from end to end: {} times in {rounds} rounds", after - before);
    }
    assert!(tables.len() >= 12, "{tables:?}");
    node.stop().await;
}
