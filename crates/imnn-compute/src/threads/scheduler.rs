//! How tasks are shared among workers.

use super::{Workers, lock};
use std::ops::Range;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// In which order a worker takes its tasks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// From the first.
    Up,
    /// From the last: what an upward pass did last is done first, while it is still in the caches.
    Down,
}

/// Shares numbered tasks among workers, with the memory that this takes.
pub struct Scheduler {
    workers: Arc<dyn Workers>,
    /// How many of each worker's tasks are taken, each on its own cache line.
    taken: Vec<Taken>,
}

#[derive(Default)]
#[repr(align(128))]
struct Taken(AtomicUsize);

impl Scheduler {
    /// A scheduler for these workers.
    pub fn new(workers: Arc<dyn Workers>) -> Self {
        let taken = (0..workers.count()).map(|_| Taken::default()).collect();
        Scheduler { workers, taken }
    }

    /// How many workers share this many tasks.
    fn sharing(&self, n_tasks: usize) -> usize {
        self.taken.len().min(n_tasks)
    }

    /// The share of these workers of `n_tasks` tasks.
    pub fn share(&self, workers: Range<usize>, n_tasks: usize) -> Range<usize> {
        let n_workers = self.sharing(n_tasks);
        let start = |worker| if worker < n_workers { share(n_tasks, n_workers, worker).start } else { n_tasks };
        start(workers.start)..start(workers.end)
    }

    /// The time since `start`, summed over the workers that share `n_tasks` tasks.
    pub fn time(&self, start: Instant, n_tasks: usize) -> Duration {
        start.elapsed().saturating_mul(u32::try_from(self.sharing(n_tasks)).unwrap_or(u32::MAX))
    }

    /// `f(worker, tasks)` for all tasks from 0 to `n_tasks`, up to `grain` of them at a time, no two calls at once for the
    /// same worker.
    ///
    /// Each worker has a share of consecutive tasks, the same in every pass over as many, and then helps the others.
    ///
    /// # Errors
    /// After a failure tasks that have not begun are left out; of the errors seen that of the lowest task is returned.
    pub fn run<F: Send>(
        &mut self,
        n_tasks: usize,
        grain: usize,
        order: Order,
        f: impl Fn(usize, Range<usize>) -> Result<(), F> + Sync,
    ) -> Result<(), F> {
        let (n_workers, grain) = (self.sharing(n_tasks), grain.clamp(1, n_tasks.max(1)));
        let taken = &mut self.taken[..n_workers];
        taken.iter_mut().for_each(|taken| *taken.0.get_mut() = 0);
        let taken = &*taken;
        let failed = AtomicBool::new(false);
        let failure: Mutex<Option<(usize, F)>> = Mutex::new(None);
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

/// The `k`-th of `parts` nearly equal parts of `0..n`.
pub fn share(n: usize, parts: usize, k: usize) -> Range<usize> {
    let start = |k: usize| k * (n / parts) + k.min(n % parts);
    start(k)..start(k + 1)
}

#[cfg(test)]
mod tests {
    use super::super::ThreadPool;
    use super::*;

    fn scheduler(threads: usize) -> Scheduler {
        Scheduler::new(Arc::new(ThreadPool::new(threads).unwrap()))
    }

    #[test]
    fn every_task_is_done_once() {
        for threads in [1, 2, 4] {
            let mut scheduler = scheduler(threads);
            for (n_tasks, grain) in [(0, 1), (1, 1), (3, 1), (3, 4), (100, 1), (100, 7), (2, usize::MAX)] {
                for order in [Order::Up, Order::Down] {
                    let done = Mutex::new(vec![]);
                    scheduler
                        .run(n_tasks, grain, order, |_, tasks| {
                            assert!(!tasks.is_empty() && tasks.len() <= grain);
                            match order {
                                Order::Up => lock(&done).extend(tasks),
                                Order::Down => lock(&done).extend(tasks.rev()),
                            }
                            Ok::<_, ()>(())
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
        for scheduler in [1, 2, 4].map(scheduler) {
            let n = scheduler.taken.len();
            for n_tasks in [0, 1, 2, 5, 100] {
                for middle in 0..=n {
                    let (left, right) = (scheduler.share(0..middle, n_tasks), scheduler.share(middle..n, n_tasks));
                    assert_eq!((left.start, left.end, right.end), (0, right.start, n_tasks));
                }
            }
        }
    }

    #[test]
    fn a_worker_does_one_task_at_a_time() {
        let busy: Vec<_> = (0..3).map(|_| AtomicBool::new(false)).collect();
        let run = scheduler(3).run(200, 1, Order::Up, |worker, _| {
            assert!(!busy[worker].swap(true, Ordering::SeqCst));
            busy[worker].store(false, Ordering::SeqCst);
            Ok::<_, ()>(())
        });
        assert_eq!(run, Ok(()));
    }

    #[test]
    fn a_failure_is_reported_and_later_runs_go_on() {
        let fails = |_, tasks: Range<usize>| if tasks.start == 7 { Err(tasks) } else { Ok(()) };
        let mut scheduler = scheduler(2);
        assert_eq!(scheduler.run(20, 1, Order::Up, fails), Err(7..8));
        assert_eq!(scheduler.run(20, 1, Order::Up, |_, _| Ok::<_, ()>(())), Ok(()));
    }
}
