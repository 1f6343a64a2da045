//! How much of the time of a training went into reading files.

use std::sync::Arc;
use std::time::{Duration, Instant};

use imnn::data::Streamed;
use imnn::sim::Real;

/// What is read from files while a network is trained.
pub(super) struct Reading {
    started: Instant,
    threads: usize,
    /// Asks the sources for what they have read.
    read: Box<dyn Fn() -> (u64, Duration)>,
    before: (u64, Duration),
}

/// What was read from files while a network was trained.
pub(super) struct WasRead {
    pub(super) bytes: u64,
    /// How long the threads waited, all together.
    pub(super) waited: Duration,
    /// That as a part of their time.
    pub(super) share: f64,
}

/// From which part of the threads' time on reading is said to bound the speed: with simulations in memory the run would
/// take less than 70 % of its time.
const BOUND: f64 = 0.3;

impl Reading {
    /// Nothing where no source is streamed.
    pub(super) fn start<E: Real>(streamed: &[Arc<Streamed<E>>], threads: usize) -> Option<Self> {
        if streamed.is_empty() {
            return None;
        }
        let streamed = streamed.to_vec();
        let read = move || {
            let reading = streamed.iter().map(|source| source.reading());
            reading.fold((0, Duration::ZERO), |(bytes, waited), more| (bytes + more.bytes, waited + more.waited))
        };
        let before = read();
        Some(Self { started: Instant::now(), threads, read: Box::new(read), before })
    }

    pub(super) fn stop(self) -> WasRead {
        let (bytes, waited) = (self.read)();
        let (bytes, waited) = (bytes - self.before.0, waited.saturating_sub(self.before.1));
        let all = self.started.elapsed().as_secs_f64() * self.threads as f64;
        WasRead { bytes, waited, share: waited.as_secs_f64() / all.max(f64::MIN_POSITIVE) }
    }
}

impl WasRead {
    /// For people.
    pub(super) fn text(&self) -> String {
        let gigabytes = self.bytes as f64 / 1e9;
        let bound = if self.share > BOUND { "; reading bounds the speed" } else { "" };
        format!("{gigabytes:.3} GB, {:.0} % of the threads' time{bound}", 100.0 * self.share)
    }
}
