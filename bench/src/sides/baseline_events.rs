//! The baseline's table: the same columns and indexes as the log's, filled by one plain INSERT per transaction.

use crate::Failure;
use crate::servers::Database;
use chrono::{DateTime, Utc};
use sqlx::Postgres;
use sqlx::postgres::PgArguments;
use sqlx::query::Query;
use uuid::Uuid;

/// The table: not partitioned, the position from a sequence. Nothing that the log does besides storing the event.
const TABLE: &str = "
    create schema baseline;
    create sequence baseline.positions;
    create table baseline.events (like log.events);
    alter table baseline.events alter position set default nextval('baseline.positions');
    alter table baseline.events alter recorded_at set default clock_timestamp();
    alter table baseline.events add primary key (position);
    create unique index on baseline.events (tenant_id, stream_id, version, category);
";

/// One event, every column given as the log would store it.
const INSERT: &str = "insert into baseline.events (occurred_at, number, epoch, version, schema_version, event_id, \
    tenant_id, stream_id, command_id, correlation_id, causation_id, actor_id, on_behalf_of, actor_kind, category, \
    type, trace, data) values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18) \
    returning position";

/// What differs from event to event.
pub(crate) struct Row<'a> {
    pub(crate) occurred_at: DateTime<Utc>,
    pub(crate) tenant_id: Uuid,
    pub(crate) stream_id: Uuid,
    pub(crate) version: i32,
    pub(crate) command_id: Uuid,
    pub(crate) actor_id: Uuid,
    pub(crate) category: &'a str,
    pub(crate) event_type: &'a str,
    pub(crate) data: &'a [u8],
}

/// Makes the table.
pub(crate) async fn create(database: &Database) -> Result<(), Failure> {
    sqlx::raw_sql(TABLE).execute(&database.pool).await?;
    Ok(())
}

/// The INSERT; prepared once per connection.
pub(crate) fn insert<'a>(row: &Row<'a>) -> Query<'a, Postgres, PgArguments> {
    sqlx::query(INSERT)
        .bind(row.occurred_at)
        .bind(None::<i64>)
        .bind(1_i32)
        .bind(row.version)
        .bind(1_i16)
        .bind(Uuid::now_v7())
        .bind(row.tenant_id)
        .bind(row.stream_id)
        .bind(row.command_id)
        .bind(row.command_id)
        .bind(None::<Uuid>)
        .bind(row.actor_id)
        .bind(None::<Uuid>)
        .bind("user")
        .bind(row.category)
        .bind(row.event_type)
        .bind(None::<&str>)
        .bind(row.data)
}
