//! `cargo xtask gpu-check`: what can only be seen on a machine with a GPU, in one command.
//!
//! 1. What is there: `imnn devices`.
//! 2. Random networks of all layers on the GPU against the CPU (1e-4 of the largest number in f32), four passes each, the
//!    last ones replayed as graphs, all with the same bits.
//! 3. Whole training runs of the original package, on the GPU, within the tolerances of the golden files.
//! 4. The same networks as in 2 under compute-sanitizer's memcheck and racecheck, where it is installed.
//!
//! With `--offline`, cargo asks no network: the dependencies have to be there, in its folders or vendored.

use std::process::Command;

use crate::process::{Failure, Outcome, cargo, output, run as run_command};
use crate::setup;

const ON_GPU: &str = "cuda::tests::random_networks_agree_on_the_gpu";

pub fn run(arguments: &[String]) -> Outcome {
    let offline: &[&str] = match arguments {
        [] => &[],
        [flag] if flag == "--offline" => &["--offline"],
        other => return Err(Failure::usage(format!("gpu-check takes --offline at most, found `{}`", other.join(" ")))),
    };
    setup::run()?;
    let mut report = Vec::new();
    let mut step = |name: &str, outcome: Outcome| {
        let text = outcome.as_ref().map_or_else(ToString::to_string, |()| "passed".into());
        report.push((name.to_owned(), outcome.is_ok(), text));
    };
    let device = ["-p", "imnn-device", "--features", "cuda", "--lib"];

    let mut devices = cargo(&["run", "--quiet", "-p", "imnn-cli", "--features", "cuda"]);
    step("what is there", run_command(devices.args(offline).args(["--", "devices"])));

    let mut networks = cargo(&["test"]);
    networks.args(device).args(offline).args(["--", "--nocapture", "cuda::", "fused::agreement::card"]);
    step("networks against the CPU", run_command(networks.env("IMNN_GPU", "1")));

    let mut golden = cargo(&["test", "-p", "imnn-tests", "--features", "cuda"]);
    golden.args(offline).args(["--", "golden_fit"]);
    step("golden training runs", run_command(golden.env("IMNN_DEVICE", "cuda")));

    let sanitiser = "compute-sanitizer";
    if output(Command::new(sanitiser).arg("--version")).is_ok() {
        let mut build = cargo(&["test"]);
        build.args(device).args(offline).args(["--no-run", "--message-format=json"]);
        let program = output(&mut build).map(|messages| executable(&messages));
        for tool in ["memcheck", "racecheck"] {
            let outcome = match &program {
                Ok(Some(program)) => {
                    let mut command = Command::new(sanitiser);
                    command.args(["--tool", tool, "--error-exitcode", "9"]).arg(program).args(["--exact", ON_GPU]);
                    run_command(command.env("IMNN_GPU", "1").env("IMNN_GPU_NETWORKS", "10"))
                }
                Ok(None) => Err(Failure::new("cargo names no program of the tests")),
                Err(failure) => Err(Failure::new(failure.to_string())),
            };
            step(&format!("{sanitiser} {tool}"), outcome);
        }
    } else {
        step("compute-sanitizer", Err(Failure::new("NOT RUN: it is not installed")));
    }

    println!("\ngpu-check");
    for (name, _, text) in &report {
        println!("    {name:26} {text}");
    }
    match report.iter().filter(|(_, passed, _)| !passed).count() {
        0 => Ok(()),
        failed => Err(Failure::new(format!("{failed} of {} steps did not pass", report.len()))),
    }
}

/// The program of the tests in the messages of `cargo test --no-run --message-format=json`.
fn executable(messages: &str) -> Option<String> {
    let found = messages.lines().filter(|line| line.contains("\"name\":\"imnn_device\""));
    let mut texts = found.filter_map(|line| line.split("\"executable\":\"").nth(1)?.split('"').next());
    texts.next_back().map(ToOwned::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_program_of_the_tests_is_found() {
        let messages = "{\"target\":{\"name\":\"imnn_device\"},\"executable\":null}\n\
                        {\"target\":{\"name\":\"imnn_device\"},\"executable\":\"/t/imnn_device-1\"}\n\
                        {\"target\":{\"name\":\"other\"},\"executable\":\"/t/other\"}\n";
        assert_eq!(executable(messages).as_deref(), Some("/t/imnn_device-1"));
        assert_eq!(executable("{}"), None);
    }

    #[test]
    fn other_arguments_are_refused() {
        assert_eq!(run(&["--fast".into()]).unwrap_err().status, 2);
    }
}
