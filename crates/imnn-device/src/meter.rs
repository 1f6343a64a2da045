//! How long the workers wait for simulations.

use imnn_data::{DataError, DatasetSpec, Identity, Microbatch, Source};
use imnn_models::Element;
use imnn_sim::Key;
use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

/// A source whose reads are timed. The clock is asked twice for a microbatch, of which the network takes a thousand times as long.
pub(crate) struct Metered<'a, E> {
    pub(crate) source: &'a dyn Source<E>,
    /// Nanoseconds spent in [`Source::read`], by all workers together.
    pub(crate) reading: &'a AtomicU64,
}

impl<E: Element> Source<E> for Metered<'_, E> {
    fn spec(&self) -> &DatasetSpec {
        self.source.spec()
    }

    fn n_transforms(&self) -> u64 {
        self.source.n_transforms()
    }

    fn simulates_anew(&self) -> bool {
        self.source.simulates_anew()
    }

    fn identity(&self) -> Identity {
        self.source.identity()
    }

    fn read(&self, rows: Range<usize>, key: Key, microbatch: &mut Microbatch<E>) -> Result<(), DataError> {
        let clock = Instant::now();
        let result = self.source.read(rows, key, microbatch);
        let nanoseconds = u64::try_from(clock.elapsed().as_nanos()).unwrap_or(u64::MAX);
        self.reading.fetch_add(nanoseconds, Ordering::Relaxed);
        result
    }
}
