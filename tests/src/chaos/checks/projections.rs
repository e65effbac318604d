//! C9: a checkpoint only moves forward, each step by one owner, and nobody writes after he was replaced.

use super::Violation;
use crate::chaos::evidence::Step;
use std::collections::HashMap;

/// Every step begins where the one before it ended, and is either a take-over or a move by the owner of that time.
pub fn one_owner_per_step(steps: &[Step]) -> Vec<Violation> {
    let mut known: HashMap<&str, (i64, i64)> = HashMap::new();
    let mut violations = Vec::new();
    for step in steps {
        let (owner, position) = (step.owner_epoch, step.position);
        let mut wrong = Vec::new();
        if let Some(at) = known.insert(&step.projection, (owner.1, position.1))
            && at != (owner.0, position.0)
        {
            wrong.push(format!("begins at {:?}, the one before it ended at {at:?}", (owner.0, position.0)));
        }
        if position.1 < position.0 {
            wrong.push("goes backwards".to_owned());
        }
        let (takes_over, moves) = (owner.1 == owner.0 + 1, position.1 > position.0);
        if owner.1 != owner.0 && !takes_over {
            wrong.push("the owner epoch jumps".to_owned());
        }
        if takes_over && moves {
            wrong.push("moves with the take-over".to_owned());
        }
        let places = format!("owner {} → {}, position {} → {}", owner.0, owner.1, position.0, position.1);
        let told = wrong.into_iter().map(|what| format!("{} ({places}): {what}", step.projection));
        violations.extend(told.map(|what| Violation::new("C9", what)));
    }
    violations
}

#[cfg(test)]
mod specs {
    use super::*;

    fn step(owner_epoch: (i64, i64), position: (i64, i64)) -> Step {
        Step { projection: "a.b 1".into(), owner_epoch, position }
    }

    #[test]
    fn owners_one_after_the_other_are_sound() {
        let steps = [step((0, 1), (0, 0)), step((1, 1), (0, 5)), step((1, 2), (5, 5)), step((2, 2), (5, 9))];
        assert_eq!(one_owner_per_step(&steps), []);
        let other = Step { projection: "c.d 1".into(), ..step((0, 1), (0, 0)) };
        assert_eq!(one_owner_per_step(&[steps.as_slice(), &[other]].concat()), []);
    }

    #[test]
    fn a_replaced_owner_who_writes_is_found() {
        // What a write without the owner epoch in its condition looks like: the old owner folds on from where he was.
        let steps = [step((0, 1), (0, 0)), step((1, 2), (0, 0)), step((2, 2), (0, 7)), step((1, 1), (0, 5))];
        assert_eq!(one_owner_per_step(&steps).len(), 1);
    }

    #[test]
    fn a_step_back_a_jump_and_a_step_out_of_nowhere_are_found() {
        for wrong in [step((1, 1), (5, 4)), step((1, 3), (5, 5)), step((1, 2), (5, 6)), step((1, 1), (6, 7))] {
            let steps = [step((0, 1), (0, 0)), step((1, 1), (0, 5)), wrong];
            assert_eq!(one_owner_per_step(&steps).len(), 1, "{steps:?}");
        }
    }
}
