//! The program `imnn`.

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    match imnn_cli::run(imnn_cli::Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        // A reader that has seen enough (`imnn ... | head`) is no fault of the run.
        Err(error) if error.is_broken_pipe() => ExitCode::SUCCESS,
        Err(error) => {
            if !error.is_said() {
                imnn_cli::say(&format!("error: {error}"));
            }
            ExitCode::from(error.exit_code())
        }
    }
}
