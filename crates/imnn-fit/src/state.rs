//! The state of training: what changes from iteration to iteration.

use crate::description::Description;
use crate::error::{FitError, Result, refuse};
use crate::files::SavedFiles;
use crate::history::History;
use crate::keys::RunKeys;
use crate::outcome::{LastLayer, Outcome};
use crate::settings::FitSettings;
use imnn_io::FileError;
use imnn_models::{Element, Model, OptimiserState, Parameters};
use serde::{Deserialize, Serialize};
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
    /// The call of fit that has begun, if one has.
    pub(crate) call: Option<Call<E>>,
    /// How the calls before it went.
    pub(crate) outcomes: Vec<Outcome>,
    pub(crate) keys: RunKeys,
}

/// A call of fit that has begun.
#[derive(Clone, Debug)]
pub(crate) struct Call<E> {
    pub(crate) settings: FitSettings,
    /// How the last layer began.
    pub(crate) last_layer: Option<LastLayer>,
    /// The weights as they were drawn, where training may have to begin again with them.
    pub(crate) drawn: Option<Parameters<E>>,
    /// The round that has begun, where training is in rounds.
    pub(crate) round: Option<InRound<E>>,
}

/// A round that has begun.
#[derive(Clone, Debug)]
pub(crate) struct InRound<E> {
    /// Iterations that it would have if there were no largest number.
    pub(crate) length: usize,
    /// Iterations that it has.
    pub(crate) n: usize,
    /// The weights that it began with.
    pub(crate) start: Parameters<E>,
}

/// Where a call of fit is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Counters {
    /// Iterations done since the optimiser began; they set the learning rate.
    pub(crate) done: usize,
    /// Iterations of this call before these.
    pub(crate) before: usize,
    /// Iterations since det F was largest.
    pub(crate) waited: usize,
    /// How often training has gone back to good weights.
    pub(crate) setbacks: usize,
}

impl<E: Element> TrainingState<E> {
    pub(crate) fn new(parameters: Parameters<E>, optimiser: OptimiserState<E>, keys: RunKeys) -> Self {
        let (history, counters) = (History::default(), Counters::default());
        TrainingState { parameters, optimiser, best: None, history, counters, call: None, outcomes: vec![], keys }
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

    /// Writes where the call of fit is, beside what [`TrainingState::save`] has written.
    pub(crate) fn save_call(&self, folder: &Path) -> Result<()> {
        let Some(call) = &self.call else { return Ok(()) };
        let rounds = call.round.as_ref().map(|round| (ROUND_START, &round.start));
        for (name, weights) in rounds.into_iter().chain(call.drawn.as_ref().map(|drawn| (DRAWN, drawn))) {
            weights.save(folder.join(name))?;
        }
        let written = WrittenCall {
            format: FORMAT,
            counters: self.counters,
            settings: call.settings.clone(),
            last_layer: call.last_layer.clone(),
            round: call.round.as_ref().map(|InRound { length, n, .. }| WrittenRound { length: *length, n: *n }),
            outcomes: self.outcomes.clone(),
        };
        let text = toml::to_string(&written).map_err(|error| refuse(folder, error.to_string()))?;
        Ok(imnn_io::atomic::write(folder.join(CALL), text)?)
    }

    /// Reads the state of a saved run, for a run of the same network, fiducial and precision.
    pub(crate) fn load(folder: &Path, model: &Model, expected: &Description, keys: RunKeys) -> Result<Self> {
        let files = SavedFiles::of(folder)?;
        Description::read(&files)?.check(expected, folder)?;
        TrainingState::read(&files, model, keys)
    }

    /// Reads the files that every saved run has.
    fn read(files: &SavedFiles, model: &Model, keys: RunKeys) -> Result<Self> {
        let best = files.path_if_there("best.safetensors")?;
        Ok(TrainingState {
            parameters: Parameters::load(files.path("final.safetensors")?, model.layout())?,
            optimiser: OptimiserState::load(files.path("optimiser.safetensors")?)?,
            best: best.map(|best| Parameters::load(best, model.layout())).transpose()?,
            history: History::load(files.path("history.npz")?)?,
            counters: Counters::default(),
            call: None,
            outcomes: vec![],
            keys,
        })
    }

    /// Reads a checkpoint of the run that `expected` describes.
    pub(crate) fn checkpoint(folder: &Path, model: &Model, expected: &Description, keys: RunKeys) -> Result<Self> {
        let files = SavedFiles::of(folder)?;
        Description::read(&files)?.check_all(expected, folder)?;
        let mut state = TrainingState::read(&files, model, keys)?;
        let path = files.path(CALL)?;
        let text = std::fs::read_to_string(&path).map_err(FileError::of("read", &path))?;
        let unreadable = |error: toml::de::Error| refuse(&path, error.to_string());
        let Version { format } = toml::from_str(&text).map_err(unreadable)?;
        if format != FORMAT {
            let message = format!(
                "written in format {format}, this imnn reads format {FORMAT}: go on with the version that wrote it"
            );
            return Err(refuse(&path, message));
        }
        let written: WrittenCall = toml::from_str(&text).map_err(unreadable)?;
        // In rounds every count is of this call.
        if expected.optimiser.is_none() && !written.is_in_bounds() {
            return Err(refuse(&path, "more iterations are counted than the round or the settings have"));
        }
        let weights = |name| Parameters::load(files.path(name)?, model.layout()).map_err(FitError::from);
        let round = |round: WrittenRound| {
            Ok::<_, FitError>(InRound { length: round.length, n: round.n, start: weights(ROUND_START)? })
        };
        state.call = Some(Call {
            settings: written.settings,
            last_layer: written.last_layer,
            drawn: files.path_if_there(DRAWN)?.map(|_| weights(DRAWN)).transpose()?,
            round: written.round.map(round).transpose()?,
        });
        (state.counters, state.outcomes) = (written.counters, written.outcomes);
        Ok(state)
    }
}

/// Where the call of fit is.
const CALL: &str = "state.toml";
/// The weights that the round began with.
const ROUND_START: &str = "round_start.safetensors";
/// The weights as they were drawn.
const DRAWN: &str = "drawn.safetensors";
/// The version of the format of `state.toml`.
const FORMAT: u32 = 1;

/// What any version writes.
#[derive(Deserialize)]
struct Version {
    format: u32,
}

/// The contents of `state.toml`.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenCall {
    format: u32,
    counters: Counters,
    settings: FitSettings,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    last_layer: Option<LastLayer>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    round: Option<WrittenRound>,
    /// How the calls of fit before this one went.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    outcomes: Vec<Outcome>,
}

impl WrittenCall {
    /// Whether a round has at most as many iterations as it may, and all rounds together as the settings say.
    fn is_in_bounds(&self) -> bool {
        let Counters { before, done, .. } = self.counters;
        let n = self.round.as_ref().map_or(done, |round| round.n);
        done <= n && before.checked_add(n).is_some_and(|all| all <= self.settings.max_iterations)
    }
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenRound {
    length: usize,
    n: usize,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_fit_into_the_round_and_the_settings() {
        let fits = |before: usize, done: usize, n: Option<usize>| {
            let settings = FitSettings { max_iterations: 10, ..FitSettings::default() };
            let round = n.map(|n| WrittenRound { length: n, n });
            let counters = Counters { before, done, ..Counters::default() };
            WrittenCall { format: FORMAT, counters, settings, last_layer: None, round, outcomes: vec![] }.is_in_bounds()
        };
        assert!(fits(4, 6, Some(6)) && fits(4, 0, Some(6)) && fits(10, 0, None) && fits(4, 6, None));
        assert!(!fits(4, 4, Some(3)) && !fits(4, 0, Some(7)) && !fits(11, 0, None) && !fits(5, 6, None));
        assert!(!fits(usize::MAX, 1, None));
    }
}
