//! Iterations whose loss and updates are made on the host, between the passes of a device.

use super::Iterations;
use crate::error::Result;
use crate::history::Entry;
use crate::trainer::statistics;
use imnn_data::Source;
use imnn_device::{Cotangents, Keys, Session, Task, Which};
use imnn_models::{Element, Optimiser, OptimiserState, Parameters};
use imnn_sim::Key;
use imnn_stats::{Loss, Terms};
use ndarray::Array2;

pub(crate) struct OnHost<'a, E: Element> {
    pub(crate) session: &'a mut dyn Session<E>,
    pub(crate) training: &'a dyn Source<E>,
    pub(crate) validation: Option<(&'a dyn Source<E>, Key)>,
    pub(crate) loss: Loss,
    pub(crate) optimiser: &'a dyn Optimiser<E>,
    pub(crate) parameters: &'a mut Parameters<E>,
    pub(crate) state: &'a mut OptimiserState<E>,
    pub(crate) best: &'a mut Option<Parameters<E>>,
    /// Gradients with respect to weights and summaries: memory that is used again.
    pub(crate) gradient: &'a mut [E],
    pub(crate) dloss_dx: &'a mut Array2<f64>,
}

impl<E: Element> Iterations for OnHost<'_, E> {
    fn train(&mut self, keys: Keys, _: u64) -> Result<Entry> {
        let task = Task { weights: self.parameters.values(), source: self.training, key: keys.own };
        let summaries = self.session.forward(&task, true)?;
        let reused = std::mem::take(self.dloss_dx);
        let evaluation = self.loss.evaluate_into(summaries.x.view(), summaries.dx.view(), reused)?;
        let cotangents = Cotangents { x: evaluation.dloss_dx.view(), dx: evaluation.dloss_ddx.view() };
        self.session.backward(&task, &cotangents, self.gradient)?;
        let terms = Terms { value: evaluation.value, lambda2: evaluation.lambda2, r: evaluation.r };
        *self.dloss_dx = evaluation.dloss_dx;
        Ok(Entry::new(&evaluation.statistics, &terms))
    }

    fn update(&mut self, iteration: u64) {
        self.optimiser.update(iteration, self.gradient, self.state, self.parameters.values_mut());
    }

    fn validate(&mut self) -> Result<Option<Entry>> {
        let Some((source, key)) = self.validation else { return Ok(None) };
        let statistics = statistics(self.session, self.parameters, source, key)?;
        Ok(Some(Entry::new(&statistics, &self.loss.terms(&statistics)?)))
    }

    fn keep(&mut self, _: Which) -> Result<()> {
        // Whether before or after the update, it is the weights as they are now.
        keep(self.best, self.parameters, self.parameters.values());
        Ok(())
    }
}

/// Copies weights into those kept, in the memory that these have.
pub(super) fn keep<E: Element>(kept: &mut Option<Parameters<E>>, like: &Parameters<E>, values: &[E]) {
    kept.get_or_insert_with(|| like.clone()).values_mut().copy_from_slice(values);
}
