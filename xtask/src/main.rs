//! Developer commands of the workspace: `cargo xtask <command>`.
//!
//! A file per command; no dependencies, so that this builds in seconds on a bare machine.

#![cfg_attr(test, allow(clippy::unwrap_used))]

use std::process::ExitCode;

mod bench;
mod check;
mod cuda;
mod demo;
mod golden;
mod gpu;
mod gpu_check;
mod json;
mod manifest;
mod npz;
mod process;
mod python;
mod sanitise;
mod setup;
mod standin;
mod test;
mod tidy;
mod workspace;

const HELP: &str = "\
Developer commands of imnn

    cargo xtask demo               install what is missing, train on mean and variance, print a table, draw a plot
    cargo xtask test [ARGUMENTS]   install what is missing, run all tests (or `cargo test` with these arguments)
    cargo xtask check              formatting, tidy, clippy, documentation, tests: everything to pass before a change
    cargo xtask tidy               layering, documents, sources and manifests
    cargo xtask sanitise [FILTERS] tests of the crates with unsafe code under AddressSanitizer; minutes, all is built anew
    cargo xtask cuda [FOLDER]      kernels for GPUs: get NVIDIA's compiler (or take it from FOLDER), compile for all cards;
                                   test the GPU engine on a stand-in for the libraries
    cargo xtask gpu-check [FLAGS]  on a machine with a GPU: everything that can only be seen there; --offline,
                                   --peers PYTHON (with JAX)
    cargo xtask golden [--check]   how the golden numbers are made; --check verifies the files
    cargo xtask python [FLAG]      files to and from tensorflow, imnn, h5py and numpy; --skip-missing without these
    cargo xtask bench [ARGUMENTS]  times of training iterations, beside other programs; --help says more
";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (command, rest) = match arguments.split_first() {
        Some((command, rest)) => (command.as_str(), rest),
        None => ("help", &[][..]),
    };
    let result = match command {
        "demo" => demo::run(rest),
        "test" => test::run(rest),
        "check" => check::run(rest),
        "tidy" => tidy::run(rest),
        "sanitise" => sanitise::run(rest),
        "cuda" => cuda::run(rest),
        "gpu-check" => gpu_check::run(rest),
        "golden" => golden::run(rest),
        "python" => python::run(rest),
        "bench" => bench::run(rest),
        "help" | "--help" | "-h" => {
            print!("{HELP}");
            Ok(())
        }
        unknown => Err(process::Failure::usage(format!("unknown command `{unknown}`\n\n{HELP}"))),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("xtask: {failure}");
            ExitCode::from(failure.status)
        }
    }
}
