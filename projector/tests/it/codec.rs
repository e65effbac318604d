//! Random rows of every kind of column through Postgres and back.

use crate::fixtures::{BoxId, Boxes, Colour, tenant};
use chrono::{DateTime, NaiveDate, Utc};
use kernel::{Column, ColumnKind, ReadModel, Table};
use projector::ddl::{Statements, add_key, check, create_indexes, create_table};
use projector::row::{Arrays, RowError, read};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use serde::{Deserialize, Serialize};
use sqlx::{AssertSqlSafe, query};
use std::collections::BTreeMap;
use uuid::Uuid;

/// Every kind of column, once as it is and once optional, and the types that fields really have.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Everything {
    id: BoxId,
    number: u16,
    text: String,
    colour: Colour,
    letter: char,
    flag: bool,
    small: i32,
    big: i64,
    unsigned: u32,
    double: f64,
    single: f32,
    instant: DateTime<Utc>,
    day: NaiveDate,
    json: BTreeMap<String, Vec<i64>>,
    uuid_text: String,
    no_uuid: Option<Uuid>,
    no_text: Option<String>,
    no_flag: Option<bool>,
    no_small: Option<i32>,
    no_big: Option<u64>,
    no_double: Option<f64>,
    no_instant: Option<DateTime<Utc>>,
    no_day: Option<NaiveDate>,
    no_json: Option<Vec<String>>,
}

const TABLE: Table = Table {
    key: 2,
    columns: &[
        Column::new("id", ColumnKind::Uuid),
        Column::new("number", ColumnKind::Integer),
        Column::new("text", ColumnKind::Text),
        Column::new("colour", ColumnKind::Text),
        Column::new("letter", ColumnKind::Text),
        Column::new("flag", ColumnKind::Boolean),
        Column::new("small", ColumnKind::Integer),
        Column::new("big", ColumnKind::BigInt),
        Column::new("unsigned", ColumnKind::BigInt),
        Column::new("double", ColumnKind::Double),
        Column::new("single", ColumnKind::Double),
        Column::new("instant", ColumnKind::Timestamp),
        Column::new("day", ColumnKind::Date),
        Column::new("json", ColumnKind::Json),
        Column::new("uuid_text", ColumnKind::Uuid),
        Column::optional("no_uuid", ColumnKind::Uuid),
        Column::optional("no_text", ColumnKind::Text),
        Column::optional("no_flag", ColumnKind::Boolean),
        Column::optional("no_small", ColumnKind::Integer),
        Column::optional("no_big", ColumnKind::BigInt),
        Column::optional("no_double", ColumnKind::Double),
        Column::optional("no_instant", ColumnKind::Timestamp),
        Column::optional("no_day", ColumnKind::Date),
        Column::optional("no_json", ColumnKind::Json),
    ],
    indexes: &[],
};

fn text() -> impl Strategy<Value = String> {
    any::<String>().prop_map(|text| text.replace('\0', "0"))
}

/// What Postgres and chrono both can say: years -4000 to 200000, to the microsecond.
fn instant() -> impl Strategy<Value = DateTime<Utc>> {
    prop_oneof![
        (-188_000_000_000_000_000_i64..6_200_000_000_000_000_000),
        (0_i64..4_102_444_800_000_000),
        Just(0),
        Just(-1),
    ]
    .prop_filter_map("in range", DateTime::from_timestamp_micros)
}

fn day() -> impl Strategy<Value = NaiveDate> {
    (-1_400_000_i32..70_000_000).prop_filter_map("in range", NaiveDate::from_num_days_from_ce_opt)
}

fn everything() -> impl Strategy<Value = Everything> {
    let first =
        (any::<u128>(), any::<u16>(), text(), any::<bool>(), any::<char>(), any::<i32>(), any::<i64>(), any::<u32>());
    let second = (
        any::<f64>(),
        any::<f32>(),
        instant(),
        day(),
        prop::collection::btree_map(text(), prop::collection::vec(any::<i64>(), 0..3), 0..3),
        any::<u128>(),
    );
    let third = (
        prop::option::of(any::<u128>()),
        prop::option::of(text()),
        prop::option::of(any::<bool>()),
        prop::option::of(any::<i32>()),
        prop::option::of(0_u64..=i64::MAX.unsigned_abs()),
        prop::option::of(prop::num::f64::ANY.prop_filter("equal to itself", |number| !number.is_nan())),
        prop::option::of(instant()),
        prop::option::of(day()),
        prop::option::of(prop::collection::vec(text(), 0..3)),
    );
    (first, second, third).prop_map(|(first, second, third)| Everything {
        id: BoxId(Uuid::from_u128(first.0)),
        number: first.1,
        text: first.2,
        colour: if first.3 { Colour::Red } else { Colour::DarkBlue },
        letter: if first.4 == '\0' { 'x' } else { first.4 },
        flag: first.3,
        small: first.5,
        big: first.6,
        unsigned: first.7,
        double: second.0,
        single: second.1,
        instant: second.2,
        day: second.3,
        json: second.4,
        uuid_text: Uuid::from_u128(second.5).to_string(),
        no_uuid: third.0.map(Uuid::from_u128),
        no_text: third.1,
        no_flag: third.2,
        no_small: third.3,
        no_big: third.4,
        no_double: third.5,
        no_instant: third.6,
        no_day: third.7,
        no_json: third.8,
    })
}

#[tokio::test]
async fn rows_of_every_kind_come_back_as_they_were() {
    let (_, pool) = test_support::database().await;
    check("test.everything", &TABLE).unwrap();
    for statement in [create_table("test.everything", 1, 1, &TABLE), add_key("test.everything", 1, &TABLE)] {
        sqlx::raw_sql(AssertSqlSafe(statement)).execute(&pool).await.unwrap();
    }
    let statements = Statements::new("test.everything", 1, &TABLE);
    let mut runner = TestRunner::default();
    for round in 0..20_i64 {
        let rows: Vec<Everything> = (0..100)
            .map(|number| {
                let row = everything().new_tree(&mut runner).unwrap().current();
                // Keys repeat over the rounds, so that rows are also updated.
                Everything { id: BoxId(Uuid::from_u128(number % 70)), number: u16::try_from(number).unwrap(), ..row }
            })
            .collect();
        let mut arrays = Arrays::of_rows(&TABLE);
        let mut keys = Arrays::of_keys(&TABLE);
        for row in &rows {
            assert!(arrays.push_row(tenant(1), row, round).unwrap(), "nothing is cut");
            keys.push_key(tenant(1), &(row.id, row.number)).unwrap();
        }
        arrays.bind(query(AssertSqlSafe(statements.upsert.clone()))).execute(&pool).await.unwrap();
        let loaded = keys.bind(query(AssertSqlSafe(statements.load.clone()))).fetch_all(&pool).await.unwrap();
        assert_eq!(loaded.len(), rows.len());
        for stored in &loaded {
            let ordinal = usize::try_from(sqlx::Row::get::<i64, _>(stored, 0)).unwrap();
            let row: Everything = read(&TABLE, stored).unwrap();
            assert_eq!(row, rows[ordinal - 1]);
            assert_eq!(projector::row::kept(&TABLE, &row).unwrap(), row);
        }
    }
    let mut keys = Arrays::of_keys(&TABLE);
    keys.push_key(tenant(1), &(BoxId(Uuid::from_u128(3)), 3)).unwrap();
    keys.push_key(tenant(2), &(BoxId(Uuid::from_u128(4)), 4)).unwrap();
    let deleted = keys.bind(query(AssertSqlSafe(statements.delete.clone()))).execute(&pool).await.unwrap();
    assert_eq!(deleted.rows_affected(), 1, "another tenant's row with the same key stays");
}

#[tokio::test]
async fn the_table_is_what_its_declaration_says() {
    type Model = Boxes<1>;
    let (_, pool) = test_support::database().await;
    let mut statements = vec![create_table(Model::NAME, 1, 1, &Model::TABLE)];
    statements.push(add_key(Model::NAME, 1, &Model::TABLE));
    statements.extend(create_indexes(Model::NAME, 1, &Model::TABLE).into_iter().map(|(_, statement)| statement));
    for statement in statements {
        sqlx::raw_sql(AssertSqlSafe(statement)).execute(&pool).await.unwrap();
    }
    let indexes: Vec<String> = sqlx::query_scalar(
        "select indexdef from pg_indexes where schemaname = 'read' and tablename = 'test_boxes_g1' order by 1",
    )
    .fetch_all(&pool)
    .await
    .unwrap();
    assert_eq!(
        indexes,
        [
            "CREATE INDEX test_boxes_g1_i1 ON read.test_boxes_g1 USING btree (tenant_id, label, seen_at DESC)",
            "CREATE UNIQUE INDEX test_boxes_g1_pkey ON read.test_boxes_g1 USING btree (tenant_id, id)",
        ]
    );
}

#[derive(Serialize)]
struct Wrong<T> {
    id: Uuid,
    value: T,
}

fn push<T: Serialize>(kind: ColumnKind, nullable: bool, value: T) -> Result<bool, RowError> {
    let value_column = Column { name: "value", kind, nullable };
    let columns: &'static [Column] = Vec::leak(vec![Column::new("id", ColumnKind::Uuid), value_column]);
    Arrays::of_rows(&Table { key: 1, columns, indexes: &[] }).push_row(tenant(1), &Wrong { id: Uuid::nil(), value }, 1)
}

#[test]
fn what_a_table_cannot_keep_is_refused_before_postgres_sees_it() {
    assert!(matches!(push(ColumnKind::Text, false, "a\0b"), Err(RowError::Nul { column: "value" })));
    assert!(matches!(push(ColumnKind::Json, false, vec!["a\0b"]), Err(RowError::Nul { .. })));
    assert!(push(ColumnKind::Json, false, vec!["a\\u0000b"]).is_ok());
    assert!(matches!(push(ColumnKind::Integer, false, i64::from(i32::MAX) + 1), Err(RowError::OutOfRange { .. })));
    assert!(matches!(push(ColumnKind::BigInt, false, u64::MAX), Err(RowError::OutOfRange { .. })));
    assert!(matches!(push(ColumnKind::Timestamp, false, "yesterday"), Err(RowError::OutOfRange { .. })));
    assert!(matches!(push(ColumnKind::Uuid, false, "x"), Err(RowError::OutOfRange { .. })));
    assert!(matches!(push(ColumnKind::Text, false, None::<String>), Err(RowError::Null { .. })));
    assert!(matches!(push(ColumnKind::Text, false, 1), Err(RowError::Mismatch { .. })));
    assert!(matches!(push(ColumnKind::Double, false, 1), Err(RowError::Mismatch { .. })));
    assert!(matches!(push(ColumnKind::BigInt, false, vec![1]), Err(RowError::Mismatch { .. })));
    assert!(push(ColumnKind::Text, true, None::<String>).unwrap());
    let fine = DateTime::<Utc>::from_timestamp(1, 1_001).unwrap();
    assert!(!push(ColumnKind::Timestamp, false, fine).unwrap(), "the nanosecond is cut, and said to be");
}

#[test]
fn a_row_that_is_not_its_table_is_refused() {
    const FEWER: &[Column] = &[Column::new("id", ColumnKind::Uuid)];
    const MORE: &[Column] = &[
        Column::new("id", ColumnKind::Uuid),
        Column::new("value", ColumnKind::Boolean),
        Column::new("other", ColumnKind::Boolean),
    ];
    const SWAPPED: &[Column] = &[Column::new("value", ColumnKind::Boolean), Column::new("id", ColumnKind::Uuid)];
    let push = |columns| {
        let row = Wrong { id: Uuid::nil(), value: true };
        Arrays::of_rows(&Table { key: 1, columns, indexes: &[] }).push_row(tenant(1), &row, 1)
    };
    assert!(matches!(push(FEWER), Err(RowError::NoColumn("value"))));
    assert!(matches!(push(MORE), Err(RowError::NoField("other"))));
    assert!(matches!(push(SWAPPED), Err(RowError::NoColumn("id"))));
    assert!(Arrays::of_rows(&TABLE).push_row(tenant(1), &vec![1], 1).is_err());
}
