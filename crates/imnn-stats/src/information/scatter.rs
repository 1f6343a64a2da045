//! The derivatives of the simulations in units in which the covariance of the summaries is the identity, their scatter,
//! and what it does to the Fisher matrix.

use ndarray::{Array1, Array2, ArrayView2, ArrayView3, Axis, Slice};

use super::law::{Law, student};
use crate::linalg::Positive;

/// Derivatives, whitened: `y = L^-1 dx` with `C = L L^T`, so that `dx_p^T C^-1 dx_q = y_p . y_q`.
pub(super) struct Whitened {
    /// Their mean, `(n_params, n_summaries)`.
    pub(super) mean: Array2<f64>,
    /// What each differs from it, `(n_d, n_params n_summaries)`.
    pub(super) deviations: Array2<f64>,
}

impl Whitened {
    /// `dx` `(n_d, n_summaries, n_params)`.
    pub(super) fn new(covariance: &Positive, dx: ArrayView3<'_, f64>, dmu: ArrayView2<'_, f64>) -> Self {
        let (n_d, n_summaries, n_params) = dx.dim();
        let columns = Array2::from_shape_fn((n_summaries, n_d * n_params), |(a, column)| {
            let (i, p) = (column / n_params, column % n_params);
            dx[[i, a, p]] - dmu[[a, p]]
        });
        let whitened = covariance.whiten(columns.view());
        let deviations = Array2::from_shape_fn((n_d, n_params * n_summaries), |(i, k)| {
            let (p, a) = (k / n_summaries, k % n_summaries);
            whitened[[a, i * n_params + p]]
        });
        Whitened { mean: covariance.whiten(dmu).reversed_axes(), deviations }
    }

    pub(super) fn n_d(&self) -> usize {
        self.deviations.nrows()
    }

    fn n_summaries(&self) -> usize {
        self.mean.ncols()
    }

    fn n_params(&self) -> usize {
        self.mean.nrows()
    }

    /// `y_p` of all simulations, less the mean.
    fn of(&self, parameter: usize) -> ArrayView2<'_, f64> {
        let n = self.n_summaries();
        self.deviations.slice_axis(Axis(1), Slice::from(parameter * n..(parameter + 1) * n))
    }

    /// `tr(C^-1 S_pq)` of the covariance of the derivatives.
    pub(super) fn traces(&self) -> Array2<f64> {
        let n_params = self.n_params();
        let degrees = self.n_d() as f64 - 1.0;
        Array2::from_shape_fn((n_params, n_params), |(p, q)| (&self.of(p) * &self.of(q)).sum() / degrees)
    }

    /// The mean over every `step`th simulation, from the `start`th on.
    pub(super) fn mean_of(&self, start: usize, step: usize) -> Array2<f64> {
        let rows = self.deviations.slice_axis(Axis(0), Slice::new(start as isize, None, step as isize));
        let sums = rows.sum_axis(Axis(0)) / rows.nrows() as f64;
        let mut mean = self.mean.clone();
        mean.iter_mut().zip(sums).for_each(|(mean, sum)| *mean += sum);
        mean
    }

    /// `t[p, q] = tr(B_p B_q) + tr B_p tr B_q` of the coefficients B of the regression `dx_p = B_p x` on the summaries of
    /// the same simulations, `z` `(n_d, n_summaries)`, whitened and less their mean.
    ///
    /// A derivative of the seed of a simulation has a part that follows the simulation, as of an amplitude, `dx = x`.
    /// B is the sum over simulations of `y z^T`; only pairs of different ones enter the products, so that the scatter
    /// of a simulation is not taken for a correlation.
    pub(super) fn following(&self, z: ArrayView2<'_, f64>) -> Array2<f64> {
        let (n_params, n_d) = (self.n_params(), self.n_d() as f64);
        let coefficients: Vec<Array2<f64>> = (0..n_params).map(|p| self.of(p).t().dot(&z) / (n_d - 1.0)).collect();
        let own: Vec<Array1<f64>> = (0..n_params).map(|p| (&self.of(p) * &z).sum_axis(Axis(1)) / (n_d - 1.0)).collect();
        let pairs = n_d / (n_d - 1.0);
        Array2::from_shape_fn((n_params, n_params), |(p, q)| {
            let (b, c) = (&coefficients[p], &coefficients[q]);
            pairs * ((b * &c.t()).sum() + b.diag().sum() * c.diag().sum() - 2.0 * own[p].dot(&own[q]))
        })
    }
}

/// The second moments of whitened derivatives, from which the variance of every function of F follows.
pub(super) struct Scatter {
    n_d: f64,
    moments: Moments,
}

impl Scatter {
    /// Of whitened derivatives, two at least, where `C^-1` is multiplied by `factor`.
    ///
    /// Simulations are `z` `(n_d, n_summaries)`, whitened and less their mean. Derivatives that follow them are in C too,
    /// which makes their scatter look small; see [`Law::seen`] for by how much. Their part along their own simulation is
    /// made larger by it. What any derivative has along any simulation, that of the next row, is taken from that again.
    /// The mean over all simulations is what C has not seen, that of the first `n_d` differs from it by what C has seen.
    pub(super) fn new(y: &Whitened, z: ArrayView2<'_, f64>, law: Law, factor: f64) -> Self {
        let n_d = y.n_d();
        let moments = |own: f64, step: usize| {
            let mut deviations = y.deviations.clone();
            for (i, mut row) in deviations.rows_mut().into_iter().enumerate() {
                let z = z.row((i + step) % n_d);
                let square = z.dot(&z).max(f64::MIN_POSITIVE);
                for mut y in row.exact_chunks_mut(z.len()) {
                    let along = (own - 1.0) * z.dot(&y) / square;
                    y.scaled_add(along, &z);
                }
            }
            Moments::new(&deviations, &y.mean, factor)
        };
        let (linear, square) = law.seen();
        let share = n_d as f64 / law.n_s();
        let mut all = moments(1.0, 0);
        let (own, next) = (moments(linear, 0), moments(linear, 1));
        all.linear.scaled_add(share, &(own.linear - next.linear));
        let (own, next) = (moments(square, 0), moments(square, 1));
        all.products.scaled_add(share, &(own.products - next.products));
        all.traces.scaled_add(share, &(own.traces - next.traces));
        Scatter { n_d: n_d as f64, moments: all }
    }

    /// `tr(T Lambda T Lambda)` for a symmetric T, without what the scatter of the scatter adds.
    ///
    /// The trace of the square of a sample covariance of n degrees of freedom is too large; with the square of the trace it
    /// makes an unbiased one (Bai & Saranadasa 1996, Stat. Sinica 6, 311): `n^2 / ((n - 1)(n + 2)) [tr S^2 - (tr S)^2 / n]`.
    pub(super) fn squares(&self, t: &Array2<f64>) -> f64 {
        let degrees = self.n_d - 1.0;
        if degrees < 2.0 {
            return 0.0;
        }
        let n_params = t.nrows();
        let pairs = n_params * n_params;
        // sum over p, q, r, s of T[p, q] T[r, s] tr(Lambda_rp Lambda_qs)
        let mut square = 0.0;
        for k in 0..pairs {
            let (r, p) = (k / n_params, k % n_params);
            for l in 0..pairs {
                let (s, q) = (l / n_params, l % n_params);
                square += t[[p, q]] * t[[r, s]] * self.moments.products[[k, l]];
            }
        }
        let trace = (t * &self.moments.traces).sum();
        let factor = degrees * degrees / ((degrees - 1.0) * (degrees + 2.0));
        (factor * (square - trace * trace / degrees)).max(0.0)
    }

    /// The variance of `sum T[p, q] F[p, q]` for a symmetric T that comes from a finite number of derivatives.
    ///
    /// F without its noise is the mean over pairs of different simulations of `y_p . y_q`, so that
    ///
    /// ```text
    /// var = 4 mean^T T Lambda T mean / n_d + 2 tr(T Lambda T Lambda) / (n_d (n_d - 1))
    /// ```
    ///
    /// (Hoeffding 1948, Ann. Math. Stat. 19, 293, eq. 5.13), where the mean that is known has a scatter of its own.
    pub(super) fn variance(&self, t: &Array2<f64>) -> f64 {
        let flat: Array1<f64> = t.iter().copied().collect();
        let linear = 4.0 * flat.dot(&self.moments.linear.dot(&flat)) / self.n_d;
        let squares = self.squares(t);
        let pairs = 2.0 * squares / (self.n_d * (self.n_d - 1.0));
        (linear - 4.0 * squares / (self.n_d * self.n_d)).max(0.0) + pairs
    }

    /// The same as the square of an error bar: of few derivatives, the scatter itself is known badly.
    pub(super) fn squared_error(&self, t: &Array2<f64>) -> f64 {
        self.variance(t) * student(self.n_d - 1.0).powi(2)
    }
}

/// Second moments of deviations.
struct Moments {
    /// `tr Lambda_pq`, of the covariance of `dx_p` and `dx_q`.
    traces: Array2<f64>,
    /// The covariance of `c[p, q] = mean_p . y_q`.
    linear: Array2<f64>,
    /// `tr(Lambda_rp Lambda_qs)` at `[(r, p), (s, q)]`.
    products: Array2<f64>,
}

impl Moments {
    fn new(deviations: &Array2<f64>, mean: &Array2<f64>, factor: f64) -> Self {
        let (n_params, n_summaries) = mean.dim();
        let covariance = deviations.t().dot(deviations) * (factor / (deviations.nrows() as f64 - 1.0));
        let of = |p: usize| Slice::from(p * n_summaries..(p + 1) * n_summaries);
        let block = |p: usize, q: usize| covariance.slice_axis(Axis(0), of(p)).slice_axis(Axis(1), of(q)).to_owned();
        let pairs = n_params * n_params;
        let mut blocks = Array2::zeros((pairs, n_summaries * n_summaries));
        let mut traces = Array2::zeros((n_params, n_params));
        for (k, mut row) in blocks.rows_mut().into_iter().enumerate() {
            let block = block(k / n_params, k % n_params);
            traces[[k / n_params, k % n_params]] = block.diag().sum();
            row.iter_mut().zip(block).for_each(|(to, value)| *to = value);
        }
        let linear = Array2::from_shape_fn((pairs, pairs), |(k, l)| {
            let (p, q, r, s) = (k / n_params, k % n_params, l / n_params, l % n_params);
            factor * mean.row(p).dot(&block(q, s).dot(&mean.row(r)))
        });
        Moments { traces, linear, products: blocks.dot(&blocks.t()) }
    }
}
