//! Several processes that train together, beside one and beside a forecast: `cargo xtask bench --ranks`.
//!
//! One process of one thread, one of several, and as many processes of one thread under `mpirun` take turns on the same
//! workload. From the first and from a forecast ([`model`]) it is said what the others should take, and what more machines would.

mod model;
mod passing;

use std::fmt::{Display, Formatter};
use std::path::Path;
use std::process::Command;
use std::time::Instant;

use imnn::device::Load;
use imnn::stats::Loss;
use ndarray::{Array2, Array3};
use serde::Serialize;

use crate::Outcome;
use crate::machine::Machine;
use crate::measure::{Effort, Program, rest, start_ours};
use crate::process::Process;
use crate::report::{milliseconds, percent};
use crate::series::Series;
use crate::table::Table;
use crate::workload::Workload;
use model::{ETHERNET, INFINIBAND, Iteration, Network, SHARED};

pub use passing::Passing;

/// Processes of the forecast, and the threads of each.
const PROCESSES: [usize; 7] = [1, 2, 4, 8, 16, 64, 256];
const THREADS: usize = 64;
/// How many times as many simulations it is made for.
const TIMES: [usize; 3] = [1, 10, 100];

/// What was measured, and what is to be expected.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    machine: Machine,
    effort: Effort,
    measured: Vec<Measured>,
    forecast: Vec<Forecast>,
}

/// So many processes of so many threads.
#[derive(Clone, Debug, Serialize)]
struct Measured {
    workload: String,
    processes: usize,
    threads: usize,
    ms: Series,
    /// By the forecast.
    expected_ms: f64,
    efficiency: f64,
    expected_efficiency: f64,
}

/// The efficiency on each number of [`PROCESSES`] of [`THREADS`].
#[derive(Clone, Debug, Serialize)]
struct Forecast {
    workload: String,
    n_s: usize,
    network: &'static str,
    efficiency: Vec<f64>,
}

/// Measures each workload on `n` threads and on `n` processes.
pub fn measure(workloads: &[Workload], n: usize, effort: Effort) -> Outcome<Report> {
    let mut report = Report { machine: Machine::this(), effort, measured: vec![], forecast: vec![] };
    for (k, workload) in workloads.iter().enumerate() {
        eprintln!("{}/{} {}", k + 1, workloads.len(), workload.name());
        let times = take_turns(workload, n, effort)?;
        let alone = 1e-3 * times[0].2.median();
        report.measured.extend(beside_the_forecast(workload, times, alone)?);
        for network in [INFINIBAND, ETHERNET] {
            for times in TIMES {
                report.forecast.push(forecast(workload, times, alone, &network)?);
            }
        }
    }
    Ok(report)
}

/// Milliseconds of an iteration on so many processes of so many threads.
type Times = (usize, usize, Series);

fn take_turns(workload: &Workload, n: usize, effort: Effort) -> Outcome<Vec<Times>> {
    let mut programs = vec![(1, 1, start_ours(workload, 1, effort)?), (1, n, start_ours(workload, n, effort)?)];
    let label = format!("{} on {n} processes", workload.name());
    let file = std::env::temp_dir().join(format!("imnn-benches-turns-{}", std::process::id()));
    let _ = std::fs::remove_file(&file);
    let process = Process::start(&label, &mut together(workload, n, &file)?)?;
    programs.push((n, 1, Program::new(process, true, Some(1))));
    for (.., program) in &mut programs {
        program.process.tune(effort.turn())?;
        rest();
    }
    for _ in 0..effort.rounds {
        for (.., program) in &mut programs {
            rest();
            program.turn()?;
        }
    }
    let times =
        programs.into_iter().map(|(processes, threads, program)| (processes, threads, program.end().ms)).collect();
    let _ = std::fs::remove_file(&file);
    Ok(times)
}

/// As many processes of one thread.
fn together(workload: &Workload, n: usize, file: &Path) -> Outcome<Command> {
    let mut command = Command::new("mpirun");
    command.args(["-n", &n.to_string()]).arg(std::env::current_exe()?);
    command.args(["worker", &workload.name(), "--threads", "1", "--ranks"]).arg(file);
    // Open MPI starts none as root, no more than it counts cores, and binds each to one, if not told otherwise.
    command.envs([
        ("OMPI_ALLOW_RUN_AS_ROOT", "1"),
        ("OMPI_ALLOW_RUN_AS_ROOT_CONFIRM", "1"),
        ("OMPI_MCA_rmaps_base_oversubscribe", "1"),
        ("OMPI_MCA_hwloc_base_binding_policy", "none"),
        ("PRTE_MCA_rmaps_default_mapping_policy", ":oversubscribe"),
        ("PRTE_MCA_hwloc_default_binding_policy", "none"),
    ]);
    Ok(command)
}

fn beside_the_forecast(workload: &Workload, times: Vec<Times>, alone: f64) -> Outcome<Vec<Measured>> {
    let (_, iteration) = iteration(workload, 1, alone)?;
    let measured = |(processes, threads, ms): Times| -> Outcome<Measured> {
        let loads = workload.loads(workload.n_s, processes)?;
        Ok(Measured {
            workload: workload.name(),
            processes,
            threads,
            expected_ms: 1e3 * iteration.seconds(&loads, threads, &SHARED),
            efficiency: 1e3 * alone / (ms.median() * (processes * threads) as f64),
            expected_efficiency: iteration.efficiency(&loads, threads, &SHARED),
            ms,
        })
    };
    times.into_iter().map(measured).collect()
}

fn forecast(workload: &Workload, times: usize, alone: f64, network: &Network) -> Outcome<Forecast> {
    let (n_s, iteration) = iteration(workload, times, alone)?;
    let efficiency = |processes: usize| -> Outcome<f64> {
        let loads: Vec<Load> = workload.loads(n_s, processes)?;
        Ok(iteration.efficiency(&loads, THREADS, network))
    };
    let efficiency = PROCESSES.into_iter().map(efficiency).collect::<Outcome<_>>()?;
    Ok(Forecast { workload: workload.name(), n_s, network: network.name, efficiency })
}

/// An iteration of so many times as many simulations, and how many these are; `alone` are the seconds of one of the workload's
/// own number on one core.
fn iteration(workload: &Workload, times: usize, alone: f64) -> Outcome<(usize, Iteration)> {
    let n_s = times * workload.n_s;
    let model = workload.model()?;
    let per_simulation = model.n_summaries() * (1 + crate::workload::N_PARAMS);
    let passes = (alone - loss(workload.n_s, model.n_summaries())?).max(0.0) * times as f64;
    let loss = loss(n_s, model.n_summaries())?;
    Ok((n_s, Iteration { passes, loss, summaries: n_s * per_simulation, weights: model.layout().len() }))
}

/// Seconds for the loss of so many simulations, all with derivatives.
fn loss(n_s: usize, n_summaries: usize) -> Outcome<f64> {
    // Any summaries of which no statistic is singular.
    let x = Array2::from_shape_fn((n_s, n_summaries), |(i, s)| ((i * (2 * s + 3)) % 101) as f64 - 50.0);
    let dx =
        Array3::from_shape_fn((n_s, n_summaries, crate::workload::N_PARAMS), |(_, s, a)| f64::from(u8::from(s == a)));
    let loss = Loss::new(10.0, 0.1)?;
    let mut fastest = f64::INFINITY;
    for _ in 0..5 {
        let start = Instant::now();
        std::hint::black_box(loss.evaluate(x.view(), dx.view())?);
        fastest = fastest.min(start.elapsed().as_secs_f64());
    }
    Ok(fastest)
}

impl Display for Report {
    fn fmt(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
        let Machine { processor, threads, .. } = &self.machine;
        let Effort { rounds, turn_seconds, .. } = self.effort;
        writeln!(f, "{processor}, {threads} threads; medians of {rounds} turns of {turn_seconds} s\n")?;
        let mut table = Table::new(&[
            "workload",
            "processes x threads",
            "ms/iteration",
            "smallest-largest",
            "expected",
            "efficiency",
            "expected efficiency",
        ]);
        for measured in &self.measured {
            let (smallest, largest) = measured.ms.range();
            table.push(vec![
                measured.workload.clone(),
                format!("{} x {}", measured.processes, measured.threads),
                milliseconds(measured.ms.median()),
                format!("{}-{}", milliseconds(smallest), milliseconds(largest)),
                milliseconds(measured.expected_ms),
                percent(measured.efficiency),
                percent(measured.expected_efficiency),
            ]);
        }
        writeln!(f, "{table}")?;
        writeln!(f, "Expected efficiency on processes of {THREADS} cores such as one of these:\n")?;
        let processes = PROCESSES.map(|n| n.to_string());
        let heads = ["workload", "n_s", "network"].into_iter().chain(processes.iter().map(String::as_str));
        let mut table = Table::new(&heads.collect::<Vec<_>>());
        for forecast in &self.forecast {
            let start = [forecast.workload.clone(), forecast.n_s.to_string(), forecast.network.to_owned()];
            table.push(start.into_iter().chain(forecast.efficiency.iter().map(|&share| percent(share))).collect());
        }
        writeln!(f, "{table}")?;
        for Network { name, latency, bandwidth } in [INFINIBAND, ETHERNET] {
            writeln!(f, "{name}: {} us, {} GB/s", 1e6 * latency, 1e-9 * bandwidth)?;
        }
        Ok(())
    }
}
