//! How far a permission reaches: to everything in the tenant, to one's own, to one's team's, or to those below.

use crate::ids::ActorId;
use crate::scope::{Scope, Scopes};
use crate::team::Team;

/// Whose things a command or query is about, for those who may use it at all. Declared, so that who may do what can be
/// read as a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// Everybody's in the tenant.
    All,
    /// The actor's own; with the scope, everybody's.
    Own {
        /// What lets an actor reach everybody's, if anything does.
        all: Option<Scope>,
    },
    /// The actor's own, and that of those below him; with the scope, everybody's.
    Team {
        /// What lets an actor reach everybody's.
        all: Scope,
    },
    /// That of those below the actor, not his own; with the scope, everybody's.
    Below {
        /// What lets an actor reach everybody's.
        all: Scope,
    },
}

impl Reach {
    /// What it comes to for somebody who holds these scopes.
    #[must_use]
    pub fn of(self, scopes: &Scopes) -> Self {
        match self {
            Self::Own { all: Some(all) } | Self::Team { all } | Self::Below { all } if scopes.contains(all) => {
                Self::All
            }
            reach => reach,
        }
    }

    /// Whether it reaches what belongs to `owner`: the one predicate, for commands and queries alike. `team` is everybody
    /// below the actor.
    pub fn covers(self, actor: ActorId, team: &Team, owner: ActorId) -> bool {
        match self {
            Self::All => true,
            Self::Own { .. } => owner == actor,
            Self::Team { .. } => owner == actor || team.contains(owner),
            Self::Below { .. } => team.contains(owner),
        }
    }

    /// Those whose things it reaches, in order; `None` where that is everybody.
    pub fn people(self, actor: ActorId, team: &Team) -> Option<Vec<ActorId>> {
        let mut people = match self {
            Self::All => return None,
            Self::Own { .. } => vec![actor],
            Self::Team { .. } => team.members().iter().copied().chain([actor]).collect(),
            Self::Below { .. } => team.members().to_vec(),
        };
        people.sort_unstable();
        people.dedup();
        Some(people)
    }

    /// Whether it takes to know who is below the actor.
    pub const fn asks_for_team(self) -> bool {
        matches!(self, Self::Team { .. } | Self::Below { .. })
    }

    /// The name of the rule in the API documents: `all`, `own`, `team`, `below`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::All => "all",
            Self::Own { .. } => "own",
            Self::Team { .. } => "team",
            Self::Below { .. } => "below",
        }
    }

    /// What lets an actor reach everybody's.
    pub const fn all(self) -> Option<Scope> {
        match self {
            Self::All => None,
            Self::Own { all } => all,
            Self::Team { all } | Self::Below { all } => Some(all),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    const ALL: Scope = Scope::new("a.thing:see_all");

    #[test]
    fn a_manager_reaches_his_own_and_his_teams_and_nobody_reaches_upwards() {
        let [me, rep, other] = [1, 2, 3].map(|n| ActorId(Uuid::from_u128(n)));
        let team: Team = [rep].into_iter().collect();
        for (reach, reached) in [
            (Reach::All, &[me, rep, other][..]),
            (Reach::Own { all: None }, &[me]),
            (Reach::Team { all: ALL }, &[me, rep]),
            (Reach::Below { all: ALL }, &[rep]),
        ] {
            for who in [me, rep, other] {
                assert_eq!(reach.covers(me, &team, who), reached.contains(&who), "{reach:?}");
                let people = reach.people(me, &team);
                assert!(people.is_none_or(|people| people.contains(&who) == reached.contains(&who)), "{reach:?}");
            }
        }
        assert!(!Reach::Team { all: ALL }.covers(rep, &Team::none(), me));
    }

    #[test]
    fn a_scope_can_widen_what_somebody_reaches() {
        let (none, held): (Scopes, Scopes) = (Scopes::default(), ["a.thing:see_all"].into_iter().collect());
        for reach in [Reach::Own { all: Some(ALL) }, Reach::Team { all: ALL }, Reach::Below { all: ALL }] {
            assert_eq!((reach.of(&none), reach.of(&held)), (reach, Reach::All));
        }
        let own = Reach::Own { all: None };
        assert_eq!((own.of(&held), Reach::All.of(&none)), (own, Reach::All));
    }
}
