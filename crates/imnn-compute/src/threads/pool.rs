//! A fork-join pool whose threads spin briefly between parallel regions.
//!
//! A training iteration of a small network takes a millisecond and forks three times. A pool that sleeps in between and is
//! called from outside loses a tenth of that to waking up; so here the calling thread takes part, and the others spin for a
//! while before they sleep.

use super::{Workers, lock};
use std::any::Any;
use std::hint::spin_loop;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::ptr::null_mut;
use std::sync::atomic::{AtomicBool, AtomicPtr, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle, Thread};

/// How often a thread checks for work before it yields, and how often it yields before it sleeps: some 50 us each, more
/// than passes between two regions of an iteration. An interpreter (`cargo xtask miri`) takes a thousand times as long.
const SPINS: usize = if cfg!(miri) { 4 } else { 2000 };
const YIELDS: usize = if cfg!(miri) { 2 } else { 200 };

/// The calling thread and others that work with it.
pub struct ThreadPool {
    helpers: Vec<Helper>,
    /// One region at a time.
    busy: Mutex<()>,
}

/// A thread of the pool other than the caller's.
struct Helper {
    inbox: Arc<Inbox>,
    thread: Option<JoinHandle<()>>,
}

/// Where a helper finds its next region.
#[derive(Default)]
#[repr(align(128))]
struct Inbox {
    /// Null, or a region. Whoever takes it out, by a swap, owns it: the helper to work on it, or the caller that put it here
    /// to take it back.
    region: AtomicPtr<Region>,
    asleep: AtomicBool,
    end: AtomicBool,
}

/// Work for all, on the stack of the calling thread.
struct Region {
    work: &'static (dyn Fn(usize) + Sync),
    /// Helpers that work on it or may still take it.
    pending: AtomicUsize,
    caller: Thread,
    panic: Mutex<Option<Box<dyn Any + Send>>>,
}

impl ThreadPool {
    /// A pool of this many threads, the caller's included; the others are started here.
    ///
    /// # Errors
    /// If the system refuses to start them.
    pub fn new(threads: usize) -> io::Result<Self> {
        let helper = |k: usize| {
            let inbox = Arc::<Inbox>::default();
            let own = inbox.clone();
            let thread = thread::Builder::new().name(format!("imnn-{k}")).spawn(move || help(&own, k))?;
            Ok(Helper { inbox, thread: Some(thread) })
        };
        Ok(ThreadPool { helpers: (1..threads).map(helper).collect::<io::Result<_>>()?, busy: Mutex::default() })
    }
}

impl Workers for ThreadPool {
    fn count(&self) -> usize {
        1 + self.helpers.len()
    }

    /// Worker 0 is the calling thread, the others are threads of the pool; when the calling thread is done with its own part it
    /// takes over the parts that no thread has begun.
    #[allow(unsafe_code)]
    fn each(&self, n: usize, work: &(dyn Fn(usize) + Sync)) {
        if n <= 1 {
            return (0..n).for_each(work);
        }
        let _busy = lock(&self.busy);
        // SAFETY: only the lifetime changes. `work` is called through `region` alone, and this function neither returns nor
        // unwinds before `pending` is 0, that is before every helper that took the region has let go of it and every
        // inbox where it lay is empty again; so nobody calls `work` after this borrow has ended.
        let work = unsafe { std::mem::transmute::<&(dyn Fn(usize) + Sync), &'static (dyn Fn(usize) + Sync)>(work) };
        let helpers = &self.helpers[..n - 1];
        let region =
            Region { work, pending: AtomicUsize::new(n - 1), caller: thread::current(), panic: Mutex::default() };
        let address = (&raw const region).cast_mut();
        for helper in helpers {
            helper.inbox.region.store(address, Ordering::SeqCst);
            helper.wake();
        }
        let mut panic = catch_unwind(AssertUnwindSafe(|| work(0))).err();
        for (k, helper) in (1..).zip(helpers) {
            if helper.inbox.region.swap(null_mut(), Ordering::SeqCst) == address {
                region.pending.fetch_sub(1, Ordering::SeqCst);
                // Nothing may leave this function while others work: not a panic either.
                panic = catch_unwind(AssertUnwindSafe(|| work(k))).err().or(panic);
            }
        }
        until(|| region.pending.load(Ordering::SeqCst) == 0, thread::park);
        if let Some(panic) = panic.or(lock(&region.panic).take()) {
            resume_unwind(panic);
        }
    }
}

impl Helper {
    fn wake(&self) {
        if let (true, Some(thread)) = (self.inbox.asleep.load(Ordering::SeqCst), &self.thread) {
            thread.thread().unpark();
        }
    }
}

impl Drop for ThreadPool {
    fn drop(&mut self) {
        for helper in &mut self.helpers {
            helper.inbox.end.store(true, Ordering::SeqCst);
            helper.wake();
            // A helper catches what its work throws, so it ends well.
            let _ = helper.thread.take().map(JoinHandle::join);
        }
    }
}

/// The loop of helper `k`.
#[allow(unsafe_code)]
fn help(inbox: &Inbox, k: usize) {
    let mut region = null_mut::<Region>();
    loop {
        let has_news = || {
            // Loading does not disturb the thread that stores; a swap would.
            if !inbox.region.load(Ordering::SeqCst).is_null() {
                region = inbox.region.swap(null_mut(), Ordering::SeqCst);
            }
            !region.is_null() || inbox.end.load(Ordering::SeqCst)
        };
        let sleep = || {
            inbox.asleep.store(true, Ordering::SeqCst);
            // A region that came before this thread could be seen asleep must not be missed.
            if inbox.region.load(Ordering::SeqCst).is_null() && !inbox.end.load(Ordering::SeqCst) {
                thread::park();
            }
            inbox.asleep.store(false, Ordering::SeqCst);
        };
        until(has_news, sleep);
        if region.is_null() {
            return;
        }
        // SAFETY: the region came out of the inbox by the swap above, so `ThreadPool::each`, which has put a living region
        // there, waits until `pending` is counted down below; this reference is not used after that.
        let taken = unsafe { &*region };
        if let Err(panic) = catch_unwind(AssertUnwindSafe(|| (taken.work)(k))) {
            *lock(&taken.panic) = Some(panic);
        }
        let caller = taken.caller.clone();
        region = null_mut();
        if taken.pending.fetch_sub(1, Ordering::SeqCst) == 1 {
            caller.unpark();
        }
    }
}

/// Waits until `done`: spins for a while, then yields for a while, then sleeps.
fn until(mut done: impl FnMut() -> bool, sleep: impl Fn()) {
    for _ in 0..SPINS {
        if done() {
            return;
        }
        spin_loop();
    }
    for _ in 0..YIELDS {
        if done() {
            return;
        }
        thread::yield_now();
    }
    while !done() {
        sleep();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    /// So many, or a hundredth of them where each is interpreted.
    const fn many(n: usize) -> usize {
        if cfg!(miri) { n / 100 } else { n }
    }

    #[test]
    fn every_number_is_worked_on_once_in_many_regions() {
        for threads in [1, 2, 5] {
            let pool = ThreadPool::new(threads).unwrap();
            for region in 0..many(3000) {
                let n = region % (threads + 1);
                let calls: Vec<_> = (0..threads).map(|_| AtomicUsize::new(0)).collect();
                pool.each(n, &|k| {
                    calls[k].fetch_add(1, Ordering::Relaxed);
                });
                let calls: Vec<_> = calls.into_iter().map(AtomicUsize::into_inner).collect();
                assert_eq!(calls, (0..threads).map(|k| usize::from(k < n)).collect::<Vec<_>>(), "region {region}");
            }
        }
    }

    #[test]
    fn helpers_that_have_gone_to_sleep_are_woken() {
        let pool = ThreadPool::new(3).unwrap();
        for _ in 0..5 {
            while !pool.helpers.iter().all(|helper| helper.inbox.asleep.load(Ordering::SeqCst)) {
                thread::sleep(Duration::from_millis(1));
            }
            // All three meet, so none did the work of another.
            let barrier = std::sync::Barrier::new(3);
            pool.each(3, &|_| {
                barrier.wait();
            });
        }
    }

    #[test]
    fn a_panic_is_passed_on_when_all_have_ended_and_the_pool_goes_on() {
        let pool = ThreadPool::new(4).unwrap();
        for bad in 0..4 {
            let ended = AtomicUsize::new(0);
            let region = catch_unwind(AssertUnwindSafe(|| {
                pool.each(4, &|k| {
                    if k == bad {
                        resume_unwind(Box::new(k));
                    }
                    thread::sleep(Duration::from_millis(2));
                    ended.fetch_add(1, Ordering::SeqCst);
                });
            }));
            assert_eq!(region.unwrap_err().downcast_ref(), Some(&bad));
            assert_eq!(ended.load(Ordering::SeqCst), 3);
        }
    }

    #[test]
    fn several_threads_may_call() {
        let (pool, sum) = (ThreadPool::new(2).unwrap(), AtomicUsize::new(0));
        thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..many(500) {
                        pool.each(2, &|k| {
                            sum.fetch_add(k + 1, Ordering::Relaxed);
                        });
                    }
                });
            }
        });
        assert_eq!(sum.into_inner(), 4 * many(500) * 3);
    }
}
