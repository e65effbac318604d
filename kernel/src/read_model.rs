//! What is shown: rows folded from events.

use crate::event::{EventSet, Recorded};
use crate::ids::TenantId;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::fmt::Debug;
use std::hash::Hash;

/// A read model: which rows an event touches, and what each becomes.
///
/// `apply` is total and pure, so a table can be thrown away and folded again, live or as of any moment.
/// Facts are complete: an event carries what is needed to find its rows.
pub trait ReadModel: Send + Sync + 'static {
    /// The events it listens to.
    type Event: EventSet;
    /// What identifies a row inside a tenant: a newtype, or a tuple of the key columns in order.
    type Key: Serialize + DeserializeOwned + Clone + Eq + Hash + Debug + Send + Sync + 'static;
    /// One row. Its serde fields are the table's columns, in order; the key columns come first.
    type Row: Serialize + DeserializeOwned + Clone + PartialEq + Debug + Send + Sync + 'static;

    /// `support.tickets`; the table is `read.support_tickets`.
    const NAME: &'static str;
    /// Raised when keys, rows or `apply` change; the table is then built again beside the serving one.
    const VERSION: i32;
    /// The columns.
    const TABLE: Table;

    /// Whether a table of it can be folded in parts, by its rows' keys, when one process is not enough. Where most events
    /// touch a few rows (one per tenant, say) parts would not share the work: say `false`.
    const SPLITS: bool = true;

    /// Whose rows the events of a tenant make: its own, as nearly always. A read model over all tenants answers
    /// [`TenantId::PLATFORM`] for every tenant, and says in its key whose event it was.
    fn home(tenant_id: TenantId) -> TenantId {
        tenant_id
    }

    /// The rows that the event touches. Any number; an event may touch none.
    fn keys(event: &Recorded<Self::Event>) -> Keys<Self::Key>;

    /// What the row with this key becomes; `None` in or out is "no such row".
    fn apply(row: Option<Self::Row>, key: &Self::Key, event: &Recorded<Self::Event>) -> Option<Self::Row>;
}

/// The keys of the rows that one event touches.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Keys<K> {
    /// No row.
    None,
    /// One row, as nearly always.
    One(K),
    /// Several rows.
    Many(Vec<K>),
}

impl<K> Keys<K> {
    /// The keys as a slice.
    pub fn as_slice(&self) -> &[K] {
        match self {
            Self::None => &[],
            Self::One(key) => std::slice::from_ref(key),
            Self::Many(keys) => keys,
        }
    }
}

/// How a column is typed in Postgres, and so how its field must serialize.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ColumnKind {
    /// `uuid`; a hyphenated string.
    Uuid,
    /// `text`; a string, or a unit enum variant.
    Text,
    /// `boolean`.
    Boolean,
    /// `integer`.
    Integer,
    /// `bigint`.
    BigInt,
    /// `double precision`.
    Double,
    /// `timestamptz`; an RFC 3339 string, UTC.
    Timestamp,
    /// `date`; `YYYY-MM-DD`.
    Date,
    /// `jsonb`; anything but personal data.
    Json,
    /// [`Personal`](crate::Personal) data. The engine keeps the sealed form that the row has, and beside it, under the column's
    /// name, the clear text: `text`, null once it is erased.
    Personal,
}

/// One column of a read model's table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Column {
    /// The column's and the field's name.
    pub name: &'static str,
    /// The type.
    pub kind: ColumnKind,
    /// Whether it may be null; the field is then an `Option`.
    pub nullable: bool,
}

impl Column {
    /// What the name of a column of personal data ends in where its sealed form is.
    pub const SEALED: &'static str = "_sealed";

    /// The name of the column that holds the field as the row has it: the column's own, or that of the sealed form.
    pub fn stored_name(&self) -> std::borrow::Cow<'static, str> {
        match self.kind {
            ColumnKind::Personal => format!("{}{}", self.name, Self::SEALED).into(),
            _ => self.name.into(),
        }
    }

    /// A column that is never null.
    pub const fn new(name: &'static str, kind: ColumnKind) -> Self {
        Self { name, kind, nullable: false }
    }

    /// A column whose field is an `Option`.
    pub const fn optional(name: &'static str, kind: ColumnKind) -> Self {
        Self { name, kind, nullable: true }
    }
}

/// An index beside the primary key. `tenant_id` always leads it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Index {
    /// The columns after `tenant_id`; `"-created_at"` sorts downwards. `"~title", "~body"` is an index over the words of
    /// these texts, in French and English and whatever their accents; the first text weighs most.
    pub columns: &'static [&'static str],
}

/// The table of a read model: `tenant_id`, the key columns, the other columns, and the position of the last
/// event that touched the row (`at_position`). The engine adds the first and the last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Table {
    /// How many of the columns, from the first, are the key.
    pub key: usize,
    /// The columns in the order of the row's fields.
    pub columns: &'static [Column],
    /// What queries look things up by.
    pub indexes: &'static [Index],
}
