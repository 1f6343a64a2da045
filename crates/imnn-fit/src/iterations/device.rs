//! Iterations that a device makes whole, with weights and optimiser of its own.

use super::Iterations;
use crate::error::{FitError, Result};
use crate::state::TrainingState;
use imnn_data::Source;
use imnn_device::{DeviceTraining, Keys, LossResult};
use imnn_models::Element;
use imnn_sim::Key;
use imnn_stats::{Loss, Record};

pub(crate) struct OnDevice<'a, E: Element> {
    pub(crate) device: Box<dyn DeviceTraining<E> + 'a>,
    pub(crate) training: &'a dyn Source<E>,
    pub(crate) validation: Option<(&'a dyn Source<E>, Key)>,
    pub(crate) loss: Loss,
}

impl<E: Element> Iterations<E> for OnDevice<'_, E> {
    fn train(&mut self, state: &mut TrainingState<E>, keys: Keys, keep_above: Option<f64>) -> Result<Record> {
        let iteration = state.counters.done as u64;
        record(self.device.iterate(self.training, keys, iteration, keep_above)?, &self.loss)
    }

    fn validate(&mut self, _: &mut TrainingState<E>, keep_above: f64) -> Result<Option<Record>> {
        let Some((source, key)) = self.validation else { return Ok(None) };
        record(self.device.validate(source, key, Some(keep_above))?, &self.loss).map(Some)
    }

    /// Copies weights, optimiser and best weights to the host; after an error they are those before it.
    fn fetch(&mut self, state: &mut TrainingState<E>) -> Result<()> {
        let mut best = vec![E::zero(); state.parameters.values().len()];
        if self.device.best(&mut best)? {
            state.keep(Some(&best));
        }
        Ok(self.device.fetch(state.parameters.values_mut(), &mut state.optimiser)?)
    }
}

/// What goes into the history, or why there is no loss.
fn record(result: LossResult<'_>, loss: &Loss) -> Result<Record> {
    match result {
        LossResult::Record(record) => Ok(record),
        LossResult::Singular(summaries) => {
            loss.evaluate(summaries.x.view(), summaries.dx.view())?;
            Err(FitError::NearlySingular)
        }
    }
}
