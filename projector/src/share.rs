//! Who folds what: every process comes to the same answer from the same rows.

use std::collections::{BTreeMap, BTreeSet};
use uuid::Uuid;

/// Gives each unit that anybody wants to one of the live processes that want it, so that no two of these differ by more
/// than one where that is possible. Whoever holds a unit keeps it unless it has to be moved for that.
pub(crate) fn plan(wants: &BTreeMap<Uuid, BTreeSet<i64>>, holders: &BTreeMap<i64, Uuid>) -> BTreeMap<i64, Uuid> {
    let mut count: BTreeMap<Uuid, usize> = wants.keys().map(|process| (*process, 0)).collect();
    let mut planned = BTreeMap::new();
    let units: BTreeSet<i64> = wants.values().flatten().copied().collect();
    let mut free = Vec::new();
    for unit in units {
        match holders.get(&unit).filter(|holder| wants.get(holder).is_some_and(|wanted| wanted.contains(&unit))) {
            Some(holder) => {
                *count.entry(*holder).or_default() += 1;
                planned.insert(unit, *holder);
            }
            None => free.push(unit),
        }
    }
    for unit in free {
        let idlest = wants.iter().filter(|(_, wanted)| wanted.contains(&unit)).map(|(process, _)| *process);
        if let Some(process) = idlest.min_by_key(|process| count[process]) {
            *count.entry(process).or_default() += 1;
            planned.insert(unit, process);
        }
    }
    while let Some((unit, from, to)) = next_move(wants, &planned, &count) {
        *count.entry(from).or_default() -= 1;
        *count.entry(to).or_default() += 1;
        planned.insert(unit, to);
    }
    planned
}

/// A unit of a process that has two more than another one that wants it: the widest gap first.
fn next_move(
    wants: &BTreeMap<Uuid, BTreeSet<i64>>,
    planned: &BTreeMap<i64, Uuid>,
    count: &BTreeMap<Uuid, usize>,
) -> Option<(i64, Uuid, Uuid)> {
    let moves = planned.iter().flat_map(|(unit, from)| {
        let others = wants.iter().filter(move |(_, wanted)| wanted.contains(unit)).map(|(process, _)| process);
        others.filter(|to| count[from] >= count[*to] + 2).map(|to| (*unit, *from, *to))
    });
    // The last unit of all that would do: those that are first in the list stay where they are.
    moves.max_by_key(|(unit, from, to)| (count[from] - count[to], *unit))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn process(number: u128) -> Uuid {
        Uuid::from_u128(number)
    }

    fn all_want(processes: u128, units: i64) -> BTreeMap<Uuid, BTreeSet<i64>> {
        (1..=processes).map(|number| (process(number), (0..units).collect())).collect()
    }

    fn counts(planned: &BTreeMap<i64, Uuid>) -> BTreeMap<Uuid, usize> {
        planned.values().fold(BTreeMap::new(), |mut counts, process| {
            *counts.entry(*process).or_default() += 1;
            counts
        })
    }

    #[test]
    fn one_process_has_everything_and_a_second_gets_half() {
        let alone = plan(&all_want(1, 12), &BTreeMap::new());
        assert_eq!(counts(&alone), BTreeMap::from([(process(1), 12)]));
        let shared = plan(&all_want(2, 12), &alone);
        assert_eq!(counts(&shared), BTreeMap::from([(process(1), 6), (process(2), 6)]));
        let moved = alone.iter().filter(|(unit, holder)| shared[*unit] != **holder).count();
        assert_eq!(moved, 6, "no more than must be");
        assert_eq!(plan(&all_want(2, 12), &shared), shared, "and then nothing moves");
    }

    #[test]
    fn what_only_one_can_fold_stays_there() {
        let mut wants = all_want(2, 4);
        wants.insert(process(1), (0..8).collect());
        let planned = plan(&wants, &BTreeMap::new());
        assert!((4..8).all(|unit| planned[&unit] == process(1)));
        assert!((0..4).all(|unit| planned[&unit] == process(2)));
    }

    proptest! {
        /// Each unit has one process that wants it; none could be moved to make the shares more equal; and the plan is a
        /// place of rest.
        #[test]
        fn shares_are_fair_and_stay(
            wanted in proptest::collection::vec(proptest::collection::btree_set(0_i64..20, 0..20), 1..6),
            held in proptest::collection::btree_map(0_i64..20, 0_u128..8, 0..20),
        ) {
            let wants: BTreeMap<Uuid, BTreeSet<i64>> =
                (0_u128..).map(process).zip(wanted).collect();
            let holders = held.into_iter().map(|(unit, holder)| (unit, process(holder))).collect();
            let planned = plan(&wants, &holders);
            let units: BTreeSet<i64> = wants.values().flatten().copied().collect();
            prop_assert_eq!(planned.keys().copied().collect::<BTreeSet<_>>(), units);
            let counts = counts(&planned);
            for (unit, owner) in &planned {
                prop_assert!(wants[owner].contains(unit));
                for (other, _) in wants.iter().filter(|(_, wanted)| wanted.contains(unit)) {
                    prop_assert!(counts[owner] <= counts.get(other).copied().unwrap_or(0) + 1);
                }
            }
            prop_assert_eq!(plan(&wants, &planned), planned);
        }
    }
}
