//! Rejection: simulations at draws of the prior, of which those near the target are kept.

use imnn_prior::Prior;
use imnn_sim::Key;
use ndarray::{Array2, ArrayView2, Axis};

use super::accept::Accept;
use super::distance::Distance;
use super::simulate::{Budget, Simulate, from_prior};
use crate::check;
use crate::error::{InferError, Result};
use crate::pairs::{Invalid, Pairs};

/// Rejection ABC for one or several targets: pairs of parameters and summaries, each with its distance from each
/// target.
///
/// ```
/// use imnn_infer::{Abc, Accept, Adjust, Budget, Distance, each_of};
/// use imnn_prior::{Prior, Uniform};
/// use imnn_sim::Key;
/// use ndarray::array;
///
/// // The mean of four draws of variance 1: F = 4.
/// let prior = Prior::builder().law("m", Uniform::new(-3.0, 3.0)?).build()?;
/// let simulator = each_of(1, |key, theta, x| {
///     let mut noise = [0.0; 4];
///     key.fill_normal(&mut noise);
///     x[0] = theta[0] + noise.iter().sum::<f64>() / 4.0;
/// });
/// let distance = Distance::Fisher(array![[4.0]].into());
/// let abc = Abc::simulate(&prior, array![[0.5]], &distance, &simulator, &Budget::of(20_000), Key::new(0))?;
/// let posterior = abc.posterior(0, &Accept::within(0.5), Adjust::MeanAndVariance)?;
/// assert!((posterior.mean()[0] - 0.5).abs() < 0.06 && (posterior.sd()[0] - 0.5).abs() < 0.04);
/// # Ok::<(), imnn_infer::InferError>(())
/// ```
#[derive(Clone)]
pub struct Abc<'a> {
    pub(super) prior: &'a Prior,
    pub(super) targets: Array2<f64>,
    pub(super) distance: Distance,
    pub(super) pairs: Pairs,
    /// `(n_targets, n)`.
    distances: Array2<f64>,
    /// How many were simulated here, and with which key; none for pairs from elsewhere.
    simulated: Option<(Key, u64)>,
}

/// The simulations that were accepted for a target.
#[derive(Clone, Debug, PartialEq)]
pub struct Accepted {
    /// Their numbers, in rising order.
    pub rows: Vec<usize>,
    /// Their distances from the target.
    pub distances: Vec<f64>,
    /// The distance below which all of them are.
    pub epsilon: f64,
    /// The share of all simulations.
    pub acceptance: f64,
}

impl<'a> Abc<'a> {
    /// The distances of given pairs.
    ///
    /// # Shapes
    /// `targets` `(n_targets, q)`, `q` that of the pairs; the pairs' parameters are those of the prior.
    ///
    /// # Errors
    /// Other shapes, targets that are not finite, a distance that is none.
    pub fn from_pairs(prior: &'a Prior, targets: Array2<f64>, distance: &Distance, pairs: Pairs) -> Result<Self> {
        let (n_targets, q) = targets.dim();
        if q != pairs.x().ncols() || n_targets == 0 {
            let expected = format!("[n_targets, {}], one column for each summary of the pairs", pairs.x().ncols());
            return Err(InferError::shape("target", targets.shape(), expected));
        }
        check::shape("theta", &[pairs.theta().ncols()], &[prior.n_params()])?;
        check::finite("target", &targets)?;
        let resolved = distance.resolved(n_targets, q)?;
        let mut distances = Array2::zeros((n_targets, pairs.len()));
        for (mut row, (target, resolved)) in
            distances.rows_mut().into_iter().zip(targets.rows().into_iter().zip(&resolved))
        {
            let target = target.to_vec();
            for (value, x) in row.iter_mut().zip(pairs.x().rows()) {
                *value = resolved.of(&x.to_vec(), &target);
            }
        }
        Ok(Abc { prior, targets, distance: distance.clone(), pairs, distances, simulated: None })
    }

    /// Simulates at draws of the prior. Draw and simulation `k` depend on the key and `k` alone, so the results are the
    /// same on any number of threads. Simulations with NaN are refused; see
    /// [`simulate_and_drop`](Self::simulate_and_drop).
    ///
    /// # Errors
    /// As [`from_pairs`](Self::from_pairs); what the simulator says; simulations that are not finite.
    pub fn simulate(
        prior: &'a Prior,
        targets: Array2<f64>,
        distance: &Distance,
        simulator: &(impl Simulate + ?Sized),
        budget: &Budget,
        key: Key,
    ) -> Result<Self> {
        Self::simulated(prior, targets, distance, simulator, budget, key, Invalid::Refuse)
    }

    /// As [`simulate`](Self::simulate), with simulations that are not finite left out and counted.
    ///
    /// # Errors
    /// As [`simulate`](Self::simulate), and if all simulations failed.
    pub fn simulate_and_drop(
        prior: &'a Prior,
        targets: Array2<f64>,
        distance: &Distance,
        simulator: &(impl Simulate + ?Sized),
        budget: &Budget,
        key: Key,
    ) -> Result<Self> {
        Self::simulated(prior, targets, distance, simulator, budget, key, Invalid::Drop)
    }

    fn simulated(
        prior: &'a Prior,
        targets: Array2<f64>,
        distance: &Distance,
        simulator: &(impl Simulate + ?Sized),
        budget: &Budget,
        key: Key,
        invalid: Invalid,
    ) -> Result<Self> {
        // Faults of the targets are told before hours of simulation.
        check::finite("target", &targets)?;
        check::shape("target", &[targets.ncols()], &[simulator.n_summaries()])?;
        distance.resolved(targets.nrows(), targets.ncols())?;
        let (theta, x) = from_prior(prior, simulator, key, 0..budget.simulations, budget)?;
        let abc = Abc::from_pairs(prior, targets, distance, Pairs::new(theta, x, invalid)?)?;
        Ok(Abc { simulated: Some((key, budget.simulations)), ..abc })
    }

    /// With more pairs.
    ///
    /// # Errors
    /// As [`from_pairs`](Self::from_pairs).
    pub fn extend(&mut self, more: &Pairs) -> Result<()> {
        let pairs = self.pairs.joined(more)?;
        let fresh = Abc::from_pairs(self.prior, self.targets.clone(), &self.distance, more.clone())?;
        let axis = Axis(1);
        self.distances
            .append(axis, fresh.distances.view())
            .map_err(|_| InferError::shape("x", more.x().shape(), "as before"))?;
        self.pairs = pairs;
        Ok(())
    }

    /// With more simulations, those that follow: afterwards they are what [`simulate`](Self::simulate) would have given
    /// with the larger number.
    ///
    /// # Errors
    /// As [`simulate`](Self::simulate), and if the pairs are from elsewhere.
    pub fn simulate_more(&mut self, simulator: &(impl Simulate + ?Sized), budget: &Budget) -> Result<()> {
        let Some((key, n)) = self.simulated else {
            let allowed = "an Abc that simulated its pairs; simulate more of them yourself and use extend";
            return Err(InferError::setting("simulate_more", "called on given pairs", allowed));
        };
        let (theta, x) = from_prior(self.prior, simulator, key, n..n + budget.simulations, budget)?;
        self.extend(&Pairs::new(theta, x, Invalid::Refuse)?)?;
        self.simulated = Some((key, n + budget.simulations));
        Ok(())
    }

    /// Simulates more, a budget at a time, until every target has `least` accepted, or `most` simulations are made in
    /// all.
    ///
    /// # Errors
    /// As [`simulate_more`](Self::simulate_more); [`InferError::TooFew`] if there are too few in the end, with the
    /// pairs kept.
    pub fn simulate_until(
        &mut self,
        simulator: &(impl Simulate + ?Sized),
        accept: &Accept,
        least: usize,
        most: u64,
        budget: &Budget,
    ) -> Result<()> {
        loop {
            let mut fewest = usize::MAX;
            for target in 0..self.targets.nrows() {
                let n = match self.accepted(target, accept) {
                    Ok(accepted) => accepted.rows.len(),
                    Err(InferError::NoneAccepted { .. }) => 0,
                    Err(InferError::TooFew { found, .. }) => found.min(least.saturating_sub(1)),
                    Err(error) => return Err(error),
                };
                fewest = fewest.min(n);
            }
            if fewest >= least {
                return Ok(());
            }
            let made = self.simulated.map_or(0, |(_, n)| n);
            if made >= most || budget.simulations == 0 {
                return Err(InferError::TooFew {
                    what: format!("accepted simulations after {made}"),
                    found: fewest,
                    least,
                    advice: "take a larger epsilon, more simulations, or SMC-ABC, which needs fewer".into(),
                });
            }
            self.simulate_more(simulator, &Budget { simulations: budget.simulations.min(most - made), ..*budget })?;
        }
    }

    /// The number of targets.
    pub fn n_targets(&self) -> usize {
        self.targets.nrows()
    }

    /// All pairs.
    pub fn pairs(&self) -> &Pairs {
        &self.pairs
    }

    /// The distances of all pairs from all targets, `(n_targets, n)`.
    pub fn distances(&self) -> ArrayView2<'_, f64> {
        self.distances.view()
    }

    /// The simulations that are accepted for a target.
    ///
    /// # Errors
    /// If there is no such target, nothing is accepted, or more are asked for than there are.
    pub fn accepted(&self, target: usize, accept: &Accept) -> Result<Accepted> {
        self.check_target(target)?;
        let distances = self.distances.row(target).to_vec();
        let (rows, epsilon) = accept.chosen(&distances, target, self.n_targets())?;
        let acceptance = rows.len() as f64 / distances.len() as f64;
        Ok(Accepted { distances: rows.iter().map(|&k| distances[k]).collect(), rows, epsilon, acceptance })
    }

    fn check_target(&self, target: usize) -> Result<()> {
        match target < self.n_targets() {
            true => Ok(()),
            false => Err(InferError::setting("target", target, format!("a number below {}", self.n_targets()))),
        }
    }
}
