//! Iterations whose loss and updates are made on the host, between the passes of a device.

use super::Iterations;
use crate::error::Result;
use crate::state::TrainingState;
use imnn_data::Source;
use imnn_device::{Cotangents, Keys, Session, Task};
use imnn_models::{Element, Optimiser, Parameters};
use imnn_sim::Key;
use imnn_stats::{Loss, Record, Statistics};
use ndarray::Array2;

pub(crate) struct OnHost<'a, E: Element> {
    pub(crate) session: &'a mut dyn Session<E>,
    pub(crate) training: &'a dyn Source<E>,
    pub(crate) validation: Option<(&'a dyn Source<E>, Key)>,
    pub(crate) loss: Loss,
    pub(crate) optimiser: &'a dyn Optimiser<E>,
    pub(crate) buffers: &'a mut Buffers<E>,
}

/// Gradients with respect to weights and summaries: memory that is used again.
#[derive(Debug)]
pub(crate) struct Buffers<E> {
    gradient: Vec<E>,
    dloss_dx: Array2<f64>,
}

impl<E: Element> Buffers<E> {
    pub(crate) fn new(n_weights: usize) -> Self {
        Buffers { gradient: vec![E::zero(); n_weights], dloss_dx: Array2::zeros((0, 0)) }
    }
}

impl<E: Element> Iterations<E> for OnHost<'_, E> {
    fn train(&mut self, state: &mut TrainingState<E>, keys: Keys, keep_above: Option<f64>) -> Result<Record> {
        let Buffers { gradient, dloss_dx } = &mut *self.buffers;
        let task = Task { weights: state.parameters.values(), source: self.training, key: keys.own };
        let summaries = self.session.forward(&task, true)?;
        let reused = std::mem::take(dloss_dx);
        let evaluation = self.loss.evaluate_into(summaries.x.view(), summaries.dx.view(), reused)?;
        let cotangents = Cotangents { x: evaluation.dloss_dx.view(), dx: evaluation.dloss_ddx.view() };
        self.session.backward(&task, &cotangents, gradient)?;
        let record = evaluation.record;
        *dloss_dx = evaluation.dloss_dx;
        if keep_above.is_some_and(|log_det_f| record.log_det_f > log_det_f) {
            state.keep(None);
        }
        let iteration = state.counters.done as u64;
        self.optimiser.update(iteration, gradient, &mut state.optimiser, state.parameters.values_mut());
        Ok(record)
    }

    fn validate(&mut self, state: &mut TrainingState<E>, keep_above: f64) -> Result<Option<Record>> {
        let Some((source, key)) = self.validation else { return Ok(None) };
        let statistics = measure(self.session, &state.parameters, source, key)?;
        let (_, record) = self.loss.value(&statistics)?;
        if record.log_det_f > keep_above {
            state.keep(None);
        }
        Ok(Some(record))
    }

    fn fetch(&mut self, _: &mut TrainingState<E>) -> Result<()> {
        Ok(())
    }
}

/// The statistics of the summaries of all simulations of a source.
pub(crate) fn measure<E: Element>(
    session: &mut dyn Session<E>,
    parameters: &Parameters<E>,
    source: &dyn Source<E>,
    key: Key,
) -> Result<Statistics> {
    let summaries = session.forward(&Task { weights: parameters.values(), source, key }, false)?;
    Ok(Statistics::new(summaries.x.view(), summaries.dx.view())?)
}
