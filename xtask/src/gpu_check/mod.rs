//! `cargo xtask gpu-check`: what can only be seen on a machine with a GPU, in one command.
//!
//! 1. What is there. NVRTC and cuBLAS are got by pip if they are missing.
//! 2. Random networks of all layers on the GPU against the CPU (1e-4 of the largest number in f32), four passes each, the
//!    last ones replayed as graphs, all with the same bits; and each activation and layer in a network of its own.
//! 3. Networks and whole training runs of the original package on the GPU, in f32 and f64, within the tolerances of the
//!    golden files.
//! 4. Training runs repeated on the GPU, to the bit.
//! 5. The same networks as in 2 under compute-sanitizer's memcheck and racecheck, which is got by pip if it is missing.
//! 6. With `--peers PYTHON`, a Python that has JAX for GPUs: that ours is as much faster than JAX on the same card as is
//!    asked of it.
//!
//! With `--offline`, neither cargo nor pip asks a network: what is needed has to be there. What did not run does not pass.
//! The report is also written to `target/gpu-check.txt`, with all that the steps have printed.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

mod report;

use crate::gpu::{self, Found, with_libraries};
use crate::process::{Failure, Outcome, cargo, output};
use crate::{setup, workspace};

use report::{End, Report};

const ON_GPU: &str = "cuda::tests::random_networks_agree_on_the_gpu";
const SANITISER: &str = "compute-sanitizer";
/// How many times as long as ours JAX takes at least, for workloads of the benchmark.
const ASKED: [(&str, f64); 2] = [("dense-exact-1000", 3.0), ("inception-128-wide-64-fly-5000", 1.5)];

/// The command line.
#[derive(Debug, Default, PartialEq, Eq)]
struct Arguments {
    offline: bool,
    peers: Option<PathBuf>,
}

impl Arguments {
    fn read(arguments: &[String]) -> Outcome<Self> {
        let mut read = Arguments::default();
        let mut rest = arguments.iter();
        while let Some(argument) = rest.next() {
            match argument.as_str() {
                "--offline" => read.offline = true,
                "--peers" => match rest.next() {
                    Some(python) => read.peers = Some(python.into()),
                    None => return Err(Failure::usage("--peers needs a Python that has JAX")),
                },
                other => {
                    let message = format!("gpu-check takes --offline and --peers PYTHON, found `{other}`");
                    return Err(Failure::usage(message));
                }
            }
        }
        Ok(read)
    }

    fn offline(&self) -> &'static [&'static str] {
        if self.offline { &["--offline"] } else { &[] }
    }
}

pub fn run(arguments: &[String]) -> Outcome {
    let arguments = Arguments::read(arguments)?;
    setup::run()?;
    let mut report = Report::begin();
    let result = check(&arguments, &mut report);
    if let Err(failure) = &result {
        report.rest(&failure.to_string());
    }
    let text = report.text();
    println!("\n{}", report.summary());
    let file = workspace::target().join("gpu-check.txt");
    fs::create_dir_all(workspace::target())?;
    fs::write(&file, text)?;
    println!("    the whole report: {}", file.display());
    report.verdict()
}

/// Runs step after step; an error ends them all.
fn check(arguments: &Arguments, report: &mut Report) -> Outcome {
    let offline = arguments.offline();
    let folders = libraries(arguments, report)?;
    let folders = folders.as_slice();

    let mut devices = cargo(&["run", "--quiet", "-p", "imnn-cli", "--features", "cuda"]);
    report.step(with_libraries(devices.args(offline).args(["--", "devices"]), folders));

    let device = ["-p", "imnn-device", "--features", "cuda", "--lib"];
    let mut networks = cargo(&["test"]);
    networks.args(device).args(offline).args(["--", "--nocapture", "cuda::", "fused::agreement::card"]);
    report.tests(with_libraries(networks.env("IMNN_GPU", "1"), folders));

    for tests in ["layers::", "golden_net::", "golden_fit::", "repeats::"] {
        let mut command = cargo(&["test", "-p", "imnn-tests", "--features", "cuda", "--test", "cross"]);
        command.args(offline).args(["--", "--nocapture", tests]).env("IMNN_DEVICE", "cuda");
        report.tests(with_libraries(&mut command, folders));
    }

    match sanitiser(arguments, report) {
        Ok(program) => {
            let mut build = cargo(&["test"]);
            build.args(device).args(offline).args(["--no-run", "--message-format=json"]);
            let tests = output(&mut build)?;
            let tests = executable(&tests).ok_or_else(|| Failure::new("cargo names no program of the tests"))?;
            for tool in ["memcheck", "racecheck"] {
                let mut command = Command::new(&program);
                command.args(["--tool", tool, "--error-exitcode", "9"]).arg(&tests).args(["--exact", ON_GPU]);
                command.env("IMNN_GPU", "1").env("IMNN_GPU_NETWORKS", "10");
                report.tests(with_libraries(&mut command, folders));
            }
        }
        Err(failure) => {
            for _ in 0..2 {
                report.not_run(&failure.to_string());
            }
        }
    }

    match &arguments.peers {
        Some(python) => {
            let mut bench = cargo(&["run", "--release", "--quiet", "-p", "imnn-benches", "--features", "cuda"]);
            bench.args(offline).args(["--bin", "imnn-benches", "--", "--cuda", "--tf32", "--json", "--peers"]);
            bench.arg(python).arg("--only").args(ASKED.map(|(workload, _)| workload));
            report.checked(with_libraries(&mut bench, folders), |log| faster(log).map_err(End::Failed));
        }
        None => report.not_run("no --peers PYTHON was given"),
    }
    Ok(())
}

/// The folders of NVRTC and cuBLAS, which are got if they are missing and may be.
fn libraries(arguments: &Arguments, report: &mut Report) -> Outcome<Vec<PathBuf>> {
    let ours = || -> Vec<PathBuf> {
        ["libnvrtc.so", "libcublas.so"].iter().flat_map(|name| gpu::folders_with(&gpu::place(), name)).collect()
    };
    let mut found = Found::look(&[])?;
    if let Some(reason) = found.no_gpu() {
        return Err(Failure::new(reason));
    }
    let mut folders = Vec::new();
    if !found.packages().is_empty() {
        folders = ours();
        found = Found::look(&folders)?;
    }
    let packages = found.packages();
    if !packages.is_empty() {
        if arguments.offline {
            return Err(Failure::new(format!("missing, and not to be got offline: {}", packages.join(", "))));
        }
        gpu::fetch(&packages, &gpu::place())?;
        folders = ours();
        found = Found::look(&folders)?;
        if !found.packages().is_empty() {
            return Err(Failure::new(format!("still not found after pip: {}", packages.join(", "))));
        }
    }
    report.say(&format!("GPUs: {}; driver for CUDA {}", found.gpus.join(", "), version(found.driver)));
    report.say(&format!("libraries from pip: {folders:?}"));
    Ok(folders)
}

/// compute-sanitizer, as it is installed, or from pip.
fn sanitiser(arguments: &Arguments, report: &mut Report) -> Outcome<PathBuf> {
    let program = find_sanitiser(Path::new(SANITISER), arguments.offline, || {
        let package = Found::look(&[])?.package("nvidia-cuda-sanitizer-api");
        gpu::fetch(&[package], &gpu::place())
    })?;
    let version = output(Command::new(&program).arg("--version"))?;
    report.say(&format!("{}: {}", program.display(), version.lines().last().unwrap_or_default()));
    Ok(program)
}

fn find_sanitiser(installed: &Path, offline: bool, fetch: impl FnOnce() -> Outcome) -> Outcome<PathBuf> {
    let runs = |program: &Path| output(Command::new(program).arg("--version")).is_ok();
    let ours = || {
        // The launcher in `bin` finds its files by itself, and beside the program of the same name they lie.
        let folders = gpu::folders_with(&gpu::place(), SANITISER);
        folders.into_iter().map(|folder| folder.join(SANITISER)).find(|program| runs(program))
    };
    if runs(installed) {
        return Ok(installed.to_owned());
    }
    if let Some(program) = ours() {
        return Ok(program);
    }
    if offline {
        return Err(Failure::new(format!("{SANITISER} is not installed, and not to be got offline")));
    }
    fetch()?;
    ours().ok_or_else(|| Failure::new(format!("{SANITISER} does not run, though pip got it")))
}

fn version(driver: Option<u32>) -> String {
    driver.map_or_else(|| "?".into(), |v| format!("{}.{}", v / 1000, v % 1000 / 10))
}

/// Whether ours is as much faster as is asked, in what the benchmark printed as JSON; says by how much if it is not. There
/// an entry is a line, and the keys of an object are in alphabetical order: a workload comes after its programs.
fn faster(log: &str) -> Result<(), String> {
    let (mut program, mut programs, mut compared) = ("", Vec::new(), Vec::new());
    for line in log.lines() {
        match line.trim().trim_end_matches(',').split_once(": ") {
            Some(("\"program\"", name)) => program = name.trim_matches('"'),
            Some(("\"times_ours\"", times)) if program.contains("JAX") => {
                programs.extend(times.parse::<f64>().ok().map(|times| (program, times)));
            }
            Some(("\"workload\"", name)) => {
                compared.extend(programs.drain(..).map(|(program, times)| (name.trim_matches('"'), program, times)));
            }
            _ => {}
        }
    }
    let mut short = Vec::new();
    for (asked_for, asked) in ASKED {
        let of = compared.iter().filter(|(workload, ..)| *workload == asked_for);
        if of.clone().next().is_none() {
            short.push(format!("{asked_for}: nothing to compare with"));
        }
        let slow = of.filter(|(.., times)| *times < asked);
        short.extend(slow.map(|(workload, program, times)| {
            format!("{workload}: {program} takes {times:.2} times as long as ours, not {asked}")
        }));
    }
    if short.is_empty() { Ok(()) } else { Err(short.join("; ")) }
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
    fn arguments_are_read_and_others_refused() {
        let read = |words: &[&str]| Arguments::read(&words.iter().map(|&word| word.to_owned()).collect::<Vec<_>>());
        let both = Arguments { offline: true, peers: Some("a/python".into()) };
        assert_eq!(read(&["--peers", "a/python", "--offline"]).unwrap(), both);
        assert_eq!(read(&[]).unwrap(), Arguments::default());
        assert_eq!(read(&["--fast"]).unwrap_err().status, 2);
        assert_eq!(read(&["--peers"]).unwrap_err().status, 2);
    }

    #[test]
    fn what_is_not_as_fast_as_asked_is_said() {
        let program = |name: &str, times: Option<f64>| {
            let times = times.map_or(String::new(), |times| format!(",\n        \"times_ours\": {times}"));
            format!("        \"program\": \"{name}\"{times}\n")
        };
        let report = |dense: f64, wide: &str| {
            let dense = [program("imnn, f32", None), program("JAX 1, f32", Some(dense))].concat();
            format!(
                "$ cargo\n{{\n  \"records\": [\n{dense}      \"workload\": \"dense-exact-1000\"\n{wide}      \
                 \"workload\": \"inception-128-wide-64-fly-5000\"\n]\n}}\n"
            )
        };
        let jax = [program("JAX 1, f32", Some(1.6)), program("PyTorch", Some(0.1))].concat();
        assert_eq!(faster(&report(3.2, &jax)), Ok(()));
        let short = faster(&report(2.5, "")).unwrap_err();
        assert_eq!(
            short,
            "dense-exact-1000: JAX 1, f32 takes 2.50 times as long as ours, not 3; inception-128-wide-64-fly-5000: nothing to \
             compare with"
        );
        assert!(faster("no JSON").is_err());
    }

    #[test]
    fn a_sanitiser_that_is_installed_is_taken_and_none_is_got_offline() {
        let never = || panic!("asked the network");
        assert_eq!(find_sanitiser(Path::new("true"), true, never).unwrap(), Path::new("true"));
        if gpu::folders_with(&gpu::place(), SANITISER).is_empty() {
            let failure = find_sanitiser(Path::new("no-such-program-here"), true, never).unwrap_err();
            assert!(failure.to_string().contains("offline"), "{failure}");
        }
    }
}
