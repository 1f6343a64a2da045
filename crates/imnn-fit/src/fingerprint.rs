//! By what simulations are known again.

use crate::error::{FitError, Result};
use imnn_data::{Derivatives, Microbatch, Source};
use imnn_models::Element;
use imnn_sim::Key;
use serde::{Deserialize, Serialize};

/// Simulations that are looked at, evenly spread over all.
const SAMPLED: usize = 8;

/// A set of simulations in a few numbers, by which it is known again.
///
/// Means and root mean squares are of 8 simulations, evenly spread, seen with a key of their own. They are compared to a part in
/// 10,000: the same simulator gives other last bits on another kind of processor.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Fingerprint {
    /// Simulations at the fiducial.
    pub n_s: usize,
    /// Simulations with derivatives.
    pub n_d: usize,
    /// Shape of one simulation.
    pub input_shape: Vec<usize>,
    /// Widths between below and above, of each parameter; none of exact derivatives.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub widths: Vec<f64>,
    /// Mean of the data.
    pub mean: f64,
    /// Root mean square of the data.
    pub rms: f64,
    /// Mean of the derivatives, or of what is below and above.
    pub derivative_mean: f64,
    /// Root mean square of the same.
    pub derivative_rms: f64,
}

impl Fingerprint {
    /// That of the simulations of a source for a key.
    ///
    /// # Errors
    /// If they cannot be read.
    pub fn of<E: Element>(source: &dyn Source<E>, key: Key) -> Result<Self> {
        let (n_s, n_d) = (source.n_s(), source.n_d());
        let (mut values, mut derivatives) = (Moments::default(), Moments::default());
        let mut batch = Microbatch::new();
        for k in 0..SAMPLED.min(n_s) {
            let row = k * (n_s - 1) / (SAMPLED.min(n_s) - 1).max(1);
            source.read(row..row + 1, key, &mut batch)?;
            values.add(&batch.values);
            derivatives.add(&batch.derivatives);
        }
        let widths = match source.derivatives() {
            Derivatives::Exact => vec![],
            Derivatives::Numerical { widths } => widths.clone(),
        };
        let input_shape = source.input_shape().to_vec();
        let [[mean, rms], [derivative_mean, derivative_rms]] = [values.numbers(), derivatives.numbers()];
        Ok(Fingerprint { n_s, n_d, input_shape, widths, mean, rms, derivative_mean, derivative_rms })
    }

    /// Refuses other simulations of this `set`; `expected` are those of before.
    ///
    /// # Errors
    /// [`FitError::Disagree`] says in what they differ.
    pub(crate) fn check(&self, expected: &Fingerprint, set: &str) -> Result<()> {
        let numbers = |of: &Fingerprint| {
            [
                ("mean", of.mean, of.rms),
                ("root mean square", of.rms, of.rms),
                ("mean of the derivatives", of.derivative_mean, of.derivative_rms),
                ("root mean square of the derivatives", of.derivative_rms, of.derivative_rms),
            ]
        };
        let counts = |of: &Fingerprint| {
            [
                ("number of simulations", of.n_s.to_string()),
                ("number of simulations with derivatives", of.n_d.to_string()),
                ("shape", format!("{:?}", of.input_shape)),
                ("widths between below and above", format!("{:?}", of.widths)),
            ]
        };
        let disagree = |what: &str, found: String, expected: String| {
            let what = format!("{what} of the {set} set of the run to go on with");
            Err(FitError::Disagree { what, found, expected })
        };
        for ((what, found), (_, expected)) in counts(self).into_iter().zip(counts(expected)) {
            if found != expected {
                return disagree(what, found, expected);
            }
        }
        for ((what, found, _), (_, expected, scale)) in numbers(self).into_iter().zip(numbers(expected)) {
            let difference: f64 = found - expected;
            if difference.is_nan() || difference.abs() > 1e-4 * scale {
                return disagree(what, found.to_string(), expected.to_string());
            }
        }
        Ok(())
    }
}

/// Sums of numbers and of their squares.
#[derive(Default)]
struct Moments {
    n: f64,
    sum: f64,
    squares: f64,
}

impl Moments {
    fn add<E: Element>(&mut self, numbers: &[E]) {
        for number in numbers.iter().map(|number| number.f64()) {
            self.n += 1.0;
            self.sum += number;
            self.squares += number * number;
        }
    }

    /// Mean and root mean square.
    fn numbers(&self) -> [f64; 2] {
        let n = self.n.max(1.0);
        [self.sum / n, (self.squares / n).sqrt()]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use imnn_data::Arrays;
    use ndarray::Array;

    fn set(scale: f64, n: usize) -> Fingerprint {
        let data = Array::from_shape_fn((n, 3), |(i, j)| scale * (i as f64 + 0.1 * j as f64)).into_dyn();
        let derivative = Array::from_shape_fn((n, 3, 1), |(i, j, _)| (i * j) as f64).into_dyn();
        Fingerprint::of(&Arrays::<f64>::exact(data, derivative).unwrap(), Key::new(0)).unwrap()
    }

    #[test]
    fn other_simulations_are_noticed_and_the_last_bits_are_not() {
        let own = set(1.0, 20);
        own.check(&own, "training").unwrap();
        set(1.0 + 1e-7, 20).check(&own, "training").unwrap();
        let message = |other: Fingerprint| other.check(&own, "training").unwrap_err().to_string();
        assert!(
            message(set(1.0, 21)).starts_with("number of simulations of the training set"),
            "{}",
            message(set(1.0, 21))
        );
        assert!(message(set(1.01, 20)).starts_with("mean of the training set"), "{}", message(set(1.01, 20)));
        assert!(own.check(&Fingerprint { derivative_rms: f64::NAN, ..own.clone() }, "training").is_err());
        let text = toml::to_string(&own).unwrap();
        assert_eq!(toml::from_str::<Fingerprint>(&text).unwrap(), own);
    }
}
