//! The symmetries of a grid, and a uniform draw of one.

use imnn_sim::Key;
use rand::Rng;

use super::Augmentation;
use crate::DataError;

/// The symmetries to draw from of one grid.
///
/// ```text
/// seen[c_0, ..., c_k] = data[d],   d[perm(j)] = (c_j or L_j - 1 - c_j) + shift_j  mod L_j
/// ```
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Symmetries {
    input_shape: Vec<usize>,
    axes: Vec<usize>,
    augmentation: Augmentation,
}

impl Symmetries {
    pub(super) fn new(input_shape: &[usize], axes: &[usize], augmentation: Augmentation) -> Result<Self, DataError> {
        let refuse = |what: &str, advice| {
            let (input_shape, what) = (input_shape.to_vec(), what.to_owned());
            Err(DataError::Augmentation { input_shape, what, advice })
        };
        for (i, axis) in axes.iter().enumerate() {
            if *axis >= input_shape.len() {
                return refuse(&format!("axis {axis}"), "there is no such axis");
            }
            if axes[..i].contains(axis) {
                return refuse(&format!("axis {axis}"), "it is given twice");
            }
        }
        if augmentation.transpose {
            if axes.len() < 2 {
                return refuse(
                    "transpose",
                    "there is one spatial axis (the last axis is channels; give images an axis of channels, (height, width, 1)); set transpose = false",
                );
            }
            if axes.iter().any(|&axis| input_shape[axis] != input_shape[axes[0]]) {
                return refuse("transpose", "the spatial axes differ in length; set transpose = false");
            }
        }
        Ok(Self { input_shape: input_shape.to_vec(), axes: axes.to_vec(), augmentation })
    }

    /// The number of values of a simulation.
    pub(super) fn len(&self) -> usize {
        self.input_shape.iter().product()
    }

    /// Draws a symmetry with `key`: `from[i]` is the place of value i of the simulation as seen.
    pub(super) fn draw(&self, key: Key, from: &mut Vec<usize>) {
        let mut rng = key.rng();
        let Augmentation { shift, flip, transpose } = self.augmentation;
        // Axis j as seen is axis sources[j] of the data.
        let mut sources: Vec<usize> = (0..self.input_shape.len()).collect();
        if transpose {
            // Fisher and Yates.
            for last in (1..self.axes.len()).rev() {
                let other = below(&mut rng, last + 1);
                sources.swap(self.axes[last], self.axes[other]);
            }
        }
        let strides = strides(&self.input_shape);
        from.clear();
        from.push(0);
        let mut offsets = Vec::new();
        let mut longer = Vec::with_capacity(self.len());
        for (axis, &length) in self.input_shape.iter().enumerate() {
            let spatial = self.axes.contains(&axis);
            let flipped = spatial && flip && below(&mut rng, 2) == 1;
            let shifted = if spatial && shift { below(&mut rng, length) } else { 0 };
            if length == 1 {
                continue;
            }
            offsets.clear();
            offsets.extend((0..length).map(|at| {
                let at = if flipped { length - 1 - at } else { at };
                strides[sources[axis]] * ((at + shifted) % length)
            }));
            longer.clear();
            for &start in from.iter() {
                longer.extend(offsets.iter().map(|offset| start + offset));
            }
            std::mem::swap(from, &mut longer);
        }
    }
}

/// A number below `n`, each with the same probability but for 2^-64 n.
fn below(rng: &mut impl Rng, n: usize) -> usize {
    let scaled = u128::from(rng.next_u64()) * n as u128;
    // The upper half of the product is below n.
    (scaled >> 64) as usize
}

/// How far neighbours along each axis are apart in row-major order.
fn strides(shape: &[usize]) -> Vec<usize> {
    let mut strides = vec![1; shape.len()];
    for axis in (1..shape.len()).rev() {
        strides[axis - 1] = strides[axis] * shape[axis];
    }
    strides
}
