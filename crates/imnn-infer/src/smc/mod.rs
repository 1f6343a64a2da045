//! Sequential Monte Carlo ABC: populations of particles that come nearer to the target.

mod population;
mod settings;
mod state;

use imnn_prior::Prior;
use imnn_sim::Key;
use ndarray::{Array1, ArrayView1, ArrayView2, Axis};

use crate::abc::distance::{Distance, Resolved};
use crate::abc::{Abc, Accept, Adjust, Budget, Simulate, adjusted};
use crate::caution::Caution;
use crate::check;
use crate::error::{InferError, Result};
use crate::pairs::Pairs;
use crate::posterior::Posterior;
use crate::weights::effective_number;
use population::Particles;

pub use settings::{Population, SmcSettings, Stop};

/// Sequential Monte Carlo ABC for one target, in the coordinates in which the prior is standard normal.
///
/// ```text
/// population 0: the nearest N of N0 simulations at draws of the prior, w = 1/N
/// then:  epsilon = weighted alpha-quantile of the kept distances,   Sigma = 2 x weighted covariance
///        j ~ w, phi ~ N(phi_j, Sigma), both anew where a constraint is violated; simulate; accept within epsilon
///        w_i ~ N(phi_i; 0, I) / sum_j w_j N(phi_i; phi_j, Sigma)
///        drawn anew by weight where 1 / sum w^2 < N / 2
/// ```
///
/// The state between two populations can be saved, and goes on to the same bits.
///
/// # References
/// Beaumont, Cornuet, Marin & Robert 2009, [arXiv:0805.2256](https://arxiv.org/abs/0805.2256); the end of the sequence
/// follows Lenormand, Jabot & Deffuant 2013, [arXiv:1111.1308](https://arxiv.org/abs/1111.1308).
///
/// ```
/// use imnn_infer::{Adjust, Distance, SmcAbc, SmcSettings, each_of};
/// use imnn_prior::{Prior, Uniform};
/// use imnn_sim::Key;
/// use ndarray::array;
///
/// let prior = Prior::builder().law("m", Uniform::new(-100.0, 100.0)?).build()?;
/// let simulator = each_of(1, |key, theta, x| {
///     key.fill_normal(x);
///     x[0] += theta[0];
/// });
/// let distance = Distance::Fisher(array![[1.0]].into());
/// let settings = SmcSettings { particles: 500, simulations: 20_000, ..SmcSettings::default() };
/// let mut smc = SmcAbc::new(&prior, array![7.0].view(), &distance, &settings, Key::new(0))?;
/// smc.run(&simulator)?;
/// let posterior = smc.posterior(Adjust::None)?;
/// assert!((posterior.mean()[0] - 7.0).abs() < 0.2 && (posterior.sd()[0] - 1.0).abs() < 0.15);
/// # Ok::<(), imnn_infer::InferError>(())
/// ```
#[derive(Clone)]
pub struct SmcAbc<'a> {
    prior: &'a Prior,
    target: Array1<f64>,
    resolved: Resolved,
    fisher: bool,
    settings: SmcSettings,
    key: Key,
    particles: Option<Particles>,
    populations: Vec<Population>,
    used: u64,
    failed: u64,
    stop: Option<Stop>,
}

impl<'a> SmcAbc<'a> {
    /// A sequence that has not begun.
    ///
    /// # Shapes
    /// `target` `(q)`.
    ///
    /// # Errors
    /// Settings out of their ranges, a target that is not finite, a distance that is none.
    pub fn new(
        prior: &'a Prior,
        target: ArrayView1<'_, f64>,
        distance: &Distance,
        settings: &SmcSettings,
        key: Key,
    ) -> Result<Self> {
        settings.check()?;
        check::finite("target", &target)?;
        if target.is_empty() {
            return Err(InferError::shape("target", target.shape(), "[q], one for each summary"));
        }
        let resolved = distance.resolved(1, target.len())?.remove(0);
        Ok(SmcAbc {
            prior,
            target: target.to_owned(),
            resolved,
            fisher: distance.is_fisher(),
            settings: settings.clone(),
            key,
            particles: None,
            populations: vec![],
            used: 0,
            failed: 0,
            stop: None,
        })
    }

    /// A sequence whose first population are the nearest of given pairs, which cost no simulation.
    ///
    /// # Errors
    /// As [`new`](Self::new), and if there are fewer pairs inside the prior than particles, or they are not from the
    /// prior.
    pub fn from_pairs(
        prior: &'a Prior,
        target: ArrayView1<'_, f64>,
        distance: &Distance,
        pairs: &Pairs,
        settings: &SmcSettings,
        key: Key,
    ) -> Result<Self> {
        let mut smc = SmcAbc::new(prior, target, distance, settings, key)?;
        if pairs.ln_proposal().is_some() {
            return Err(InferError::setting(
                "ln_proposal",
                "given",
                "pairs whose parameters were drawn from the prior",
            ));
        }
        let inside: Vec<usize> = (0..pairs.len()).filter(|&k| prior.contains(&pairs.theta().row(k).to_vec())).collect();
        if inside.len() < settings.particles {
            return Err(InferError::TooFew {
                what: "pairs inside the prior".into(),
                found: inside.len(),
                least: settings.particles,
                advice: "take fewer particles, or begin without pairs".into(),
            });
        }
        let chosen =
            Pairs::new(pairs.theta().select(Axis(0), &inside), pairs.x().select(Axis(0), &inside), Default::default())?;
        let targets = target.to_owned().insert_axis(Axis(0));
        let abc = Abc::from_pairs(prior, targets, distance, chosen)?;
        smc.begin_with(&abc)?;
        Ok(smc)
    }

    /// One sequence for each target `(n_targets, q)`; target `k` has the key `fold_in(k)`.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn for_each(
        prior: &'a Prior,
        targets: ArrayView2<'_, f64>,
        distance: &Distance,
        settings: &SmcSettings,
        key: Key,
    ) -> Result<Vec<Self>> {
        let resolved = distance.resolved(targets.nrows(), targets.ncols())?;
        let one = |(k, target): (usize, ArrayView1<'_, f64>)| {
            let plain = SmcAbc::new(prior, target, &Distance::Euclidean, settings, key.fold_in(k as u64))?;
            Ok(SmcAbc { resolved: resolved[k].clone(), fisher: distance.is_fisher(), ..plain })
        };
        targets.rows().into_iter().enumerate().map(one).collect()
    }

    /// The populations so far.
    pub fn populations(&self) -> &[Population] {
        &self.populations
    }

    /// Why the sequence ended; none while it goes on.
    pub fn stopped(&self) -> Option<Stop> {
        self.stop
    }

    /// All simulations so far.
    pub fn simulations(&self) -> u64 {
        self.used
    }

    /// Goes on to the end.
    ///
    /// # Errors
    /// As [`step`](Self::step).
    pub fn run(&mut self, simulator: &(impl Simulate + ?Sized)) -> Result<()> {
        while self.step(simulator)? {}
        Ok(())
    }

    /// Makes one population; whether the sequence goes on. Nothing is changed by an error.
    ///
    /// # Errors
    /// What the simulator says; another number of summaries than the target has; too few simulations for the first
    /// population.
    pub fn step(&mut self, simulator: &(impl Simulate + ?Sized)) -> Result<bool> {
        check::shape("target", &[self.target.len()], &[simulator.n_summaries()])?;
        if self.stop.is_some() {
            return Ok(false);
        }
        match &self.particles {
            None => self.first(simulator)?,
            Some(particles) => {
                let particles = particles.clone();
                let epsilon = self.next_epsilon(&particles);
                self.next(simulator, &particles, epsilon)?;
            }
        }
        self.stop = self.ended();
        Ok(self.stop.is_none())
    }

    fn next_epsilon(&self, particles: &Particles) -> f64 {
        particles.quantile(self.settings.alpha).max(self.settings.epsilon)
    }

    /// Why there is no next population, by the state and the settings alone.
    fn ended(&self) -> Option<Stop> {
        let (particles, last, settings) = (self.particles.as_ref()?, self.populations.last()?, &self.settings);
        // The acceptance of the first says how many pairs there were, and no more.
        let is_first = self.populations.len() == 1;
        if last.epsilon <= settings.epsilon {
            Some(Stop::Epsilon)
        } else if !is_first && last.acceptance < settings.least_acceptance {
            Some(Stop::Acceptance)
        } else if self.used >= settings.simulations {
            Some(Stop::Simulations)
        } else if self.next_epsilon(particles) > settings.least_gain * last.epsilon {
            Some(Stop::Gain)
        } else {
            None
        }
    }

    fn first(&mut self, simulator: &(impl Simulate + ?Sized)) -> Result<()> {
        let n = self.settings.first.unwrap_or(2 * self.settings.particles) as u64;
        if n > self.settings.simulations {
            let allowed = format!("at least the {n} of the first population");
            return Err(InferError::setting("simulations", self.settings.simulations, allowed));
        }
        let budget = Budget { simulations: n, block: self.settings.block, threads: self.settings.threads };
        let targets = self.target.clone().insert_axis(Axis(0));
        let own = self.distance();
        let abc = Abc::simulate_and_drop(self.prior, targets, &own, simulator, &budget, self.key.fold_in(0))?;
        self.failed += n - abc.pairs().len() as u64;
        self.begin_with(&abc)?;
        self.used = n;
        if let Some(population) = self.populations.first_mut() {
            population.simulations = n;
            population.acceptance = self.settings.particles as f64 / n as f64;
        }
        Ok(())
    }

    fn distance(&self) -> Distance {
        let resolved = self.resolved.clone();
        Distance::own(move |x, target| resolved.of(x, target))
    }

    fn begin_with(&mut self, abc: &Abc<'_>) -> Result<()> {
        let n = self.settings.particles;
        let accepted = abc.accepted(0, &Accept::nearest(n))?;
        self.particles = Some(Particles::equal(self.prior, abc.pairs(), &accepted)?);
        self.populations = vec![Population {
            epsilon: accepted.epsilon,
            acceptance: accepted.acceptance,
            effective: n as f64,
            simulations: 0,
        }];
        self.stop = self.ended();
        Ok(())
    }

    /// The posterior by the last population: weighted samples, adjusted by regression or as they are.
    ///
    /// # Errors
    /// Before the first population.
    pub fn posterior(&self, adjust: Adjust) -> Result<Posterior> {
        let (Some(particles), Some(last)) = (&self.particles, self.populations.last()) else {
            let reason = "there is no population yet; call run or step first".to_owned();
            return Err(InferError::NoMass { method: "smc-abc", reason });
        };
        let mut cautions = vec![];
        let (mut phi, mut weights, mut method) = (particles.phi.clone(), particles.weights.clone(), "smc-abc");
        if adjust != Adjust::None {
            let bound = last.epsilon * (1.0 + 1e-9);
            let kernel = particles.distances.mapv(|d| (1.0 - (d / bound).powi(2)).max(0.0)) * &particles.weights;
            match adjusted(phi.view(), particles.x.view(), self.target.view(), kernel.view(), adjust) {
                Ok(moved) => (phi, weights, method) = (moved, kernel, "smc-abc, adjusted"),
                Err(reason) => cautions.push(Caution::NotAdjusted { reason }),
            }
        }
        if method == "smc-abc" && self.fisher {
            let factor = 1.0 + last.epsilon * last.epsilon / (self.target.len() as f64 + 2.0);
            cautions.push(Caution::Widened { epsilon: last.epsilon, factor });
        }
        let mut samples = phi.clone();
        for (mut row, phi) in samples.rows_mut().into_iter().zip(phi.rows()) {
            row.assign(&self.prior.to_theta(&phi.to_vec())?);
        }
        let allowed: Vec<usize> =
            (0..samples.nrows()).filter(|&k| self.prior.allows(&samples.row(k).to_vec())).collect();
        if allowed.len() < samples.nrows() {
            cautions.push(Caution::AdjustedOutside { share: 1.0 - allowed.len() as f64 / samples.nrows() as f64 });
        }
        if self.failed > 0 {
            cautions.push(Caution::Dropped { n: self.failed as usize, of: self.used as usize, depends_on: vec![] });
        }
        let effective = effective_number(weights.view());
        if effective < 100.0 {
            cautions.push(Caution::FewEffective { effective, n: samples.nrows() });
        }
        if self.stop == Some(Stop::Simulations) {
            let reason =
                format!("all {} simulations are used, at epsilon {:.3}", self.settings.simulations, last.epsilon);
            cautions.push(Caution::StoppedEarly { reason });
        }
        let posterior = Posterior::under(self.prior, method, samples.select(Axis(0), &allowed))?;
        let mut posterior = posterior.with_weights(weights.select(Axis(0), &allowed))?;
        posterior.cautions = cautions;
        Ok(posterior)
    }
}
