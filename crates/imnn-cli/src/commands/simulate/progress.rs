//! What is told while programs run.

use std::io::{IsTerminal, Write};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use imnn::jobs::{Again, DataSet, Event, Failure, RunOptions, command_line};

use crate::output::say;

/// How many failures are told one by one.
const SHOWN: usize = 20;

/// Counts what is done and says so now and then, on standard error.
pub(super) struct Progress {
    state: Mutex<State>,
    quiet: bool,
    /// How often a line is written.
    every: Duration,
    /// Whether a line is written over the one before.
    over: bool,
    header: String,
}

struct State {
    start: Instant,
    told: Instant,
    tried: Tried,
    todo: usize,
    too_late: bool,
    /// Whether there is a line that is not ended.
    open: bool,
}

/// What was done in this run.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Tried {
    pub(super) done: usize,
    pub(super) failed: usize,
}

/// What was seen of this run.
#[derive(Clone, Copy, Debug)]
pub(super) struct Seen {
    pub(super) tried: Tried,
    /// Whether no more was started, as it would not have ended in time.
    pub(super) too_late: bool,
}

impl Progress {
    pub(super) fn new(set: &DataSet, options: &RunOptions, quiet: bool) -> Self {
        let over = std::io::stderr().is_terminal();
        let now = Instant::now();
        let header = format!(
            "for {} vectors in {}, {} at a time; Ctrl-C ends them, and the same command goes on",
            set.vectors().len(),
            set.root().display(),
            options.jobs
        );
        let state = State { start: now, told: now, tried: Tried::default(), todo: 0, too_late: false, open: false };
        let every = if over { Duration::from_millis(200) } else { Duration::from_secs(60) };
        Self { state: Mutex::new(state), quiet, every, over, header }
    }

    pub(super) fn tell(&self, event: &Event<'_>) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        match event {
            Event::Start { todo } => {
                state.todo = *todo;
                if !self.quiet {
                    say(&format!("{todo} simulations {}", self.header));
                }
                return;
            }
            Event::Done => state.tried.done += 1,
            Event::Elsewhere => state.todo = state.todo.saturating_sub(1),
            Event::TooLate => state.too_late = true,
            Event::Again { seed, again } => {
                if let Some(text) = made_again(*seed, again) {
                    self.close(&mut state);
                    say(&text);
                }
            }
            Event::Failed(failure) => {
                state.tried.failed += 1;
                if !self.quiet {
                    self.close(&mut state);
                    match state.tried.failed {
                        n if n <= SHOWN => say(&one_line(failure)),
                        n if n == SHOWN + 1 => say("more fail; they will be in failures.json"),
                        _ => {}
                    }
                }
            }
            _ => return,
        }
        if !self.quiet && state.told.elapsed() >= self.every {
            self.line(&mut state);
        }
    }

    pub(super) fn end(self) -> Seen {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.open {
            self.line(&mut state);
            self.close(&mut state);
        }
        Seen { tried: state.tried, too_late: state.too_late }
    }

    fn line(&self, state: &mut State) {
        state.told = Instant::now();
        let Tried { done, failed } = state.tried;
        let ended = done + failed;
        let left = state.start.elapsed().as_secs_f64() / ended.max(1) as f64 * state.todo.saturating_sub(ended) as f64;
        let failed = if failed > 0 { format!(", {failed} failed") } else { String::new() };
        let line = format!("{done} of {} done{failed}, about {} left", state.todo, time(left));
        let mut out = std::io::stderr().lock();
        // Nothing depends on it.
        let _ = if self.over { write!(out, "\r{line:<70}") } else { writeln!(out, "{line}") };
        let _ = out.flush();
        state.open = self.over;
    }

    fn close(&self, state: &mut State) {
        if std::mem::take(&mut state.open) {
            say("");
        }
    }
}

/// What there is to say of a simulation that was made a second time.
fn made_again(seed: u64, again: &Again) -> Option<String> {
    match again {
        Again::Rounded(apart) => Some(format!(
            "warning: seed {seed} gave slightly other numbers the second time, {apart:.1e} of their scatter apart: sums of several \
             threads, perhaps; simulations below and above differ by as much, for nothing"
        )),
        Again::Failed => Some(format!(
            "warning: seed {seed} could not be made a second time, so that nothing is known of whether simulations repeat"
        )),
        _ => None,
    }
}

/// A failure in one line.
pub(super) fn one_line(failure: &Failure) -> String {
    format!("failed: seed {} of {}: {}", failure.seed, failure.vector, failure.reason)
}

/// A failure with all there is to know.
pub(super) fn described(failure: &Failure, out: &std::path::Path) -> String {
    let theta = failure.theta.iter().map(|value| format!("{value:?}")).collect::<Vec<_>>().join(", ");
    let attempts = if failure.attempts == 1 { String::new() } else { format!(", tried {} times", failure.attempts) };
    let tail: String = failure.tail.lines().map(|line| format!("    | {line}\n")).collect();
    format!(
        "{}\n  theta    [{theta}]{attempts}\n  command  {}\n  log      {}\n{tail}",
        one_line(failure),
        command_line(&failure.command),
        out.join(&failure.log).display()
    )
}

pub(super) fn time(seconds: f64) -> String {
    match seconds {
        s if s < 100.0 => format!("{s:.0} s"),
        s if s < 6000.0 => format!("{:.0} min", s / 60.0),
        s => format!("{:.1} h", s / 3600.0),
    }
}
