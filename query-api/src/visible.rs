//! Whose rows an actor may see, said once per query and applied to rows of the table and to rows folded as of a moment.

use serde::Serialize;
use uuid::Uuid;

/// Which rows of his tenant an actor may see.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Visible {
    /// All of them.
    All,
    /// Those that name the actor in one of these `uuid` columns.
    Naming {
        /// The actor.
        actor: Uuid,
        /// The columns.
        columns: &'static [&'static str],
    },
}

impl Visible {
    /// The condition on table `t`, with the actor as this parameter; nothing where all rows are visible.
    pub(crate) fn sql(self, parameter: usize) -> String {
        match self {
            Self::All => String::new(),
            Self::Naming { columns, .. } => {
                let any: Vec<String> = columns.iter().map(|column| format!("t.{column} = ${parameter}")).collect();
                format!(" and ({})", any.join(" or "))
            }
        }
    }

    /// The actor, where the condition names one.
    pub(crate) const fn actor(self) -> Option<Uuid> {
        match self {
            Self::All => None,
            Self::Naming { actor, .. } => Some(actor),
        }
    }

    /// Whether this row may be seen.
    pub(crate) fn permits<R: Serialize>(self, row: &R) -> bool {
        let Self::Naming { actor, columns } = self else { return true };
        // Only ids are looked at: texts about people need not be opened for this.
        let (row, _) = kernel::personal::listing(|| serde_json::to_value(row).unwrap_or_default());
        columns.iter().any(|column| row[column].as_str().is_some_and(|id| id.parse() == Ok(actor)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_row_is_seen_by_those_it_names() {
        let (ada, bob) = (Uuid::from_u128(1), Uuid::from_u128(2));
        let row = json!({"client": ada, "studio": null});
        let visible = |actor| Visible::Naming { actor, columns: &["client", "studio"] };
        assert!(visible(ada).permits(&row) && !visible(bob).permits(&row) && Visible::All.permits(&row));
        assert_eq!(visible(ada).sql(2), " and (t.client = $2 or t.studio = $2)");
    }
}
