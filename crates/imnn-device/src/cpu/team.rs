//! What the sessions of several ranks do together: each runs its share of the simulations, all have all results.

use crate::device::Summaries;
use crate::error::Result;
use crate::reduce::{Node, Reduction, add_up, shares, within};
use crate::shape::Shape;
use bytemuck::{cast_slice, cast_slice_mut};
use imnn_compute::threads::{Scheduler, share};
use imnn_models::Element;
use imnn_ranks::{Digest, Outcome, Ranks, agree};
use imnn_sim::Key;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::ops::Range;
use std::sync::Arc;

/// A rank sends the sums of at most so many subtrees.
const SUBTREES: usize = 8;
/// Ranks compare all of their weights in every pass of this number.
const COMPARED: u64 = 100;

/// The chunks of a rank, and the microbatches in them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Own {
    pub(super) chunks: Range<usize>,
    pub(super) microbatches: Range<usize>,
}

impl Own {
    /// These chunks.
    fn new(shape: &Shape, chunks: Range<usize>) -> Self {
        let start = |chunk: usize| match chunk < shape.microbatches.n_chunks() {
            true => shape.microbatches.chunk(chunk).start,
            false => shape.microbatches.len(),
        };
        Own { microbatches: start(chunks.start)..start(chunks.end), chunks }
    }

    /// Those of a process that has no others.
    pub(super) fn all(shape: &Shape) -> Self {
        Own::new(shape, 0..shape.microbatches.n_chunks())
    }
}

/// The other ranks, as a session sees them.
pub(super) struct Team {
    ranks: Arc<dyn Ranks>,
    /// How the last task was shared, of this shape.
    shares: Option<(Shape, Vec<Own>)>,
    passes: u64,
}

impl Team {
    pub(super) fn new(ranks: Arc<dyn Ranks>) -> Self {
        Team { ranks, shares: None, passes: 0 }
    }

    /// What this rank runs of a task.
    pub(super) fn own(&mut self, shape: &Shape) -> Own {
        if self.shares.as_ref().is_none_or(|(of, _)| of != shape) {
            self.shares = Some((*shape, share_out(shape, self.ranks.size())));
        }
        self.shares()[self.ranks.rank()].clone()
    }

    fn shares(&self) -> &[Own] {
        self.shares.as_ref().map_or(&[], |(_, shares)| shares)
    }

    /// All ranks come to know whether one of them failed. They have to be in the same pass, of the same weights.
    fn agree<E: Element>(
        &mut self,
        pass: &str,
        result: Result<()>,
        shape: &Shape,
        key: Key,
        weights: &[E],
    ) -> Result<()> {
        self.ranks.purpose(&format!("{pass} {}", self.passes));
        let mut digest = DefaultHasher::new();
        (pass, self.passes, shape.n_s, shape.n_d, key, weights.len()).hash(&mut digest);
        if self.passes.is_multiple_of(COMPARED) {
            digest.write(cast_slice(weights));
        }
        self.passes += 1;
        let digest = Digest { what: "weights or settings", value: digest.finish() };
        agree(&self.ranks, &Outcome::of(&result), Some(digest))?;
        Ok(())
    }

    /// Gives all ranks the summaries of all, and the first row in which one is not finite.
    pub(super) fn gather<E: Element>(
        &mut self,
        result: Result<()>,
        (shape, key, weights): (&Shape, Key, &[E]),
        summaries: &mut Summaries,
        bad: Option<(usize, f64)>,
    ) -> Result<Option<(usize, f64)>> {
        self.agree("forward pass", result, shape, key, weights)?;
        let (per_x, per_dx) = (shape.n_summaries, shape.n_summaries * shape.n_params);
        // Of each rank: the first row that is not finite, the number of rows if all are, its value, x and dx.
        let rows = |own: &Own| {
            let start =
                |k: usize| if k < shape.microbatches.len() { shape.microbatches.rows(k).start } else { shape.n_s };
            start(own.microbatches.start)..start(own.microbatches.end)
        };
        let with = |rows: &Range<usize>| rows.start.min(shape.n_d)..rows.end.min(shape.n_d);
        let len = |rows: &Range<usize>| 2 + rows.len() * per_x + with(rows).len() * per_dx;
        let all_rows: Vec<_> = self.shares().iter().map(rows).collect();
        let (x, dx) = (&mut summaries.x, &mut summaries.dx);
        let (x, dx) = (x.as_slice_mut().unwrap_or_default(), dx.as_slice_mut().unwrap_or_default());

        let own = &all_rows[self.ranks.rank()];
        let (row, value) = bad.unwrap_or((shape.n_s, 0.0));
        let mut send = vec![row as f64, value];
        send.extend_from_slice(&x[own.start * per_x..own.end * per_x]);
        send.extend_from_slice(&dx[with(own).start * per_dx..with(own).end * per_dx]);
        let lens: Vec<usize> = all_rows.iter().map(|rows| 8 * len(rows)).collect();
        let mut all = vec![0.0; lens.iter().sum::<usize>() / 8];
        self.ranks.gather(cast_slice(&send), cast_slice_mut(&mut all), &lens)?;

        let (mut rest, mut first) = (&all[..], None);
        for rows in &all_rows {
            let (record, of_rank) = rest.split_at(2);
            let (of_x, others) = of_rank.split_at(rows.len() * per_x);
            let (of_dx, others) = others.split_at(with(rows).len() * per_dx);
            x[rows.start * per_x..rows.end * per_x].copy_from_slice(of_x);
            dx[with(rows).start * per_dx..with(rows).end * per_dx].copy_from_slice(of_dx);
            if record[0] < shape.n_s as f64 {
                first = first.or(Some((record[0] as usize, record[1])));
            }
            rest = others;
        }
        Ok(first)
    }

    /// Gives all ranks the sum of the gradients of all chunks: each adds up one part of the entries for all, in the order of
    /// the tree, and all get all parts.
    pub(super) fn sum<E: Element>(
        &mut self,
        result: Result<()>,
        (shape, key, weights): (&Shape, Key, &[E]),
        reduction: &mut Reduction<E>,
        scheduler: &mut Scheduler,
        total: &mut [E],
    ) -> Result<()> {
        self.agree("backward pass", result, shape, key, weights)?;
        let (rank, size, n_chunks) = (self.ranks.rank(), self.ranks.size(), shape.microbatches.n_chunks());
        let part = |rank: usize| share(total.len(), size, rank);
        let bytes = |numbers: usize| numbers * size_of::<E>();

        let sums = reduction.sums();
        let mut send = Vec::with_capacity(sums.len() * total.len());
        for to in 0..size {
            sums.iter().for_each(|(_, sum)| send.extend_from_slice(&sum[part(to)]));
        }
        let send_lens: Vec<usize> = (0..size).map(|to| bytes(sums.len() * part(to).len())).collect();
        let nodes: Vec<Vec<Node>> = self.shares().iter().map(|own| within(&own.chunks, n_chunks)).collect();
        let lens: Vec<usize> = nodes.iter().map(|nodes| bytes(nodes.len() * part(rank).len())).collect();
        let mut received = vec![E::zero(); lens.iter().sum::<usize>() / size_of::<E>()];
        self.ranks.exchange(cast_slice(&send), &send_lens, cast_slice_mut(&mut received), &lens)?;

        let mut own = vec![E::zero(); part(rank).len()];
        let numbers = received.chunks_exact(own.len().max(1)).chain(std::iter::repeat(&[][..]));
        let terms: Vec<(Node, &[E])> = nodes.into_iter().flatten().zip(numbers).collect();
        add_up(scheduler, n_chunks, &terms, &mut own);
        let lens: Vec<usize> = (0..size).map(|rank| bytes(part(rank).len())).collect();
        self.ranks.gather(cast_slice(&own), cast_slice_mut(total), &lens)?;
        Ok(())
    }
}

/// How a task is shared: each rank has consecutive chunks with a like number of rows.
pub(super) fn share_out(shape: &Shape, ranks: usize) -> Vec<Own> {
    let microbatches = &shape.microbatches;
    let mut cost = vec![0];
    for chunk in 0..microbatches.n_chunks() {
        cost.push(cost[chunk] + microbatches.chunk(chunk).map(|k| shape.rows(k).total()).sum::<usize>());
    }
    shares(&cost, ranks, SUBTREES).into_iter().map(|chunks| Own::new(shape, chunks)).collect()
}
