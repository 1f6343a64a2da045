//! A trained network at work: summaries and estimates of data.

use crate::data_array::DataArray;
use crate::error::{FitError, Result};
use crate::typical::Typical;
use imnn_data::{Arrays, Given, Source};
use imnn_device::{Device, Session, Summaries, Task};
use imnn_models::{Element, Model, Parameters};
use imnn_sim::Key;
use imnn_stats::{ScoreCompression, Statistics, table};
use ndarray::{Array1, Array2, ArrayD, Axis};
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

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
    typical: Option<Typical>,
    given: Option<Given>,
    /// Clones take turns.
    session: Arc<Mutex<Box<dyn Session<E>>>>,
}

impl<E: Element> Compressor<E> {
    /// Puts a compressor together.
    ///
    /// # Errors
    /// If the parts do not fit, or the device cannot run the network.
    pub fn new(
        model: Model,
        parameters: Parameters<E>,
        statistics: Statistics,
        theta_fid: Vec<f64>,
        names: Vec<String>,
        device: &dyn Device<E>,
    ) -> Result<Self> {
        if names.len() != theta_fid.len() {
            return Err(FitError::Disagree {
                what: "number of names of parameters".into(),
                found: names.len().to_string(),
                expected: format!("{}, as there are fiducial values,", theta_fid.len()),
            });
        }
        let compression = ScoreCompression::new(Array1::from(theta_fid).view(), &statistics)?;
        if model.n_summaries() != statistics.n_summaries() {
            return Err(FitError::Disagree {
                what: "number of summaries of the statistics".into(),
                found: statistics.n_summaries().to_string(),
                expected: format!("{}, as the network has,", model.n_summaries()),
            });
        }
        let session = Arc::new(Mutex::new(device.load(&model)?));
        Ok(Compressor { model, parameters, statistics, compression, names, typical: None, given: None, session })
    }

    /// With what the simulations look like.
    pub(crate) fn with_typical(mut self, typical: Typical) -> Self {
        self.typical = Some(typical);
        self
    }

    /// With what stands behind the data.
    pub(crate) fn with_given(mut self, given: Option<Given>) -> Self {
        self.given = given;
        self
    }

    /// The summaries that were given, which stand behind the data in each row that the network reads; `None` of a network
    /// of data alone.
    pub fn given(&self) -> Option<&Given> {
        self.given.as_ref()
    }

    /// Rows for a network beside given summaries: data of shape `(*data)` or `(n, *data)` with the summaries behind, `(n_given)` or
    /// `(n, n_given)`; without them they are made by the function of the run, if it has one.
    ///
    /// # Errors
    /// If a shape does not fit, the run has no function for the summaries, or its network is one of data alone.
    pub fn rows(&self, data: impl DataArray, given: Option<ArrayD<f64>>) -> Result<ArrayD<E>> {
        let Some(of_run) = &self.given else {
            return Err(FitError::Disagree {
                what: "number of given summaries".into(),
                found: given.map_or_else(|| "0".to_owned(), |given| format!("an array of shape {:?}", given.shape())),
                expected: "none: this network is one of data alone, ".into(),
            });
        };
        Ok(of_run.rows(data.to_array(&of_run.data_shape), given.map(|given| given.mapv(E::of)))?)
    }

    /// What the simulations look like that the statistics were measured on; runs of before do not say.
    pub fn typical(&self) -> Option<&Typical> {
        self.typical.as_ref()
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

    /// The summaries of data of shape `(*input)` or `(n, *input)`, as `(n, n_summaries)`: arrays, views, or one simulation as
    /// a slice, in f32 or f64. An axis of one channel at the end may be missing.
    ///
    /// # Errors
    /// If the shape is neither, a number is not finite, or the device fails.
    pub fn summaries(&self, data: impl DataArray) -> Result<Array2<f64>> {
        Ok(self.run(Arrays::data(self.batch(data)?, "the data")?)?.x)
    }

    /// The summaries of data and their derivatives `(n_d, n_summaries, n_params)`, from the derivatives of the data
    /// `(n_d, *input, n_params)` that belong to the first `n_d` of them.
    ///
    /// # Errors
    /// If a shape does not fit, a number is not finite, or the device fails.
    pub fn summaries_with_derivatives(&self, data: impl DataArray, derivatives: impl DataArray) -> Result<Summaries> {
        self.run(Arrays::exact(self.batch(data)?, derivatives.to_array(&[]))?)
    }

    /// The summaries of the simulations that a source gives for `key`, and their derivatives.
    ///
    /// # Errors
    /// If a shape does not fit, simulations cannot be read, or the device fails.
    pub fn summaries_of(&self, source: &dyn Source<E>, key: Key) -> Result<Summaries> {
        let task = Task { weights: self.parameters.values(), source, key };
        // A session can be used again whatever happened before.
        let mut session = self.session.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(session.forward(&task, false)?.clone())
    }

    /// The quasi-maximum-likelihood estimates from data of shape `(*input)` or `(n, *input)`, as `(n, n_params)`.
    ///
    /// # Errors
    /// As [`Compressor::summaries`].
    pub fn estimate(&self, data: impl DataArray) -> Result<Array2<f64>> {
        Ok(self.compression.estimates(self.summaries(data)?.view())?)
    }

    /// The estimates from summaries, `(n, n_summaries)` to `(n, n_params)`.
    ///
    /// # Errors
    /// If the number of summaries is another.
    pub fn estimate_from_summaries(&self, summaries: &Array2<f64>) -> Result<Array2<f64>> {
        Ok(self.compression.estimates(summaries.view())?)
    }

    fn run(&self, data: Arrays<E>) -> Result<Summaries> {
        let data = data.reshape_input(self.model.input_shape())?;
        // The data are what they are: the key is read by nobody.
        self.summaries_of(&data, Key::new(0))
    }

    /// The data with an axis over simulations.
    fn batch(&self, data: impl DataArray) -> Result<ArrayD<E>> {
        let mut data = data.to_array(self.model.input_shape());
        if let Some(given) = self.given.as_ref().filter(|given| given.are_data(data.shape())) {
            data = given.rows(data, None)?;
        }
        match data.shape() {
            input if self.is_input(input) => Ok(data.insert_axis(Axis(0))),
            [0, ..] => Err(FitError::Disagree {
                what: "number of data sets".into(),
                found: "0".into(),
                expected: "at least one".into(),
            }),
            [_, input @ ..] if self.is_input(input) => Ok(data),
            found => {
                let input: Vec<_> = self.model.input_shape().iter().map(usize::to_string).collect();
                let input = input.join(", ");
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

/// The Fisher information and the one-sigma errors by the names of the parameters.
impl<E: Element> fmt::Display for Compressor<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&table::information(&self.names, &self.theta_fid(), &self.statistics))
    }
}
