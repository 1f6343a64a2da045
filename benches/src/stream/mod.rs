//! Simulations streamed from files beside the same in memory: `cargo xtask bench --stream`.
//!
//! Each is a process of its own, which trains on the same files with the same memory for what it keeps. They take turns of
//! as many iterations, and have to agree in det F to the last bit.

mod data;

use std::fmt::{Display, Formatter};
use std::process::Command;

use imnn::data::Streaming;
use imnn::device::Cpu;
use imnn::fit::Imnn;
use imnn::models::{Adam, Padding, conv, dense, global_avg_pool, leaky_relu, serial};
use imnn::sim::Key;
use serde::Serialize;
use serde_json::json;

pub use data::DataSet;

use crate::Outcome;
use crate::arguments::Streaming as Options;
use crate::machine::{Machine, threads};
use crate::process::Process;
use crate::series::Series;
use crate::table::Table;

/// What a run may keep: activations, and of what is streamed, rows read in advance.
const MEMORY: usize = 512 << 20;
/// That part of it for rows read in advance.
const AHEAD: usize = MEMORY / 16;
/// The peak memory promised, in bytes.
const LIMIT: u64 = 800_000_000;
/// The speed promised, of that in memory.
const SHARE: f64 = 0.7;

#[derive(Clone, Debug, Serialize)]
pub struct Report {
    machine: Machine,
    simulations: usize,
    bytes: usize,
    memory: usize,
    /// Iterations of a turn.
    iterations: usize,
    records: Vec<Record>,
}

#[derive(Clone, Debug, Serialize)]
struct Record {
    /// From files; else in memory.
    streamed: bool,
    ms: Series,
    peak_bytes: Option<u64>,
}

/// The IMNN that is trained: three small convolutions, so that reading is a good part of the work.
pub fn imnn(set: &DataSet, threads: usize, streamed: bool) -> Outcome<Imnn<f32>> {
    let convolve =
        |filters, kernel: usize, stride: usize| conv(filters, &[kernel, kernel], &[stride, stride], Padding::Circular);
    let network = serial([
        convolve(16, 5, 4),
        leaky_relu(),
        convolve(32, 3, 2),
        leaky_relu(),
        convolve(32, 3, 2),
        leaky_relu(),
        global_avg_pool(),
        dense(2),
    ]);
    // The same activations are kept in all of them.
    let device = Cpu::new(threads)?.with_memory(MEMORY - AHEAD);
    let builder =
        Imnn::builder(network).theta_fid(data::THETA).device(device).optimiser(Adam::new(1e-3)?).key(Key::new(0));
    let builder = match streamed {
        true => {
            let streaming = Streaming { ahead: AHEAD, ..Streaming::default() };
            builder.training(set.files()?.open::<f32>(&streaming)?)
        }
        false => builder.training(set.files()?.load::<f32>()?),
    };
    Ok(builder.build()?)
}

fn name(streamed: bool) -> &'static str {
    if streamed { "streamed" } else { "in memory" }
}

/// Writes the data set, trains on it in turns, and removes it.
pub fn measure(options: &Options, quick: bool) -> Outcome<Report> {
    if !(options.size.is_finite() && options.size > 0.0) {
        return Err(format!("--size {}: a size in GiB is needed, as 8", options.size).into());
    }
    eprintln!("writing {} GiB into {}", options.size, options.folder.display());
    let set = DataSet::of_size(&options.folder, options.size * (1u64 << 30) as f64)?;
    let report = measure_set(&set, options, quick);
    if !options.keep {
        set.remove();
    }
    report
}

fn measure_set(set: &DataSet, options: &Options, quick: bool) -> Outcome<Report> {
    let mut programs = vec![];
    for streamed in [false, true] {
        eprintln!("first iteration {}", name(streamed));
        let mut command = Command::new(std::env::current_exe()?);
        command.arg("stream").arg(&options.folder).args(["--threads", &threads().to_string()]);
        command.args(streamed.then_some("--streamed"));
        programs.push((Process::start(name(streamed), &mut command)?, streamed, Series::default()));
    }
    // As many iterations as last a while in memory; all programs do the same.
    let (seconds, _) = run(&mut programs, 1)?[0];
    let turn = if quick { 0.1 } else { 1.0 };
    let iterations = ((turn / seconds).round() as usize).clamp(1, 1000);
    let rounds = if quick { 2 } else { 3 };
    for round in 0..rounds {
        eprintln!("round {} of {rounds}, turns of {iterations} iterations", round + 1);
        let answers = run(&mut programs, iterations)?;
        for ((_, _, ms), (seconds, _)) in programs.iter_mut().zip(answers) {
            ms.push(seconds / iterations as f64 * 1e3);
        }
    }
    let records = programs
        .into_iter()
        .map(|(process, streamed, ms)| Record { streamed, ms, peak_bytes: process.peak_memory() })
        .collect();
    let (simulations, bytes) = (set.n(), set.bytes());
    Ok(Report { machine: Machine::this(), simulations, bytes, memory: MEMORY, iterations, records })
}

/// A turn of each program, which have to come to the same det F.
fn run(programs: &mut [(Process, bool, Series)], iterations: usize) -> Outcome<Vec<(f64, Option<f64>)>> {
    let mut answers = vec![];
    for (process, streamed, _) in programs {
        let answer = process.run(iterations)?;
        let (_, expected) = *answers.first().unwrap_or(&answer);
        if answer.1.map(f64::to_bits) != expected.map(f64::to_bits) {
            let (found, name) = (answer.1, name(*streamed));
            return Err(format!("{name}: det F is {found:?} where it is {expected:?} in memory").into());
        }
        answers.push(answer);
    }
    Ok(answers)
}

impl Report {
    /// Everything, for machines, with speeds as parts of that in memory.
    pub fn json(&self) -> Outcome<String> {
        let mut report = serde_json::to_value(self)?;
        for (record, value) in self.records.iter().zip(report["records"].as_array_mut().into_iter().flatten()) {
            value["median_ms"] = json!(record.ms.median());
            value["of_memory"] = json!(self.share(record));
        }
        Ok(serde_json::to_string_pretty(&report)?)
    }

    /// The speed of a source as a part of that in memory, which is the first.
    fn share(&self, record: &Record) -> f64 {
        self.records[0].ms.median() / record.ms.median()
    }
}

impl Display for Report {
    fn fmt(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
        let gib = self.bytes as f64 / (1u64 << 30) as f64;
        writeln!(
            f,
            "{}, {} threads; {} simulations with their partners, {gib:.2} GiB; memory = {} MiB; medians of turns of {} iterations\n",
            self.machine.processor,
            self.machine.threads,
            self.simulations,
            self.memory >> 20,
            self.iterations
        )?;
        let heads = ["simulations", "ms/iteration", "smallest-largest", "of memory", "promised", "peak MB", "allowed"];
        let mut table = Table::new(&heads);
        for record in &self.records {
            let (low, high) = record.ms.range();
            let promise = |text: String| if record.streamed { text } else { String::new() };
            table.push(vec![
                name(record.streamed).to_owned(),
                format!("{:.1}", record.ms.median()),
                format!("{low:.1}-{high:.1}"),
                format!("{:.0} %", 100.0 * self.share(record)),
                promise(format!("{:.0} %", 100.0 * SHARE)),
                record.peak_bytes.map_or(String::new(), |bytes| format!("{:.0}", bytes as f64 * 1e-6)),
                promise(format!("{:.0}", LIMIT as f64 * 1e-6)),
            ]);
        }
        write!(f, "{table}")
    }
}
