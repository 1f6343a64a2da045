//! The fiducial moved to the estimate of a target, and the network trained again there.

use crate::compressor::Compressor;
use crate::data_array::DataArray;
use crate::error::{FitError, Result};
use crate::imnn::Imnn;
use imnn_models::Element;
use serde::{Deserialize, Serialize};

/// How a fiducial is moved to the estimate of a target.
///
/// Estimates are one step of Newton's method from the fiducial towards the maximum of the likelihood, and summaries are made for
/// the fiducial: both hold near it. So the network is trained again where the estimate is, until that no longer moves, as the authors
/// of the method advise.
///
/// # References
/// Charnock, Lavaux & Wandelt 2018, [arXiv:1802.03537](https://arxiv.org/abs/1802.03537), section V; Alsing & Wandelt 2018,
/// [arXiv:1712.00012](https://arxiv.org/abs/1712.00012), eq. 11 (the step, there for the exact score).
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Refinement {
    /// The estimate has arrived when it is nearer to the fiducial than so many of its errors, in each parameter.
    pub tolerance: f64,
    /// Rounds at most.
    pub max_rounds: usize,
    /// The fiducial is moved by so many errors at most: further away neither estimate nor error holds.
    pub largest_step: f64,
}

/// So often a step is halved that leads to where the simulator cannot simulate.
const MOST_HALVES: usize = 10;

impl Default for Refinement {
    fn default() -> Self {
        Refinement { tolerance: 0.2, max_rounds: 6, largest_step: 5.0 }
    }
}

/// A network at one fiducial, and what it says of the target.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Refined {
    /// Where it was trained, `(n_params)`.
    pub theta_fid: Vec<f64>,
    /// The estimate from the target, `(n_params)`.
    pub estimate: Vec<f64>,
    /// Its one-sigma errors, `(n_params)`.
    pub errors: Vec<f64>,
    /// `ln det F` there.
    pub log_det_f: f64,
}

impl Refined {
    /// What a network says of a target of shape `(*input)`.
    ///
    /// # Errors
    /// As [`Compressor::estimate`], and for more than one target.
    pub fn new<E: Element>(compressor: &Compressor<E>, target: impl DataArray) -> Result<Self> {
        let estimates = compressor.estimate(target)?;
        if estimates.nrows() != 1 {
            return Err(FitError::Disagree {
                what: "number of targets".into(),
                found: estimates.nrows().to_string(),
                expected: "one, whose estimate becomes the fiducial,".into(),
            });
        }
        Ok(Refined {
            theta_fid: compressor.theta_fid(),
            estimate: estimates.row(0).to_vec(),
            errors: compressor.errors().to_vec(),
            log_det_f: compressor.statistics().log_det_f,
        })
    }

    /// `(estimate - theta_fid) / error`
    pub fn away(&self) -> Vec<f64> {
        let distance = |a: usize| (self.estimate[a] - self.theta_fid[a]) / self.errors[a];
        (0..self.estimate.len()).map(distance).collect()
    }
}

impl Refinement {
    /// The next fiducial; `None` where the estimate has arrived.
    pub fn next(&self, round: &Refined) -> Option<Vec<f64>> {
        let away = round.away();
        let furthest = away.iter().fold(0.0, |most: f64, distance| most.max(distance.abs()));
        // A distance that is no number has not arrived either, and leads nowhere.
        if furthest < self.tolerance || !furthest.is_finite() {
            return None;
        }
        let part = (self.largest_step / furthest).min(1.0);
        let to = |(&from, &to): (&f64, &f64)| from + part * (to - from);
        Some(round.theta_fid.iter().zip(&round.estimate).map(to).collect())
    }

    /// Trains at a fiducial with `train`, moves it to the estimate of the target, and so on until that has arrived or there were
    /// enough rounds: the last network, and all rounds. A step to where the simulator refuses to simulate is halved.
    ///
    /// # Errors
    /// Those of `train`, and of estimates from the target.
    ///
    /// ```
    /// use imnn_fit::{FitSettings, Imnn, Refinement};
    /// use imnn_data::OnTheFly;
    /// use imnn_models::{dense, serial, tanh};
    /// use imnn_sim::{GaussianMeanVariance, Key, Simulator};
    ///
    /// let draws = GaussianMeanVariance { n_data: 20 };
    /// let target = draws.draw(Key::new(7), &[2.0, 1.0])?;
    /// let (imnn, rounds) = Refinement::default().run(&target, &[0.0, 1.0], |theta_fid| {
    ///     let mut imnn = Imnn::<f32>::builder(serial([dense(16), tanh(), dense(16), tanh(), dense(2)]))
    ///         .training(OnTheFly::new(draws, theta_fid, 200, 200)?)
    ///         .theta_fid(theta_fid)
    ///         .key(Key::new(1))
    ///         .build()?;
    ///     imnn.fit(&FitSettings { max_iterations: 50, ..FitSettings::default() })?;
    ///     Ok(imnn)
    /// })?;
    /// assert_eq!(imnn.theta_fid(), rounds.last().unwrap().theta_fid);
    /// assert!(rounds.len() > 1 && (rounds.last().unwrap().estimate[0] - 2.0).abs() < 1.0);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn run<E: Element>(
        &self,
        target: impl DataArray,
        theta_fid: &[f64],
        mut train: impl FnMut(&[f64]) -> Result<Imnn<E>>,
    ) -> Result<(Imnn<E>, Vec<Refined>)> {
        self.walk(theta_fid, FitError::refuses_parameters, |theta_fid, _| {
            let imnn = train(theta_fid)?;
            let round = Refined::new(&imnn.compressor()?, &target)?;
            Ok((imnn, round))
        })
    }

    /// As [`Refinement::run`], for networks that are trained elsewhere: `train` gives anything with what it says of the target, at a
    /// fiducial and after the rounds before; `refuses` tells which of its errors say that there are no simulations there.
    ///
    /// # Errors
    /// Those of `train`.
    pub fn walk<T, F>(
        &self,
        theta_fid: &[f64],
        refuses: impl Fn(&F) -> bool,
        mut train: impl FnMut(&[f64], &[Refined]) -> Result<(T, Refined), F>,
    ) -> Result<(T, Vec<Refined>), F> {
        let mut theta_fid = theta_fid.to_vec();
        let mut rounds: Vec<Refined> = Vec::new();
        let mut halved = 0;
        loop {
            let (trained, round) = match (train(&theta_fid, &rounds), rounds.last()) {
                (Err(error), Some(from)) if refuses(&error) && halved < MOST_HALVES => {
                    halved += 1;
                    theta_fid.iter_mut().zip(&from.theta_fid).for_each(|(to, from)| *to = from + 0.5 * (*to - from));
                    continue;
                }
                (trained, _) => trained?,
            };
            halved = 0;
            let next = self.next(&round);
            rounds.push(round);
            match next {
                Some(next) if rounds.len() < self.max_rounds => theta_fid = next,
                _ => return Ok((trained, rounds)),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn round(theta_fid: f64, estimate: f64) -> Refined {
        let (theta_fid, estimate) = (vec![theta_fid, 1.0], vec![estimate, 1.0]);
        Refined { theta_fid, estimate, errors: vec![0.5, 0.1], log_det_f: 0.0 }
    }

    /// The sum of the parameters may not be below 0; the estimate is far beyond that.
    #[test]
    fn steps_to_nowhere_are_halved() {
        let mut tried = vec![];
        let train = |theta: &[f64], rounds: &[Refined]| {
            tried.push(theta[0]);
            match theta[0] + theta[1] < 0.0 {
                true => Err("nothing there"),
                false => Ok((rounds.len(), round(theta[0], -2.0))),
            }
        };
        let refinement = Refinement { max_rounds: 2, ..Refinement::default() };
        let (last, rounds) = refinement.walk(&[0.0, 1.0], |_| true, train).unwrap();
        assert_eq!((last, rounds.len(), &tried[..]), (1, 2, &[0.0, -2.0, -1.0][..]));
        assert_eq!(refinement.walk(&[-2.0, 1.0], |_| true, |_, _| Err::<((), Refined), _>("no")).unwrap_err(), "no");
    }

    #[test]
    fn the_fiducial_goes_to_the_estimate_and_not_beyond_where_it_holds() {
        let refinement = Refinement::default();
        assert_eq!(refinement.next(&round(0.0, 0.09)), None);
        assert_eq!(refinement.next(&round(0.0, 1.0)), Some(vec![1.0, 1.0]));
        // Twenty errors away: a quarter of the way.
        assert_eq!(refinement.next(&round(0.0, 10.0)), Some(vec![2.5, 1.0]));
        assert_eq!(refinement.next(&round(0.0, f64::NAN)), None);
        assert_eq!(round(0.0, 1.0).away(), [2.0, 0.0]);
    }
}
