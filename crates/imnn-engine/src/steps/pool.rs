//! Pools.
//!
//! ```text
//! max    forward   y[o, c] = x[k*, c],  k* = argmax_k x[position(o, k), c]: the first of equals, a NaN above all
//!        tangent   t'[o, c] = t[k*, c]
//!        backward  g_x[k*, c] += g_y[o, c]
//! mean   forward   y[o, c] = mean of x[position(o, k), c] over the taps inside
//!        tangent   the same
//!        backward  g_x[position(o, k), c] += g_y[o, c] / taps inside
//! ```

use imnn_compute::{Number, vectorised};
use imnn_models::{OUTSIDE, Windows};

vectorised! {
    /// Maxima of the values `x` `(n, inputs, channels)`, and where in its row each was found.
    pub(super) fn max<'a, E>(
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

/// `y = x` where the maxima were found; row r of `x` follows the choice of the values' row `of(r)`.
pub(super) fn select<E: Number>(
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

/// `g_x += g_y` where the maxima were found.
pub(super) fn select_back<E: Number>(
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

vectorised! {
    /// Means of all rows of `x`.
    pub(super) fn mean<'a, E>(windows: &'a Windows, channels: usize, x: &'a [E], y: &'a mut [E], ld: usize) {
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
    pub(super) fn mean_back<'a, E>(windows: &'a Windows, channels: usize, gx: &'a mut [E], gy: &'a [E], ld: usize) {
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
