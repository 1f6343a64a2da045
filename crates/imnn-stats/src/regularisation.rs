//! Regularisation: how far the covariance is from the identity, and the strength of the penalty.

use ndarray::{Array2, ArrayView2};

use crate::error::{Result, StatsError};

/// Strength of the regularisation as a function of the covariance's distance from the identity.
///
/// ```text
/// r(L2) = lambda L2 / (L2 + exp(-alpha L2)),     alpha = -ln(epsilon (lambda - 1) + epsilon^2 / (1 + epsilon)) / epsilon
/// ```
///
/// `r` rises from 0 at `C = I` to `lambda` far from it, so that the regularisation sets the scale of the summaries and
/// then lets go. `lambda` is the largest strength, `epsilon` how close to the identity the covariance should come:
/// `r(epsilon) = lambda epsilon / (epsilon + epsilon (lambda - 1) + epsilon^2 / (1 + epsilon))`, close to 1.
///
/// `alpha` is negative where `epsilon (lambda - 1) + epsilon^2 / (1 + epsilon) > 1`. Then `r` goes to 0 far from the
/// identity and the regularisation does not hold; value and gradient stay right, see [`Regularisation::alpha`].
///
/// # References
/// Charnock, Lavaux & Wandelt 2018, [arXiv:1802.03537](https://arxiv.org/abs/1802.03537); the form with `alpha` is that
/// of the Python package `imnn` 0.3.2 (whose documentation prints a minus sign in the denominator, its code a plus).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Regularisation {
    lambda: f64,
    epsilon: f64,
    alpha: f64,
}

impl Regularisation {
    /// Regularisation with largest strength `lambda` and closeness `epsilon`.
    ///
    /// # Errors
    /// `epsilon` not positive and finite, or `lambda` not finite or not larger than `1 / (1 + epsilon)`: there `alpha` is
    /// undefined.
    ///
    /// ```
    /// use imnn_stats::Regularisation;
    ///
    /// let regularisation = Regularisation::new(2.0, 1.0)?;
    /// assert!((regularisation.alpha() + 1.5_f64.ln()).abs() < 1e-15); // -ln(1 (2 - 1) + 1 / 2)
    /// assert!(Regularisation::new(0.5, 0.1).is_err());
    /// # Ok::<(), imnn_stats::StatsError>(())
    /// ```
    pub fn new(lambda: f64, epsilon: f64) -> Result<Self> {
        let refused = || StatsError::Regularisation { lambda, epsilon };
        if !(epsilon > 0.0 && epsilon.is_finite() && lambda.is_finite()) {
            return Err(refused());
        }
        let argument = epsilon * (lambda - 1.0) + epsilon * (epsilon / (1.0 + epsilon));
        let alpha = -argument.ln() / epsilon;
        if !(argument > 0.0 && alpha.is_finite()) {
            return Err(refused());
        }
        Ok(Regularisation { lambda, epsilon, alpha })
    }

    /// The largest strength.
    pub fn lambda(&self) -> f64 {
        self.lambda
    }

    /// The closeness to the identity that is aimed at.
    pub fn epsilon(&self) -> f64 {
        self.epsilon
    }

    /// The rate `alpha`; negative where the regularisation fades far from the identity.
    pub fn alpha(&self) -> f64 {
        self.alpha
    }

    /// The strength `r` at distance `lambda2 >= 0`.
    ///
    /// ```
    /// use imnn_stats::Regularisation;
    ///
    /// let regularisation = Regularisation::new(10.0, 0.1)?;
    /// assert_eq!(regularisation.strength(0.0), 0.0);
    /// assert!((regularisation.strength(1e3) - 10.0).abs() < 1e-12);
    /// # Ok::<(), imnn_stats::StatsError>(())
    /// ```
    pub fn strength(&self, lambda2: f64) -> f64 {
        let exponent = self.alpha * lambda2;
        // The exponential is taken on the side where it is at most 1, so that it cannot overflow.
        if exponent >= 0.0 {
            self.lambda * (lambda2 / (lambda2 + (-exponent).exp()))
        } else {
            let grown = lambda2 * exponent.exp();
            self.lambda * (grown / (grown + 1.0))
        }
    }

    /// The derivative `dr/dL2` at distance `lambda2 >= 0`.
    ///
    /// ```text
    /// r' = lambda e (1 + alpha L2) / (L2 + e)^2,     e = exp(-alpha L2)
    /// ```
    pub fn strength_derivative(&self, lambda2: f64) -> f64 {
        let exponent = self.alpha * lambda2;
        let decay = (-exponent.abs()).exp();
        // Where the exponential has vanished so has the derivative, whatever multiplies it.
        if decay == 0.0 {
            return 0.0;
        }
        let denominator = if exponent >= 0.0 { lambda2 + decay } else { lambda2 * decay + 1.0 };
        self.lambda * (decay / denominator) * ((1.0 + exponent) / denominator)
    }

    /// The derivative of the term `r L2` of the loss, through `r` as well: `r + L2 r'`.
    pub fn term_derivative(&self, lambda2: f64) -> f64 {
        self.strength(lambda2) + lambda2 * self.strength_derivative(lambda2)
    }
}

/// Distance of the covariance from the identity.
///
/// ```text
/// L2 = ‖C - I‖ + ‖C^-1 - I‖          Frobenius norms, not squared
/// ```
///
/// # Shapes
/// Both `(n_summaries, n_summaries)`.
///
/// ```
/// use imnn_stats::lambda2;
/// use ndarray::array;
///
/// let (c, inv_c) = (array![[4.0, 0.0], [0.0, 1.0]], array![[0.25, 0.0], [0.0, 1.0]]);
/// assert_eq!(lambda2(c.view(), inv_c.view()), 3.75); // 3 + 3/4
/// ```
pub fn lambda2(c: ArrayView2<'_, f64>, inv_c: ArrayView2<'_, f64>) -> f64 {
    Departure::new(c).norm + Departure::new(inv_c).norm
}

/// Derivative of [`lambda2`] with respect to the covariance.
///
/// ```text
/// dL2/dC = (C - I) / ‖C - I‖ - C^-1 (C^-1 - I) C^-1 / ‖C^-1 - I‖         each term 0 where its norm is 0
/// ```
pub(crate) fn departure_derivative(c: ArrayView2<'_, f64>, inv_c: ArrayView2<'_, f64>) -> Array2<f64> {
    let inverse = Departure::new(inv_c).direction;
    Departure::new(c).direction - inv_c.dot(&inverse).dot(&inv_c)
}

/// A matrix minus the identity, as norm and direction.
pub(crate) struct Departure {
    pub(crate) norm: f64,
    /// The difference over its norm; zero where the norm is.
    pub(crate) direction: Array2<f64>,
}

impl Departure {
    pub(crate) fn new(matrix: ArrayView2<'_, f64>) -> Self {
        let mut direction = matrix.to_owned();
        direction.diag_mut().mapv_inplace(|value| value - 1.0);
        let largest = direction.fold(0.0_f64, |largest, value| largest.max(value.abs()));
        if largest == 0.0 {
            return Departure { norm: 0.0, direction };
        }
        // Dividing first keeps the squares within range.
        direction /= largest;
        let norm = direction.fold(0.0, |sum, value| sum + value * value).sqrt();
        direction /= norm;
        Departure { norm: largest * norm, direction }
    }
}

#[cfg(test)]
mod tests {
    use approx::assert_relative_eq;
    use ndarray::{Array2, array};

    use super::*;

    /// The formula as it is printed, where it does not overflow.
    fn plain(regularisation: &Regularisation, l: f64) -> (f64, f64) {
        let e = (-regularisation.alpha() * l).exp();
        let r = regularisation.lambda() * l / (l + e);
        (r, regularisation.lambda() * e * (1.0 + regularisation.alpha() * l) / (l + e).powi(2))
    }

    #[test]
    fn both_branches_are_the_printed_formula() {
        for (lambda, epsilon) in [(10.0, 0.1), (2.0, 1.0), (100.0, 0.1), (1.0, 0.3), (0.95, 0.1)] {
            let regularisation = Regularisation::new(lambda, epsilon).unwrap();
            for l in [0.0, 1e-3, 0.1, 1.0, 7.0] {
                let (r, derivative) = plain(&regularisation, l);
                assert_relative_eq!(regularisation.strength(l), r, max_relative = 1e-13);
                assert_relative_eq!(regularisation.strength_derivative(l), derivative, max_relative = 1e-13);
            }
        }
    }

    #[test]
    fn negative_alpha_stays_finite_where_the_exponential_overflows() {
        let regularisation = Regularisation::new(100.0, 0.1).unwrap();
        assert!(regularisation.alpha() < 0.0);
        let l = 200.0; // alpha l is about -4600, exp of it underflows, of minus it overflows
        assert!((-regularisation.alpha() * l).exp().is_infinite());
        assert_eq!(regularisation.strength(l), 0.0);
        assert_eq!(regularisation.strength_derivative(l), 0.0);
        // Just inside the range: r = lambda l e^{alpha l} to first order.
        let l = 25.0;
        let expected = 100.0 * l * (regularisation.alpha() * l).exp();
        assert_relative_eq!(regularisation.strength(l), expected, max_relative = 1e-12);
    }

    #[test]
    fn extreme_distances_do_not_give_nan() {
        for (lambda, epsilon) in [(10.0, 0.1), (100.0, 0.1), (10.0, 1e-12), (1.0, 1e-3)] {
            let regularisation = Regularisation::new(lambda, epsilon).unwrap();
            for l in [0.0, f64::MIN_POSITIVE, 1e-8, 1.0, 1e8, 1e200, f64::MAX] {
                assert!(regularisation.strength(l).is_finite(), "{lambda} {epsilon} {l}");
                assert!(regularisation.strength_derivative(l).is_finite(), "{lambda} {epsilon} {l}");
            }
        }
    }

    #[test]
    fn undefined_alpha_is_refused() {
        for (lambda, epsilon) in [
            (0.0, 0.1),
            (0.5, 0.1),
            (1.0 / 1.1 - 1e-9, 0.1),
            (f64::NAN, 0.1),
            (f64::INFINITY, 0.1),
            (10.0, 0.0),
            (10.0, -0.1),
            (10.0, f64::NAN),
            (10.0, f64::INFINITY),
            (1.0, 1e-200),
        ] {
            assert!(Regularisation::new(lambda, epsilon).is_err(), "{lambda} {epsilon}");
        }
        assert!(Regularisation::new(1.0 / 1.1 + 1e-9, 0.1).is_ok());
    }

    #[test]
    fn derivative_is_zero_at_the_identity() {
        let identity = Array2::eye(3);
        assert_eq!(lambda2(identity.view(), identity.view()), 0.0);
        assert_eq!(departure_derivative(identity.view(), identity.view()), Array2::<f64>::zeros((3, 3)));
    }

    #[test]
    fn huge_entries_do_not_overflow_the_norm() {
        let c = array![[1e200, 0.0], [0.0, 1e200]];
        let inv_c = array![[1e-200, 0.0], [0.0, 1e-200]];
        assert_relative_eq!(lambda2(c.view(), inv_c.view()), 2.0_f64.sqrt() * 1e200, max_relative = 1e-14);
    }
}
