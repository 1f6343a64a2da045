//! Turns on a GPU: ours and the peers on the same card, beside what the card does at best.
//!
//! Each program has the whole card while it is timed, and cuts its work where its memory is not enough; what the card does
//! at best is measured before and after them, which shows whether it was as fast for all. Precision is the same on
//! both sides: products in f32 without rounding, or in TF32 for all.

use std::fmt::{Display, Formatter};
use std::fs;
use std::path::Path;
use std::process::Command;

use imnn::device::{CudaReport, roofline};
use serde::Serialize;

use crate::Outcome;
use crate::machine::threads;
use crate::measure::{Effort, Measured, Program, Record};
use crate::peers::{Peer, ours};
use crate::process::Process;
use crate::workload::Workload;

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

impl Display for Card {
    fn fmt(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
        let Card { name, capability: (major, minor), memory, driver, nvrtc } = self;
        let gib = *memory as f64 / f64::from(1 << 30);
        write!(f, "{name}, compute capability {major}.{minor}, {gib:.1} GiB; driver {driver}; NVRTC {nvrtc}")
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

/// Measures a workload on the card, ours and the peers that have it, with products in f32 or rounded to TF32.
///
/// # Errors
/// If the card or our program fails.
pub fn measure(workload: &Workload, peers: &[Peer], tf32: bool, effort: Effort) -> Outcome<Record> {
    let mut record = Record::new(workload, 1)?;
    gauge(&mut record, tf32)?;
    let mut command = ours(&std::env::current_exe()?, workload, threads());
    command.arg("--cuda").args(tf32.then_some("--tf32"));
    let label = format!("{}{}", workload.name(), precision(tf32));
    record.programs.push(alone(&label, &mut command, true, effort)?);
    for peer in peers {
        let Some(mut command) = peer.command(workload) else { continue };
        let label = format!("{} by {:?}{}", workload.name(), peer.program, precision(tf32));
        command.env("PEER_DEVICE", "gpu").env("PEER_TF32", if tf32 { "1" } else { "0" });
        command.env("XLA_PYTHON_CLIENT_MEM_FRACTION", "0.9");
        match alone(&label, &mut command, false, effort) {
            Ok(mut measured) => {
                measured.program.push_str(precision(tf32));
                record.programs.push(measured);
            }
            Err(failure) => record.failed.push(failure.to_string()),
        }
    }
    gauge(&mut record, tf32)?;
    Ok(record)
}

/// The turns of a program that has the card to itself.
fn alone(label: &str, command: &mut Command, ours: bool, effort: Effort) -> Outcome<Measured> {
    let mut process = Process::start(label, command)?;
    on_gpu(label, process.device())?;
    process.tune(effort.turn())?;
    let mut program = Program::new(process, ours, None);
    for _ in 0..effort.rounds {
        program.turn()?;
    }
    Ok(program.end())
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

/// What the card does at best, now.
fn gauge(record: &mut Record, tf32: bool) -> Outcome {
    record.products[0].push(roofline::product_rate(0, tf32)?);
    record.bandwidth.push(roofline::bandwidth(0)?);
    Ok(())
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
