//! Weights and permutations before training.

use super::layout::Layout;
use crate::shuffle::shuffled;
use imnn_compute::Number;
use imnn_sim::Key;
use rand::RngExt;

/// Uniform within ±1/sqrt(fan in) in hidden layers, biases too; 0 in the last.
pub(super) fn weights<E: Number>(layout: &Layout, transforms: usize, key: Key) -> Vec<E> {
    let mut weights = vec![E::zero(); transforms * layout.len];
    for (transform, key) in weights.chunks_exact_mut(layout.len).zip(key.fold_in_each(0..transforms as u64)) {
        let mut rng = key.rng();
        let hidden = layout.layers.len() - 1;
        for layer in &layout.layers[..hidden] {
            let values = &mut transform[layer.range()];
            for block in &layer.blocks {
                let bound = ((block.cols - 1).max(1) as f64).sqrt().recip();
                for row in block.rows.clone() {
                    for value in &mut values[row * layer.cols..][..block.cols] {
                        *value = E::of(bound * (2.0 * rng.random::<f64>() - 1.0));
                    }
                }
            }
        }
    }
    weights
}

/// As they are in the first transform, reversed in transforms 2, 4, ..., drawn in 3, 5, ...
pub(super) fn permutations(transforms: usize, dims: usize, key: Key) -> Vec<Vec<usize>> {
    let drawn = |t: usize| match t {
        0 => (0..dims).collect(),
        _ if t % 2 == 1 => (0..dims).rev().collect(),
        // What is left of the identity or its reverse in two dimensions would be an accident of the key.
        _ if dims <= 2 => (0..dims).collect(),
        _ => shuffled(dims, key.fold_in(t as u64)),
    };
    (0..transforms).map(drawn).collect()
}
