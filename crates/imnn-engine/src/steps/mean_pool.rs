//! Means over windows.
//!
//! ```text
//! forward   y[o, c] = mean of x[position(o, k), c] over the taps inside
//! tangent   the same
//! backward  g_x[position(o, k), c] += g_y[o, c] / taps inside
//! ```

use super::pass::{Backward, Forward, Gradients, Operands};
use crate::plan::Step;
use imnn_compute::{Number, vectorised};
use imnn_models::{OUTSIDE, Windows};

/// Writes the output of all rows.
pub(super) fn forward<E: Number>(windows: &Windows, step: &Step, pass: &mut Forward<'_, E>) {
    let Operands { x, y, .. } = pass.operands(step);
    mean(windows, step.output.shape.channels, x, y, step.output.ld);
}

/// Adds to the gradient of the input.
pub(super) fn backward<E: Number>(windows: &Windows, step: &Step, pass: &mut Backward<'_, E>) {
    let Gradients { gy, gx, .. } = pass.gradients_to_add(step);
    mean_back(windows, step.output.shape.channels, gx, gy, step.output.ld);
}

vectorised! {
    /// Means of all rows of `x`.
    fn mean<'a, E>(windows: &'a Windows, channels: usize, x: &'a [E], y: &'a mut [E], ld: usize) {
        let n_outputs = windows.n_outputs();
        for (row, x) in x.chunks_exact(windows.n_inputs * channels).enumerate() {
            for o in 0..n_outputs {
                let y = &mut y[(row * n_outputs + o) * ld..][..channels];
                let weight = share::<E>(windows, o);
                y.fill(E::zero());
                for &tap in windows.window(o).iter().filter(|&&tap| tap != OUTSIDE) {
                    let x = &x[tap as usize * channels..][..channels];
                    y.iter_mut().zip(x).for_each(|(y, &x)| *y += weight * x);
                }
            }
        }
    }
}

vectorised! {
    /// Adds the gradient of the means to that of their inputs.
    fn mean_back<'a, E>(windows: &'a Windows, channels: usize, gx: &'a mut [E], gy: &'a [E], ld: usize) {
        let n_outputs = windows.n_outputs();
        for (row, gx) in gx.chunks_exact_mut(windows.n_inputs * channels).enumerate() {
            for o in 0..n_outputs {
                let gy = &gy[(row * n_outputs + o) * ld..][..channels];
                let weight = share::<E>(windows, o);
                for &tap in windows.window(o).iter().filter(|&&tap| tap != OUTSIDE) {
                    let gx = &mut gx[tap as usize * channels..][..channels];
                    gx.iter_mut().zip(gy).for_each(|(gx, &gy)| *gx += weight * gy);
                }
            }
        }
    }
}

/// One over the number of taps inside.
fn share<E: Number>(windows: &Windows, o: usize) -> E {
    let inside = windows.window(o).iter().filter(|&&tap| tap != OUTSIDE).count();
    E::of(1.0 / inside.max(1) as f64)
}
