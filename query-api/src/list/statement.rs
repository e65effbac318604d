//! The statements of lists: filters, order, place and words, as SQL. Every name in them is a constant of the code, every value
//! is bound.

use super::{Among, Asked, Filter, List, Test, order};
use crate::detail::table;
use crate::parameters::invalid;
use crate::personal;
use crate::reading::CHECKPOINT;
use crate::search;
use crate::visible::Sight;
use chrono::{DateTime, Datelike, NaiveDate};
use kernel::{ColumnKind, ReadModel as _};
use platform::Problem;
use projector::row::arrays::type_name;
use std::fmt::Write as _;
use std::ops::RangeInclusive;
use uuid::Uuid;

/// The years that are written with four digits.
const YEARS: RangeInclusive<i32> = 1..=9999;

/// The first parameters, which every statement has: tenant, read model, rows.
const BEFORE: usize = 3;

/// A value that is bound; the statement casts texts to the column's type.
pub(super) enum Bound {
    One(String),
    Many(Vec<String>),
    Ids(Vec<Uuid>),
}

pub(super) type Query<'q> = sqlx::query::Query<'q, sqlx::Postgres, sqlx::postgres::PgArguments>;

pub(super) fn bind(query: Query<'_>, values: Vec<Bound>) -> Query<'_> {
    values.into_iter().fold(query, |query, value| match value {
        Bound::One(text) => query.bind(text),
        Bound::Many(texts) => query.bind(texts),
        Bound::Ids(ids) => query.bind(ids),
    })
}

/// Which rows of table `t` a question is about, and in which order they come. Every name is a constant of the code, every
/// value is bound.
struct Places {
    conditions: String,
    order: String,
    bound: Vec<Bound>,
}

/// The statement, and what it binds behind the first parameters.
pub(super) fn statement<L: List>(
    sight: &Sight,
    parent: Option<Uuid>,
    asked: &Asked,
    among: Among,
) -> Result<(String, Vec<Bound>), Problem> {
    let Places { conditions, order, mut bound } = places::<L>(sight, parent, asked)?;
    let (row, rows) = (personal::row_sql::<L::Model>(), table::<L::Model>());
    let key = L::Model::TABLE.columns[0].name;
    let mut parameter = |value: Bound| {
        bound.push(value);
        format!("${}", bound.len() + BEFORE)
    };
    // The page first: rows that are sorted would else be shown before, each of them.
    let all = |and: &str| {
        format!(
            "select {row}::text, null::bigint, false from (select t.* from {rows} t where {conditions}{and} \
             order by {order} limit $3) t order by {order}"
        )
    };
    let found = match (among, &asked.words) {
        (Among::These(few), _) => all(&format!(" and t.{key} = any({})", parameter(Bound::Ids(few)))),
        (_, None) => all(""),
        (among, Some(words)) => {
            let words = parameter(Bound::One(words.clone()));
            let holds = search::condition(L::SEARCHED, L::Model::NAME, key, &words);
            match among {
                // The last row that is looked at is told, whether it holds the words or not.
                Among::Next(most) => format!(
                    "select case when {holds} then {row}::text end, null::bigint, t.nth = {most} from (select t.*, \
                     row_number() over (order by {order}) as nth from {rows} t where {conditions} order by {order} \
                     limit {most}) t where {holds} or t.nth = {most} order by {order} limit $3"
                ),
                Among::All | Among::These(_) => all(&format!(" and {holds}")),
            }
        }
    };
    Ok((format!("select null::text, {CHECKPOINT}, false union all ({found})"), bound))
}

fn places<L: List>(sight: &Sight, parent: Option<Uuid>, asked: &Asked) -> Result<Places, Problem> {
    let mut bound = Vec::new();
    let mut conditions = String::from("t.tenant_id = caller.tenant_id");
    let mut parameter = |value: Bound| {
        bound.push(value);
        bound.len() + BEFORE
    };
    if let (Some(column), Some(id)) = (L::PARENT, parent) {
        let at = parameter(Bound::One(id.to_string()));
        let _ = write!(conditions, " and t.{column} = ${at}::uuid");
    }
    if let Some(owners) = sight.owners() {
        let at = parameter(Bound::Many(owners.iter().map(Uuid::to_string).collect()));
        conditions += &sight.sql(at);
    }
    for (filter, values) in &asked.filters {
        let (column, sql_type) = (filter.column, sql_type::<L>(filter.column));
        if let (Test::Is, [value]) = (filter.test, values.as_slice()) {
            // Of one value, unlike of several, an index over the column gives the rows in the list's order.
            let at = parameter(Bound::One(value.clone()));
            let _ = write!(conditions, " and t.{column} = ${at}::text::{sql_type}");
            continue;
        }
        let at = parameter(Bound::Many(values.clone()));
        let _ = match filter.test {
            Test::Is => write!(conditions, " and t.{column} = any(${at}::text[]::{sql_type}[])"),
            Test::Some => write!(conditions, " and (t.{column} > 0) = any(${at}::text[]::boolean[])"),
            Test::Holds => write!(conditions, " and t.{column} ?| ${at}::text[]"),
            Test::From => write!(conditions, " and t.{column} >= any(${at}::text[]::{sql_type}[])"),
            Test::Before => write!(conditions, " and t.{column} < any(${at}::text[]::{sql_type}[])"),
        };
    }
    let (columns, down) = order::<L>(asked.sort);
    for column in columns.iter().filter(|column| is_optional::<L>(column)) {
        let _ = write!(conditions, " and t.{column} is not null");
    }
    if let Some(cursor) = &asked.cursor {
        let mut places = Vec::with_capacity(columns.len());
        for (column, value) in columns.iter().zip(&cursor.values) {
            let value = stored(kind::<L>(column), value)
                .ok_or_else(|| invalid("cursor").detail("it is not the next_cursor of a page"))?;
            places.push(format!("${}::text::{}", parameter(Bound::One(value)), sql_type::<L>(column)));
        }
        let names: Vec<String> = columns.iter().map(|column| format!("t.{column}")).collect();
        let sign = if down { "<" } else { ">" };
        let _ = write!(conditions, " and ({}) {sign} ({})", names.join(", "), places.join(", "));
    }
    let direction = if down { " desc" } else { "" };
    let by: Vec<String> = columns.iter().map(|column| format!("t.{column}{direction}")).collect();
    Ok(Places { conditions, order: by.join(", "), bound })
}

/// Rows without a value have no place among the others: sorted by such a column, a list shows the rows that have one.
fn is_optional<L: List>(column: &str) -> bool {
    L::Model::TABLE.columns.iter().any(|known| known.name == column && known.nullable)
}

fn kind<L: List>(column: &str) -> ColumnKind {
    L::Model::TABLE.columns.iter().find(|known| known.name == column).map_or(ColumnKind::Text, |known| known.kind)
}

fn sql_type<L: List>(column: &str) -> &'static str {
    type_name(kind::<L>(column))
}

/// The values of a filter, if the column can hold them.
pub(super) fn storable<L: List>(filter: &Filter, values: Vec<String>) -> Result<Vec<String>, Problem> {
    let kind = match filter.test {
        Test::Is | Test::From | Test::Before => kind::<L>(filter.column),
        Test::Some => ColumnKind::Boolean,
        Test::Holds => ColumnKind::Text,
    };
    match values.iter().find(|value| stored(kind, value).is_none()) {
        Some(value) => Err(invalid(filter.name).detail(format!("{value} is beyond what it can be"))),
        None => Ok(values),
    }
}

/// A value as Postgres reads it; `None` where the column cannot hold it. A cursor is the caller's word, and Postgres
/// knows fewer spellings and smaller ranges than the parsers here: what it cannot cast must not reach it.
fn stored(kind: ColumnKind, value: &str) -> Option<String> {
    match kind {
        ColumnKind::Uuid => value.parse::<Uuid>().ok().map(|id| id.to_string()),
        ColumnKind::Boolean => value.parse::<bool>().ok().map(|boolean| boolean.to_string()),
        ColumnKind::Integer => value.parse::<i32>().ok().map(|number| number.to_string()),
        ColumnKind::BigInt => value.parse::<i64>().ok().map(|number| number.to_string()),
        ColumnKind::Double => value.parse::<f64>().ok().filter(|number| number.is_finite()).map(|n| n.to_string()),
        ColumnKind::Timestamp => DateTime::parse_from_rfc3339(value)
            .ok()
            .map(|time| time.to_utc())
            .filter(|time| YEARS.contains(&time.year()))
            .map(|time| time.to_rfc3339()),
        ColumnKind::Date => {
            value.parse::<NaiveDate>().ok().filter(|date| YEARS.contains(&date.year())).map(|date| date.to_string())
        }
        ColumnKind::Text => Some(value.to_owned()),
        // A cursor travels in URLs: nothing is sorted by personal data.
        ColumnKind::Json | ColumnKind::Personal => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_postgres_cannot_cast_does_not_reach_it() {
        let id = "01a1fca4-1244-70ab-9d22-110be592ef91";
        for (kind, value, expected) in [
            (ColumnKind::Uuid, format!("urn:uuid:{id}"), Some(id)),
            (ColumnKind::Uuid, "x".into(), None),
            (ColumnKind::Integer, "2147483648".into(), None),
            (ColumnKind::BigInt, "+2147483648".into(), Some("2147483648")),
            (ColumnKind::Double, "1e400".into(), None),
            (ColumnKind::Double, "NaN".into(), None),
            (ColumnKind::Timestamp, "0000-01-01T00:00:00Z".into(), None),
            (ColumnKind::Timestamp, "2026-01-02T00:00:00+23:59".into(), Some("2026-01-01T00:01:00+00:00")),
            (ColumnKind::Date, "+12026-01-01".into(), None),
            (ColumnKind::Json, "{}".into(), None),
        ] {
            assert_eq!(stored(kind, &value).as_deref(), expected, "{value}");
        }
    }
}
