//! `cargo xtask mpi`: ranks, and training on them, under the MPIs of the system, or (`--all`) every one that can be installed.
//!
//! One program, `crates/imnn-ranks/examples/mpi_check.rs`, is started by the `mpirun` of each with different numbers of ranks,
//! and with what may go wrong: a rank is killed, exits, panics, fails. A table shows with which exit code and after what
//! time all processes were gone.

mod hosts;
mod installed;
mod runs;
mod slurm;
mod training;
mod trial;

use std::path::Path;

use installed::Installed;
use trial::{Expected, Seen, Trial, Words};

use crate::process::{Failure, Outcome, cargo, run as run_command};
use crate::workspace;

/// What is started with three ranks, with the end that is expected.
const TRIALS: [(&str, Expected); 6] = [
    ("killed", Expected::Failure(&[])),
    ("exits", Expected::Failure(&[])),
    ("panics", Expected::Failure(&[("a bug", 1..=1)])),
    (
        "fails",
        Expected::Failure(&[("mpi_check: rank 2 of 3 on", 1..=1), ("fiducial.npy: row 12 is not finite", 1..=1)]),
    ),
    ("stops", Expected::Success(&[("rank 2 was asked to stop by signal 15 in iteration 3", 1..=1)])),
    // The rank that waits for the end of the others, and they for it, until the watchdog of one ends them all.
    ("alone", Expected::Failure(&[("an error that is kept from the others", 1..=1)])),
];

/// With two ranks and a library that is not there, or of another MPI than the launcher. Neither knows of the other and both
/// say it, unless the launcher is quick to end the second.
const NO_LIBRARY: Expected = Expected::Failure(&[("no MPI library was found", 1..=2)]);
const MISMATCH: Expected = Expected::Failure(&[("launcher and library are of different MPIs", 1..=2)]);

pub fn run(arguments: &[String]) -> Outcome {
    let has = |option: &str| arguments.iter().any(|argument| argument == option);
    let [all, with_hosts, with_slurm] = ["--all", "--hosts", "--slurm"].map(has);
    if arguments.len() != [all, with_hosts, with_slurm].into_iter().filter(|&given| given).count() {
        return Err(Failure::usage("mpi takes `--all`, `--hosts` and `--slurm`"));
    }
    // MPICH waits at full load: more ranks than there are processors take their time.
    let most = if all { 4 } else { 3 };
    run_command(&mut cargo(&["build", "--quiet", "-p", "imnn-ranks", "--example", "mpi_check"]))?;
    let program = workspace::target().join("debug/examples/mpi_check");
    let folder = workspace::target().join("mpi");
    let all = installed::all(&folder, all)?;
    let (mut table, mut faults) = (vec![], vec![]);
    for mpi in &all {
        let other = all.iter().find(|other| other.is_open_mpi != mpi.is_open_mpi);
        let mut row = vec![mpi.name.to_owned()];
        for seen in trials(mpi, other, most, &program, &folder)? {
            eprintln!("{:<24} {:<10} {}", mpi.name, seen.task, seen.shown());
            faults.extend(seen.faults.iter().map(|fault| format!("{}, {}: {fault}", mpi.name, seen.task)));
            row.push(seen.shown());
        }
        table.push(row);
    }
    println!("exit code and seconds until all processes were gone\n\n{}", shown(&table));
    faults.extend(training::faults(&all, most, &folder)?);
    if with_hosts {
        faults.extend(hosts::faults(&all, &program, &folder)?);
    }
    if with_slurm {
        faults.extend(slurm::faults(&program, &folder)?);
    }
    if faults.is_empty() { Ok(()) } else { Err(Failure::new(faults.join("\n"))) }
}

/// All that is tried with one MPI; `other` is one whose library does not fit.
fn trials(
    mpi: &Installed,
    other: Option<&Installed>,
    most: usize,
    program: &Path,
    folder: &Path,
) -> Outcome<Vec<Seen>> {
    let mut seen = vec![];
    for ranks in 1..=most {
        let words: &'static [Words] = match ranks {
            1 => &[("one process, no MPI", 1..=1)],
            _ => &[(" on 1 node over ", 1..=1), ("calls are right", 1..=1)],
        };
        let mut trial = Trial::new(mpi, program, folder, "calls", ranks);
        trial.limit = 120.0;
        let mut calls = trial.run(&Expected::Success(words))?;
        calls.task = format!("calls, {ranks}");
        seen.push(calls);
    }
    for (task, expected) in &TRIALS {
        let mut trial = Trial::new(mpi, program, folder, task, 3);
        if *task == "alone" {
            trial.command.env("IMNN_TIMEOUT", "2");
        }
        seen.push(trial.run(expected)?);
    }
    let none = Some("libno-such-mpi.so".into());
    for (task, library, expected) in
        [("no library", none, NO_LIBRARY), ("mismatch", other.map(Installed::file), MISMATCH)]
    {
        let Some(library) = library else { continue };
        let mut trial = Trial::new(mpi, program, folder, "calls", 2);
        trial.command.env("IMNN_MPI_LIBRARY", library);
        let mut refused = trial.run(&expected)?;
        refused.task = task.into();
        seen.push(refused);
    }
    Ok(seen)
}

/// A table with the tasks above it.
fn shown(rows: &[Vec<String>]) -> String {
    let n_calls = rows.first().map_or(0, |row| row.len() - TRIALS.len() - 3);
    let calls = (1..=n_calls).map(|ranks| format!("calls, {ranks}"));
    let others = TRIALS.iter().map(|(task, _)| *task).chain(["no library", "mismatch"]).map(String::from);
    let head: Vec<String> = std::iter::once(String::new()).chain(calls).chain(others).collect();
    let rows: Vec<&Vec<String>> = std::iter::once(&head).chain(rows).collect();
    let width = |k: usize| rows.iter().filter_map(|row| row.get(k)).map(String::len).max().unwrap_or(0);
    let widths: Vec<usize> = (0..head.len()).map(width).collect();
    let line = |row: &&Vec<String>| {
        let cells = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}"));
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned() + "\n"
    };
    rows.iter().map(line).collect()
}
