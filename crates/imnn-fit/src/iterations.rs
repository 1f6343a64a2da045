//! The loop of training, whoever makes its iterations.

mod device;
mod host;

pub(crate) use device::OnDevice;
pub(crate) use host::OnHost;

use crate::error::{FitError, Result};
use crate::history::{Entry, History};
use crate::observer::{Observer, Progress};
use crate::settings::FitSettings;
use crate::trainer::Stop;
use imnn_device::{Keys, Which};
use imnn_sim::Key;

/// The parts of an iteration, in this order: [`train`](Iterations::train), [`update`](Iterations::update),
/// [`validate`](Iterations::validate), and [`keep`](Iterations::keep) where det F has grown.
pub(crate) trait Iterations {
    /// Loss and gradient. Where the update is made in the same go, [`Iterations::update`] has nothing left to do.
    fn train(&mut self, keys: Keys, iteration: u64) -> Result<Entry>;

    /// The update; weights as they are before it are [kept](Iterations::keep) as [`Which::Before`] until here at least.
    fn update(&mut self, iteration: u64);

    /// The loss of the validation set, if there is one.
    fn validate(&mut self) -> Result<Option<Entry>>;

    /// Remembers weights as the best.
    fn keep(&mut self, which: Which) -> Result<()>;
}

/// Iterates until patience or iterations run out, or somebody ends it. Returns how many iterations there were.
pub(crate) fn run(
    iterations: &mut dyn Iterations,
    settings: &FitSettings,
    history: &mut History,
    key: Key,
    validates: bool,
    observer: &mut dyn Observer,
) -> Result<(usize, Stop)> {
    let (mut done, mut waited) = (0, 0);
    loop {
        if waited >= settings.patience {
            return Ok((done, Stop::Patience));
        }
        if done >= settings.max_iterations {
            return Ok((done, Stop::MaxIterations));
        }
        let total = history.len();
        let key_of = |total: usize| key.fold_in(total as u64);
        let next = (done + 1 < settings.max_iterations).then(|| key_of(total + 1));
        let keys = Keys { own: key_of(total), next };
        let improved = iterate(iterations, history, keys, done as u64, validates)
            .map_err(|source| FitError::Diverged { iteration: total, source: source.into() })?;
        if improved {
            waited = 0;
        } else if done > settings.min_iterations {
            waited += 1;
        }
        done += 1;
        if observer.iteration(&progress(settings, history, done, waited)).is_break() {
            return Ok((done, Stop::Observer));
        }
    }
}

/// One iteration. Returns whether det F is the largest so far.
fn iterate(
    iterations: &mut dyn Iterations,
    history: &mut History,
    keys: Keys,
    iteration: u64,
    validates: bool,
) -> Result<bool> {
    let max_det_f = history.max_det_f().unwrap_or(0.0);
    let training = iterations.train(keys, iteration)?;
    // Without a validation set det F belongs to the weights before the update, so it is those that are kept. (The
    // original keeps the updated ones, whose det F it has not measured.)
    let mut improved = !validates && training.det_f > max_det_f;
    if improved {
        iterations.keep(Which::Before)?;
    }
    iterations.update(iteration);
    if let Some(validation) = iterations.validate()? {
        improved = validation.det_f > max_det_f;
        if improved {
            iterations.keep(Which::After)?;
        }
        history.validation.get_or_insert_default().push(validation);
    }
    if improved {
        history.best_iteration = Some(history.len());
    }
    history.training.push(training);
    Ok(improved)
}

fn progress(settings: &FitSettings, history: &History, iteration: usize, waited: usize) -> Progress {
    let last = |values: &[f64]| values.last().copied().unwrap_or(f64::NAN);
    Progress {
        iteration,
        max_iterations: settings.max_iterations,
        det_f: last(&history.training.det_f),
        val_det_f: history.validation.as_ref().map(|trace| last(&trace.det_f)),
        max_det_f: history.max_det_f().unwrap_or(0.0),
        lambda2: last(&history.training.lambda2),
        waited,
        patience: settings.patience,
    }
}
