//! The contract between the trainer and whatever runs networks.

use crate::error::Result;
use imnn_data::Source;
use imnn_models::{Element, Model};
use imnn_sim::Key;
use ndarray::{Array2, Array3, ArrayView2};

/// Whatever runs networks over simulations.
pub trait Device<E: Element>: Send + Sync {
    /// Readies a network: what depends on it alone is worked out once, what its passes need is kept and reused.
    ///
    /// # Errors
    /// If the device cannot run the network.
    fn load(&self, model: &Model) -> Result<Box<dyn Session<E>>>;
}

/// A network ready to run. Same network, same task, same bits.
pub trait Session<E: Element>: Send {
    /// The summaries of all simulations. With `keep`, the pass is prepared for [`Session::backward`].
    ///
    /// # Errors
    /// If simulations cannot be read, shapes do not fit, or the network makes something that is no number. The session
    /// can be used again.
    fn forward(&mut self, task: &Task<'_, E>, keep: bool) -> Result<&Summaries>;

    /// The gradient of the loss with respect to the weights, from that with respect to the summaries: overwrites `gradient`,
    /// which is as long as the weights.
    ///
    /// The task must be that of the last [`Session::forward`], to the last weight; without `keep` there, or after none, the
    /// forward pass is made again.
    ///
    /// # Errors
    /// As [`Session::forward`], and if cotangents, gradient and summaries do not fit. The session can be used again;
    /// `gradient` is then unspecified.
    fn backward(&mut self, task: &Task<'_, E>, cotangents: &Cotangents<'_>, gradient: &mut [E]) -> Result<()>;

    /// What the user may want to know about how the network is run, such as which layer keeps it from running faster.
    fn note(&self) -> Option<&str>;
}

/// Weights and simulations for a network.
#[derive(Clone, Copy)]
pub struct Task<'a, E: Element> {
    /// The weights of the network, flat, in the order of the model's layout.
    pub weights: &'a [E],
    /// The simulations.
    pub source: &'a dyn Source<E>,
    /// The key of this iteration, for sources that simulate or augment.
    pub key: Key,
}

/// What a network makes of the simulations, in f64 for the statistics.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Summaries {
    /// Summaries at the fiducial, `(n_s, n_summaries)`.
    pub x: Array2<f64>,
    /// Their derivatives with respect to the parameters, `(n_d, n_summaries, n_params)`.
    pub dx: Array3<f64>,
}

/// The gradient of the loss with respect to the summaries.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Cotangents<'a> {
    /// With respect to the summaries, `(n_s, n_summaries)`.
    pub x: ArrayView2<'a, f64>,
    /// With respect to the derivative of the summaries of one simulation, `(n_summaries, n_params)`: the same for all n_d.
    pub dx: ArrayView2<'a, f64>,
}
