//! Maxima over windows.
//!
//! ```text
//! forward   y[o, c] = x[k*, c],  k* = argmax_k x[position(o, k), c]: the first of equals, a NaN above all
//! tangent   t'[o, c] = t[k*, c]
//! backward  g_x[k*, c] += g_y[o, c]
//! ```

use super::pass::{Backward, Forward, Gradients, Operands};
use crate::plan::{MaxPool, Step};
use imnn_compute::{Number, vectorised};
use imnn_models::{OUTSIDE, Windows};

/// Writes the output of all rows, and the positions of the maxima.
pub(super) fn forward<E: Number>(MaxPool { windows, indices }: &MaxPool, step: &Step, pass: &mut Forward<'_, E>) {
    let (to, rows) = (step.output, pass.rows);
    let (ld, channels, n_selected) = (to.ld, to.shape.channels, to.shape.size());
    let Operands { x, y, indices: saved, .. } = pass.operands(step);
    let found = &mut saved[indices * rows.n..][..n_selected * rows.n];
    let size = windows.n_inputs * channels;
    let (values, tangents) = x.split_at(rows.n * size);
    max(windows, channels, values, y, ld, found);
    if rows.tangents > 0 {
        let y = &mut y[rows.n * to.shape.positions * ld..];
        select(tangents, size, (y, ld, channels), found, n_selected, |r| r / rows.tangents);
    }
}

/// Adds to the gradient of the input.
pub(super) fn backward<E: Number>(MaxPool { windows, indices }: &MaxPool, step: &Step, pass: &mut Backward<'_, E>) {
    let (ld, channels, n_selected) = (step.output.ld, step.output.shape.channels, step.output.shape.size());
    let found = &pass.saved.indices[indices * pass.rows.n..][..n_selected * pass.rows.n];
    let of = pass.value_row();
    let Gradients { gy, gx, .. } = pass.gradients_to_add(step);
    select_back(gx, windows.n_inputs * channels, (gy, ld, channels), found, n_selected, of);
}

vectorised! {
    /// Maxima of the values `x` `(n, inputs, channels)`, and their positions in the row.
    fn max<'a, E>(
        windows: &'a Windows,
        channels: usize,
        x: &'a [E],
        y: &'a mut [E],
        ld: usize,
        indices: &'a mut [u32],
    ) {
        let n_outputs = windows.n_outputs();
        let rows = x.chunks_exact(windows.n_inputs * channels);
        for (row, (x, found)) in rows.zip(indices.chunks_exact_mut(n_outputs * channels)).enumerate() {
            for (o, found) in found.chunks_exact_mut(channels).enumerate() {
                let best = &mut y[(row * n_outputs + o) * ld..][..channels];
                let mut inside = windows.window(o).iter().filter(|&&tap| tap != OUTSIDE);
                // A window always covers at least one position inside the data.
                let first = inside.next().map_or(0, |&tap| tap as usize * channels);
                best.copy_from_slice(&x[first..first + channels]);
                found.iter_mut().zip(first as u32..).for_each(|(found, at)| *found = at);
                for &tap in inside {
                    let at = tap as usize * channels;
                    let candidates = x[at..at + channels].iter().zip(at as u32..);
                    for ((best, found), (&x, at)) in best.iter_mut().zip(&mut *found).zip(candidates) {
                        let larger = x > *best || (x.is_nan() && !best.is_nan());
                        *best = if larger { x } else { *best };
                        *found = if larger { at } else { *found };
                    }
                }
            }
        }
    }
}

/// `y = x` at the positions of the maxima; row r of `x` follows the choice of the values' row `of(r)`.
fn select<E: Number>(
    x: &[E],
    size: usize,
    (y, ld, channels): (&mut [E], usize, usize),
    indices: &[u32],
    n_selected: usize,
    of: impl Fn(usize) -> usize,
) {
    let n_outputs = n_selected / channels;
    for (r, x) in x.chunks_exact(size).enumerate() {
        let found = &indices[of(r) * n_selected..][..n_selected];
        for (o, found) in found.chunks_exact(channels).enumerate() {
            let y = &mut y[(r * n_outputs + o) * ld..][..channels];
            y.iter_mut().zip(found).for_each(|(y, &at)| *y = x[at as usize]);
        }
    }
}

/// `g_x += g_y` at the positions of the maxima.
fn select_back<E: Number>(
    gx: &mut [E],
    size: usize,
    (gy, ld, channels): (&[E], usize, usize),
    indices: &[u32],
    n_selected: usize,
    of: impl Fn(usize) -> usize,
) {
    let n_outputs = n_selected / channels;
    for (r, gx) in gx.chunks_exact_mut(size).enumerate() {
        let found = &indices[of(r) * n_selected..][..n_selected];
        for (o, found) in found.chunks_exact(channels).enumerate() {
            let gy = &gy[(r * n_outputs + o) * ld..][..channels];
            gy.iter().zip(found).for_each(|(&gy, &at)| gx[at as usize] += gy);
        }
    }
}
