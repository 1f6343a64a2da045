//! The program behind `cargo xtask bench`.

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    match imnn_benches::run(&imnn_benches::Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("error: {failure}");
            ExitCode::FAILURE
        }
    }
}
