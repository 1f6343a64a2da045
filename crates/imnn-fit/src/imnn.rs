//! An IMNN: its simulations, weights and record, and what is measured with them.

use crate::channels;
use crate::checkpoint::Checkpoints;
use crate::compressor::Compressor;
use crate::data_array::DataArray;
use crate::data_only::DataOnly;
use crate::description::Description;
use crate::error::{FitError, Result};
use crate::history::History;
use crate::input;
use crate::iterations::device::OnDevice;
use crate::iterations::host::{Buffers, OnHost, measure};
use crate::iterations::{self, Iterations, Until};
use crate::keeper::{Keeper, Last};
use crate::moments::Simulations;
use crate::observer::Observer;
use crate::outcome::Stop;
use crate::parts::Parts;
use crate::state::TrainingState;
use crate::typical::Typical;
use imnn_data::{Derivatives, Minibatches, Source};
use imnn_device::{Device, Session, Start, Summaries, Task};
use imnn_models::{Element, Model, Optimiser, OptimiserState, Parallel, Parameters};
use imnn_ranks::Ranks;
use imnn_sim::Key;
use imnn_stats::{FisherEstimate, Statistics};
use ndarray::Array2;
use std::cell::OnceCell;
use std::fmt;
use std::sync::Arc;

/// An information maximising neural network with its simulations, its weights and its record.
///
/// One type covers all classes of the Python package: what differs between them is the [`Source`] and the [`Device`].
pub struct Imnn<E: Element> {
    pub(crate) parts: Parts<E>,
    pub(crate) session: Box<dyn Session<E>>,
    pub(crate) state: TrainingState<E>,
    pub(crate) checkpoints: Option<Checkpoints>,
    /// The processes that train it together, if it is not this one alone.
    ranks: Option<Arc<dyn Ranks>>,
    /// What the run is about, once it has been needed.
    description: OnceCell<Description>,
    pub(crate) last_checkpoint: Last,
    /// Calls of fit since this was put together.
    pub(crate) calls: usize,
    buffers: Buffers<E>,
    measured: Option<Measured<E>>,
}

/// Statistics with the weights that they belong to.
#[derive(Clone, Debug)]
pub(crate) struct Measured<E> {
    pub(crate) parameters: Parameters<E>,
    pub(crate) statistics: Statistics,
    pub(crate) information: FisherEstimate,
    pub(crate) typical: Typical,
}

/// Which weights.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Weights {
    /// Those with the largest det F.
    Best,
    /// Those after the last update.
    Final,
}

/// Characters in a line of what is shown of an IMNN.
const WIDTH: usize = 100;

/// Layers that make data fit for those after them.
const MENDS_INPUTS: [&str; 3] = ["standardise", "log1p", "asinh"];

/// Which simulations.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum On {
    /// The training set; for a simulator, simulations that training has not seen.
    Training,
    /// The validation set.
    Validation,
}

impl<E: Element> Imnn<E> {
    /// Puts parts together that fit each other, as the builder has checked.
    pub(crate) fn new(
        parts: Parts<E>,
        state: TrainingState<E>,
        checkpoints: Option<Checkpoints>,
        ranks: Option<Arc<dyn Ranks>>,
        description: Option<Description>,
    ) -> Result<Self> {
        let session = parts.device.load(&parts.model)?;
        let buffers = Buffers::new(parts.model.layout().len());
        let (calls, measured) = (0, None);
        let description = description.map(OnceCell::from).unwrap_or_default();
        let last_checkpoint = Last::default();
        Ok(Imnn { parts, session, state, checkpoints, ranks, description, last_checkpoint, calls, buffers, measured })
    }

    /// What the run is about.
    pub(crate) fn describe(&self) -> Result<&Description> {
        if let Some(description) = self.description.get() {
            return Ok(description);
        }
        let description = Description::of(&self.parts, &self.state.keys)?;
        Ok(self.description.get_or_init(|| description))
    }

    /// Whether the last call of fit was asked to end, or ended by what may be mended, and has a checkpoint to go on from.
    pub fn can_go_on(&self) -> bool {
        self.last_checkpoint.goes_on
    }

    /// Iterations over all calls of fit that a checkpoint gave this run to go on from; `None` where it has begun anew or gone on.
    pub fn goes_on_from(&self) -> Option<usize> {
        self.state.call.as_ref().map(|_| self.state.history.len())
    }

    /// Measures the Fisher statistics that estimates use, with these weights on these simulations.
    ///
    /// # Errors
    /// If there are no such weights or no validation set, or the statistics cannot be measured.
    pub fn set_statistics(&mut self, weights: Weights, on: On) -> Result<&Statistics> {
        let parameters = self.weights(weights)?.clone();
        let keys = self.state.keys;
        let (source, key) = match (on, &self.parts.validation) {
            (On::Training, _) => (&self.parts.training, keys.statistics),
            (On::Validation, Some(validation)) => (validation, keys.validation),
            (On::Validation, None) => {
                return Err(FitError::Missing { what: "a validation set", method: "validation" });
            }
        };
        let session = self.session.as_mut();
        let (statistics, information) = if source.simulates_anew() {
            let n_summaries = self.parts.model.n_summaries();
            Simulations::to_compare(source.as_ref(), key).statistics(session, parameters.values(), n_summaries)?
        } else {
            let weights = parameters.values();
            let Summaries { x, dx } = session.forward(&Task { weights, source: source.as_ref(), key }, false)?;
            (Statistics::new(x.view(), dx.view())?, FisherEstimate::new(x.view(), dx.view())?)
        };
        let typical = Typical::of(source.as_ref(), key)?;
        Ok(&self.measured.insert(Measured { parameters, statistics, information, typical }).statistics)
    }

    /// The Fisher statistics of simulations of any other source, with these weights: an honest measure of information on
    /// simulations that had no part in training.
    ///
    /// # Errors
    /// If there are no such weights, or the statistics cannot be measured.
    pub fn measure(&self, weights: Weights, source: &dyn Source<E>, key: Key) -> Result<Statistics> {
        let mut session = self.parts.device.load(&self.parts.model)?;
        measure(session.as_mut(), self.weights(weights)?, source, key)
    }

    /// The Fisher statistics that estimates use, once there are any.
    pub fn statistics(&self) -> Option<&Statistics> {
        self.measured.as_ref().map(|measured| &measured.statistics)
    }

    /// The Fisher information without the biases of finite numbers of simulations, with errors, once there are
    /// [statistics](Imnn::statistics): of the same simulations, where training has not made the last layer again from them
    /// ([`Outcome::refit`](crate::Outcome::refit)); then of the network before that, which had not seen them.
    ///
    /// Of simulations that trained the network it is too large all the same.
    pub fn information(&self) -> Option<&FisherEstimate> {
        self.measured.as_ref().map(|measured| &measured.information)
    }

    /// What compresses data and estimates parameters, apart from the training data.
    ///
    /// # Errors
    /// If there are no statistics yet.
    pub fn compressor(&self) -> Result<Compressor<E>> {
        let Measured { parameters, statistics, typical, .. } = self.measured.clone().ok_or(FitError::NoStatistics)?;
        let Parts { model, device, theta_fid, names, .. } = &self.parts;
        let (model, theta_fid, names) = (model.clone(), theta_fid.clone(), names.clone());
        let compressor = Compressor::new(model, parameters, statistics, theta_fid, names, device.as_ref())?;
        Ok(compressor.with_typical(typical).with_given(self.parts.training.spec().given.clone()))
    }

    /// The summaries of data of shape `(*input)` or `(n, *input)`.
    ///
    /// # Errors
    /// As [`Compressor::summaries`], and if there are no statistics yet.
    pub fn summaries(&self, data: impl DataArray) -> Result<Array2<f64>> {
        self.compressor()?.summaries(data)
    }

    /// The quasi-maximum-likelihood estimates from data of shape `(*input)` or `(n, *input)`.
    ///
    /// # Errors
    /// As [`Compressor::estimate`], and if there are no statistics yet.
    pub fn estimate(&self, data: impl DataArray) -> Result<Array2<f64>> {
        self.compressor()?.estimate(data)
    }

    /// The record of training.
    pub fn history(&self) -> &History {
        &self.state.history
    }

    /// The network.
    pub fn model(&self) -> &Model {
        &self.parts.model
    }

    /// What there is to say about how the device runs the network, such as which layer keeps it from running faster.
    pub fn note(&self) -> Option<&str> {
        self.session.note()
    }

    /// What there is to say against training this network on these simulations: a kink that meets exact derivatives.
    ///
    /// `dmu = E[f'(d) dd]`, and f' of a network with kinks jumps where the data cross one. Its gradient with respect to the
    /// weights has a part from the kinks that move, which no automatic differentiation sees, for f'' is 0 on both sides:
    /// training follows a wrong gradient and may lose information. Value and error of F are right all the same. With simulations
    /// below and above the fiducial this does not arise.
    ///
    /// And data that are not fit to be given to a network as they are: numbers of very different size, a large offset, a few
    /// numbers far larger than all others, numbers that never change, or channels that are not the last axis; unless the network begins with a function that mends that.
    ///
    /// # Errors
    /// If simulations cannot be read.
    pub fn warnings(&self) -> Result<Vec<String>> {
        let mut layers = &self.parts.model.network().layers[..];
        if let (Some(_), Some(Parallel { branches, .. })) =
            (&self.parts.training.spec().given, layers.first().and_then(|layer| layer.settings::<Parallel>()))
        {
            // The branch of the data begins by taking them.
            layers = branches.first().and_then(|of_data| of_data.layers.get(1..)).unwrap_or_default();
        }
        let begins = layers.first().map_or("", |layer| layer.name());
        let input = match MENDS_INPUTS.contains(&begins) {
            true => None,
            false => input::warning(&DataOnly::new(self.parts.training.as_ref()), self.state.keys.training)?,
        };
        let axes = channels::warning(self.model(), self.parts.training.augmentation());
        Ok(self.kink_warning().into_iter().chain(axes).chain(input).collect())
    }

    fn kink_warning(&self) -> Option<String> {
        let kink = self.parts.model.kink()?;
        matches!(self.parts.training.derivatives(), Derivatives::Exact).then(|| {
            format!(
                "warning: {kink} has a kink, and with exact derivatives training does not see how kinks move: it follows a wrong \
                 gradient and may lose information. Take gelu or another smooth layer, or simulations below and above \
                 the fiducial"
            )
        })
    }

    /// The fiducial parameter values.
    pub fn theta_fid(&self) -> &[f64] {
        &self.parts.theta_fid
    }

    /// The names of the parameters.
    pub fn names(&self) -> &[String] {
        &self.parts.names
    }

    /// The optimiser's state after the last update.
    pub fn optimiser_state(&self) -> &OptimiserState<E> {
        &self.state.optimiser
    }

    /// The best or the final weights.
    ///
    /// # Errors
    /// If there are no best weights.
    pub fn weights(&self, which: Weights) -> Result<&Parameters<E>> {
        match which {
            Weights::Best => self.state.best.as_ref().ok_or(FitError::NoBestWeights),
            Weights::Final => Ok(&self.state.parameters),
        }
    }

    pub(crate) fn state(&self) -> &TrainingState<E> {
        &self.state
    }

    pub(crate) fn measured(&self) -> Option<&Measured<E>> {
        self.measured.as_ref()
    }

    /// What was measured where the last layer had not yet been made from the same simulations.
    pub(crate) fn measured_before(&mut self, information: FisherEstimate, crossed: Statistics) {
        if let Some(measured) = &mut self.measured {
            (measured.information, measured.statistics) = (information, crossed);
        }
    }

    /// Iterates: on the device if it takes weights and optimiser, else with these on the host.
    pub(crate) fn iterate(
        &mut self,
        optimiser: &dyn Optimiser<E>,
        until: &Until<'_>,
        observer: &mut dyn Observer,
    ) -> Result<Stop> {
        let Imnn { parts, session, state, buffers, checkpoints, ranks, description, last_checkpoint: last, .. } = self;
        let (checkpoints, description) = (checkpoints.as_ref(), description.get());
        let mut keeper = Keeper { checkpoints, description, last, ranks: ranks.as_deref() };
        let loss = until.settings.loss();
        let minibatches;
        let training: &dyn Source<E> = match until.minibatch {
            Some(n_s) if n_s < parts.training.n_s() => {
                minibatches = Minibatches::new(parts.training.as_ref(), n_s)?;
                &minibatches
            }
            _ => parts.training.as_ref(),
        };
        let validation = parts.validation.as_deref().map(|source| (source, state.keys.validation));
        if let Some(update) = optimiser.device_update() {
            let (weights, source) = (state.parameters.values(), training);
            let start = Start { weights, optimiser: &update, state: &state.optimiser, loss, source };
            if let Some(device) = session.start_training(&start)? {
                let mut on_device = OnDevice { device, training, validation, loss };
                let stop = iterations::run(&mut on_device, state, until, &mut keeper, observer);
                let fetched = on_device.fetch(state);
                return stop.and_then(|stop| fetched.map(|()| stop));
            }
        }
        let session = session.as_mut();
        let mut on_host = OnHost { session, training, validation, loss, optimiser, buffers };
        iterations::run(&mut on_host, state, until, &mut keeper, observer)
    }
}

/// The [information](Imnn::information) and the one-sigma errors by the names of the parameters, once there are statistics.
impl<E: Element> fmt::Display for Imnn<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.information() {
            Some(information) => f.write_str(&information.shown(self.names(), Some(self.theta_fid()), WIDTH)),
            None => f.write_str("not trained yet: there are no Fisher statistics\n"),
        }
    }
}
