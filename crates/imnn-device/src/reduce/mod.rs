//! The sum of the gradients of all chunks of microbatches.

mod tree;

use imnn_compute::threads::{Order, Scheduler, get_mut, lock};
use imnn_compute::vectorised;
use imnn_models::Element;
use std::collections::HashMap;
use std::convert::Infallible;
use std::ops::Range;
use std::sync::Mutex;
pub(crate) use tree::{Node, shares, within};
use tree::{above, blocks, parts};

/// A tree that is not shared is cut into at most so many subtrees, whose sums are added by all workers together in the end.
const BLOCKS: usize = 32;
/// Entries that a worker sums at a time: enough to be worth the lock.
const PIECE: usize = 1 << 12;
/// Entries summed at a time over all blocks, so that partial sums stay in the first-level cache.
const BLOCK: usize = 256;

/// Adds the gradients of chunks as they come, up to the sums of a few large subtrees, and then these.
///
/// The order is that of the tree over all chunks, so the bits depend on neither who made which chunk nor when.
#[derive(Debug)]
pub(crate) struct Reduction<E> {
    n_chunks: usize,
    /// The chunks that are added up here.
    own: Range<usize>,
    /// Their large subtrees, from left to right, with their sums or the memory for them.
    large: Mutex<Vec<(Node, Vec<E>)>>,
    /// Sums of subtrees below those whose other half is not there yet.
    waiting: Mutex<HashMap<Node, Vec<E>>>,
    /// Memory to be used again.
    spare: Mutex<Vec<Vec<E>>>,
}

impl<E: Element> Default for Reduction<E> {
    fn default() -> Self {
        Reduction {
            n_chunks: 0,
            own: 0..0,
            large: Mutex::default(),
            waiting: Mutex::default(),
            spare: Mutex::default(),
        }
    }
}

impl<E: Element> Reduction<E> {
    /// Begins a sum over the chunks `own` of `n_chunks`.
    pub(crate) fn begin(&mut self, n_chunks: usize, own: &Range<usize>) {
        // What a pass that failed has left.
        get_mut(&mut self.spare).extend(get_mut(&mut self.waiting).drain().map(|(_, sum)| sum));
        if (self.n_chunks, &self.own) == (n_chunks, own) {
            return;
        }
        (self.n_chunks, self.own) = (n_chunks, own.clone());
        let nodes = if own.len() == n_chunks { blocks(n_chunks, BLOCKS) } else { within(own, n_chunks) };
        let large = get_mut(&mut self.large);
        large.resize_with(nodes.len(), || (0..0, vec![]));
        large.iter_mut().zip(nodes).for_each(|((node, _), new)| *node = new);
    }

    /// What `f` makes of the large subtree that a chunk belongs to.
    fn large<R>(&self, chunk: usize, f: impl FnOnce(&Node, &mut Vec<E>) -> R) -> R {
        let mut large = lock(&self.large);
        let k = large.partition_point(|(node, _)| node.end <= chunk);
        let (node, sum) = &mut large[k];
        f(node, sum)
    }

    /// Memory for the gradient of a chunk, all zero.
    pub(crate) fn start(&self, chunk: usize, len: usize) -> Vec<E> {
        // One that is a large subtree by itself has the memory that the same worker had in the pass before.
        let own = self.large(chunk, |node, sum| (node.len() == 1).then(|| std::mem::take(sum)));
        let mut gradient = own.or_else(|| lock(&self.spare).pop()).unwrap_or_default();
        gradient.clear();
        gradient.resize(len, E::zero());
        gradient
    }

    /// Takes the gradient of a chunk, and adds what can be added.
    pub(crate) fn add(&self, chunk: usize, mut sum: Vec<E>) {
        let large = self.large(chunk, |node, _| node.clone());
        let mut node = chunk..chunk + 1;
        while node != large {
            let Some((parent, other)) = above(&node, self.n_chunks) else { return };
            let mut waiting = lock(&self.waiting);
            let Some(there) = waiting.remove(&other) else {
                waiting.insert(node, sum);
                return;
            };
            drop(waiting);
            accumulate(&there, &mut sum);
            lock(&self.spare).push(there);
            node = parent;
        }
        let before = self.large(chunk, |_, memory| std::mem::replace(memory, sum));
        if before.capacity() > 0 {
            lock(&self.spare).push(before);
        }
    }

    /// The large subtrees and their sums, from left to right.
    pub(crate) fn sums(&mut self) -> &[(Node, Vec<E>)] {
        get_mut(&mut self.large)
    }

    /// Writes the sum of all chunks to `total`, if all were its own.
    pub(crate) fn finish(&mut self, scheduler: &mut Scheduler, total: &mut [E]) {
        let n_chunks = self.n_chunks;
        add_up(scheduler, n_chunks, self.sums(), total);
    }
}

/// Writes to `total` the sum over `n_chunks` chunks, of which `terms` are the sums of subtrees that cover them, from left to
/// right.
pub(crate) fn add_up<E: Element>(
    scheduler: &mut Scheduler,
    n_chunks: usize,
    terms: &[(Node, impl AsRef<[E]> + Sync)],
    total: &mut [E],
) {
    let n_pieces = total.len().div_ceil(PIECE);
    let pieces = Mutex::new(total.chunks_mut(PIECE).enumerate());
    let Ok(()) = scheduler.run(n_pieces, 1, Order::Up, |_, _| {
        // Pieces are alike, so a worker takes the next one whatever its task is called.
        let next = lock(&pieces).next();
        if let Some((k, piece)) = next {
            for (block, sum) in piece.chunks_mut(BLOCK).enumerate() {
                tree_sum(&(0..n_chunks), terms, k * PIECE + block * BLOCK, sum);
            }
        }
        Ok::<_, Infallible>(())
    });
}

/// Writes to `sum` the entries from `start` on of the sum of `node`, of which `terms` are the sums of subtrees that cover it.
fn tree_sum<E: Element>(node: &Node, terms: &[(Node, impl AsRef<[E]>)], start: usize, sum: &mut [E]) {
    let entries = start..start + sum.len();
    match terms {
        [] => sum.fill(E::zero()),
        [(_, term)] => sum.copy_from_slice(&term.as_ref()[entries]),
        [(_, a), (_, b)] => add(&a.as_ref()[entries.clone()], &b.as_ref()[entries], sum),
        _ => {
            let [left, right] = parts(node);
            let (of_left, of_right) = terms.split_at(terms.partition_point(|(term, _)| term.start < right.start));
            let mut other = [E::zero(); BLOCK];
            let other = &mut other[..sum.len()];
            tree_sum(&left, of_left, start, sum);
            tree_sum(&right, of_right, start, other);
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
            let mut reduction = Reduction::default();
            for n_chunks in [0, 1, 2, 3, 5, 6, 7, 11, 31, 32, 33, 63, 65, 100, 257] {
                for len in [0, 1, BLOCK + 1, 2 * PIECE + 3] {
                    let term = |r: usize| (0..len).map(move |i| ((i * 37 + r * 101) % 1009) as f32 / 7.0 - 60.0);
                    reduction.begin(n_chunks, &(0..n_chunks));
                    // What a pass that ends in an error leaves does no harm.
                    if n_chunks > 0 {
                        reduction.add(0, reduction.start(0, len));
                        reduction.begin(n_chunks, &(0..n_chunks));
                    }
                    let run = scheduler.run(n_chunks, 1, Order::Down, |_, chunks| {
                        for chunk in chunks {
                            let mut gradient = reduction.start(chunk, len);
                            gradient.iter_mut().zip(term(chunk)).for_each(|(sum, term)| *sum += term);
                            reduction.add(chunk, gradient);
                        }
                        Ok::<_, ()>(())
                    });
                    run.unwrap();
                    let mut total = vec![f32::NAN; len];
                    reduction.finish(&mut scheduler, &mut total);
                    let terms: Vec<Vec<f32>> = (0..n_chunks).map(|r| term(r).collect()).collect();
                    for i in 0..len {
                        let expected = plain(terms.iter().map(|term| term[i]).collect());
                        assert_eq!(total[i].to_bits(), expected.to_bits(), "{n_chunks} chunks, entry {i}");
                    }
                    let live = get_mut(&mut reduction.spare).len() + reduction.sums().len();
                    assert!(live <= BLOCKS + 1 + threads * 9, "{live} gradients at once");
                }
            }
        }
    }
}
