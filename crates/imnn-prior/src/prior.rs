//! Priors: products of laws, with constraints, and the coordinates in which they are standard normal.

use std::ops::Range;
use std::sync::Arc;

use imnn_sim::Key;
use imnn_sim::rand_distr::{Distribution, StandardNormal};
use ndarray::{Array1, Array2, ArrayView1};

use crate::block::Block;
use crate::constraint::Constraint;
use crate::error::{PriorError, Result};
use crate::law::Law;
use crate::special::{LARGEST_PHI, normal_ln_pdf};

/// How often a draw that violates the constraints is drawn anew before that is an error.
const MOST_TRIES: usize = 1_000_000;
/// Coordinates of laws without an end are cut far beyond all that can be drawn.
const FARTHEST: f64 = 1e2 * LARGEST_PHI;

/// The probability density of the parameters before there are data: independent laws with names, at most one block of
/// parameters with a multivariate normal law, and constraints.
///
/// ```text
/// p(theta) = prod_i p_i(theta_i) 1[constraints] / acceptance
/// phi_i = Phi^-1(F_i(theta_i)),   theta_i = F_i^-1(Phi(phi_i))
/// ```
///
/// In the coordinates `phi` the prior without its constraints is `N(0, I)`. The acceptance, the share of the prior that
/// fulfils the constraints, is measured when the prior is built, always with the same draws;
/// [`acceptance`](Prior::acceptance) gives it with its error.
///
/// ```
/// use imnn_prior::{Normal, Prior, Uniform};
/// use imnn_sim::Key;
///
/// let prior = Prior::builder()
///     .law("Omega_c", Uniform::new(0.1, 0.5)?)
///     .law("sigma_8", Normal::new(0.8, 0.2)?)
///     .at_most(&[("Omega_c", 1.0), ("sigma_8", 0.5)], 1.0)
///     .build()?;
/// let theta = prior.sample(Key::new(0), 1000)?;
/// assert!(theta.rows().into_iter().all(|row| row[0] + 0.5 * row[1] <= 1.0));
/// // Draw k depends on k alone.
/// assert_eq!(prior.draw(Key::new(0), 17)?, theta.row(17));
/// # Ok::<(), imnn_prior::PriorError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Prior {
    pub(crate) names: Vec<String>,
    pub(crate) parts: Vec<Part>,
    pub(crate) constraints: Vec<Constraint>,
    pub(crate) acceptance: Acceptance,
}

/// One law, or the block.
#[derive(Clone, Debug)]
pub(crate) enum Part {
    One(Arc<dyn Law>),
    Many(Block),
}

impl Part {
    pub(crate) fn len(&self) -> usize {
        match self {
            Part::One(_) => 1,
            Part::Many(block) => block.len(),
        }
    }
}

/// The share of a prior that fulfils its constraints.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Acceptance {
    /// The share; 1 without constraints.
    pub value: f64,
    /// Its standard error, binomial; 0 without constraints.
    pub error: f64,
    /// The draws that it was measured with; 0 without constraints.
    pub draws: usize,
}

impl Prior {
    /// The number of parameters.
    pub fn n_params(&self) -> usize {
        self.names.len()
    }

    /// The names of the parameters, in their order.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// The least interval of each parameter that holds its law; constraints may narrow it.
    pub fn bounds(&self) -> Vec<[f64; 2]> {
        let of = |part: &Part| match part {
            Part::One(law) => vec![law.support()],
            Part::Many(block) => vec![[f64::NEG_INFINITY, f64::INFINITY]; block.len()],
        };
        self.parts.iter().flat_map(of).collect()
    }

    /// Whether there are constraints.
    pub fn is_constrained(&self) -> bool {
        !self.constraints.is_empty()
    }

    /// Whether every law is normal or the block, without constraints, so that the prior is one normal law: its mean and
    /// covariance.
    pub fn as_normal(&self) -> Option<(Array1<f64>, Array2<f64>)> {
        if self.is_constrained() {
            return None;
        }
        // theta is affine in phi exactly where all laws are normal: three points on each axis show it.
        let p = self.n_params();
        let unbounded = self.bounds().iter().all(|[low, high]| low.is_infinite() && high.is_infinite());
        let at = |axis: usize, value: f64| {
            let mut phi = vec![0.0; p];
            phi[axis] = value;
            Array1::from(self.theta_of(&phi))
        };
        let mean = at(0, 0.0);
        let mut factor = Array2::zeros((p, p));
        for axis in 0..p {
            let (one, many) = (at(axis, 1.0) - &mean, at(axis, 7.3) - &mean);
            let size = one.iter().fold(0.0, |size: f64, x| size.max(x.abs()));
            if !unbounded || (&many - &one * 7.3).iter().any(|x| x.abs() > 1e-12 * (size + 1e-3 * mean[axis].abs())) {
                return None;
            }
            factor.column_mut(axis).assign(&one);
        }
        Some((mean, factor.dot(&factor.t())))
    }

    /// The share of the laws that fulfils the constraints.
    pub fn acceptance(&self) -> Acceptance {
        self.acceptance
    }

    /// The laws of the parameters; none for those of the block.
    pub fn laws(&self) -> Vec<Option<&dyn Law>> {
        let mut laws: Vec<Option<&dyn Law>> = Vec::new();
        for part in &self.parts {
            match part {
                Part::One(law) => laws.push(Some(law.as_ref())),
                Part::Many(block) => laws.extend(std::iter::repeat_n(None, block.len())),
            }
        }
        laws
    }

    /// The parts, each with the places of its parameters.
    fn placed(&self) -> impl Iterator<Item = (&Part, Range<usize>)> {
        self.parts.iter().scan(0, |at, part| {
            let own = *at..*at + part.len();
            *at = own.end;
            Some((part, own))
        })
    }

    /// Whether the constraints hold; the support of the laws is not asked.
    pub fn allows(&self, theta: &[f64]) -> bool {
        self.constraints.iter().all(|constraint| constraint.holds(theta))
    }

    /// Whether the density is not 0.
    pub fn contains(&self, theta: &[f64]) -> bool {
        self.ln_density(theta) > f64::NEG_INFINITY
    }

    /// `ln p(theta)`, normalised; minus infinity outside, and where a parameter is NaN.
    ///
    /// With constraints it has the relative error of the measured [`acceptance`](Prior::acceptance).
    pub fn ln_density(&self, theta: &[f64]) -> f64 {
        if theta.len() != self.n_params() || theta.iter().any(|value| value.is_nan()) || !self.allows(theta) {
            return f64::NEG_INFINITY;
        }
        let of = |(part, own): (&Part, Range<usize>)| match part {
            Part::One(law) => law.ln_density(theta[own.start]),
            Part::Many(block) => block.ln_density(ArrayView1::from(&theta[own])),
        };
        let sum = self.placed().map(of).sum::<f64>() - self.acceptance.value.ln();
        if sum.is_nan() { f64::NEG_INFINITY } else { sum }
    }

    /// `ln p` of the prior in its own coordinates: `-|phi|^2/2 - (d/2) ln 2 pi` less the logarithm of the acceptance,
    /// and minus infinity where the constraints do not hold.
    pub fn ln_density_phi(&self, phi: &[f64]) -> f64 {
        if self.is_constrained() && !self.allows(&self.theta_of(phi)) {
            return f64::NEG_INFINITY;
        }
        phi.iter().map(|&z| normal_ln_pdf(z)).sum::<f64>() - self.acceptance.value.ln()
    }

    /// The coordinates of parameters.
    ///
    /// # Errors
    /// [`PriorError::Parameters`] for a wrong number of them, NaN, or values outside the laws.
    pub fn to_phi(&self, theta: &[f64]) -> Result<Array1<f64>> {
        self.check_length("theta", theta)?;
        let mut phi = Vec::with_capacity(theta.len());
        for (part, own) in self.placed() {
            match part {
                Part::One(law) => {
                    let ([low, high], value) = (law.support(), theta[own.start]);
                    if !(value >= low && value <= high) {
                        let name = &self.names[own.start];
                        let reason = format!("{name} = {value} is outside its prior, which goes from {low} to {high}");
                        return Err(PriorError::Parameters { reason });
                    }
                    phi.push(law.to_phi(value).clamp(-FARTHEST, FARTHEST));
                }
                Part::Many(block) => phi.extend(block.to_phi(ArrayView1::from(&theta[own]))),
            }
        }
        Ok(phi.into())
    }

    /// The parameters at coordinates.
    ///
    /// # Errors
    /// [`PriorError::Parameters`] for a wrong number of them, or NaN.
    pub fn to_theta(&self, phi: &[f64]) -> Result<Array1<f64>> {
        self.check_length("phi", phi)?;
        Ok(self.theta_of(phi).into())
    }

    /// The parameters at as many coordinates as there are parameters.
    pub(crate) fn theta_of(&self, phi: &[f64]) -> Vec<f64> {
        let mut theta = Vec::with_capacity(phi.len());
        for (part, own) in self.placed() {
            match part {
                Part::One(law) => theta.push(law.to_theta(phi[own.start])),
                Part::Many(block) => theta.extend(block.to_theta(ArrayView1::from(&phi[own]))),
            }
        }
        theta
    }

    /// The gradient by `phi` of a function whose gradient by `theta` is given, both at `phi`:
    /// `df/dphi = (dtheta/dphi)^T df/dtheta`.
    ///
    /// # Errors
    /// [`PriorError::Parameters`] for wrong lengths, or NaN in `phi`.
    pub fn pulled_back(&self, phi: &[f64], gradient: &[f64]) -> Result<Array1<f64>> {
        self.check_length("phi", phi)?;
        if gradient.len() != phi.len() {
            return Err(self.wrong_length("the gradient", gradient.len()));
        }
        let mut pulled = Vec::with_capacity(phi.len());
        for (part, own) in self.placed() {
            match part {
                Part::One(law) => {
                    let phi = phi[own.start];
                    pulled.push(gradient[own.start] * law.slope(phi, law.to_theta(phi)));
                }
                Part::Many(block) => pulled.extend(block.pulled_back(ArrayView1::from(&gradient[own]))),
            }
        }
        Ok(pulled.into())
    }

    /// `ln |dtheta/dphi|`: what is added to a log density of `theta` to have that of `phi`.
    ///
    /// # Errors
    /// As [`to_theta`](Prior::to_theta).
    pub fn ln_volume(&self, phi: &[f64]) -> Result<f64> {
        self.check_length("phi", phi)?;
        let of = |(part, own): (&Part, Range<usize>)| match part {
            Part::One(law) => law.slope(phi[own.start], law.to_theta(phi[own.start])).ln(),
            Part::Many(block) => block.ln_volume(),
        };
        Ok(self.placed().map(of).sum())
    }

    /// Draw `k` of the stream of a key: it depends on `k` alone, not on what else is drawn.
    ///
    /// # Errors
    /// [`PriorError::Empty`] if a million draws violate the constraints.
    pub fn draw(&self, key: Key, k: u64) -> Result<Array1<f64>> {
        let mut rng = key.fold_in(k).rng();
        for _ in 0..MOST_TRIES {
            let phi: Vec<f64> = (0..self.n_params()).map(|_| StandardNormal.sample(&mut rng)).collect();
            let theta = self.theta_of(&phi);
            if self.allows(&theta) {
                return Ok(theta.into());
            }
        }
        Err(PriorError::Empty { tried: MOST_TRIES, accepted: 0, worst: String::new() })
    }

    /// The first `n` draws of the stream of a key, `(n, n_params)`.
    ///
    /// # Errors
    /// As [`draw`](Prior::draw).
    pub fn sample(&self, key: Key, n: usize) -> Result<Array2<f64>> {
        let mut samples = Array2::zeros((n, self.n_params()));
        for (k, mut row) in (0..).zip(samples.rows_mut()) {
            row.assign(&self.draw(key, k)?);
        }
        Ok(samples)
    }

    fn check_length(&self, what: &str, values: &[f64]) -> Result<()> {
        if values.len() != self.n_params() {
            return Err(self.wrong_length(what, values.len()));
        }
        match values.iter().position(|value| value.is_nan()) {
            None => Ok(()),
            Some(k) => Err(PriorError::Parameters { reason: format!("{what}[{k}] ({}) is NaN", self.names[k]) }),
        }
    }

    fn wrong_length(&self, what: &str, found: usize) -> PriorError {
        let (n, names) = (self.n_params(), self.names.join(", "));
        PriorError::Parameters { reason: format!("{what} has {found} values, expected {n}: {names}") }
    }
}
