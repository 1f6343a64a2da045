//! Threads that share the work of one process.
//!
//! A [`ThreadPool`] runs one function on all its threads; a [`Scheduler`] shares numbered tasks among the [`Workers`] of a
//! pool, always the same tasks to the same worker as far as they keep up with each other.

mod pool;
mod scheduler;

pub use pool::ThreadPool;
pub use scheduler::{Order, Scheduler, share};

use std::sync::{Mutex, MutexGuard, PoisonError};

/// Threads that can run one function at once.
pub trait Workers: Send + Sync {
    /// The number of workers.
    fn count(&self) -> usize;

    /// `work(0)`, ..., `work(n - 1)`, at once, for `n` up to the number of workers. Returns when all have ended, and passes
    /// on a panic of any of them.
    fn each(&self, n: usize, work: &(dyn Fn(usize) + Sync));
}

/// Locks a mutex that others may have poisoned: a task that panics ends its region anyway.
pub fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// As [`lock`], through a mutable reference.
pub fn get_mut<T>(mutex: &mut Mutex<T>) -> &mut T {
    mutex.get_mut().unwrap_or_else(PoisonError::into_inner)
}
