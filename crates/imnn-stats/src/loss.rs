//! The loss and its exact gradients with respect to the summaries and their derivatives.

use ndarray::{Array2, Array3, ArrayView1, ArrayView2, ArrayView3, Axis};

use crate::check;
use crate::columns::{all_finite, product};
use crate::covariance::symmetrise;
use crate::derivative::below_above_cotangents;
use crate::error::{Result, StatsError};
use crate::fisher::Statistics;
use crate::penalty::Penalty;
use crate::record::Record;
use crate::regularisation::Regularisation;

/// The loss that an IMNN minimises.
///
/// ```text
/// loss = -ln det F + P(C),       P = r(L2) L2   or   kappa ‖C - I‖²        (see Penalty)
/// ```
///
/// Its gradients are closed forms, with the gradient flowing through `r`, `C` and `C^-1`:
///
/// ```text
/// G_dmu = -2 C^-1 dmu F^-1
/// G_C   = C^-1 dmu F^-1 dmu^T C^-1 + dP/dC
/// dP/dC = (r + L2 r') dL2/dC   or   2 kappa (C - I)
/// dL2/dC = (C - I) / ‖C - I‖ - C^-1 (C^-1 - I) C^-1 / ‖C^-1 - I‖       each term 0 where its norm is 0
/// dloss/dx_i  = 2 / (n_s - 1) G_C (x_i - mu)
/// dloss/ddx_i = G_dmu / n_d                                            the same for every i
/// ```
///
/// # References
/// Charnock, Lavaux & Wandelt 2018, [arXiv:1802.03537](https://arxiv.org/abs/1802.03537).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Loss {
    penalty: Penalty,
}

/// The loss, its statistics and its gradients.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Evaluation {
    /// The loss.
    pub value: f64,
    /// What the history records of it.
    pub record: Record,
    /// Mean, covariance and Fisher information.
    pub statistics: Statistics,
    /// Gradient with respect to the summaries, `(n_s, n_summaries)`.
    pub dloss_dx: Array2<f64>,
    /// Gradient with respect to the derivative of the summaries of one simulation, `(n_summaries, n_params)`: the same
    /// for each of the `n_d`.
    pub dloss_ddx: Array2<f64>,
}

impl Loss {
    /// The loss with a [`Regularisation`] of largest strength `lambda` and closeness `epsilon`.
    ///
    /// # Errors
    /// Settings for which `alpha` is undefined.
    pub fn new(lambda: f64, epsilon: f64) -> Result<Self> {
        Ok(Loss { penalty: Penalty::Strength(Regularisation::new(lambda, epsilon)?) })
    }

    /// The loss `-ln det F + kappa ‖C - I‖²`; for `kappa = 0`, `-ln det F` alone, which does not hold the scale of the
    /// summaries.
    ///
    /// # Errors
    /// If `kappa` is negative, infinite or NaN.
    ///
    /// ```
    /// use imnn_stats::Loss;
    /// use ndarray::{Array3, array};
    ///
    /// // C = 4/3, F = 3: the loss is -ln 3 + 0.5 / 9.
    /// let (x, dx) = (array![[0.0], [2.0], [0.0], [2.0]], Array3::from_elem((4, 1, 1), 2.0));
    /// let value = Loss::squared(0.5)?.evaluate(x.view(), dx.view())?.value;
    /// assert!((value - (-3.0_f64.ln() + 0.5 / 9.0)).abs() < 1e-14);
    /// # Ok::<(), imnn_stats::StatsError>(())
    /// ```
    pub fn squared(kappa: f64) -> Result<Self> {
        Ok(Loss { penalty: Penalty::squared(kappa)? })
    }

    /// The second term.
    pub fn penalty(&self) -> Penalty {
        self.penalty
    }

    /// The loss without its gradients, and what the history records of it.
    ///
    /// # Errors
    /// A covariance so far from the identity that f64 cannot hold the loss.
    pub fn value(&self, statistics: &Statistics) -> Result<(f64, Record)> {
        let record = Record::new(statistics, &self.penalty);
        let value = -statistics.log_det_f + self.penalty.value(statistics.c.view(), record.distance());
        check::in_range("the loss", [&value])?;
        Ok((value, record))
    }

    /// The loss and its gradients, from summaries and their derivatives.
    ///
    /// # Shapes
    /// `x` `(n_s, n_summaries)`, `dx` `(n_d, n_summaries, n_params)`.
    ///
    /// # Errors
    /// As [`Statistics::new`].
    pub fn evaluate(&self, x: ArrayView2<'_, f64>, dx: ArrayView3<'_, f64>) -> Result<Evaluation> {
        self.evaluate_into(x, dx, Array2::zeros((0, 0)))
    }

    /// As [`Loss::evaluate`], with the gradient with respect to the summaries in the memory of `dloss_dx`, such as that of
    /// an earlier evaluation of as many simulations: then nothing is allocated that grows with their number.
    ///
    /// # Errors
    /// As [`Loss::evaluate`].
    pub fn evaluate_into(
        &self,
        x: ArrayView2<'_, f64>,
        dx: ArrayView3<'_, f64>,
        dloss_dx: Array2<f64>,
    ) -> Result<Evaluation> {
        let (statistics, n_d) = (Statistics::new(x, dx)?, dx.len_of(Axis(0)));
        let (value, record) = self.value(&statistics)?;
        let Statistics { mu, score, inv_f, .. } = &statistics;

        let weighted = score.dot(inv_f); // C^-1 dmu F^-1
        let dloss_ddx = &weighted * (-2.0 / n_d as f64);

        let mut g_c = weighted.dot(&score.t());
        self.penalty.add_gradient(&statistics, record.distance(), &mut g_c);
        symmetrise(&mut g_c);
        g_c *= 2.0 / (x.nrows() as f64 - 1.0);
        let dloss_dx = product(x, mu.view(), g_c.view(), dloss_dx);

        if [dloss_dx.as_slice(), dloss_ddx.as_slice_memory_order()].iter().any(|part| !part.is_some_and(all_finite)) {
            return Err(StatsError::OutOfRange { what: "the gradient of the loss" });
        }
        Ok(Evaluation { value, record, statistics, dloss_dx, dloss_ddx })
    }
}

impl Evaluation {
    /// Gradient with respect to the summaries of one simulation below and above, `(2, n_params, n_summaries)`: the same
    /// for each of the `n_d`.
    ///
    /// # Errors
    /// As [`below_above_cotangents`].
    pub fn dloss_dx_mp(&self, delta_theta: ArrayView1<'_, f64>) -> Result<Array3<f64>> {
        below_above_cotangents(self.dloss_ddx.view(), delta_theta)
    }
}
