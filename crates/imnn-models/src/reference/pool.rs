//! The definition of pools.

use crate::element::Element;
use crate::error::Result;
use crate::tape::{Dual, Matrix, to_vec, unary};
use crate::windows::{OUTSIDE, Windows};
use dfdx::shapes::HasShape;
use std::sync::Arc;

/// The largest number of each window; tangents follow the choice that the values made.
pub(super) fn max<E: Element>(windows: &Windows, input: Dual<E>) -> Result<Dual<E>> {
    let chosen = largest(input.values(), windows);
    let n = input.values().shape().0;
    input.linear(|x| {
        let per_row = x.shape().0 / n;
        select(x, chosen.clone(), per_row)
    })
}

/// The mean of each window.
pub(super) fn mean<E: Element>(windows: &Arc<Windows>, input: Dual<E>) -> Result<Dual<E>> {
    input.linear(|x| window_mean(x, windows))
}

/// The mean of each window over the positions inside the data, per channel.
fn window_mean<E: Element>(x: Matrix<E>, windows: &Arc<Windows>) -> Result<Matrix<E>> {
    let (n, size) = *x.shape();
    let channels = size / windows.n_inputs;
    let n_outputs = windows.n_outputs();
    let weights: Vec<E> = (0..n_outputs)
        .map(|o| {
            let inside = windows.window(o).iter().filter(|&&tap| tap != OUTSIDE).count();
            E::of(1.0 / inside.max(1) as f64)
        })
        .collect();
    let data = to_vec(&x);
    let mut output = vec![E::default(); n * n_outputs * channels];
    for (row, out) in data.chunks_exact(size).zip(output.chunks_exact_mut(n_outputs * channels)) {
        for (o, out) in out.chunks_exact_mut(channels).enumerate() {
            for &tap in windows.window(o).iter().filter(|&&tap| tap != OUTSIDE) {
                let x = &row[tap as usize * channels..][..channels];
                out.iter_mut().zip(x).for_each(|(y, &x)| *y += weights[o] * x);
            }
        }
    }
    let windows = windows.clone();
    unary(x, (n, n_outputs * channels), output, move |g, gx| {
        for (row, g) in gx.chunks_exact_mut(size).zip(g.chunks_exact(n_outputs * channels)) {
            for (o, g) in g.chunks_exact(channels).enumerate() {
                for &tap in windows.window(o).iter().filter(|&&tap| tap != OUTSIDE) {
                    let gx = &mut row[tap as usize * channels..][..channels];
                    gx.iter_mut().zip(g).for_each(|(gx, &g)| *gx += weights[o] * g);
                }
            }
        }
    })
}

/// Which element of its row is the largest of each window, per channel: `(n, outputs * channels)`. The first one wins a
/// tie; a NaN wins over everything, so that it is not lost.
fn largest<E: Element>(x: &Matrix<E>, windows: &Windows) -> Arc<Vec<u32>> {
    let (n, size) = *x.shape();
    let channels = size / windows.n_inputs;
    let data = to_vec(x);
    let mut index = Vec::with_capacity(n * windows.n_outputs() * channels);
    for row in data.chunks_exact(size) {
        for o in 0..windows.n_outputs() {
            for c in 0..channels {
                let mut best: Option<usize> = None;
                for &tap in windows.window(o).iter().filter(|&&tap| tap != OUTSIDE) {
                    let at = tap as usize * channels + c;
                    if best.is_none_or(|best| row[at] > row[best] || (row[at].is_nan() && !row[best].is_nan())) {
                        best = Some(at);
                    }
                }
                // A window always covers at least one position inside the data.
                index.push(best.unwrap_or(0) as u32);
            }
        }
    }
    Arc::new(index)
}

/// `y[i, j] = x[i, index[i / per_row, j]]`: takes the chosen elements of each row. Linear, so that tangents follow the
/// choice that the values made (`per_row` tangents for each row of values).
fn select<E: Element>(x: Matrix<E>, index: Arc<Vec<u32>>, per_row: usize) -> Result<Matrix<E>> {
    let (rows, size) = *x.shape();
    let n_selected = index.len() / (rows / per_row);
    let data = to_vec(&x);
    let mut output = Vec::with_capacity(rows * n_selected);
    for (i, row) in data.chunks_exact(size).enumerate() {
        let chosen = &index[i / per_row * n_selected..][..n_selected];
        output.extend(chosen.iter().map(|&j| row[j as usize]));
    }
    unary(x, (rows, n_selected), output, move |g, gx| {
        for (i, row) in gx.chunks_exact_mut(size).enumerate() {
            let chosen = &index[i / per_row * n_selected..][..n_selected];
            let g = &g[i * n_selected..][..n_selected];
            chosen.iter().zip(g).for_each(|(&j, &g)| row[j as usize] += g);
        }
    })
}
