//! Developer commands of the workspace: `cargo xtask <command>`.
//!
//! A file per command; no dependencies, so that this builds in seconds on a bare machine.

#![cfg_attr(test, allow(clippy::unwrap_used))]

use std::process::ExitCode;

use process::{Failure, Outcome};

mod addition;
mod bench;
mod check;
mod copy;
mod cuda;
mod demo;
mod deny;
mod fuzz;
mod golden;
mod gpu_check;
mod lines;
mod miri;
mod mpi;
mod mutants;
mod process;
mod python;
mod sanitise;
mod setup;
mod source;
mod test;
mod tidy;
mod workspace;

/// One command.
struct Command {
    name: &'static str,
    arguments: &'static str,
    /// What it does, in lines for the help.
    what: &'static str,
    run: fn(&[String]) -> Outcome,
}

#[rustfmt::skip]
const COMMANDS: [Command; 18] = [
    Command { name: "demo", arguments: "", run: demo::run, what: "\
install what is missing, train on mean and variance, print a table, draw a plot" },
    Command { name: "test", arguments: "[ARGUMENTS]", run: test::run, what: "\
install what is missing, run all tests (or `cargo test` with these arguments)" },
    Command { name: "addition", arguments: "", run: addition::run, what: "\
the additions that docs/contributing.md shows, made on a copy of the sources, and trained with" },
    Command { name: "check", arguments: "", run: check::run, what: "\
formatting, tidy, clippy, documentation, tests: everything to pass before a change" },
    Command { name: "tidy", arguments: "", run: tidy::run, what: "\
layering, circles, rooms, documents, sources and manifests" },
    Command { name: "lines", arguments: "[FOLDER]", run: lines::run, what: "\
lines of source outside tests, here or in another clone" },
    Command { name: "sanitise", arguments: "[FILTERS]", run: sanitise::run, what: "\
tests of the crates with unsafe code under AddressSanitizer; minutes, all is compiled anew" },
    Command { name: "miri", arguments: "[FILTERS]", run: miri::run, what: "\
the thread pool and matrix products under Miri, which knows the rules of unsafe code; minutes" },
    Command { name: "deny", arguments: "[CHECKS]", run: deny::run, what: "\
licences, sources, versions, build scripts and advisories of all dependencies, by deny.toml" },
    Command { name: "fuzz", arguments: "[ARGUMENTS]", run: fuzz::run, what: "\
search for files that parsers do not bear: [TARGETS] [SECONDS] [--executions N] [--seed S],
30 s for each of all by default; or TARGET FILE, to see again what was found" },
    Command { name: "mutants", arguments: "[ARGUMENTS]", run: mutants::run, what: "\
small faults in the sources, one at a time, and which of them no test sees; hours:
[CRATES] [--sample N] [--seed S], 200 in each of stats, jobs, fit and data by default" },
    Command { name: "cuda", arguments: "[FOLDER]", run: cuda::run, what: "\
kernels for GPUs: get NVIDIA's compiler (or take it from FOLDER), compile for all generations" },
    Command { name: "gpu-check", arguments: "[--pack FOLDER]", run: gpu_check::run, what: "\
what can only be seen on a GPU; --pack puts it into a folder for a machine without
Rust and network, where run.sh does it" },
    Command { name: "golden", arguments: "[--check]", run: golden::run, what: "\
how the golden numbers are made; --check verifies the files" },
    Command { name: "python", arguments: "[FLAG]", run: python::run, what: "\
files to and from tensorflow, imnn, h5py and numpy, which are installed into target/python
(or IMNN_PYTHON names an interpreter that has them); --skip-missing passes without them" },
    Command { name: "mpi", arguments: "[OPTIONS]", run: mpi::run, what: "\
ranks, and training on them, under Open MPI and MPICH, and what may go wrong;
--all: under those that are Python packages too; as root, --hosts: over three
network namespaces, one of which is cut off, and --slurm: under SLURM" },
    Command { name: "bench", arguments: "[ARGUMENTS]", run: bench::run, what: "\
times of training iterations; --peers, --torch, --original PYTHON beside other programs;
`cargo run --release -p imnn-benches -- --help` lists all arguments" },
    Command { name: "information", arguments: "[ARGUMENTS]", run: bench::information, what: "\
the share of the exact information that the defaults find on fresh simulations;
--recipes how soon, beside the recipe of the Python package (--original PYTHON: and itself)" },
];

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match run(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("xtask: {failure}");
            ExitCode::from(failure.status)
        }
    }
}

fn run(arguments: &[String]) -> Outcome {
    let is_help = |argument: &str| ["help", "--help", "-h"].contains(&argument);
    let (name, rest) = match arguments.split_first() {
        Some((name, rest)) if !is_help(name) => (name, rest),
        _ => {
            print!("{}", help());
            return Ok(());
        }
    };
    let Some(command) = COMMANDS.iter().find(|command| command.name == name) else {
        return Err(Failure::usage(format!("unknown command `{name}`\n\n{}", help())));
    };
    // What follows `--` is for another program.
    if rest.iter().take_while(|argument| *argument != "--").any(|argument| is_help(argument)) {
        print!("{}", entry(command));
        return Ok(());
    }
    match rest.first() {
        Some(argument) if command.arguments.is_empty() => {
            Err(Failure::usage(format!("{name} takes no arguments, found `{argument}`")))
        }
        _ => (command.run)(rest),
    }
}

fn help() -> String {
    let entries: String = COMMANDS.iter().map(entry).collect();
    format!("Developer commands of imnn; with --help a command prints its lines of these and does nothing\n\n{entries}")
}

fn entry(command: &Command) -> String {
    let mut head = format!("cargo xtask {} {}", command.name, command.arguments);
    let mut text = String::new();
    for line in command.what.lines() {
        text += &format!("    {head:<30} {line}\n");
        head.clear();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn help_does_nothing_else() {
        // None of these may install or compile anything: all together take no time.
        let start = std::time::Instant::now();
        for command in &COMMANDS {
            run(&[command.name.into(), "--help".into()]).unwrap();
        }
        run(&["--help".into()]).unwrap();
        assert!(start.elapsed().as_secs() < 5);
        assert!(help().lines().all(|line| line.chars().count() <= 130), "{}", help());
    }

    #[test]
    fn unknown_commands_are_refused_with_the_help() {
        let failure = run(&["tidi".into()]).unwrap_err();
        assert_eq!(failure.status, 2);
        assert!(
            failure.to_string().contains("unknown command `tidi`") && failure.to_string().contains("cargo xtask tidy")
        );
        let failure = run(&["tidy".into(), "it".into()]).unwrap_err();
        assert_eq!((failure.status, failure.to_string().as_str()), (2, "tidy takes no arguments, found `it`"));
    }
}
