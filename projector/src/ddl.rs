//! The tables of read models, and the statements that read and write them. All of it follows from [`kernel::Table`].
//!
//! Text is compared by its bytes (`collate "C"`): the order is the one Rust has, so cursors agree with it; no operating
//! system's update can change it under an index; prefix searches can use the index; and it is several times as fast.
//! A list sorted for people's eyes says so in its query: `order by title collate "und-x-icu"`.
//!
//! Each table is behind the wall between tenants from its first moment on, and the view in front of it counts the rights of
//! whoever reads. A further role that is to read them gets its rights for all of them, once: `alter default privileges in
//! schema read grant select on tables to …`, before the first start; and a policy on each, or it sees nothing.

use crate::row::arrays::type_name;
use crate::row::column_list;
use kernel::{Column, ColumnKind, Index, Table};
use std::fmt::Write;
use std::sync::Arc;

/// The column of what a row is found by: see [`kernel::Index::columns`]. Postgres keeps it by itself, so it changes with the
/// texts, also where those are taken out by hand.
pub const WORDS: &str = "words";

/// Longest name that Postgres keeps whole.
const LONGEST_NAME: usize = 63;

/// Why a read model's declaration cannot become a table.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("read model {name}: {problem}")]
pub struct DeclarationError {
    /// The read model.
    pub name: String,
    /// What is wrong with it.
    pub problem: String,
}

/// The name of a read model's view: `support_tickets` for `support.tickets`.
pub fn view_name(model: &str) -> String {
    model.replace('.', "_")
}

/// The name of a generation's table: `support_tickets_g1`.
pub fn table_name(model: &str, generation: i32) -> String {
    format!("{}_g{generation}", view_name(model))
}

/// Checks what the compiler cannot: names that are safe inside a statement, a key, columns that exist.
///
/// # Errors
/// The first thing that is wrong.
pub fn check(model: &str, table: &Table) -> Result<(), DeclarationError> {
    let fail = |problem: String| Err(DeclarationError { name: model.to_owned(), problem });
    let plain = |name: &str| {
        name.starts_with(|c: char| c.is_ascii_lowercase())
            && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
    };
    // Room for "_g" and six digits, and "_pkey".
    if !model.split('.').all(plain) || model.len() + 13 > LONGEST_NAME {
        return fail("the name must be short lower-case words joined by dots".to_owned());
    }
    if table.key == 0 || table.key > table.columns.len() {
        return fail("the key must be one or more of the columns".to_owned());
    }
    for (index, column) in table.columns.iter().enumerate() {
        let reserved = ["tenant_id", "at_position", "slot", WORDS].contains(&column.name);
        if !plain(column.name) || column.name.len() > LONGEST_NAME || reserved {
            return fail(format!("{} cannot be the name of a column", column.name));
        }
        if table.columns[..index].iter().any(|other| other.name == column.name) {
            return fail(format!("column {} stands twice", column.name));
        }
        if column.kind == ColumnKind::Personal {
            let sealed = column.stored_name();
            if sealed.len() > LONGEST_NAME || table.columns.iter().any(|other| other.name == sealed) {
                return fail(format!("the sealed form of {} has no name of its own", column.name));
            }
        }
        if index < table.key && (column.nullable || matches!(column.kind, ColumnKind::Json | ColumnKind::Personal)) {
            return fail(format!("key column {} must be comparable and never null", column.name));
        }
    }
    for index in table.indexes {
        let texts: Vec<&str> = index.columns.iter().filter_map(|column| column.strip_prefix('~')).collect();
        let is_text = |name: &&str| {
            let kinds = [ColumnKind::Text, ColumnKind::Personal];
            table.columns.iter().any(|column| column.name == *name && kinds.contains(&column.kind))
        };
        if !texts.is_empty() && (texts.len() != index.columns.len() || !texts.iter().all(is_text)) {
            return fail(format!("an index over words names other than texts: {}", index.columns.join(", ")));
        }
    }
    if table.indexes.iter().filter(|index| is_over_words(index)).count() > 1 {
        return fail("a table has one index over words at most".to_owned());
    }
    for name in table.indexes.iter().flat_map(|index| index.columns).filter(|name| !name.starts_with('~')) {
        let name = name.trim_start_matches('-');
        if !table
            .columns
            .iter()
            .any(|column| column.name == name && !matches!(column.kind, ColumnKind::Json | ColumnKind::Personal))
        {
            return fail(format!("an index names {name}, which is no column that can be sorted by"));
        }
    }
    Ok(())
}

/// Makes a generation's table where it is missing: bare, so that many rows can be copied into it at once.
///
/// The wall between tenants stands from the first moment on, for everybody but the table's owner: Postgres copies into no
/// table whose policies hold for whoever copies. [`add_key`] closes that door.
pub fn create_table(model: &str, version: i32, generation: i32, table: &Table) -> String {
    let name = table_name(model, generation);
    let mut sql = format!("create table if not exists read.\"{name}\" ({}", column_definitions(table));
    if let Some(index) = table.indexes.iter().find(|index| is_over_words(index)) {
        // The planner's statistics would cost as much as the index, and it needs none to choose it.
        let _ = write!(
            sql,
            ", {WORDS} tsvector generated always as ({}) stored) with (fillfactor = 85); \
             alter table read.\"{name}\" alter column {WORDS} set statistics 0",
            document(index.columns)
        );
    } else {
        sql.push_str(") with (fillfactor = 85)");
    }
    let _ = write!(
        sql,
        "; \
         select log.wall('read.\"{name}\"'); alter table read.\"{name}\" no force row level security; \
         comment on table read.\"{name}\" is 'read model {model}, version {version}, generation {generation}'; \
         comment on column read.\"{name}\".at_position is 'the last event that touched the row'"
    );
    sql
}

/// The columns of a table, with tenant and position.
pub(crate) fn column_definitions(table: &Table) -> String {
    let mut sql = "tenant_id uuid not null".to_owned();
    for column in table.columns {
        let collation = match column.kind {
            ColumnKind::Text | ColumnKind::Personal => " collate \"C\"",
            _ => "",
        };
        let null = if column.nullable { "" } else { " not null" };
        // Writing to a String cannot fail, here and below.
        let _ = write!(sql, ", \"{}\" {}{collation}{null}", column.stored_name(), type_name(column.kind));
    }
    for column in personal(table) {
        let _ = write!(sql, ", \"{}\" text collate \"C\"", column.name);
    }
    sql.push_str(", at_position bigint not null");
    sql
}

/// The columns of a table as `COPY` names them; in the order of [`crate::row::Arrays`].
pub(crate) fn copy_columns(table: &Table) -> String {
    let mut columns = format!("tenant_id, {}, at_position", column_list(table.columns, ""));
    for column in personal(table) {
        // Writing to a String cannot fail.
        let _ = write!(columns, ", \"{}\"", column.name);
    }
    columns
}

/// A generation's table, and its columns as `COPY` names them.
pub(crate) fn copy_target(model: &str, generation: i32, table: &Table) -> (String, String) {
    (format!("read.\"{}\"", table_name(model, generation)), copy_columns(table))
}

/// Makes the primary key: from then on rows can be found, changed and deleted. The wall now holds for the owner too.
pub fn add_key(model: &str, generation: i32, table: &Table) -> String {
    let name = table_name(model, generation);
    let key = column_list(&table.columns[..table.key], "");
    format!(
        "alter table read.\"{name}\" force row level security, \
         add constraint \"{name}_pkey\" primary key (tenant_id, {key})"
    )
}

/// Makes the declared indexes of a generation's table: the name and the statement of each.
pub fn create_indexes(model: &str, generation: i32, table: &Table) -> Vec<(String, String)> {
    let name = table_name(model, generation);
    let index = |number: usize, declared: &Index| {
        let index = format!("{name}_i{number}");
        if is_over_words(declared) {
            return (
                index.clone(),
                format!("create index if not exists \"{index}\" on read.\"{name}\" using gin ({WORDS})"),
            );
        }
        let sorted = declared.columns.iter().fold(String::new(), |mut list, column| {
            let (column, direction) = column.strip_prefix('-').map_or((*column, ""), |column| (column, " desc"));
            let _ = write!(list, ", \"{column}\"{direction}");
            list
        });
        let statement = format!("create index if not exists \"{index}\" on read.\"{name}\" (tenant_id{sorted})");
        (index, statement)
    };
    // By whom personal data is about: how it is found when that subject is erased.
    let subject = |(number, column): (usize, &Column)| {
        let index = format!("{name}_s{number}");
        let subject = subject_of(&column.stored_name());
        let statement = format!("create index if not exists \"{index}\" on read.\"{name}\" (tenant_id, ({subject}))");
        (index, statement)
    };
    let declared = table.indexes.iter().enumerate().map(|(number, declared)| index(number + 1, declared));
    declared.chain((1..).zip(personal(table)).map(subject)).collect()
}

/// The subject of the sealed text in a column; see [`kernel::Sealed`].
pub(crate) fn subject_of(column: &str) -> String {
    format!("substr(\"{column}\", 4, 36)::uuid")
}

fn personal(table: &Table) -> impl Iterator<Item = &'static Column> {
    table.columns.iter().filter(|column| column.kind == ColumnKind::Personal)
}

/// Whether rows have a column of words.
pub(crate) fn has_words(table: &Table) -> bool {
    table.indexes.iter().any(is_over_words)
}

/// Whether an index is over the words of texts.
fn is_over_words(index: &Index) -> bool {
    index.columns.iter().any(|column| column.starts_with('~'))
}

/// What rows are found by: `search.document(tenant_id, array["title", "body"])`.
fn document(columns: &[&str]) -> String {
    let list: Vec<String> = columns.iter().map(|text| format!("\"{}\"", text.trim_start_matches('~'))).collect();
    format!("search.document(tenant_id, array[{}])", list.join(", "))
}

/// Points the read model's view at a generation's table, in place; possible where the columns of the one before lead.
pub fn replace_view(model: &str, generation: i32) -> String {
    format!("create or replace {}", view(model, generation))
}

/// The same by dropping the view before; in one transaction readers see only the one or the other.
pub fn recreate_view(model: &str, generation: i32) -> String {
    format!("drop view if exists read.\"{}\"; create {}", view_name(model), view(model, generation))
}

fn view(model: &str, generation: i32) -> String {
    let (view, table) = (view_name(model), table_name(model, generation));
    // The reader's own rights count, so that row level security on the table holds through the view.
    format!(
        "view read.\"{view}\" with (security_invoker = true) as select * from read.\"{table}\"; \
         comment on view read.\"{view}\" is 'read model {model}: the serving generation, now {generation}'; \
         grant select on read.\"{view}\" to sillage_engine, sillage_tenant"
    )
}

/// The statements that a projection runs against its generation's table. Each binds [`crate::row::Arrays`].
#[derive(Clone, Debug)]
pub struct Statements {
    /// Rows by their keys: the index of the key in the arrays, then the columns.
    pub load: Arc<str>,
    /// Whole rows, new or not.
    pub upsert: Arc<str>,
    /// Rows by their keys.
    pub delete: Arc<str>,
    /// Every row: tenant, columns, the position of the last event, and the clear texts of personal data.
    pub all: Arc<str>,
    /// Keeps erasures from this table until the transaction ends, and answers which was the last before; only where there
    /// is personal data. See [`crate::clear`].
    pub guard: Option<Arc<str>>,
}

impl Statements {
    /// The statements for a generation.
    pub fn new(model: &str, generation: i32, table: &Table) -> Self {
        let name = format!("read.\"{}\"", table_name(model, generation));
        let keys = &table.columns[..table.key];
        let key_list = column_list(keys, "");
        let columns = column_list(table.columns, "");
        let arrays = |kinds: &mut dyn Iterator<Item = ColumnKind>| {
            kinds.enumerate().fold(String::new(), |mut list, (index, kind)| {
                let comma = if index == 0 { "" } else { ", " };
                let _ = write!(list, "{comma}${}::{}[]", index + 1, type_name(kind));
                list
            })
        };
        let tenant = || std::iter::once(ColumnKind::Uuid);
        let key_arrays = arrays(&mut tenant().chain(keys.iter().map(|column| column.kind)));
        let row_arrays = arrays(
            &mut tenant()
                .chain(table.columns.iter().map(|column| column.kind))
                .chain([ColumnKind::BigInt])
                .chain(personal(table).map(|_| ColumnKind::Text)),
        );
        let list = |prefix: &str| {
            personal(table).fold(String::new(), |mut list, column| {
                let _ = write!(list, ", {prefix}\"{}\"", column.name);
                list
            })
        };
        let (clear, t_clear) = (list(""), list("t."));
        let matches = keys.iter().fold("t.tenant_id = k.tenant_id".to_owned(), |mut list, column| {
            let _ = write!(list, " and t.\"{0}\" = k.\"{0}\"", column.name);
            list
        });
        let stored = table.columns[table.key..].iter().map(Column::stored_name);
        let set = stored.chain(personal(table).map(|column| column.name.into())).fold(
            "at_position = excluded.at_position".to_owned(),
            |mut list, column| {
                let _ = write!(list, ", \"{column}\" = excluded.\"{column}\"");
                list
            },
        );
        let t_columns = column_list(table.columns, "t");
        Self {
            load: format!(
                "select k.slot, {t_columns} from unnest({key_arrays}) with ordinality as k(tenant_id, {key_list}, slot) \
                 join {name} t on {matches}"
            )
            .into(),
            upsert: format!(
                "insert into {name} (tenant_id, {columns}, at_position{clear}) select * from unnest({row_arrays}) \
                 on conflict (tenant_id, {key_list}) do update set {set}"
            )
            .into(),
            delete: format!("delete from {name} t using unnest({key_arrays}) as k(tenant_id, {key_list}) where {matches}")
                .into(),
            all: format!("select t.tenant_id, {t_columns}, t.at_position{t_clear} from {name} t").into(),
            guard: (!clear.is_empty())
                .then(|| format!("lock table {name} in row exclusive mode; select seq from keys.head").into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: Table = Table {
        key: 2,
        columns: &[
            Column::new("shelf", ColumnKind::Uuid),
            Column::new("number", ColumnKind::Text),
            Column::optional("seen_at", ColumnKind::Timestamp),
        ],
        indexes: &[Index { columns: &["shelf", "-seen_at"] }],
    };

    #[test]
    fn a_table_follows_from_its_declaration() {
        assert_eq!(check("test.things", &TABLE), Ok(()));
        assert_eq!(
            create_table("test.things", 4, 2, &TABLE),
            "create table if not exists read.\"test_things_g2\" (tenant_id uuid not null, \"shelf\" uuid not null, \
             \"number\" text collate \"C\" not null, \"seen_at\" timestamptz, at_position bigint not null) \
             with (fillfactor = 85); select log.wall('read.\"test_things_g2\"'); \
             alter table read.\"test_things_g2\" no force row level security; \
             comment on table read.\"test_things_g2\" is 'read model test.things, version 4, generation 2'; \
             comment on column read.\"test_things_g2\".at_position is 'the last event that touched the row'"
        );
        assert_eq!(
            add_key("test.things", 2, &TABLE),
            "alter table read.\"test_things_g2\" force row level security, add constraint \"test_things_g2_pkey\" \
             primary key (tenant_id, \"shelf\", \"number\")"
        );
        let index = "create index if not exists \"test_things_g2_i1\" on read.\"test_things_g2\" \
             (tenant_id, \"shelf\", \"seen_at\" desc)";
        assert_eq!(create_indexes("test.things", 2, &TABLE), [("test_things_g2_i1".to_owned(), index.to_owned())]);
        let statements = Statements::new("test.things", 2, &TABLE);
        assert_eq!(
            &*statements.upsert,
            "insert into read.\"test_things_g2\" (tenant_id, \"shelf\", \"number\", \"seen_at\", at_position) \
             select * from unnest($1::uuid[], $2::uuid[], $3::text[], $4::timestamptz[], $5::bigint[]) \
             on conflict (tenant_id, \"shelf\", \"number\") do update set at_position = excluded.at_position, \
             \"seen_at\" = excluded.\"seen_at\""
        );
        assert_eq!(
            &*statements.delete,
            "delete from read.\"test_things_g2\" t using unnest($1::uuid[], $2::uuid[], $3::text[]) \
             as k(tenant_id, \"shelf\", \"number\") \
             where t.tenant_id = k.tenant_id and t.\"shelf\" = k.\"shelf\" and t.\"number\" = k.\"number\""
        );
    }

    #[test]
    fn an_index_over_words_is_one_document() {
        let table = Table { indexes: &[Index { columns: &["~number"] }], ..TABLE };
        assert_eq!(check("test.things", &table), Ok(()));
        let made = create_table("test.things", 4, 2, &table);
        let words = "at_position bigint not null, words tsvector generated always as (search.document(tenant_id, \
             array[\"number\"])) stored) with (fillfactor = 85); alter table read.\"test_things_g2\" alter column words \
             set statistics 0; select log.wall";
        assert!(made.contains(words), "{made}");
        let statement = "create index if not exists \"test_things_g2_i1\" on read.\"test_things_g2\" using gin (words)";
        assert_eq!(create_indexes("test.things", 2, &table)[0].1, statement);
    }

    #[test]
    fn a_declaration_that_cannot_be_a_table_is_refused() {
        const NULL_KEY: &[Column] = &[Column::optional("shelf", ColumnKind::Uuid)];
        const TWICE: &[Column] = &[Column::new("shelf", ColumnKind::Uuid), Column::new("shelf", ColumnKind::Uuid)];
        const RESERVED: &[Column] = &[Column::new("tenant_id", ColumnKind::Uuid)];
        for name in ["", "Test.things", "test..things", "test.\"; drop", "1st", &"long".repeat(16)] {
            assert!(check(name, &TABLE).is_err(), "{name}");
        }
        for table in [
            Table { key: 0, ..TABLE },
            Table { key: 4, ..TABLE },
            Table { key: 1, columns: NULL_KEY, indexes: &[] },
            Table { key: 1, columns: TWICE, indexes: &[] },
            Table { key: 1, columns: RESERVED, indexes: &[] },
            Table { indexes: &[Index { columns: &["-absent"] }], ..TABLE },
            Table { indexes: &[Index { columns: &["~absent"] }], ..TABLE },
            Table { indexes: &[Index { columns: &["~seen_at"] }], ..TABLE },
            Table { indexes: &[Index { columns: &["~number", "shelf"] }], ..TABLE },
            Table { indexes: &[Index { columns: &["~number"] }, Index { columns: &["~number"] }], ..TABLE },
        ] {
            assert!(check("test.things", &table).is_err(), "{table:?}");
        }
    }
}
