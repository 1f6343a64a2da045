//! The last linear layer, set in closed form: by the read-out, or by whitening.

use crate::error::Result;
use crate::held_out::{Estimate, HeldOut, PARTS};
use crate::imnn::{Imnn, Parts};
use crate::iterations::host::measure;
use crate::moments::Simulations;
use imnn_data::Source;
use imnn_device::Device;
use imnn_models::{Element, Features, Model, Parameters};
use imnn_sim::Key;
use imnn_stats::{FeatureMoments, ReadOut};
use ndarray::ArrayView2;

/// How the last layer began.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum LastLayer {
    /// By the read-out.
    ReadOut {
        /// `ln det F` on simulations that it was not made from.
        held_out: f64,
        /// The ridge, in units of the variance of each feature.
        ridge: f64,
        /// Simulations that it was made from.
        n_s: usize,
    },
    /// Whitened: the summaries of the first simulations have mean 0 and covariance I. With the reason if the read-out was
    /// tried.
    Whitened {
        /// Why the read-out was not taken.
        instead: Option<String>,
    },
    /// As the weights were drawn or given.
    AsGiven,
}

/// Simulations for each feature that the read-out takes from a source that has any number: without a ridge it would lose about
/// one part in so many of det F for each parameter to their finite number.
const PER_FEATURE: usize = 200;

/// The largest error of a summary of variance 1 that the rounding of features may make.
const LARGEST_ROUNDING: f64 = 0.03;

impl<E: Element> Imnn<E> {
    /// Sets the last layer before training, as the settings say and the network allows.
    pub(crate) fn begin(&mut self, read_out: bool, whiten: bool) -> Result<LastLayer> {
        let mut instead = None;
        if read_out {
            let key = self.state.keys.read_out.fold_in(0);
            match self.read_out(key)? {
                Ok((found, n_s)) => {
                    self.set_last_layer(&found)?;
                    return Ok(LastLayer::ReadOut { held_out: found.held_out, ridge: found.ridge, n_s });
                }
                Err(reason) => instead = Some(reason),
            }
        }
        Ok(if whiten && self.whiten()? { LastLayer::Whitened { instead } } else { LastLayer::AsGiven })
    }

    /// The read-out of the present weights.
    fn read_out(&self, key: Key) -> Result<Result<(ReadOut, usize), String>> {
        let Parts { model, device, training, .. } = &self.parts;
        read_out_of(model, &self.state.parameters, device.as_ref(), training.as_ref(), key)
    }

    fn set_last_layer(&mut self, found: &ReadOut) -> Result<()> {
        let Imnn { parts, state, .. } = self;
        if let Some(features) = parts.model.features() {
            let weight: Vec<f64> = found.weight.iter().copied().collect();
            features.set(&mut state.parameters, &weight, &found.bias.to_vec())?;
        }
        Ok(())
    }

    /// Takes the read-out of the present weights in place of their last layer.
    pub(crate) fn read_out_again(&mut self) -> Result<()> {
        let key = self.state.keys.read_out.fold_in(1 + self.state.history.len() as u64);
        if let Ok((found, _)) = self.read_out(key)? {
            self.set_last_layer(&found)?;
        }
        Ok(())
    }

    /// Measures the present weights on simulations that had no part in training: the validation set, or new ones of a simulator;
    /// `None` where there are no such simulations.
    pub(crate) fn held_out(&mut self) -> Result<Option<HeldOut>> {
        let Imnn { parts, session, state, .. } = self;
        let training = parts.training.as_ref();
        let simulations = match &parts.validation {
            Some(validation) => Simulations::once(validation.as_ref(), state.keys.validation),
            None if training.simulates_anew() => Simulations::to_compare(training, state.keys.held_out),
            None => return Ok(None),
        };
        let n_parts = PARTS.min(simulations.source.n_d());
        let (weights, n_summaries) = (state.parameters.values(), parts.model.n_summaries());
        simulations.moments(session.as_mut(), weights, n_summaries, n_parts).map(|parts| Some(HeldOut::new(parts)))
    }

    /// Tries the read-out of the best weights and takes it if it is better on held-out simulations: `ln det F` there, and how much
    /// larger it is with the read-out than with the trained last layer, if there was one to try.
    pub(crate) fn finish(
        &mut self,
        read_out: bool,
        trained: Option<HeldOut>,
    ) -> Result<(Option<HeldOut>, Option<Estimate>)> {
        let last = self.state.parameters.clone();
        if let Some(best) = &self.state.best {
            self.state.parameters = best.clone();
        }
        let trained = match trained {
            None if read_out => self.held_out()?,
            trained => trained,
        };
        let trained = match trained {
            Some(trained) if read_out => trained,
            trained => {
                self.state.parameters = last;
                return Ok((trained, None));
            }
        };
        let key = self.state.keys.read_out.fold_in(1 + self.state.history.len() as u64);
        if let Ok((found, _)) = self.read_out(key)? {
            self.set_last_layer(&found)?;
            if let Some(read_out) = self.held_out()? {
                let gain = read_out.gain_over(&trained)?;
                if gain.value > 0.0 {
                    self.state.keep(None);
                    return Ok((Some(read_out), Some(gain)));
                }
                self.state.parameters = last;
                return Ok((Some(trained), Some(gain)));
            }
        }
        self.state.parameters = last;
        Ok((Some(trained), None))
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

/// The read-out of the features that these weights give, with the number of simulations that it was made from; or why there is none
/// that is better than the last layer.
pub(crate) fn read_out_of<E: Element>(
    model: &Model,
    parameters: &Parameters<E>,
    device: &dyn Device<E>,
    source: &dyn Source<E>,
    key: Key,
) -> Result<Result<(ReadOut, usize), String>> {
    let Some(features) = model.features() else {
        return Ok(Err("the network does not end in a linear layer".into()));
    };
    let mut session = device.load(features.model())?;
    let n_features = features.model().n_summaries();
    let simulations = Simulations::about(PER_FEATURE * n_features, source, key);
    let moments = simulations.moments(session.as_mut(), parameters.values(), n_features, 2)?;
    let Ok(halves) = <[FeatureMoments; 2]>::try_from(moments) else { return Ok(Err("there are no halves".into())) };
    let n_s = halves.iter().map(FeatureMoments::n_s).sum();
    Ok(solve(&features, parameters, &halves).map(|found| (found, n_s)))
}

/// The read-out, if it is better than the present last layer and can be computed with in the precision of the weights.
fn solve<E: Element>(
    features: &Features,
    parameters: &Parameters<E>,
    halves: &[FeatureMoments; 2],
) -> Result<ReadOut, String> {
    let present = features.weight(parameters);
    let n_features = halves[0].n_features();
    let present = ArrayView2::from_shape((n_features, present.len() / n_features.max(1)), &present)
        .map_err(|error| error.to_string())?;
    let found = ReadOut::new(halves, present).map_err(|error| error.to_string())?;
    if found.held_out <= found.present {
        return Err(format!(
            "on simulations that it was not made from the read-out has ln det F {:.3}, the last layer as it is {:.3}",
            found.held_out, found.present
        ));
    }
    // Written so that a NaN is refused.
    let rounding = found.cancellation * E::epsilon().f64();
    if !(rounding <= LARGEST_ROUNDING && found.weight.iter().all(|&w| E::of(w).is_finite())) {
        return Err(format!(
            "the terms of the read-out cancel to one part in {:.0e}, too much for {}; inputs of mean 0 and variance 1 help, or \
             precision = \"f64\"",
            found.cancellation,
            E::NAME
        ));
    }
    Ok(found)
}
