//! `imnn simulate`: runs a program for every seed and parameter vector, into a data set for `imnn fit`.

mod arguments;
mod job_script;
mod overview;
mod plan;
mod progress;
mod report;
mod run_toml;

use std::num::NonZero;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use imnn::data::check::{CheckOptions, Severity, check};
use imnn::jobs::{DataSet, Failure, Mark, RunOptions, Status};
use signal_hook::consts::{SIGINT, SIGTERM};

pub use self::arguments::SimulateArguments;
use self::progress::{Progress, Seen};
use self::report::{Product, Report};
use crate::run_file::{Check, RunFile, SimulateFile};
use crate::{CliError, output};

pub(crate) fn simulate(arguments: &SimulateArguments) -> Result<String, CliError> {
    let file = SimulateFile::read(&arguments.file)?;
    // The folder would be taken for a pattern when the simulations are read again.
    if arguments.out.to_string_lossy().contains("{seed") {
        let reason = "{seed} stands for a number where simulations are read; choose a folder without it";
        return Err(CliError::Refused(format!("{}: {reason}", arguments.out.display())));
    }
    let processors = std::thread::available_parallelism().unwrap_or(NonZero::<usize>::MIN);
    let options = RunOptions {
        dir: std::path::absolute(&file.dir)
            .and_then(|dir| dir.canonicalize())
            .map_err(CliError::at(format!("dir: the program cannot be started in {}", file.dir.display())))?,
        jobs: arguments.jobs.or(file.jobs).unwrap_or(processors).get(),
        timeout: file.timeout,
        retries: file.retries,
        shard: arguments.shard,
        retry_failed: arguments.retry_failed,
        claim: arguments.claim,
        block: file.block,
        again: file.check == Check::On,
        until: arguments.until,
    };
    if let Some(block) = options.block {
        let (n_s, parts) = (file.design.n_s, options.shard.parts());
        let blocks = n_s.div_ceil(block.get());
        if parts > blocks {
            return Err(CliError::Refused(format!(
                "--shard {}: parts are whole blocks, and n_s = {n_s} with block = {block} are {blocks}; use --claim, by \
                 which processes share blocks, fewer parts or a smaller block",
                options.shard
            )));
        }
    }
    if arguments.status {
        return overview::overview(&DataSet::look(&arguments.out, file.design)?, arguments.json);
    }
    if let Some(tasks) = arguments.slurm {
        let set = DataSet::look(&arguments.out, file.design)?;
        return job_script::slurm(&set, tasks, options.jobs, arguments);
    }
    if arguments.dry_run {
        let set = DataSet::look(&arguments.out, file.design)?;
        return plan::plan(&set, &options, arguments.json);
    }
    let set = DataSet::create(&arguments.out, file.design)?;
    let stop = Arc::new(AtomicBool::new(false));
    for signal in [SIGINT, SIGTERM] {
        // Where it cannot be listened to it ends this program, and those that it started go on, for nothing.
        let _ = signal_hook::flag::register(signal, Arc::clone(&stop));
    }
    let progress = Progress::new(&set, &options, arguments.quiet || arguments.json);
    let status = set.run(&options, &stop, &|event| progress.tell(&event))?;
    let Seen { tried, too_late } = progress.end();

    let product = product(&set, &status, arguments)?;
    let report = Report { set: &set, status: &status, tried, too_late, out: &arguments.out, product: &product };
    let text = if arguments.json { report.json() } else { report.text() };
    let failed = status.failures.iter().filter(|failure| is_of(&set, &options, failure.seed)).count();
    let missing = status.count(Mark::Missing);
    if missing == 0 && status.unpacked > 0 && stop.load(Ordering::SeqCst) {
        output::print(&text)?;
        return Err(CliError::Refused(format!(
            "interrupted: the simulations of {} blocks are not put together; the same command goes on with them",
            status.unpacked
        )));
    }
    if missing > 0 && stop.load(Ordering::SeqCst) {
        output::print(&text)?;
        return Err(CliError::Refused(format!(
            "interrupted: {missing} simulations are missing; the same command goes on with them"
        )));
    }
    if let Some(failure) = &status.no_more {
        output::print(&text)?;
        return Err(CliError::Refused(no_more(failure, arguments)));
    }
    if failed > 0 && !arguments.skip_failed {
        output::print(&text)?;
        return Err(CliError::Refused(format!(
            "{}; they are in {}, and are tried again with --retry-failed, or done without with --skip-failed",
            if failed == 1 { "1 simulation failed".to_owned() } else { format!("{failed} simulations failed") },
            arguments.out.join("failures.json").display()
        )));
    }
    Ok(text)
}

/// What there is to say against the simulations, of those that a run file names; nothing of one that cannot be read.
fn doubts(run: &Path) -> Vec<String> {
    let Some((training, _)) = RunFile::read(run).ok().and_then(|run| run.simulations.all_files()) else {
        return vec![];
    };
    let findings = check(&training, None, &CheckOptions::quick()).findings.into_iter();
    findings.filter(|finding| finding.severity > Severity::Note).map(|finding| finding.message).collect()
}

/// Why no more was made, and how to go on.
fn no_more(failure: &Failure, arguments: &SimulateArguments) -> String {
    let (file, out) = (arguments.file.display(), arguments.out.display());
    if failure.kind == "not_repeated" {
        return format!(
            "seed {} gave other numbers the second time: the simulator does not use its seed; derivatives would be noise. Draw all \
             randomness from the seed (numpy.random.default_rng(seed)), remove {out} or choose another folder, and start again; \
             check = \"off\" in {file} does without",
            failure.seed
        );
    }
    format!(
        "the first simulations failed alike, and no more were started: seed {} of {}: {}; mend it, and the same command with \
         --retry-failed goes on; without it, the same command goes on with the next seeds",
        failure.seed, failure.vector, failure.reason
    )
}

/// Whether a seed belongs to the part of the work that is done here.
fn is_of(set: &DataSet, options: &RunOptions, seed: u64) -> bool {
    let place = seed.saturating_sub(set.design().first_seed);
    usize::try_from(place).is_ok_and(|place| options.has(place))
}

/// Writes what `imnn fit` takes, once all is there that is going to be.
fn product(set: &DataSet, status: &Status, arguments: &SimulateArguments) -> Result<Product, CliError> {
    let failed = status.count(Mark::Failed);
    if status.count(Mark::Missing) > 0 || status.unpacked > 0 || (failed > 0 && !arguments.skip_failed) {
        return Ok(Product::Incomplete);
    }
    let (seeds, n_d) = set.usable_seeds(status);
    if n_d == 0 || seeds.len() < 2 {
        return Ok(Product::TooFew);
    }
    let rows = (failed > 0).then_some((seeds.len(), n_d));
    let collected = arguments.collect.then(|| set.collect(status)).transpose()?;
    let pattern = if status.has_blocks() { "{seeds}" } else { "{seed}" };
    let text = run_toml::text(set.design(), status.shape.as_deref().unwrap_or_default(), rows, pattern);
    let path = set.root().join("run.toml");
    let there = std::fs::read_to_string(&path).ok();
    let changed = there.as_ref().is_some_and(|there| *there != text);
    if there.is_none() {
        imnn::io::atomic::write(&path, &text)?;
    }
    let doubts = doubts(&path);
    Ok(Product::Ready { changed, collected, n_s: seeds.len(), n_d, doubts })
}
