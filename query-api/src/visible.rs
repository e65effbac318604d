//! Whose rows an actor may see, said once per query and applied to rows of the table and to rows folded as of a moment.

use kernel::{ActorId, Reach, Team};
use serde::Serialize;
use uuid::Uuid;

/// Which rows of his tenant an actor may see.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Sight {
    /// All rows.
    All,
    /// The rows that name one of these people in one of these columns.
    Of {
        /// Who they are, in order.
        people: Vec<ActorId>,
        /// The columns.
        columns: &'static [&'static str],
    },
}

impl Sight {
    /// What a reach comes to for an actor who has nothing that widens it. `team` is nobody where the reach does not ask.
    pub(crate) fn of(reach: Reach, actor: ActorId, team: &Team, columns: &'static [&'static str]) -> Self {
        reach.people(actor, team).map_or(Self::All, |people| Self::Of { people, columns })
    }

    /// The condition on table `t`, with [`Sight::owners`] as this parameter; nothing where all rows are visible.
    pub(crate) fn sql(&self, parameter: usize) -> String {
        match self {
            Self::All => String::new(),
            Self::Of { columns, .. } => {
                let any: Vec<String> =
                    columns.iter().map(|column| format!("t.{column} = any(${parameter}::uuid[])")).collect();
                format!(" and ({})", any.join(" or "))
            }
        }
    }

    /// Whose rows they are, where the condition asks.
    pub(crate) fn owners(&self) -> Option<Vec<Uuid>> {
        match self {
            Self::All => None,
            Self::Of { people, .. } => Some(people.iter().map(|who| who.0).collect()),
        }
    }

    /// Whether this row may be seen.
    pub(crate) fn permits<R: Serialize>(&self, row: &R) -> bool {
        let Self::Of { people, columns } = self else { return true };
        let row = serde_json::to_value(row).unwrap_or_default();
        let named = columns.iter().filter_map(|column| row[column].as_str()?.parse().ok());
        named.map(ActorId).any(|owner| people.binary_search(&owner).is_ok())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use kernel::Scope;
    use serde_json::json;

    #[test]
    fn a_row_is_seen_by_those_it_names_and_those_above_them() {
        let [ada, bob, eve] = [1, 2, 3].map(|n| ActorId(Uuid::from_u128(n)));
        let row = json!({"client": ada, "studio": null});
        let columns: &[&str] = &["client", "studio"];
        let all = Scope::new("a.thing:see_all");
        let of =
            |actor, team: &[ActorId]| Sight::of(Reach::Team { all }, actor, &team.iter().copied().collect(), columns);
        assert!(of(ada, &[]).permits(&row) && !of(bob, &[]).permits(&row) && Sight::All.permits(&row));
        assert!(of(bob, &[ada, eve]).permits(&row) && !of(bob, &[eve]).permits(&row));
        assert_eq!(of(ada, &[]).sql(2), " and (t.client = any($2::uuid[]) or t.studio = any($2::uuid[]))");
        assert_eq!(of(bob, &[eve]).owners(), Some(vec![bob.0, eve.0]));
        let below = Sight::of(Reach::Below { all }, ada, &Team::none(), columns);
        assert!(!below.permits(&row), "nobody is below himself");
    }
}
