//! Moments of features, added up batch by batch.

use ndarray::{Array1, Array2, ArrayView2, ArrayView3, Axis, Slice};
use std::ops::Range;

use crate::check;
use crate::columns::{gram, sums};
use crate::derivative::mean_derivative;
use crate::error::Result;

/// Mean, covariance and mean derivative of features h of simulations, such as what a network has before its last layer, added
/// up over any number of batches in f64.
///
/// Batches are combined by their means and scatter matrices, so that no digits are lost to large means (Chan, Golub & LeVeque
/// 1983, Am. Stat. 37, 242, eq. 2.1).
#[derive(Clone, Debug, PartialEq)]
pub struct FeatureMoments {
    n_s: usize,
    n_d: usize,
    mean: Array1<f64>,
    /// `sum (h - mean)(h - mean)^T`.
    scatter: Array2<f64>,
    dmu: Array2<f64>,
}

impl FeatureMoments {
    /// The moments of no simulations yet.
    pub fn new(n_features: usize, n_params: usize) -> Self {
        FeatureMoments {
            n_s: 0,
            n_d: 0,
            mean: Array1::zeros(n_features),
            scatter: Array2::zeros((n_features, n_features)),
            dmu: Array2::zeros((n_features, n_params)),
        }
    }

    /// Adds simulations, some of which, possibly none, have derivatives.
    ///
    /// # Shapes
    /// `h` `(n, n_features)`, `dh` `(n_d, n_features, n_params)`.
    ///
    /// # Errors
    /// Shapes that do not match, NaN or infinity.
    pub fn add(&mut self, h: ArrayView2<'_, f64>, dh: ArrayView3<'_, f64>) -> Result<()> {
        let (n_features, n_params) = self.dmu.dim();
        check::shape("h", &h, &[h.nrows(), n_features])?;
        check::shape("dh", &dh, &[dh.len_of(Axis(0)), n_features, n_params])?;
        check::finite("h", &h)?;
        check::finite("dh", &dh)?;
        if !h.is_empty() {
            let mean = sums(h, Array1::zeros(n_features).view()) / h.nrows() as f64;
            self.add_values(h.nrows(), &mean, &gram(h, mean.view()));
        }
        if !dh.is_empty() {
            self.add_derivatives(dh.len_of(Axis(0)), &mean_derivative(dh)?);
        }
        Ok(())
    }

    /// Adds the simulations of other moments of the same features.
    pub fn merge(&mut self, other: &Self) {
        self.add_values(other.n_s, &other.mean, &other.scatter);
        self.add_derivatives(other.n_d, &other.dmu);
    }

    /// The moments of simulations of which each was added so many times, seen in several ways: they count once.
    ///
    /// ```
    /// use imnn_stats::{FeatureMoments, ndarray::{Array2, Array3}};
    /// let mut moments = FeatureMoments::new(1, 1);
    /// let (h, dh) = (Array2::from_elem((5, 1), 1.0), Array3::zeros((5, 1, 1)));
    /// moments.add(h.view(), dh.view())?;
    /// moments.add((-h).view(), dh.view())?;
    /// assert_eq!(moments.seen(2).n_s(), 5);
    /// # Ok::<(), imnn_stats::StatsError>(())
    /// ```
    #[must_use]
    pub fn seen(mut self, times: usize) -> Self {
        let times = times.max(1);
        self.scatter /= times as f64;
        (self.n_s, self.n_d) = (self.n_s / times, self.n_d / times);
        self
    }

    /// The moments of some of the features of the same simulations.
    ///
    /// # Panics
    /// If there are no such features.
    #[must_use]
    pub fn features(&self, part: Range<usize>) -> Self {
        let part = Slice::from(part);
        let of = |array: &Array2<f64>, axis| array.slice_axis(Axis(axis), part).to_owned();
        FeatureMoments {
            n_s: self.n_s,
            n_d: self.n_d,
            mean: self.mean.slice_axis(Axis(0), part).to_owned(),
            scatter: of(&of(&self.scatter, 0), 1),
            dmu: of(&self.dmu, 0),
        }
    }

    /// The moments of `h weight + bias`, `(n_features, n_summaries)` and `(n_summaries)`, of the same simulations.
    pub(crate) fn mapped(&self, weight: &Array2<f64>, bias: &Array1<f64>) -> Self {
        FeatureMoments {
            n_s: self.n_s,
            n_d: self.n_d,
            mean: self.mean.dot(weight) + bias,
            scatter: weight.t().dot(&self.scatter).dot(weight),
            dmu: weight.t().dot(&self.dmu),
        }
    }

    fn add_values(&mut self, n: usize, mean: &Array1<f64>, scatter: &Array2<f64>) {
        let total = self.n_s + n;
        if n == 0 {
            return;
        }
        let step = (mean - &self.mean).insert_axis(Axis(1));
        self.scatter += scatter;
        self.scatter.scaled_add(self.n_s as f64 * n as f64 / total as f64, &step.dot(&step.t()));
        self.mean.scaled_add(n as f64 / total as f64, &step.index_axis(Axis(1), 0));
        self.n_s = total;
    }

    fn add_derivatives(&mut self, n: usize, dmu: &Array2<f64>) {
        self.n_d += n;
        if n > 0 {
            let step = dmu - &self.dmu;
            self.dmu.scaled_add(n as f64 / self.n_d as f64, &step);
        }
    }

    /// Number of simulations.
    pub fn n_s(&self) -> usize {
        self.n_s
    }

    /// Number of simulations with derivatives.
    pub fn n_d(&self) -> usize {
        self.n_d
    }

    /// Number of features.
    pub fn n_features(&self) -> usize {
        self.mean.len()
    }

    /// Number of parameters.
    pub fn n_params(&self) -> usize {
        self.dmu.ncols()
    }

    /// The mean, `(n_features)`.
    pub fn mean(&self) -> &Array1<f64> {
        &self.mean
    }

    /// The covariance with divisor `n_s - 1`, `(n_features, n_features)`.
    pub fn covariance(&self) -> Array2<f64> {
        &self.scatter / (self.n_s.max(2) - 1) as f64
    }

    /// The mean derivative, `(n_features, n_params)`.
    pub fn dmu(&self) -> &Array2<f64> {
        &self.dmu
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{covariance, mean};
    use ndarray::Array3;

    #[test]
    fn batches_add_up_to_all() {
        let h = Array2::from_shape_fn((50, 3), |(i, j)| 1e6 + ((i * 7 + j * 5) % 11) as f64 * (j + 1) as f64);
        let dh = Array3::from_shape_fn((20, 3, 2), |(i, j, a)| ((i * 3 + j + a) % 7) as f64);
        let mut moments = FeatureMoments::new(3, 2);
        let mut rest = moments.clone();
        let (h_1, others) = h.view().split_at(Axis(0), 13);
        let (h_2, h_3) = others.split_at(Axis(0), 7);
        let (dh_1, dh_2) = dh.view().split_at(Axis(0), 13);
        moments.add(h_1, dh_1).unwrap();
        rest.add(h_2, dh_2).unwrap();
        rest.add(h_3, Array3::zeros((0, 3, 2)).view()).unwrap();
        moments.merge(&rest);
        assert_eq!((moments.n_s(), moments.n_d()), (50, 20));
        approx::assert_relative_eq!(*moments.mean(), mean(h.view()).unwrap(), max_relative = 1e-15);
        approx::assert_relative_eq!(moments.covariance(), covariance(h.view()).unwrap().1, max_relative = 1e-11);
        approx::assert_relative_eq!(*moments.dmu(), mean_derivative(dh.view()).unwrap(), max_relative = 1e-14);
    }

    /// Simulations that were added twice are as many as if they were added once; a mirror image beside each makes the mean 0.
    #[test]
    fn what_was_seen_several_ways_counts_once() {
        let h = Array2::from_shape_fn((50, 3), |(i, j)| 2.0 + ((i * 7 + j * 5) % 11) as f64 * (j + 1) as f64);
        let dh = Array3::from_shape_fn((20, 3, 2), |(i, j, a)| ((i * 3 + j + a) % 7) as f64);
        let mut once = FeatureMoments::new(3, 2);
        once.add(h.view(), dh.view()).unwrap();
        let mut twice = once.clone();
        twice.add(h.view(), dh.view()).unwrap();
        let seen = twice.clone().seen(2);
        assert_eq!((twice.n_s(), seen.n_s(), seen.n_d()), (100, 50, 20));
        approx::assert_relative_eq!(*seen.mean(), once.mean(), max_relative = 1e-14);
        approx::assert_relative_eq!(seen.covariance(), once.covariance(), max_relative = 1e-13);
        approx::assert_relative_eq!(*seen.dmu(), once.dmu(), max_relative = 1e-14);
        for times in [0, 1] {
            assert_eq!(once.clone().seen(times), once);
        }
        let mut mirrored = once.clone();
        mirrored.add((-&h).view(), (-&dh).view()).unwrap();
        let seen = mirrored.seen(2);
        approx::assert_abs_diff_eq!(*seen.mean(), &Array1::zeros(3), epsilon = 1e-12);
        let expected = h.t().dot(&h) / 49.0;
        approx::assert_relative_eq!(seen.covariance(), expected, max_relative = 1e-13);
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let mut moments = FeatureMoments::new(3, 2);
        let mut refused = |h: Array2<f64>, dh: Array3<f64>| moments.add(h.view(), dh.view()).unwrap_err().to_string();
        assert!(refused(Array2::zeros((4, 2)), Array3::zeros((1, 3, 2))).contains("h has shape"));
        assert!(refused(Array2::zeros((4, 3)), Array3::zeros((1, 3, 1))).contains("dh has shape"));
        assert!(refused(Array2::from_elem((4, 3), f64::NAN), Array3::zeros((1, 3, 2))).contains("NaN"));
    }
}
