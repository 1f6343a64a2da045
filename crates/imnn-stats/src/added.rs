//! What summaries add to others that are there already.

use ndarray::{Array, Array2, ArrayView, ArrayView2, ArrayView3, Axis, RemoveAxis, concatenate};

use crate::check;
use crate::covariance::{covariance, symmetrise};
use crate::derivative::mean_derivative;
use crate::error::{Matrix, Result};
use crate::information::FisherEstimate;
use crate::linalg::Positive;

/// The information of summaries t, such as a power spectrum, and what summaries x of the same simulations add to it.
///
/// ```text
/// F = F_t + V S^-1 V^T      F_t = dt^T C_tt^-1 dt
/// S = C_xx - C_xt C_tt^-1 C_tx,     V = dx^T - dt^T C_tt^-1 C_tx
/// ```
///
/// with mean derivatives dt `(n_t, n_params)` and dx `(n_x, n_params)`: S is the covariance of what t does not tell of x, V how
/// that changes with the parameters. On the same simulations this is an identity.
///
/// # References
/// Makinen, Heavens, Porqueres, Charnock, Lapel & Wandelt 2024, [arXiv:2407.18909](https://arxiv.org/abs/2407.18909), eqs. 8
/// to 12.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Added {
    /// The information of t alone.
    pub given: FisherEstimate,
    /// That of t and x together.
    pub both: FisherEstimate,
    /// `V S^-1 V^T` as it is, `(n_params, n_params)`: what finite numbers of simulations add to it is in it.
    pub raw: Array2<f64>,
    /// What x adds without the biases of finite numbers of simulations, the difference of both F; absent where one of them is.
    pub f: Option<Array2<f64>>,
}

impl Added {
    /// What x adds to t.
    ///
    /// # Shapes
    /// `t` `(n_s, n_t)`, `dt` `(n_d, n_t, n_params)`, `x` `(n_s, n_x)`, `dx` `(n_d, n_x, n_params)`; row i belongs to simulation i.
    ///
    /// # Errors
    /// Shapes that do not match, and those of [`FisherEstimate::new`] for t and for both together.
    ///
    /// ```
    /// use imnn_stats::Added;
    /// use ndarray::{Array3, array};
    ///
    /// // Independent summaries of variance 4/3 with derivatives 2 and 1: F_t = 3, and x adds 3/4.
    /// let t = array![[0.0], [2.0], [0.0], [2.0]];
    /// let x = array![[0.0], [0.0], [2.0], [2.0]];
    /// let [dt, dx] = [2.0, 1.0].map(|derivative| Array3::from_elem((4, 1, 1), derivative));
    /// let added = Added::new([t.view(), x.view()], [dt.view(), dx.view()])?;
    /// assert!((added.raw[[0, 0]] - 0.75).abs() < 1e-14);
    /// # Ok::<(), imnn_stats::StatsError>(())
    /// ```
    pub fn new([t, x]: [ArrayView2<'_, f64>; 2], [dt, dx]: [ArrayView3<'_, f64>; 2]) -> Result<Self> {
        let (n_t, n_x, n_params) = (t.ncols(), x.ncols(), dt.len_of(Axis(2)));
        check::shape("x", &x, &[t.nrows(), n_x])?;
        check::shape("dt", &dt, &[dt.len_of(Axis(0)), n_t, n_params])?;
        check::shape("dx", &dx, &[dt.len_of(Axis(0)), n_x, n_params])?;
        let given = FisherEstimate::new(t, dt)?;
        // Of the same numbers of rows, as was just checked.
        let (all, d_all) = (beside(&[t, x]), beside(&[dt, dx]));
        let both = FisherEstimate::new(all.view(), d_all.view())?;
        let (_, c) = covariance(all.view())?;
        let dmu = mean_derivative(d_all.view())?;
        let (rows_t, rows_x) = c.view().split_at(Axis(0), n_t);
        let ((c_tt, c_tx), (_, c_xx)) = (rows_t.split_at(Axis(1), n_t), rows_x.split_at(Axis(1), n_t));
        let (dmu_t, dmu_x) = dmu.view().split_at(Axis(0), n_t);
        let regression = Positive::new(Matrix::Covariance, c_tt)?.inverse.dot(&c_tx);
        let mut s = &c_xx - &c_tx.t().dot(&regression);
        symmetrise(&mut s);
        let v = &dmu_x - &regression.t().dot(&dmu_t);
        let whitened = Positive::new(Matrix::Covariance, s.view())?.whiten(v.view());
        let f = given.f.as_ref().zip(both.f.as_ref()).map(|(given, both)| both - given);
        Ok(Added { given, both, raw: whitened.t().dot(&whitened), f })
    }
}

/// Arrays one beside the other, whose other axes are known to agree.
fn beside<D: RemoveAxis>(arrays: &[ArrayView<'_, f64, D>]) -> Array<f64, D> {
    concatenate(Axis(1), arrays).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::Array3;

    /// Numbers that look random.
    fn number(k: usize) -> f64 {
        ((k * 2654435761) % 1009) as f64 / 504.5 - 1.0
    }

    fn set(n_s: usize, n_d: usize, n: usize, p: usize, first: usize) -> (Array2<f64>, Array3<f64>) {
        let x = Array2::from_shape_fn((n_s, n), |(i, j)| number(first + 31 * i + 7 * j));
        (
            x,
            Array3::from_shape_fn((n_d, n, p), |(i, j, a)| {
                1.0 + number(first + 3 + 17 * i + 5 * j + a) + a as f64 * j as f64
            }),
        )
    }

    #[test]
    fn what_is_given_and_what_is_added_are_the_whole() {
        let ((t, dt), (mut x, dx)) = (set(200, 60, 3, 2, 1), set(200, 60, 2, 2, 4001));
        // With much in common.
        x.column_mut(0).scaled_add(2.0, &t.column(1));
        let added = Added::new([t.view(), x.view()], [dt.view(), dx.view()]).unwrap();
        let sum = &added.given.raw + &added.raw;
        for (found, expected) in sum.iter().zip(&added.both.raw) {
            assert!((found - expected).abs() < 1e-10 * expected.abs().max(1.0), "{sum} {}", added.both.raw);
        }
        let of = |estimate: &FisherEstimate| estimate.f.clone().unwrap();
        assert_eq!(added.f.unwrap(), of(&added.both) - of(&added.given));
    }

    #[test]
    fn a_linear_map_of_x_and_one_that_takes_t_away_add_the_same() {
        let ((t, dt), (x, dx)) = (set(100, 40, 2, 2, 1), set(100, 40, 2, 2, 9001));
        let one = Added::new([t.view(), x.view()], [dt.view(), dx.view()]).unwrap();
        let (mut y, mut dy) = (3.0 * &x, 3.0 * &dx);
        y -= &(0.7 * &t);
        dy -= &(0.7 * &dt);
        let other = Added::new([t.view(), y.view()], [dt.view(), dy.view()]).unwrap();
        assert!((&one.raw - &other.raw).iter().all(|d| d.abs() < 1e-10), "{} {}", one.raw, other.raw);
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let ((t, dt), (x, dx)) = (set(50, 20, 2, 2, 1), set(49, 20, 2, 2, 3));
        assert!(
            Added::new([t.view(), x.view()], [dt.view(), dx.view()]).unwrap_err().to_string().contains("x has shape")
        );
        let (x, dx) = set(50, 19, 2, 2, 3);
        assert!(
            Added::new([t.view(), x.view()], [dt.view(), dx.view()]).unwrap_err().to_string().contains("dx has shape")
        );
        let (x, _) = set(50, 20, 2, 2, 3);
        assert!(Added::new([t.view(), t.view()], [dt.view(), dt.view()]).is_err());
        let (_, dx) = set(50, 20, 2, 3, 3);
        assert!(Added::new([t.view(), x.view()], [dt.view(), dx.view()]).is_err());
    }
}
