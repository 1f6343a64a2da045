//! Products with a matrix of few columns, such as the last layer's: too narrow for the tiles of a general product.
//!
//! ```text
//! forward   y[i, j] = sum_l x[i, l] W[l, j]          a dot product each, W transposed
//! backward  g_x[i, :] = sum_j g_y[i, j] W[:, j]      a sum of a few rows, W transposed
//! ```

use crate::number::Number;
use crate::vectorised;

/// Below this many columns these loops are faster than a general product.
pub const NARROW: usize = 8;
/// Numbers summed side by side in a dot product.
const LANES: usize = 16;

vectorised! {
    /// `y = x W` for `x` of `k` numbers per row, from `transposed` = W^T `(n, k)`; rows of `y` lie `ld` apart.
    pub fn forward<'a, E>(y: &'a mut [E], ld: usize, x: &'a [E], transposed: &'a [E], k: usize) {
        let fours = x.len() / (4 * k);
        let (x, x_rest) = x.split_at(fours * 4 * k);
        for (j, w) in transposed.chunks_exact(k).enumerate() {
            for (i, x) in x.chunks_exact(4 * k).enumerate() {
                let dots = four_dots(x, w);
                (0..4).for_each(|r| y[(4 * i + r) * ld + j] = dots[r]);
            }
            for (i, x) in x_rest.chunks_exact(k).enumerate() {
                y[(4 * fours + i) * ld + j] = dot(x, w);
            }
        }
    }
}

vectorised! {
    /// `g_x = g_y W^T`, or `g_x += g_y W^T`, for rows of `g_x` of `k` numbers and rows of `g_y` `ld` apart.
    pub fn backward<'a, E>(
        gx: &'a mut [E],
        accumulate: bool,
        gy: &'a [E],
        ld: usize,
        transposed: &'a [E],
        k: usize,
    ) {
        let n = transposed.len() / k;
        for (gx, gy) in gx.chunks_exact_mut(k).zip(gy.chunks(ld)) {
            let mut set = !accumulate;
            // Two rows at a time: the sum is read and written less often.
            for (gy, w) in gy[..n].chunks(2).zip(transposed.chunks(2 * k)) {
                let (first, second) = w.split_at(k);
                match (gy, set) {
                    (&[g, h], true) => {
                        gx.iter_mut().zip(first).zip(second).for_each(|((gx, &v), &w)| *gx = g * v + h * w);
                    }
                    (&[g, h], false) => {
                        gx.iter_mut().zip(first).zip(second).for_each(|((gx, &v), &w)| *gx += g * v + h * w);
                    }
                    (_, true) => gx.iter_mut().zip(first).for_each(|(gx, &v)| *gx = gy[0] * v),
                    (_, false) => gx.iter_mut().zip(first).for_each(|(gx, &v)| *gx += gy[0] * v),
                }
                set = false;
            }
        }
    }
}

/// The dot products of four rows with `w`: four sums in every lane, so that additions need not wait for each other.
#[inline(always)]
fn four_dots<E: Number>(rows: &[E], w: &[E]) -> [E; 4] {
    let ((a, b), (c, d)) =
        (rows.split_at(2 * w.len()).0.split_at(w.len()), rows.split_at(2 * w.len()).1.split_at(w.len()));
    let (a_lanes, a) = a.as_chunks::<LANES>();
    let (b_lanes, b) = b.as_chunks::<LANES>();
    let (c_lanes, c) = c.as_chunks::<LANES>();
    let (d_lanes, d) = d.as_chunks::<LANES>();
    let (w_lanes, w) = w.as_chunks::<LANES>();
    let [mut p, mut q, mut r, mut s] = [[E::zero(); LANES]; 4];
    for ((((w, a), b), c), d) in w_lanes.iter().zip(a_lanes).zip(b_lanes).zip(c_lanes).zip(d_lanes) {
        for l in 0..LANES {
            p[l] += a[l] * w[l];
            q[l] += b[l] * w[l];
            r[l] += c[l] * w[l];
            s[l] += d[l] * w[l];
        }
    }
    [total(p, a, w), total(q, b, w), total(r, c, w), total(s, d, w)]
}

#[inline(always)]
fn dot<E: Number>(a: &[E], b: &[E]) -> E {
    let mut lanes = [E::zero(); LANES];
    let (a_lanes, a) = a.as_chunks::<LANES>();
    let (b_lanes, b) = b.as_chunks::<LANES>();
    for (a, b) in a_lanes.iter().zip(b_lanes) {
        for l in 0..LANES {
            lanes[l] += a[l] * b[l];
        }
    }
    total(lanes, a, b)
}

/// The sum of all lanes and of what is left of a dot product.
#[inline(always)]
fn total<E: Number>(mut lanes: [E; LANES], a: &[E], b: &[E]) -> E {
    let mut width = LANES;
    while width > 1 {
        width /= 2;
        for l in 0..width {
            lanes[l] += lanes[l + width];
        }
    }
    a.iter().zip(b).fold(lanes[0], |sum, (&a, &b)| sum + a * b)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn narrow_products_are_products() {
        for (m, k, n) in [(1, 1, 1), (5, 16, 2), (7, 130, 3), (4, 17, 7)] {
            let x: Vec<f64> = (0..m * k).map(|i| (i as f64 * 0.7).sin()).collect();
            let w: Vec<f64> = (0..n * k).map(|i| (i as f64 * 0.3).cos()).collect();
            let ld = n + 2;
            let mut y = vec![f64::NAN; m * ld];
            forward(&mut y, ld, &x, &w, k);
            for i in 0..m {
                for j in 0..n {
                    let sum: f64 = (0..k).map(|l| x[i * k + l] * w[j * k + l]).sum();
                    assert!((y[i * ld + j] - sum).abs() < 1e-13 * k as f64);
                }
            }
            y.iter_mut().filter(|y| y.is_nan()).for_each(|y| *y = 0.0);
            let mut gx = vec![1.0; m * k];
            backward(&mut gx, true, &y, ld, &w, k);
            let mut set = vec![f64::NAN; m * k];
            backward(&mut set, false, &y, ld, &w, k);
            for i in 0..m {
                for l in 0..k {
                    let sum: f64 = (0..n).map(|j| y[i * ld + j] * w[j * k + l]).sum();
                    assert!((gx[i * k + l] - 1.0 - sum).abs() < 1e-12 * k as f64);
                    assert!((set[i * k + l] - sum).abs() < 1e-12 * k as f64);
                }
            }
        }
    }
}
