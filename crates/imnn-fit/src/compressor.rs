//! A trained network at work: summaries and estimates of data.

use crate::error::{FitError, Result};
use imnn_data::{DataError, Derivatives, Leaf, Source, check_rows};
use imnn_device::{Device, Summaries, Task};
use imnn_models::{Element, Model, Parameters};
use imnn_sim::Key;
use imnn_stats::{ScoreCompression, Statistics};
use ndarray::{Array1, Array2, ArrayD};
use std::ops::Range;
use std::sync::Arc;

/// A trained network with its Fisher statistics: compresses data to summaries, and these to quasi-maximum-likelihood
/// estimates.
///
/// ```text
/// theta_hat = theta_fid + F^-1 dmu^T C^-1 (x - mu)
/// ```
///
/// # References
/// Charnock, Lavaux & Wandelt 2018, arXiv:1802.03537; Alsing & Wandelt 2018, arXiv:1712.00012, eq. 6.
#[derive(Clone)]
pub struct Compressor<E: Element> {
    model: Model,
    parameters: Parameters<E>,
    statistics: Statistics,
    compression: ScoreCompression,
    names: Vec<String>,
    device: Arc<dyn Device<E>>,
}

impl<E: Element> Compressor<E> {
    /// Puts a compressor together.
    ///
    /// # Errors
    /// If the parts do not fit.
    pub fn new(
        model: Model,
        parameters: Parameters<E>,
        statistics: Statistics,
        theta_fid: Vec<f64>,
        names: Vec<String>,
        device: Arc<dyn Device<E>>,
    ) -> Result<Self> {
        let compression = ScoreCompression::new(Array1::from(theta_fid).view(), &statistics)?;
        if model.n_summaries() != statistics.n_summaries() {
            return Err(FitError::Disagree {
                what: "number of summaries of the statistics".into(),
                found: statistics.n_summaries().to_string(),
                expected: format!("{}, as the network has,", model.n_summaries()),
            });
        }
        Ok(Compressor { model, parameters, statistics, compression, names, device })
    }

    /// The network.
    pub fn model(&self) -> &Model {
        &self.model
    }

    /// Its weights.
    pub fn parameters(&self) -> &Parameters<E> {
        &self.parameters
    }

    /// The Fisher statistics that estimates use.
    pub fn statistics(&self) -> &Statistics {
        &self.statistics
    }

    /// The names of the parameters.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// The fiducial parameter values.
    pub fn theta_fid(&self) -> Vec<f64> {
        self.compression.theta_fid().to_vec()
    }

    /// One-sigma errors of the estimates, `sqrt(diag F^-1)`.
    pub fn errors(&self) -> Array1<f64> {
        self.compression.errors()
    }

    /// The summaries of data of shape `(*input)` or `(n, *input)`, as `(n, n_summaries)`. An axis of one channel at the
    /// end may be missing.
    ///
    /// # Errors
    /// If the shape is neither, a number is not finite, or the device fails.
    pub fn summaries(&self, data: &ArrayD<E>) -> Result<Array2<f64>> {
        let n = self.count(data.shape())?;
        let values = finite(data)?;
        Ok(self.run(&Rows { n, n_d: 0, shape: self.model.input_shape(), n_params: 1, values, derivatives: vec![] })?.x)
    }

    /// The summaries of data and their derivatives `(n_d, n_summaries, n_params)`, from the derivatives of the data
    /// `(n_d, *input, n_params)` that belong to the first `n_d` of them.
    ///
    /// # Errors
    /// If a shape does not fit, a number is not finite, or the device fails.
    pub fn summaries_with_derivatives(&self, data: &ArrayD<E>, derivatives: &ArrayD<E>) -> Result<Summaries> {
        let n = self.count(data.shape())?;
        let (n_d, n_params) = match derivatives.shape() {
            [n_d, input @ .., n_params] if self.is_input(input) && *n_d <= n && *n_params > 0 => (*n_d, *n_params),
            found => {
                return Err(FitError::Disagree {
                    what: "shape of the derivatives".into(),
                    found: format!("{found:?}"),
                    expected: format!("(n_d, {}, n_params) with n_d at most {n}", text(self.model.input_shape())),
                });
            }
        };
        let values = finite(data)?;
        let derivatives = finite(derivatives)?;
        let size = self.model.input_size();
        let mut first = Vec::with_capacity(derivatives.len());
        for row in derivatives.chunks_exact(size * n_params) {
            for a in 0..n_params {
                first.extend(row.iter().skip(a).step_by(n_params));
            }
        }
        self.run(&Rows { n, n_d, shape: self.model.input_shape(), n_params, values, derivatives: first })
    }

    /// The quasi-maximum-likelihood estimates from data of shape `(*input)` or `(n, *input)`, as `(n, n_params)`.
    ///
    /// # Errors
    /// As [`Compressor::summaries`].
    pub fn estimate(&self, data: &ArrayD<E>) -> Result<Array2<f64>> {
        Ok(self.compression.estimates(self.summaries(data)?.view())?)
    }

    /// The estimates from summaries, `(n, n_summaries)` to `(n, n_params)`.
    ///
    /// # Errors
    /// If the number of summaries is another.
    pub fn estimate_from_summaries(&self, summaries: &Array2<f64>) -> Result<Array2<f64>> {
        Ok(self.compression.estimates(summaries.view())?)
    }

    fn run(&self, rows: &Rows<'_, E>) -> Result<Summaries> {
        let task = Task { model: &self.model, weights: self.parameters.values(), source: rows, key: Key::new(0) };
        Ok(self.device.forward(&task, false)?.summaries)
    }

    /// Number of simulations in an array of this shape.
    fn count(&self, shape: &[usize]) -> Result<usize> {
        match shape {
            input if self.is_input(input) => Ok(1),
            [n, input @ ..] if self.is_input(input) => Ok(*n),
            found => {
                let input = text(self.model.input_shape());
                Err(FitError::Disagree {
                    what: "shape of the data".into(),
                    found: format!("{found:?}"),
                    expected: format!("[{input}] or [n, {input}], as the network takes,"),
                })
            }
        }
    }

    /// Whether this is the shape of one simulation, or that without its axis of one channel.
    fn is_input(&self, shape: &[usize]) -> bool {
        let input = self.model.input_shape();
        shape == input || matches!(input, [head @ .., 1] if !head.is_empty() && shape == head)
    }
}

fn text(shape: &[usize]) -> String {
    shape.iter().map(usize::to_string).collect::<Vec<_>>().join(", ")
}

/// The numbers in row-major order.
fn finite<E: Element>(data: &ArrayD<E>) -> Result<Vec<E>> {
    if let Some((index, value)) = data.indexed_iter().find(|(_, value)| !value.is_finite()) {
        return Err(FitError::Disagree {
            what: format!("value at {:?} of the data", ndarray::Dimension::slice(&index)),
            found: value.to_string(),
            expected: "a finite number".into(),
        });
    }
    // Iteration is in logical order whatever the memory order.
    Ok(data.iter().copied().collect())
}

/// Data to be compressed, as a source.
struct Rows<'a, E> {
    n: usize,
    n_d: usize,
    shape: &'a [usize],
    n_params: usize,
    values: Vec<E>,
    derivatives: Vec<E>,
}

impl<E: Element> Source<E> for Rows<'_, E> {
    fn n_s(&self) -> usize {
        self.n
    }

    fn n_d(&self) -> usize {
        self.n_d
    }

    fn n_params(&self) -> usize {
        self.n_params
    }

    fn input_shape(&self) -> &[usize] {
        self.shape
    }

    fn derivatives(&self) -> &Derivatives {
        &Derivatives::Exact
    }

    fn read(&self, rows: Range<usize>, _: Key, leaf: &mut Leaf<E>) -> Result<(), DataError> {
        let with_derivatives = check_rows(&rows, self.n, self.n_d)?;
        let size: usize = self.shape.iter().product();
        leaf.n = rows.len();
        leaf.values.clear();
        leaf.values.extend_from_slice(&self.values[rows.start * size..rows.end * size]);
        leaf.derivatives.clear();
        if with_derivatives {
            let size = size * self.n_params;
            leaf.derivatives.extend_from_slice(&self.derivatives[rows.start * size..rows.end * size]);
        }
        Ok(())
    }
}
