//! The loop of training, wherever its iterations are made.

pub(crate) mod device;
pub(crate) mod host;
mod watch;

use crate::error::{FitError, Result};
use crate::keeper::Keeper;
use crate::observer::{Observer, Progress};
use crate::outcome::Stop;
use crate::settings::CheckedSettings;
use crate::state::{Counters, TrainingState};
use imnn_device::Keys;
use imnn_models::Element;
use imnn_stats::Record;
use watch::Watch;

/// Makes iterations: on the host between the passes of a device, or whole on a device.
pub(crate) trait Iterations<E: Element> {
    /// Loss, gradient and update. If ln det F is above `keep_above`, the weights before the update become the best.
    fn train(&mut self, state: &mut TrainingState<E>, keys: Keys, keep_above: Option<f64>) -> Result<Record>;

    /// The loss of the validation set, if there is one. If ln det F is above `keep_above`, the weights become the best.
    fn validate(&mut self, state: &mut TrainingState<E>, keep_above: f64) -> Result<Option<Record>>;

    /// Brings weights, optimiser and best weights in the state up to date, if they are kept elsewhere.
    fn fetch(&mut self, state: &mut TrainingState<E>) -> Result<()>;
}

/// When iterations end, and which weights are remembered as the best.
pub(crate) struct Until<'a> {
    pub(crate) settings: &'a CheckedSettings,
    /// Iterations, of those of this call that are done, at which to stop.
    pub(crate) iterations: usize,
    /// Simulations of an iteration, if not all of the source.
    pub(crate) minibatch: Option<usize>,
    /// The most that there will be, for who looks on.
    pub(crate) max_iterations: usize,
    /// Whether det F of single iterations says how long to go on and which weights are best, and whether there is a
    /// validation set to say so; a round is judged at its end.
    pub(crate) watch: Option<Watched>,
}

/// What is watched.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Watched {
    Training,
    Validation,
}

/// Iterates until patience or iterations run out, or the observer ends it.
pub(crate) fn run<E: Element>(
    iterations: &mut dyn Iterations<E>,
    state: &mut TrainingState<E>,
    until: &Until<'_>,
    keeper: &mut Keeper<'_>,
    observer: &mut dyn Observer,
) -> Result<Stop> {
    let Until { settings, max_iterations, watch: watched, .. } = *until;
    let window = if watched == Some(Watched::Training) { settings.smoothing } else { 1 };
    let mut watch = Watch::new(window, &state.history);
    loop {
        let Counters { done, before, waited, .. } = state.counters;
        if watched.is_some() && waited >= settings.patience {
            return Ok(Stop::Patience);
        }
        if done >= until.iterations {
            return Ok(Stop::MaxIterations);
        }
        let total = state.history.len();
        // Here everything is done that the iterations before ask for.
        if keeper.between(total, || iterations.fetch(state).map(|()| &*state), observer)?.is_break() {
            return Ok(Stop::Observer);
        }
        let next = (done + 1 < until.iterations).then(|| state.keys.of_iteration(total + 1));
        let keys = Keys { own: state.keys.of_iteration(total), next };
        let Iteration { training, validation, improved } = iterate(iterations, state, keys, watched, &mut watch)
            .map_err(|source| FitError::Stopped { iteration: total, source: source.into() })?;
        let counters = &mut state.counters;
        if improved {
            counters.waited = 0;
        } else if done > settings.min_iterations {
            counters.waited += 1;
        }
        counters.done += 1;
        let progress = Progress {
            iteration: before + counters.done,
            max_iterations,
            training,
            validation,
            max_det_f: state.history.max_det_f().unwrap_or(0.0),
            waited: counters.waited,
            patience: settings.patience,
        };
        if observer.iteration(&progress).is_break() && keeper.broke() {
            return Ok(Stop::Observer);
        }
    }
}

struct Iteration {
    training: Record,
    validation: Option<Record>,
    /// Whether ln det F, or its average, is the largest so far.
    improved: bool,
}

fn iterate<E: Element>(
    iterations: &mut dyn Iterations<E>,
    state: &mut TrainingState<E>,
    keys: Keys,
    watched: Option<Watched>,
    watch: &mut Watch,
) -> Result<Iteration> {
    let threshold = watch.threshold();
    // Without a validation set det F belongs to the weights before the update, so it is those that are kept. (The
    // original keeps the updated ones, whose det F it has not measured.)
    let keep_above = (watched == Some(Watched::Training)).then_some(threshold);
    let training = iterations.train(state, keys, keep_above)?;
    let validation = match watched {
        Some(Watched::Validation) => iterations.validate(state, threshold)?,
        _ => None,
    };
    let improved = watched.is_some() && watch.saw(validation.unwrap_or(training).log_det_f);
    let history = &mut state.history;
    if improved {
        history.best_iteration = Some(history.len());
    }
    history.training.push(training);
    if let Some(validation) = validation {
        history.validation.get_or_insert_default().push(validation);
    }
    Ok(Iteration { training, validation, improved })
}
