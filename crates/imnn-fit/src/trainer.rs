//! An IMNN and its training.

use crate::builder::ImnnBuilder;
use crate::compressor::Compressor;
use crate::error::{FitError, Result};
use crate::history::History;
use crate::observer::{Observer, Progress, Silent};
use crate::settings::FitSettings;
use crate::whiten::whiten;
use imnn_data::Source;
use imnn_device::{Cotangents, Device, Session, Task};
use imnn_models::{Element, Model, Network, Optimiser, OptimiserState, Parameters};
use imnn_sim::Key;
use imnn_stats::{Loss, Statistics, Terms};
use ndarray::{Array2, ArrayD};

/// An information maximising neural network with its simulations, its weights and its record.
///
/// One type covers all classes of the Python package: what differs between them is the [`Source`] and the [`Device`].
pub struct Imnn<E: Element> {
    pub(crate) model: Model,
    pub(crate) device: Box<dyn Device<E>>,
    pub(crate) session: Box<dyn Session<E>>,
    pub(crate) training: Box<dyn Source<E>>,
    pub(crate) validation: Option<Box<dyn Source<E>>>,
    pub(crate) optimiser: Box<dyn Optimiser<E>>,
    pub(crate) theta_fid: Vec<f64>,
    pub(crate) names: Vec<String>,
    pub(crate) keys: Keys,
    pub(crate) parameters: Parameters<E>,
    pub(crate) state: OptimiserState<E>,
    /// Gradients with respect to weights and summaries: memory that is used again.
    pub(crate) gradient: Vec<E>,
    pub(crate) dloss_dx: Array2<f64>,
    pub(crate) best: Option<Parameters<E>>,
    pub(crate) history: History,
    pub(crate) measured: Option<Measured<E>>,
}

/// The keys of a run, each for its own purpose.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Keys {
    pub(crate) root: Key,
    pub(crate) weights: Key,
    pub(crate) training: Key,
    pub(crate) validation: Key,
    pub(crate) statistics: Key,
}

/// Statistics with the weights that they belong to.
#[derive(Clone, Debug)]
pub(crate) struct Measured<E> {
    pub(crate) parameters: Parameters<E>,
    pub(crate) statistics: Statistics,
}

/// Which weights.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Weights {
    /// Those with the largest det F.
    Best,
    /// Those after the last update.
    Final,
}

/// Which simulations.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum On {
    /// The training set; for a simulator, simulations that training has not seen.
    Training,
    /// The validation set.
    Validation,
}

/// Why training stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Stop {
    /// det F did not grow for as many iterations as patience allows.
    Patience,
    /// The largest number of iterations was reached.
    MaxIterations,
    /// The observer ended it.
    Observer,
}

/// How a call of fit went.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct Outcome {
    /// Iterations of this call.
    pub iterations: usize,
    /// Why it stopped.
    pub stop: Stop,
    /// Whether this call whitened the network; false where it had been trained before, or does not end in a linear layer.
    pub whitened: bool,
    /// The share of the device's time, from 0 to 1, that went into reading or making simulations. Near 1 the source bounds
    /// the run, not the network.
    pub reading: f64,
}

impl Keys {
    pub(crate) fn new(root: Key) -> Self {
        let [weights, training, validation, statistics] = root.split();
        Keys { root, weights, training, validation, statistics }
    }
}

impl<E: Element> Imnn<E> {
    /// Begins to put an IMNN together around `network`.
    pub fn builder(network: Network) -> ImnnBuilder<E> {
        ImnnBuilder::new(network)
    }

    /// Trains until patience or iterations run out, then measures the Fisher statistics: with the best or the final weights
    /// as the settings say, on the validation set if there is one, else on the training set (for a simulator, on fresh
    /// simulations).
    ///
    /// A second call goes on from the final weights, keeping the optimiser's moments, the history and the best weights; the
    /// iteration that sets learning rate and bias correction starts at 0 again.
    ///
    /// # Errors
    /// [`FitError::Diverged`] if training cannot go on, with the cause: history and best weights up to there are kept.
    /// Otherwise for settings out of range.
    pub fn fit(&mut self, settings: &FitSettings) -> Result<Outcome> {
        self.fit_with(settings, &mut Silent)
    }

    /// As [`Imnn::fit`], with somebody looking on: [`crate::Bar`] for a progress bar, or a closure.
    ///
    /// # Errors
    /// As [`Imnn::fit`].
    pub fn fit_with(&mut self, settings: &FitSettings, observer: &mut dyn Observer) -> Result<Outcome> {
        settings.check()?;
        let loss = Loss::new(settings.lambda, settings.epsilon)?;
        let diverged =
            |iteration: usize| move |source: FitError| FitError::Diverged { iteration, source: source.into() };
        let before = self.session.usage();
        let whitened = settings.whiten && self.history.is_empty() && self.whiten().map_err(diverged(0))?;

        let (mut iterations, mut waited) = (0, 0);
        let stop = loop {
            if waited >= settings.patience {
                break Stop::Patience;
            }
            if iterations >= settings.max_iterations {
                break Stop::MaxIterations;
            }
            let improved = self.iterate(&loss, iterations).map_err(diverged(self.history.len()))?;
            if improved {
                waited = 0;
            } else if iterations > settings.min_iterations {
                waited += 1;
            }
            iterations += 1;
            if observer.iteration(&self.progress(settings, iterations, waited)).is_break() {
                break Stop::Observer;
            }
        };
        let weights = if settings.best && self.best.is_some() { Weights::Best } else { Weights::Final };
        let on = if self.validation.is_some() { On::Validation } else { On::Training };
        self.set_statistics(weights, on)?;
        let reading = self.session.usage().since(before).reading_share();
        Ok(Outcome { iterations, stop, whitened, reading })
    }

    /// Measures the Fisher statistics that estimates use, with these weights on these simulations.
    ///
    /// # Errors
    /// If there are no such weights or no validation set, or the statistics cannot be measured.
    pub fn set_statistics(&mut self, weights: Weights, on: On) -> Result<&Statistics> {
        let parameters = self.weights(weights)?.clone();
        let (source, key) = match (on, &self.validation) {
            (On::Training, _) => (&self.training, self.keys.statistics),
            (On::Validation, Some(validation)) => (validation, self.keys.validation),
            (On::Validation, None) => {
                return Err(FitError::Missing { what: "a validation set", method: "validation" });
            }
        };
        let statistics = statistics(self.session.as_mut(), &parameters, source.as_ref(), key)?;
        Ok(&self.measured.insert(Measured { parameters, statistics }).statistics)
    }

    /// The Fisher statistics of simulations of any other source, with these weights: an honest measure of information on
    /// simulations that had no part in training.
    ///
    /// # Errors
    /// If there are no such weights, or the statistics cannot be measured.
    pub fn measure(&self, weights: Weights, source: &dyn Source<E>, key: Key) -> Result<Statistics> {
        statistics(self.device.load(&self.model)?.as_mut(), self.weights(weights)?, source, key)
    }

    /// The Fisher statistics that estimates use, once there are any.
    pub fn statistics(&self) -> Option<&Statistics> {
        self.measured.as_ref().map(|measured| &measured.statistics)
    }

    /// What compresses data and estimates parameters, apart from the training data.
    ///
    /// # Errors
    /// If there are no statistics yet.
    pub fn compressor(&self) -> Result<Compressor<E>> {
        let Measured { parameters, statistics } = self.measured.clone().ok_or(FitError::NoStatistics)?;
        Compressor::new(
            self.model.clone(),
            parameters,
            statistics,
            self.theta_fid.clone(),
            self.names.clone(),
            self.device.as_ref(),
        )
    }

    /// The summaries of data of shape `(*input)` or `(n, *input)`.
    ///
    /// # Errors
    /// As [`Compressor::summaries`], and if there are no statistics yet.
    pub fn summaries(&self, data: &ArrayD<E>) -> Result<Array2<f64>> {
        self.compressor()?.summaries(data)
    }

    /// The quasi-maximum-likelihood estimates from data of shape `(*input)` or `(n, *input)`.
    ///
    /// # Errors
    /// As [`Compressor::estimate`], and if there are no statistics yet.
    pub fn estimate(&self, data: &ArrayD<E>) -> Result<Array2<f64>> {
        self.compressor()?.estimate(data)
    }

    /// The record of training.
    pub fn history(&self) -> &History {
        &self.history
    }

    /// The network.
    pub fn model(&self) -> &Model {
        &self.model
    }

    /// What there is to say about how the device runs the network, such as which layer keeps it from running faster.
    pub fn note(&self) -> Option<&str> {
        self.session.note()
    }

    /// The fiducial parameter values.
    pub fn theta_fid(&self) -> &[f64] {
        &self.theta_fid
    }

    /// The names of the parameters.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// The optimiser's state after the last update.
    pub fn optimiser_state(&self) -> &OptimiserState<E> {
        &self.state
    }

    /// The best or the final weights.
    ///
    /// # Errors
    /// If there are no best weights.
    pub fn weights(&self, which: Weights) -> Result<&Parameters<E>> {
        match which {
            Weights::Best => self.best.as_ref().ok_or(FitError::NoBestWeights),
            Weights::Final => Ok(&self.parameters),
        }
    }

    /// One iteration: summaries, loss, gradient, update, validation. Returns whether det F is the largest so far.
    fn iterate(&mut self, loss: &Loss, iteration: usize) -> Result<bool> {
        let total = self.history.len();
        let key = self.keys.training.fold_in(total as u64);
        let task = Task { weights: self.parameters.values(), source: self.training.as_ref(), key };
        let summaries = self.session.forward(&task, true)?;
        let reused = std::mem::take(&mut self.dloss_dx);
        let evaluation = loss.evaluate_into(summaries.x.view(), summaries.dx.view(), reused)?;
        let cotangents = Cotangents { x: evaluation.dloss_dx.view(), dx: evaluation.dloss_ddx.view() };
        self.session.backward(&task, &cotangents, &mut self.gradient)?;

        let max_det_f = self.history.max_det_f().unwrap_or(0.0);
        // Without a validation set det F belongs to the weights before the update, so it is those that are kept. (The
        // original keeps the updated ones, whose det F it has not measured.)
        let improved_before = self.validation.is_none() && evaluation.statistics.det_f > max_det_f;
        if improved_before {
            keep(&mut self.best, &self.parameters);
        }
        self.optimiser.update(iteration as u64, &self.gradient, &mut self.state, self.parameters.values_mut());

        let mut improved_after = false;
        if let Some(source) = &self.validation {
            let session = self.session.as_mut();
            let statistics = statistics(session, &self.parameters, source.as_ref(), self.keys.validation)?;
            let terms = loss.terms(&statistics)?;
            improved_after = statistics.det_f > max_det_f;
            if improved_after {
                keep(&mut self.best, &self.parameters);
            }
            self.history.validation.get_or_insert_default().push(&statistics, &terms);
        }
        let terms = Terms { value: evaluation.value, lambda2: evaluation.lambda2, r: evaluation.r };
        self.history.training.push(&evaluation.statistics, &terms);
        self.dloss_dx = evaluation.dloss_dx;
        let improved = improved_before || improved_after;
        if improved {
            self.history.best_iteration = Some(total);
        }
        Ok(improved)
    }

    /// Maps the last linear layer so that the first batch has covariance I.
    fn whiten(&mut self) -> Result<bool> {
        let key = self.keys.training.fold_in(0);
        let statistics = statistics(self.session.as_mut(), &self.parameters, self.training.as_ref(), key)?;
        whiten(&self.model, &mut self.parameters, &statistics)
    }

    fn progress(&self, settings: &FitSettings, iteration: usize, waited: usize) -> Progress {
        let last = |values: &[f64]| values.last().copied().unwrap_or(f64::NAN);
        Progress {
            iteration,
            max_iterations: settings.max_iterations,
            det_f: last(&self.history.training.det_f),
            val_det_f: self.history.validation.as_ref().map(|trace| last(&trace.det_f)),
            max_det_f: self.history.max_det_f().unwrap_or(0.0),
            lambda2: last(&self.history.training.lambda2),
            waited,
            patience: settings.patience,
        }
    }
}

fn statistics<E: Element>(
    session: &mut dyn Session<E>,
    parameters: &Parameters<E>,
    source: &dyn Source<E>,
    key: Key,
) -> Result<Statistics> {
    let summaries = session.forward(&Task { weights: parameters.values(), source, key }, false)?;
    Ok(Statistics::new(summaries.x.view(), summaries.dx.view())?)
}

/// Copies weights into those kept, in the memory that these have.
fn keep<E: Element>(kept: &mut Option<Parameters<E>>, parameters: &Parameters<E>) {
    match kept {
        Some(kept) => kept.values_mut().copy_from_slice(parameters.values()),
        None => *kept = Some(parameters.clone()),
    }
}
