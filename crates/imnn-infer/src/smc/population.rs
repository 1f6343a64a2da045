//! Particles, and how one population follows from another.

use imnn_prior::special::normal_ln_pdf;
use imnn_prior::{Cholesky, Prior};
use imnn_sim::Key;
use imnn_sim::rand_distr::{Distribution, StandardNormal};
use ndarray::{Array1, Array2, ArrayView1, Axis};
use rand::RngExt;

use super::{Population, SmcAbc};
use crate::abc::{Accepted, Simulate, summaries_of};
use crate::error::{InferError, Result};
use crate::pairs::Pairs;
use crate::parallel::in_blocks;
use crate::weights::{self, effective_number, ln_sum_exp, normalised};

/// The particles of a population.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Particles {
    /// Their coordinates, `(N, p)`.
    pub(crate) phi: Array2<f64>,
    /// Their summaries, `(N, q)`.
    pub(crate) x: Array2<f64>,
    pub(crate) distances: Array1<f64>,
    /// Adding up to 1.
    pub(crate) weights: Array1<f64>,
}

impl Particles {
    /// Accepted pairs, all with the same weight.
    pub(crate) fn equal(prior: &Prior, pairs: &Pairs, accepted: &Accepted) -> Result<Self> {
        let n = accepted.rows.len();
        let mut phi = Array2::zeros((n, prior.n_params()));
        for (mut row, &k) in phi.rows_mut().into_iter().zip(&accepted.rows) {
            row.assign(&prior.to_phi(&pairs.theta().row(k).to_vec())?);
        }
        Ok(Particles {
            phi,
            x: pairs.x().select(Axis(0), &accepted.rows),
            distances: Array1::from(accepted.distances.clone()),
            weights: Array1::from_elem(n, 1.0 / n as f64),
        })
    }

    /// The least distance with at least a share of the weight at or below it.
    pub(crate) fn quantile(&self, share: f64) -> f64 {
        let mut order: Vec<usize> = (0..self.distances.len()).collect();
        order.sort_by(|&a, &b| self.distances[a].total_cmp(&self.distances[b]).then(a.cmp(&b)));
        let mut sum = 0.0;
        for &k in &order {
            sum += self.weights[k];
            if sum >= share * (1.0 - 1e-12) {
                return self.distances[k];
            }
        }
        order.last().map_or(f64::NAN, |&k| self.distances[k])
    }

    /// The factor of twice the weighted covariance; where that is singular (particles that coincide) of its diagonal.
    fn kernel(&self) -> Result<Cholesky> {
        let covariance = weights::covariance(self.phi.view(), self.weights.view()) * 2.0;
        let diagonal = || Cholesky::new(Array2::from_diag(&covariance.diag()).view());
        Cholesky::new(covariance.view()).or_else(diagonal).ok_or_else(|| InferError::Singular {
            what: "the covariance of the particles".into(),
            advice: "all have the same value of a parameter; take more particles".into(),
        })
    }
}

/// `sum_j w_j N(phi; phi_j, Sigma)`, ready to be computed at many places: with `L^-1 phi_j`, `Sigma = L L^T`.
struct Mixture {
    centres: Vec<f64>,
    ln_weights: Vec<f64>,
    p: usize,
}

impl Mixture {
    fn new(particles: &Particles, kernel: &Cholesky) -> Self {
        let some = |k: &usize| particles.weights[*k] > 0.0;
        let chosen: Vec<usize> = (0..particles.weights.len()).filter(some).collect();
        Mixture {
            centres: chosen.iter().flat_map(|&k| kernel.whiten(particles.phi.row(k))).collect(),
            ln_weights: chosen.iter().map(|&k| particles.weights[k].ln()).collect(),
            p: particles.phi.ncols(),
        }
    }

    /// Its logarithm, without the constant that is the same everywhere; `terms` is memory for it.
    fn ln(&self, whitened: &[f64], terms: &mut Vec<f64>) -> f64 {
        terms.clear();
        terms.extend(self.centres.chunks_exact(self.p).zip(&self.ln_weights).map(|(centre, ln_weight)| {
            ln_weight - 0.5 * centre.iter().zip(whitened).map(|(a, b)| (a - b) * (a - b)).sum::<f64>()
        }));
        ln_sum_exp(terms.iter().copied())
    }
}

/// A proposed particle that was simulated.
struct Trial {
    phi: Vec<f64>,
    x: Vec<f64>,
    distance: f64,
}

impl SmcAbc<'_> {
    /// The population after `before`, at a smaller epsilon.
    pub(super) fn next(
        &mut self,
        simulator: &(impl Simulate + ?Sized),
        before: &Particles,
        epsilon: f64,
    ) -> Result<()> {
        let [proposals, simulations, draws] = self.key.fold_in(self.populations.len() as u64).split();
        let kernel = before.kernel()?;
        let cumulative: Vec<f64> = before
            .weights
            .iter()
            .scan(0.0, |sum, w| {
                *sum += w;
                Some(*sum)
            })
            .collect();
        let n = self.settings.particles;
        let (mut kept, mut tried, mut failed) = (Vec::with_capacity(n), 0_u64, 0_u64);
        let mut last = 0;
        while kept.len() < n {
            let left = self.settings.simulations.saturating_sub(self.used + tried);
            if left == 0 {
                self.used += tried;
                self.failed += failed;
                return Ok(());
            }
            // As many as are likely to be enough: their number depends on what was accepted, never on the threads.
            let rate = if tried == 0 { self.settings.alpha } else { (kept.len() as f64 / tried as f64).max(0.002) };
            let wave = ((n - kept.len()) as f64 / rate * 1.05).ceil() as u64;
            let wave = wave.next_multiple_of(self.settings.block).min(left);
            let trials = in_blocks(tried..tried + wave, self.settings.block, self.settings.threads, |range| {
                let mut phi = Vec::with_capacity((range.end - range.start) as usize);
                for key in proposals.fold_in_each(range.clone()) {
                    phi.push(self.proposed(before, &cumulative, &kernel, key)?);
                }
                let mut theta = Array2::zeros((phi.len(), self.prior.n_params()));
                for (mut row, phi) in theta.rows_mut().into_iter().zip(&phi) {
                    row.assign(&self.prior.to_theta(phi)?);
                }
                let x = summaries_of(simulator, simulations, range, theta.view())?;
                let target = self.target.to_vec();
                let trial = |(phi, x): (Vec<f64>, ArrayView1<'_, f64>)| {
                    let x = x.to_vec();
                    let is_good = x.iter().all(|value| value.is_finite());
                    let distance = if is_good { self.resolved.of(&x, &target) } else { f64::NAN };
                    Trial { phi, distance, x }
                };
                Ok(phi.into_iter().zip(x.rows()).map(trial).collect::<Vec<_>>())
            })?;
            for trial in trials.into_iter().flatten() {
                tried += 1;
                failed += u64::from(trial.distance.is_nan());
                if trial.distance <= epsilon && kept.len() < n {
                    kept.push(trial);
                    last = tried;
                }
            }
        }
        self.used += tried;
        self.failed += failed;
        let (p, q) = (self.prior.n_params(), self.target.len());
        let mut particles = Particles {
            phi: Array2::from_shape_fn((n, p), |(k, i)| kept[k].phi[i]),
            x: Array2::from_shape_fn((n, q), |(k, j)| kept[k].x[j]),
            distances: kept.iter().map(|trial| trial.distance).collect(),
            weights: Array1::zeros(n),
        };
        particles.weights = self.weighed(&particles, before, &kernel)?;
        let effective = effective_number(particles.weights.view());
        if effective < 0.5 * n as f64 {
            let offset: f64 = draws.rng().random();
            let chosen = weights::systematic(particles.weights.view(), n, offset);
            particles = Particles {
                phi: particles.phi.select(Axis(0), &chosen),
                x: particles.x.select(Axis(0), &chosen),
                distances: particles.distances.select(Axis(0), &chosen),
                weights: Array1::from_elem(n, 1.0 / n as f64),
            };
        }
        let acceptance = n as f64 / last as f64;
        self.populations.push(Population { epsilon, acceptance, effective, simulations: last });
        self.particles = Some(particles);
        Ok(())
    }

    /// A particle drawn by weight and moved; both anew while a constraint is violated.
    fn proposed(&self, before: &Particles, cumulative: &[f64], kernel: &Cholesky, key: Key) -> Result<Vec<f64>> {
        let mut rng = key.rng();
        for _ in 0..1_000_000 {
            let u: f64 = rng.random();
            let j = cumulative.partition_point(|sum| *sum <= u).min(cumulative.len() - 1);
            let z: Array1<f64> = (0..self.prior.n_params()).map(|_| StandardNormal.sample(&mut rng)).collect();
            let phi = (kernel.times(z.view()) + before.phi.row(j)).to_vec();
            if !self.prior.is_constrained() || self.prior.allows(&self.prior.to_theta(&phi)?.to_vec()) {
                return Ok(phi);
            }
        }
        Err(InferError::NoMass {
            method: "smc-abc",
            reason: "a million moved particles violate the constraints of the prior; is the region that they leave a thin one?".into(),
        })
    }

    /// `w_i ~ N(phi_i; 0, I) / sum_j w_j N(phi_i; phi_j, Sigma)`.
    fn weighed(&self, particles: &Particles, before: &Particles, kernel: &Cholesky) -> Result<Array1<f64>> {
        let n = particles.phi.nrows() as u64;
        let mixture = Mixture::new(before, kernel);
        let parts = in_blocks(0..n, 64, self.settings.threads, |range| {
            let mut terms = Vec::new();
            let ln = |k: u64| {
                let phi = particles.phi.row(k as usize);
                let prior: f64 = phi.iter().map(|&z| normal_ln_pdf(z)).sum();
                prior - mixture.ln(&kernel.whiten(phi).to_vec(), &mut terms)
            };
            Ok(range.map(ln).collect::<Vec<f64>>())
        })?;
        Ok(normalised(&parts.concat()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::abc::Distance;
    use crate::smc::SmcSettings;
    use imnn_prior::{Normal, Uniform};
    use ndarray::array;

    #[test]
    fn weights_are_those_of_a_direct_double_sum() {
        let prior = Prior::builder()
            .law("a", Normal::new(0.0, 1.0).unwrap())
            .law("b", Uniform::new(0.0, 1.0).unwrap())
            .build()
            .unwrap();
        let settings = SmcSettings { particles: 10, ..SmcSettings::default() };
        let smc = SmcAbc::new(&prior, array![0.0].view(), &Distance::Euclidean, &settings, Key::new(0)).unwrap();
        let draw = |seed: u64, n: usize| {
            let mut values = vec![0.0; 2 * n];
            Key::new(seed).fill_normal(&mut values);
            Array2::from_shape_vec((n, 2), values).unwrap()
        };
        let of = |phi: Array2<f64>, weights: Array1<f64>| {
            let n = phi.nrows();
            Particles { phi, x: Array2::zeros((n, 1)), distances: Array1::zeros(n), weights }
        };
        let before = of(draw(1, 12), Array1::from_iter((1..=12).map(|k| f64::from(k) / 78.0)));
        let now = of(draw(2, 10), Array1::zeros(10));
        let kernel = before.kernel().unwrap();
        let weights = smc.weighed(&now, &before, &kernel).unwrap();
        let sigma = weights::covariance(before.phi.view(), before.weights.view()) * 2.0;
        let det = sigma[[0, 0]] * sigma[[1, 1]] - sigma[[0, 1]] * sigma[[1, 0]];
        let inverse = array![[sigma[[1, 1]], -sigma[[0, 1]]], [-sigma[[1, 0]], sigma[[0, 0]]]] / det;
        let direct: Vec<f64> = (0..10)
            .map(|i| {
                let phi = now.phi.row(i);
                let sum: f64 = (0..12)
                    .map(|j| {
                        let d = &phi - &before.phi.row(j);
                        before.weights[j] * (-0.5 * d.dot(&inverse.dot(&d))).exp()
                            / (std::f64::consts::TAU * det.sqrt())
                    })
                    .sum();
                (-0.5 * phi.dot(&phi)).exp() / std::f64::consts::TAU / sum
            })
            .collect();
        let total: f64 = direct.iter().sum();
        for (w, direct) in weights.iter().zip(direct) {
            assert!((w - direct / total).abs() < 1e-13, "{w} {}", direct / total);
        }
    }

    #[test]
    fn quantiles_of_distances_are_weighted() {
        let particles = Particles {
            phi: Array2::zeros((3, 1)),
            x: Array2::zeros((3, 1)),
            distances: array![3.0, 1.0, 2.0],
            weights: array![0.5, 0.1, 0.4],
        };
        assert_eq!(particles.quantile(0.1), 1.0);
        assert_eq!(particles.quantile(0.5), 2.0);
        assert_eq!(particles.quantile(0.51), 3.0);
    }
}
