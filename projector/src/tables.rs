//! Makes and drops the tables of generations, piece by piece: what is there already is left as it is.

use crate::control::{self, Generation, Place};
use crate::ddl;
use kernel::Table;
use sqlx::postgres::PgConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions, PgConnection, PgPool, Row, query, query_scalar, raw_sql};
use std::sync::{Mutex, PoisonError};

/// What a session that builds tables is set to: an index of a large table takes long, and must not go on for a process that
/// is gone. What it writes is durable with the checkpoint that comes after, or is built again.
const SESSION: &str = "set synchronous_commit = off; set jit = off; set statement_timeout = 0; set lock_timeout = '5s'; \
     set idle_in_transaction_session_timeout = '60s'; set client_connection_check_interval = '2s'; \
     set maintenance_work_mem = '128MB'; set max_parallel_maintenance_workers = 0";

/// What there is of a generation's table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Made {
    pub(crate) table: bool,
    pub(crate) key: bool,
    /// The names of its indexes.
    indexes: Vec<String>,
}

impl Made {
    /// Whether nothing is missing.
    pub(crate) fn is_whole(&self, generation: &Generation, table: &Table) -> bool {
        self.table && self.key && self.missing(generation, table).is_empty()
    }

    /// Statements for the indexes that are not there.
    fn missing(&self, generation: &Generation, table: &Table) -> Vec<String> {
        ddl::create_indexes(generation.name, generation.number, table)
            .into_iter()
            .filter(|(name, _)| !self.indexes.contains(name))
            .map(|(_, statement)| statement)
            .collect()
    }
}

/// A session that builds tables. Dropped, it ends what it was doing.
pub(crate) async fn open(options: &PgConnectOptions) -> Result<PgConnection, sqlx::Error> {
    let mut connection = options.connect().await?;
    raw_sql(SESSION).execute(&mut connection).await?;
    Ok(connection)
}

/// What there is of the table.
pub(crate) async fn look(connection: &mut PgConnection, generation: &Generation) -> Result<Made, sqlx::Error> {
    let name = ddl::table_name(generation.name, generation.number);
    let rows = query(
        "select i.relname, x.indisprimary from pg_class t join pg_namespace n on n.oid = t.relnamespace \
         left join (pg_index x join pg_class i on i.oid = x.indexrelid and x.indisvalid) on x.indrelid = t.oid \
         where n.nspname = 'read' and t.relname = $1",
    )
    .bind(name)
    .fetch_all(connection)
    .await?;
    let mut made = Made { table: !rows.is_empty(), key: false, indexes: Vec::new() };
    for row in &rows {
        let Some(index) = row.try_get::<Option<String>, _>(0)? else { continue };
        made.key |= row.try_get::<bool, _>(1)?;
        made.indexes.push(index);
    }
    Ok(made)
}

/// Makes the table, bare.
pub(crate) async fn make(
    connection: &mut PgConnection,
    generation: &Generation,
    table: &Table,
) -> Result<(), sqlx::Error> {
    run(connection, ddl::create_table(generation.name, generation.version, generation.number, table)).await
}

/// Makes the primary key where it is missing: from then on rows can be found, changed and deleted.
pub(crate) async fn add_key(
    connection: &mut PgConnection,
    generation: &Generation,
    table: &Table,
    made: &Made,
) -> Result<(), sqlx::Error> {
    if made.key {
        return Ok(());
    }
    run(connection, ddl::add_key(generation.name, generation.number, table)).await
}

/// Makes the declared indexes that are missing, and tells the planner what is there. With `beside`, two are made at a
/// time.
pub(crate) async fn add_indexes(
    connection: &mut PgConnection,
    beside: Option<&PgConnectOptions>,
    generation: &Generation,
    table: &Table,
    made: &Made,
) -> Result<(), sqlx::Error> {
    let missing = Mutex::new(made.missing(generation, table).into_iter());
    let next = || missing.lock().unwrap_or_else(PoisonError::into_inner).next();
    let here = async {
        while let Some(statement) = next() {
            run(connection, statement).await?;
        }
        Ok::<_, sqlx::Error>(connection)
    };
    let there = async {
        if let Some(options) = beside {
            let mut beside = open(options).await?;
            while let Some(statement) = next() {
                run(&mut beside, statement).await?;
            }
        }
        Ok(())
    };
    let (connection, ()) = futures_util::try_join!(here, there)?;
    run(connection, format!("analyze read.\"{}\"", ddl::table_name(generation.name, generation.number))).await
}

/// Empties a bare table that a copy may have left rows in. `false`: somebody else owns it.
pub(crate) async fn empty(
    connection: &mut PgConnection,
    generation: &Generation,
    owner_epoch: i64,
) -> Result<bool, sqlx::Error> {
    raw_sql("begin").execute(&mut *connection).await?;
    run(connection, format!("truncate read.\"{}\"", ddl::table_name(generation.name, generation.number))).await?;
    let holds = control::holds(connection, generation, owner_epoch, Place::BEGINNING).await?;
    raw_sql(if holds { "commit" } else { "rollback" }).execute(connection).await?;
    Ok(holds)
}

/// Empties the table, makes what is missing of it and moves its checkpoint back to the beginning: from now on a row that
/// does not fit an index is refused when it is written, and the event that made it can be found. `false`: somebody else
/// owns it.
pub(crate) async fn begin_again(
    connection: &mut PgConnection,
    generation: &Generation,
    table: &Table,
    owner_epoch: i64,
) -> Result<bool, sqlx::Error> {
    raw_sql("begin").execute(&mut *connection).await?;
    run(connection, format!("truncate read.\"{}\"", ddl::table_name(generation.name, generation.number))).await?;
    let made = look(connection, generation).await?;
    add_indexes(connection, None, generation, table, &made).await?;
    let owned = control::begin_again(connection, generation, owner_epoch).await?;
    raw_sql(if owned { "commit" } else { "rollback" }).execute(connection).await?;
    Ok(owned)
}

pub(crate) async fn run(connection: &mut PgConnection, statement: String) -> Result<(), sqlx::Error> {
    raw_sql(AssertSqlSafe(statement)).execute(connection).await.map(drop)
}

/// Drops the tables of generations that are gone and that nobody folds any more. Answers how many are left.
pub(crate) async fn drop_gone(pool: &PgPool) -> Result<usize, sqlx::Error> {
    let rows = query(
        "select name, generation from projection.projections \
         where state in ('cancelled', 'retired') and dropped_at is null order by name, generation",
    )
    .fetch_all(pool)
    .await?;
    let mut left = 0;
    for row in &rows {
        let (name, generation): (String, i32) = (row.try_get(0)?, row.try_get(1)?);
        let connect = (*pool.connect_options()).clone();
        // A task of its own: no transaction is left open should the caller go away.
        let dropping = tokio::spawn(async move { drop_one(&connect, &name, generation).await });
        let dropped = dropping.await.unwrap_or_else(|stopped| Err(sqlx::Error::Io(stopped.into())))?;
        left += usize::from(!dropped);
    }
    Ok(left)
}

async fn drop_one(connect: &PgConnectOptions, name: &str, generation: i32) -> Result<bool, sqlx::Error> {
    let mut connection = connect.connect().await?;
    raw_sql("begin; set local lock_timeout = '2s'").execute(&mut connection).await?;
    for key in control::owner_keys(&mut connection, name, generation).await? {
        let free: bool =
            query_scalar("select pg_try_advisory_xact_lock($1)").bind(key).fetch_one(&mut connection).await?;
        if !free {
            return Ok(false);
        }
    }
    let table = ddl::table_name(name, generation);
    raw_sql("savepoint before_drop").execute(&mut connection).await?;
    let dropped = run(&mut connection, format!("drop table if exists read.\"{table}\"")).await;
    if let Err(sqlx::Error::Database(error)) = &dropped {
        // Somebody built a view upon it, or reads it for long.
        let trouble = error.message().to_owned();
        raw_sql("rollback to savepoint before_drop").execute(&mut connection).await?;
        query(
            "update projection.projections set trouble = $3 \
             where name = $1 and generation = $2 and trouble is distinct from $3",
        )
        .bind(name)
        .bind(generation)
        .bind(trouble)
        .execute(&mut connection)
        .await?;
        raw_sql("commit").execute(&mut connection).await?;
        return Ok(false);
    }
    dropped?;
    query(
        "update projection.projections set dropped_at = clock_timestamp(), trouble = null \
         where name = $1 and generation = $2",
    )
    .bind(name)
    .bind(generation)
    .execute(&mut connection)
    .await?;
    raw_sql("commit").execute(&mut connection).await?;
    tracing::info!(projection = name, generation, "dropped the table of a generation");
    Ok(true)
}
