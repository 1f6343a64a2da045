//! Runs the programs of a set, several at a time.

mod again;
mod attempt;
mod first;
mod packing;
mod there;

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use self::first::First;
use imnn_io::FileError;

use crate::check::{Layout, check};
use crate::claims::{self, Claims};
use crate::data_set::{DataSet, Mark, Status};
use crate::deadline::Deadline;
use crate::design::{FIDUCIAL, Vector};
use crate::failure::Failure;
use crate::session::{self, Session};
use crate::{Event, JobsError, RunOptions};

#[derive(Clone, Copy)]
struct Job<'a> {
    vector: &'a Vector,
    seed: u64,
    place: usize,
}

enum JobEnd {
    Done,
    Failed(Failure),
    /// Another process has done it.
    Elsewhere,
    /// Another process has claimed it.
    Claimed,
    /// It would not end in time.
    TooLate,
    /// Everything is to stop.
    Stopped,
}

impl DataSet {
    /// Makes the simulations that are not there, and returns what is there then.
    ///
    /// Each program writes into a folder of its own; what it wrote is checked, brought to the disk and renamed, so that a
    /// file under its name is complete whatever happens. When `stop` becomes true, programs that run are ended with all
    /// the processes in their groups; what they were at counts as missing.
    ///
    /// Several processes may work on one folder at once, even on the same part of it. Those that [claim](RunOptions::claim)
    /// make no simulation twice; they return when all that is left is being made by others. With a [block](RunOptions::block)
    /// the simulations of one are put together when all are there, by the process that comes to know it.
    ///
    /// # Errors
    /// A folder that cannot be read or written. That a program fails is no error: it is in [`Status::failures`], and in
    /// `failures.json`.
    pub fn run(&self, options: &RunOptions, stop: &AtomicBool, watch: Watch<'_>) -> Result<Status, JobsError> {
        let before = self.status()?;
        let jobs = self.todo(&before, options);
        watch(Event::Start { todo: jobs.len() });
        let first = First::new(before.count(Mark::Done) == 0);
        if !jobs.is_empty() || !self.left_to_pack(&before, options).is_empty() {
            let session = Session::begin(self.root())?;
            let run = Run {
                set: self,
                options,
                claims: if options.claim || options.block.is_some() {
                    Some(Claims::new(self.root(), &session)?)
                } else {
                    None
                },
                has_blocks: options.block.is_some() || before.has_blocks(),
                session: &session,
                deadline: Deadline::new(options.until),
                expected: Mutex::new(before.expected.clone()),
                stop,
                broken: AtomicBool::new(false),
                late: AtomicBool::new(false),
                first: &first,
            };
            run.pack_all(&before)?;
            run.all(jobs, watch)?;
            if options.block.is_some() {
                run.pack_all(&self.status()?)?;
            }
        }
        let mut after = self.status()?;
        after.unpacked = self.left_to_pack(&after, options).len();
        after.no_more = first.reason();
        self.write_failures(&after.failures)?;
        let all: usize = after.vectors.iter().map(|vector| vector.marks.len()).sum();
        if after.count(Mark::Done) == all && after.unpacked == 0 {
            session::remove_all(self.root());
            claims::remove_all(self.root());
        } else if !options.claim {
            claims::remove_empty(self.root());
        }
        Ok(after)
    }

    /// What is to be done, seed by seed, so that there are complete ones early; or block by block. A few at the fiducial come
    /// first, of several seeds: where all of them fail, it is not for what a seed or a parameter is.
    fn todo(&self, status: &Status, options: &RunOptions) -> Vec<Job<'_>> {
        let mut jobs = vec![];
        let (n_s, together) = (self.design().n_s, options.together().get());
        for first in (0..n_s).step_by(together).filter(|&first| options.has(first)) {
            for (vector, of_vector) in self.vectors().iter().zip(&status.vectors) {
                for place in first..first.saturating_add(together).min(n_s) {
                    match of_vector.marks.get(place) {
                        Some(Mark::Missing) => {}
                        Some(Mark::Failed) if options.retry_failed => {}
                        _ => continue,
                    }
                    jobs.push(Job { vector, seed: self.seed(place), place });
                }
            }
        }
        let is_first = |job: &Job<'_>| job.vector.name == FIDUCIAL && job.place < first::FEW;
        let (mut ordered, others): (Vec<_>, Vec<_>) = jobs.into_iter().partition(is_first);
        ordered.extend(others);
        ordered
    }
}

/// All that the workers share.
struct Run<'a> {
    set: &'a DataSet,
    options: &'a RunOptions,
    session: &'a Session,
    /// Those of simulations, and of blocks that are put together.
    claims: Option<Claims<'a>>,
    /// Whether simulations may be in blocks.
    has_blocks: bool,
    deadline: Deadline,
    expected: Mutex<Option<Layout>>,
    stop: &'a AtomicBool,
    /// Whether one of them came upon an error that concerns all.
    broken: AtomicBool,
    /// Whether no more programs are started.
    late: AtomicBool,
    first: &'a First,
}

/// Whoever is told what happens.
type Watch<'a> = &'a (dyn Fn(Event<'_>) + Sync);

impl Run<'_> {
    fn all(&self, mut jobs: Vec<Job<'_>>, watch: Watch<'_>) -> Result<(), JobsError> {
        // Until all that is left is being made by others, who live.
        while !jobs.is_empty() {
            let claimed = self.pass(&jobs, watch)?;
            jobs = claimed.into_iter().filter_map(|k| jobs.get(k).copied()).collect();
            let Some(claims) = self.job_claims().filter(|_| !jobs.is_empty() && !self.stops()) else { break };
            let ends = self.late.load(Ordering::SeqCst) || self.first.reason().is_some();
            if ends || claims.take_over()? == 0 {
                break;
            }
        }
        jobs.iter().for_each(|_| watch(Event::Elsewhere));
        Ok(())
    }

    /// Does each of them, several at a time; returns which other processes have claimed.
    fn pass(&self, jobs: &[Job<'_>], watch: Watch<'_>) -> Result<Vec<usize>, JobsError> {
        let next = AtomicUsize::new(0);
        let claimed = Mutex::new(vec![]);
        let blocks = self.blocks(jobs);
        let work = || {
            loop {
                if !self.first.may_start(&|| self.stops()) {
                    break;
                }
                let k = next.fetch_add(1, Ordering::SeqCst);
                let ended = jobs.get(k).map(|job| (job, self.job(job, watch)));
                match &ended {
                    Some((_, Ok(JobEnd::Done | JobEnd::Elsewhere))) => self.first.ended(Ok(())),
                    Some((_, Ok(JobEnd::Failed(failure)))) => self.first.ended(Err(failure)),
                    _ => {}
                }
                self.first.leaves();
                let Some((job, ended)) = ended else { break };
                match ended {
                    Ok(JobEnd::Done) => {
                        self.session.count(1, 0);
                        watch(Event::Done);
                    }
                    Ok(JobEnd::Failed(failure)) => {
                        self.session.count(0, 1);
                        watch(Event::Failed(&failure));
                    }
                    Ok(JobEnd::Elsewhere) => watch(Event::Elsewhere),
                    Ok(JobEnd::Claimed) => claimed.lock().unwrap_or_else(PoisonError::into_inner).push(k),
                    Ok(JobEnd::TooLate) => {
                        if !self.late.swap(true, Ordering::SeqCst) {
                            watch(Event::TooLate);
                        }
                        break;
                    }
                    Ok(JobEnd::Stopped) => break,
                    Err(error) => return Err(self.breaks(error)),
                }
                self.ended(job, &blocks).map_err(|error| self.breaks(error))?;
            }
            Ok(())
        };
        std::thread::scope(|scope| {
            let mut workers = vec![];
            for _ in 0..self.options.jobs.clamp(1, jobs.len()) {
                match std::thread::Builder::new().spawn_scoped(scope, work) {
                    Ok(worker) => workers.push(worker),
                    // As many as the system allows will do.
                    Err(_) if !workers.is_empty() => break,
                    Err(error) => return Err(FileError::of("start a thread for", self.set.root())(error).into()),
                }
            }
            let join = |worker: std::thread::ScopedJoinHandle<'_, _>| {
                worker.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
            };
            workers.into_iter().try_for_each(join)
        })?;
        Ok(claimed.into_inner().unwrap_or_else(PoisonError::into_inner))
    }

    /// The claims, where no two processes are to make the same simulation.
    fn job_claims(&self) -> Option<&Claims<'_>> {
        self.claims.as_ref().filter(|_| self.options.claim)
    }

    /// Lets the other workers end.
    fn breaks(&self, error: JobsError) -> JobsError {
        self.broken.store(true, Ordering::SeqCst);
        error
    }

    fn stops(&self) -> bool {
        self.stop.load(Ordering::SeqCst) || self.broken.load(Ordering::SeqCst) || self.first.stops()
    }

    fn job(&self, job: &Job<'_>, watch: Watch<'_>) -> Result<JobEnd, JobsError> {
        let Some(claims) = self.job_claims() else { return self.make(job, watch) };
        if self.stops() {
            return Ok(JobEnd::Stopped);
        }
        if self.was_done_elsewhere(job)? {
            return Ok(JobEnd::Elsewhere);
        }
        let Some(_claim) = claims.take(&job.vector.name, job.seed)? else { return Ok(JobEnd::Claimed) };
        // Whoever had the claim before may have done it since.
        if self.was_done_elsewhere(job)? {
            return Ok(JobEnd::Elsewhere);
        }
        self.make(job, watch)
    }

    fn make(&self, job: &Job<'_>, watch: Watch<'_>) -> Result<JobEnd, JobsError> {
        let mut attempts = 0;
        loop {
            if self.stops() {
                return Ok(JobEnd::Stopped);
            }
            // Another process may have the same part of the work.
            if self.is_there(job, &check)? {
                break;
            }
            if self.deadline.is_too_late() {
                return Ok(JobEnd::TooLate);
            }
            attempts += 1;
            match self.attempt(job, attempts, watch) {
                Ok(JobEnd::Done) => break,
                Ok(JobEnd::Stopped) => return Ok(JobEnd::Stopped),
                _ if self.is_there(job, &check)? => break,
                Ok(JobEnd::Failed(_)) if attempts <= self.options.retries && !self.first.stops() => {}
                failed => return failed,
            }
        }
        self.set.forget(job.vector, job.seed)?;
        Ok(JobEnd::Done)
    }
}
