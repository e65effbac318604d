//! Who sees what is whose: the one predicate, for commands and queries alike.

use crate::ids::ActorId;
use std::sync::Arc;

/// Everybody below an actor: those whom he leads, those whom they lead, and so on. Not the actor himself.
///
/// Known from outside, a few seconds old at most. Cheap to clone; a look-up is a binary search.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Team(Arc<[ActorId]>);

impl Team {
    /// Nobody.
    pub fn none() -> Self {
        Self::default()
    }

    /// Whether he is below the actor.
    pub fn contains(&self, who: ActorId) -> bool {
        self.0.binary_search(&who).is_ok()
    }

    /// Who they are, in order.
    pub fn members(&self) -> &[ActorId] {
        &self.0
    }
}

impl FromIterator<ActorId> for Team {
    fn from_iter<I: IntoIterator<Item = ActorId>>(members: I) -> Self {
        let mut members: Vec<ActorId> = members.into_iter().collect();
        members.sort_unstable();
        members.dedup();
        Self(members.into())
    }
}

/// Whether the actor sees what belongs to `owner`: it is his own, or that of somebody below him, or he sees all.
pub fn sees(actor: ActorId, team: &Team, sees_all: bool, owner: ActorId) -> bool {
    sees_all || owner == actor || team.contains(owner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    #[test]
    fn a_manager_sees_his_own_and_his_teams_and_nothing_else() {
        let [me, rep, other] = [1, 2, 3].map(|n| ActorId(Uuid::from_u128(n)));
        let team: Team = [rep, rep].into_iter().collect();
        assert!(sees(me, &team, false, me) && sees(me, &team, false, rep) && !sees(me, &team, false, other));
        assert!(!sees(rep, &Team::none(), false, me), "nobody sees upwards");
        assert!(sees(me, &Team::none(), true, other));
        assert_eq!(team.members(), [rep]);
    }
}
