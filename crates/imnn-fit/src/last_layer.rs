//! The last linear layer, set in closed form: by the read-out, or by whitening.

use crate::error::Result;
use crate::held_out::{Estimate, HeldOut, PARTS};
use crate::imnn::Imnn;
use crate::iterations::host::measure;
use crate::keys::RunKeys;
use crate::outcome::LastLayer;
use crate::parts::Parts;
use crate::read_out::{Found, of_sets, of_source, per_feature};
use imnn_data::{Augmented, Source};
use imnn_device::{Summaries, Task};
use imnn_models::{Element, Parameters};
use imnn_stats::{FisherEstimate, ReadOut, Statistics};

/// How a call of fit ended.
pub(crate) struct Ending {
    pub(crate) held_out: Option<HeldOut>,
    pub(crate) read_out_gain: Option<Estimate>,
    pub(crate) refit: Option<Refit>,
}

/// The last layer was made again.
pub(crate) struct Refit {
    /// From so many simulations.
    pub(crate) n_s: usize,
    /// What the network told of those for validation that it had not yet seen.
    pub(crate) before: FisherEstimate,
    /// The statistics of the validation set, each part of it by the last layer of all the others.
    pub(crate) crossed: Statistics,
}

impl<E: Element> Imnn<E> {
    /// Sets the last layer before training, as the settings say and the network allows.
    pub(crate) fn begin(&mut self, read_out: bool, whiten: bool) -> Result<LastLayer> {
        let mut instead = None;
        if read_out {
            match self.read_out(0)?.and_then(Found::if_better) {
                Ok(Found { read_out, n_s }) => {
                    self.set_last_layer(&read_out)?;
                    return Ok(LastLayer::ReadOut { held_out: read_out.held_out, ridge: read_out.ridge, n_s });
                }
                Err(reason) => instead = Some(reason),
            }
        }
        Ok(if whiten && self.whiten()? { LastLayer::Whitened { instead } } else { LastLayer::AsGiven })
    }

    /// The read-out of the present weights, or why there is none; each `number` has its own simulations.
    fn read_out(&self, number: usize) -> Result<Result<Found, String>> {
        let Parts { model, device, training, .. } = &self.parts;
        let key = self.state.keys.read_out.fold_in(number as u64);
        let n = per_feature(training.spec().data_shape());
        of_source(model, &self.state.parameters, device.as_ref(), training.as_ref(), key, n)
    }

    fn set_last_layer(&mut self, found: &ReadOut) -> Result<()> {
        let Imnn { parts, state, .. } = self;
        if let Some(features) = parts.model.features() {
            let weight: Vec<f64> = found.weight.iter().copied().collect();
            features.set(&mut state.parameters, &weight, &found.bias.to_vec())?;
        }
        Ok(())
    }

    /// Takes the read-out of the present weights in place of their last layer, if it is better.
    pub(crate) fn read_out_again(&mut self) -> Result<()> {
        if let Ok(Found { read_out, .. }) = self.read_out(1 + self.state.history.len())?.and_then(Found::if_better) {
            self.set_last_layer(&read_out)?;
        }
        Ok(())
    }

    /// Measures the present weights on simulations that had no part in training: the validation set, or new ones of a simulator;
    /// `None` where there are no such simulations.
    pub(crate) fn held_out(&mut self) -> Result<Option<HeldOut>> {
        let present = self.state.parameters.clone();
        self.held_out_with(&present)
    }

    /// The same of other weights.
    pub(crate) fn held_out_with(&mut self, weights: &Parameters<E>) -> Result<Option<HeldOut>> {
        let Imnn { parts, session, state, .. } = self;
        let RunKeys { validation, held_out, .. } = state.keys;
        let Some(simulations) = parts.held_out(validation, held_out) else { return Ok(None) };
        let n_parts = PARTS.min(simulations.source.n_d());
        let n_summaries = parts.model.n_summaries();
        simulations
            .moments(session.as_mut(), weights.values(), n_summaries, n_parts)
            .map(|parts| Some(HeldOut::new(parts)))
    }

    /// Tries the read-out of the best weights if they were `trained`, and takes it if it is better on held-out simulations.
    ///
    /// With `refit` a last layer that is a read-out, or no better than one beyond the error of the comparison, is made again from
    /// the training and the validation set together: what was to be decided has been, and twice as many simulations lose half as
    /// much to their number. What was held out tells of the last layer before.
    pub(crate) fn finish(&mut self, trained: bool, refit: bool, held_out: Option<HeldOut>) -> Result<Ending> {
        let last = self.state.parameters.clone();
        if let Some(best) = &self.state.best {
            self.state.parameters = best.clone();
        }
        let held_out = match held_out {
            None if trained => self.held_out()?,
            held_out => held_out,
        };
        let mut ending = Ending { held_out, read_out_gain: None, refit: None };
        let (mut is_read_out, mut changed) = (!trained, false);
        if let (true, Some(before)) = (trained, &ending.held_out)
            && let Ok(Found { read_out, .. }) = self.read_out(1 + self.state.history.len())?
        {
            let best = self.state.parameters.clone();
            self.set_last_layer(&read_out)?;
            if let Some(now) = self.held_out()? {
                let gain = now.gain_over(before)?;
                ending.read_out_gain = Some(gain);
                is_read_out = gain.value > -gain.error;
                changed = gain.value > 0.0;
                if changed {
                    ending.held_out = Some(now);
                }
            }
            if !changed {
                self.state.parameters = best;
            }
        }
        if refit && is_read_out {
            ending.refit = self.refit()?;
            changed |= ending.refit.is_some();
        }
        if changed {
            self.state.keep(None);
        } else {
            self.state.parameters = last;
        }
        Ok(ending)
    }

    /// Makes the last layer from the training and the validation set together, if it can.
    fn refit(&mut self) -> Result<Option<Refit>> {
        let Imnn { parts, session, state, .. } = self;
        let Parts { model, device, training, validation, .. } = &*parts;
        let (Some(validation), keys) = (validation, state.keys) else { return Ok(None) };
        let weights = state.parameters.values();
        let task = Task { weights, source: validation.as_ref(), key: keys.validation };
        let Summaries { x, dx } = session.forward(&task, false)?;
        let before = FisherEstimate::new(x.view(), dx.view())?;
        let augmented;
        let validation: &dyn Source<E> = match training.augmentation() {
            // What is symmetric in one set is so in the other.
            Some(symmetries) => {
                augmented = Augmented::new(validation.as_ref(), symmetries)?;
                &augmented
            }
            None => validation.as_ref(),
        };
        let sets = [(training.as_ref(), keys.read_out), (validation, keys.validation)];
        let Ok((Found { read_out, n_s }, crossed)) = of_sets(model, &state.parameters, device.as_ref(), sets)? else {
            return Ok(None);
        };
        self.set_last_layer(&read_out)?;
        Ok(Some(Refit { n_s, before, crossed }))
    }

    /// Maps the last linear layer so that the summaries of the first batch get mean 0 and covariance I; false where the
    /// network does not end in a linear layer.
    ///
    /// ```text
    /// x' = (x - mu) A,   A A^T = C^-1   =>   cov(x') = A^T C A = I
    /// ```
    ///
    /// An invertible linear map of the summaries carries the same information, and training need not spend its first
    /// hundreds of iterations on scale alone.
    pub(crate) fn whiten(&mut self) -> Result<bool> {
        let Imnn { parts, session, state, .. } = self;
        let key = state.keys.of_iteration(state.history.len());
        let statistics = measure(session.as_mut(), &state.parameters, parts.training.as_ref(), key)?;
        let a: Vec<f64> = statistics.whitening()?.iter().copied().collect();
        Ok(parts.model.whiten_last_linear(&mut state.parameters, &statistics.mu.to_vec(), &a)?)
    }
}
