//! One member of an ensemble: its epochs, on one thread.

use super::data::Data;
use super::settings::TrainingSettings;
use crate::error::{FlowError, Result};
use crate::shuffle::shuffled;
use crate::transforms::{Transforms, Workspace};
use imnn_compute::Number;
use imnn_models::{Adam, Clipped, Optimiser, OptimiserState};
use imnn_sim::Key;
use serde::{Deserialize, Serialize};
use std::ops::ControlFlow;

/// The losses of one epoch: means of `-ln q(y | c)` in standardised y.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Epoch {
    /// Over the batches, while weights changed.
    pub training: f64,
    /// Over the held-out pairs, after the epoch.
    pub validation: f64,
}

/// Why the training of a member ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum End {
    /// No better loss for as many epochs as patience allows, with all learning rates.
    Patience,
    /// At the most epochs that are allowed.
    Limit,
}

/// What an observer is told after each epoch of each member.
#[derive(Clone, Copy, Debug)]
pub struct Progress {
    /// Which member, from 0.
    pub member: usize,
    /// Its epochs so far.
    pub epoch: usize,
    /// The losses of this epoch.
    pub losses: Epoch,
    /// The least loss on held-out pairs so far.
    pub best: f64,
    /// The learning rate of this epoch.
    pub learning_rate: f64,
}

/// All that training changes in a member.
#[derive(Clone, Debug, PartialEq)]
pub struct MemberState<E> {
    /// Which attempt this is, from 0: after a loss that is not finite a member starts again.
    pub(crate) attempt: usize,
    /// How often the learning rate was lowered.
    pub(crate) cooled: usize,
    /// Updates since the moments were 0.
    pub(crate) updates: u64,
    pub(crate) weights: Vec<E>,
    pub(crate) moments: OptimiserState<E>,
    pub(crate) best: Vec<E>,
    pub(crate) history: Vec<Epoch>,
    /// The epoch, from 1, whose weights are the best; 0 before the first.
    pub(crate) best_epoch: usize,
    /// The epoch after which patience was last counted anew.
    pub(crate) counted_from: usize,
    pub(crate) end: Option<End>,
}

/// How often a member starts again, each time at half the learning rate.
const RETRIES: usize = 2;
/// What the learning rate is multiplied by when patience has ended.
const COOLING: f64 = 0.1;
/// Pairs in a batch of the held-out ones.
const VALIDATION_BATCH: usize = 256;

impl<E: Number> MemberState<E> {
    /// Weights of the untrained flow, `start`.
    pub(super) fn new(start: &Transforms<E>, attempt: usize) -> Self {
        let weights = start.weights().to_vec();
        MemberState {
            attempt,
            cooled: 0,
            updates: 0,
            moments: Optimiser::<E>::initialise(&Adam::default(), weights.len()),
            best: weights.clone(),
            weights,
            history: vec![],
            best_epoch: 0,
            counted_from: 0,
            end: None,
        }
    }

    /// The losses of all epochs.
    pub fn history(&self) -> &[Epoch] {
        &self.history
    }

    /// The epoch, from 1, whose weights are the best; 0 before the first.
    pub fn best_epoch(&self) -> usize {
        self.best_epoch
    }

    /// Why training ended, if it did.
    pub fn end(&self) -> Option<End> {
        self.end
    }

    /// Whether counters, history and settings agree: what training leaves does, and what does not may not be gone on from.
    pub(crate) fn is_consistent(&self, settings: &TrainingSettings) -> bool {
        let (epochs, best) = (self.history.len(), self.best_loss_checked());
        let waited = epochs.checked_sub(self.counted_from);
        self.attempt <= RETRIES
            && self.cooled <= settings.cooldowns
            && epochs <= settings.max_epochs
            && self.best_epoch <= self.counted_from
            && (self.best_epoch > 0) == (epochs > 0)
            && waited.is_some_and(|waited| waited <= settings.patience)
            && best.is_some_and(|best| self.history.iter().all(|epoch| epoch.validation >= best))
            && match self.end {
                None => epochs < settings.max_epochs && waited < Some(settings.patience),
                Some(End::Limit) => epochs == settings.max_epochs,
                Some(End::Patience) => waited == Some(settings.patience) && self.cooled == settings.cooldowns,
            }
    }

    /// The loss of the best epoch, if there is such an epoch.
    fn best_loss_checked(&self) -> Option<f64> {
        match self.best_epoch {
            0 => Some(f64::NEG_INFINITY),
            epoch => self.history.get(epoch - 1).map(|epoch| epoch.validation),
        }
    }

    fn best_loss(&self) -> f64 {
        self.best_epoch.checked_sub(1).map_or(f64::INFINITY, |at| self.history[at].validation)
    }
}

/// The key of an attempt: what it starts from, and the order of pairs.
pub(super) fn keys(member: Key, attempt: usize) -> [Key; 2] {
    member.fold_in(attempt as u64).split()
}

/// What the epochs of a member need beside its state.
pub(super) struct Trainer<'a, E> {
    pub index: usize,
    pub key: Key,
    pub settings: &'a TrainingSettings,
    pub data: &'a Data<E>,
    /// The transforms, whose weights are those of the state while it is trained.
    pub transforms: Transforms<E>,
    pub work: Workspace<E>,
    pub gradient: Vec<E>,
}

impl<'a, E: Number> Trainer<'a, E> {
    pub fn new(
        index: usize,
        key: Key,
        settings: &'a TrainingSettings,
        data: &'a Data<E>,
        attempt: usize,
    ) -> Result<Self> {
        let transforms = start(key, settings, data, attempt)?;
        let gradient = vec![E::zero(); transforms.weights().len()];
        Ok(Trainer { index, key, settings, data, transforms, work: Workspace::default(), gradient })
    }

    /// Up to `epochs` epochs, fewer if training ends or `observer` breaks off.
    pub fn advance(
        &mut self,
        state: &mut MemberState<E>,
        epochs: usize,
        observer: &(impl Fn(&Progress) -> ControlFlow<()> + ?Sized),
    ) -> Result<()> {
        for _ in 0..epochs {
            if state.end.is_some() {
                break;
            }
            let learning_rate = self.learning_rate(state);
            let losses = match self.epoch(state, learning_rate)? {
                Ok(losses) => losses,
                Err(loss) if state.attempt < RETRIES => {
                    let _ = loss;
                    self.transforms = start(self.key, self.settings, self.data, state.attempt + 1)?;
                    *state = MemberState::new(&self.transforms, state.attempt + 1);
                    continue;
                }
                Err(loss) => {
                    let epoch = state.history.len() + 1;
                    return Err(FlowError::Diverged { member: self.index, epoch, loss, learning_rate });
                }
            };
            self.judge(state, losses);
            let (epoch, best) = (state.history.len(), state.best_loss());
            let progress = Progress { member: self.index, epoch, losses, best, learning_rate };
            if observer(&progress).is_break() {
                break;
            }
        }
        Ok(())
    }

    fn learning_rate(&self, state: &MemberState<E>) -> f64 {
        self.settings.learning_rate * 0.5_f64.powi(state.attempt as i32) * COOLING.powi(state.cooled as i32)
    }

    /// One epoch; inside, a loss that is not finite.
    fn epoch(&mut self, state: &mut MemberState<E>, learning_rate: f64) -> Result<Result<Epoch, f64>> {
        let optimiser = Clipped::norm(Adam::new(learning_rate)?, self.settings.clip_norm)?;
        let pairs = self.data.split.training();
        let [_, order] = keys(self.key, state.attempt);
        let order = shuffled(pairs.len(), order.fold_in(state.history.len() as u64));
        let batch = self.settings.batch_of(pairs.len());
        self.transforms.weights_mut().copy_from_slice(&state.weights);
        let (mut sum, mut batches) = (0.0, 0);
        for batch in order.chunks_exact(batch) {
            let loss = self.batch(batch.iter().map(|&at| pairs[at]), batch.len());
            if !loss.is_finite() {
                return Ok(Err(loss));
            }
            self.work.weigh(-1.0 / batch.len() as f64);
            self.transforms.backward(&mut self.work, Some(&mut self.gradient), false);
            let weights = self.transforms.weights_mut();
            optimiser.update(state.updates, &mut self.gradient, &mut state.moments, weights);
            state.updates += 1;
            sum += loss;
            batches += 1;
        }
        state.weights.copy_from_slice(self.transforms.weights());
        let validation = self.validation();
        Ok(if validation.is_finite() {
            Ok(Epoch { training: sum / f64::from(batches), validation })
        } else {
            Err(validation)
        })
    }

    /// Keeps the best weights, and says whether training has ended.
    fn judge(&mut self, state: &mut MemberState<E>, losses: Epoch) {
        let best = state.best_loss();
        state.history.push(losses);
        let epoch = state.history.len();
        if losses.validation < best {
            (state.best_epoch, state.counted_from) = (epoch, epoch);
            state.best.copy_from_slice(&state.weights);
        }
        if epoch - state.counted_from >= self.settings.patience {
            if state.cooled == self.settings.cooldowns {
                state.end = Some(End::Patience);
            } else {
                state.cooled += 1;
                state.counted_from = epoch;
                state.weights.copy_from_slice(&state.best);
                state.moments = Optimiser::<E>::initialise(&Adam::default(), state.weights.len());
                state.updates = 0;
            }
        }
        if epoch >= self.settings.max_epochs && state.end.is_none() {
            state.end = Some(End::Limit);
        }
    }

    /// The mean of `-ln q` of some pairs, which are left in the workspace.
    fn batch(&mut self, pairs: impl Iterator<Item = usize>, n: usize) -> f64 {
        self.work.resize(&self.transforms, n);
        self.data.load(pairs, &mut self.work);
        self.transforms.forward(&mut self.work);
        -(0..n).map(|at| self.work.log_density(at)).sum::<f64>() / n as f64
    }

    fn validation(&mut self) -> f64 {
        let pairs = self.data.split.validation();
        let sum: f64 = pairs
            .chunks(VALIDATION_BATCH)
            .map(|chunk| self.batch(chunk.iter().copied(), chunk.len()) * chunk.len() as f64)
            .sum();
        sum / pairs.len() as f64
    }
}

/// The untrained transforms of an attempt.
pub(super) fn start<E: Number>(
    member: Key,
    settings: &TrainingSettings,
    data: &Data<E>,
    attempt: usize,
) -> Result<Transforms<E>> {
    let [start, _] = keys(member, attempt);
    Transforms::new(&settings.architecture, data.y.kept().len(), data.c.kept().len(), start)
}
