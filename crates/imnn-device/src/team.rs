//! Threads that wait close by, for regions of work a few of which make an iteration.
//!
//! An iteration of a small network takes a millisecond and asks for its threads three times. A pool that sleeps in between
//! and is called from outside loses a tenth of that to waking up; so here the thread that asks takes part, and the others
//! look out for the next region for a while before they go to sleep.

use crate::crew::lock;
use crate::error::{DeviceError, Result};
use std::any::Any;
use std::hint::spin_loop;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::ptr::null_mut;
use std::sync::atomic::{AtomicBool, AtomicPtr, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle, Thread};

/// How often a thread looks before it lets others run, and how often it does that before it sleeps: some 50 us each, more
/// than passes in an iteration between two regions.
const LOOKS: usize = 2000;
const YIELDS: usize = 200;

/// The thread that asks, and others that help.
pub(crate) struct Team {
    helpers: Vec<Helper>,
    /// One region at a time.
    gate: Mutex<()>,
}

struct Helper {
    post: Arc<Post>,
    thread: Option<JoinHandle<()>>,
}

/// Where a helper finds its next region.
#[derive(Default)]
#[repr(align(128))]
struct Post {
    /// Null, or a region. Whoever takes it out of here, by a swap, has it: the helper to work on it, or the thread that
    /// posted it to take it back.
    region: AtomicPtr<Region>,
    asleep: AtomicBool,
    end: AtomicBool,
}

/// Work for all, on the stack of the thread that asks.
struct Region {
    work: &'static (dyn Fn(usize) + Sync),
    /// Helpers that have it or may still take it.
    out: AtomicUsize,
    asks: Thread,
    panic: Mutex<Option<Box<dyn Any + Send>>>,
}

impl Team {
    /// A team of this many threads, that of the caller included.
    pub(crate) fn new(threads: usize) -> Result<Self> {
        let helper = |k: usize| {
            let post = Arc::<Post>::default();
            let own = post.clone();
            let started = thread::Builder::new().name(format!("imnn-{k}")).spawn(move || help(&own, k));
            match started {
                Ok(thread) => Ok(Helper { post, thread: Some(thread) }),
                Err(error) => Err(DeviceError::Threads { threads, message: error.to_string() }),
            }
        };
        Ok(Team { helpers: (1..threads).map(helper).collect::<Result<_>>()?, gate: Mutex::default() })
    }

    /// The number of threads.
    pub(crate) fn len(&self) -> usize {
        1 + self.helpers.len()
    }

    /// `work(0)`, ..., `work(n - 1)`: the first by the calling thread, each other by a helper, or by the calling thread if
    /// the helper has not come before that is done. A panic of any of them is passed on when all have ended.
    #[allow(unsafe_code)]
    pub(crate) fn each(&self, n: usize, work: &(impl Fn(usize) + Sync)) {
        if n <= 1 {
            return (0..n).for_each(work);
        }
        let _gate = lock(&self.gate);
        let work: &(dyn Fn(usize) + Sync) = work;
        // SAFETY: only the lifetime changes. `work` is called through `region` alone, and this function neither returns nor
        // unwinds before `out` is 0, that is before every helper that took the region has let go of it and every post
        // where it lay is empty again; so nobody calls `work` after this borrow has ended.
        let work = unsafe { std::mem::transmute::<&(dyn Fn(usize) + Sync), &'static (dyn Fn(usize) + Sync)>(work) };
        let helpers = &self.helpers[..n - 1];
        let region = Region { work, out: AtomicUsize::new(n - 1), asks: thread::current(), panic: Mutex::default() };
        let address = (&raw const region).cast_mut();
        for helper in helpers {
            helper.post.region.store(address, Ordering::SeqCst);
            helper.wake();
        }
        let mut panic = catch_unwind(AssertUnwindSafe(|| work(0))).err();
        for (k, helper) in (1..).zip(helpers) {
            if helper.post.region.swap(null_mut(), Ordering::SeqCst) == address {
                region.out.fetch_sub(1, Ordering::SeqCst);
                // Nothing may leave this function while others work: not a panic either.
                panic = catch_unwind(AssertUnwindSafe(|| work(k))).err().or(panic);
            }
        }
        until(|| region.out.load(Ordering::SeqCst) == 0, thread::park);
        if let Some(panic) = panic.or(lock(&region.panic).take()) {
            resume_unwind(panic);
        }
    }
}

impl Helper {
    fn wake(&self) {
        if let (true, Some(thread)) = (self.post.asleep.load(Ordering::SeqCst), &self.thread) {
            thread.thread().unpark();
        }
    }
}

impl Drop for Team {
    fn drop(&mut self) {
        for helper in &mut self.helpers {
            helper.post.end.store(true, Ordering::SeqCst);
            helper.wake();
            // A helper catches what its work throws, so it ends well.
            let _ = helper.thread.take().map(JoinHandle::join);
        }
    }
}

/// What helper `k` does until the end.
#[allow(unsafe_code)]
fn help(post: &Post, k: usize) {
    let mut region = null_mut::<Region>();
    loop {
        let news = || {
            // Looking does not disturb the thread that posts; taking would.
            if !post.region.load(Ordering::SeqCst).is_null() {
                region = post.region.swap(null_mut(), Ordering::SeqCst);
            }
            !region.is_null() || post.end.load(Ordering::SeqCst)
        };
        let sleep = || {
            post.asleep.store(true, Ordering::SeqCst);
            // What was posted before this thread could be seen asleep must not be missed.
            if post.region.load(Ordering::SeqCst).is_null() && !post.end.load(Ordering::SeqCst) {
                thread::park();
            }
            post.asleep.store(false, Ordering::SeqCst);
        };
        until(news, sleep);
        if region.is_null() {
            return;
        }
        // SAFETY: the region came out of the post by the swap above, so `Team::each`, which has put a living region there,
        // waits until `out` is counted down below; this reference is not used after that.
        let taken = unsafe { &*region };
        if let Err(panic) = catch_unwind(AssertUnwindSafe(|| (taken.work)(k))) {
            *lock(&taken.panic) = Some(panic);
        }
        let asks = taken.asks.clone();
        region = null_mut();
        if taken.out.fetch_sub(1, Ordering::SeqCst) == 1 {
            asks.unpark();
        }
    }
}

/// Waits until `done`: looks out for a while, then lets others run for a while, then sleeps.
fn until(mut done: impl FnMut() -> bool, sleep: impl Fn()) {
    for _ in 0..LOOKS {
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

    #[test]
    fn every_number_is_worked_on_once_in_many_regions() {
        for threads in [1, 2, 5] {
            let team = Team::new(threads).unwrap();
            for region in 0..3000 {
                let n = region % (threads + 1);
                let calls: Vec<_> = (0..threads).map(|_| AtomicUsize::new(0)).collect();
                team.each(n, &|k| {
                    calls[k].fetch_add(1, Ordering::Relaxed);
                });
                let calls: Vec<_> = calls.into_iter().map(AtomicUsize::into_inner).collect();
                assert_eq!(calls, (0..threads).map(|k| usize::from(k < n)).collect::<Vec<_>>(), "region {region}");
            }
        }
    }

    #[test]
    fn helpers_that_have_gone_to_sleep_are_woken() {
        let team = Team::new(3).unwrap();
        for _ in 0..5 {
            while !team.helpers.iter().all(|helper| helper.post.asleep.load(Ordering::SeqCst)) {
                thread::sleep(Duration::from_millis(1));
            }
            // All three meet, so none did the work of another.
            let barrier = std::sync::Barrier::new(3);
            team.each(3, &|_| {
                barrier.wait();
            });
        }
    }

    #[test]
    fn a_panic_is_passed_on_when_all_have_ended_and_the_team_goes_on() {
        let team = Team::new(4).unwrap();
        for bad in 0..4 {
            let ended = AtomicUsize::new(0);
            let region = catch_unwind(AssertUnwindSafe(|| {
                team.each(4, &|k| {
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
    fn several_threads_may_ask() {
        let (team, sum) = (Team::new(2).unwrap(), AtomicUsize::new(0));
        thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..500 {
                        team.each(2, &|k| {
                            sum.fetch_add(k + 1, Ordering::Relaxed);
                        });
                    }
                });
            }
        });
        assert_eq!(sum.into_inner(), 4 * 500 * 3);
    }
}
