//! How tasks are spread over the workers.

use crate::error::{DeviceError, Result};
use crate::leaves::share;
use crate::workers::Workers;
use std::ops::Range;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// In which order a worker takes its tasks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Order {
    /// From the first.
    Up,
    /// From the last: what was done last by a pass upward is done first, while it is still in the caches.
    Down,
}

/// The workers as one session uses them.
pub(crate) struct Crew {
    workers: Arc<Workers>,
    /// How many of each worker's tasks are taken, each on its own cache line.
    taken: Vec<Taken>,
}

#[derive(Default)]
#[repr(align(128))]
struct Taken(AtomicUsize);

impl Crew {
    pub(crate) fn new(workers: Arc<Workers>) -> Self {
        let taken = (0..workers.len()).map(|_| Taken::default()).collect();
        Crew { workers, taken }
    }

    /// How many workers share so many tasks.
    fn sharing(&self, n_tasks: usize) -> usize {
        self.taken.len().min(n_tasks)
    }

    /// The tasks of so many that are the share of these workers.
    pub(crate) fn share(&self, workers: Range<usize>, n_tasks: usize) -> Range<usize> {
        let n_workers = self.sharing(n_tasks);
        let start = |worker| if worker < n_workers { share(n_tasks, n_workers, worker).start } else { n_tasks };
        start(workers.start)..start(workers.end)
    }

    /// The time that those who share so many tasks have had since `start`, all together.
    pub(crate) fn time(&self, start: Instant, n_tasks: usize) -> Duration {
        start.elapsed().saturating_mul(u32::try_from(self.sharing(n_tasks)).unwrap_or(u32::MAX))
    }

    /// `f(worker, tasks)` for all tasks from 0 to `n_tasks`, up to `grain` of them at a time, no two calls at once for the
    /// same worker.
    ///
    /// Each worker has a share of consecutive tasks, the same in every pass over as many, and then helps the others. After
    /// a failure the tasks not yet begun are left out, and of the failures seen the one of the lowest task is returned.
    pub(crate) fn run(
        &mut self,
        n_tasks: usize,
        grain: usize,
        order: Order,
        f: impl Fn(usize, Range<usize>) -> Result<()> + Sync,
    ) -> Result<()> {
        let (n_workers, grain) = (self.sharing(n_tasks), grain.clamp(1, n_tasks.max(1)));
        let taken = &mut self.taken[..n_workers];
        taken.iter_mut().for_each(|taken| *taken.0.get_mut() = 0);
        let taken = &*taken;
        let failed = AtomicBool::new(false);
        let failure: Mutex<Option<(usize, DeviceError)>> = Mutex::new(None);
        self.workers.each(n_workers, &|worker| {
            for other in 0..n_workers {
                let other = (worker + other) % n_workers;
                let tasks = share(n_tasks, n_workers, other);
                while !failed.load(Ordering::Relaxed) {
                    let k = taken[other].0.fetch_add(grain, Ordering::Relaxed);
                    if k >= tasks.len() {
                        break;
                    }
                    let n = grain.min(tasks.len() - k);
                    let task = match order {
                        Order::Up => tasks.start + k,
                        Order::Down => tasks.end - k - n,
                    };
                    if let Err(error) = f(worker, task..task + n) {
                        failed.store(true, Ordering::Relaxed);
                        let mut failure = lock(&failure);
                        if failure.as_ref().is_none_or(|(lowest, _)| task < *lowest) {
                            *failure = Some((task, error));
                        }
                    }
                }
            }
        });
        match failure.into_inner().unwrap_or_else(PoisonError::into_inner) {
            Some((_, error)) => Err(error),
            None => Ok(()),
        }
    }
}

/// The lock's contents; a task that panics ends the pass anyway, so its poison says nothing new.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// As [`lock`], where nobody else can hold it.
pub(crate) fn own<T>(mutex: &mut Mutex<T>) -> &mut T {
    mutex.get_mut().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn crews(threads: usize) -> [Crew; 2] {
        [Workers::together(threads), Workers::apart(threads)].map(|workers| Crew::new(Arc::new(workers.unwrap())))
    }

    #[test]
    fn every_task_is_done_once() {
        for (threads, mut crew) in [1, 2, 4].into_iter().flat_map(|threads| crews(threads).map(|crew| (threads, crew)))
        {
            for (n_tasks, grain) in [(0, 1), (1, 1), (3, 1), (3, 4), (100, 1), (100, 7), (2, usize::MAX)] {
                for order in [Order::Up, Order::Down] {
                    let done = Mutex::new(vec![]);
                    crew.run(n_tasks, grain, order, |_, tasks| {
                        assert!(!tasks.is_empty() && tasks.len() <= grain);
                        match order {
                            Order::Up => lock(&done).extend(tasks),
                            Order::Down => lock(&done).extend(tasks.rev()),
                        }
                        Ok(())
                    })
                    .unwrap();
                    let mut done = done.into_inner().unwrap();
                    if threads == 1 && order == Order::Down {
                        done.reverse();
                    }
                    if threads > 1 {
                        done.sort_unstable();
                    }
                    assert_eq!(done, (0..n_tasks).collect::<Vec<_>>());
                }
            }
        }
    }

    #[test]
    fn shares_of_neighbours_are_all_tasks() {
        for crew in [1, 2, 4].into_iter().flat_map(crews) {
            let n = crew.taken.len();
            for n_tasks in [0, 1, 2, 5, 100] {
                for middle in 0..=n {
                    let (left, right) = (crew.share(0..middle, n_tasks), crew.share(middle..n, n_tasks));
                    assert_eq!((left.start, left.end, right.end), (0, right.start, n_tasks));
                }
            }
        }
    }

    #[test]
    fn a_worker_does_one_task_at_a_time() {
        for mut crew in crews(3) {
            let busy: Vec<_> = (0..3).map(|_| AtomicBool::new(false)).collect();
            crew.run(200, 1, Order::Up, |worker, _| {
                assert!(!busy[worker].swap(true, Ordering::SeqCst));
                busy[worker].store(false, Ordering::SeqCst);
                Ok(())
            })
            .unwrap();
        }
    }

    #[test]
    fn a_failure_is_reported_and_the_crew_goes_on() {
        let fails = |_, tasks: Range<usize>| match tasks.start {
            task @ 7 => Err(DeviceError::Weights { expected: 7, found: task }),
            _ => Ok(()),
        };
        for mut crew in crews(2) {
            assert!(matches!(crew.run(20, 1, Order::Up, fails), Err(DeviceError::Weights { expected: 7, .. })));
            crew.run(20, 1, Order::Up, |_, _| Ok(())).unwrap();
        }
    }
}
