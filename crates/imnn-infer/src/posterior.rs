//! The posterior of one target: samples, what they weigh, and what they are not worth.

use imnn_prior::Prior;
use imnn_sim::Key;
use ndarray::{Array1, Array2, ArrayView1, ArrayView2};

use crate::caution::Caution;
use crate::check;
use crate::error::{InferError, Result};
use crate::weights;

/// A number with its standard error.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Measured {
    /// The number.
    pub value: f64,
    /// Its standard error, 0 where it is exact.
    pub error: f64,
}

/// Samples of the posterior of one target, whatever method made them.
///
/// ```
/// use imnn_infer::Posterior;
/// use ndarray::array;
///
/// let posterior = Posterior::new("by hand", &["m"], array![[1.0], [2.0], [4.0]])?.with_weights(array![1.0, 2.0, 1.0])?;
/// assert_eq!(posterior.mean(), array![2.25]);
/// assert_eq!(posterior.weights(), array![0.25, 0.5, 0.25]);
/// # Ok::<(), imnn_infer::InferError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Posterior {
    pub(crate) method: String,
    pub(crate) names: Vec<String>,
    pub(crate) samples: Array2<f64>,
    /// Adding up to 1; none where all are equal.
    pub(crate) weights: Option<Array1<f64>>,
    pub(crate) ln_density: Option<Array1<f64>>,
    pub(crate) ranges: Vec<[f64; 2]>,
    pub(crate) chains: usize,
    pub(crate) ln_evidence: Option<Measured>,
    pub(crate) cautions: Vec<Caution>,
}

impl Posterior {
    /// Samples of equal weight, one in each row.
    ///
    /// # Shapes
    /// `samples` `(n, p)` for `p` names, `n` at least 1.
    ///
    /// # Errors
    /// Another number of columns, no rows, NaN or infinity.
    pub fn new<S: AsRef<str>>(method: impl Into<String>, names: &[S], samples: Array2<f64>) -> Result<Self> {
        let p = names.len();
        if samples.ncols() != p || samples.nrows() == 0 {
            return Err(InferError::shape("samples", samples.shape(), format!("[n, {p}] with n at least 1")));
        }
        check::finite("samples", &samples)?;
        Ok(Posterior {
            method: method.into(),
            names: names.iter().map(|name| name.as_ref().to_owned()).collect(),
            samples,
            weights: None,
            ln_density: None,
            ranges: vec![[f64::NEG_INFINITY, f64::INFINITY]; p],
            chains: 1,
            ln_evidence: None,
            cautions: vec![],
        })
    }

    /// As [`new`](Posterior::new), with names and hard bounds of a prior.
    ///
    /// # Errors
    /// As [`new`](Posterior::new).
    pub fn under(prior: &Prior, method: impl Into<String>, samples: Array2<f64>) -> Result<Self> {
        Ok(Posterior { ranges: prior.bounds(), ..Posterior::new(method, prior.names(), samples)? })
    }

    /// Samples of a density that is given on a grid: points drawn by the mass of the cells about the grid points,
    /// uniformly inside them. The outermost cells end at the outermost points.
    ///
    /// # Shapes
    /// One axis of rising values for each parameter; `density` has their lengths.
    ///
    /// # Errors
    /// Other shapes, axes that do not rise, a density that is negative, not finite, or 0 everywhere.
    pub fn from_grid<S: AsRef<str>>(
        names: &[S],
        axes: &[Vec<f64>],
        density: ndarray::ArrayViewD<'_, f64>,
        n: usize,
        key: Key,
    ) -> Result<Self> {
        let lengths: Vec<usize> = axes.iter().map(Vec::len).collect();
        check::shape("density", density.shape(), &lengths)?;
        check::finite("density", &density)?;
        for axis in axes {
            if axis.len() < 2
                || axis.windows(2).any(|pair| pair[0].partial_cmp(&pair[1]) != Some(std::cmp::Ordering::Less))
            {
                return Err(InferError::setting("axes", axis, "at least two values that rise"));
            }
        }
        if let Some(value) = density.iter().find(|value| **value < 0.0) {
            return Err(InferError::setting("density", value, "no negative values"));
        }
        let edges: Vec<Vec<f64>> = axes.iter().map(|axis| edges(axis)).collect();
        let mut mass: Vec<f64> = density.iter().copied().collect();
        for (at, mass) in mass.iter_mut().enumerate() {
            let cell = imnn_io::text::unravel(at, &lengths, false);
            *mass *= cell.iter().zip(&edges).map(|(&k, edges)| edges[k + 1] - edges[k]).product::<f64>();
        }
        let sum: f64 = mass.iter().sum();
        if sum.is_nan() || sum <= 0.0 {
            return Err(InferError::NoMass { method: "from_grid", reason: "the density is 0 everywhere".into() });
        }
        let weights: Array1<f64> = mass.iter().map(|mass| mass / sum).collect();
        let chosen = weights::systematic(weights.view(), n.max(1), 0.5);
        let mut samples = Array2::zeros((chosen.len(), axes.len()));
        let mut ln_density = Array1::zeros(chosen.len());
        for (k, &cell) in chosen.iter().enumerate() {
            let mut rng = key.fold_in(k as u64).rng();
            let place = imnn_io::text::unravel(cell, &lengths, false);
            for (i, (&at, edges)) in place.iter().zip(&edges).enumerate() {
                let u: f64 = rand::RngExt::random(&mut rng);
                samples[[k, i]] = edges[at] + u * (edges[at + 1] - edges[at]);
            }
            ln_density[k] = density.iter().nth(cell).map_or(f64::NAN, |density| (density / sum).ln());
        }
        let mut posterior = Posterior::new("grid", names, samples)?.with_ln_density(ln_density)?;
        posterior.ranges = axes.iter().map(|axis| [axis[0], axis[axis.len() - 1]]).collect();
        Ok(posterior)
    }

    /// With weights, which are divided by their sum.
    ///
    /// # Errors
    /// Another number of them, NaN, negative ones, or none above 0.
    pub fn with_weights(mut self, weights: Array1<f64>) -> Result<Self> {
        check::shape("weights", weights.shape(), &[self.n_samples()])?;
        check::finite("weights", &weights)?;
        let sum = weights.sum();
        if weights.iter().any(|w| *w < 0.0) || !(sum > 0.0 && sum.is_finite()) {
            return Err(InferError::setting(
                "weights",
                "with a sum of ".to_owned() + &sum.to_string(),
                "no negative weights, and some above 0",
            ));
        }
        self.weights = Some(weights / sum);
        Ok(self)
    }

    /// With the logarithm of the posterior density at each sample.
    ///
    /// # Errors
    /// Another number of them, or NaN.
    pub fn with_ln_density(mut self, ln_density: Array1<f64>) -> Result<Self> {
        check::shape("ln_density", ln_density.shape(), &[self.n_samples()])?;
        if let Some(k) = ln_density.iter().position(|value| value.is_nan()) {
            return Err(InferError::NotFinite { what: "ln_density", index: vec![k], value: f64::NAN });
        }
        self.ln_density = Some(ln_density);
        Ok(self)
    }

    /// With hard bounds of the parameters, infinite where there is none.
    ///
    /// # Errors
    /// Another number of them.
    pub fn with_ranges(mut self, ranges: Vec<[f64; 2]>) -> Result<Self> {
        check::shape("ranges", &[ranges.len()], &[self.n_params()])?;
        self.ranges = ranges;
        Ok(self)
    }

    /// Of samples that are those of several chains of equal length, one chain after the other.
    ///
    /// # Errors
    /// If the samples cannot be divided among so many.
    pub fn with_chains(mut self, chains: usize) -> Result<Self> {
        if chains == 0 || !self.n_samples().is_multiple_of(chains) {
            return Err(InferError::setting(
                "chains",
                chains,
                format!("a divisor of the {} samples", self.n_samples()),
            ));
        }
        self.chains = chains;
        Ok(self)
    }

    /// With the logarithm of the evidence `p(x_o)`.
    pub fn with_ln_evidence(mut self, ln_evidence: Measured) -> Self {
        self.ln_evidence = Some(ln_evidence);
        self
    }

    /// With something to know.
    pub fn with_caution(mut self, caution: Caution) -> Self {
        self.cautions.push(caution);
        self
    }

    /// What made it, in a word or two.
    pub fn method(&self) -> &str {
        &self.method
    }

    /// The names of the parameters.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// The number of parameters.
    pub fn n_params(&self) -> usize {
        self.names.len()
    }

    /// The number of samples.
    pub fn n_samples(&self) -> usize {
        self.samples.nrows()
    }

    /// The samples, `(n, p)`.
    pub fn samples(&self) -> ArrayView2<'_, f64> {
        self.samples.view()
    }

    /// The weights of the samples, which add up to 1.
    pub fn weights(&self) -> Array1<f64> {
        let n = self.n_samples();
        self.weights.clone().unwrap_or_else(|| Array1::from_elem(n, 1.0 / n as f64))
    }

    /// Whether all samples have the same weight.
    pub fn is_unweighted(&self) -> bool {
        self.weights.is_none()
    }

    /// `ln p(theta | x_o)` at the samples, where the method knows it; up to a constant where it has no evidence.
    pub fn ln_density(&self) -> Option<ArrayView1<'_, f64>> {
        self.ln_density.as_ref().map(|ln_density| ln_density.view())
    }

    /// Hard bounds of the parameters, those of the prior.
    pub fn ranges(&self) -> &[[f64; 2]] {
        &self.ranges
    }

    /// The number of chains that the samples are of, one after the other; 1 for independent samples.
    pub fn n_chains(&self) -> usize {
        self.chains
    }

    /// `ln p(x_o)`, where the method knows it.
    pub fn ln_evidence(&self) -> Option<Measured> {
        self.ln_evidence
    }

    /// What is to know about it.
    pub fn cautions(&self) -> &[Caution] {
        &self.cautions
    }

    /// Kish's effective number of samples by the weights.
    pub fn effective_samples(&self) -> f64 {
        weights::effective_number(self.weights().view())
    }

    /// The mean, `(p)`.
    pub fn mean(&self) -> Array1<f64> {
        weights::mean(self.samples.view(), self.weights().view())
    }

    /// The covariance about the mean, `(p, p)`, divisor `1 - sum w^2`.
    pub fn covariance(&self) -> Array2<f64> {
        weights::covariance(self.samples.view(), self.weights().view())
    }

    /// Standard deviations, `(p)`.
    pub fn sd(&self) -> Array1<f64> {
        self.covariance().diag().mapv(f64::sqrt)
    }

    /// The value of parameter `i` below which a share `p` of the posterior lies.
    ///
    /// # Errors
    /// If there is no such parameter, or `p` is not from 0 to 1.
    pub fn quantile(&self, i: usize, p: f64) -> Result<f64> {
        if i >= self.n_params() {
            return Err(InferError::setting("parameter", i, format!("a number below {}", self.n_params())));
        }
        if !(0.0..=1.0).contains(&p) {
            return Err(InferError::setting("p", p, "a number from 0 to 1"));
        }
        Ok(weights::quantile(self.samples.column(i), self.weights().view(), p))
    }

    /// `n` samples of equal weight, drawn systematically by weight; the same sample may come several times.
    pub fn resampled(&self, n: usize, key: Key) -> Posterior {
        let offset: f64 = rand::RngExt::random(&mut key.rng());
        let chosen = weights::systematic(self.weights().view(), n.max(1), offset);
        let axis = ndarray::Axis(0);
        Posterior {
            samples: self.samples.select(axis, &chosen),
            ln_density: self.ln_density.as_ref().map(|ln_density| ln_density.select(axis, &chosen)),
            weights: None,
            chains: 1,
            ..self.clone()
        }
    }
}

/// The edges of the cells about the points of an axis.
fn edges(axis: &[f64]) -> Vec<f64> {
    let (first, last) = (axis[0], axis[axis.len() - 1]);
    std::iter::once(first).chain(axis.windows(2).map(|pair| 0.5 * (pair[0] + pair[1]))).chain([last]).collect()
}
