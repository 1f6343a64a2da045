//! What is done between two iterations: checkpoints, and what is asked of training.

use crate::checkpoint::{Checkpoints, Request};
use crate::description::Description;
use crate::error::{FitError, Result};
use crate::observer::Observer;
use crate::state::TrainingState;
use crate::together::{self, Wish};
use imnn_models::Element;
use imnn_ranks::Ranks;
use std::ops::ControlFlow;
use std::time::Instant;

/// When the last checkpoint was made, and what has been asked since.
#[derive(Debug, Default)]
pub(crate) struct Last {
    /// When, and after how many iterations.
    at: Option<(Instant, usize)>,
    /// Whether it has been said that none can be made.
    said: bool,
    /// Whether training was asked to end, and has one that it can go on from.
    pub(crate) goes_on: bool,
    /// Whether this process's observer has ended training, which the others do not know yet.
    broke: bool,
    /// What went wrong here and ends the training of all.
    failed: Option<FitError>,
}

/// Makes checkpoints while training goes on, and does what is asked.
pub(crate) struct Keeper<'a> {
    pub(crate) checkpoints: Option<&'a Checkpoints>,
    pub(crate) description: Option<&'a Description>,
    pub(crate) last: &'a mut Last,
    /// Who trains together with this process.
    pub(crate) ranks: Option<&'a dyn Ranks>,
}

impl Keeper<'_> {
    /// The observer has ended training. Whether that is so at once: where others train as well, it is when all know.
    pub(crate) fn broke(&mut self) -> bool {
        self.last.broke = self.ranks.is_some();
        self.ranks.is_none()
    }

    /// Between two iterations: makes a checkpoint if one is due or asked for, of the state that `state` brings up to date.
    /// Breaks if training is to end.
    pub(crate) fn between<'s, E: Element>(
        &mut self,
        iteration: usize,
        state: impl FnOnce() -> Result<&'s TrainingState<E>>,
        observer: &mut dyn Observer,
    ) -> Result<ControlFlow<()>> {
        let wish = match self.ranks {
            None => self.wish(),
            Some(ranks) => together::agreed(ranks, iteration, self.wish(), self.last.failed.take())?,
        };
        let asked = match wish {
            Some(Wish::Observer) => {
                self.last.broke = false;
                return Ok(ControlFlow::Break(()));
            }
            Some(Wish::Asked(request)) => Some(request),
            None => None,
        };
        let (Some(checkpoints), Some(description)) = (self.checkpoints, self.description) else {
            return Ok(ControlFlow::Continue(()));
        };
        asked.into_iter().for_each(|request| checkpoints.control.done(request));
        let saved = match (self.writes(), asked) {
            (false, _) => Ok(()),
            (true, None) if !self.is_due(checkpoints, iteration) => return Ok(ControlFlow::Continue(())),
            (true, _) => {
                // What another process has taken over is not written to, and there is no use in going on.
                if let Err(error) = checkpoints.check_lock() {
                    let ends = self.ranks.is_none() || matches!(asked, Some(Request::End | Request::Suspend));
                    return if ends {
                        Err(error)
                    } else {
                        self.last.failed = Some(error);
                        Ok(ControlFlow::Continue(()))
                    };
                }
                self.last.at = Some((Instant::now(), iteration));
                state().and_then(|state| checkpoints.save(state, description))
            }
        };
        self.act(asked, saved, iteration, observer)
    }

    /// Whether this process writes checkpoints, and not another one for all.
    fn writes(&self) -> bool {
        self.ranks.is_none_or(|ranks| ranks.rank() == 0)
    }

    /// What this process wishes.
    fn wish(&self) -> Option<Wish> {
        let asked = self.checkpoints.and_then(|checkpoints| checkpoints.control.asked());
        if self.last.broke { Some(Wish::Observer) } else { asked.map(Wish::Asked) }
    }

    fn is_due(&self, checkpoints: &Checkpoints, iteration: usize) -> bool {
        self.last.at.is_none_or(|(time, iterations)| {
            time.elapsed() >= checkpoints.every || checkpoints.iterations.is_some_and(|n| iteration >= iterations + n)
        })
    }

    /// Does what is asked, after a checkpoint was `saved` or not.
    fn act(
        &mut self,
        asked: Option<Request>,
        saved: Result<()>,
        iteration: usize,
        observer: &mut dyn Observer,
    ) -> Result<ControlFlow<()>> {
        match (&saved, asked) {
            (Err(error), None) if !self.last.said => {
                observer
                    .notice(&format!("no checkpoint could be made: {error}; training goes on, and it is tried again"));
                self.last.said = true;
            }
            (Ok(()), _) => self.last.said = false,
            _ => {}
        }
        match (asked, saved) {
            (None, _) => {}
            (Some(Request::Suspend), saved) => {
                return Err(FitError::Suspended { iteration, lost: saved.err().map(Box::new) });
            }
            (Some(Request::End), saved) => {
                self.last.goes_on = saved.is_ok();
                return Ok(ControlFlow::Break(()));
            }
            (Some(Request::Save), Ok(())) => {
                observer.notice(&format!("checkpoint made after {iteration} iterations"));
            }
            (Some(Request::Save), Err(error)) => observer.notice(&format!("no checkpoint could be made: {error}")),
        }
        Ok(ControlFlow::Continue(()))
    }
}
