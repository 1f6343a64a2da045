//! Turns, one after the other: ours, a matrix product, the peers, and again.

use std::thread::sleep;
use std::time::Duration;

use serde::Serialize;

use crate::machine::threads;
use crate::peers::{Peer, ours};
use crate::process::Process;
use crate::series::Series;
use crate::workload::Workload;
use crate::{Outcome, sgemm};

/// How long and how often is measured.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Effort {
    pub rounds: usize,
    /// Seconds of a turn; one iteration at least.
    pub turn_seconds: f64,
    /// How often our program is started for the time to the first iteration, as long as that is short.
    pub starts: usize,
}

/// What was measured of one program.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Measured {
    /// What the program calls itself.
    pub program: String,
    /// Its number of threads, where we chose it.
    pub threads: Option<usize>,
    /// Milliseconds per iteration, one value per turn.
    pub ms: Series,
    pub peak_bytes: Option<u64>,
    /// Seconds from the start of the process to the end of the first iteration, one value per start.
    pub first_iteration_s: Series,
}

/// What was measured of one workload, in one run.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Record {
    pub workload: String,
    pub of: Workload,
    /// Operations of an iteration, done plainly.
    pub flops: u64,
    /// Operations per second of matrix products on as many threads as ours has, one value per turn and program of ours.
    pub sgemm: Vec<Series>,
    /// Ours: one entry per number of threads.
    pub ours: Vec<Measured>,
    pub peers: Vec<Measured>,
}

impl Effort {
    /// For numbers that are to be believed.
    pub const FULL: Effort = Effort { rounds: 7, turn_seconds: 0.5, starts: 5 };
    /// For peak memory, which a few iterations show.
    pub const FEW: Effort = Effort { rounds: 3, turn_seconds: 0.5, starts: 1 };
    /// To see whether it works.
    pub const QUICK: Effort = Effort { rounds: 3, turn_seconds: 0.1, starts: 1 };

    pub(crate) fn turn(&self) -> Duration {
        Duration::from_secs_f64(self.turn_seconds)
    }
}

impl Record {
    /// Operations per second of our program `k`.
    pub fn rate(&self, k: usize) -> f64 {
        self.flops as f64 / (self.ours[k].ms.median() * 1e-3)
    }

    /// What share of the rate of matrix products that is.
    pub fn share(&self, k: usize) -> f64 {
        self.rate(k) / self.sgemm[k].median()
    }
}

/// Measures a workload on each of these numbers of threads, and by the peers that have it.
pub fn measure(workload: &Workload, thread_counts: &[usize], peers: &[Peer], effort: Effort) -> Outcome<Record> {
    // Each starts on an idle machine: those before it wait for their input.
    let mut programs = Vec::new();
    for &threads in thread_counts {
        programs.push(start_ours(workload, threads, effort)?);
    }
    for program in &mut programs {
        program.process.tune(effort.turn())?;
    }
    for peer in peers {
        if let Some(mut command) = peer.command(workload) {
            let label = format!("{} by {:?}", workload.name(), peer.program);
            let mut process = Process::start(&label, &mut command)?;
            process.tune(effort.turn() * peer.patience())?;
            programs.push(Program::new(process, None));
            rest();
        }
    }
    let mut sgemm = vec![Series::default(); thread_counts.len()];
    for _ in 0..effort.rounds {
        for (rates, &threads) in sgemm.iter_mut().zip(thread_counts) {
            rest();
            rates.push(sgemm::rate(threads, effort.turn() / 4));
        }
        for program in &mut programs {
            rest();
            let ms = program.process.sample()?;
            program.measured.ms.push(ms);
        }
    }
    let mut measured = programs.into_iter().map(Program::end);
    let ours = measured.by_ref().take(thread_counts.len()).collect();
    let (name, of, flops) = (workload.name(), *workload, workload.flops()?);
    Ok(Record { workload: name, of, flops, sgemm, ours, peers: measured.collect() })
}

/// The numbers of threads whose times are compared; one only on a machine that has no more.
pub fn scaling_threads() -> Vec<usize> {
    let mut counts = vec![1, threads()];
    counts.dedup();
    counts
}

/// A process with what is known of it so far.
pub(crate) struct Program {
    pub(crate) process: Process,
    pub(crate) measured: Measured,
}

impl Program {
    pub(crate) fn new(process: Process, threads: Option<usize>) -> Self {
        let first_iteration_s = [process.first_iteration].into_iter().collect();
        let program = process.name.clone();
        let measured = Measured { program, threads, ms: Series::default(), peak_bytes: None, first_iteration_s };
        Program { process, measured }
    }

    pub(crate) fn end(self) -> Measured {
        Measured { peak_bytes: self.process.peak_memory(), ..self.measured }
    }
}

/// Starts our own program, several times where that is quick.
fn start_ours(workload: &Workload, threads: usize, effort: Effort) -> Outcome<Program> {
    let label = format!("{} on {threads} threads", workload.name());
    let mut command = ours(&std::env::current_exe()?, workload, threads);
    let mut program = Program::new(Process::start(&label, &mut command)?, Some(threads));
    for _ in 1..effort.starts {
        if program.process.first_iteration > 1.0 {
            break;
        }
        let mut first = std::mem::take(&mut program.measured.first_iteration_s);
        drop(program);
        rest();
        program = Program::new(Process::start(&label, &mut command)?, Some(threads));
        first.push(program.process.first_iteration);
        program.measured.first_iteration_s = first;
    }
    Ok(program)
}

/// Lets the threads of whoever ran last, which may spin for a while, fall asleep.
fn rest() {
    sleep(Duration::from_millis(30));
}
