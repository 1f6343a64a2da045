//! How training goes: with the user's optimiser until patience ends, or in rounds for as long as they gain information.

use crate::error::Result;
use crate::held_out::{Estimate, HeldOut};
use crate::history::Round;
use crate::imnn::Imnn;
use crate::iterations::{Until, Watched};
use crate::last_layer::{Ending, Refit};
use crate::observer::Observer;
use crate::outcome::{LastLayer, Stop};
use crate::setback::Smaller;
use crate::settings::CheckedSettings;
use crate::state::{Counters, InRound};
use imnn_models::{Adam, Element, Optimiser, Parameters, Schedule};

/// How a round goes with data of some shape.
struct Pace {
    /// Iterations of the first round.
    round: usize,
    /// The largest learning rate.
    rate: f64,
    /// Simulations of files in an iteration, at most.
    minibatch: usize,
}

impl Pace {
    /// A field is as many vectors, with weights that see all of them.
    fn of(input_shape: &[usize]) -> Self {
        match input_shape {
            [] | [_] => Pace { round: 400, rate: 3e-3, minibatch: 1000 },
            _ => Pace { round: 100, rate: 1e-3, minibatch: 200 },
        }
    }
}

/// Where the first round loses more than this in ln det F, the weights that the read-out began with cancel too far to be
/// trained.
const LOST: f64 = 0.1;

/// Without a penalty the last layer is whitened after so many iterations.
const WHITEN_EVERY: usize = 50;

/// What training came to.
pub(crate) struct Trained {
    pub(crate) iterations: usize,
    pub(crate) stop: Stop,
    pub(crate) held_out: Option<Estimate>,
    pub(crate) read_out_gain: Option<Estimate>,
    pub(crate) refit: Option<Refit>,
}

/// Adam whose rate rises over the first tenth of a round, in which the weights of the last layer find their balance, and
/// falls to 0 as half a cosine.
fn adam(rate: f64, iterations: usize) -> Result<Adam> {
    let rise = iterations.div_ceil(10) as u64;
    let fall = Schedule::Cosine { start: rate, iterations: (iterations as u64 - rise).max(1), end: 0.0 };
    Ok(Adam::new(Schedule::WarmUp { iterations: rise, then: Box::new(fall) })?)
}

/// Whether more was gained than what chance gives.
fn is_gain(gain: Estimate) -> bool {
    gain.value > 0.0 && (gain.value > gain.error || gain.error.is_infinite())
}

impl<E: Element> Imnn<E> {
    /// Trains, and tries the read-out of the best weights.
    pub(crate) fn train(&mut self, settings: &CheckedSettings, observer: &mut dyn Observer) -> Result<Trained> {
        let in_rounds = self.parts.optimiser.is_none();
        let last_layer = self.state.call.as_ref().and_then(|call| call.last_layer.as_ref());
        let began_with_read_out = matches!(last_layer, Some(LastLayer::ReadOut { .. }));
        let (stop, held_out) = match self.parts.optimiser.take() {
            Some(optimiser) => {
                let stop = self.with_optimiser(optimiser.as_ref(), settings, observer);
                self.parts.optimiser = Some(optimiser);
                (stop?, None)
            }
            None => self.in_rounds(settings, observer)?,
        };
        let Counters { before, done, .. } = self.state.counters;
        let iterations = before + done;
        // Where no round gained anything, the features are those that the last layer began with.
        let trained = iterations > 0 && self.state.history.best_iteration.is_some();
        let of_files = !self.parts.training.simulates_anew();
        let refit = settings.read_out && settings.refit && in_rounds && of_files && (trained || began_with_read_out);
        let Ending { held_out, read_out_gain, refit } = self.finish(settings.read_out && trained, refit, held_out)?;
        let held_out = held_out.map(|held_out| held_out.log_det_f()).transpose()?;
        Ok(Trained { iterations, stop, held_out, read_out_gain, refit })
    }

    /// Iterates with the user's optimiser until patience or iterations run out.
    fn with_optimiser(
        &mut self,
        optimiser: &dyn Optimiser<E>,
        settings: &CheckedSettings,
        observer: &mut dyn Observer,
    ) -> Result<Stop> {
        let watched = if self.parts.validation.is_some() { Watched::Validation } else { Watched::Training };
        self.in_segments(optimiser, settings, settings.max_iterations, Some(watched), observer)
    }

    /// Trains in rounds until one gains less than the tolerance, or iterations run out. The weights are then the best of
    /// those at the ends of rounds, and of the start. If the first round loses information, because the weights that the read-out
    /// began with cancel too far to be trained, the next one begins with the weights as they were drawn, whitened.
    fn in_rounds(
        &mut self,
        settings: &CheckedSettings,
        observer: &mut dyn Observer,
    ) -> Result<(Stop, Option<HeldOut>)> {
        let Pace { round, rate, .. } = Pace::of(self.parts.training.spec().data_shape());
        let mut length = settings.round.unwrap_or(round);
        let mut best = self.best_so_far()?;
        loop {
            let InRound { length: this, n, start } = match self.round_to_go_on_with() {
                Some(round) => round,
                None => {
                    let Counters { before, done, .. } = self.state.counters;
                    let n = length.min(settings.max_iterations - before - done);
                    if n == 0 {
                        return Ok((Stop::MaxIterations, best));
                    }
                    self.begin_round(InRound { length, n, start: self.state.parameters.clone() }, &adam(rate, n)?)
                }
            };
            let stop = self.in_segments(&adam(rate, n)?, settings, n, None, observer)?;
            let drawn = self.end_round();
            let (Some(now), Some(then)) = (self.held_out()?, &best) else {
                self.state.history.best_iteration = self.state.history.len().checked_sub(1);
                self.state.keep(None);
                let stop = if stop != Stop::Observer && n < settings.max_iterations { Stop::OneRound } else { stop };
                return Ok((stop, None));
            };
            let gain = self.remember_round(Some(&now), Some(then))?;
            let drawn = drawn.filter(|_| gain.value < -LOST);
            let begins_again = drawn.is_some();
            let gained = is_gain(gain);
            if gained {
                best = Some(now);
            } else {
                self.state.parameters = drawn.unwrap_or(start);
            }
            if stop == Stop::Observer {
                return Ok((stop, best));
            }
            if begins_again {
                self.whiten()?;
            } else if !gained || gain.value < settings.tolerance {
                return Ok((Stop::Tolerance, best));
            }
            length = 2 * this;
        }
    }

    /// The best weights on held-out simulations: at first the present ones, which are remembered as the start; in the middle of a
    /// round those of a round before.
    fn best_so_far(&mut self) -> Result<Option<HeldOut>> {
        let goes_on = self.state.call.as_ref().is_some_and(|call| call.round.is_some());
        match self.state.best.clone().filter(|_| goes_on) {
            Some(best) => self.held_out_with(&best),
            None => {
                let best = self.held_out()?;
                self.remember_round(best.as_ref(), None)?;
                Ok(best)
            }
        }
    }

    /// The round that a checkpoint was made in.
    fn round_to_go_on_with(&self) -> Option<InRound<E>> {
        self.state.call.as_ref().and_then(|call| call.round.clone())
    }

    /// Begins a round, which checkpoints then have.
    fn begin_round(&mut self, round: InRound<E>, adam: &Adam) -> InRound<E> {
        let Counters { before, done, setbacks, .. } = self.state.counters;
        self.state.optimiser = Optimiser::<E>::initialise(adam, round.start.values().len());
        self.state.counters = Counters { before: before + done, done: 0, waited: 0, setbacks };
        if let Some(call) = &mut self.state.call {
            call.round = Some(round.clone());
        }
        round
    }

    /// Ends a round; after the first it gives the weights as they were drawn, if training may begin again with them.
    fn end_round(&mut self) -> Option<Parameters<E>> {
        let call = self.state.call.as_mut()?;
        call.round = None;
        call.drawn.take()
    }

    /// Writes a round into the history, its weights being the best if it gained anything; the gain.
    fn remember_round(&mut self, now: Option<&HeldOut>, then: Option<&HeldOut>) -> Result<Estimate> {
        let Some(now) = now else { return Ok(Estimate { value: 0.0, error: 0.0 }) };
        let log_det_f = now.log_det_f()?;
        let gain = now.gain_over(then.unwrap_or(now))?;
        let history = &mut self.state.history;
        history.rounds.push(Round { iteration: history.len(), log_det_f, gain });
        if then.is_none() || is_gain(gain) {
            history.best_iteration = history.len().checked_sub(1);
            self.state.keep(None);
        }
        Ok(gain)
    }

    /// Iterates `n` times, setting the last layer anew in between where that is asked for.
    fn in_segments(
        &mut self,
        optimiser: &dyn Optimiser<E>,
        settings: &CheckedSettings,
        n: usize,
        watch: Option<Watched>,
        observer: &mut dyn Observer,
    ) -> Result<Stop> {
        let whitens = settings.kappa == Some(0.0);
        let segment = settings.read_out_every.unwrap_or(if whitens { WHITEN_EVERY } else { usize::MAX });
        let max_iterations = self.state.counters.before.saturating_add(n);
        let training = self.parts.training.as_ref();
        let of_files = watch.is_none() && !training.simulates_anew();
        let usual = of_files.then(|| Pace::of(training.spec().data_shape()).minibatch);
        let minibatch = settings.minibatch.or(usual);
        loop {
            // The next multiple, also where training goes on in the middle.
            let iterations = n.min((self.state.counters.done / segment + 1).saturating_mul(segment));
            let until = Until { settings, iterations, minibatch, max_iterations, watch };
            let setbacks = self.state.counters.setbacks;
            let smaller = Smaller::after(setbacks, optimiser);
            let step: &dyn Optimiser<E> = if setbacks == 0 { optimiser } else { &smaller };
            let stop = match self.iterate(step, &until, observer) {
                Ok(stop) => stop,
                Err(error) => {
                    self.go_back(error, optimiser, observer)?;
                    continue;
                }
            };
            if stop != Stop::MaxIterations || iterations == n {
                return Ok(stop);
            }
            if settings.read_out_every.is_some() {
                self.read_out_again()?;
            } else {
                self.whiten()?;
            }
        }
    }
}
