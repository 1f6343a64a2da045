//! One function on all ranks.

use imnn_ranks::Threads;
use std::panic::resume_unwind;
use std::thread;

/// What `work` gives on each of `size` ranks, in their order.
pub fn on_each<T: Send>(size: usize, work: impl Fn(Threads) -> T + Sync) -> Vec<T> {
    thread::scope(|scope| {
        let work = &work;
        let threads: Vec<_> = Threads::new(size).into_iter().map(|ranks| scope.spawn(move || work(ranks))).collect();
        threads.into_iter().map(|thread| thread.join().unwrap_or_else(|panic| resume_unwind(panic))).collect()
    })
}
