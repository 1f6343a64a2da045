//! The state of training: what changes from iteration to iteration.

use crate::description::Description;
use crate::error::{FitError, Result};
use crate::history::History;
use imnn_models::{Element, Model, Network, OptimiserState, Parameters};
use imnn_sim::Key;
use std::path::Path;

/// All that training changes. With the fixed parts (simulations, network, device, settings) it decides every later
/// iteration to the bit.
#[derive(Clone, Debug)]
pub(crate) struct TrainingState<E> {
    pub(crate) parameters: Parameters<E>,
    /// The optimiser's moments after the last update.
    pub(crate) optimiser: OptimiserState<E>,
    /// The weights with the largest det F.
    pub(crate) best: Option<Parameters<E>>,
    pub(crate) history: History,
    pub(crate) counters: Counters,
    pub(crate) keys: RunKeys,
}

/// Where a call of fit is.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Counters {
    /// Iterations done since the optimiser began; they set the learning rate.
    pub(crate) done: usize,
    /// Iterations of this call before these.
    pub(crate) before: usize,
    /// Iterations since det F was largest.
    pub(crate) waited: usize,
}

/// The keys of a run, each for its own purpose.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RunKeys {
    pub(crate) root: Key,
    pub(crate) weights: Key,
    pub(crate) training: Key,
    pub(crate) validation: Key,
    pub(crate) statistics: Key,
    pub(crate) read_out: Key,
    /// Of the new simulations that weights are compared on.
    pub(crate) held_out: Key,
}

impl RunKeys {
    pub(crate) fn new(root: Key) -> Self {
        let [weights, training, validation, statistics, read_out, held_out] = root.split();
        RunKeys { root, weights, training, validation, statistics, read_out, held_out }
    }

    /// The key of an iteration, counted over all calls of fit.
    pub(crate) fn of_iteration(&self, i: usize) -> Key {
        self.training.fold_in(i as u64)
    }
}

impl<E: Element> TrainingState<E> {
    pub(crate) fn new(parameters: Parameters<E>, optimiser: OptimiserState<E>, keys: RunKeys) -> Self {
        let (history, counters) = (History::default(), Counters::default());
        TrainingState { parameters, optimiser, best: None, history, counters, keys }
    }

    /// Remembers weights as the best: `others`, or the present ones. They are copied into the memory that the best have.
    pub(crate) fn keep(&mut self, others: Option<&[E]>) {
        let TrainingState { parameters, best, .. } = self;
        let values = others.unwrap_or(parameters.values());
        best.get_or_insert_with(|| parameters.clone()).values_mut().copy_from_slice(values);
    }

    pub(crate) fn save(&self, folder: &Path) -> Result<()> {
        self.parameters.save(folder.join("final.safetensors"))?;
        if let Some(best) = &self.best {
            best.save(folder.join("best.safetensors"))?;
        }
        self.optimiser.save(folder.join("optimiser.safetensors"))?;
        self.history.save(&folder.join("history.npz"))
    }

    /// Reads the state of a saved run, for a run of the same network, fiducial and precision.
    pub(crate) fn load(folder: &Path, model: &Model, theta_fid: &[f64], keys: RunKeys) -> Result<Self> {
        let saved = Description::load(folder)?;
        let network = |network: &Network| network.to_toml().map(|layers| layers.to_string()).unwrap_or_default();
        let saved_network = saved.network.as_ref().map_or_else(String::new, network);
        for (what, found, expected) in [
            ("precision", saved.precision, E::NAME.to_owned()),
            ("fiducial", format!("{:?}", saved.theta_fid), format!("{theta_fid:?}")),
            ("network", saved_network, network(model.network())),
        ] {
            if found != expected {
                let what = format!("{what} of the run in {} to go on with", folder.display());
                return Err(FitError::Disagree { what, found, expected });
            }
        }
        let best = folder.join("best.safetensors");
        Ok(TrainingState {
            parameters: Parameters::load(folder.join("final.safetensors"), model.layout())?,
            optimiser: OptimiserState::load(folder.join("optimiser.safetensors"))?,
            best: best.exists().then(|| Parameters::load(&best, model.layout())).transpose()?,
            history: History::load(folder.join("history.npz"))?,
            counters: Counters::default(),
            keys,
        })
    }
}
