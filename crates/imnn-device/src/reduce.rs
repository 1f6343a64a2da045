//! The sum of the gradients of all chunks of microbatches.

use crate::error::Result;
use crate::microbatches::CHUNKS;
use imnn_compute::threads::{Order, Scheduler, get_mut, lock};
use imnn_compute::vectorised;
use imnn_models::Element;
use std::sync::Mutex;

/// Entries that a worker sums at a time: enough to be worth the lock.
const PIECE: usize = 1 << 12;
/// Entries summed at a time over all chunks, so that partial sums stay in the first-level cache.
const BLOCK: usize = 256;

/// Writes to `total` the sum of `chunks`, at most [`CHUNKS`] vectors as long as it.
///
/// Neighbours are added, then neighbours of the sums, and so on: an order that depends on the number of chunks alone.
pub(crate) fn reduce<E: Element>(
    scheduler: &mut Scheduler,
    chunks: &mut [Mutex<Vec<E>>],
    total: &mut [E],
) -> Result<()> {
    let mut terms: [&[E]; CHUNKS] = [&[]; CHUNKS];
    let n_terms = chunks.len().min(CHUNKS);
    for (term, chunk) in terms.iter_mut().zip(chunks) {
        *term = get_mut(chunk);
    }
    let terms = &terms[..n_terms];
    let n_pieces = total.len().div_ceil(PIECE);
    let pieces = Mutex::new(total.chunks_mut(PIECE).enumerate());
    scheduler.run(n_pieces, 1, Order::Up, |_, _| {
        // Pieces are alike, so a worker takes the next one whatever its task is called.
        let next = lock(&pieces).next();
        if let Some((k, piece)) = next {
            for (block, sum) in piece.chunks_mut(BLOCK).enumerate() {
                tree_sum(terms, k * PIECE + block * BLOCK, sum);
            }
        }
        Ok(())
    })
}

/// Writes to `sum` the entries from `start` on of the sum of `terms`.
fn tree_sum<E: Element>(terms: &[&[E]], start: usize, sum: &mut [E]) {
    let entries = start..start + sum.len();
    match terms {
        [] => sum.fill(E::zero()),
        [term] => sum.copy_from_slice(&term[entries]),
        [a, b] => add(&a[entries.clone()], &b[entries], sum),
        _ => {
            // The largest power of two below the number of terms: where the neighbours' neighbours part.
            let (left, right) = terms.split_at(1 << (terms.len() - 1).ilog2());
            let mut other = [E::zero(); BLOCK];
            let other = &mut other[..sum.len()];
            tree_sum(left, start, sum);
            tree_sum(right, start, other);
            accumulate(other, sum);
        }
    }
}

vectorised! {
    /// `sum = a + b`.
    fn add<'a, E>(a: &'a [E], b: &'a [E], sum: &'a mut [E]) {
        sum.iter_mut().zip(a.iter().zip(b)).for_each(|(sum, (&a, &b))| *sum = a + b);
    }

    /// `sum += other`.
    fn accumulate<'a, E>(other: &'a [E], sum: &'a mut [E]) {
        sum.iter_mut().zip(other).for_each(|(sum, &other)| *sum += other);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use imnn_compute::threads::ThreadPool;
    use std::sync::Arc;

    /// Level by level: neighbours, then neighbours of the sums.
    fn plain(mut terms: Vec<f32>) -> f32 {
        while terms.len() > 1 {
            terms = terms.chunks(2).map(|pair| pair.iter().copied().reduce(|a, b| a + b).unwrap()).collect();
        }
        terms.first().copied().unwrap_or(0.0)
    }

    #[test]
    fn the_tree_is_that_of_neighbours_for_any_number_of_threads() {
        for threads in [1, 3] {
            let mut scheduler = Scheduler::new(Arc::new(ThreadPool::new(threads).unwrap()));
            for n_terms in [0, 1, 2, 3, 5, 6, 7, 11, 31, 32] {
                for len in [0, 1, BLOCK + 1, 2 * PIECE + 3] {
                    let term = |r: usize| (0..len).map(|i| ((i * 37 + r * 101) % 1009) as f32 / 7.0 - 60.0).collect();
                    let terms: Vec<Vec<f32>> = (0..n_terms).map(term).collect();
                    let mut runs: Vec<_> = terms.iter().cloned().map(Mutex::new).collect();
                    let mut total = vec![f32::NAN; len];
                    reduce(&mut scheduler, &mut runs, &mut total).unwrap();
                    for i in 0..len {
                        let expected = plain(terms.iter().map(|term| term[i]).collect());
                        assert_eq!(total[i].to_bits(), expected.to_bits(), "{n_terms} terms, entry {i}");
                    }
                }
            }
        }
    }
}
