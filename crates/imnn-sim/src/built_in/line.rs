//! The slope of a noisy line.

use rand::distr::Distribution;
use rand_distr::StandardNormal;

use super::settings::BuiltInSettings;
use crate::simulator::check_finite;
use crate::{Key, SimError, Simulator};
use serde::{Deserialize, Serialize};

/// Points on a line through the origin, with unit Gaussian noise; the parameter is the slope `m`.
///
/// ```text
/// y_i = (m + sqrt(v) s) x_i + e_i,     e_i, s ~ N(0, 1)
/// dy_i/dm = x_i
/// C = I + v x x^T,   F = x^T C^-1 x = S / (1 + v S),   S = sum_i x_i^2
/// ```
///
/// The slope scatter `v` (none by default) is a nuisance that all points of one simulation share;
/// it bounds the information by `1/v` however many points there are. The noise `e` of a key does
/// not depend on whether there is scatter. The second form of `F` is the matrix inversion lemma.
///
/// # Shapes
///
/// `theta = (m)`, data `(x.len())`.
///
/// ```
/// use imnn_sim::{NoisyLine, SimError};
///
/// let line = NoisyLine::default();
/// assert!((line.fisher(&[1.0])?[0] - 3350.168).abs() < 1e-3);
/// let scattered = line.with_slope_variance(0.1)?;
/// assert!((scattered.fisher(&[1.0])?[0] - 9.97024).abs() < 1e-5);
/// # Ok::<(), SimError>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct NoisyLine {
    x: Vec<f64>,
    slope_variance: Option<f64>,
}

/// 100 points from 0 to 10, both ends included, without slope scatter.
impl Default for NoisyLine {
    fn default() -> Self {
        NoisyLine { x: (0..100).map(|i| 10.0 * f64::from(i) / 99.0).collect(), slope_variance: None }
    }
}

/// A [`NoisyLine`] at equal distances, as run files describe it.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LineSettings {
    /// The number of points, at least 2; 100 by default.
    pub n_data: usize,
    /// The first point; 0 by default.
    pub x_min: f64,
    /// The last point; 10 by default.
    pub x_max: f64,
    /// Variance with which the slope scatters from simulation to simulation; without it the slope is fixed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub slope_variance: Option<f64>,
}

impl Default for LineSettings {
    fn default() -> Self {
        LineSettings { n_data: 100, x_min: 0.0, x_max: 10.0, slope_variance: None }
    }
}

impl BuiltInSettings for LineSettings {
    type Simulator = NoisyLine;

    const KEYS: &'static [&'static str] = &["n_data", "x_min", "x_max", "slope_variance"];
    const HELP: &'static str = "n_data points on a line with unit noise (100), from x_min to x_max (0 to 10), its slope \
                                scattered by slope_variance (none); theta = (slope)";

    fn simulator(&self) -> Result<NoisyLine, SimError> {
        let LineSettings { n_data, x_min, x_max, slope_variance } = *self;
        let refuse = |setting, value, allowed| SimError::setting("NoisyLine", setting, value, allowed);
        if n_data < 2 {
            return Err(refuse("n_data", n_data as f64, "at least 2"));
        }
        let step = (x_max - x_min) / (n_data - 1) as f64;
        if !(step > 0.0 && step.is_finite()) {
            return Err(refuse("x_max", x_max, "a finite value above x_min"));
        }
        let line = NoisyLine::new((0..n_data).map(|i| x_min + i as f64 * step).collect())?;
        match slope_variance {
            Some(variance) if variance > 0.0 => line.with_slope_variance(variance),
            Some(variance) => {
                Err(refuse("slope_variance", variance, "a finite value above 0; leave it out for a fixed slope"))
            }
            None => Ok(line),
        }
    }
}

impl NoisyLine {
    /// A line seen at the points `x`, without slope scatter.
    ///
    /// # Errors
    /// [`SimError::Setting`] when there is no point, [`SimError::NotFinite`] when one is not finite.
    pub fn new(x: Vec<f64>) -> Result<Self, SimError> {
        if x.is_empty() {
            return Err(SimError::setting("NoisyLine", "the number of points", 0.0, "at least 1"));
        }
        check_finite("x", &x, None)?;
        Ok(NoisyLine { x, slope_variance: None })
    }

    /// Adds a slope scatter of this variance, common to all points of a simulation.
    ///
    /// # Errors
    /// [`SimError::Setting`] unless the variance is finite and not negative.
    pub fn with_slope_variance(mut self, variance: f64) -> Result<Self, SimError> {
        if !(variance.is_finite() && variance >= 0.0) {
            return Err(SimError::setting("NoisyLine", "slope_variance", variance, "a finite value of at least 0"));
        }
        self.slope_variance = Some(variance);
        Ok(self)
    }

    /// The points.
    pub fn x(&self) -> &[f64] {
        &self.x
    }

    /// The variance of the slope scatter.
    pub fn slope_variance(&self) -> Option<f64> {
        self.slope_variance
    }

    /// The exact Fisher information, `(1, 1)`.
    ///
    /// # Errors
    /// Those of [`Simulator::check`].
    pub fn fisher(&self, theta: &[f64]) -> Result<Vec<f64>, SimError> {
        self.check(theta)?;
        let sum_of_squares: f64 = self.x.iter().map(|x| x * x).sum();
        let variance = self.slope_variance.unwrap_or(0.0);
        Ok(vec![sum_of_squares / (1.0 + variance * sum_of_squares)])
    }
}

impl Simulator for NoisyLine {
    fn n_params(&self) -> usize {
        1
    }

    fn data_shape(&self) -> Vec<usize> {
        vec![self.x.len()]
    }

    fn simulate(&self, key: Key, theta: &[f64], data: &mut [f64]) {
        let mut rng = key.rng();
        for value in data.iter_mut() {
            *value = StandardNormal.sample(&mut rng);
        }
        let slope = match self.slope_variance {
            Some(variance) => {
                let scatter: f64 = StandardNormal.sample(&mut rng);
                theta[0] + variance.sqrt() * scatter
            }
            None => theta[0],
        };
        for (value, x) in data.iter_mut().zip(&self.x) {
            *value += slope * x;
        }
    }

    fn simulate_with_derivative(&self, key: Key, theta: &[f64], data: &mut [f64], derivative: &mut [f64]) {
        self.simulate(key, theta, data);
        derivative.copy_from_slice(&self.x);
    }
}

#[cfg(test)]
mod tests {
    use num_dual::DualNum;
    use proptest::prelude::*;

    use super::*;
    use crate::testing::{assert_derivative, kolmogorov_smirnov};
    use crate::{DualSimulator, ForwardMode};

    /// The same simulator, differentiated by dual numbers.
    struct Generic(NoisyLine);

    impl DualSimulator for Generic {
        fn n_params(&self) -> usize {
            1
        }

        fn data_shape(&self) -> Vec<usize> {
            self.0.data_shape()
        }

        fn simulate<D: DualNum<Primitive = f64> + Copy>(&self, key: Key, theta: &[D], data: &mut [D]) {
            let mut noise = vec![0.0; data.len() + 1];
            key.fill_normal(&mut noise);
            let scatter = self.0.slope_variance.unwrap_or(0.0).sqrt() * noise[data.len()];
            for (i, value) in data.iter_mut().enumerate() {
                *value = (theta[0] + scatter) * self.0.x[i] + noise[i];
            }
        }
    }

    proptest! {
        #[test]
        fn the_derivative_is_that_of_dual_numbers_and_differences(
            seed: u64,
            x in prop::collection::vec(-10.0..10.0, 1..30),
            variance in prop::option::of(0.0..5.0),
            slope in -5.0..5.0,
        ) {
            let mut line = NoisyLine::new(x).unwrap();
            if let Some(variance) = variance {
                line = line.with_slope_variance(variance).unwrap();
            }
            let key = Key::new(seed);
            assert_derivative(&line, key, &[slope], &[0.1], 1e-11);
            let by_hand = line.draw_with_derivative(key, &[slope]).unwrap();
            let by_duals = ForwardMode(Generic(line)).draw_with_derivative(key, &[slope]).unwrap();
            prop_assert_eq!(by_hand, by_duals);
        }
    }

    #[test]
    fn the_fisher_information_is_the_law() {
        let line = NoisyLine::default();
        assert_eq!((line.x()[0], line.x()[99]), (0.0, 10.0));
        let fisher = line.fisher(&[2.0]).unwrap()[0];
        assert!((fisher - 3350.168).abs() < 5e-4, "{fisher}");
        let scattered = line.with_slope_variance(0.1).unwrap();
        let fisher = scattered.fisher(&[2.0]).unwrap()[0];
        assert!((fisher - 9.97024).abs() < 5e-6, "{fisher}");
    }

    /// The best linear estimate of the slope is normal with variance `1/F`.
    #[test]
    fn the_estimate_of_the_slope_has_the_fisher_variance() {
        for line in [NoisyLine::default(), NoisyLine::default().with_slope_variance(0.1).unwrap()] {
            let theta = [1.3];
            let deviation = line.fisher(&theta).unwrap()[0].recip().sqrt();
            let norm: f64 = line.x.iter().map(|x| x * x).sum();
            let pulls = (0..5000)
                .map(|i| {
                    let data = line.draw(Key::new(4).fold_in(i), &theta).unwrap();
                    let projection: f64 = data.iter().zip(&line.x).map(|(d, x)| d * x).sum();
                    (projection / norm - theta[0]) / deviation
                })
                .collect();
            assert!(kolmogorov_smirnov(pulls) < 1.95, "{:?}", line.slope_variance);
        }
    }

    #[test]
    fn scatter_leaves_the_noise_alone() {
        let line = NoisyLine::default();
        let scattered = line.clone().with_slope_variance(2.0).unwrap();
        let (plain, tilted) = (line.draw(Key::new(9), &[0.0]).unwrap(), scattered.draw(Key::new(9), &[0.0]).unwrap());
        let slope = (tilted[99] - plain[99]) / 10.0;
        assert!(slope.abs() > 1e-3);
        for (i, x) in line.x.iter().enumerate() {
            assert!((tilted[i] - plain[i] - slope * x).abs() < 1e-12);
        }
    }

    #[test]
    fn bad_settings_are_refused() {
        let message = |error: SimError| error.to_string();
        assert_eq!(
            message(NoisyLine::new(vec![]).unwrap_err()),
            "NoisyLine: the number of points is 0, expected at least 1"
        );
        assert_eq!(message(NoisyLine::new(vec![0.0, f64::NAN]).unwrap_err()), "x[1] is NaN, expected a finite number");
        assert_eq!(
            message(NoisyLine::default().with_slope_variance(-0.1).unwrap_err()),
            "NoisyLine: slope_variance is -0.1, expected a finite value of at least 0"
        );
        assert!(NoisyLine::default().check(&[f64::NAN]).is_err());
        assert!(NoisyLine::default().fisher(&[0.0, 1.0]).is_err());
    }
}
