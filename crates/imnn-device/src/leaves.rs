//! How simulations are cut into leaves, the unit of work and of reduction.

use imnn_models::{Model, Node, Op};
use std::ops::Range;

/// A leaf's activations should stay near this many numbers, about what a core's second-level cache holds.
const TARGET: usize = 1 << 20;
/// More simulations than this in a leaf gain nothing: matrix products are large enough.
const LARGEST: usize = 128;

/// Number of simulations of a leaf: a power of two from 1 to 128, a function of the network and its input shape alone.
///
/// Results must not depend on the number of threads or devices, and sums of floating-point numbers depend on how they are
/// cut: so the cut depends on neither.
pub fn leaf_size(model: &Model) -> usize {
    let per_simulation = model.input_size() + activations(model.nodes());
    let fitting = (TARGET / per_simulation.max(1)).clamp(1, LARGEST);
    1 << fitting.ilog2()
}

/// The rows of each leaf: no leaf has rows on both sides of `n_d`.
pub fn leaves(n_s: usize, n_d: usize, size: usize) -> Vec<Range<usize>> {
    let cut =
        |from: usize, to: usize| (from..to).step_by(size.max(1)).map(move |start| start..(start + size.max(1)).min(to));
    cut(0, n_d.min(n_s)).chain(cut(n_d.min(n_s), n_s)).collect()
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
    fn leaves_cover_all_rows_once_and_cut_at_n_d() {
        assert_eq!(leaves(10, 5, 4), [0..4, 4..5, 5..9, 9..10]);
        assert_eq!(leaves(4, 4, 8), vec![0..4]);
        assert_eq!(leaves(3, 0, 2), [0..2, 2..3]);
        assert!(leaves(0, 0, 2).is_empty());
    }

    #[test]
    fn large_data_make_small_leaves() {
        let small = Model::new(serial([dense(128), dense(2)]), &[10]).unwrap();
        let large = Model::new(serial([conv(16, &[3, 3], &[1, 1], Padding::Same)]), &[512, 512, 1]).unwrap();
        assert_eq!(leaf_size(&small), 128);
        assert_eq!(leaf_size(&large), 1);
    }
}
