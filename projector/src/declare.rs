//! Generations: declared at the start, switched when a new one has caught up.

use crate::control::{ControlError, Generation};
use crate::ddl::{self, DeclarationError};
use crate::projection::Projection;
use kernel::{Epoch, LogId, Position};
use sqlx::postgres::PgConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions, PgConnection, Row, query, query_scalar, raw_sql};

/// Longer than this a switch does not make readers wait behind it.
const SWITCH_LOCK_TIMEOUT: &str = "200ms";

/// What a read model's code declares, as far as the control tables care.
#[derive(Clone)]
struct Declared {
    name: &'static str,
    version: i32,
    table: kernel::Table,
}

/// Finds or makes the generation that this version of each read model folds. A read model that is new is served from its
/// first, empty, table; a new version of one that exists is built beside the serving generation.
///
/// Safe to run by several processes at once.
pub(crate) async fn declare(
    options: &PgConnectOptions,
    models: &[Box<dyn Projection>],
    log_id: LogId,
    epoch: Epoch,
) -> Result<Vec<Generation>, ControlError> {
    let mut generations: Vec<Generation> = Vec::with_capacity(models.len());
    for model in models {
        if generations.iter().any(|known| known.name == model.name()) {
            let (name, problem) = (model.name().to_owned(), "two read models have this name".to_owned());
            return Err(DeclarationError { name, problem }.into());
        }
        let declared = Declared { name: model.name(), version: model.version(), table: model.table() };
        ddl::check(declared.name, &declared.table)?;
        let options = options.clone();
        let name = declared.name;
        let declaring = tokio::spawn(async move {
            let mut connection = options.connect().await?;
            raw_sql("begin; set local lock_timeout = '10s'").execute(&mut connection).await?;
            // Two processes that start together declare one after the other.
            query("select pg_advisory_xact_lock(hashtext('projection.declare'))").execute(&mut connection).await?;
            let generation = declare_one(&mut connection, &declared, log_id, epoch).await?;
            raw_sql("commit").execute(&mut connection).await?;
            Ok(generation)
        });
        let declared = declaring.await.unwrap_or_else(|stopped| Err(sqlx::Error::Io(stopped.into())));
        generations.push(declared.map_err(ControlError::doing(format!("declaring read model {name}")))?);
    }
    Ok(generations)
}

async fn declare_one(
    connection: &mut PgConnection,
    model: &Declared,
    log_id: LogId,
    epoch: Epoch,
) -> Result<Generation, sqlx::Error> {
    let known = query(
        "select generation, version, serving from projection.projections where name = $1 \
         order by serving desc, generation desc",
    )
    .bind(model.name)
    .fetch_all(&mut *connection)
    .await?;
    let mut last = 0;
    for row in &known {
        let number: i32 = row.try_get(0)?;
        last = last.max(number);
        if row.try_get::<i32, _>(1)? == model.version {
            let serving: bool = row.try_get(2)?;
            if !serving {
                // One that was retired is taken up again from where it was.
                query(
                    "update projection.projections set state = 'building' \
                     where name = $1 and generation = $2 and state = 'retired'",
                )
                .bind(model.name)
                .bind(number)
                .execute(&mut *connection)
                .await?;
            }
            return Ok(Generation { name: model.name, number, version: model.version, serving });
        }
    }
    let generation =
        Generation { name: model.name, number: last + 1, version: model.version, serving: known.is_empty() };
    create(connection, model, &generation, log_id, epoch).await?;
    Ok(generation)
}

async fn create(
    connection: &mut PgConnection,
    model: &Declared,
    generation: &Generation,
    log_id: LogId,
    epoch: Epoch,
) -> Result<(), sqlx::Error> {
    let mut statements = vec![ddl::create_table(model.name, model.version, generation.number, &model.table)];
    statements.extend(ddl::create_indexes(model.name, generation.number, &model.table));
    if generation.serving {
        statements.push(ddl::replace_view(model.name, generation.number));
    }
    for statement in statements {
        raw_sql(AssertSqlSafe(statement)).execute(&mut *connection).await?;
    }
    query(
        "insert into projection.projections (name, generation, version, table_name, state, serving) \
         values ($1, $2, $3, $4, 'building', $5)",
    )
    .bind(model.name)
    .bind(generation.number)
    .bind(model.version)
    .bind(ddl::table_name(model.name, generation.number))
    .bind(generation.serving)
    .execute(&mut *connection)
    .await?;
    query("insert into projection.checkpoints (name, generation, log_id, epoch, position) values ($1, $2, $3, $4, 0)")
        .bind(model.name)
        .bind(generation.number)
        .bind(log_id.0)
        .bind(epoch.0)
        .execute(&mut *connection)
        .await?;
    tracing::info!(
        projection = model.name,
        generation = generation.number,
        version = model.version,
        "made the table of a read model"
    );
    Ok(())
}

/// What became of an attempt to show readers a generation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Switched {
    /// Readers see it.
    Done,
    /// The serving generation is further; soon it will not be.
    Behind,
    /// The serving generation is of a newer version and somebody folds it: this process is the older side of a deployment.
    Older,
}

/// Shows readers a generation in place of the serving one, in one short transaction. Nobody who waited for a position sees
/// an earlier one: the new generation must have folded at least as far.
///
/// # Errors
/// Postgres refuses, most often because a reader holds the view for long: try again.
pub(crate) async fn switch(
    options: &PgConnectOptions,
    generation: &Generation,
    at: Position,
) -> Result<Switched, sqlx::Error> {
    let (options, generation) = (options.clone(), generation.clone());
    let switching = tokio::spawn(async move {
        let mut connection = options.connect().await?;
        raw_sql(AssertSqlSafe(format!("begin; set local lock_timeout = '{SWITCH_LOCK_TIMEOUT}'")))
            .execute(&mut connection)
            .await?;
        // Without a commit the server rolls back when the connection goes.
        let outcome = switch_inside(&mut connection, &generation, at).await?;
        if outcome == Switched::Done {
            raw_sql("commit").execute(&mut connection).await?;
        }
        Ok(outcome)
    });
    switching.await.unwrap_or_else(|stopped| Err(sqlx::Error::Io(stopped.into())))
}

async fn switch_inside(
    connection: &mut PgConnection,
    generation: &Generation,
    at: Position,
) -> Result<Switched, sqlx::Error> {
    // Locking the checkpoint holds the serving generation's owner, if it has one, until the switch is done.
    let serving = query(
        "select p.generation, p.version, c.position from projection.projections p \
         join projection.checkpoints c using (name, generation) where p.name = $1 and p.serving for update",
    )
    .bind(generation.name)
    .fetch_optional(&mut *connection)
    .await?;
    if let Some(row) = serving {
        let (number, version, position): (i32, i32, i64) = (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
        if number == generation.number {
            return Ok(Switched::Done);
        }
        if position > at.0 {
            return Ok(Switched::Behind);
        }
        let before = Generation { number, version, ..generation.clone() };
        if version > generation.version && !is_unowned(connection, &before).await? {
            return Ok(Switched::Older);
        }
    }
    show(connection, generation).await?;
    query(
        "update projection.projections set serving = false, \
         state = case when state in ('building', 'live') then 'retired' else state end \
         where name = $1 and serving",
    )
    .bind(generation.name)
    .execute(&mut *connection)
    .await?;
    query("update projection.projections set serving = true, switched_at = now() where name = $1 and generation = $2")
        .bind(generation.name)
        .bind(generation.number)
        .execute(&mut *connection)
        .await?;
    Ok(Switched::Done)
}

/// Whether no process folds the generation; if so, none can begin until the transaction ends.
async fn is_unowned(connection: &mut PgConnection, generation: &Generation) -> Result<bool, sqlx::Error> {
    query_scalar("select pg_try_advisory_xact_lock($1)").bind(generation.lock_key()).fetch_one(connection).await
}

/// Points the view at the generation: in place where the columns allow it, so that views built upon it stay.
async fn show(connection: &mut PgConnection, generation: &Generation) -> Result<(), sqlx::Error> {
    raw_sql("savepoint before_view").execute(&mut *connection).await?;
    let replaced =
        raw_sql(AssertSqlSafe(ddl::replace_view(generation.name, generation.number))).execute(&mut *connection).await;
    match replaced {
        Ok(_) => Ok(()),
        // The columns differ: 42P16 is "invalid table definition".
        Err(sqlx::Error::Database(error)) if error.code().as_deref() == Some("42P16") => {
            let recreate = ddl::recreate_view(generation.name, generation.number);
            raw_sql(AssertSqlSafe(format!("rollback to savepoint before_view; {recreate}")))
                .execute(&mut *connection)
                .await
                .map(drop)
        }
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use kernel::{Column, ColumnKind, Table};
    use sqlx::PgPool;
    use uuid::Uuid;

    const TABLE: Table = Table { key: 1, columns: &[Column::new("id", ColumnKind::Uuid)], indexes: &[] };

    async fn generation(pool: &PgPool, version: i32, position: i64) -> Generation {
        let mut connection = pool.acquire().await.unwrap();
        let model = Declared { name: "test.things", version, table: TABLE };
        let log_id = LogId(Uuid::from_u128(1));
        let generation = declare_one(&mut connection, &model, log_id, Epoch(1)).await.unwrap();
        query("update projection.checkpoints set position = $1, event_id = gen_random_uuid() where generation = $2")
            .bind(position)
            .bind(generation.number)
            .execute(pool)
            .await
            .unwrap();
        generation
    }

    #[tokio::test]
    async fn declaring_again_finds_what_is_there() {
        let (_, pool) = test_support::database().await;
        let first = generation(&pool, 1, 1).await;
        assert_eq!((first.number, first.serving), (1, true));
        assert_eq!(generation(&pool, 1, 1).await, first);
        let second = generation(&pool, 2, 1).await;
        assert_eq!((second.number, second.serving), (2, false));
        assert_eq!(generation(&pool, 2, 1).await, second);
        assert_eq!(generation(&pool, 1, 1).await, first);
    }

    /// Who has waited for position 10 must not be shown a table that is at 9.
    #[tokio::test]
    async fn readers_are_never_taken_back() {
        let (_, pool) = test_support::database().await;
        generation(&pool, 1, 10).await;
        let new = generation(&pool, 2, 9).await;
        let options = pool.connect_options();
        assert_eq!(switch(&options, &new, Position(9)).await.unwrap(), Switched::Behind);
        assert_eq!(switch(&options, &new, Position(10)).await.unwrap(), Switched::Done);
        assert_eq!(switch(&options, &new, Position(10)).await.unwrap(), Switched::Done);
    }

    #[tokio::test]
    async fn an_older_version_is_shown_again_only_if_nobody_folds_the_newer_one() {
        let (_, pool) = test_support::database().await;
        let new = generation(&pool, 2, 10).await;
        let old = generation(&pool, 1, 10).await;
        let mut owner = pool.acquire().await.unwrap();
        query("select pg_advisory_lock($1)").bind(new.lock_key()).execute(&mut *owner).await.unwrap();
        let options = pool.connect_options();
        assert_eq!(switch(&options, &old, Position(10)).await.unwrap(), Switched::Older);
        query("select pg_advisory_unlock($1)").bind(new.lock_key()).execute(&mut *owner).await.unwrap();
        assert_eq!(switch(&options, &old, Position(10)).await.unwrap(), Switched::Done);
    }
}
