//! Marginal densities of a Gaussian approximation, and integrals over it.

use imnn_prior::special::{LARGEST_PHI, normal_pdf};
use ndarray::{Array1, Array2};

use super::GaussianApproximation;
use crate::density::{Densities, Density1, Density2};
use crate::error::{InferError, Result};

/// Nodes above 0 and weights of the Gauss-Legendre rule of eight points.
const NODES: [(f64, f64); 4] = [
    (0.18343464249564984, 0.36268378337836193),
    (0.525532409916329, 0.31370664587788744),
    (0.7966664774136267, 0.22238103445337434),
    (0.9602898564975362, 0.10122853629037669),
];
/// Pieces of an integral, each with such a rule.
const PIECES: usize = 60;

/// The integral of a smooth function.
fn integral(low: f64, high: f64, f: impl Fn(f64) -> f64) -> f64 {
    if high.partial_cmp(&low) != Some(std::cmp::Ordering::Greater) {
        return 0.0;
    }
    let half = 0.5 * (high - low) / PIECES as f64;
    let piece = |k: usize| {
        let middle = low + (2 * k + 1) as f64 * half;
        NODES.iter().map(|(x, w)| w * (f(middle - half * x) + f(middle + half * x))).sum::<f64>()
    };
    half * (0..PIECES).map(piece).sum::<f64>()
}

impl GaussianApproximation<'_> {
    /// The marginal density of parameter `i` at the points of a grid: in closed form for normal priors, by integrals
    /// for up to two parameters without constraints, none otherwise (take the density of samples then).
    ///
    /// # Errors
    /// If there is no such target or parameter, or nothing of the posterior is inside the prior.
    pub fn marginal(&self, target: usize, i: usize, grid: &[f64]) -> Result<Option<Array1<f64>>> {
        self.check_parameter(i)?;
        if let Some((mean, covariance)) = self.normal(target)? {
            let sd = covariance[[i, i]].sqrt();
            let density = |x: &f64| normal_pdf((x - mean[i]) / sd) / sd;
            return Ok(Some(grid.iter().map(density).collect()));
        }
        let Some(evidence) = self.integral(target)? else { return Ok(None) };
        positive(evidence)?;
        Ok(Some(grid.iter().map(|&x| self.marginal_at(target, i, x).map(|d| d / evidence)).collect::<Result<_>>()?))
    }

    /// The marginal density of parameters `i` and `j` on a grid, `(points of i, points of j)`; where there is none in
    /// closed form, none.
    ///
    /// # Errors
    /// As [`marginal`](Self::marginal), and for `i = j`.
    pub fn marginal_of_two(
        &self,
        target: usize,
        [i, j]: [usize; 2],
        [grid_i, grid_j]: [&[f64]; 2],
    ) -> Result<Option<Array2<f64>>> {
        self.check_parameter(i)?;
        self.check_parameter(j)?;
        if i == j {
            return Err(InferError::setting("parameters", [i, j], "two different ones"));
        }
        let shape = (grid_i.len(), grid_j.len());
        if let Some((mean, covariance)) = self.normal(target)? {
            let (a, b, c) = (covariance[[i, i]], covariance[[i, j]], covariance[[j, j]]);
            let det = a * c - b * b;
            return Ok(Some(Array2::from_shape_fn(shape, |(k, l)| {
                let (x, y) = (grid_i[k] - mean[i], grid_j[l] - mean[j]);
                (-0.5 * (c * x * x - 2.0 * b * x * y + a * y * y) / det).exp() / (std::f64::consts::TAU * det.sqrt())
            })));
        }
        let Some(evidence) = self.integral(target)?.filter(|_| self.prior.n_params() == 2) else { return Ok(None) };
        positive(evidence)?;
        let mut density = Array2::zeros(shape);
        for ((k, l), value) in density.indexed_iter_mut() {
            let mut theta = [0.0; 2];
            (theta[i], theta[j]) = (grid_i[k], grid_j[l]);
            *value = self.ln_density(target, &theta)?.exp() / evidence;
        }
        Ok(Some(density))
    }

    /// The densities of all parameters and pairs of them for a corner plot, where [`marginal`](Self::marginal) has
    /// them: exact at each point, over 4.5 standard deviations of the likelihood or the posterior about its centre, cut
    /// at the prior.
    ///
    /// # Errors
    /// As [`marginal`](Self::marginal).
    pub fn densities(&self, target: usize) -> Result<Option<Densities>> {
        let (estimate, likelihood) = self.target(target)?;
        let (centre, covariance) = match self.normal(target)? {
            Some(normal) => normal,
            None => (estimate, likelihood.scale().to_owned()),
        };
        let bounds = self.prior.bounds();
        let grid = |i: usize, n: usize| -> Vec<f64> {
            let reach = 4.5 * covariance[[i, i]].sqrt();
            // Where the estimate is outside the prior, from the nearest point of the prior on.
            let about = centre[i].clamp(bounds[i][0], bounds[i][1]);
            let (low, high) = ((about - reach).max(bounds[i][0]), (about + reach).min(bounds[i][1]));
            (0..n).map(|k| if k == n - 1 { high } else { low + (high - low) * k as f64 / (n - 1) as f64 }).collect()
        };
        let p = self.prior.n_params();
        let (mut one, mut pairs) = (Vec::new(), Vec::new());
        for i in 0..p {
            let x = grid(i, 256);
            let Some(density) = self.marginal(target, i, &x)? else { return Ok(None) };
            one.push(Density1::new(x.into(), density)?);
            for j in 0..i {
                let (x, y) = (grid(j, 101), grid(i, 101));
                let Some(density) = self.marginal_of_two(target, [j, i], [&x, &y])? else { return Ok(None) };
                pairs.push(Density2::new(x.into(), y.into(), density)?);
            }
        }
        Ok(Some(Densities { one, pairs }))
    }

    /// The evidence as an integral, where that is one or two integrals of one dimension.
    pub(super) fn integral(&self, target: usize) -> Result<Option<f64>> {
        let (estimate, likelihood) = self.target(target)?;
        let all_alone = self.prior.laws().iter().all(Option::is_some);
        if !likelihood.is_normal() || self.prior.is_constrained() || self.prior.n_params() > 2 || !all_alone {
            return Ok(None);
        }
        let failed = std::cell::Cell::new(None);
        let value = self.over(0, estimate[0], likelihood.scale()[[0, 0]].sqrt() * likelihood.reach(), |x| {
            self.given(target, 0, x).unwrap_or_else(|error| {
                failed.set(Some(error));
                0.0
            })
        });
        match failed.take() {
            Some(error) => Err(error),
            None => Ok(Some(value)),
        }
    }

    /// The mean of a function over the law of a parameter, of which all that is not 0 lies within `reach` of a value.
    /// It is an integral over the law's own coordinate, where it is smooth whatever the law is.
    fn over(&self, i: usize, about: f64, reach: f64, f: impl Fn(f64) -> f64) -> f64 {
        let laws = self.prior.laws();
        let Some(law) = laws[i] else { return 0.0 };
        let [low, high] = law.support();
        if about + reach <= low || about - reach >= high {
            return 0.0;
        }
        let ends = [(about - reach).max(low), (about + reach).min(high)].map(|end| match end.is_finite() {
            true => law.to_phi(end).clamp(-LARGEST_PHI, LARGEST_PHI),
            false => LARGEST_PHI.copysign(end),
        });
        integral(ends[0], ends[1], |phi| normal_pdf(phi) * f(law.to_theta(phi)))
    }

    /// Prior times likelihood at a value of one of at most two parameters, integrated over the other.
    fn marginal_at(&self, target: usize, i: usize, value: f64) -> Result<f64> {
        let prior = self.prior.laws()[i].map_or(0.0, |law| law.ln_density(value).exp());
        Ok(if prior > 0.0 { prior * self.given(target, i, value)? } else { 0.0 })
    }

    /// The likelihood at a value of one of at most two parameters, averaged over the law of the other.
    fn given(&self, target: usize, i: usize, value: f64) -> Result<f64> {
        let (estimate, likelihood) = self.target(target)?;
        let alone = likelihood.alone(&estimate, i, value);
        if self.prior.n_params() == 1 {
            return Ok(alone);
        }
        let (mean, sd) = likelihood.conditional(&estimate, i, value);
        Ok(alone * self.over(1 - i, mean, likelihood.reach() * sd, |y| normal_pdf((y - mean) / sd) / sd))
    }

    fn check_parameter(&self, i: usize) -> Result<()> {
        match i < self.prior.n_params() {
            true => Ok(()),
            false => Err(InferError::setting("parameter", i, format!("a number below {}", self.prior.n_params()))),
        }
    }
}

fn positive(evidence: f64) -> Result<()> {
    match evidence > 0.0 {
        true => Ok(()),
        false => Err(InferError::NoMass {
            method: "gaussian approximation",
            reason: "the likelihood is 0 in all of the prior: the estimate is many sigma outside it".into(),
        }),
    }
}
