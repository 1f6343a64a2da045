//! Worker threads.

use crate::error::{DeviceError, Result};
use rayon::{ThreadPool, ThreadPoolBuilder};

/// A number of rayon pools of one thread each.
///
/// One pool of many threads would let the matrix products inside a leaf split themselves over all of them (dfdx asks rayon
/// how many threads there are); in a pool of one, a leaf runs on its own thread from beginning to end.
pub(crate) struct Workers(Vec<ThreadPool>);

impl Workers {
    pub(crate) fn new(threads: usize) -> Result<Self> {
        let failed = |message: String| DeviceError::Threads { threads, message };
        if threads == 0 {
            return Err(failed("at least one is needed".into()));
        }
        (0..threads)
            .map(|k| {
                ThreadPoolBuilder::new()
                    .num_threads(1)
                    .thread_name(move |_| format!("imnn-worker-{k}"))
                    .build()
                    .map_err(|error| failed(error.to_string()))
            })
            .collect::<Result<_>>()
            .map(Workers)
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// `work(0)`, ..., `work(n - 1)`, each on a thread of its own, for `n` up to the number of workers.
    pub(crate) fn each(&self, n: usize, work: &(impl Fn(usize) + Sync)) {
        each(&self.0[..n], 0, work);
    }
}

fn each(pools: &[ThreadPool], worker: usize, work: &(impl Fn(usize) + Sync)) {
    match pools {
        [] => {}
        [last] => last.install(|| work(worker)),
        [first, others @ ..] => first.in_place_scope(|scope| {
            scope.spawn(|_| work(worker));
            each(others, worker + 1, work);
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Mutex;

    #[test]
    fn each_worker_sees_one_thread() {
        let workers = Workers::new(3).unwrap();
        for n in 0..=3 {
            let seen = Mutex::new(vec![]);
            workers.each(n, &|worker| seen.lock().unwrap().push((worker, rayon::current_num_threads())));
            let mut seen = seen.into_inner().unwrap();
            seen.sort_unstable();
            assert_eq!(seen, (0..n).map(|worker| (worker, 1)).collect::<Vec<_>>());
        }
        assert!(Workers::new(0).is_err());
    }
}
