//! Generations: what a start declares.

use crate::control::ControlError;
use crate::ddl::{self, DeclarationError};
use crate::operate::insert_checkpoint;
use crate::projection::Projection;
use crate::roster::SwitchMode;
use crate::tables;
use sqlx::postgres::PgConnectOptions;
use sqlx::{ConnectOptions, PgConnection, Row, query, raw_sql};

/// What a read model's code declares, as far as the control tables care.
#[derive(Clone)]
struct Declared {
    name: &'static str,
    version: i32,
    table: kernel::Table,
    /// What happens when a new version of it has caught up.
    switch: SwitchMode,
}

/// Sees to it that there is a generation of each read model's newest version in this build. A read model that is new is
/// served from its first, empty, table; a new version of one that exists is built beside the serving generation. Older
/// versions that the build carries are folded where they have a generation, and never get one.
///
/// A version whose only generations were cancelled stays without one: an operator did not want it. Safe to run by several
/// processes at once.
pub(crate) async fn declare(
    options: &PgConnectOptions,
    models: &[Box<dyn Projection>],
    switch: SwitchMode,
) -> Result<(), ControlError> {
    for (index, model) in models.iter().enumerate() {
        let (name, version) = (model.name(), model.version());
        if models[..index].iter().any(|known| known.name() == name && known.version() == version) {
            let problem = format!("version {version} is listed twice");
            return Err(DeclarationError { name: name.to_owned(), problem }.into());
        }
        let declared = Declared { name, version, table: model.table(), switch };
        ddl::check(declared.name, &declared.table)?;
        if models.iter().any(|other| other.name() == name && other.version() > version) {
            continue;
        }
        let options = options.clone();
        // A task of its own: the caller may go away, and must leave no half of it.
        let declaring = tokio::spawn(async move {
            let mut connection = options.connect().await?;
            raw_sql("begin; set local lock_timeout = '10s'").execute(&mut connection).await?;
            // Two processes that start together declare one after the other.
            query("select pg_advisory_xact_lock(hashtext('projection.declare'))").execute(&mut connection).await?;
            declare_one(&mut connection, &declared).await?;
            raw_sql("commit").execute(&mut connection).await?;
            Ok(())
        });
        let declared = declaring.await.unwrap_or_else(|stopped| Err(sqlx::Error::Io(stopped.into())));
        declared.map_err(ControlError::doing(format!("declaring read model {name}")))?;
    }
    Ok(())
}

async fn declare_one(connection: &mut PgConnection, model: &Declared) -> Result<(), sqlx::Error> {
    let known = query(
        "select generation, version, serving, state in ('retired', 'cancelled'), state = 'cancelled' \
         from projection.projections where name = $1 order by generation",
    )
    .bind(model.name)
    .fetch_all(&mut *connection)
    .await?;
    let (mut last, mut is_served, mut is_cancelled) = (0, false, false);
    for row in &known {
        let (number, version): (i32, i32) = (row.try_get(0)?, row.try_get(1)?);
        let (serving, gone): (bool, bool) = (row.try_get(2)?, row.try_get(3)?);
        if version == model.version && !gone {
            return Ok(());
        }
        last = last.max(number);
        is_served |= serving;
        // The last word counts: the rows come in order.
        if version == model.version {
            is_cancelled = row.try_get(4)?;
        }
    }
    if is_cancelled {
        return Ok(());
    }
    create(connection, model, last + 1, !is_served).await
}

async fn create(
    connection: &mut PgConnection,
    model: &Declared,
    number: i32,
    serving: bool,
) -> Result<(), sqlx::Error> {
    if serving {
        // The table that is built beside is made by whoever builds it; this one is read from now on.
        tables::run(connection, ddl::create_table(model.name, model.version, number, &model.table)).await?;
        tables::run(connection, ddl::replace_view(model.name, number)).await?;
    }
    query(
        "insert into projection.projections (name, generation, version, table_name, state, serving, switch) \
         values ($1, $2, $3, $4, 'building', $5, $6)",
    )
    .bind(model.name)
    .bind(number)
    .bind(model.version)
    .bind(ddl::table_name(model.name, number))
    .bind(serving)
    // What is shown from the beginning waits for nobody.
    .bind(if serving { SwitchMode::Auto } else { model.switch }.as_str())
    .execute(&mut *connection)
    .await?;
    insert_checkpoint(connection, model.name, number).await?;
    tracing::info!(projection = model.name, generation = number, version = model.version, "declared a read model");
    Ok(())
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::acts::By;
    use crate::control;
    use crate::operate::{OperateError, Operator};
    use crate::part::Part;
    use crate::switch::{Switched, Wish, switch};
    use kernel::{Column, ColumnKind, Position, Table};
    use sqlx::postgres::PgPoolOptions;
    use sqlx::{AssertSqlSafe, Executor as _, PgPool, query_scalar};
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};

    pub(crate) const NAME: &str = "test.things";
    const TABLE: Table = Table { key: 1, columns: &[Column::new("id", ColumnKind::Uuid)], indexes: &[] };

    /// Declares a version, and says that its newest generation is live at a position.
    pub(crate) async fn generation(pool: &PgPool, version: i32, position: i64) -> i32 {
        let mut connection = pool.acquire().await.unwrap();
        let model = Declared { name: NAME, version, table: TABLE, switch: SwitchMode::Auto };
        declare_one(&mut connection, &model).await.unwrap();
        let number: i32 =
            query_scalar("select generation from projection.projections where version = $1 order by generation desc")
                .bind(version)
                .fetch_one(pool)
                .await
                .unwrap();
        let table = ddl::create_table(NAME, version, number, &TABLE);
        tables::run(&mut connection, table).await.unwrap();
        query("update projection.projections set state = 'live' where generation = $1")
            .bind(number)
            .execute(pool)
            .await
            .unwrap();
        at(pool, number, position).await;
        number
    }

    pub(crate) async fn at(pool: &PgPool, generation: i32, position: i64) {
        let id = format!("00000000-0000-7000-8000-{position:012}");
        query("insert into log.events select $1, now(), now(), null, 1, $1::int, 1, $2::uuid, $2::uuid, $2::uuid, $2::uuid, \
               $2::uuid, null, $2::uuid, null, 'system', 'test', 'made', null, '' where not exists \
               (select from log.events where position = $1)")
            .bind(position)
            .bind(&id)
            .execute(pool)
            .await
            .unwrap();
        query("update projection.checkpoints set position = $1, event_id = $2::uuid where generation = $3")
            .bind(position)
            .bind(&id)
            .bind(generation)
            .execute(pool)
            .await
            .unwrap();
    }

    async fn by_itself(pool: &PgPool, generation: i32) -> Switched {
        switch(&pool.connect_options(), NAME, generation, Wish::Itself).await.unwrap()
    }

    fn by() -> By {
        By::itself("a test")
    }

    #[tokio::test]
    async fn declaring_again_finds_what_is_there() {
        let (_, pool) = test_support::database().await;
        assert_eq!(generation(&pool, 1, 1).await, 1);
        assert_eq!(generation(&pool, 1, 1).await, 1);
        assert_eq!(generation(&pool, 2, 1).await, 2);
        assert_eq!(generation(&pool, 2, 1).await, 2);
        assert_eq!(generation(&pool, 1, 1).await, 1);
        let serving: i32 =
            query_scalar("select generation from projection.projections where serving").fetch_one(&pool).await.unwrap();
        assert_eq!(serving, 1);
    }

    /// Who has waited for position 10 must not be shown a table that is at 9.
    #[tokio::test]
    async fn readers_are_never_taken_back() {
        let (_, pool) = test_support::database().await;
        generation(&pool, 1, 10).await;
        let new = generation(&pool, 2, 9).await;
        let behind = Switched::Behind { serving: Position(10), at: Position(9) };
        assert_eq!(by_itself(&pool, new).await, behind);
        at(&pool, new, 10).await;
        assert_eq!(by_itself(&pool, new).await, Switched::Done { before: Some(1), position: Position(10) });
        assert_eq!(by_itself(&pool, new).await, Switched::Already);
    }

    #[tokio::test]
    async fn an_older_version_is_shown_again_only_if_nobody_folds_the_newer_one() {
        let (_, pool) = test_support::database().await;
        let new = generation(&pool, 2, 10).await;
        let old = generation(&pool, 1, 10).await;
        let key = crate::control::generation_key(NAME, new);
        let mut owner = pool.acquire().await.unwrap();
        query("select pg_advisory_lock($1)").bind(key).execute(&mut *owner).await.unwrap();
        assert_eq!(by_itself(&pool, old).await, Switched::Older);
        query("select pg_advisory_unlock($1)").bind(key).execute(&mut *owner).await.unwrap();
        assert!(matches!(by_itself(&pool, old).await, Switched::Done { .. }));
    }

    #[tokio::test]
    async fn who_was_rolled_back_from_does_not_come_again_by_itself() {
        let (_, pool) = test_support::database().await;
        let operator = Operator::new(pool.clone());
        let old = generation(&pool, 1, 10).await;
        assert!(matches!(operator.rollback(NAME, by()).await, Err(OperateError::Nothing { .. })));
        let new = generation(&pool, 2, 10).await;
        assert!(matches!(by_itself(&pool, new).await, Switched::Done { .. }));
        let (back, done) = operator.rollback(NAME, by()).await.unwrap();
        assert_eq!((back.generation, done), (old, Switched::Done { before: Some(new), position: Position(10) }));
        assert_eq!(by_itself(&pool, new).await, Switched::Older);
        let (forth, _) = operator.switch(NAME, None, by()).await.unwrap();
        assert_eq!(forth.generation, new, "an operator's word counts");
        let acts: Vec<String> =
            query_scalar("select act from projection.acts order by occurred_at").fetch_all(&pool).await.unwrap();
        assert_eq!(acts, ["switched", "rolled_back", "switched"]);
    }

    #[tokio::test]
    async fn a_version_that_was_cancelled_is_not_declared_again_and_one_that_was_retired_is() {
        let (_, pool) = test_support::database().await;
        let operator = Operator::new(pool.clone());
        let first = generation(&pool, 1, 10).await;
        let cancelled = generation(&pool, 2, 5).await;
        assert!(matches!(operator.cancel(NAME, Some(first), by()).await, Err(OperateError::Serving { .. })));
        assert_eq!(operator.cancel(NAME, None, by()).await.unwrap().generation, cancelled);
        assert_eq!(generation(&pool, 2, 5).await, cancelled, "it is not made again");
        let third = operator.rebuild(NAME, crate::operate::Plan::default(), by()).await.unwrap();
        assert_eq!(third.generation, 3);
        let again = operator.rebuild(NAME, crate::operate::Plan::default(), by()).await;
        assert!(matches!(again, Err(OperateError::Building { generation: 3, .. })));
    }

    /// Sessions of the same database that take no writes until the switch is turned.
    async fn standby(pool: &PgPool) -> (Arc<AtomicBool>, PgPool) {
        let takes_writes = Arc::new(AtomicBool::new(false));
        let switch = Arc::clone(&takes_writes);
        let standby = PgPoolOptions::new().max_connections(1).before_acquire(move |connection, _| {
            let off = if switch.load(Ordering::Acquire) { "off" } else { "on" };
            Box::pin(async move {
                let set = format!("set default_transaction_read_only = {off}");
                connection.execute(AssertSqlSafe(set)).await.map(|_| true)
            })
        });
        // One session, which is asked from its second use on.
        let standby = standby.connect_with((*pool.connect_options()).clone()).await.unwrap();
        drop(standby.acquire().await.unwrap());
        (takes_writes, standby)
    }

    #[tokio::test]
    async fn a_divergence_is_recorded_as_soon_as_the_server_takes_writes_unless_its_log_was_adopted() {
        let recorded = "select state = 'diverged' from projection.projections";
        for (adopted, alone) in [(false, false), (true, false), (false, true), (true, true)] {
            let (_, pool) = test_support::database().await;
            let number = generation(&pool, 1, 10).await;
            query("select log.adopt('a promotion')").execute(&pool).await.unwrap();
            query("update log.epochs set timeline = timeline + 1").execute(&pool).await.unwrap();
            let (takes_writes, standby) = standby(&pool).await;
            let one = control::Generation { name: NAME, number, version: 1, part: Part::WHOLE };
            let trying = if alone {
                control::mark_diverged(&standby, &one, "another history", Position(10)).await
            } else {
                control::mark_all_diverged(&standby, "another history").await
            };
            assert!(trying.is_some(), "it is tried again");
            assert!(!query_scalar::<_, bool>(recorded).fetch_one(&pool).await.unwrap(), "nothing could be written");
            if adopted {
                query("select log.adopt('an operator')").execute(&pool).await.unwrap();
            }
            takes_writes.store(true, Ordering::Release);
            trying.unwrap().await.unwrap();
            assert_eq!(query_scalar::<_, bool>(recorded).fetch_one(&pool).await.unwrap(), !adopted);
        }
    }
}
