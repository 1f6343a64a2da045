//! `--slurm`: a job script, to be read and submitted by its user.

use std::num::NonZero;
use std::path::Path;
use std::time::Duration;

use imnn::jobs::{DataSet, Mark, command_line};

use super::SimulateArguments;
use crate::CliError;

/// How long tasks run where it is not said.
const UNTIL: Duration = Duration::from_secs(55 * 60);
/// What the batch system grants beyond that: one program in ten takes longer than expected.
const BEYOND: Duration = Duration::from_secs(5 * 60);

/// An array of tasks that share what is left to be done, each with as many programs at a time as there are `jobs`.
pub(super) fn slurm(
    set: &DataSet,
    tasks: NonZero<usize>,
    jobs: usize,
    arguments: &SimulateArguments,
) -> Result<String, CliError> {
    let status = set.status()?;
    let left = status.count(Mark::Missing) + if arguments.retry_failed { status.count(Mark::Failed) } else { 0 };
    if left == 0 {
        return Err(CliError::Refused("nothing is left to be done; a job would end at once".to_owned()));
    }
    // More would have nothing to do.
    let tasks = tasks.get().min(left.div_ceil(jobs));
    let until = arguments.until.unwrap_or(UNTIL);
    let minutes = (until.saturating_add(BEYOND)).as_secs().div_ceil(60);
    let limit = format!("{:02}:{:02}:00", minutes / 60, minutes % 60);
    let absolute = |path: &Path| std::path::absolute(path).map_err(CliError::at(path.display().to_string()));
    let program = std::env::current_exe().map_or_else(|_| "imnn".into(), |path| path.to_string_lossy().into_owned());
    let mut command = vec![
        program,
        "simulate".to_owned(),
        absolute(&arguments.file)?.to_string_lossy().into_owned(),
        "--out".to_owned(),
        set.root().to_string_lossy().into_owned(),
        "--claim".to_owned(),
        "--until".to_owned(),
        format!("{}s", until.as_secs()),
        "--jobs".to_owned(),
        jobs.to_string(),
    ];
    let flags = [(arguments.retry_failed, "--retry-failed"), (arguments.skip_failed, "--skip-failed")];
    command.extend(flags.into_iter().filter(|(is_set, _)| *is_set).map(|(_, flag)| flag.to_owned()));
    let command = command_line(&command);
    Ok(format!(
        r#"#!/bin/sh
#SBATCH --job-name=imnn-simulate
#SBATCH --array=1-{tasks}
#SBATCH --ntasks=1
#SBATCH --cpus-per-task={jobs}
#SBATCH --time={limit}
#SBATCH --output=imnn-simulate-%A_%a.log
# {left} simulations are left. Tasks take the next one each; they start no program that would not end in time, so
# that what is missing afterwards is made by submitting this again. Add the partition, account and memory that your
# cluster asks for; cpus-per-task is jobs times the processors that one simulation uses.
exec {command}
"#
    ))
}
