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
    /// Whether it is ours as users run it, with which the others are compared.
    pub ours: bool,
    /// Its number of threads, where we chose it.
    pub threads: Option<usize>,
    /// Milliseconds per iteration, one value per turn.
    pub ms: Series,
    pub peak_bytes: Option<u64>,
    /// Seconds from the start of the process to the end of the first iteration, one value per start.
    pub first_iteration_s: Series,
    /// Bytes that an iteration moves in the memory of a card, about; counted for ours only.
    pub moved: Option<u64>,
}

/// What was measured of one workload, in one run.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Record {
    pub workload: String,
    pub of: Workload,
    /// Operations of an iteration, done plainly.
    pub flops: u64,
    /// Operations per second of large matrix products: on as many threads as each of our programs has, one value per turn; or
    /// on a card in the same precision.
    pub products: Vec<Series>,
    /// Bytes per second of large copies on a card.
    pub bandwidth: Series,
    /// Ours, one for each number of threads, then the peers.
    pub programs: Vec<Measured>,
    /// Peers that did not run, and why.
    pub failed: Vec<String>,
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
    /// Nothing measured yet, beside products on so many numbers of threads.
    pub fn new(workload: &Workload, n_products: usize) -> Outcome<Self> {
        Ok(Record {
            workload: workload.name(),
            of: *workload,
            flops: workload.flops()?,
            products: vec![Series::default(); n_products],
            bandwidth: Series::default(),
            programs: vec![],
            failed: vec![],
        })
    }

    /// Operations per second of program `k`.
    pub fn rate(&self, k: usize) -> f64 {
        self.flops as f64 / (self.programs[k].ms.median() * 1e-3)
    }

    /// What share of the rate of matrix products that is.
    pub fn share(&self, k: usize) -> f64 {
        self.rate(k) / self.products[k.min(self.products.len() - 1)].median()
    }

    /// Bytes per second that program `k` moves, and which share of the bandwidth that is.
    pub fn traffic(&self, k: usize) -> Option<[f64; 2]> {
        let rate = self.programs[k].moved? as f64 / (self.programs[k].ms.median() * 1e-3);
        Some([rate, rate / self.bandwidth.median()])
    }

    /// How much longer than ours, on the first number of threads, an iteration takes in a peer.
    pub fn ratio(&self, k: usize) -> Option<f64> {
        (!self.programs[k].ours).then(|| self.programs[k].ms.median() / self.programs[0].ms.median())
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
            programs.push(Program::new(process, false, None));
            rest();
        }
    }
    let mut record = Record::new(workload, thread_counts.len())?;
    for _ in 0..effort.rounds {
        for (rates, &threads) in record.products.iter_mut().zip(thread_counts) {
            rest();
            rates.push(sgemm::rate(threads, effort.turn() / 4));
        }
        for program in &mut programs {
            rest();
            program.turn()?;
        }
    }
    record.programs = programs.into_iter().map(Program::end).collect();
    Ok(record)
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
    pub(crate) fn new(process: Process, ours: bool, threads: Option<usize>) -> Self {
        let program = process.name.clone();
        let first_iteration_s = [process.first_iteration].into_iter().collect();
        let (ms, peak_bytes, moved) = Default::default();
        Program { process, measured: Measured { program, ours, threads, ms, peak_bytes, first_iteration_s, moved } }
    }

    /// Lets it train for a turn.
    pub(crate) fn turn(&mut self) -> Outcome {
        let ms = self.process.sample()?;
        self.measured.ms.push(ms);
        Ok(())
    }

    pub(crate) fn end(self) -> Measured {
        let moved = self.process.moved().filter(|&bytes| bytes > 0);
        Measured { peak_bytes: self.process.peak_memory(), moved, ..self.measured }
    }
}

/// Starts our own program, several times where that is quick.
pub(crate) fn start_ours(workload: &Workload, threads: usize, effort: Effort) -> Outcome<Program> {
    let label = format!("{} on {threads} threads", workload.name());
    let mut command = ours(&std::env::current_exe()?, workload, threads);
    let mut program = Program::new(Process::start(&label, &mut command)?, true, Some(threads));
    for _ in 1..effort.starts {
        if program.process.first_iteration > 1.0 {
            break;
        }
        let mut first = std::mem::take(&mut program.measured.first_iteration_s);
        drop(program);
        rest();
        program = Program::new(Process::start(&label, &mut command)?, true, Some(threads));
        first.push(program.process.first_iteration);
        program.measured.first_iteration_s = first;
    }
    Ok(program)
}

/// Lets the threads of whoever ran last, which may spin for a while, fall asleep.
pub(crate) fn rest() {
    sleep(Duration::from_millis(30));
}
