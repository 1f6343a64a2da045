//! Distances between simulated and observed summaries.

use std::fmt;
use std::sync::Arc;

use imnn_prior::Cholesky;
use ndarray::{Array1, Array2, Array3, ArrayView2, Axis};

use crate::check;
use crate::error::{InferError, Result};
use crate::pairs::Pairs;
use crate::weights;

/// A matrix for all targets, or one for each.
#[derive(Clone, Debug)]
pub enum Metric {
    /// `(q, q)`.
    Same(Array2<f64>),
    /// `(n_targets, q, q)`.
    Each(Array3<f64>),
}

impl From<Array2<f64>> for Metric {
    fn from(matrix: Array2<f64>) -> Self {
        Metric::Same(matrix)
    }
}

impl From<Array3<f64>> for Metric {
    fn from(matrices: Array3<f64>) -> Self {
        Metric::Each(matrices)
    }
}

/// A distance of one's own, `(x, target)`.
pub type Own = dyn Fn(&[f64], &[f64]) -> f64 + Send + Sync;

/// How far simulated summaries are from those of the target.
#[derive(Clone)]
pub enum Distance {
    /// `sqrt((x - x_o)^T F (x - x_o))`, for summaries that are estimates of the parameters; one F, or one for each
    /// target.
    Fisher(Metric),
    /// `sqrt((x - x_o)^T C^-1 (x - x_o))` with the covariance C of the summaries.
    Mahalanobis(Metric),
    /// `|x - x_o|`.
    Euclidean,
    /// Any function of `x` and the target; a NaN is never accepted.
    Own(Arc<Own>),
}

impl fmt::Debug for Distance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Distance::Fisher(metric) => f.debug_tuple("Fisher").field(metric).finish(),
            Distance::Mahalanobis(metric) => f.debug_tuple("Mahalanobis").field(metric).finish(),
            Distance::Euclidean => f.write_str("Euclidean"),
            Distance::Own(_) => f.write_str("Own"),
        }
    }
}

impl Distance {
    /// A distance of one's own.
    pub fn own(distance: impl Fn(&[f64], &[f64]) -> f64 + Send + Sync + 'static) -> Self {
        Distance::Own(Arc::new(distance))
    }

    /// The Mahalanobis distance by the covariance of the summaries of these pairs.
    ///
    /// Summaries that do not vary are given the variance 1, so that they only count where the target differs from them.
    ///
    /// # Errors
    /// If two summaries are the same up to a factor and an offset.
    pub fn mahalanobis_of(pairs: &Pairs) -> Result<Self> {
        let n = pairs.len();
        let weights = Array1::from_elem(n, 1.0 / n as f64);
        let mut covariance = weights::covariance(pairs.x(), weights.view());
        for j in pairs.constant_summaries() {
            covariance.row_mut(j).fill(0.0);
            covariance.column_mut(j).fill(0.0);
            covariance[[j, j]] = 1.0;
        }
        root(covariance.view(), true, "the covariance of the summaries")?;
        Ok(Distance::Mahalanobis(covariance.into()))
    }

    /// The distance for each of the targets.
    pub(crate) fn resolved(&self, n_targets: usize, q: usize) -> Result<Vec<Resolved>> {
        let of = |metric: &Metric, inverse: bool, what: &'static str| -> Result<Vec<Resolved>> {
            let one = |matrix: ArrayView2<'_, f64>| {
                check::finite("metric", &matrix)?;
                Ok(Resolved::Root(root(matrix, inverse, what)?))
            };
            match metric {
                Metric::Same(matrix) => {
                    check::shape("metric", matrix.shape(), &[q, q])?;
                    Ok(vec![one(matrix.view())?; n_targets])
                }
                Metric::Each(matrices) => {
                    check::shape("metric", matrices.shape(), &[n_targets, q, q])?;
                    matrices.axis_iter(Axis(0)).map(one).collect()
                }
            }
        };
        match self {
            Distance::Fisher(metric) => of(metric, false, "the Fisher information of the distance"),
            Distance::Mahalanobis(metric) => of(metric, true, "the covariance of the summaries"),
            Distance::Euclidean => Ok(vec![Resolved::Root(Array2::eye(q)); n_targets]),
            Distance::Own(own) => Ok(vec![Resolved::Own(own.clone()); n_targets]),
        }
    }

    /// Whether distances are in units of the errors of estimates, so that it is known how much wider a posterior they
    /// make.
    pub(crate) fn is_fisher(&self) -> bool {
        matches!(self, Distance::Fisher(_))
    }
}

/// A matrix R with `R^T R = M`, or `M^-1`.
fn root(matrix: ArrayView2<'_, f64>, inverse: bool, what: &'static str) -> Result<Array2<f64>> {
    let n = matrix.nrows();
    let factor = Cholesky::new(matrix).ok_or_else(|| InferError::Singular {
        what: format!("{what} ({n} x {n})"),
        advice: "some summaries are (nearly) linear combinations of others; leave them out".into(),
    })?;
    if !inverse {
        return Ok(factor.lower().t().to_owned());
    }
    let mut whitening = Array2::zeros((n, n));
    for j in 0..n {
        let unit = Array1::from_shape_fn(n, |i| if i == j { 1.0 } else { 0.0 });
        whitening.column_mut(j).assign(&factor.whiten(unit.view()));
    }
    Ok(whitening)
}

/// The distance of one target, ready to be computed many times.
#[derive(Clone)]
pub(crate) enum Resolved {
    Root(Array2<f64>),
    Own(Arc<Own>),
}

impl Resolved {
    pub(crate) fn of(&self, x: &[f64], target: &[f64]) -> f64 {
        match self {
            Resolved::Own(own) => own(x, target),
            Resolved::Root(root) => {
                let q = x.len();
                let squares = (0..q).map(|i| {
                    let sum: f64 = (0..q).map(|j| root[[i, j]] * (x[j] - target[j])).sum();
                    sum * sum
                });
                squares.sum::<f64>().sqrt()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    #[test]
    fn distances_have_their_metrics() {
        let (x, target) = ([1.0, 2.0], [0.0, 0.0]);
        let of = |distance: Distance| distance.resolved(1, 2).unwrap()[0].of(&x, &target);
        let fisher = array![[2.0, 0.5], [0.5, 1.0]];
        // 2 + 2 (0.5) 2 + 4
        assert!((of(Distance::Fisher(fisher.clone().into())) - 8.0_f64.sqrt()).abs() < 1e-14);
        assert!((of(Distance::Mahalanobis(array![[4.0, 0.0], [0.0, 1.0]].into())) - 4.25_f64.sqrt()).abs() < 1e-14);
        assert!((of(Distance::Euclidean) - 5.0_f64.sqrt()).abs() < 1e-15);
        assert_eq!(of(Distance::own(|x, o| (x[0] - o[0]).abs())), 1.0);
        let each = ndarray::stack![Axis(0), fisher, Array2::<f64>::eye(2)];
        let both = Distance::Fisher(each.into()).resolved(2, 2).unwrap();
        assert_eq!(both[1].of(&x, &target), 5.0_f64.sqrt());
    }

    #[test]
    fn constant_and_collinear_summaries() {
        let theta = Array2::zeros((50, 1));
        let x = Array2::from_shape_fn((50, 2), |(k, j)| if j == 0 { k as f64 } else { 3.0 });
        let pairs = Pairs::new(theta.clone(), x, crate::Invalid::Refuse).unwrap();
        assert_eq!(pairs.constant_summaries(), [1]);
        Distance::mahalanobis_of(&pairs).unwrap();
        let x = Array2::from_shape_fn((50, 2), |(k, j)| (1 + j) as f64 * k as f64);
        let pairs = Pairs::new(theta, x, crate::Invalid::Refuse).unwrap();
        let error = Distance::mahalanobis_of(&pairs).unwrap_err().to_string();
        assert!(
            error.contains("(2 x 2) is not positive definite: some summaries are (nearly) linear combinations"),
            "{error}"
        );
    }
}
