//! Turns on a GPU: ours and the peers on the same card, beside what the card does at best.
//!
//! Each program has the whole card while it is timed, and cuts its work where its memory is not enough; what the card does
//! at best is measured before, between and after them, which shows whether it was as fast for all. Precision is the same on
//! both sides: products in f32 without rounding, or in TF32 for all.

mod report;

use std::fs;
use std::path::Path;
use std::process::Command;

use imnn::device::{CudaReport, roofline};
use serde::Serialize;

pub use self::report::Report;

use crate::Outcome;
use crate::machine::threads;
use crate::measure::{Effort, Measured, Program};
use crate::peers::{self, Peer, ours};
use crate::process::Process;
use crate::series::Series;
use crate::workload::{ON_CARD, Workload};

/// The first GPU of this machine.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Card {
    /// What it calls itself.
    pub name: String,
    /// Compute capability.
    pub capability: (i32, i32),
    /// Bytes of memory.
    pub memory: usize,
    /// Its driver, as the system and CUDA name it.
    pub driver: String,
    /// The version of the compiler of kernels.
    pub nvrtc: String,
}

/// A program on the card.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct OnCard {
    /// Whether it is ours.
    pub ours: bool,
    /// Whether its products are rounded.
    pub tf32: bool,
    /// Its times.
    #[serde(flatten)]
    pub measured: Measured,
    /// Bytes that an iteration moves in the card's memory, about; counted for ours only.
    pub moved: Option<u64>,
}

/// What was measured of one workload.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Record {
    /// Its name.
    pub workload: String,
    /// What it is.
    pub of: Workload,
    /// Operations of an iteration, done plainly.
    pub flops: u64,
    /// Operations per second of large products in f32 on this card, before, between and after the programs.
    pub products: Series,
    /// The same in TF32, where that is asked for.
    pub products_tf32: Series,
    /// Bytes per second of large copies on this card, likewise.
    pub bandwidth: Series,
    /// Ours, then the peers.
    pub programs: Vec<OnCard>,
    /// Peers that did not run, and why.
    pub failed: Vec<String>,
}

impl Card {
    /// Looks for it.
    ///
    /// # Errors
    /// Says what is missing.
    pub fn first() -> Outcome<Self> {
        let report = CudaReport::look();
        match (report.gpus.into_iter().next(), report.missing.is_empty()) {
            (Some(gpu), true) => Ok(Card {
                name: gpu.name,
                capability: gpu.capability,
                memory: gpu.memory,
                driver: driver(Path::new("/proc/driver/nvidia/version"), report.driver.as_deref()),
                nvrtc: report.nvrtc.unwrap_or_default(),
            }),
            _ => Err(format!("no GPU to measure on: {}", report.missing.join("; ")).into()),
        }
    }
}

/// The driver's own version where the system says it, and that of CUDA.
fn driver(file: &Path, cuda: Option<&str>) -> String {
    let text = fs::read_to_string(file).unwrap_or_default();
    let line = text.lines().next().unwrap_or_default();
    let own = line.split_whitespace().find(|word| word.contains('.') && word.starts_with(|c: char| c.is_ascii_digit()));
    own.into_iter().chain(cuda).collect::<Vec<_>>().join(" ")
}

/// How a program computes, for its name.
pub fn precision(tf32: bool) -> &'static str {
    if tf32 { ", TF32" } else { ", f32" }
}

/// Whether all peers run on a GPU, seen on something small: some workloads would take a CPU hours.
///
/// # Errors
/// If one does not.
pub fn check_peers(peers: &[Peer]) -> Outcome {
    let small = ON_CARD[0];
    for peer in peers.iter().filter(|peer| peer.program != peers::Program::JaxLoop) {
        if let Some(mut command) = peer.command(&small) {
            let label = format!("{:?}", peer.program);
            on_gpu(&label, Process::start(&label, &mut command)?.device())?;
        }
    }
    Ok(())
}

/// Measures a workload on the card, ours and the peers that have it; with `tf32` each also in that precision.
///
/// # Errors
/// If the card or our program fails, or a peer does not run on a GPU.
pub fn measure(workload: &Workload, peers: &[Peer], tf32: bool, effort: Effort) -> Outcome<Record> {
    let precisions: &[bool] = if tf32 { &[false, true] } else { &[false] };
    let mut record = Record {
        workload: workload.name(),
        of: *workload,
        flops: workload.flops()?,
        products: Series::default(),
        products_tf32: Series::default(),
        bandwidth: Series::default(),
        programs: vec![],
        failed: vec![],
    };
    record.gauge(tf32)?;
    for &rounded in precisions {
        let mut command = ours(&std::env::current_exe()?, workload, threads());
        command.arg("--cuda").args(rounded.then_some("--tf32"));
        let (measured, moved) = alone(&format!("{}{}", workload.name(), precision(rounded)), &mut command, effort)?;
        record.programs.push(OnCard { ours: true, tf32: rounded, measured, moved });
        for peer in peers {
            let Some(mut command) = peer.command(workload) else { continue };
            let label = format!("{} by {:?}{}", workload.name(), peer.program, precision(rounded));
            command.env("PEER_TF32", if rounded { "1" } else { "0" }).env("XLA_PYTHON_CLIENT_MEM_FRACTION", "0.9");
            match alone(&label, &mut command, effort) {
                Ok((mut measured, _)) => {
                    measured.program.push_str(precision(rounded));
                    record.programs.push(OnCard { ours: false, tf32: rounded, measured, moved: None });
                }
                Err(failure) => record.failed.push(failure.to_string()),
            }
        }
        record.gauge(tf32)?;
    }
    Ok(record)
}

/// The turns of a program that has the card to itself, and the bytes that an iteration moves, where it counts them.
fn alone(label: &str, command: &mut Command, effort: Effort) -> Outcome<(Measured, Option<u64>)> {
    let mut process = Process::start(label, command)?;
    on_gpu(label, process.device())?;
    process.tune(effort.turn())?;
    let mut program = Program::new(process, None);
    for _ in 0..effort.rounds {
        let ms = program.process.sample()?;
        program.measured.ms.push(ms);
    }
    let moved = program.process.moved();
    Ok((program.end(), moved))
}

/// Refuses a program that does not say that it runs on a GPU.
fn on_gpu(label: &str, device: Option<&str>) -> Outcome {
    match device {
        Some("gpu" | "cuda") => Ok(()),
        other => Err(format!(
            "{label}: runs on `{}`, not on the GPU, and is not compared: it needs packages with CUDA",
            other.unwrap_or("what it does not say")
        )
        .into()),
    }
}

impl Record {
    /// What the card does at best, now.
    fn gauge(&mut self, tf32: bool) -> Outcome {
        self.products.push(roofline::product_rate(0, false)?);
        if tf32 {
            self.products_tf32.push(roofline::product_rate(0, true)?);
        }
        self.bandwidth.push(roofline::bandwidth(0)?);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_runs_on_a_gpu_is_compared() {
        assert!(on_gpu("x", Some("gpu")).is_ok() && on_gpu("x", Some("cuda")).is_ok());
        for device in [Some("cpu"), Some("tpu"), None] {
            let message = on_gpu("dense by Jax", device).unwrap_err().to_string();
            assert!(message.starts_with("dense by Jax: runs on `"), "{message}");
        }
    }

    #[test]
    fn drivers_are_named_by_the_system_and_by_cuda() {
        let folder = std::env::temp_dir().join(format!("imnn-driver-{}", std::process::id()));
        let line = "NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  580.65.06  Release Build\n";
        fs::write(&folder, line).unwrap();
        assert_eq!(driver(&folder, Some("for CUDA 13.0")), "580.65.06 for CUDA 13.0");
        fs::remove_file(&folder).unwrap();
        assert_eq!(driver(&folder, Some("for CUDA 13.0")), "for CUDA 13.0");
    }

    #[test]
    fn without_a_gpu_it_is_said_what_is_missing() {
        let report = CudaReport::look();
        match Card::first() {
            Ok(card) => assert_eq!(card.name, report.gpus[0].name),
            Err(failure) => assert!(failure.to_string().contains(&report.missing[0]), "{failure}"),
        }
    }
}
