//! The contract between the trainer and whatever runs networks.

use crate::error::{DeviceError, Result};
use imnn_data::{Leaf, Source};
use imnn_models::{Element, Model};
use imnn_sim::Key;
use ndarray::{Array2, Array3};

/// A network with its weights, over simulations.
#[derive(Clone, Copy)]
pub struct Task<'a, E: Element> {
    /// The network.
    pub model: &'a Model,
    /// Its weights, flat, in the order of the model's layout.
    pub weights: &'a [E],
    /// The simulations.
    pub source: &'a dyn Source<E>,
    /// The key of this iteration, for sources that simulate or augment.
    pub key: Key,
}

/// What a network makes of the simulations, in f64 for the statistics.
#[derive(Clone, Debug, PartialEq)]
pub struct Summaries {
    /// Summaries at the fiducial, `(n_s, n_summaries)`.
    pub x: Array2<f64>,
    /// Their derivatives with respect to the parameters, `(n_d, n_summaries, n_params)`.
    pub dx: Array3<f64>,
}

/// A forward pass, with what the device wants to keep for the backward pass.
pub struct Pass<E> {
    /// The summaries.
    pub summaries: Summaries,
    /// Simulations kept, by leaf; those that are not here are read (or simulated) again.
    pub(crate) kept: Vec<Option<Leaf<E>>>,
}

/// The gradient of the loss with respect to the summaries.
#[derive(Clone, Debug, PartialEq)]
pub struct Cotangents {
    /// With respect to the summaries, `(n_s, n_summaries)`.
    pub x: Array2<f64>,
    /// With respect to the derivative of the summaries of one simulation, `(n_summaries, n_params)`: the same for all n_d.
    pub dx: Array2<f64>,
}

/// Whatever runs networks over simulations. Same task, same bits.
pub trait Device<E: Element>: Send + Sync {
    /// The summaries of all simulations. With `keep`, the pass is prepared for [`Device::backward`].
    ///
    /// # Errors
    /// If simulations cannot be read, shapes do not fit, or the network makes something that is no number.
    fn forward(&self, task: &Task<'_, E>, keep: bool) -> Result<Pass<E>>;

    /// The gradient of the loss with respect to the weights, from that with respect to the summaries.
    ///
    /// # Errors
    /// As [`Device::forward`], and if cotangents and summaries differ in shape.
    fn backward(&self, task: &Task<'_, E>, pass: Pass<E>, cotangents: &Cotangents) -> Result<Vec<E>>;
}

impl<E: Element> Task<'_, E> {
    /// Checks that source, network and weights belong together.
    ///
    /// # Errors
    /// If shapes differ.
    pub(crate) fn check(&self) -> Result<()> {
        if self.source.input_shape() != self.model.input_shape() {
            return Err(DeviceError::InputShape {
                network: self.model.input_shape().to_vec(),
                found: self.source.input_shape().to_vec(),
            });
        }
        let expected = self.model.layout().len();
        if self.weights.len() != expected {
            return Err(DeviceError::Weights { expected, found: self.weights.len() });
        }
        Ok(())
    }
}
