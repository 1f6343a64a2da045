//! Gaussian draws of unknown mean and variance.

use super::settings::BuiltInSettings;
use crate::simulator::check_positive;
use crate::{Key, SimError, Simulator, check_parameters};
use serde::{Deserialize, Serialize};

/// `n_data` independent Gaussian draws; the parameters are their mean `mu` and variance `Sigma`.
///
/// ```text
/// d_i = mu + sqrt(Sigma) z_i,      z_i ~ N(0, 1)
/// dd_i/dmu = 1,                    dd_i/dSigma = z_i / (2 sqrt(Sigma))
/// F = diag(n / Sigma, n / (2 Sigma^2))
/// ```
///
/// The first problem of the paper. No linear function of the data knows about the variance, so a
/// network has to find the sum of squares.
///
/// # Shapes
///
/// `theta = (mu, Sigma)`, data `(n_data)`.
///
/// # References
/// T. Charnock, G. Lavaux, B. D. Wandelt, Phys. Rev. D 97, 083004 (2018). The Fisher
/// information is that of M. Tegmark, A. Taylor, A. Heavens, ApJ 480, 22 (1997), eq. 15, with
/// `C = Sigma I`.
///
/// ```
/// use imnn_sim::{GaussianMeanVariance, SimError};
///
/// let simulator = GaussianMeanVariance { n_data: 10 };
/// assert_eq!(simulator.fisher(&[0.0, 1.0])?, [10.0, 0.0, 0.0, 5.0]);
/// # Ok::<(), SimError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct GaussianMeanVariance {
    /// The number of draws in one simulation, at least 1.
    pub n_data: usize,
}

/// Ten draws.
impl Default for GaussianMeanVariance {
    fn default() -> Self {
        GaussianMeanVariance { n_data: 10 }
    }
}

impl BuiltInSettings for GaussianMeanVariance {
    type Simulator = Self;

    const KEYS: &'static [&'static str] = &["n_data"];
    const HELP: &'static str = "n_data Gaussian draws (10); theta = (mean, variance)";

    fn simulator(&self) -> Result<Self, SimError> {
        self.check_settings()?;
        Ok(*self)
    }
}

impl GaussianMeanVariance {
    fn check_settings(&self) -> Result<(), SimError> {
        match self.n_data {
            0 => Err(SimError::setting("GaussianMeanVariance", "n_data", 0.0, "at least 1")),
            _ => Ok(()),
        }
    }

    /// The exact Fisher information matrix, `(2, 2)` row-major.
    ///
    /// # Errors
    /// Those of [`Simulator::check`].
    pub fn fisher(&self, theta: &[f64]) -> Result<Vec<f64>, SimError> {
        self.check(theta)?;
        let (n, variance) = (self.n_data as f64, theta[1]);
        Ok(vec![n / variance, 0.0, 0.0, n / (2.0 * variance * variance)])
    }
}

impl Simulator for GaussianMeanVariance {
    fn n_params(&self) -> usize {
        2
    }

    fn data_shape(&self) -> Vec<usize> {
        vec![self.n_data]
    }

    /// Asks for finite values, a variance above 0 and at least one draw.
    fn check(&self, theta: &[f64]) -> Result<(), SimError> {
        self.check_settings()?;
        check_parameters(2, theta)?;
        check_positive(theta, 1, "variance")
    }

    fn simulate(&self, key: Key, theta: &[f64], data: &mut [f64]) {
        let (mean, deviation) = (theta[0], theta[1].sqrt());
        key.fill_normal(data);
        for value in data {
            *value = mean + deviation * *value;
        }
    }

    fn simulate_with_derivative(&self, key: Key, theta: &[f64], data: &mut [f64], derivative: &mut [f64]) {
        let (mean, deviation) = (theta[0], theta[1].sqrt());
        key.fill_normal(data);
        let (by_mean, by_variance) = derivative.split_at_mut(data.len());
        by_mean.fill(1.0);
        for (value, slope) in data.iter_mut().zip(by_variance) {
            let z = *value;
            *value = mean + deviation * z;
            *slope = z / (2.0 * deviation);
        }
    }
}

#[cfg(test)]
mod tests {
    use num_dual::DualNum;
    use proptest::prelude::*;
    use rand::distr::Distribution;
    use rand_distr::StandardNormal;

    use super::*;
    use crate::testing::{assert_derivative, kolmogorov_smirnov, largest_difference};
    use crate::{DualSimulator, ForwardMode};

    /// The same simulator, differentiated by dual numbers.
    struct Generic {
        n_data: usize,
    }

    impl DualSimulator for Generic {
        fn n_params(&self) -> usize {
            2
        }

        fn data_shape(&self) -> Vec<usize> {
            vec![self.n_data]
        }

        fn simulate<D: DualNum<Primitive = f64> + Copy>(&self, key: Key, theta: &[D], data: &mut [D]) {
            let mut rng = key.rng();
            let deviation = theta[1].sqrt();
            for value in data {
                let z: f64 = StandardNormal.sample(&mut rng);
                *value = theta[0] + deviation * z;
            }
        }
    }

    proptest! {
        #[test]
        fn the_derivative_is_that_of_dual_numbers(
            seed: u64, n_data in 1_usize..20, mean in -5.0..5.0, variance in 0.05..20.0,
        ) {
            let (key, theta) = (Key::new(seed), [mean, variance]);
            let by_hand = GaussianMeanVariance { n_data }.draw_with_derivative(key, &theta).unwrap();
            let by_duals =
                ForwardMode(Generic { n_data }).draw_with_derivative(key, &theta).unwrap();
            prop_assert_eq!(by_hand.0, by_duals.0);
            prop_assert!(largest_difference(&by_hand.1, &by_duals.1) < 1e-13);
        }

        #[test]
        fn the_derivative_is_that_of_central_differences(
            seed: u64, n_data in 1_usize..20, mean in -5.0..5.0, variance in 0.05..20.0,
        ) {
            let simulator = GaussianMeanVariance { n_data };
            let steps = [1e-3, 1e-4 * variance];
            assert_derivative(&simulator, Key::new(seed), &[mean, variance], &steps, 1e-7);
        }
    }

    #[test]
    fn seed_matched_simulations_share_their_noise() {
        let simulator = GaussianMeanVariance { n_data: 50 };
        let standard = simulator.draw(Key::new(5), &[0.0, 1.0]).unwrap();
        let other = simulator.draw(Key::new(5), &[3.0, 4.0]).unwrap();
        let expected: Vec<f64> = standard.iter().map(|z| 3.0 + 2.0 * z).collect();
        assert_eq!(other, expected);
        assert_ne!(simulator.draw(Key::new(6), &[0.0, 1.0]).unwrap(), standard);
    }

    #[test]
    fn the_draws_are_normal() {
        let simulator = GaussianMeanVariance { n_data: 40_000 };
        let data = simulator.draw(Key::new(8), &[-2.0, 9.0]).unwrap();
        let standardised = data.iter().map(|d| (d + 2.0) / 3.0).collect();
        assert!(kolmogorov_smirnov(standardised) < 1.95);
    }

    /// The score `dlnL/dtheta`, linear in the sufficient statistics, has the covariance `F`.
    #[test]
    fn the_fisher_matrix_is_the_covariance_of_the_score() {
        let (simulator, theta) = (GaussianMeanVariance { n_data: 10 }, [0.7, 2.5]);
        let fisher = simulator.fisher(&theta).unwrap();
        let n = 20_000;
        let mut covariance = [0.0; 4];
        for i in 0..n {
            let data = simulator.draw(Key::new(2).fold_in(i), &theta).unwrap();
            let mut score = [0.0; 2];
            for d in data {
                let residual = d - theta[0];
                score[0] += residual / theta[1];
                score[1] += 0.5 * (residual * residual / theta[1] - 1.0) / theta[1];
            }
            for a in 0..2 {
                for b in 0..2 {
                    covariance[2 * a + b] += score[a] * score[b] / n as f64;
                }
            }
        }
        for a in 0..2 {
            for b in 0..2 {
                // The error of a covariance of Gaussian numbers. The excess kurtosis 12/10 of a
                // chi-square of ten degrees makes it larger by at most 1.3, so this is 4.6 of them.
                let error = ((fisher[3 * a] * fisher[3 * b] + fisher[2 * a + b].powi(2)) / n as f64).sqrt();
                let deviation = covariance[2 * a + b] - fisher[2 * a + b];
                assert!(deviation.abs() < 6.0 * error, "{a} {b}: {deviation} of {error}");
            }
        }
    }

    #[test]
    fn the_fisher_matrix_is_the_law() {
        let simulator = GaussianMeanVariance { n_data: 10 };
        assert_eq!(simulator.fisher(&[0.0, 1.0]).unwrap(), [10.0, 0.0, 0.0, 5.0]);
        assert_eq!(simulator.fisher(&[3.0, 2.0]).unwrap(), [5.0, 0.0, 0.0, 1.25]);
    }

    #[test]
    fn bad_parameters_are_refused() {
        let simulator = GaussianMeanVariance { n_data: 10 };
        let message = |theta: &[f64]| simulator.check(theta).unwrap_err().to_string();
        assert_eq!(message(&[0.0, -0.5]), "parameter 1 (variance) is -0.5, expected a value above 0");
        assert_eq!(message(&[0.0, 0.0]), "parameter 1 (variance) is 0, expected a value above 0");
        assert!(message(&[f64::NAN, 1.0]).starts_with("theta[0] is NaN"));
        assert!(message(&[0.0]).starts_with("found 1 parameter value(s), expected 2"));
        assert!(simulator.fisher(&[0.0, -1.0]).is_err());
        assert_eq!(
            GaussianMeanVariance { n_data: 0 }.check(&[0.0, 1.0]).unwrap_err().to_string(),
            "GaussianMeanVariance: n_data is 0, expected at least 1"
        );
    }
}
