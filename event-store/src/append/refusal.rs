//! Which requests of a failed batch are to blame.

use super::{Answer, Append, AppendError};
use kernel::{Epoch, Position, Version};
use sqlx::postgres::PgRow;
use sqlx::{PgConnection, Row};
use std::collections::HashMap;
use uuid::Uuid;

const REFUSALS: &str = "select request, reason, stream_id, version, scope, key, request_hash, last_position, number, \
    recorded_at, changed from log.refusals($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)";

/// What a request that cannot be appended is told, by its index in the batch.
pub(super) type Refusals = HashMap<usize, Result<Answer, AppendError>>;

/// Asks Postgres why the batch failed. An empty answer means that the reason is gone: try again.
pub(super) async fn find(
    connection: &mut PgConnection,
    appends: &[&Append],
    epoch: Epoch,
) -> Result<Refusals, sqlx::Error> {
    let requests = || (0_i32..).zip(appends.iter().copied());
    let streams =
        || requests().flat_map(|(index, append)| append.changes.iter().map(move |change| (index, append, change)));
    let names = || requests().flat_map(|(index, append)| append.reserve.iter().map(move |name| (index, append, name)));
    let holder = |append: &Append| append.changes.first().map_or(Uuid::nil(), |change| change.stream_id);
    let rows = sqlx::query(REFUSALS)
        .bind(requests().map(|(_, append)| append.tenant_id.0).collect::<Vec<Uuid>>())
        .bind(requests().map(|(_, append)| append.idempotency.key).collect::<Vec<Uuid>>())
        .bind(streams().map(|(index, ..)| index).collect::<Vec<i32>>())
        .bind(streams().map(|(_, append, _)| append.tenant_id.0).collect::<Vec<Uuid>>())
        .bind(streams().map(|(.., change)| change.stream_id).collect::<Vec<Uuid>>())
        .bind(streams().map(|(.., change)| change.category).collect::<Vec<&str>>())
        .bind(streams().map(|(.., change)| change.expected.0).collect::<Vec<i32>>())
        .bind(names().map(|(index, ..)| index).collect::<Vec<i32>>())
        .bind(names().map(|(_, append, _)| append.tenant_id.0).collect::<Vec<Uuid>>())
        .bind(names().map(|(.., name)| name.scope).collect::<Vec<&str>>())
        .bind(names().map(|(.., name)| name.key.as_str()).collect::<Vec<&str>>())
        .bind(names().map(|(_, append, _)| holder(append)).collect::<Vec<Uuid>>())
        .fetch_all(connection)
        .await?;
    let mut refusals = Refusals::new();
    for row in rows {
        let index = usize::try_from(row.try_get::<i32, _>(0)?).unwrap_or_default();
        let refusal = match row.try_get::<&str, _>(1)? {
            // A repeat is answered as the first time, whatever has become of the stream since.
            "repeated" => {
                refusals.insert(index, repeated(&row, appends[index], epoch)?);
                continue;
            }
            "version" => AppendError::Conflict { stream_id: row.try_get(2)?, version: Version(row.try_get(3)?) },
            _ => AppendError::Reserved { scope: row.try_get(4)?, key: row.try_get(5)?, stream_id: row.try_get(2)? },
        };
        refusals.entry(index).or_insert(Err(refusal));
    }
    Ok(refusals)
}

fn repeated(row: &PgRow, append: &Append, epoch: Epoch) -> Result<Result<Answer, AppendError>, sqlx::Error> {
    if row.try_get::<Uuid, _>(6)? != append.idempotency.request_hash {
        return Ok(Err(AppendError::KeyReused));
    }
    Ok(Ok(Answer {
        stream_id: row.try_get(2)?,
        version: Version(row.try_get(3)?),
        position: Position(row.try_get(7)?),
        number: row.try_get(8)?,
        recorded_at: row.try_get(9)?,
        changed: row.try_get(10)?,
        epoch,
        repeated: true,
    }))
}
