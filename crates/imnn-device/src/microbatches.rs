//! How simulations are cut into microbatches, the unit of work, and these into chunks, the unit of reduction.

use imnn_compute::threads::share;
use imnn_models::Model;
use std::ops::Range;

/// A microbatch's activations should stay near this many numbers, about what a core's second-level cache holds.
const TARGET: usize = 1 << 19;
/// More simulations than this in a microbatch gain nothing: matrix products are large enough.
const LARGEST: usize = 64;
/// Gradients are summed in at most this many chunks of consecutive microbatches, whatever the number of threads: as many
/// threads, on all machines together, can work on them.
pub(crate) const CHUNKS: usize = 4096;

/// The largest number of simulations of a microbatch: a power of two from 1 to 64, a function of the network and its input
/// shape alone.
///
/// Results must not depend on the number of threads or devices, and sums of floating-point numbers depend on how they are
/// cut: so the cut depends on neither.
pub(crate) fn microbatch_size(model: &Model) -> usize {
    let per_simulation = model.input_size() + model.n_activations();
    let fitting = (TARGET / per_simulation.max(1)).clamp(1, LARGEST);
    1 << fitting.ilog2()
}

/// Microbatches of nearly equal size: first those of the simulations with derivatives, then those of the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Microbatches {
    n_s: usize,
    n_d: usize,
    with: usize,
    without: usize,
}

impl Microbatches {
    /// Cuts `n_s` simulations, the first `n_d` of them with derivatives, into microbatches of at most `size`.
    pub(crate) fn new(n_s: usize, n_d: usize, size: usize) -> Self {
        let (n_d, size) = (n_d.min(n_s), size.max(1));
        // A multiple of four leaves two or four threads with nothing to wait for.
        let number = |n: usize| match n.div_ceil(size) {
            few @ 0..=2 => few,
            many => many.next_multiple_of(4).min(n),
        };
        Microbatches { n_s, n_d, with: number(n_d), without: number(n_s - n_d) }
    }

    /// The number of microbatches.
    pub(crate) fn len(&self) -> usize {
        self.with + self.without
    }

    /// The simulations of microbatch `k`.
    pub(crate) fn rows(&self, k: usize) -> Range<usize> {
        if k < self.with {
            share(self.n_d, self.with, k)
        } else {
            let rows = share(self.n_s - self.n_d, self.without, k - self.with);
            self.n_d + rows.start..self.n_d + rows.end
        }
    }

    /// Whether the simulations of microbatch `k` have derivatives.
    pub(crate) fn have_derivatives(&self, k: usize) -> bool {
        k < self.with
    }

    /// The number of chunks of microbatches whose gradients are summed on their own.
    pub(crate) fn n_chunks(&self) -> usize {
        match self.len() {
            few @ 0..=8 => few,
            many => many.div_ceil(2).min(CHUNKS),
        }
    }

    /// The microbatches of a chunk.
    pub(crate) fn chunk(&self, chunk: usize) -> Range<usize> {
        share(self.len(), self.n_chunks(), chunk)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use imnn_models::{Padding, conv, dense, serial};

    #[test]
    fn microbatches_are_even_and_cut_at_n_d() {
        let all = |n_s, n_d, size| {
            let microbatches = Microbatches::new(n_s, n_d, size);
            (0..microbatches.len())
                .map(|k| (microbatches.rows(k), microbatches.have_derivatives(k)))
                .collect::<Vec<_>>()
        };
        assert_eq!(all(10, 5, 4), [(0..3, true), (3..5, true), (5..8, false), (8..10, false)]);
        assert_eq!(all(4, 4, 8), [(0..4, true)]);
        assert_eq!(all(3, 0, 2), [(0..2, false), (2..3, false)]);
        assert_eq!(all(0, 0, 2), []);
        let sizes: Vec<_> = all(1000, 1000, 128).into_iter().map(|(rows, _)| rows.len()).collect();
        assert_eq!(sizes, [125; 8]);
        let sizes: Vec<_> = all(100, 100, 8).into_iter().map(|(rows, _)| rows.len()).collect();
        assert_eq!((sizes.len(), sizes[0], sizes[15]), (16, 7, 6));
    }

    #[test]
    fn chunks_cover_all_microbatches_once() {
        for n_s in [1, 2, 3, 7, 64, 65, 66, 1000] {
            let microbatches = Microbatches::new(n_s, n_s, 1);
            let covered: Vec<_> = (0..microbatches.n_chunks()).flat_map(|chunk| microbatches.chunk(chunk)).collect();
            assert_eq!(covered, (0..microbatches.len()).collect::<Vec<_>>());
            assert!(microbatches.n_chunks() <= CHUNKS.min(microbatches.len()));
        }
        assert_eq!(Microbatches::new(0, 0, 1).n_chunks(), 0);
    }

    #[test]
    fn large_data_make_small_microbatches() {
        let small = Model::new(serial([dense(128), dense(2)]), &[10]).unwrap();
        let large = Model::new(serial([conv(16, &[3, 3], &[1, 1], Padding::Same)]), &[512, 512, 1]).unwrap();
        assert_eq!(microbatch_size(&small), 64);
        assert_eq!(microbatch_size(&large), 1);
    }
}
