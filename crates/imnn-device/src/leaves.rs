//! How simulations are cut into leaves, the unit of work, and these into runs, the unit of reduction.

use imnn_compute::threads::share;
use imnn_models::{Model, Node, Op};
use std::ops::Range;

/// A leaf's activations should stay near this many numbers, about what a core's second-level cache holds.
const TARGET: usize = 1 << 19;
/// More simulations than this in a leaf gain nothing: matrix products are large enough.
const LARGEST: usize = 64;
/// Gradients are summed in at most this many runs of consecutive leaves, whatever the number of threads.
pub(crate) const RUNS: usize = 32;

/// The largest number of simulations of a leaf: a power of two from 1 to 64, a function of the network and its input shape
/// alone.
///
/// Results must not depend on the number of threads or devices, and sums of floating-point numbers depend on how they are
/// cut: so the cut depends on neither.
pub(crate) fn leaf_size(model: &Model) -> usize {
    let per_simulation = model.input_size() + activations(model.nodes());
    let fitting = (TARGET / per_simulation.max(1)).clamp(1, LARGEST);
    1 << fitting.ilog2()
}

/// Leaves of nearly equal size: first those of the simulations with derivatives, then those of the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Leaves {
    n_s: usize,
    n_d: usize,
    with: usize,
    without: usize,
}

impl Leaves {
    /// Cuts `n_s` simulations, the first `n_d` of them with derivatives, into leaves of at most `size`.
    pub(crate) fn new(n_s: usize, n_d: usize, size: usize) -> Self {
        let (n_d, size) = (n_d.min(n_s), size.max(1));
        // A multiple of four leaves two or four threads with nothing to wait for.
        let number = |n: usize| match n.div_ceil(size) {
            few @ 0..=2 => few,
            many => many.next_multiple_of(4).min(n),
        };
        Leaves { n_s, n_d, with: number(n_d), without: number(n_s - n_d) }
    }

    /// The number of leaves.
    pub(crate) fn len(&self) -> usize {
        self.with + self.without
    }

    /// The simulations of leaf `k`.
    pub(crate) fn rows(&self, k: usize) -> Range<usize> {
        if k < self.with {
            share(self.n_d, self.with, k)
        } else {
            let rows = share(self.n_s - self.n_d, self.without, k - self.with);
            self.n_d + rows.start..self.n_d + rows.end
        }
    }

    /// Whether the simulations of leaf `k` have derivatives.
    pub(crate) fn have_derivatives(&self, k: usize) -> bool {
        k < self.with
    }

    /// The number of runs of leaves whose gradients are summed on their own.
    pub(crate) fn n_runs(&self) -> usize {
        match self.len() {
            few @ 0..=8 => few,
            many => many.div_ceil(2).min(RUNS),
        }
    }

    /// The leaves of run `run`.
    pub(crate) fn run(&self, run: usize) -> Range<usize> {
        share(self.len(), self.n_runs(), run)
    }
}

/// Numbers that one simulation leaves behind in the layers, gathered windows included.
fn activations(nodes: &[Node]) -> usize {
    nodes
        .iter()
        .map(|node| {
            let output: usize = node.output.iter().product();
            match &node.op {
                Op::Conv { windows, .. } => {
                    let channels = node.input.last().copied().unwrap_or(1);
                    output + windows.taps.len() * channels
                }
                Op::Parallel { branches, .. } => {
                    output + branches.iter().map(|branch| activations(branch)).sum::<usize>()
                }
                _ => output,
            }
        })
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use imnn_models::{Padding, conv, dense, serial};

    #[test]
    fn leaves_are_even_and_cut_at_n_d() {
        let all = |n_s, n_d, size| {
            let leaves = Leaves::new(n_s, n_d, size);
            (0..leaves.len()).map(|k| (leaves.rows(k), leaves.have_derivatives(k))).collect::<Vec<_>>()
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
    fn runs_cover_all_leaves_once() {
        for n_s in [1, 2, 3, 7, 64, 65, 66, 1000] {
            let leaves = Leaves::new(n_s, n_s, 1);
            let covered: Vec<_> = (0..leaves.n_runs()).flat_map(|run| leaves.run(run)).collect();
            assert_eq!(covered, (0..leaves.len()).collect::<Vec<_>>());
            assert!(leaves.n_runs() <= RUNS.min(leaves.len()));
        }
        assert_eq!(Leaves::new(0, 0, 1).n_runs(), 0);
    }

    #[test]
    fn large_data_make_small_leaves() {
        let small = Model::new(serial([dense(128), dense(2)]), &[10]).unwrap();
        let large = Model::new(serial([conv(16, &[3, 3], &[1, 1], Padding::Same)]), &[512, 512, 1]).unwrap();
        assert_eq!(leaf_size(&small), 64);
        assert_eq!(leaf_size(&large), 1);
    }
}
