//! Copies of some channels, and sums of branches.

use super::pass::{Backward, Forward, Gradients, Operands};
use crate::plan::Step;
use imnn_compute::{Number, vectorised};

/// `y = x`, or `y += x`.
pub(super) fn forward<E: Number>(step: &Step, add: bool, pass: &mut Forward<'_, E>) {
    let channels = step.output.shape.channels;
    let Operands { x, y, .. } = pass.operands(step);
    put((y, step.output.ld), (x, channels), channels, add);
}

/// `g_x = g_y`, or adds it.
pub(super) fn backward<E: Number>(step: &Step, pass: &mut Backward<'_, E>) {
    let channels = step.output.shape.channels;
    let Gradients { gy, gx, .. } = pass.gradients(step);
    put((gx, channels), (gy, step.output.ld), channels, step.accumulate);
}

vectorised! {
    /// `to = from`, or `to += from`, for some channels of all positions, each this many numbers from the one before.
    pub(super) fn put<'a, E>(to: (&'a mut [E], usize), from: (&'a [E], usize), channels: usize, add: bool) {
        for (to, from) in to.0.chunks_mut(to.1).zip(from.0.chunks(from.1)) {
            let (to, from) = (&mut to[..channels], &from[..channels]);
            if add {
                to.iter_mut().zip(from).for_each(|(to, &from)| *to += from);
            } else {
                to.copy_from_slice(from);
            }
        }
    }
}
