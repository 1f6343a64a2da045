//! The symmetries of a grid, and a uniform draw of one.

use imnn_io::text::tuple;
use imnn_sim::Key;
use rand::Rng;

use super::augmentation::Augmentation;
use crate::DataError;

/// The symmetries to draw from of one grid.
///
/// ```text
/// seen[c_0, ..., c_k] = data[d],   d[perm(j)] = (c_j or L_j - 1 - c_j) + shift_j  mod L_j
/// ```
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Symmetries {
    input_shape: Vec<usize>,
    axes: Vec<usize>,
    augmentation: Augmentation,
}

impl Symmetries {
    pub(crate) fn new(input_shape: &[usize], axes: &[usize], augmentation: Augmentation) -> Result<Self, DataError> {
        let refuse = |what: &str, advice| {
            let shape = tuple(input_shape);
            Err(DataError::Refused(format!("cannot augment simulations of shape {shape} by {what}: {advice}")))
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

    /// Over the spatial axes: all but the last, or the only one.
    pub(crate) fn spatial(input_shape: &[usize], augmentation: Augmentation) -> Result<Self, DataError> {
        let axes: Vec<usize> = (0..input_shape.len().saturating_sub(1).max(1)).collect();
        Self::new(input_shape, &axes, augmentation)
    }

    /// What is drawn from.
    pub(crate) fn augmentation(&self) -> Augmentation {
        self.augmentation
    }

    /// The number of values of a simulation.
    pub(crate) fn len(&self) -> usize {
        self.input_shape.iter().product()
    }

    /// Draws a symmetry with `key` into `draw`: value i of the simulation as seen is that at place i of the result.
    pub(crate) fn draw<'a>(&self, key: Key, draw: &'a mut Draw) -> &'a [usize] {
        let mut rng = key.rng();
        let Augmentation { shift, flip, transpose } = self.augmentation;
        let Draw { sources, offsets, from, longer } = draw;
        sources.clear();
        sources.extend(0..self.input_shape.len());
        if transpose {
            // Fisher and Yates.
            for last in (1..self.axes.len()).rev() {
                let other = below(&mut rng, last + 1);
                sources.swap(self.axes[last], self.axes[other]);
            }
        }
        from.clear();
        from.push(0);
        for (axis, &length) in self.input_shape.iter().enumerate() {
            let spatial = self.axes.contains(&axis);
            let flipped = spatial && flip && below(&mut rng, 2) == 1;
            let shifted = if spatial && shift { below(&mut rng, length) } else { 0 };
            if length == 1 {
                continue;
            }
            let stride = stride(&self.input_shape, sources[axis]);
            offsets.clear();
            offsets.extend((0..length).map(|at| {
                let at = if flipped { length - 1 - at } else { at };
                stride * ((at + shifted) % length)
            }));
            longer.clear();
            for &start in from.iter() {
                longer.extend(offsets.iter().map(|offset| start + offset));
            }
            std::mem::swap(from, longer);
        }
        from
    }
}

/// A symmetry as it is drawn, in memory that is used again.
#[derive(Debug, Default)]
pub(crate) struct Draw {
    /// Axis j as seen is axis sources[j] of the data.
    sources: Vec<usize>,
    /// Of one axis: how far each place is from the beginning.
    offsets: Vec<usize>,
    /// The places of the values, over the axes so far.
    from: Vec<usize>,
    longer: Vec<usize>,
}

/// A number below `n`, each with the same probability but for 2^-64 n.
pub(crate) fn below(rng: &mut impl Rng, n: usize) -> usize {
    let scaled = u128::from(rng.next_u64()) * n as u128;
    // The upper half of the product is below n.
    (scaled >> 64) as usize
}

/// How far neighbours along an axis are apart in row-major order.
fn stride(shape: &[usize], axis: usize) -> usize {
    shape[axis + 1..].iter().product()
}
