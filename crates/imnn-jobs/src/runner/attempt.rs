//! One run of the program for a simulation.

use std::path::Path;
use std::time::{Instant, SystemTime};

use imnn_io::FileError;
use imnn_io::atomic::put;

use super::{Job, JobEnd, Run, Watch};
use crate::check::check;
use crate::data_set::DataSet;
use crate::failure::{Failure, Fault, described, tail};
use crate::process::{self, Ended};
use crate::session::remove_folder;
use crate::{Event, JobsError};

impl Run<'_> {
    /// Runs the program in a folder of its own and puts what it wrote in its place, or keeps the record of what went wrong.
    pub(super) fn attempt(&self, job: &Job<'_>, attempts: usize, watch: Watch<'_>) -> Result<JobEnd, JobsError> {
        let folder = self.session.folder(&format!("{}-{}", job.vector.name, job.seed))?;
        let (out, log) = (folder.join("out.npy"), folder.join("log"));
        let arguments = self.set.command(job.vector, job.seed, &out);
        let (dir, timeout) = (&self.options.dir, self.options.timeout);
        let (begun, since) = (Instant::now(), SystemTime::now());
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
        let took = begun.elapsed();
        let fault = match fault {
            None if self.is_made_twice(job) => match self.again(job, &out)? {
                Ok(again) => {
                    watch(Event::Again { seed: job.seed, again });
                    None
                }
                Err(fault) => Some(fault),
            },
            fault => fault,
        };
        let Some(fault) = fault else {
            self.deadline.learn(took);
            put(&out, self.set.file(job.vector, job.seed))?;
            remove_folder(&folder);
            return Ok(JobEnd::Done);
        };
        let is_useless = matches!(fault, Fault::NotRepeated(_));
        let hint = self.set.hint(&fault, &tail(&log));
        let failure = Failure {
            vector: job.vector.name.clone(),
            seed: job.seed,
            theta: job.vector.theta.clone(),
            command: arguments.iter().map(|argument| argument.to_string_lossy().into_owned()).collect(),
            kind: fault.kind().to_owned(),
            reason: described(fault, &folder, (dir, since)) + hint,
            attempts,
            log: DataSet::log(job.vector, job.seed),
            tail: tail(&log),
        };
        if is_useless {
            self.first.is_useless(&failure);
        }
        if attempts > self.options.retries || is_useless {
            if self.claims.is_some() {
                // A program whose folder was removed under it did not fail.
                self.session.check()?;
            }
            self.set.keep(job.vector, &failure, &log)?;
            remove_folder(&folder);
        }
        Ok(JobEnd::Failed(failure))
    }
}
