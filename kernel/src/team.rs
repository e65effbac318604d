//! Whom an actor leads.

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

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    #[test]
    fn a_member_is_in_a_team_once() {
        let [rep, other] = [1, 2].map(|n| ActorId(Uuid::from_u128(n)));
        let team: Team = [rep, rep].into_iter().collect();
        assert!(team.contains(rep) && !team.contains(other) && !Team::none().contains(rep));
        assert_eq!(team.members(), [rep]);
    }
}
