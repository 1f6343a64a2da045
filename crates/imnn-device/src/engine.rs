//! How one worker runs one leaf.

use imnn_models::{Batch, Element, Model, ModelError, Output};

/// Forward and backward passes of a leaf on one worker. Engines have no state of their own: the same leaf and weights give
/// the same bits on any worker.
pub trait Engine<E: Element>: Send + Sync {
    /// Summaries of the batch and their tangents.
    ///
    /// # Errors
    /// If a layer refuses its data.
    fn forward(&self, model: &Model, weights: &[E], batch: &Batch<'_, E>) -> Result<Output<E>, ModelError>;

    /// Adds to `gradient` the vector-Jacobian product of the network with `cotangents`.
    ///
    /// # Errors
    /// If a layer refuses its data.
    fn backward(
        &self,
        model: &Model,
        weights: &[E],
        batch: &Batch<'_, E>,
        cotangents: &Output<E>,
        gradient: &mut [E],
    ) -> Result<(), ModelError>;
}

/// The engine that runs every layer by its dfdx definition.
#[derive(Clone, Copy, Debug, Default)]
pub struct Dfdx;

impl<E: Element> Engine<E> for Dfdx {
    fn forward(&self, model: &Model, weights: &[E], batch: &Batch<'_, E>) -> Result<Output<E>, ModelError> {
        imnn_models::forward(model, weights, batch)
    }

    fn backward(
        &self,
        model: &Model,
        weights: &[E],
        batch: &Batch<'_, E>,
        cotangents: &Output<E>,
        gradient: &mut [E],
    ) -> Result<(), ModelError> {
        imnn_models::backward(model, weights, batch, cotangents, gradient)
    }
}
