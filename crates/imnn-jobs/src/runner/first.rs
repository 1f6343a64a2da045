//! The first simulations of a set: whether all of them fail in the same way, for then so would the rest.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::failure::Failure;

/// After as many failures no more programs are started until one has made a simulation.
pub(super) const FEW: usize = 3;

/// How often a worker looks whether those that still run have ended.
const LOOK: Duration = Duration::from_millis(20);

/// What the first programs did.
pub(super) struct First(Mutex<State>);

struct State {
    /// Whether all that ended failed alike.
    open: bool,
    /// Those that run.
    running: usize,
    failures: Vec<Failure>,
    /// A simulation that was another when it was made again.
    useless: Option<Failure>,
}

impl First {
    /// Of a set of which nothing is there yet, or of one that needs no more thought.
    pub(super) fn new(is_new: bool) -> Self {
        First(Mutex::new(State { open: is_new, running: 0, failures: vec![], useless: None }))
    }

    fn state<T>(&self, of: impl FnOnce(&mut State) -> T) -> T {
        of(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Whether another program may be started; waits for those that run where it depends on them.
    pub(super) fn may_start(&self, stops: &dyn Fn() -> bool) -> bool {
        loop {
            let answer = self.state(|state| match state {
                State { useless: Some(_), .. } => Some(false),
                State { open: true, running: 0, failures, .. } if failures.len() >= FEW => Some(false),
                State { open: true, failures, .. } if failures.len() >= FEW => None,
                state => {
                    state.running += 1;
                    Some(true)
                }
            });
            match answer {
                Some(answer) => return answer,
                // Whoever it is for sees to it.
                None if stops() => return true,
                None => std::thread::sleep(LOOK),
            }
        }
    }

    /// A program has ended, with this failure, or has made a simulation.
    pub(super) fn ended(&self, with: Result<(), &Failure>) {
        self.state(|state| match with {
            Ok(()) => state.open = false,
            Err(failure) if state.open => {
                state.open = state.failures.first().is_none_or(|first| are_alike(first, failure));
                state.failures.push(failure.clone());
            }
            Err(_) => {}
        });
    }

    /// A worker is done with what it was allowed to start.
    pub(super) fn leaves(&self) {
        self.state(|state| state.running = state.running.saturating_sub(1));
    }

    /// A simulation was another when it was made again: nothing more is to be made.
    pub(super) fn is_useless(&self, failure: &Failure) {
        self.state(|state| state.useless = Some(failure.clone()));
    }

    /// Whether programs that run are to be ended.
    pub(super) fn stops(&self) -> bool {
        self.state(|state| state.useless.is_some())
    }

    /// Why no more were started, if that is so: a simulation that is another when it is made again, or the first of the
    /// failures that are all alike.
    pub(super) fn reason(&self) -> Option<Failure> {
        self.state(|state| {
            let alike = || state.failures.first().filter(|_| state.open && state.failures.len() >= FEW);
            state.useless.as_ref().or_else(alike).cloned()
        })
    }
}

/// Whether two failures are of the same kind; of programs that ended by themselves, with the same status and last words.
fn are_alike(one: &Failure, other: &Failure) -> bool {
    let last = |failure: &Failure| {
        let line = failure.tail.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or_default();
        without_numbers(line)
    };
    let exits = one.kind == "exit";
    one.kind == other.kind && (!exits || (one.reason == other.reason && last(one) == last(other)))
}

/// A line whose numbers, which may be a seed or a time, do not count.
fn without_numbers(line: &str) -> String {
    let mut text = String::new();
    for c in line.chars() {
        match c {
            '0'..='9' if text.ends_with('#') => {}
            '0'..='9' => text.push('#'),
            c => text.push(c),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failure(seed: u64, kind: &str, reason: &str, tail: &str) -> Failure {
        Failure {
            vector: "fiducial".to_owned(),
            seed,
            theta: vec![],
            command: vec![],
            kind: kind.to_owned(),
            reason: reason.to_owned(),
            attempts: 1,
            log: String::new(),
            tail: tail.to_owned(),
        }
    }

    #[test]
    fn failures_are_alike_but_for_numbers_in_their_last_words() {
        let exit = |seed, reason, tail| failure(seed, "exit", reason, tail);
        let one = exit(1, "exit code 1", "at 12:30\nseed 1 is bad\n\n");
        assert!(are_alike(&one, &exit(2, "exit code 1", "else\nseed 22 is bad")));
        assert!(!are_alike(&one, &exit(2, "exit code 2", "seed 22 is bad")));
        assert!(!are_alike(&one, &exit(2, "exit code 1", "seed 22 is worse")));
        assert!(are_alike(&failure(1, "shape", "[4]", "a"), &failure(2, "shape", "[5]", "b")));
        assert!(!are_alike(&failure(1, "shape", "", ""), &failure(2, "timeout", "", "")));
    }

    #[test]
    fn no_more_are_started_after_a_few_until_one_is_made() {
        let never = || false;
        let same = |seed| failure(seed, "exit", "", "");
        let first = First::new(true);
        for seed in 0..FEW as u64 {
            assert!(first.may_start(&never) && first.reason().is_none());
            first.ended(Err(&same(seed)));
            first.leaves();
        }
        assert!(!first.may_start(&never));
        assert_eq!(first.reason(), Some(same(0)));
        first.ended(Ok(()));
        assert!(first.may_start(&never) && first.reason().is_none());
        // One of another kind, or something that was there before.
        let first = First::new(true);
        (0..9).for_each(|seed| first.ended(Err(&failure(seed, if seed == 1 { "shape" } else { "exit" }, "", ""))));
        assert!(first.may_start(&never));
        let first = First::new(false);
        (0..9).for_each(|seed| first.ended(Err(&same(seed))));
        assert!(first.may_start(&never) && first.reason().is_none());
    }
}
