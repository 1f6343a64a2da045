//! Worker threads.

use crate::crew::lock;
use crate::error::{DeviceError, Result};
use crate::team::Team;
use rayon::{ThreadPool, ThreadPoolBuilder};
use std::sync::{Arc, Mutex};

/// A number of threads, and how they are woken.
pub(crate) enum Workers {
    /// The thread that asks, and others beside it. Nobody waits for a thread that is slow to wake.
    Together(Team),
    /// Pools of one thread each. In one pool of many, the matrix products inside a leaf would split themselves over all of
    /// them (dfdx asks rayon how many threads there are); in a pool of one, a leaf runs on its own thread from beginning to
    /// end.
    Apart(Vec<ThreadPool>),
}

/// The threads of a device, together and apart, started when a session needs them, for all its sessions.
#[derive(Default)]
pub(crate) struct Pools([Mutex<Option<Arc<Workers>>>; 2]);

impl Pools {
    /// Workers, started if this is the first session that needs such; always asked for as many.
    pub(crate) fn get(&self, threads: usize, apart: bool) -> Result<Arc<Workers>> {
        let mut slot = lock(&self.0[usize::from(apart)]);
        if let Some(workers) = &*slot {
            return Ok(workers.clone());
        }
        let workers = if apart { Workers::apart(threads) } else { Workers::together(threads) }?;
        Ok(slot.insert(Arc::new(workers)).clone())
    }
}

impl Workers {
    /// This many threads for programs that leave rayon alone.
    pub(crate) fn together(threads: usize) -> Result<Self> {
        Team::new(threads).map(Workers::Together)
    }

    /// This many threads of which each sees itself alone.
    pub(crate) fn apart(threads: usize) -> Result<Self> {
        (0..threads).map(|k| pool(1, format!("imnn-dfdx-{k}"))).collect::<Result<_>>().map(Workers::Apart)
    }

    pub(crate) fn len(&self) -> usize {
        match self {
            Workers::Together(team) => team.len(),
            Workers::Apart(pools) => pools.len(),
        }
    }

    /// `work(0)`, ..., `work(n - 1)`, at once as far as there are threads, for `n` up to the number of workers.
    pub(crate) fn each(&self, n: usize, work: &(impl Fn(usize) + Sync)) {
        match self {
            Workers::Together(team) => team.each(n, work),
            Workers::Apart(pools) => one_by_one(&pools[..n], 0, work),
        }
    }
}

fn pool(threads: usize, name: String) -> Result<ThreadPool> {
    ThreadPoolBuilder::new()
        .num_threads(threads)
        .thread_name(move |k| format!("{name}-{k}"))
        .build()
        .map_err(|error| DeviceError::Threads { threads, message: error.to_string() })
}

fn one_by_one(pools: &[ThreadPool], worker: usize, work: &(impl Fn(usize) + Sync)) {
    match pools {
        [] => {}
        [last] => last.install(|| work(worker)),
        [first, others @ ..] => first.in_place_scope(|scope| {
            scope.spawn(|_| work(worker));
            one_by_one(others, worker + 1, work);
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Mutex;

    /// The workers that were called, and the number of threads that each saw.
    fn seen(workers: &Workers, n: usize) -> Vec<(usize, usize)> {
        let seen = Mutex::new(vec![]);
        let work = |worker| seen.lock().unwrap().push((worker, rayon::current_num_threads()));
        workers.each(n, &work);
        let mut seen = seen.into_inner().unwrap();
        seen.sort_unstable();
        seen
    }

    #[test]
    fn every_worker_is_called_once() {
        for threads in [1, 2, 3] {
            for workers in [Workers::together(threads).unwrap(), Workers::apart(threads).unwrap()] {
                assert_eq!(workers.len(), threads);
                for n in 0..=threads {
                    let called: Vec<_> = seen(&workers, n).into_iter().map(|(worker, _)| worker).collect();
                    assert_eq!(called, (0..n).collect::<Vec<_>>());
                }
            }
        }
    }

    #[test]
    fn workers_apart_see_one_thread() {
        assert_eq!(seen(&Workers::apart(3).unwrap(), 3), [(0, 1), (1, 1), (2, 1)]);
    }
}
