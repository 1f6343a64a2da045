//! What a run is put together from: the same on all processes that train it.

use std::path::Path;
use std::sync::Arc;

use imnn::data::{Source, Streamed};
use imnn::device::Device;
use imnn::fit::{FitError, Imnn, ImnnBuilder, Start, Suggestion, beside_given};
use imnn::models::{Element, Model, Network, Parameters};
use imnn::sim::Key;

use super::devices;
use super::place::{Place, resolved};
use super::team::Team;
use crate::CliError;
use crate::run_file::{AnySource, Kind, RunFile, Sources};

/// The weights that a run started from, beside its results.
const INITIAL: &str = "initial.safetensors";

/// What a run is put together from.
pub(super) struct Parts<E: Element> {
    /// The run file, with the network and the number of simulations that were chosen.
    pub(super) run: RunFile,
    /// Those of the simulations that are streamed.
    pub(super) streamed: Vec<Arc<Streamed<E>>>,
    /// The network, where the run file names none.
    pub(super) suggestion: Option<Suggestion>,
    /// What the device is, for people.
    pub(super) runs_on: String,
    network: Network,
    training: AnySource<E>,
    validation: Option<AnySource<E>>,
    device: Box<dyn Device<E>>,
    initial: Option<Parameters<E>>,
}

impl<E: Element> Parts<E> {
    /// Those of a run file, which is called `file` in messages.
    pub(super) fn new(mut run: RunFile, file: &Path, team: &Team) -> Result<Self, CliError> {
        let open = || -> Result<_, CliError> {
            let gpus = devices::gpus::<E>(&run.device, file)?;
            let Sources { training, validation, streamed, left } =
                team.shared_memory(&run).sources_of_part::<E>(team.part())?;
            let (device, runs_on) =
                devices::device(gpus, &run.device, left, team).map_err(CliError::at(file.display()))?;
            Ok((training, validation, streamed, device, runs_on))
        };
        let (training, validation, streamed, device, runs_on) = team.agree(open())?;
        let suggestion = suggestion(&run, training.as_ref(), device.as_ref()).map_err(CliError::at(file.display()))?;
        if let Some(suggestion) = &suggestion {
            run.network.layers = Some(suggestion.network.clone());
        }
        let network = run.network.layers.clone().unwrap_or_default();
        let network = beside_given(network, training.as_ref(), Key::new(run.seed));
        let network = team.agree(network.map_err(CliError::at(file.display())))?;
        let initial = team.agree(initial(&run, &network, training.input_shape(), file))?;
        if let Kind::Simulator { .. } = run.simulations.kind {
            run.simulations.n_s = Some(training.n_s());
            run.simulations.n_d = Some(training.n_d());
        }
        Ok(Parts { run, streamed, suggestion, runs_on, network, training, validation, device, initial })
    }

    /// Writes the resolved run file, and the weights that the run starts from, to its folder.
    pub(super) fn settle(&self, place: &Place, force: bool) -> Result<(), CliError> {
        let mut resolved = resolved(&self.run)?;
        resolved.network.initial = self.initial.is_some().then(|| INITIAL.into());
        place.settle(&resolved, force)?;
        if let Some(weights) = &self.initial {
            // The run is to stand alone, and the weights may be those of the very folder that it replaces.
            weights.save(place.folder.path().join(INITIAL)).map_err(FitError::from)?;
        }
        Ok(())
    }

    /// What is trained on, for people.
    pub(super) fn header(&self) -> String {
        let run = &self.run;
        let spec = self.training.spec();
        let shape: Vec<_> = spec.data_shape().iter().map(usize::to_string).collect();
        let beside = spec.given.as_ref().map(|given| format!(" beside {}", given.count()));
        let counts =
            |source: &AnySource<E>| format!("{} simulations ({} with derivatives)", source.n_s(), source.n_d());
        let validation =
            self.validation.as_ref().map_or_else(String::new, |source| format!(", validating on {}", counts(source)));
        format!(
            "training on {} of shape {}{}{} for {}{validation}{}",
            counts(&self.training),
            shape.join(" x "),
            beside.unwrap_or_default(),
            if run.simulations.noise.is_some() { " with noise" } else { "" },
            run.parameters.join(", "),
            if !self.streamed.is_empty() { ", streamed from files" } else { "" }
        )
    }

    /// The IMNN of these parts, with this key, and this start if not that of the run file.
    pub(super) fn builder(self, key: Key, start: Option<Start<E>>, team: &Team) -> ImnnBuilder<E> {
        let run = self.run;
        let start = start.unwrap_or_else(|| self.initial.map_or(Start::Key, Start::Parameters));
        let mut builder = Imnn::<E>::builder(self.network)
            .training(self.training)
            .theta_fid(run.theta_fid)
            .names(run.parameters)
            .device(self.device)
            .key(key)
            .start(start);
        if let Some(optimiser) = run.optimiser {
            builder = builder.optimiser(optimiser);
        }
        if let Some(validation) = self.validation {
            builder = builder.validation(validation);
        }
        if let Some(n_summaries) = run.network.n_summaries {
            builder = builder.n_summaries(n_summaries);
        }
        match team.ranks() {
            Some(ranks) => builder.ranks(ranks),
            None => builder,
        }
    }
}

/// The network that fits the data, where the run file names none.
fn suggestion<E: Element>(
    run: &RunFile,
    training: &dyn Source<E>,
    device: &dyn Device<E>,
) -> Result<Option<Suggestion>, FitError> {
    if run.network.layers.is_some() {
        return Ok(None);
    }
    let n_summaries = run.network.n_summaries.unwrap_or(run.theta_fid.len());
    Suggestion::new(training, n_summaries, device, Key::new(run.seed)).map(Some)
}

/// The weights that the run file gives to start from.
fn initial<E: Element>(
    run: &RunFile,
    network: &Network,
    input: &[usize],
    path: &Path,
) -> Result<Option<Parameters<E>>, CliError> {
    let Some(file) = &run.network.initial else { return Ok(None) };
    let model = Model::new(network.clone(), input).map_err(CliError::at(path.display()))?;
    let weights = Parameters::load(file, model.layout());
    weights.map(Some).map_err(CliError::at(format!("network.initial of {}", path.display())))
}
