//! Information on simulations that had no part in training.

use crate::error::Result;
use imnn_stats::{FeatureMoments, Statistics};
use serde::{Deserialize, Serialize};

/// A number with its error.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Estimate {
    /// The number.
    pub value: f64,
    /// Its standard error, by leaving out one of up to 20 parts of the simulations after the other; infinite where there is
    /// one part.
    pub error: f64,
}

/// Parts of the simulations, each of which is left out once.
pub(crate) const PARTS: usize = 20;

/// The moments of summaries, part by part of the simulations.
pub(crate) struct HeldOut {
    parts: Vec<FeatureMoments>,
}

impl HeldOut {
    pub(crate) fn new(parts: Vec<FeatureMoments>) -> Self {
        HeldOut { parts }
    }

    /// ln det F.
    pub(crate) fn log_det_f(&self) -> Result<Estimate> {
        Ok(Estimate { value: log_det_f(self.parts.iter())?, error: jackknife_error(&self.left_out()?) })
    }

    /// How much larger ln det F is than that of other summaries of the same simulations.
    pub(crate) fn gain_over(&self, other: &HeldOut) -> Result<Estimate> {
        let (own, others) = (self.left_out()?, other.left_out()?);
        let value = log_det_f(self.parts.iter())? - log_det_f(other.parts.iter())?;
        let differences: Vec<f64> = own.iter().zip(&others).map(|(a, b)| a - b).collect();
        Ok(Estimate { value, error: jackknife_error(&differences) })
    }

    /// How much larger `ln det F` is than that of each of two other sets of summaries of the same simulations, added up.
    pub(crate) fn excess_over(&self, others: [&HeldOut; 2]) -> Result<Estimate> {
        let value = |own: f64, others: [f64; 2]| 2.0 * own - others[0] - others[1];
        let whole = |of: &HeldOut| log_det_f(of.parts.iter());
        let own = self.left_out()?;
        let [first, second] = [others[0].left_out()?, others[1].left_out()?];
        let left_out: Vec<f64> = (0..own.len()).map(|k| value(own[k], [first[k], second[k]])).collect();
        let value = value(whole(self)?, [whole(others[0])?, whole(others[1])?]);
        Ok(Estimate { value, error: jackknife_error(&left_out) })
    }

    /// ln det F without each of the parts.
    fn left_out(&self) -> Result<Vec<f64>> {
        (0..self.parts.len())
            .map(|k| log_det_f(self.parts.iter().enumerate().filter(|(part, _)| *part != k).map(|(_, part)| part)))
            .collect()
    }
}

/// ln det F of all simulations of these parts.
fn log_det_f<'a>(parts: impl Iterator<Item = &'a FeatureMoments>) -> Result<f64> {
    let all = parts.cloned().reduce(|mut all, part| {
        all.merge(&part);
        all
    });
    let all = all.unwrap_or(FeatureMoments::new(0, 0));
    Ok(Statistics::from_moments(all.mean().view(), all.covariance().view(), all.dmu().view())?.log_det_f)
}

/// The standard error of a statistic from its values without each of the parts (Efron & Stein 1981, Ann. Stat. 9, 586).
fn jackknife_error(left_out: &[f64]) -> f64 {
    if left_out.len() < 2 {
        return f64::INFINITY;
    }
    let n = left_out.len() as f64;
    let mean = left_out.iter().sum::<f64>() / n;
    ((n - 1.0) / n * left_out.iter().map(|value| (value - mean).powi(2)).sum::<f64>()).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of a mean the jackknife gives the standard error exactly.
    #[test]
    fn the_error_of_a_mean_is_its_standard_error() {
        let values = [1.0, 2.0, 4.0, 7.0, -3.0];
        let n = values.len() as f64;
        let sum: f64 = values.iter().sum();
        let left_out: Vec<f64> = values.iter().map(|value| (sum - value) / (n - 1.0)).collect();
        let variance = values.iter().map(|value| (value - sum / n).powi(2)).sum::<f64>() / (n - 1.0);
        approx::assert_relative_eq!(jackknife_error(&left_out), (variance / n).sqrt(), max_relative = 1e-14);
        assert_eq!(jackknife_error(&[1.0, 3.0]), 1.0);
        assert_eq!(jackknife_error(&[1.0]), f64::INFINITY);
    }

    /// With one summary and one parameter F = dmu^2 / C.
    #[test]
    fn gain_and_excess_are_differences_of_the_information_of_all_parts() {
        let part = |numbers: [f64; 3], slope: f64| {
            let mut moments = FeatureMoments::new(1, 1);
            let x = ndarray::Array2::from_shape_vec((3, 1), numbers.to_vec()).unwrap();
            moments.add(x.view(), ndarray::Array3::from_elem((3, 1, 1), slope).view()).unwrap();
            moments
        };
        let of = |slope: f64| HeldOut::new(vec![part([0.0, 1.0, 2.0], slope), part([4.0, 1.0, 1.0], slope)]);
        let (one, three) = (of(1.0), of(3.0));
        // 0, 1, 2, 4, 1, 1 have mean 1.5 and squares 9.5 about it; each part by itself has variance 1 and 3.
        let own = one.log_det_f().unwrap();
        approx::assert_relative_eq!(own.value, -(9.5_f64 / 5.0).ln(), max_relative = 1e-13);
        approx::assert_relative_eq!(own.error, 0.5 * 3.0_f64.ln(), max_relative = 1e-13);
        let gain = three.gain_over(&one).unwrap();
        approx::assert_relative_eq!(gain.value, 9.0_f64.ln(), max_relative = 1e-13);
        assert!(gain.error < 1e-13, "{gain:?}");
        let excess = three.excess_over([&one, &of(2.0)]).unwrap();
        approx::assert_relative_eq!(excess.value, 2.0 * 9.0_f64.ln() - 4.0_f64.ln(), max_relative = 1e-13);
        assert!(excess.error < 1e-13, "{excess:?}");
    }
}
