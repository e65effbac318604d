//! What readers would see otherwise: two generations compared, row by row and field by field.
//!
//! Both tables and both checkpoints are read in one snapshot. Generations that one process follows are always at the same
//! position; others nearly always are at some moment, which is waited for. Where they are not, only what is certain
//! counts: a row says what it is from the last event that touched it up to its generation's checkpoint, and two rows are
//! compared where those stretches meet. What changed too lately is counted as undecided, never as equal or different.
//!
//! Knows the tables alone, no read model's code: any two generations can be compared, of whatever versions.

use crate::ddl;
use futures_util::StreamExt;
use kernel::{Column, Position, TenantId};
use serde::{Deserialize, Serialize};
use sqlx::postgres::PgRow;
use sqlx::{AssertSqlSafe, ConnectOptions, PgConnection, PgPool, Row, query, query_scalar, raw_sql};
use std::fmt::Write;
use std::time::{Duration, Instant};
use uuid::Uuid;

/// How long two generations are waited for to be at the same position.
const PATIENCE: Duration = Duration::from_secs(1);
/// Between two looks.
const LOOK: Duration = Duration::from_millis(10);

/// One of the two.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[schema(as = ComparedGeneration)]
pub struct Side {
    /// Its number.
    pub generation: i32,
    /// The version of the code that folds it.
    pub version: i32,
    /// Up to where it is folded.
    pub position: Position,
    /// How many rows it has.
    pub rows: i64,
    /// A number for its content, whatever the order of its rows: 16 hexadecimal digits over the columns that both have.
    pub hash: String,
    /// Streams that it cannot go on with; their rows are expected to differ.
    pub parked_streams: i64,
}

/// What two generations of a read model differ in.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[schema(as = GenerationComparison)]
pub struct Differences {
    /// The read model.
    pub name: String,
    /// What readers see.
    pub before: Side,
    /// What they would see.
    pub after: Side,
    /// Columns that only the one before has.
    pub columns_gone: Vec<String>,
    /// Columns that only the one after has.
    pub columns_new: Vec<String>,
    /// Rows that only the one before has.
    pub rows_gone: i64,
    /// Rows that only the one after has.
    pub rows_new: i64,
    /// Rows of which a field differs.
    pub rows_changed: i64,
    /// Rows that changed too lately to be compared: none where both are at the same position.
    pub rows_undecided: i64,
    /// Some of the rows that differ.
    pub samples: Vec<Sample>,
}

impl Differences {
    /// Whether readers would see the same.
    pub fn is_none(&self) -> bool {
        self.rows_gone + self.rows_new + self.rows_changed + self.rows_undecided == 0
            && self.columns_gone.is_empty()
            && self.columns_new.is_empty()
    }
}

/// A row that differs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[schema(as = DifferentRow)]
pub struct Sample {
    /// Whose row.
    pub tenant_id: TenantId,
    /// Its key, as text.
    pub key: Vec<String>,
    /// The fields that differ; every field where the row is on one side only.
    pub fields: Vec<Field>,
}

/// A field that differs; `None` is null, or no such row.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[schema(as = DifferentField)]
pub struct Field {
    /// The column.
    pub name: String,
    /// What readers see.
    pub before: Option<String>,
    /// What they would see.
    pub after: Option<String>,
}

/// Why a comparison came to no result.
#[derive(Debug, thiserror::Error)]
pub enum CompareError {
    /// One of the generations is not there, or has no table.
    #[error("there is no generation {generation} of {name}")]
    NoGeneration {
        /// The read model.
        name: String,
        /// The generation.
        generation: i32,
    },
    /// The read model's key has changed: rows cannot be told to be the same.
    #[error("generations {before} and {after} of {name} have other keys: only their rows can be counted")]
    OtherKeys {
        /// The read model.
        name: String,
        /// One generation.
        before: i32,
        /// The other.
        after: i32,
    },
    /// Postgres does not answer.
    #[error("comparing two generations of a read model")]
    Database(#[from] sqlx::Error),
}

/// Compares two generations; shows up to `samples` rows that differ.
///
/// # Errors
/// One is not there, their keys differ, or Postgres does not answer.
pub async fn compare(
    pool: &PgPool,
    name: &str,
    before: i32,
    after: i32,
    samples: usize,
) -> Result<Differences, CompareError> {
    let mut connection = open(pool).await?;
    let deadline = Instant::now() + PATIENCE;
    loop {
        let (old, new) = sides(&mut connection, name, before, after).await?;
        if old.position == new.position || Instant::now() > deadline {
            return differences(&mut connection, name, old, new, samples).await;
        }
        raw_sql("rollback").execute(&mut connection).await?;
        tokio::time::sleep(LOOK).await;
    }
}

/// The same without waiting: `None` where the two are not at the same position.
pub(crate) async fn compare_level(
    pool: &PgPool,
    name: &str,
    before: i32,
    after: i32,
    samples: usize,
) -> Result<Option<Differences>, CompareError> {
    let mut connection = open(pool).await?;
    let (old, new) = sides(&mut connection, name, before, after).await?;
    if old.position != new.position {
        return Ok(None);
    }
    differences(&mut connection, name, old, new, samples).await.map(Some)
}

/// A connection of its own, closed at the end: no transaction can stay behind.
async fn open(pool: &PgPool) -> Result<PgConnection, CompareError> {
    let mut connection = pool.connect_options().connect().await?;
    raw_sql("set statement_timeout = 0; set work_mem = '64MB'; set jit = off").execute(&mut connection).await?;
    Ok(connection)
}

/// Begins the snapshot that everything is read in.
async fn sides(
    connection: &mut PgConnection,
    name: &str,
    before: i32,
    after: i32,
) -> Result<(Side, Side), CompareError> {
    raw_sql("begin isolation level repeatable read, read only").execute(&mut *connection).await?;
    Ok((side(connection, name, before).await?, side(connection, name, after).await?))
}

async fn differences(
    connection: &mut PgConnection,
    name: &str,
    old: Side,
    new: Side,
    samples: usize,
) -> Result<Differences, CompareError> {
    let same_version = old.version == new.version;
    let shape = Shape::read(connection, name, old.generation, new.generation, same_version).await?;
    let mut differences = Differences {
        name: name.to_owned(),
        before: shape.measure(connection, old).await?,
        after: shape.measure(connection, new).await?,
        columns_gone: shape.gone.clone(),
        columns_new: shape.new.clone(),
        rows_gone: 0,
        rows_new: 0,
        rows_changed: 0,
        rows_undecided: 0,
        samples: Vec::new(),
    };
    let (old, new) = (&differences.before, &differences.after);
    if old.position != new.position || old.rows != new.rows || old.hash != new.hash {
        shape.join(connection, &mut differences, samples).await?;
    }
    Ok(differences)
}

/// Keeps the result for whoever asks later.
///
/// # Errors
/// Postgres does not answer.
pub async fn keep(pool: &PgPool, differences: &Differences) -> Result<(), sqlx::Error> {
    query(
        "insert into projection.comparisons (name, generation, before, result) values ($1, $2, $3, $4::jsonb) \
         on conflict (name, generation) do update \
         set before = excluded.before, result = excluded.result, compared_at = clock_timestamp()",
    )
    .bind(&differences.name)
    .bind(differences.after.generation)
    .bind(differences.before.generation)
    .bind(serde_json::to_string(differences).map_err(|error| sqlx::Error::Encode(error.into()))?)
    .execute(pool)
    .await
    .map(drop)
}

/// The last result that was kept for a generation.
///
/// # Errors
/// Postgres does not answer.
pub async fn kept(pool: &PgPool, name: &str, generation: i32) -> Result<Option<Differences>, sqlx::Error> {
    let text: Option<String> =
        query_scalar("select result::text from projection.comparisons where name = $1 and generation = $2")
            .bind(name)
            .bind(generation)
            .fetch_optional(pool)
            .await?;
    text.map(|text| serde_json::from_str(&text)).transpose().map_err(|error| sqlx::Error::Decode(error.into()))
}

async fn side(connection: &mut PgConnection, name: &str, generation: i32) -> Result<Side, CompareError> {
    let row = query(
        "select p.version, c.position, k.streams from projection.projections p \
         join projection.checkpoints c using (name, generation) \
         cross join lateral projection.parking(p.name, p.generation) k \
         where p.name = $1 and p.generation = $2 and p.state not in ('cancelled', 'retired')",
    )
    .bind(name)
    .bind(generation)
    .fetch_optional(connection)
    .await?;
    let row = row.ok_or_else(|| CompareError::NoGeneration { name: name.to_owned(), generation })?;
    let (version, position) = (row.try_get(0)?, Position(row.try_get(1)?));
    Ok(Side { generation, version, position, rows: 0, hash: String::new(), parked_streams: row.try_get(2)? })
}

/// What the two tables have in common, and what not.
struct Shape {
    name: String,
    keys: Vec<String>,
    /// Columns of both that are not part of the key.
    common: Vec<String>,
    gone: Vec<String>,
    new: Vec<String>,
}

impl Shape {
    async fn read(
        connection: &mut PgConnection,
        name: &str,
        before: i32,
        after: i32,
        same_version: bool,
    ) -> Result<Self, CompareError> {
        let (old, old_key) = columns(connection, name, before).await?;
        let (new, new_key) = columns(connection, name, after).await?;
        if old_key != new_key {
            return Err(CompareError::OtherKeys { name: name.to_owned(), before, after });
        }
        let only = |these: &[(String, String)], those: &[(String, String)]| -> Vec<String> {
            let missing = these.iter().filter(|column| !those.contains(column));
            missing.map(|(name, kind)| format!("{name} {kind}")).collect()
        };
        let in_both = old.iter().filter(|column| new.contains(column)).map(|(name, _)| name.clone());
        // Beside clear text its sealed form is compared, and kept: where nobody looks when a person is erased, nothing of
        // him may lie in clear.
        let is_clear = |name: &String| {
            let sealed = format!("{name}{}", Column::SEALED);
            old.iter().chain(&new).any(|(other, _)| *other == sealed)
        };
        let in_both = in_both.filter(|name| !is_clear(name));
        // Another version may listen to other events, so that other ones are the last to touch a row.
        let common = in_both.filter(|column| !old_key.contains(column) && (same_version || column != "at_position"));
        Ok(Self {
            name: name.to_owned(),
            common: common.collect(),
            gone: only(&old, &new),
            new: only(&new, &old),
            keys: old_key,
        })
    }

    fn table(&self, generation: i32) -> String {
        format!("read.\"{}\"", ddl::table_name(&self.name, generation))
    }

    /// Counts and hashes a table. Sums do not care for an order, and notice a row that is there twice. A row's own hash is
    /// hashed once more: its parts enter it linearly, so that of two rows which exchange a field it gives the same sum.
    async fn measure(&self, connection: &mut PgConnection, side: Side) -> Result<Side, sqlx::Error> {
        let all: Vec<String> = self.keys.iter().chain(&self.common).map(|name| format!("\"{name}\"")).collect();
        let statement = format!(
            "select count(*), lpad(to_hex((coalesce(sum(hashtextextended(hash_record_extended(row({}), 0)::text, \
             0)), 0) % 9223372036854775808)::bigint), 16, '0') from {}",
            all.join(", "),
            self.table(side.generation)
        );
        let row = query(AssertSqlSafe(statement)).fetch_one(connection).await?;
        Ok(Side { rows: row.try_get(0)?, hash: row.try_get(1)?, ..side })
    }

    /// Finds every row that differs.
    async fn join(
        &self,
        connection: &mut PgConnection,
        differences: &mut Differences,
        samples: usize,
    ) -> Result<(), sqlx::Error> {
        let (old, new) = (differences.before.position.0, differences.after.position.0);
        let mut rows = query(AssertSqlSafe(self.statement(differences))).fetch(connection);
        let mut seen = 0;
        while let Some(row) = rows.next().await {
            let row = row?;
            let (was, is): (Option<i64>, Option<i64>) = (row.try_get(0)?, row.try_get(1)?);
            let Some(count) = count_of(differences, was, is, old, new) else {
                differences.rows_undecided += 1;
                continue;
            };
            *count += 1;
            seen += 1;
            // Of many, every so-and-so-many-th: not only those that happen to come first.
            let place = if seen <= samples { Some(seen - 1) } else { lottery(seen, samples) };
            if let Some(place) = place {
                let sample = self.sample(&row, was.is_some() && is.is_some())?;
                if place < differences.samples.len() {
                    differences.samples[place] = sample;
                } else {
                    differences.samples.push(sample);
                }
            }
        }
        Ok(())
    }

    fn statement(&self, differences: &Differences) -> String {
        let list = |alias: &str, names: &[String], cast: &str| {
            names.iter().enumerate().fold(String::new(), |mut list, (index, name)| {
                let comma = if index == 0 { "" } else { ", " };
                // Writing to a String cannot fail, here and below.
                let _ = write!(list, "{comma}{alias}.\"{name}\"{cast}");
                list
            })
        };
        let both = self.keys.iter().fold(String::new(), |mut list, name| {
            let comma = if list.is_empty() { "" } else { ", " };
            let _ = write!(list, "{comma}coalesce(a.\"{name}\", b.\"{name}\")::text");
            list
        });
        let using: Vec<String> = self.keys.iter().map(|name| format!("a.\"{name}\" = b.\"{name}\"")).collect();
        let differ = self.common.iter().fold(String::new(), |mut list, name| {
            let _ = write!(list, " or a.\"{name}\" is distinct from b.\"{name}\"");
            list
        });
        format!(
            "select a.at_position, b.at_position, array[{both}], array[{}]::text[], array[{}]::text[] \
             from {} a full join {} b on {} where a.tenant_id is null or b.tenant_id is null{differ}",
            list("a", &self.common, "::text"),
            list("b", &self.common, "::text"),
            self.table(differences.before.generation),
            self.table(differences.after.generation),
            using.join(" and "),
        )
    }

    fn sample(&self, row: &PgRow, on_both: bool) -> Result<Sample, sqlx::Error> {
        let mut key: Vec<String> = row.try_get(2)?;
        let (old, new): (Vec<Option<String>>, Vec<Option<String>>) = (row.try_get(3)?, row.try_get(4)?);
        let tenant = key.remove(0);
        let tenant_id = Uuid::parse_str(&tenant).map_err(|error| sqlx::Error::Decode(error.into()))?;
        let fields = self.common.iter().zip(old.into_iter().zip(new));
        let fields = fields.filter(|(_, (before, after))| !on_both || before != after);
        let fields = fields.map(|(name, (before, after))| Field { name: name.clone(), before, after });
        Ok(Sample { tenant_id: TenantId(tenant_id), key, fields: fields.collect() })
    }
}

/// What a row counts as, if that can be said: `was` and `is` are the last events that touched it on either side, which are
/// folded up to `old` and `new`.
fn count_of(differences: &mut Differences, was: Option<i64>, is: Option<i64>, old: i64, new: i64) -> Option<&mut i64> {
    match (was, is) {
        // Each is what it is from its last event to its checkpoint: do the two stretches meet?
        (Some(was), Some(is)) => (was.max(is) <= old.min(new)).then_some(&mut differences.rows_changed),
        // That there is none is known at the checkpoint alone.
        (Some(was), None) => (was <= new && new <= old).then_some(&mut differences.rows_gone),
        (None, Some(is)) => (is <= old && old <= new).then_some(&mut differences.rows_new),
        (None, None) => None,
    }
}

/// Which sample the row with this number replaces, if any: each row is as likely to be shown as any other. No chance is
/// needed for that, a mixed-up number does.
fn lottery(seen: usize, samples: usize) -> Option<usize> {
    let mixed = (seen as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(31).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let drawn = usize::try_from(mixed % seen as u64).unwrap_or(usize::MAX);
    (drawn < samples).then_some(drawn)
}

/// A column's name and type.
type ColumnOf = (String, String);

/// A generation's columns with their types, and its key.
async fn columns(
    connection: &mut PgConnection,
    name: &str,
    generation: i32,
) -> Result<(Vec<ColumnOf>, Vec<String>), CompareError> {
    let rows = query(
        "select a.attname::text, format_type(a.atttypid, a.atttypmod), \
         array_position(x.indkey::int2[], a.attnum) \
         from pg_attribute a join pg_class t on t.oid = a.attrelid join pg_namespace n on n.oid = t.relnamespace \
         left join pg_index x on x.indrelid = t.oid and x.indisprimary \
         where n.nspname = 'read' and t.relname = $1 and a.attnum > 0 and not a.attisdropped and a.attgenerated = '' \
         order by a.attnum",
    )
    .bind(ddl::table_name(name, generation))
    .fetch_all(connection)
    .await?;
    if rows.is_empty() {
        return Err(CompareError::NoGeneration { name: name.to_owned(), generation });
    }
    let (mut columns, mut keys) = (Vec::new(), Vec::new());
    for row in &rows {
        let (column, kind): (String, String) = (row.try_get(0)?, row.try_get(1)?);
        if let Some(place) = row.try_get::<Option<i32>, _>(2)? {
            keys.push((place, column.clone()));
        }
        columns.push((column, kind));
    }
    keys.sort();
    Ok((columns, keys.into_iter().map(|(_, column)| column).collect()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::declare::tests::{NAME, at, generation};

    #[test]
    fn only_what_is_certain_counts() {
        let side = |generation| Side {
            generation,
            version: 1,
            position: Position(0),
            rows: 0,
            hash: String::new(),
            parked_streams: 0,
        };
        let mut differences = Differences {
            name: "a.b".to_owned(),
            before: side(1),
            after: side(2),
            columns_gone: Vec::new(),
            columns_new: Vec::new(),
            rows_gone: 0,
            rows_new: 0,
            rows_changed: 0,
            rows_undecided: 0,
            samples: Vec::new(),
        };
        let mut certain = |was, is, old, new| count_of(&mut differences, was, is, old, new).is_some();
        assert!(certain(Some(5), Some(5), 9, 9) && certain(Some(5), Some(7), 9, 8));
        assert!(!certain(Some(5), Some(10), 9, 10), "touched after what the other has folded");
        assert!(certain(Some(5), None, 9, 9) && certain(Some(5), None, 9, 6));
        assert!(!certain(Some(5), None, 8, 9), "deleted between the two, perhaps");
        assert!(!certain(Some(7), None, 9, 6), "made between the two, perhaps");
        assert!(certain(None, Some(5), 6, 9) && !certain(None, Some(5), 9, 6));
    }

    #[test]
    fn samples_come_from_everywhere() {
        let mut places = [0_usize; 10];
        let mut late = 0;
        for seen in 11..10_000 {
            if let Some(place) = lottery(seen, 10) {
                places[place] += 1;
                late += usize::from(seen > 1_000);
            }
        }
        assert!(places.iter().all(|count| *count > 0), "{places:?}");
        assert!(late > 5, "{late} of the last nine tenths");
    }

    /// What is compared beside other work is compared once, and holds: where one is behind, it is left for later.
    #[tokio::test]
    async fn nothing_is_compared_early_that_is_not_level() {
        let (_, pool) = test_support::database().await;
        let (one, two) = (generation(&pool, 1, 5).await, generation(&pool, 2, 4).await);
        let early = async || compare_level(&pool, NAME, one, two, 5).await.unwrap();
        assert_eq!(early().await, None);
        at(&pool, two, 5).await;
        let level = early().await.expect("both are at 5");
        assert!(level.is_none() && level.before.position == level.after.position, "{level:?}");
    }
}
