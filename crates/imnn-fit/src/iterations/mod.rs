//! The loop of training, wherever its iterations are made.

pub(crate) mod device;
pub(crate) mod host;

use crate::error::{FitError, Result};
use crate::observer::{Observer, Progress};
use crate::settings::CheckedSettings;
use crate::state::{Counters, TrainingState};
use imnn_device::Keys;
use imnn_models::Element;
use imnn_stats::Record;

/// Makes iterations: on the host between the passes of a device, or whole on a device.
pub(crate) trait Iterations<E: Element> {
    /// Loss, gradient and update. If det F is above `keep_above`, the weights before the update become the best.
    fn train(&mut self, state: &mut TrainingState<E>, keys: Keys, keep_above: Option<f64>) -> Result<Record>;

    /// The loss of the validation set, if there is one. If det F is above `keep_above`, the weights become the best.
    fn validate(&mut self, state: &mut TrainingState<E>, keep_above: f64) -> Result<Option<Record>>;
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

/// Iterates until patience or iterations run out, or the observer ends it.
pub(crate) fn run<E: Element>(
    iterations: &mut dyn Iterations<E>,
    state: &mut TrainingState<E>,
    settings: &CheckedSettings,
    validates: bool,
    observer: &mut dyn Observer,
) -> Result<Stop> {
    state.counters = Counters::default();
    loop {
        let Counters { done, waited } = state.counters;
        if waited >= settings.patience {
            return Ok(Stop::Patience);
        }
        if done >= settings.max_iterations {
            return Ok(Stop::MaxIterations);
        }
        let total = state.history.len();
        let next = (done + 1 < settings.max_iterations).then(|| state.keys.of_iteration(total + 1));
        let keys = Keys { own: state.keys.of_iteration(total), next };
        let Iteration { training, validation, improved } = iterate(iterations, state, keys, validates)
            .map_err(|source| FitError::Stopped { iteration: total, source: source.into() })?;
        let counters = &mut state.counters;
        if improved {
            counters.waited = 0;
        } else if done > settings.min_iterations {
            counters.waited += 1;
        }
        counters.done += 1;
        let progress = Progress {
            iteration: counters.done,
            max_iterations: settings.max_iterations,
            training,
            validation,
            max_det_f: state.history.max_det_f().unwrap_or(0.0),
            waited: counters.waited,
            patience: settings.patience,
        };
        if observer.iteration(&progress).is_break() {
            return Ok(Stop::Observer);
        }
    }
}

struct Iteration {
    training: Record,
    validation: Option<Record>,
    /// Whether det F is the largest so far.
    improved: bool,
}

fn iterate<E: Element>(
    iterations: &mut dyn Iterations<E>,
    state: &mut TrainingState<E>,
    keys: Keys,
    validates: bool,
) -> Result<Iteration> {
    let max_det_f = state.history.max_det_f().unwrap_or(0.0);
    // Without a validation set det F belongs to the weights before the update, so it is those that are kept. (The
    // original keeps the updated ones, whose det F it has not measured.)
    let training = iterations.train(state, keys, (!validates).then_some(max_det_f))?;
    let validation = iterations.validate(state, max_det_f)?;
    let improved = validation.unwrap_or(training).det_f > max_det_f;
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
