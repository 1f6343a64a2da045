//! Rows that are read before they are asked for.
//!
//! A pass over the simulations reads microbatch after microbatch upward or, the pass after it, downward; each worker has a share of
//! its own. So behind a microbatch and the one next to it that was read before, the next one is known: the neighbour on the
//! other side, in the cut that was seen when it was read last.

use std::collections::{BTreeMap, VecDeque};
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use imnn_sim::Real;

use super::options::Prefetch;
use super::reader::Reader;
use crate::{DataError, Microbatch};

/// Threads that read in advance; they end when this is dropped.
pub(super) struct Ahead<E: Real> {
    shared: Arc<Shared<E>>,
    threads: Vec<JoinHandle<()>>,
}

struct Shared<E: Real> {
    reader: Arc<Reader<E>>,
    /// Also where reading is fast.
    always: bool,
    /// The most bytes of all jobs and spare microbatches.
    budget: usize,
    state: Mutex<State<E>>,
    /// There is something to do, or nothing ever again.
    work: Condvar,
    /// Something was read.
    done: Condvar,
}

struct State<E> {
    closed: bool,
    /// Counts the reads.
    clock: u64,
    /// Where microbatches were cut: start and end of each, with whether it has derivatives.
    cuts: BTreeMap<usize, (usize, bool)>,
    /// What was read last, the latest first.
    recent: VecDeque<Range<usize>>,
    jobs: Vec<Job<E>>,
    /// Microbatches whose memory is used again.
    spare: Vec<Microbatch<E>>,
    /// How long reading a byte takes, in nanoseconds, averaged over the last reads.
    pace: f64,
}

struct Job<E> {
    rows: Range<usize>,
    with_derivatives: bool,
    bytes: usize,
    /// The clock when it was queued.
    since: u64,
    stage: Stage<E>,
}

enum Stage<E> {
    Queued,
    Reading,
    Read(Microbatch<E>, Result<(), DataError>),
}

/// How many of the last reads are searched for the one next to a microbatch: more than there are workers.
const RECENT: usize = 256;

/// Nanoseconds for a byte above which reading in advance pays: half a GB/s, where a copy in memory does several.
const SLOW: f64 = 2.0;

/// Threads that read; files on a network answer several questions at once.
const THREADS: usize = 2;

impl<E: Real> Ahead<E> {
    /// Starts the threads; none where nothing is to be read in advance or the system has no more of them.
    pub(super) fn new(reader: Arc<Reader<E>>, prefetch: Prefetch, budget: usize) -> Option<Self> {
        if prefetch == Prefetch::Never || budget == 0 {
            return None;
        }
        let state = State {
            closed: false,
            clock: 0,
            cuts: BTreeMap::new(),
            recent: VecDeque::with_capacity(RECENT),
            jobs: vec![],
            spare: vec![],
            pace: 0.0,
        };
        let shared = Arc::new(Shared {
            reader,
            always: prefetch == Prefetch::Always,
            budget,
            state: Mutex::new(state),
            work: Condvar::new(),
            done: Condvar::new(),
        });
        let spawn = |k| {
            let shared = shared.clone();
            std::thread::Builder::new().name(format!("imnn-read-{k}")).spawn(move || shared.work())
        };
        let threads: Vec<_> = (0..THREADS).map_while(|k| spawn(k).ok()).collect();
        (!threads.is_empty()).then_some(Self { shared, threads })
    }

    /// Reads rows, from what was read in advance where it was, and has the next ones read.
    pub(super) fn read(&self, rows: Range<usize>, with: bool, batch: &mut Microbatch<E>) -> Result<(), DataError> {
        let shared = &*self.shared;
        let mut state = shared.lock();
        let read = loop {
            match state.take(&rows) {
                Some(Stage::Read(read, result)) => break Some((read, result)),
                // Whoever asks for rows that no thread has begun is as fast.
                Some(Stage::Queued) | None => break None,
                Some(Stage::Reading) => state = shared.done.wait(state).unwrap_or_else(PoisonError::into_inner),
            }
        };
        let hit = read.map(|(read, result)| {
            let before = std::mem::replace(batch, read);
            if before.values.capacity() > 0 {
                state.spare.push(before);
            }
            result
        });
        let next = state.next(&rows, with);
        if let Some((next, with)) = next
            && (shared.always || state.pace > SLOW)
            && !shared.reader.keeps(&next)
        {
            let bytes = shared.reader.batch_bytes(next.len(), with);
            if state.queue(next, with, bytes, shared.budget) {
                shared.work.notify_one();
            }
        }
        state.limit_spare(shared.budget);
        drop(state);
        match hit {
            Some(result) => result,
            None => {
                let start = Instant::now();
                let result = shared.reader.read(rows.clone(), with, batch);
                let bytes = shared.reader.batch_bytes(rows.len(), with);
                shared.lock().took(start.elapsed(), bytes);
                result
            }
        }
    }
}

impl<E: Real> Drop for Ahead<E> {
    fn drop(&mut self) {
        self.shared.lock().closed = true;
        self.shared.work.notify_all();
        for thread in self.threads.drain(..) {
            // A thread whose reading panics goes on; there is nothing in the result.
            let _ = thread.join();
        }
    }
}

impl<E: Real> Shared<E> {
    /// A reader that panicked changed nothing while it held the lock.
    fn lock(&self) -> MutexGuard<'_, State<E>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What a thread does.
    fn work(&self) {
        let mut state = self.lock();
        while !state.closed {
            let Some((rows, with, bytes, mut batch)) = state.begin() else {
                state = self.work.wait(state).unwrap_or_else(PoisonError::into_inner);
                continue;
            };
            drop(state);
            let start = Instant::now();
            let read = catch_unwind(AssertUnwindSafe(|| self.reader.read(rows.clone(), with, &mut batch)));
            let took = start.elapsed();
            state = self.lock();
            // Where reading panicked the job is taken back, and the panic is met by whoever reads the rows.
            state.finish(&rows, read.ok().map(|result| (batch, result)));
            state.took(took, bytes);
            self.done.notify_all();
        }
    }
}

impl<E: Real> State<E> {
    /// What was read in advance of these very rows; that they are being read is left to be asked again.
    fn take(&mut self, rows: &Range<usize>) -> Option<Stage<E>> {
        let k = self.jobs.iter().position(|job| job.rows == *rows)?;
        match self.jobs[k].stage {
            Stage::Reading => Some(Stage::Reading),
            _ => Some(self.jobs.swap_remove(k).stage),
        }
    }

    /// Notes that rows are read and says which come next, where that can be told.
    fn next(&mut self, rows: &Range<usize>, with_derivatives: bool) -> Option<(Range<usize>, bool)> {
        self.clock += 1;
        self.cut(rows, with_derivatives);
        let mut turned = false;
        let mut upward = None;
        for other in &self.recent {
            if other == rows {
                // Read twice: where a pass ends, the one after it goes back.
                turned = true;
            } else if other.end == rows.start || other.start == rows.end {
                upward = Some((other.end == rows.start) != turned);
                break;
            }
        }
        if self.recent.len() == RECENT {
            self.recent.pop_back();
        }
        self.recent.push_front(rows.clone());
        let (start, (end, with)) =
            if upward? { self.cuts.range(rows.end..).next() } else { self.cuts.range(..rows.start).next_back() }
                .map(|(start, cut)| (*start, *cut))?;
        (start == rows.end || end == rows.start).then_some((start..end, with))
    }

    /// Remembers where microbatches are cut, in place of any cut through them.
    fn cut(&mut self, rows: &Range<usize>, with_derivatives: bool) {
        if rows.is_empty() || self.cuts.get(&rows.start) == Some(&(rows.end, with_derivatives)) {
            return;
        }
        let before = self.cuts.range(..rows.start).next_back();
        let before = before.filter(|(_, (end, _))| *end > rows.start).map(|(start, _)| *start);
        let within: Vec<usize> = self.cuts.range(rows.clone()).map(|(start, _)| *start).chain(before).collect();
        for start in within {
            self.cuts.remove(&start);
        }
        self.cuts.insert(rows.start, (rows.end, with_derivatives));
    }

    /// Has rows read, where there is room for them.
    fn queue(&mut self, rows: Range<usize>, with_derivatives: bool, bytes: usize, budget: usize) -> bool {
        if self.jobs.iter().any(|job| job.rows == rows) {
            return false;
        }
        while self.jobs.iter().map(|job| job.bytes).sum::<usize>() + bytes > budget {
            // What has waited for several times as many reads as there are jobs is wanted by nobody soon.
            let patience = 8 * (1 + self.jobs.len() as u64);
            let idle = |job: &Job<E>| !matches!(job.stage, Stage::Reading) && self.clock - job.since > patience;
            let Some(k) = self.jobs.iter().position(idle) else { return false };
            if let Stage::Read(batch, _) = self.jobs.swap_remove(k).stage {
                self.spare.push(batch);
            }
        }
        self.jobs.push(Job { rows, with_derivatives, bytes, since: self.clock, stage: Stage::Queued });
        true
    }

    /// The next rows to read, with a microbatch to read them into.
    fn begin(&mut self) -> Option<(Range<usize>, bool, usize, Microbatch<E>)> {
        let queued = self.jobs.iter_mut().filter(|job| matches!(job.stage, Stage::Queued));
        let job = queued.min_by_key(|job| job.since)?;
        job.stage = Stage::Reading;
        Some((job.rows.clone(), job.with_derivatives, job.bytes, self.spare.pop().unwrap_or_default()))
    }

    fn finish(&mut self, rows: &Range<usize>, read: Option<(Microbatch<E>, Result<(), DataError>)>) {
        let Some(k) = self.jobs.iter().position(|job| job.rows == *rows) else { return };
        match read {
            Some((batch, result)) => self.jobs[k].stage = Stage::Read(batch, result),
            None => drop(self.jobs.swap_remove(k)),
        }
    }

    fn took(&mut self, time: Duration, bytes: usize) {
        if bytes > 0 {
            self.pace += (time.as_nanos() as f64 / bytes as f64 - self.pace) / 16.0;
        }
    }

    /// Lets go of microbatches that exceed the budget together with the jobs.
    fn limit_spare(&mut self, budget: usize) {
        let size = |batch: &Microbatch<E>| (batch.values.capacity() + batch.derivatives.capacity()) * size_of::<E>();
        let jobs: usize = self.jobs.iter().filter(|job| !matches!(job.stage, Stage::Queued)).map(|job| job.bytes).sum();
        while jobs + self.spare.iter().map(size).sum::<usize>() > budget && self.spare.pop().is_some() {}
    }
}
