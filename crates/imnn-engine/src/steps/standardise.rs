//! Channels less their means, over their deviations.
//!
//! ```text
//! forward   y[o, c] = (x[o, c] - mean[c]) / deviation[c]
//! tangent   t'_a[o, c] = t_a[o, c] / deviation[c]
//! backward  g_x[o, c] = g_y[o, c] / deviation[c], and tangents alike
//! ```

use super::bias::{TILE, repeated};
use super::pass::{Backward, Forward, Gradients, Operands};
use crate::plan::{Plan, Step};
use imnn_compute::{Number, vectorised};
use std::ops::Range;

/// Writes the output of all rows.
pub(super) fn forward<E: Number>(constants: &Range<usize>, step: &Step, pass: &mut Forward<'_, E>) {
    let (plan, n_values) = (pass.plan, pass.rows.n * step.output.shape.size());
    let (mean, deviation) = plan.standardisation(constants);
    let Operands { x, y, .. } = pass.operands(step);
    let (values, tangents) = x.split_at(n_values);
    let (y, pushed) = y.split_at_mut(n_values);
    standardise(mean, deviation, values, y);
    divide(deviation, tangents, pushed, false);
}

/// Writes the gradient of the input, or adds to it.
pub(super) fn backward<E: Number>(constants: &Range<usize>, step: &Step, pass: &mut Backward<'_, E>) {
    let (_, deviation) = pass.plan.standardisation(constants);
    let Gradients { gy, gx, .. } = pass.gradients(step);
    divide(deviation, gy, gx, step.accumulate);
}

impl<E: Number> Plan<E> {
    /// The means and deviations of the channels.
    fn standardisation(&self, constants: &Range<usize>) -> (&[E], &[E]) {
        self.constants[constants.clone()].split_at(constants.len() / 2)
    }
}

vectorised! {
    /// `y = (x - mean) / deviation`, all positions side by side.
    fn standardise<'a, E>(mean: &'a [E], deviation: &'a [E], x: &'a [E], y: &'a mut [E]) {
        let mut tiles = [[E::zero(); TILE]; 2];
        let [means, deviations] = &mut tiles;
        let (mean, deviation) = (repeated(mean, means), repeated(deviation, deviations));
        for (y, x) in y.chunks_mut(mean.len()).zip(x.chunks(mean.len())) {
            for (((y, &x), &mean), &deviation) in y.iter_mut().zip(x).zip(mean).zip(deviation) {
                *y = (x - mean) / deviation;
            }
        }
    }

    /// `to = from / deviation`, or adds that.
    fn divide<'a, E>(deviation: &'a [E], from: &'a [E], to: &'a mut [E], add: bool) {
        let mut tile = [E::zero(); TILE];
        let deviation = repeated(deviation, &mut tile);
        for (to, from) in to.chunks_mut(deviation.len()).zip(from.chunks(deviation.len())) {
            let numbers = to.iter_mut().zip(from).zip(deviation);
            if add {
                numbers.for_each(|((to, &from), &deviation)| *to += from / deviation);
            } else {
                numbers.for_each(|((to, &from), &deviation)| *to = from / deviation);
            }
        }
    }
}
