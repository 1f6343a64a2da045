//! Puts an IMNN together and checks that its parts fit.

use crate::checkpoint::Checkpoints;
use crate::description::Description;
use crate::error::{FitError, Result};
use crate::imnn::Imnn;
use crate::keys::RunKeys;
use crate::memory;
use crate::parts::Parts;
use crate::state::TrainingState;
use crate::together;
use imnn_data::Source;
use imnn_device::{Cpu, Device};
use imnn_models::{Adam, Element, Model, Network, Optimiser, OptimiserState, Parameters};
use imnn_ranks::Ranks;
use imnn_sim::Key;
use std::path::PathBuf;
use std::sync::Arc;

/// How the weights of a run begin.
#[derive(Clone, Debug)]
pub enum Start<E> {
    /// Drawn from the network's initialisers with the run's key.
    Key,
    /// Given weights, such as those of another run; the optimiser begins anew.
    Parameters(Parameters<E>),
    /// Given weights and optimiser state: training goes on where it was.
    State(Parameters<E>, OptimiserState<E>),
}

/// Puts an [`Imnn`] together. Needed: training simulations and the fiducial; all else has defaults.
pub struct ImnnBuilder<E: Element> {
    network: Network,
    n_summaries: Option<usize>,
    training: Option<Box<dyn Source<E>>>,
    validation: Option<Box<dyn Source<E>>>,
    theta_fid: Option<Vec<f64>>,
    names: Vec<String>,
    optimiser: Option<Box<dyn Optimiser<E>>>,
    device: Option<Box<dyn Device<E>>>,
    key: Key,
    start: Start<E>,
    resume: Option<PathBuf>,
    checkpoints: Option<Checkpoints>,
    ranks: Option<Arc<dyn Ranks>>,
}

impl<E: Element> Imnn<E> {
    /// Begins to put an IMNN together around `network`.
    pub fn builder(network: Network) -> ImnnBuilder<E> {
        ImnnBuilder {
            network,
            n_summaries: None,
            training: None,
            validation: None,
            theta_fid: None,
            names: vec![],
            optimiser: None,
            device: None,
            key: Key::new(0),
            start: Start::Key,
            resume: None,
            checkpoints: None,
            ranks: None,
        }
    }
}

impl<E: Element> ImnnBuilder<E> {
    /// The simulations to train on.
    pub fn training(mut self, source: impl Source<E> + 'static) -> Self {
        self.training = Some(Box::new(source));
        self
    }

    /// Simulations to watch over training with: they decide when to stop and which weights are best.
    pub fn validation(mut self, source: impl Source<E> + 'static) -> Self {
        self.validation = Some(Box::new(source));
        self
    }

    /// The fiducial parameter values, at which the simulations were made.
    pub fn theta_fid(mut self, theta_fid: impl Into<Vec<f64>>) -> Self {
        self.theta_fid = Some(theta_fid.into());
        self
    }

    /// The names of the parameters, for tables and plots. By default `theta_0`, `theta_1`, ...
    pub fn names<N: Into<String>>(mut self, names: impl IntoIterator<Item = N>) -> Self {
        self.names = names.into_iter().map(Into::into).collect();
        self
    }

    /// The number of summaries. By default that of parameters; more are allowed, fewer are not.
    pub fn n_summaries(mut self, n_summaries: usize) -> Self {
        self.n_summaries = Some(n_summaries);
        self
    }

    /// The optimiser. Without one, training is in rounds with Adam, whose rate rises and falls over each round, and ends
    /// when a round gains too little; see [`FitSettings`](crate::FitSettings). One that asks for the network is shown it when the
    /// parts are put together ([`Optimiser::for_model`]).
    pub fn optimiser(mut self, optimiser: impl Optimiser<E> + 'static) -> Self {
        self.optimiser = Some(Box::new(optimiser));
        self
    }

    /// The device, or several as an [`Aggregator`](imnn_device::Aggregator). By default all threads of the CPU.
    pub fn device(mut self, device: impl Device<E> + 'static) -> Self {
        self.device = Some(Box::new(device));
        self
    }

    /// The key of all that is random in the run. By default `Key::new(0)`.
    pub fn key(mut self, key: Key) -> Self {
        self.key = key;
        self
    }

    /// How the weights begin. By default drawn from the network's initialisers.
    pub fn start(mut self, start: Start<E>) -> Self {
        self.start = start;
        self
    }

    /// Goes on where the run saved in `folder` stood: weights, optimiser state, history and best weights. The run must have
    /// been of the same network, optimiser and precision; this takes the place of [`ImnnBuilder::start`].
    pub fn resume(mut self, folder: impl Into<PathBuf>) -> Self {
        self.resume = Some(folder.into());
        self
    }

    /// Keeps checkpoints while training, and goes on from the last one if there is one: the next call of fit then comes to the same
    /// bits as one that nothing had interrupted, on any number of threads. It must be of the same network, optimiser, key and simulations;
    /// this takes the place of [`ImnnBuilder::start`] and [`ImnnBuilder::resume`].
    ///
    /// ```no_run
    /// # use imnn_fit::{FitSettings, Imnn, ImnnBuilder, RunFolder};
    /// # fn run(builder: ImnnBuilder<f32>) -> Result<(), imnn_fit::FitError> {
    /// let folder = RunFolder::create("run", &|said| eprintln!("{said}"))?;
    /// let mut imnn = builder.checkpoints(folder.checkpoints()).build()?;
    /// imnn.fit(&FitSettings::default())?;
    /// imnn.save_into(&folder)?;
    /// folder.finish()
    /// # }
    /// ```
    pub fn checkpoints(mut self, checkpoints: Checkpoints) -> Self {
        self.checkpoints = Some(checkpoints);
        self
    }

    /// Trains together with other processes, each of which builds the same IMNN and makes the same calls: every one runs its
    /// share of the simulations, and all come to the same bits as one process alone. Of a device that is given, such as
    /// [`Cpu::with_ranks`], each has to know the ranks as well.
    ///
    /// What any of them asks for or meets is done by all in the same iteration: an end that an observer or a [`Control`](crate::Control)
    /// asks for, and an error, which all return. Rank 0 alone writes checkpoints; all others read the one that is there, and so need
    /// folders of the same content.
    pub fn ranks(mut self, ranks: Arc<dyn Ranks>) -> Self {
        self.ranks = (ranks.size() > 1).then_some(ranks);
        self
    }

    /// Checks that everything fits and makes the IMNN.
    ///
    /// # Errors
    /// Says what is missing, or which two things disagree and how.
    pub fn build(self) -> Result<Imnn<E>> {
        match self.ranks.clone() {
            None => self.put_together(),
            Some(ranks) => together::begun(ranks.as_ref(), self.put_together(), Imnn::state),
        }
    }

    fn put_together(self) -> Result<Imnn<E>> {
        let training = self.training.ok_or(FitError::Missing { what: "the training set", method: "training" })?;
        let theta_fid = self.theta_fid.ok_or(FitError::Missing { what: "the fiducial", method: "theta_fid" })?;
        let n_params = theta_fid.len();
        if let Some(value) = theta_fid.iter().find(|value| !value.is_finite()) {
            let range = "finite".into();
            return Err(FitError::Setting { setting: "theta_fid", value: value.to_string(), range });
        }
        let model = Model::new(self.network, training.input_shape())?;
        let n_summaries = self.n_summaries.unwrap_or(n_params);
        if n_summaries < n_params {
            return Err(FitError::Setting {
                setting: "n_summaries",
                value: n_summaries.to_string(),
                range: format!(
                    "at least the number of parameters, {n_params}: fewer summaries than parameters have a singular Fisher matrix"
                ),
            });
        }
        check("training", training.as_ref(), n_params, n_summaries, training.input_shape())?;
        if let Some(validation) = &self.validation {
            check("validation", validation.as_ref(), n_params, n_summaries, training.input_shape())?;
        }
        if model.n_summaries() != n_summaries {
            return Err(FitError::Summaries { found: model.output_shape().to_vec(), expected: n_summaries, n_params });
        }
        let names = names(self.names, n_params)?;
        let device = match self.device {
            Some(device) => device,
            None => Box::new(match self.ranks.clone() {
                Some(ranks) => Cpu::all()?.with_ranks(ranks),
                None => Cpu::all()?,
            }),
        };
        let given_optimiser = self.optimiser.map(|optimiser| optimiser.for_model(&model).unwrap_or(optimiser));
        // Rounds begin with an optimiser of their own.
        let rounds: Box<dyn Optimiser<E>> = Box::new(Adam::default());
        memory::check(&model, training.as_ref())?;
        let keys = RunKeys::new(self.key);
        let n_weights = model.layout().len();
        let begins = |parts: &Parts<E>| -> Result<TrainingState<E>> {
            let optimiser = parts.optimiser.as_deref().unwrap_or(rounds.as_ref());
            let (parameters, saved) = match self.start {
                Start::Key => (parts.model.initialise(keys.weights), None),
                Start::Parameters(parameters) => (parameters, None),
                Start::State(parameters, saved) => (parameters, Some(saved)),
            };
            let parameters = Parameters::new(parameters.values().to_vec(), parts.model.layout().clone())?;
            Ok(TrainingState::new(parameters, saved.unwrap_or_else(|| optimiser.initialise(n_weights)), keys))
        };
        let (validation, optimiser) = (self.validation, given_optimiser);
        let parts = Parts { model, device, training, validation, optimiser, theta_fid, names };
        let needed = self.checkpoints.is_some() || self.resume.is_some();
        let description = needed.then(|| Description::of(&parts, &keys)).transpose()?;
        let goes_on = match (&self.checkpoints, &description) {
            (Some(checkpoints), Some(description)) => checkpoints.load(&parts.model, description, keys)?,
            _ => None,
        };
        let state = match (goes_on, &self.resume, &description) {
            (Some(state), ..) => state,
            (None, Some(folder), Some(description)) => TrainingState::load(folder, &parts.model, description, keys)?,
            _ => begins(&parts)?,
        };
        parts.optimiser.as_deref().unwrap_or(rounds.as_ref()).check(&state.optimiser, n_weights)?;
        let (saved, given) = (state.history.validation.is_some(), parts.validation.is_some());
        // Rounds are judged at their end, and write nothing of the kind.
        if !state.history.is_empty() && saved != given && parts.optimiser.is_some() {
            let one = |is: bool| if is { "one" } else { "none" }.to_owned();
            let what = "validation set of the run to go on with".into();
            return Err(FitError::Disagree { what, found: one(saved), expected: one(given) });
        }
        Imnn::new(parts, state, self.checkpoints, self.ranks, description)
    }
}

/// Checks one set of simulations against the fiducial, the network and the other set.
fn check<E: Element>(
    set: &'static str,
    source: &dyn Source<E>,
    n_params: usize,
    n_summaries: usize,
    input_shape: &[usize],
) -> Result<()> {
    let disagree = |what: &str, found: String, expected: String| {
        Err(FitError::Disagree { what: format!("{what} of the {set} set"), found, expected })
    };
    if source.n_params() != n_params {
        let expected = format!("{n_params}, as theta_fid has,");
        return disagree("number of parameters", source.n_params().to_string(), expected);
    }
    if source.input_shape() != input_shape {
        let expected = format!("{input_shape:?}, as in the training set,");
        return disagree("shape of a simulation", format!("{:?}", source.input_shape()), expected);
    }
    if source.n_s() <= n_summaries {
        return Err(FitError::TooFewSimulations { set, n_s: source.n_s(), n_summaries });
    }
    if source.n_d() == 0 {
        return disagree("number of simulations with derivatives, n_d,", "0".into(), "at least 1".into());
    }
    Ok(())
}

fn names(names: Vec<String>, n_params: usize) -> Result<Vec<String>> {
    if names.is_empty() {
        return Ok((0..n_params).map(|a| format!("theta_{a}")).collect());
    }
    if names.len() != n_params {
        return Err(FitError::Disagree {
            what: "number of parameter names".into(),
            found: format!("{} ({})", names.len(), names.join(", ")),
            expected: format!("{n_params}, as theta_fid has,"),
        });
    }
    Ok(names)
}
