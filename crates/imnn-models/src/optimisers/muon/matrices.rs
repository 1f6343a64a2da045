//! Which weights of a network are matrices of hidden layers.

use crate::model::Model;
use crate::primitive::{Affine, Linear, Op, Primitive};
use std::ops::Range;

/// The weight of a hidden layer in the flat vector of the parameters, row-major, the outputs last.
#[derive(Debug, PartialEq)]
pub(super) struct Matrix {
    pub(super) range: Range<usize>,
    /// Inputs of one output: channels, of each tap for a convolution.
    pub(super) rows: usize,
    /// Channels out.
    pub(super) cols: usize,
}

/// The weights of layers whose outputs go through another layer with weights on every way to the summaries, in their order in
/// the flat vector.
pub(super) fn hidden(model: &Model) -> Vec<Matrix> {
    let mut found = Vec::new();
    collect(model.primitives(), false, &mut found);
    found.sort_unstable_by_key(|matrix| matrix.range.start);
    found
}

/// Goes through the primitives from the last to the first. Whether a layer with weights follows on every way: at the end as
/// given, at the beginning as returned.
fn collect(primitives: &[Primitive], followed: bool, found: &mut Vec<Matrix>) -> bool {
    primitives.iter().rev().fold(followed, |followed, primitive| match &primitive.op {
        Op::Linear(linear) => {
            if followed {
                found.extend(weights(linear).map(matrix));
            }
            true
        }
        Op::Custom { entries, .. } => followed || !entries.is_empty(),
        // Branch by branch to the last: `all` would stop at the first that is not followed.
        Op::Parallel { branches, .. } => {
            let mut all = true;
            for branch in branches {
                all &= collect(branch, followed, found);
            }
            all
        }
        // No weights.
        _ => followed,
    })
}

fn weights(linear: &Linear) -> impl Iterator<Item = &Affine> {
    let (first, second) = match linear {
        Linear::Map(weights) | Linear::Windows { weights, .. } => (weights, None),
        Linear::Composed { first, second, .. } => (first, Some(second)),
    };
    std::iter::once(first).chain(second)
}

fn matrix(Affine { weight, bias }: &Affine) -> Matrix {
    Matrix { range: weight.clone(), rows: weight.len() / bias.len(), cols: bias.len() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Network, Padding, concat, conv, dense, flatten, gelu, global_avg_pool, residual, serial, tanh};

    fn shapes(network: Network, input: &[usize]) -> Vec<[usize; 2]> {
        let model = Model::new(network, input).unwrap();
        let matrices = hidden(&model);
        for Matrix { range, rows, cols } in &matrices {
            let entry = model.layout().entries().iter().find(|entry| entry.range() == *range).unwrap();
            assert!(entry.name.ends_with("/weight") && entry.shape.last() == Some(cols), "{entry:?}");
            assert_eq!(entry.len(), rows * cols);
        }
        matrices.iter().map(|matrix| [matrix.rows, matrix.cols]).collect()
    }

    #[test]
    fn all_but_the_last_layer_are_matrices() {
        assert_eq!(shapes(serial([dense(5), tanh(), dense(7), gelu(), dense(2), tanh()]), &[3]), [[3, 5], [5, 7]]);
        assert_eq!(shapes(serial([dense(2)]), &[3]), [[0; 2]; 0]);
        let field = serial([conv(4, &[3, 3], &[1, 1], Padding::Same), gelu(), flatten(), dense(2)]);
        assert_eq!(shapes(field, &[5, 5, 2]), [[18, 4]]);
        let pooled = serial([dense(6), conv(2, &[2], &[1], Padding::Valid), global_avg_pool()]);
        assert_eq!(shapes(pooled, &[5, 3]), [[3, 6]]);
    }

    /// A network may end in several last layers.
    #[test]
    fn branches_have_last_layers_of_their_own() {
        let branch = || serial([dense(4), tanh(), dense(1)]);
        assert_eq!(shapes(serial([dense(6), concat([branch(), branch()])]), &[3]), [[3, 6], [6, 4], [6, 4]]);
        // What goes past a branch reaches the summaries as it is.
        assert_eq!(shapes(serial([dense(2), residual(serial([dense(3), tanh(), dense(2)]))]), &[3]), [[2, 3]]);
    }
}
