//! The members of an ensemble, side by side.

use super::data::Data;
use super::member::{End, Epoch, MemberState, Progress, Trainer, start};
use super::notes::Note;
use super::settings::TrainingSettings;
use super::state::{TrainingState, checksum};
use crate::ensemble::Ensemble;
use crate::error::{FlowError, Result};
use crate::flow::Flow;
use crate::pairs::{Pairs, Split};
use imnn_compute::Number;
use imnn_compute::matrix::prepare;
use imnn_compute::threads::{Order, Scheduler, ThreadPool, lock};
use imnn_sim::Key;
use ndarray::Axis;
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

/// A training of an ensemble, which can be stopped, looked at, saved and gone on with between any two epochs.
///
/// All is a function of pairs, settings and key: the same bits on any number of threads, and over interruptions.
///
/// ```
/// use imnn_flow::{Pairs, Status, Training, TrainingSettings};
/// use imnn_sim::Key;
/// use ndarray::Array2;
/// use std::ops::ControlFlow;
/// // y = c + noise / 10
/// let mut numbers = vec![0.0; 600];
/// Key::new(0).fill_normal(&mut numbers);
/// let c = Array2::from_shape_fn((300, 1), |(k, _)| numbers[k]);
/// let y = Array2::from_shape_fn((300, 1), |(k, _)| numbers[k] + 0.1 * numbers[300 + k]);
/// let pairs = Pairs::new(y.view(), c.view())?;
/// let settings = TrainingSettings { members: 2, max_epochs: 30, ..TrainingSettings::default() };
///
/// let mut training = Training::<f32>::new(&pairs, &settings, Key::new(1))?;
/// // Ten epochs, then the rest from a copy of the state, as if the process had ended in between.
/// assert_eq!(training.run(10, &|_| ControlFlow::Continue(()))?, Status::Paused);
/// let state = training.state();
/// let mut training = Training::resume(&pairs, state)?;
/// training.run(usize::MAX, &|_| ControlFlow::Continue(()))?;
/// let trained = training.finish()?;
/// assert_eq!(trained.members[0].history.len(), 30);
/// # Ok::<(), imnn_flow::FlowError>(())
/// ```
pub struct Training<E> {
    settings: TrainingSettings,
    key: Key,
    data: Data<E>,
    checksum: u64,
    members: Vec<MemberState<E>>,
    notes: Vec<Note>,
    pairs: Pairs,
}

/// Whether a training has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// All members have.
    Done,
    /// There is more to be done.
    Paused,
}

/// An ensemble with what its training was like.
#[derive(Clone, Debug)]
pub struct Trained<E> {
    /// The ensemble, with the weights that were best for each member.
    pub ensemble: Ensemble<E>,
    /// The members, in order.
    pub members: Vec<MemberReport>,
    /// `ln q_m(y_n | c_n)` of each held-out pair in each member, `(n, members)`, in the coordinates of y as given.
    pub held_out: ndarray::Array2<f64>,
    /// Which pairs were held out.
    pub split: Split,
    /// What a user should know.
    pub notes: Vec<Note>,
}

/// The training of one member.
#[derive(Clone, Debug, PartialEq)]
pub struct MemberReport {
    /// The losses of all epochs, in standardised y.
    pub history: Vec<Epoch>,
    /// The epoch, from 1, whose weights were kept.
    pub best_epoch: usize,
    /// Why it ended; `None` if it was not trained to its end.
    pub end: Option<End>,
}

/// Trains an ensemble to its end.
///
/// # Errors
/// Those of [`Training::new`] and [`Training::run`].
pub fn train<E: Number>(pairs: &Pairs, settings: &TrainingSettings, key: Key) -> Result<Trained<E>> {
    let mut training = Training::new(pairs, settings, key)?;
    training.run(usize::MAX, &|_| ControlFlow::Continue(()))?;
    training.finish()
}

impl<E: Number> Training<E> {
    /// A training at its beginning; held-out pairs are drawn from the key.
    ///
    /// # Errors
    /// If a setting is out of range, or the pairs cannot be standardised.
    pub fn new(pairs: &Pairs, settings: &TrainingSettings, key: Key) -> Result<Self> {
        settings.check()?;
        let [held_out, _] = key.split();
        Self::with_split(pairs, Split::new(pairs.len(), settings.validation, held_out)?, settings, key)
    }

    /// As [`Training::new`], with these pairs held out: for ensembles whose members see the same pairs in different
    /// coordinates, and are weighted together.
    ///
    /// # Errors
    /// As there.
    pub fn with_split(pairs: &Pairs, split: Split, settings: &TrainingSettings, key: Key) -> Result<Self> {
        settings.check()?;
        let rows = [split.training(), split.validation()].concat();
        if let Some(row) = rows.into_iter().find(|row| *row >= pairs.len()) {
            return Err(FlowError::Pairs(format!("the split names row {row} of {} pairs", pairs.len())));
        }
        prepare();
        let checksum = checksum(pairs, &split);
        let data = Data::new(pairs, split, settings)?;
        settings.architecture.check(data.y.kept().len(), data.c.kept().len())?;
        let members = (0..settings.members)
            .map(|m| Ok(MemberState::new(&start(member_key(key, m), settings, &data, 0)?, 0)))
            .collect::<Result<_>>()?;
        let notes = notes(pairs, &data);
        Ok(Training { settings: settings.clone(), key, data, checksum, members, notes, pairs: pairs.clone() })
    }

    /// Goes on from a state, with the same pairs.
    ///
    /// # Errors
    /// If the pairs are not those that the state was trained on.
    pub fn resume(pairs: &Pairs, state: TrainingState<E>) -> Result<Self> {
        let [held_out, _] = state.key.split();
        let split = Split::new(pairs.len(), state.settings.validation, held_out)?;
        Self::resume_with_split(pairs, split, state)
    }

    /// As [`Training::resume`], for a training begun by [`Training::with_split`].
    ///
    /// # Errors
    /// As there.
    pub fn resume_with_split(pairs: &Pairs, split: Split, state: TrainingState<E>) -> Result<Self> {
        let mut training = Self::with_split(pairs, split, &state.settings, state.key)?;
        if training.checksum != state.checksum {
            return Err(FlowError::Pairs(
                "the state belongs to a training on other pairs, or with others held out: give the same, or begin anew"
                    .into(),
            ));
        }
        let transforms = start(member_key(training.key, 0), &state.settings, &training.data, 0)?;
        let fits = |member: &MemberState<E>| transforms.allows(&member.weights) && transforms.allows(&member.best);
        if training.members.len() != state.members.len() || !state.members.iter().all(fits) {
            return Err(FlowError::Parts("the state has other members or weights than its settings".into()));
        }
        training.members = state.members;
        Ok(training)
    }

    /// The same training with another number of threads; the bits do not depend on it.
    pub fn threads(mut self, threads: usize) -> Self {
        self.settings.threads = threads;
        self
    }

    /// All that training changes, to be saved.
    pub fn state(&self) -> TrainingState<E> {
        TrainingState {
            members: self.members.clone(),
            // Where it goes on there may be other processors.
            settings: TrainingSettings { threads: 0, ..self.settings.clone() },
            key: self.key,
            checksum: self.checksum,
        }
    }

    /// Up to `epochs` more epochs of each member. `observer` is called after each, on the thread of the member; where it
    /// breaks off, all members stop after the epoch they are at, and [`Training::run`] may be called again.
    ///
    /// # Errors
    /// [`FlowError::Diverged`] if a loss is not finite, after two new starts at half the learning rate each.
    pub fn run(&mut self, epochs: usize, observer: &(dyn Fn(&Progress) -> ControlFlow<()> + Sync)) -> Result<Status> {
        let stop = AtomicBool::new(false);
        let watched = |progress: &Progress| {
            if observer(progress).is_break() {
                stop.store(true, Ordering::SeqCst);
            }
            if stop.load(Ordering::SeqCst) { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        };
        let n = self.members.len();
        let threads = match self.settings.threads {
            0 => std::thread::available_parallelism().map_or(1, usize::from),
            threads => threads,
        };
        let (settings, data, key) = (&self.settings, &self.data, self.key);
        let members: Vec<Mutex<&mut MemberState<E>>> = self.members.iter_mut().map(Mutex::new).collect();
        let one = |member: usize| -> Result<()> {
            let mut state = lock(&members[member]);
            let mut trainer = Trainer::new(member, member_key(key, member), settings, data, state.attempt)?;
            trainer.advance(&mut state, epochs, &watched)
        };
        let pool = ThreadPool::new(threads.min(n))
            .map_err(|error| FlowError::Threads { n: threads, reason: error.to_string() })?;
        Scheduler::new(Arc::new(pool)).run(n, 1, Order::Up, |_, tasks| {
            for member in tasks {
                if stop.load(Ordering::SeqCst) {
                    break;
                }
                one(member)?;
            }
            Ok::<(), FlowError>(())
        })?;
        let done = self.members.iter().all(|member| member.end.is_some());
        Ok(if done { Status::Done } else { Status::Paused })
    }

    /// The ensemble of the best weights so far, weighted on the held-out pairs.
    ///
    /// # Errors
    /// If a member has not been trained for an epoch.
    pub fn finish(self) -> Result<Trained<E>> {
        let Training { settings, key, data, members, mut notes, pairs, .. } = self;
        let mut flows = Vec::new();
        for (m, state) in members.iter().enumerate() {
            if state.best_epoch == 0 {
                return Err(FlowError::Parts(format!("member {m} has not been trained; call run first")));
            }
            let mut transforms = start(member_key(key, m), &settings, &data, state.attempt)?;
            transforms.weights_mut().copy_from_slice(&state.best);
            flows.push(Flow::from_parts(data.y.clone(), data.c.clone(), transforms)?);
            if state.attempt > 0 {
                notes.push(Note::Restarted { member: m, times: state.attempt });
            }
            if state.end == Some(End::Limit) {
                notes.push(Note::Limit { member: m, epochs: settings.max_epochs });
            }
        }
        let rows = |x: ndarray::ArrayView2<'_, f64>| x.select(Axis(0), data.split.validation());
        let mut ensemble = Ensemble::uniform(flows)?;
        let held_out = ensemble.member_log_densities(rows(pairs.y()).view(), rows(pairs.c()).view())?;
        ensemble = ensemble.weighted(&settings.weighting.weights(held_out.view())?)?;
        let report = |state: MemberState<E>| MemberReport {
            best_epoch: state.best_epoch,
            end: state.end,
            history: state.history,
        };
        let members = members.into_iter().map(report).collect();
        Ok(Trained { ensemble, members, held_out, split: data.split, notes })
    }
}

/// The key of a member.
fn member_key(key: Key, member: usize) -> Key {
    let [_, members] = key.split();
    members.fold_in(member as u64)
}

/// Excess kurtosis above which a column is said to have heavy tails.
const HEAVY: f64 = 30.0;

fn notes<E>(pairs: &Pairs, data: &Data<E>) -> Vec<Note> {
    let mut notes = Vec::new();
    for (x, names, by) in [(pairs.y(), pairs.y_names(), &data.y), (pairs.c(), pairs.c_names(), &data.c)] {
        for column in by.constant() {
            notes.push(Note::Constant { column: names[column].clone(), value: by.mean()[column] });
        }
        let x = x.select(Axis(0), data.split.training());
        for &column in by.kept() {
            let n = x.nrows() as f64;
            let mean = x.column(column).sum() / n;
            // Relative to the largest, so that fourth powers stay numbers.
            let largest = x.column(column).iter().fold(0.0_f64, |m, v| m.max((v - mean).abs()));
            let moment = |power| x.column(column).iter().map(|v| ((v - mean) / largest).powi(power)).sum::<f64>() / n;
            let kurtosis = moment(4) / moment(2).powi(2) - 3.0;
            if kurtosis > HEAVY {
                notes.push(Note::HeavyTails { column: names[column].clone(), kurtosis });
            }
        }
    }
    notes
}
