//! Iterations that a device makes whole, with weights and optimiser of its own.

use super::Iterations;
use super::host::keep;
use crate::error::{FitError, Result};
use crate::history::Entry;
use imnn_data::Source;
use imnn_device::{Evaluated, Keys, Resident, Which};
use imnn_models::{Element, OptimiserState, Parameters};
use imnn_sim::Key;
use imnn_stats::Loss;

pub(crate) struct OnDevice<'a, E: Element> {
    pub(crate) resident: Box<dyn Resident<E> + 'a>,
    pub(crate) training: &'a dyn Source<E>,
    pub(crate) validation: Option<(&'a dyn Source<E>, Key)>,
    pub(crate) loss: Loss,
}

impl<E: Element> OnDevice<'_, E> {
    /// Brings home what there is at the end, which after an error is what there was before it.
    pub(crate) fn finish(
        mut self,
        parameters: &mut Parameters<E>,
        state: &mut OptimiserState<E>,
        best: &mut Option<Parameters<E>>,
    ) -> Result<()> {
        let mut values = vec![E::zero(); parameters.values().len()];
        if self.resident.best(&mut values)? {
            keep(best, parameters, &values);
        }
        Ok(self.resident.fetch(parameters.values_mut(), state)?)
    }
}

impl<E: Element> Iterations for OnDevice<'_, E> {
    fn train(&mut self, keys: Keys, iteration: u64) -> Result<Entry> {
        entry(self.resident.iterate(self.training, keys, iteration)?, &self.loss)
    }

    fn update(&mut self, _: u64) {}

    fn validate(&mut self) -> Result<Option<Entry>> {
        let Some((source, key)) = self.validation else { return Ok(None) };
        entry(self.resident.evaluate(source, key)?, &self.loss).map(Some)
    }

    fn keep(&mut self, which: Which) -> Result<()> {
        Ok(self.resident.keep(which)?)
    }
}

/// What goes into the history, or why there is no loss.
fn entry(evaluated: Evaluated<'_>, loss: &Loss) -> Result<Entry> {
    match evaluated {
        Evaluated::Loss(record) => Ok(Entry {
            det_f: record.det_f,
            det_c: record.det_c,
            det_inv_c: record.det_inv_c,
            lambda2: record.lambda2,
            r: record.r,
        }),
        Evaluated::Refused(summaries) => {
            loss.evaluate(summaries.x.view(), summaries.dx.view())?;
            Err(FitError::NearlySingular)
        }
    }
}
