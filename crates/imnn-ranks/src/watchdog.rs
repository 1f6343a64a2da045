//! An end to waiting for ranks that are gone.
//!
//! A rank whose machine was cut off the network is missed by nobody: the others wait for it for ever, at full load, and
//! with both Open MPI and MPICH the signal that is to end them does not. So a thread of our own counts how long a
//! call takes, and ends the process.

use std::io::Write as _;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, mpsc};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use rustix::process::{Signal, getpid, kill_process};

use crate::error::RanksError;
use crate::place::host;
use crate::ranks::Ranks;

/// How long a call may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Timeout {
    /// As long as it takes.
    Never,
    /// This long, and ten times the longest call so far: where all are slow, nobody is gone.
    After(Duration),
}

/// Ten minutes.
impl Default for Timeout {
    fn default() -> Self {
        Timeout::After(Duration::from_secs(600))
    }
}

/// A duration of zero is [`Timeout::Never`].
impl From<Duration> for Timeout {
    fn from(duration: Duration) -> Self {
        if duration.is_zero() { Timeout::Never } else { Timeout::After(duration) }
    }
}

/// A thread that ends the process where a call takes longer than it may.
///
/// It says on standard error who waits, for how long and in what, and ends the process by SIGKILL: an orderly exit would
/// run what MPI has left to be run, which waits for the others too. What the process was stopped for, by a batch
/// system or a laptop's lid, does not count.
pub struct Watchdog {
    watched: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

struct Shared {
    who: String,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    /// What the call is for that is being waited for.
    waiting: Option<Arc<str>>,
    /// Which call it is: tells one from the next.
    calls: u64,
    end: bool,
}

impl Watchdog {
    /// Watches over calls of `who`, such as "rank 0 of 8 on node1".
    ///
    /// # Errors
    ///
    /// [`RanksError::Thread`] if the system refuses the thread.
    pub fn new(who: impl Into<String>, timeout: Timeout) -> Result<Watchdog, RanksError> {
        let watched = Arc::new(Shared { who: who.into(), state: Mutex::default(), changed: Condvar::new() });
        let thread = match timeout {
            Timeout::Never => None,
            Timeout::After(limit) => {
                let watched = watched.clone();
                let thread = thread::Builder::new().name("imnn-watchdog".into());
                Some(thread.spawn(move || watched.watch(limit)).map_err(RanksError::Thread)?)
            }
        };
        Ok(Watchdog { watched, thread })
    }

    /// Makes a call that waits for other ranks; `what` it is for goes into the message.
    pub fn watch<T>(&self, what: &Arc<str>, call: impl FnOnce() -> T) -> T {
        let _waiting = self.begin(what);
        call()
    }

    fn begin(&self, what: &Arc<str>) -> Waiting<'_> {
        let mut state = self.watched.lock();
        state.waiting = Some(what.clone());
        state.calls += 1;
        Waiting { watched: &self.watched }
    }
}

/// A call, until it is over or has panicked.
struct Waiting<'a> {
    watched: &'a Shared,
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.watched.lock().waiting = None;
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Looks now and then, so that a call costs no more than the two locks above.
    fn watch(&self, limit: Duration) {
        let look = (limit / 8).clamp(Duration::from_millis(1), Duration::from_secs(1));
        let (mut call, mut waited, mut longest) = (0, Duration::ZERO, Duration::ZERO);
        let mut state = self.lock();
        while !state.end {
            let before = Instant::now();
            (state, _) = self.changed.wait_timeout(state, look).unwrap_or_else(PoisonError::into_inner);
            if state.calls != call || state.waiting.is_none() {
                longest = longest.max(waited);
                (call, waited) = (state.calls, Duration::ZERO);
                // It may have begun just now: only what it lasts from here on is known.
                continue;
            }
            let Some(what) = &state.waiting else { continue };
            // No more than twice what this sleep should take: the rest of it the whole process was stopped.
            waited += before.elapsed().min(2 * look);
            if waited > limit.saturating_add(longest.saturating_mul(10)) {
                end(&format!(
                    "{} waits since {} in {what}; the log of the rank that is missing says why, or its node is gone",
                    self.who,
                    shown(waited)
                ));
            }
        }
    }
}

impl Drop for Watchdog {
    fn drop(&mut self) {
        self.watched.lock().end = true;
        self.watched.changed.notify_all();
        if let Some(thread) = self.thread.take() {
            // It does not panic, and if it did there would be nobody left to tell.
            let _ = thread.join();
        }
    }
}

/// Says why, and ends the process hard.
fn end(why: &str) -> ! {
    // Whoever reads standard error may be gone as well, or another thread hold it: no waiting for that.
    let line = format!("{why}\n");
    let (done, written) = mpsc::channel();
    let writer = thread::Builder::new().spawn(move || {
        // There is nobody to tell that nobody could be told.
        let _ = std::io::stderr().write_all(line.as_bytes());
        let _ = done.send(());
    });
    if writer.is_ok() {
        let _ = written.recv_timeout(Duration::from_secs(2));
    }
    // The launcher ends all others when this process is gone, with what they have to say.
    thread::sleep(HEARD);
    end_hard()
}

/// How long a launcher is given to read what was said.
pub(crate) const HEARD: Duration = Duration::from_millis(300);

/// Ends the process, without anything that is to be done at its end.
pub(crate) fn end_hard() -> ! {
    let _ = kill_process(getpid(), Signal::KILL);
    std::process::abort()
}

/// As people say it.
fn shown(duration: Duration) -> String {
    let seconds = duration.as_secs();
    match seconds {
        0 => format!("{} ms", duration.as_millis()),
        1..120 => format!("{seconds} s"),
        _ => format!("{} min", seconds / 60),
    }
}

/// Ranks that no call waits for longer than it may.
pub struct Watched<R> {
    // Dropped before the watchdog, which watches over that too.
    ranks: R,
    purpose: Mutex<Arc<str>>,
    watchdog: Watchdog,
}

impl<R: Ranks> Watched<R> {
    /// Watches over the calls of `ranks`, and over their end.
    ///
    /// # Errors
    ///
    /// [`RanksError::Thread`] if the system refuses the thread.
    pub fn new(ranks: R, timeout: Timeout) -> Result<Watched<R>, RanksError> {
        let who = format!("rank {} of {} on {}", ranks.rank(), ranks.size(), host());
        Ok(Watched { ranks, purpose: Mutex::new("a call".into()), watchdog: Watchdog::new(who, timeout)? })
    }

    /// The ranks that are watched over.
    pub fn get(&self) -> &R {
        &self.ranks
    }
}

impl<R> Watched<R> {
    fn watch<T>(&self, call: impl FnOnce(&R) -> T) -> T {
        let what = self.purpose.lock().unwrap_or_else(PoisonError::into_inner).clone();
        self.watchdog.watch(&what, || call(&self.ranks))
    }
}

impl<R: Ranks> Ranks for Watched<R> {
    fn rank(&self) -> usize {
        self.ranks.rank()
    }

    fn size(&self) -> usize {
        self.ranks.size()
    }

    fn gather(&self, own: &[u8], all: &mut [u8], lens: &[usize]) -> Result<(), RanksError> {
        self.watch(|ranks| ranks.gather(own, all, lens))
    }

    fn exchange(&self, send: &[u8], send_lens: &[usize], all: &mut [u8], lens: &[usize]) -> Result<(), RanksError> {
        self.watch(|ranks| ranks.exchange(send, send_lens, all, lens))
    }

    fn broadcast(&self, bytes: &mut [u8]) -> Result<(), RanksError> {
        self.watch(|ranks| ranks.broadcast(bytes))
    }

    fn purpose(&self, what: &str) {
        *self.purpose.lock().unwrap_or_else(PoisonError::into_inner) = what.into();
        self.ranks.purpose(what);
    }
}

impl<R> Drop for Watched<R> {
    fn drop(&mut self) {
        // Until the watchdog is dropped, and so over the drop of the ranks.
        std::mem::forget(self.watchdog.begin(&"the end of all ranks".into()));
    }
}
