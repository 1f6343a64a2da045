//! Runs the programs of a set, several at a time.

use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use imnn_io::FileError;
use imnn_io::atomic::put;
use imnn_io::folder::names;

use crate::check::{Layout, check, compare};
use crate::data_set::{DataSet, Mark, Status};
use crate::design::Vector;
use crate::failure::{Failure, Fault, tail};
use crate::process::{self, Ended};
use crate::session::{self, Session, remove_folder};
use crate::{JobsError, Shard};

/// How programs are run.
#[derive(Clone, Debug)]
pub struct RunOptions {
    /// The folder that they are started in.
    pub dir: std::path::PathBuf,
    /// How many run at a time, at least 1.
    pub jobs: usize,
    /// How long each may run; without one as long as it likes.
    pub timeout: Option<Duration>,
    /// How often each is tried again at once when it fails.
    pub retries: usize,
    /// Which part of the seeds is done here.
    pub shard: Shard,
    /// Whether what failed in earlier runs is tried again.
    pub retry_failed: bool,
}

/// What happens while programs run.
#[derive(Debug)]
#[non_exhaustive]
pub enum Event<'a> {
    /// So many programs will be run.
    Start {
        /// How many.
        todo: usize,
    },
    /// A simulation is done.
    Done,
    /// A simulation could not be made.
    Failed(&'a Failure),
}

struct Job<'a> {
    vector: &'a Vector,
    seed: u64,
}

enum JobEnd {
    Done,
    Failed(Failure),
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
    /// Several processes may work on one folder at once, even on the same part of it.
    ///
    /// # Errors
    /// A folder that cannot be read or written. That a program fails is no error: it is in [`Status::failures`], and in
    /// `failures.json`.
    pub fn run(
        &self,
        options: &RunOptions,
        stop: &AtomicBool,
        watch: &(dyn Fn(Event<'_>) + Sync),
    ) -> Result<Status, JobsError> {
        let before = self.status()?;
        let jobs = self.todo(&before, options);
        watch(Event::Start { todo: jobs.len() });
        if !jobs.is_empty() {
            let expected = Mutex::new(before.expected.clone());
            let broken = AtomicBool::new(false);
            let run = Run { set: self, options, session: Session::begin(self.root())?, expected, stop, broken };
            run.all(&jobs, watch)?;
        }
        let after = self.status()?;
        self.write_failures(&after.failures)?;
        if after.count(Mark::Done) == after.vectors.iter().map(|vector| vector.marks.len()).sum::<usize>() {
            session::remove_all(self.root());
        }
        Ok(after)
    }

    /// What is to be done, seed by seed, so that there are complete ones early.
    fn todo(&self, status: &Status, options: &RunOptions) -> Vec<Job<'_>> {
        let mut jobs = vec![];
        for place in (0..self.design().n_s).filter(|&place| options.shard.has(place)) {
            for (vector, of_vector) in self.vectors().iter().zip(&status.vectors) {
                match of_vector.marks.get(place) {
                    Some(Mark::Missing) => {}
                    Some(Mark::Failed) if options.retry_failed => {}
                    _ => continue,
                }
                jobs.push(Job { vector, seed: self.seed(place) });
            }
        }
        jobs
    }
}

/// All that the workers share.
struct Run<'a> {
    set: &'a DataSet,
    options: &'a RunOptions,
    session: Session,
    expected: Mutex<Option<Layout>>,
    stop: &'a AtomicBool,
    /// Whether one of them came upon an error that concerns all.
    broken: AtomicBool,
}

impl Run<'_> {
    fn all(&self, jobs: &[Job<'_>], watch: &(dyn Fn(Event<'_>) + Sync)) -> Result<(), JobsError> {
        let next = AtomicUsize::new(0);
        let work = || {
            while let Some(job) = jobs.get(next.fetch_add(1, Ordering::SeqCst)) {
                match self.job(job) {
                    Ok(JobEnd::Done) => watch(Event::Done),
                    Ok(JobEnd::Failed(failure)) => watch(Event::Failed(&failure)),
                    Ok(JobEnd::Stopped) => break,
                    Err(error) => {
                        self.broken.store(true, Ordering::SeqCst);
                        return Err(error);
                    }
                }
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
        })
    }

    fn stops(&self) -> bool {
        self.stop.load(Ordering::SeqCst) || self.broken.load(Ordering::SeqCst)
    }

    fn job(&self, job: &Job<'_>) -> Result<JobEnd, JobsError> {
        let place = self.set.file(job.vector, job.seed);
        let mut attempts = 0;
        loop {
            if self.stops() {
                return Ok(JobEnd::Stopped);
            }
            // Another process may have the same part of the work.
            if self.is_done(&place) {
                break;
            }
            attempts += 1;
            match self.attempt(job, attempts) {
                Ok(JobEnd::Done) => break,
                Ok(JobEnd::Stopped) => return Ok(JobEnd::Stopped),
                _ if self.is_done(&place) => break,
                Ok(JobEnd::Failed(_)) if attempts <= self.options.retries => {}
                failed => return failed,
            }
        }
        self.set.forget(job.vector, job.seed)?;
        Ok(JobEnd::Done)
    }

    /// Whether there is a file that fits.
    fn is_done(&self, place: &Path) -> bool {
        place.exists() && check(place).and_then(|found| self.fits(&found, false)).is_ok()
    }

    fn attempt(&self, job: &Job<'_>, attempts: usize) -> Result<JobEnd, JobsError> {
        let folder = self.session.folder(&format!("{}-{}", job.vector.name, job.seed))?;
        let (out, log) = (folder.join("out.npy"), folder.join("log"));
        let arguments = self.set.command(job.vector, job.seed, &out);
        let (dir, timeout) = (&self.options.dir, self.options.timeout);
        let ended =
            process::run(&arguments, dir, &log, timeout, &|| self.stops()).map_err(FileError::of("write", &log))?;
        let fault = match ended {
            Ended::Stopped => return Ok(JobEnd::Stopped),
            Ended::NotStarted(error) => {
                let (program, dir) = (Path::new(&arguments[0]).display(), dir.display());
                Some(Fault::NotStarted(format!("{program}, in the folder {dir}: {error}")))
            }
            Ended::TimedOut => Some(Fault::Timeout(timeout.unwrap_or_default().as_secs_f64())),
            Ended::With(status) => process::fault(status).map(Fault::Exit),
        };
        let fault = fault.or_else(|| check(&out).and_then(|found| self.fits(&found, true)).err());
        let Some(fault) = fault else {
            put(&out, self.set.file(job.vector, job.seed))?;
            remove_folder(&folder);
            return Ok(JobEnd::Done);
        };
        let failure = Failure {
            vector: job.vector.name.clone(),
            seed: job.seed,
            theta: job.vector.theta.clone(),
            command: arguments.iter().map(|argument| argument.to_string_lossy().into_owned()).collect(),
            kind: fault.kind().to_owned(),
            reason: described(fault, &folder),
            attempts,
            log: DataSet::log(job.vector, job.seed),
            tail: tail(&log),
        };
        if attempts > self.options.retries {
            self.set.keep(job.vector, &failure, &log)?;
            remove_folder(&folder);
        }
        Ok(JobEnd::Failed(failure))
    }

    /// Compares with the others; the first that is made says how they have to be.
    fn fits(&self, found: &Layout, may_be_first: bool) -> Result<(), Fault> {
        let mut expected = self.expected.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(expected) = &*expected {
            compare(found, expected, "as the first that was made has, or as `shape` says")?;
        }
        if may_be_first && expected.as_ref().is_none_or(|expected| expected.dtype.is_empty()) {
            *expected = Some(found.clone());
        }
        Ok(())
    }
}

/// What is wrong, with what the program wrote in place of its output.
fn described(fault: Fault, folder: &Path) -> String {
    let Fault::NoOutput(_) = fault else { return fault.to_string() };
    let other = names(folder).unwrap_or_default().into_iter().find(|name| name != "log");
    let instead = other.map_or_else(String::new, |name| format!(", but {name} beside it"));
    Fault::NoOutput(instead).to_string()
}
