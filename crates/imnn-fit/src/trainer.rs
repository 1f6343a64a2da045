//! An IMNN and its training.

use crate::builder::ImnnBuilder;
use crate::compressor::Compressor;
use crate::error::{FitError, Result};
use crate::history::History;
use crate::iterations::{self, Iterations, OnDevice, OnHost};
use crate::observer::{Observer, Silent};
use crate::settings::FitSettings;
use crate::whiten::whiten;
use imnn_data::Source;
use imnn_device::{Device, Session, Start, Task};
use imnn_models::{Element, Model, Network, Optimiser, OptimiserState, Parameters};
use imnn_sim::Key;
use imnn_stats::{Loss, Statistics};
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
        let diverged = |source: FitError| FitError::Diverged { iteration: 0, source: source.into() };
        let before = self.session.usage();
        let whitened = settings.whiten && self.history.is_empty() && self.whiten().map_err(diverged)?;
        let (iterations, stop) = self.iterate(settings, loss, observer)?;
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

    /// Iterates to the end: on the device where it takes weights and optimiser, else with these on the host.
    fn iterate(&mut self, settings: &FitSettings, loss: Loss, observer: &mut dyn Observer) -> Result<(usize, Stop)> {
        let Imnn { session, training, optimiser, parameters, state, best, gradient, dloss_dx, history, keys, .. } =
            self;
        let training = training.as_ref();
        let validation = self.validation.as_deref().map(|source| (source, keys.validation));
        let mut run = |iterations: &mut dyn Iterations| {
            iterations::run(iterations, settings, history, keys.training, validation.is_some(), observer)
        };
        if let Some(config) = optimiser.config() {
            let regularisation = loss.regularisation;
            let start = Start {
                weights: parameters.values(),
                optimiser: &config,
                state,
                lambda: regularisation.lambda(),
                alpha: regularisation.alpha(),
                source: training,
            };
            if let Some(resident) = session.settle(&start)? {
                let mut iterations = OnDevice { resident, training, validation, loss };
                let outcome = run(&mut iterations);
                let brought = iterations.finish(parameters, state, best);
                return outcome.and_then(|outcome| brought.map(|()| outcome));
            }
        }
        let (session, optimiser) = (session.as_mut(), optimiser.as_ref());
        run(&mut OnHost { session, training, validation, loss, optimiser, parameters, state, best, gradient, dloss_dx })
    }

    /// Maps the last linear layer so that the first batch has covariance I.
    fn whiten(&mut self) -> Result<bool> {
        let key = self.keys.training.fold_in(0);
        let statistics = statistics(self.session.as_mut(), &self.parameters, self.training.as_ref(), key)?;
        whiten(&self.model, &mut self.parameters, &statistics)
    }
}

pub(crate) fn statistics<E: Element>(
    session: &mut dyn Session<E>,
    parameters: &Parameters<E>,
    source: &dyn Source<E>,
    key: Key,
) -> Result<Statistics> {
    let summaries = session.forward(&Task { weights: parameters.values(), source, key }, false)?;
    Ok(Statistics::new(summaries.x.view(), summaries.dx.view())?)
}
