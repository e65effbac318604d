//! Whose rows an actor may see, said once per query and applied to rows of the table and to rows folded as of a moment.

use kernel::{ActorId, Team, sees};
use platform::auth::Identity;
use serde::Serialize;
use uuid::Uuid;

/// Which rows of his tenant an actor may see: the rule of a query.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Visible {
    /// All of them.
    All,
    /// Those that name the actor in one of these `uuid` columns.
    Own(&'static [&'static str]),
    /// Those that name the actor or somebody below him in one of these `uuid` columns.
    Led(&'static [&'static str]),
}

/// A rule with everything that it takes to apply it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Sight {
    /// All rows.
    All,
    /// The rows that name one of these people in one of these columns.
    Of {
        /// Who asks.
        actor: ActorId,
        /// Who is below him; nobody where the rule does not ask.
        team: Team,
        /// The columns.
        columns: &'static [&'static str],
    },
}

impl Visible {
    /// What the rule comes to for this actor and those below him.
    pub(crate) fn to(self, identity: &Identity, team: Team) -> Sight {
        let actor = identity.actor.id;
        match self {
            Self::All => Sight::All,
            Self::Own(columns) => Sight::Of { actor, team: Team::none(), columns },
            Self::Led(columns) => Sight::Of { actor, team, columns },
        }
    }
}

impl Sight {
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
            Self::Of { actor, team, .. } => Some(team.members().iter().chain([actor]).map(|who| who.0).collect()),
        }
    }

    /// Whether this row may be seen.
    pub(crate) fn permits<R: Serialize>(&self, row: &R) -> bool {
        let Self::Of { actor, team, columns } = self else { return true };
        let row = serde_json::to_value(row).unwrap_or_default();
        let named = columns.iter().filter_map(|column| row[column].as_str()?.parse().ok());
        named.map(ActorId).any(|owner| sees(*actor, team, false, owner))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_row_is_seen_by_those_it_names_and_those_above_them() {
        let [ada, bob, eve] = [1, 2, 3].map(|n| ActorId(Uuid::from_u128(n)));
        let row = json!({"client": ada, "studio": null});
        let columns: &[&str] = &["client", "studio"];
        let of = |actor, team: &[ActorId]| Sight::Of { actor, team: team.iter().copied().collect(), columns };
        assert!(of(ada, &[]).permits(&row) && !of(bob, &[]).permits(&row) && Sight::All.permits(&row));
        assert!(of(bob, &[ada, eve]).permits(&row) && !of(bob, &[eve]).permits(&row));
        assert_eq!(of(ada, &[]).sql(2), " and (t.client = any($2::uuid[]) or t.studio = any($2::uuid[]))");
        assert_eq!(of(bob, &[eve]).owners(), Some(vec![eve.0, bob.0]));
    }
}
