//! Ranks that are dropped, or panic.

use crate::run::on_each;
use imnn_ranks::{Outcome, Ranks, RanksError, Threads, agree};
use std::panic::{AssertUnwindSafe, catch_unwind};

fn gather(ranks: &Threads) -> Result<(), RanksError> {
    let size = ranks.size();
    ranks.gather(&[1], &mut vec![0; size], &vec![1; size])
}

/// Rank 1 leaves, in this way, after two calls of which the others make a hundred.
fn leaves(size: usize, leave: impl Fn(Threads) + Sync) {
    let calls = on_each(size, |ranks| {
        let rank = ranks.rank();
        for call in 0..100 {
            if rank == 1 && call == 2 {
                leave(ranks);
                return call;
            }
            if let Err(error) = gather(&ranks) {
                assert_eq!(error.to_string(), format!("rank 1 of {size} is gone"));
                // And it stays so.
                assert!(matches!(agree(&ranks, &Outcome::Fine, None), Err(RanksError::Gone { .. })));
                return call;
            }
        }
        100
    });
    assert_eq!(calls, vec![2; size]);
}

#[test]
fn the_others_hear_that_a_rank_was_dropped() {
    for size in [2, 3, 5, 8] {
        leaves(size, drop);
    }
}

#[test]
fn the_others_hear_that_a_rank_panicked() {
    leaves(4, |ranks| {
        let panicked = catch_unwind(AssertUnwindSafe(move || {
            let _ranks = ranks;
            std::panic::resume_unwind(Box::new("a bug"));
        }));
        assert!(panicked.is_err());
    });
}

#[test]
fn the_last_call_is_complete_for_those_who_come_back_late() {
    // Whoever is first leaves at once; the call that all made must not fail for the others.
    for _ in 0..200 {
        on_each(5, |ranks| gather(&ranks).unwrap());
    }
}
