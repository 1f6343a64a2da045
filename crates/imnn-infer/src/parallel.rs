//! Numbered blocks of work on threads, with results in the order of the blocks.

use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use crate::error::Result;

/// As many threads as the machine has.
pub fn all_threads() -> usize {
    thread::available_parallelism().map_or(1, usize::from)
}

/// `work(range)` for consecutive ranges of `block` numbers of `all`, on threads; the results in the order of the
/// ranges, or the error of the lowest range that failed. How the numbers are cut depends on `block` alone.
pub(crate) fn in_blocks<T: Send>(
    all: Range<u64>,
    block: u64,
    threads: usize,
    work: impl Fn(Range<u64>) -> Result<T> + Sync,
) -> Result<Vec<T>> {
    let n_blocks = (all.end - all.start).div_ceil(block) as usize;
    let range = |k: usize| {
        let start = all.start + block * k as u64;
        start..all.end.min(start + block)
    };
    if threads <= 1 || n_blocks <= 1 {
        return (0..n_blocks).map(|k| work(range(k))).collect();
    }
    let next = AtomicUsize::new(0);
    let run = || {
        let mut done = Vec::new();
        loop {
            let k = next.fetch_add(1, Ordering::Relaxed);
            if k >= n_blocks {
                return done;
            }
            let result = work(range(k));
            let failed = result.is_err();
            done.push((k, result));
            if failed {
                // Blocks below this one are begun already; those above need not be.
                next.fetch_max(n_blocks, Ordering::Relaxed);
                return done;
            }
        }
    };
    let mut results: Vec<(usize, Result<T>)> = thread::scope(|scope| {
        let others: Vec<_> = (1..threads.min(n_blocks)).map(|_| scope.spawn(run)).collect();
        let mut results = run();
        for other in others {
            match other.join() {
                Ok(more) => results.extend(more),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
        results
    });
    results.sort_by_key(|(k, _)| *k);
    results.into_iter().map(|(_, result)| result).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::InferError;

    #[test]
    fn results_are_in_order_on_any_number_of_threads() {
        for threads in [1, 2, 5] {
            let sums = in_blocks(3..103, 7, threads, |range| Ok(range.sum::<u64>())).unwrap();
            assert_eq!(sums.len(), 15);
            assert_eq!(sums.iter().sum::<u64>(), (3..103_u64).sum::<u64>());
            assert_eq!(sums[0], (3..10_u64).sum::<u64>());
        }
    }

    #[test]
    fn the_lowest_failure_is_told() {
        for threads in [1, 4] {
            let failed = in_blocks(0..100, 10, threads, |range| match range.start {
                0..30 => Ok(()),
                k => Err(InferError::setting("k", k, "less")),
            });
            assert_eq!(failed.unwrap_err().to_string(), "k is 30, expected less");
        }
    }
}
