//! The time by which all programs are to have ended.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// A time before which what is begun is to end, judged by what has ended so far.
#[derive(Debug)]
pub(crate) struct Deadline {
    start: Instant,
    until: Option<Duration>,
    /// How long each of the last programs took.
    took: Mutex<VecDeque<Duration>>,
}

/// How many of the last programs say how long the next will take.
const LAST: usize = 1000;

impl Deadline {
    pub(crate) fn new(until: Option<Duration>) -> Self {
        Self { start: Instant::now(), until, took: Mutex::default() }
    }

    /// Learns how long a program took.
    pub(crate) fn learn(&self, took: Duration) {
        if self.until.is_some() {
            let mut last = self.took.lock().unwrap_or_else(PoisonError::into_inner);
            last.push_back(took);
            if last.len() > LAST {
                last.pop_front();
            }
        }
    }

    /// Whether a program that is begun now would not end in time.
    pub(crate) fn is_too_late(&self) -> bool {
        let Some(until) = self.until else { return false };
        let mut last: Vec<_> = self.took.lock().unwrap_or_else(PoisonError::into_inner).iter().copied().collect();
        last.sort_unstable();
        self.start.elapsed().saturating_add(typical(&last)) > until
    }
}

/// The time within which nine of ten have ended; none where nothing is known.
fn typical(ascending: &[Duration]) -> Duration {
    let nine_of_ten = (ascending.len() * 9).div_ceil(10);
    ascending.get(nine_of_ten.saturating_sub(1)).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nine_of_ten_have_ended() {
        let seconds = |n: u64| (1..=n).map(Duration::from_secs).collect::<Vec<_>>();
        for (n, expected) in [(0, 0), (1, 1), (2, 2), (9, 9), (10, 9), (20, 18), (100, 90)] {
            assert_eq!(typical(&seconds(n)), Duration::from_secs(expected), "{n}");
        }
    }

    #[test]
    fn what_would_not_end_in_time_is_too_late() {
        let hour = Duration::from_secs(3600);
        let deadline = Deadline::new(Some(hour));
        assert!(!deadline.is_too_late());
        deadline.learn(hour * 2);
        assert!(deadline.is_too_late());
        // One that hung does not count for all.
        (0..20).for_each(|_| deadline.learn(hour / 2));
        assert!(!deadline.is_too_late());
        // What was long ago counts no more.
        (0..LAST).for_each(|_| deadline.learn(hour * 2));
        (0..LAST).for_each(|_| deadline.learn(hour / 2));
        assert!(!deadline.is_too_late());
        assert!(Deadline::new(Some(Duration::ZERO)).is_too_late());
        let without = Deadline::new(None);
        without.learn(Duration::MAX);
        assert!(!without.is_too_late());
    }
}
