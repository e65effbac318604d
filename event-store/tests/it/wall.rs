//! The second wall: what a session of the tenants' role sees when a statement has forgotten the first one.

use crate::fixtures::{Store, append, change, store};
use event_store::append::AppenderOptions;
use event_store::{Append, Appender, Role, schema, tenant};
use futures_util::{StreamExt as _, stream};
use kernel::TenantId;
use sqlx::{AssertSqlSafe, Connection as _, Execute as _, PgPool, Row as _, query, query_scalar};
use std::time::Duration;
use uuid::Uuid;

const TENANTS: [TenantId; 3] =
    [TenantId(Uuid::from_u128(0xa)), TenantId(Uuid::from_u128(0xb)), TenantId(Uuid::from_u128(0xc))];

/// No row without a row of each tenant.
async fn furnished() -> Store {
    let store = store().await;
    for tenant_id in TENANTS {
        for _ in 0..3 {
            let of_tenant = Append { tenant_id, ..append(vec![change(Uuid::now_v7(), 0, &[1, 2])]) };
            store.appender.append(of_tenant).await.unwrap();
        }
    }
    store
}

async fn refused(pool: &PgPool, statement: &'static str) -> String {
    let error = query(statement).fetch_all(pool).await.expect_err("it is refused");
    error.as_database_error().expect("Postgres refuses").code().expect("a code").into_owned()
}

/// Often enough that the statement's plan is made once for all tenants.
#[tokio::test]
async fn a_statement_without_a_condition_sees_one_tenant() {
    let store = furnished().await;
    let pool = store.for_tenants(1).await;
    for round in 0..12 {
        let tenant_id = TENANTS[round % 3];
        let seen = tenant::query(tenant_id, "select tenant_id, position from log.events order by position desc");
        let seen = seen.fetch_all(&pool).await.unwrap();
        let tenants: Vec<Uuid> = seen.iter().map(|row| row.get(0)).collect();
        assert_eq!(tenants, [tenant_id.0; 6], "round {round}");
        assert!(seen.is_sorted_by_key(|row| std::cmp::Reverse(row.get::<i64, _>(1))));
        let named = "select count(*) from log.events_json where tenant_id = $2";
        let foreign = tenant::query(tenant_id, named).bind(TENANTS[(round + 1) % 3].0).fetch_one(&pool).await.unwrap();
        assert_eq!(foreign.get::<i64, _>(0), 0);
    }
}

#[tokio::test]
async fn without_a_tenant_it_is_an_error() {
    let store = furnished().await;
    let pool = store.for_tenants(1).await;
    for statement in [
        "select * from log.events",
        "select count(*) from log.events_json",
        "select * from log.idempotency",
        "select * from log.snapshots",
    ] {
        // A setting that nobody has ever made.
        assert_eq!(refused(&pool, statement).await, "42704", "{statement}");
    }
    tenant::query(TENANTS[0], "select 1").execute(&pool).await.unwrap();
    // Once it was made, nothing of it is left but an empty text, which is no tenant.
    assert_eq!(refused(&pool, "select * from log.events").await, "22P02");
}

#[tokio::test]
async fn neither_role_reaches_around_the_wall() {
    let store = furnished().await;
    let (tenants, engine) = (store.for_tenants(1).await, store.log.pool());
    for pool in [&tenants, engine] {
        // Around it: a partition has policies of its own, and no grants.
        assert_eq!(refused(pool, "select * from log.events_1_100000").await, "42501");
        // Over it: history stays, whoever asks.
        assert_eq!(refused(pool, "update log.events set type = 'x'").await, "42501");
        assert_eq!(refused(pool, "delete from log.events").await, "42501");
        // Away with it.
        assert_eq!(refused(pool, "alter table log.events no force row level security").await, "42501");
        assert_eq!(refused(pool, "create table log.mine (id uuid)").await, "42501");
        let adopt = "select log.adopt('because')";
        assert_eq!(refused(pool, adopt).await, "42501");
    }
    for statement in [
        "select * from log.streams",
        "select * from log.reservations",
        "select * from log.counters",
        "insert into log.events select * from log.events",
        "update log.head set position = 0",
        "select log.make_partitions(1000000, 100000)",
    ] {
        assert_eq!(refused(&tenants, statement).await, "42501", "{statement}");
    }
    let into_another = "insert into log.snapshots (tenant_id, stream_id, category, version, build, state) \
         select $1, gen_random_uuid(), 'x', 1, gen_random_uuid(), '' from (select set_config('app.tenant', $2, true)) as caller";
    let into_another = query(into_another).bind(TENANTS[0].0).bind(TENANTS[1].to_string());
    let error = into_another.execute(&tenants).await.expect_err("another tenant's row");
    assert_eq!(error.as_database_error().unwrap().code().unwrap(), "42501");
}

#[tokio::test]
async fn a_session_that_resets_its_role_keeps_it() {
    let store = store().await;
    for role in [Role::Engine, Role::Tenant] {
        let pool = schema::connect(&store.url, "resets", role, 1).await.unwrap();
        query("reset role").execute(&pool).await.unwrap();
        let name: String = query_scalar("select current_user::text").fetch_one(&pool).await.unwrap();
        assert_eq!(Some(name.as_str()), role.name());
    }
}

/// A login that administrators made, with nothing but membership.
#[tokio::test]
async fn a_login_needs_no_more_than_membership() {
    let store = furnished().await;
    let login = format!("login_{}", Uuid::now_v7().simple());
    let make = format!("create role {login} login; grant sillage_tenant to {login}");
    sqlx::raw_sql(AssertSqlSafe(make)).execute(&store.pool).await.unwrap();
    let url = store.url.replacen("//sillage@", &format!("//{login}@"), 1);
    let pool = schema::connect(&url, "member", Role::Tenant, 1).await.unwrap();
    let log = event_store::Log::new(pool.clone());
    let seen = log.streams(TENANTS[0], &[], log.head().await.unwrap().position, 10).await.unwrap();
    assert!(seen.is_empty());
    assert_eq!(log.position_at(chrono::Utc::now()).await.unwrap().0, 18);
    assert!(schema::connect(&url, "no-member", Role::Engine, 1).await.is_err());
    pool.close().await;
    let drop = format!("drop role {login}");
    sqlx::raw_sql(AssertSqlSafe(drop)).execute(&store.pool).await.unwrap();
}

/// As in production: the owner migrates, and is behind the wall like everybody; membership lets him see.
#[tokio::test]
async fn an_owner_need_not_be_a_superuser() {
    let (store, name) = (store().await, format!("owner_{}", Uuid::now_v7().simple()));
    // Each by itself: a database cannot be made inside a transaction.
    for statement in [
        format!("create role {name} login"),
        format!("grant sillage_engine, sillage_tenant to {name}"),
        format!("create database {name} owner {name}"),
    ] {
        query(AssertSqlSafe(statement)).execute(&store.pool).await.unwrap();
    }
    let (server, _) = store.url.rsplit_once('/').unwrap();
    let url = format!("{server}/{name}").replacen("//sillage@", &format!("//{name}@"), 1);
    let owner = schema::connect(&url, "owner", Role::Owner, 2).await.unwrap();
    schema::migrate(&owner, 100_000).await.unwrap();
    let engine = schema::connect(&url, "engine", Role::Engine, 2).await.unwrap();
    let options = AppenderOptions { partition_size: 5, ..AppenderOptions::default() };
    let appender = Appender::start(&url, engine, &options).unwrap();
    for _ in 0..20 {
        let of_tenant = Append { tenant_id: TENANTS[0], ..append(vec![change(Uuid::now_v7(), 0, &[1])]) };
        appender.append(of_tenant).await.unwrap();
    }
    let tenants = schema::connect(&url, "tenants", Role::Tenant, 2).await.unwrap();
    let seen = tenant::query(TENANTS[0], "select count(*), log.position_at(now()) from log.events");
    let seen = seen.fetch_one(&tenants).await.unwrap();
    assert_eq!((seen.get::<i64, _>(0), seen.get::<i64, _>(1)), (20, 20));
    let all: i64 = query_scalar("select count(*) from log.events_json").fetch_one(&owner).await.unwrap();
    assert_eq!(all, 20);
    drop(appender);
    for pool in [owner, tenants] {
        pool.close().await;
    }
    for statement in [format!("drop database {name} with (force)"), format!("drop role {name}")] {
        query(AssertSqlSafe(statement)).execute(&store.pool).await.unwrap();
    }
}

/// Lengths spread over 0 to 30 ms, the same in every run: around what a statement takes.
fn patience(number: u64) -> Duration {
    Duration::from_micros((number.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32) % 30_000)
}

#[tokio::test(flavor = "multi_thread")]
async fn statements_that_are_cut_off_leave_no_tenant_behind() {
    let store = furnished().await;
    let pool = store.for_tenants(4).await;
    let slow = "select tenant_id from log.events, (select pg_sleep(0.005)) as slept where tenant_id = caller.tenant_id";
    let ask = async |number: u64| {
        let tenant_id = TENANTS[usize::try_from(number % 3).unwrap()];
        let body = if number.is_multiple_of(2) { slow } else { "select tenant_id from log.events" };
        let asked = tokio::time::timeout(patience(number), tenant::query(tenant_id, body).fetch_all(&pool)).await;
        let Ok(rows) = asked else { return false };
        for row in rows.unwrap() {
            assert_eq!(row.get::<Uuid, _>(0), tenant_id.0);
        }
        true
    };
    let asked = stream::iter(0..2_000_u64).map(ask).buffer_unordered(16);
    let answered = asked.filter(|answered| std::future::ready(*answered)).count().await;
    eprintln!("wall: {answered} of 2000 statements were answered, the others cut off");
    assert!((100..1_900).contains(&answered), "this proves nothing: {answered} were answered");
    let mut sessions = Vec::new();
    for _ in 0..4 {
        sessions.push(pool.acquire().await.unwrap());
    }
    for session in &mut sessions {
        session.ping().await.unwrap();
        let left: Option<String> = query_scalar("select nullif(current_setting('app.tenant', true), '')")
            .fetch_one(&mut **session)
            .await
            .unwrap();
        assert_eq!(left, None);
    }
    let open: i64 = query_scalar(
        "select count(*) from pg_stat_activity where application_name = 'for-tenants' \
         and datname = current_database() and state like 'idle in transaction%'",
    )
    .fetch_one(&store.pool)
    .await
    .unwrap();
    assert_eq!(open, 0);
}

/// The wall stands in the index condition, also in a plan that is made once for all tenants.
#[tokio::test]
async fn a_stream_is_still_read_by_its_index() {
    let store = store().await;
    query(
        "insert into log.events (position, recorded_at, occurred_at, epoch, version, schema_version, event_id, tenant_id, \
         stream_id, command_id, correlation_id, actor_id, actor_kind, category, type, data) \
         select n, now(), now(), 1, n / 20 + 1, 1, gen_random_uuid(), ('00000000-0000-0000-0000-00000000000' || n % 5)::uuid, \
         ('00000000-0000-0000-0000-0000000000' || 10 + n % 20)::uuid, gen_random_uuid(), gen_random_uuid(), \
         gen_random_uuid(), 'user', 'test.counter', 'added', '{}' from generate_series(1, 20000) n",
    )
    .execute(&store.pool)
    .await
    .unwrap();
    query("analyze log.events").execute(&store.pool).await.unwrap();
    let pool = store.for_tenants(1).await;
    let of_stream = "select data from log.events where tenant_id = caller.tenant_id and stream_id = $2 \
         and category = 'test.counter' and version > $3 order by version limit 100";
    for plans in ["force_custom_plan", "force_generic_plan"] {
        query(AssertSqlSafe(format!("set plan_cache_mode = {plans}"))).execute(&pool).await.unwrap();
        let statement = tenant::query(TENANTS[0], of_stream).sql().as_str().to_owned();
        let explained = query(AssertSqlSafe(format!("explain (analyze, timing off, costs off) {statement}")));
        let explained = explained.bind(Uuid::from_u128(3)).bind(Uuid::from_u128(0x13)).bind(2_i32);
        let plan: Vec<String> =
            explained.fetch_all(&pool).await.unwrap().iter().map(|row| row.get::<String, _>(0)).collect();
        let plan = plan.join("\n");
        let condition = plan.lines().find(|line| line.contains("Index Cond")).unwrap_or_else(|| panic!("{plan}"));
        assert!(condition.contains("tenant_id =") && condition.contains("stream_id ="), "{plan}");
        assert!(!plan.contains("Seq Scan") && plan.contains("set_config"), "{plan}");
    }
}
