//! What is to be done with the files of a block.

use std::collections::HashSet;

use crate::shelf::{Block, Condition, Item};

/// What is to be done so that the simulations of a block are in as few files as there can be.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Plan {
    /// The seeds of files that are to be written.
    pub(super) write: Vec<Block>,
    /// What is then to be removed.
    pub(super) remove: Vec<Item>,
}

/// What is to be done with the files of a block, or nothing as long as one of its simulations is missing.
pub(super) fn plan(block: Block, files: &[(Item, Condition)], has_failed: impl Fn(u64) -> bool) -> Plan {
    let good = || files.iter().filter(|(_, condition)| *condition == Condition::Good).map(|(item, _)| *item);
    let len = usize::try_from(block.1 - block.0).unwrap_or(usize::MAX - 1) + 1;
    // Whether each seed is in a file to be put together, and whether it needs to be.
    let (mut inside, mut settled) = (vec![false; len], vec![false; len]);
    for item in good().filter(|item| item.overlaps(block)) {
        let (first, last) = item.seeds();
        for seed in first.max(block.0)..=last.min(block.1) {
            let at = (seed - block.0) as usize;
            inside[at] |= item.is_within(block);
            settled[at] |= !item.is_within(block);
        }
    }
    let mut runs: Vec<Block> = vec![];
    for (at, seed) in (block.0..=block.1).enumerate() {
        match runs.last_mut().filter(|(_, last)| last.checked_add(1) == Some(seed)) {
            _ if settled[at] => {}
            Some((_, last)) if inside[at] => *last = seed,
            None if inside[at] => runs.push((seed, seed)),
            _ if has_failed(seed) => {}
            _ => return Plan::default(),
        }
    }
    // Runs are in order, so that the one run that may hold a seed, or follow it, is found at once.
    let run_until = |seed: u64| runs.get(runs.partition_point(|&(_, last)| last < seed));
    let beyond: Vec<Item> = good().filter(|item| !item.is_within(block) && item.overlaps(block)).collect();
    let remove = files.iter().filter(|(item, condition)| {
        let run = run_until(item.seeds().0);
        if matches!(item, Item::Block(..)) && run == Some(&item.seeds()) {
            return false;
        }
        let is_replaced =
            run.is_some_and(|&run| item.is_within(run)) || beyond.iter().any(|of| item.is_within(of.seeds()));
        // What is damaged would be in the way of those who read; what is of another kind may be of use to somebody.
        let is_in_the_way = *condition == Condition::Damaged && run.is_some_and(|&run| item.overlaps(run));
        is_in_the_way || is_replaced && item.is_within(block)
    });
    let remove = remove.map(|(item, _)| *item).collect();
    let there: HashSet<Item> = good().collect();
    let write = runs.iter().copied().filter(|&(first, last)| !there.contains(&Item::Block(first, last)));
    Plan { write: write.collect(), remove }
}

#[cfg(test)]
mod tests {
    use Condition::{Damaged, Good, Other};

    use super::*;
    use crate::shelf::Item::{Block as Rows, Single};

    #[track_caller]
    fn check(files: &[(Item, Condition)], failed: &[u64], write: &[Block], remove: &[Item]) {
        let plan = plan((10, 14), files, |seed| failed.contains(&seed));
        assert_eq!(plan, Plan { write: write.to_vec(), remove: remove.to_vec() });
    }

    #[test]
    fn what_is_complete_is_put_together() {
        let singles = [10, 11, 12, 13, 14].map(|seed| (Single(seed), Good));
        let all = singles.map(|(item, _)| item);
        check(&singles, &[], &[(10, 14)], &all);
        // One is missing, or not as it should be.
        check(&singles[1..], &[], &[], &[]);
        check(&[&singles[1..], &[(Single(10), Other)]].concat(), &[], &[], &[]);
        check(&[&singles[..4], &[(Single(14), Damaged)]].concat(), &[], &[], &[]);
        check(&[], &[], &[], &[]);
        // Those that failed leave gaps.
        check(&singles[1..], &[10], &[(11, 14)], &all[1..]);
        check(&[singles[0], singles[1], singles[3]], &[12, 14], &[(10, 11), (13, 13)], &[all[0], all[1], all[3]]);
        check(&[], &[10, 11, 12, 13, 14], &[], &[]);
    }

    #[test]
    fn what_is_together_is_left() {
        check(&[(Rows(10, 14), Good)], &[], &[], &[]);
        check(&[(Rows(10, 14), Good), (Single(12), Good), (Rows(11, 13), Good)], &[], &[], &[Single(12), Rows(11, 13)]);
        check(&[(Rows(10, 12), Good), (Rows(13, 14), Good)], &[], &[(10, 14)], &[Rows(10, 12), Rows(13, 14)]);
        check(&[(Rows(10, 11), Good), (Rows(13, 14), Good)], &[12], &[], &[]);
    }

    #[test]
    fn what_reaches_beyond_the_block_is_left() {
        check(
            &[(Rows(5, 11), Good), (Single(12), Good), (Rows(13, 14), Good)],
            &[],
            &[(12, 14)],
            &[Single(12), Rows(13, 14)],
        );
        check(&[(Rows(5, 20), Good)], &[], &[], &[]);
        check(&[(Rows(5, 20), Good), (Rows(10, 14), Good)], &[], &[], &[Rows(10, 14)]);
        check(&[(Rows(0, u64::MAX), Good), (Single(3), Good)], &[], &[], &[]);
    }

    #[test]
    fn what_is_damaged_is_replaced_and_what_is_other_is_left() {
        let singles = [10, 11, 13, 14].map(|seed| (Single(seed), Good));
        let all = singles.map(|(item, _)| item);
        let with = |item, condition| [&singles[..], &[(item, condition)]].concat();
        let removed = |item: &[Item]| [&all[..], item].concat();
        let runs = [(10, 11), (13, 14)];
        check(&with(Rows(10, 14), Damaged), &[12], &runs, &removed(&[Rows(10, 14)]));
        check(&with(Rows(3, 17), Damaged), &[12], &runs, &removed(&[Rows(3, 17)]));
        check(&with(Rows(10, 14), Other), &[12], &runs, &removed(&[]));
        check(&with(Single(12), Damaged), &[12], &runs, &removed(&[]));
        check(&with(Rows(13, 14), Damaged), &[12], &runs, &removed(&[]));
    }
}
