//! Worker threads that take tasks in any order and give results in theirs.

use crate::error::{DeviceError, Result};
use rayon::{ThreadPool, ThreadPoolBuilder};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

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

    /// `f(0), ..., f(n_tasks - 1)` in order. After a failure the tasks not yet begun are left out, and of the failures seen
    /// the one of the lowest index is returned.
    pub(crate) fn map<T: Send>(&self, n_tasks: usize, f: impl Fn(usize) -> Result<T> + Sync) -> Result<Vec<T>> {
        let next = AtomicUsize::new(0);
        let failed = AtomicBool::new(false);
        let results: Mutex<Vec<Option<Result<T>>>> = Mutex::new((0..n_tasks).map(|_| None).collect());
        let work = || {
            while !failed.load(Ordering::Relaxed) {
                let task = next.fetch_add(1, Ordering::Relaxed);
                if task >= n_tasks {
                    break;
                }
                let result = f(task);
                if result.is_err() {
                    failed.store(true, Ordering::Relaxed);
                }
                lock(&results)[task] = Some(result);
            }
        };
        let n_workers = self.0.len().min(n_tasks);
        if n_workers > 0 {
            std::thread::scope(|scope| {
                for worker in &self.0[1..n_workers] {
                    scope.spawn(|| worker.install(work));
                }
                self.0[0].install(work);
            });
        }
        let results = results.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
        results.into_iter().flatten().collect()
    }
}

/// The lock's contents; a panicking task ends the scope anyway, so its poison says nothing new.
fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_come_in_order_whatever_the_number_of_threads() {
        for threads in [1, 2, 4] {
            let workers = Workers::new(threads).unwrap();
            let squares = workers.map(100, |i| Ok(i * i)).unwrap();
            assert_eq!(squares, (0..100).map(|i| i * i).collect::<Vec<_>>());
            assert!(workers.map(0, |_| Ok(())).unwrap().is_empty());
        }
    }

    #[test]
    fn a_failure_is_reported() {
        let workers = Workers::new(2).unwrap();
        let fails = |i| if i == 7 { Err(DeviceError::Weights { expected: 7, found: i }) } else { Ok(i) };
        assert!(matches!(workers.map(20, fails), Err(DeviceError::Weights { expected: 7, .. })));
        assert!(Workers::new(0).is_err());
    }

    #[test]
    fn each_task_sees_one_thread() {
        let workers = Workers::new(3).unwrap();
        let seen = workers.map(9, |_| Ok(rayon::current_num_threads())).unwrap();
        assert_eq!(seen, [1; 9]);
    }
}
