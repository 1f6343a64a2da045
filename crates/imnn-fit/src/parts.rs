//! What training does not change.

use crate::moments::Simulations;
use imnn_data::Source;
use imnn_device::Device;
use imnn_models::{Element, Model, Optimiser};
use imnn_sim::Key;

/// What training does not change.
pub(crate) struct Parts<E: Element> {
    pub(crate) model: Model,
    pub(crate) device: Box<dyn Device<E>>,
    pub(crate) training: Box<dyn Source<E>>,
    pub(crate) validation: Option<Box<dyn Source<E>>>,
    /// The user's own; without it, training is in rounds.
    pub(crate) optimiser: Option<Box<dyn Optimiser<E>>>,
    pub(crate) theta_fid: Vec<f64>,
    pub(crate) names: Vec<String>,
}

impl<E: Element> Parts<E> {
    /// Simulations that have no part in training: the validation set, seen with its key, or new ones of a simulator, made with
    /// theirs; `None` where there are no such simulations.
    pub(crate) fn held_out(&self, of_validation: Key, of_new: Key) -> Option<Simulations<'_, E>> {
        let training = self.training.as_ref();
        match &self.validation {
            Some(validation) => Some(Simulations::once(validation.as_ref(), of_validation)),
            None => training.simulates_anew().then(|| Simulations::to_compare(training, of_new)),
        }
    }
}
