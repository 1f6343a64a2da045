//! How much of a run goes into reading simulations.

use crate::small::{Kind, THETA_FID, dense_network, draws, settings};
use imnn::data::{DataError, DatasetSpec, Microbatch, Source};
use imnn::device::Cpu;
use imnn::fit::Imnn;
use imnn::sim::Key;
use std::ops::Range;
use std::sync::Mutex;
use std::time::Instant;

/// Simulations that are read more slowly than the network takes them: each read lasts twice as long as whatever came since
/// the last one, however long the machine takes for that.
struct Slow {
    inner: Box<dyn Source<f32>>,
    last: Mutex<Instant>,
}

impl Source<f32> for Slow {
    fn spec(&self) -> &DatasetSpec {
        self.inner.spec()
    }

    fn read(&self, rows: Range<usize>, key: Key, batch: &mut Microbatch<f32>) -> Result<(), DataError> {
        let mut last = self.last.lock().unwrap();
        std::thread::sleep(2 * last.elapsed());
        let result = self.inner.read(rows, key, batch);
        *last = Instant::now();
        result
    }
}

#[test]
fn slow_simulations_are_what_a_run_waits_for() {
    let slow = Slow { inner: draws(Kind::Exact, 300, 1), last: Mutex::new(Instant::now()) };
    let mut imnn = Imnn::<f32>::builder(dense_network())
        .theta_fid(THETA_FID)
        .training(slow)
        // Nothing is kept, so the backward pass reads too.
        .device(Cpu::new(1).unwrap().with_memory(0))
        .build()
        .unwrap();
    let first = imnn.fit(&settings(5)).unwrap().reading;
    assert!(first > 0.5 && first <= 1.0, "{first}");
    // The second call has its own share, not that of both.
    let second = imnn.fit(&settings(5)).unwrap().reading;
    assert!(second > 0.5 && second <= 1.0, "{second}");
}
