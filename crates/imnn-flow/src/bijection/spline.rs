//! The monotonic rational-quadratic spline, Durkan et al. 2019, arXiv:1906.04032, eqs. 4 to 8.
//!
//! ```text
//! K bins on [-B, B], identity outside; in bin k, with xi = (u - x_k) / w_k, s = h_k / w_k, q = xi (1 - xi),
//! t = d_{k+1} + d_k - 2 s:
//! z     = y_k + h_k (s xi^2 + d_k q) / (s + t q)
//! dz/du = s^2 (d_{k+1} xi^2 + 2 s q + d_k (1 - xi)^2) / (s + t q)^2
//! inverse: a = h (s - d_k) + (z - y_k) t,  b = h d_k - (z - y_k) t,  c = -s (z - y_k),  xi = 2 c / (-b - sqrt(b^2 - 4 a c))
//! widths 2 B (m + (1 - m K) softmax), heights likewise, derivatives m + ln(1 + e^{r + o}) inside, 1 at both ends
//! ```
//!
//! m = 1e-3, and o is such that parameters of zero are the identity. Parameters are K rows of widths, K of heights and
//! K - 1 of derivatives. At the ends stands r = 0 in place of a parameter, which makes the derivative 1.
//!
//! Nothing outside the interval enters a quotient or a logarithm: there the formulas are evaluated at its nearer end, and
//! the result is not used.

use imnn_compute::elementary::{exp, exp_negative, ln_1p_and_inverse, ln_normal};
use imnn_compute::{Number, vectorised};

/// Smallest width and height in parts of the interval, and smallest derivative.
const LEAST: f64 = 1e-3;

/// Rows that [`forward`] leaves for [`backward`]: of the bin of each number x, w, y, h, the two parameters of its
/// derivatives, and which it is.
const CHOSEN: usize = 7;
/// The same with two rows of memory.
pub(crate) const KEPT: usize = CHOSEN + 2;

/// The numbers that all pairs share.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Constants<E> {
    bins: usize,
    bound: E,
    /// Width or height: `base + gain softmax`.
    base: E,
    gain: E,
    least: E,
    /// o above.
    offset: E,
}

impl<E: Number> Constants<E> {
    pub fn new(bins: usize, bound: f64) -> Self {
        Constants {
            bins,
            bound: E::of(bound),
            base: E::of(2.0 * bound * LEAST),
            gain: E::of(2.0 * bound * (1.0 - LEAST * bins as f64)),
            least: E::of(LEAST),
            offset: E::of((1.0 - LEAST).exp_m1().ln()),
        }
    }

    /// A derivative from its parameter.
    #[inline(always)]
    fn derivative(self, r: E) -> E {
        let v = r + self.offset;
        let [log, _] = ln_1p_and_inverse(exp_negative(-v.abs()));
        self.least + (if v > E::zero() { v } else { E::zero() }) + log
    }

    /// What [`Constants::derivative`] gains by its parameter.
    #[inline(always)]
    fn slope(self, r: E) -> E {
        let v = r + self.offset;
        let e = exp_negative(-v.abs());
        let inverse = E::one() / (E::one() + e);
        if v > E::zero() { inverse } else { e * inverse }
    }
}

/// Each column of these rows of `n` numbers to its softmax.
#[inline(always)]
fn softmax<E: Number>(rows: &mut [E], n: usize, largest: &mut [E], sum: &mut [E]) {
    largest.copy_from_slice(&rows[..n]);
    for row in rows.chunks_exact(n).skip(1) {
        largest.iter_mut().zip(row).for_each(|(m, &v)| *m = if v > *m { v } else { *m });
    }
    sum.fill(E::zero());
    for row in rows.chunks_exact_mut(n) {
        let (largest, sum) = (&largest[..n], &mut sum[..n]);
        for l in 0..n {
            let e = exp(row[l] - largest[l]);
            row[l] = e;
            sum[l] += e;
        }
    }
    sum.iter_mut().for_each(|sum| *sum = E::one() / *sum);
    for row in rows.chunks_exact_mut(n) {
        row.iter_mut().zip(&*sum).for_each(|(v, &inverse)| *v *= inverse);
    }
}

/// Into `kept`, the bin of each number of `v`: by y if `inverse`, else by x.
#[inline(always)]
fn choose<E: Number>(c: Constants<E>, v: &[E], parameters: &[E], kept: &mut [E], inverse: bool) {
    let (n, bins) = (v.len(), c.bins);
    let (widths, rest) = parameters.split_at(bins * n);
    let (heights, derivatives) = rest.split_at(bins * n);
    let mut rows = kept.chunks_exact_mut(n);
    let mut next = || rows.next().unwrap_or_default();
    let (x, w, y, h) = (next(), next(), next(), next());
    let (left, right, index) = (next(), next(), next());
    let (x_at, y_at) = (next(), next());
    x_at.fill(-c.bound);
    y_at.fill(-c.bound);
    left.fill(E::zero());
    for k in 0..bins {
        let number = E::of(k as f64);
        let (width, height) = (&widths[k * n..][..n], &heights[k * n..][..n]);
        let (x_at, y_at) = (&mut x_at[..n], &mut y_at[..n]);
        let (x, w, y, h, index) = (&mut x[..n], &mut w[..n], &mut y[..n], &mut h[..n], &mut index[..n]);
        for l in 0..n {
            let (width, height) = (width[l].mul_add(c.gain, c.base), height[l].mul_add(c.gain, c.base));
            let knot = if inverse { y_at[l] } else { x_at[l] };
            let inside = v[l] >= knot || k == 0;
            x[l] = if inside { x_at[l] } else { x[l] };
            y[l] = if inside { y_at[l] } else { y[l] };
            w[l] = if inside { width } else { w[l] };
            h[l] = if inside { height } else { h[l] };
            index[l] = if inside { number } else { index[l] };
            x_at[l] += width;
            y_at[l] += height;
        }
        // The parameters left and right of bin k are k - 1 and k.
        let (left, right) = (&mut left[..n], &mut right[..n]);
        if k > 0 {
            let r = &derivatives[(k - 1) * n..][..n];
            (0..n).for_each(|l| left[l] = if index[l] == number { r[l] } else { left[l] });
        }
        if k + 1 < bins {
            let r = &derivatives[k * n..][..n];
            (0..n).for_each(|l| right[l] = if index[l] == number { r[l] } else { right[l] });
        } else {
            (0..n).for_each(|l| right[l] = if index[l] == number { E::zero() } else { right[l] });
        }
    }
}

/// `[value, lowest, highest]`: the value brought between them.
#[inline(always)]
fn clamp<E: Number>(v: E, low: E, high: E) -> E {
    let v = if v < low { low } else { v };
    if v > high { high } else { v }
}

vectorised! {
    /// `z` and `log += ln dz/du`; leaves softmaxes in place of the parameters of widths and heights, and the bins in `kept`.
    pub fn forward<'a, E>(
        c: Constants<E>,
        u: &'a [E],
        parameters: &'a mut [E],
        kept: &'a mut [E],
        z: &'a mut [E],
        log: &'a mut [E],
    ) {
        let (n, bins, one) = (u.len(), c.bins, E::one());
        for rows in parameters[..2 * bins * n].chunks_exact_mut(bins * n) {
            let (largest, sum) = kept.split_at_mut(n);
            softmax(rows, n, largest, &mut sum[..n]);
        }
        choose(c, u, parameters, kept, false);
        let row = |k: usize| &kept[k * n..][..n];
        let (x, w, y, h, left, right) = (row(0), row(1), row(2), row(3), row(4), row(5));
        let (z, log) = (&mut z[..n], &mut log[..n]);
        for l in 0..n {
            let inside = u[l] > -c.bound && u[l] < c.bound;
            let (d0, d1) = (c.derivative(left[l]), c.derivative(right[l]));
            let inverse_w = one / w[l];
            let xi = clamp((clamp(u[l], -c.bound, c.bound) - x[l]) * inverse_w, E::zero(), one);
            let (s, rest) = (h[l] * inverse_w, one - xi);
            let q = xi * rest;
            let inverse = one / (d1 + d0 - s - s).mul_add(q, s);
            let value = y[l] + h[l] * (s * xi * xi + d0 * q) * inverse;
            let slope = d1 * xi * xi + (s + s) * q + d0 * rest * rest;
            let gain = ln_normal(s * s * slope * inverse * inverse);
            z[l] = if inside { value } else { u[l] };
            log[l] += if inside { gain } else { E::zero() };
        }
    }

    /// `u` and `log += ln dz/du`; changes the parameters as [`forward`] does.
    pub fn inverse<'a, E>(
        c: Constants<E>,
        z: &'a [E],
        parameters: &'a mut [E],
        kept: &'a mut [E],
        u: &'a mut [E],
        log: &'a mut [E],
    ) {
        let (n, bins) = (z.len(), c.bins);
        let (one, two) = (E::one(), E::of(2.0));
        for rows in parameters[..2 * bins * n].chunks_exact_mut(bins * n) {
            let (largest, sum) = kept.split_at_mut(n);
            softmax(rows, n, largest, &mut sum[..n]);
        }
        choose(c, z, parameters, kept, true);
        let row = |k: usize| &kept[k * n..][..n];
        let (x, w, y, h, left, right) = (row(0), row(1), row(2), row(3), row(4), row(5));
        let (u, log) = (&mut u[..n], &mut log[..n]);
        for l in 0..n {
            let inside = z[l] > -c.bound && z[l] < c.bound;
            let (d0, d1) = (c.derivative(left[l]), c.derivative(right[l]));
            let s = h[l] / w[l];
            let t = d1 + d0 - two * s;
            let above = clamp(clamp(z[l], -c.bound, c.bound) - y[l], E::zero(), h[l]);
            let (a, b) = (h[l] * (s - d0) + above * t, h[l] * d0 - above * t);
            let minus_c = s * above;
            // The discriminant is positive but for rounding; both terms of the divisor have one sign, so nothing cancels.
            let root = clamp(b * b + E::of(4.0) * a * minus_c, E::zero(), E::max_value()).sqrt();
            let xi = clamp(two * minus_c / (b + root), E::zero(), one);
            let rest = one - xi;
            let q = xi * rest;
            let inverse = one / t.mul_add(q, s);
            let slope = d1 * xi * xi + two * s * q + d0 * rest * rest;
            let gain = ln_normal(s * s * slope * inverse * inverse);
            u[l] = if inside { xi.mul_add(w[l], x[l]) } else { z[l] };
            log[l] += if inside { gain } else { E::zero() };
        }
    }

    /// From `g`, the gradients with respect to z and log, those with respect to u and to all parameters, with what
    /// [`forward`] left. Overwrites `kept`.
    pub fn backward<'a, E>(
        c: Constants<E>,
        u: &'a [E],
        parameters: &'a [E],
        kept: &'a mut [E],
        g: [&'a [E]; 2],
        gradients: [&'a mut [E]; 2],
    ) {
        let (n, bins) = (u.len(), c.bins);
        let [gz, glog] = g;
        let [gu, gparameters] = gradients;
        let (one, two) = (E::one(), E::of(2.0));
        let mut rows = kept.chunks_exact_mut(n);
        let mut next = || &mut rows.next().unwrap_or_default()[..n];
        let (x, w, y, h, left, right, index) = (next(), next(), next(), next(), next(), next(), next());
        let (width_sum, height_sum) = (next(), next());
        let (gz, glog, gu) = (&gz[..n], &glog[..n], &mut gu[..n]);
        for l in 0..n {
            let inside = u[l] > -c.bound && u[l] < c.bound;
            let (d0, d1) = (c.derivative(left[l]), c.derivative(right[l]));
            let inverse_w = one / w[l];
            let xi = clamp((clamp(u[l], -c.bound, c.bound) - x[l]) * inverse_w, E::zero(), one);
            let (s, rest) = (h[l] * inverse_w, one - xi);
            let (q, bend, t) = (xi * rest, rest - xi, d1 + d0 - two * s);
            let inverse = one / t.mul_add(q, s);
            let top = s * xi * xi + d0 * q;
            let slope = d1 * xi * xi + two * s * q + d0 * rest * rest;
            let inverse_slope = one / slope;
            // z = y + h top / bottom: its derivatives with respect to top and bottom.
            let (by_top, by_bottom) = (h[l] * inverse, -h[l] * top * inverse * inverse);
            let (g, gl) = (gz[l], glog[l]);
            let gxi = g * (by_top * (two * s * xi + d0 * bend) + by_bottom * t * bend)
                + gl * (two * (d1 * xi + s * bend - d0 * rest) * inverse_slope - two * t * bend * inverse);
            let gs = g * (by_top * xi * xi + by_bottom * (one - two * q))
                + gl * two * (one / s + q * inverse_slope - (one - two * q) * inverse);
            let gd0 = g * (by_top + by_bottom) * q + gl * (rest * rest * inverse_slope - two * q * inverse);
            let gd1 = g * by_bottom * q + gl * (xi * xi * inverse_slope - two * q * inverse);
            let none = E::zero();
            gu[l] = if inside { gxi * inverse_w } else { g };
            // Of the bin itself, then of all before it: x is the sum of their widths, y of their heights.
            w[l] = if inside { -(gs * s + gxi * xi) * inverse_w } else { none };
            x[l] = if inside { -gxi * inverse_w } else { none };
            h[l] = if inside { g * top * inverse + gs * inverse_w } else { none };
            y[l] = if inside { g } else { none };
            left[l] = if inside { gd0 * c.slope(left[l]) } else { none };
            right[l] = if inside { gd1 * c.slope(right[l]) } else { none };
        }
        width_sum.fill(E::zero());
        height_sum.fill(E::zero());
        for k in 0..bins {
            let number = E::of(k as f64);
            let (width, height) = (&parameters[k * n..][..n], &parameters[(bins + k) * n..][..n]);
            let (gwidth, rest) = gparameters[k * n..].split_at_mut(n);
            let gheight = &mut rest[(bins - 1) * n..][..n];
            let gwidth = &mut gwidth[..n];
            for l in 0..n {
                let (before, own) = (number < index[l], number == index[l]);
                let gw = if own { w[l] } else { E::zero() };
                let gh = if own { h[l] } else { E::zero() };
                let gw = c.gain * width[l] * if before { x[l] } else { gw };
                let gh = c.gain * height[l] * if before { y[l] } else { gh };
                gwidth[l] = gw;
                gheight[l] = gh;
                width_sum[l] += gw;
                height_sum[l] += gh;
            }
        }
        for (rows, sum) in [(0, &*width_sum), (bins, &*height_sum)] {
            for k in rows..rows + bins {
                let (soft, g) = (&parameters[k * n..][..n], &mut gparameters[k * n..][..n]);
                (0..n).for_each(|l| g[l] -= soft[l] * sum[l]);
            }
        }
        for k in 0..bins - 1 {
            // Parameter k is right of bin k and left of bin k + 1.
            let (own, next) = (E::of(k as f64), E::of((k + 1) as f64));
            let g = &mut gparameters[(2 * bins + k) * n..][..n];
            for l in 0..n {
                let at_left = if index[l] == next { left[l] } else { E::zero() };
                g[l] = if index[l] == own { right[l] } else { at_left };
            }
        }
    }
}
