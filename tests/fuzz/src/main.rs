//! `imnn-fuzz`: searches for inputs that parsers do not bear. See docs/fuzzing.md.
//!
//! Each target is searched in a process of its own, so that one that crashes is told of too: the input that is run is in
//! a file beforehand.

#![cfg_attr(test, allow(clippy::unwrap_used))]

mod arguments;
mod worker;

use arguments::{Arguments, HELP};
use imnn_fuzz::{Limits, SCRATCH, TARGETS, execute, memory, quiet, root, target, write_corpora};
use std::collections::VecDeque;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::sync::{Mutex, PoisonError};
use std::thread;

#[global_allocator]
static COUNTING: memory::Counting = memory::Counting;

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    match Arguments::parse(&words).and_then(|arguments| run(&arguments)) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(message) => {
            eprintln!("imnn-fuzz: {message}");
            ExitCode::from(2)
        }
    }
}

/// Whether nothing was found.
fn run(arguments: &Arguments) -> Result<bool, String> {
    if arguments.help {
        print!("{HELP}");
        TARGETS.iter().for_each(|target| println!("    {:<16} {}", target.name, target.about));
        return Ok(true);
    }
    if arguments.make_corpus {
        let bytes = write_corpora().map_err(|error| error.to_string())?;
        println!("{bytes} bytes in fuzz/corpus");
        return Ok(true);
    }
    if let Some(name) = &arguments.worker {
        let target = target(name).ok_or("no such target")?;
        return worker::run(target, arguments);
    }
    if !arguments.inputs.is_empty() {
        return repeat(&arguments.targets, &arguments.inputs);
    }
    let queue: VecDeque<&str> = match &arguments.targets[..] {
        [] => TARGETS.iter().map(|target| target.name).collect(),
        names => names.iter().map(String::as_str).collect(),
    };
    let (queue, good) = (Mutex::new(queue), Mutex::new(true));
    thread::scope(|scope| {
        for _ in 0..arguments.jobs {
            scope.spawn(|| {
                loop {
                    let next = queue.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
                    let Some(name) = next else { break };
                    let found = search(name, arguments).unwrap_or_else(|message| {
                        eprintln!("{name}: {message}");
                        false
                    });
                    *good.lock().unwrap_or_else(PoisonError::into_inner) &= found;
                }
            });
        }
    });
    Ok(good.into_inner().unwrap_or_else(PoisonError::into_inner))
}

/// Searches a target in a process of its own. Whether nothing was found.
fn search(name: &str, arguments: &Arguments) -> Result<bool, String> {
    let text = |error: std::io::Error| error.to_string();
    let memory = Path::new("/dev/shm");
    let parent = if memory.is_dir() { memory.to_owned() } else { std::env::temp_dir() };
    let scratch = tempfile::Builder::new().prefix("imnn-fuzz-").tempdir_in(parent).map_err(text)?;
    let mut command = Command::new(std::env::current_exe().map_err(text)?);
    command.args(["--worker", name]).args(arguments.of_worker()).env(SCRATCH, scratch.path());
    let status = command.status().map_err(text)?;
    if status.success() {
        return Ok(true);
    }
    // What was found is in the input that was run last, whatever ended the process.
    let last = fs::read(scratch.path().join(worker::CURRENT)).unwrap_or_default();
    let Some(input) = worker::unframed(&last) else { return Err(format!("it could not begin: {status}")) };
    let kept = format!("fuzz/artifacts/{name}/{:08x}", number(input));
    let path = root().join(&kept);
    fs::create_dir_all(path.with_file_name("")).and_then(|()| fs::write(&path, input)).map_err(text)?;
    let ended = if status.code() == Some(1) { String::new() } else { format!(", which ended its process ({status}),") };
    println!("{name}: {} bytes{ended} are kept. To see them again:\n    cargo xtask fuzz {name} {kept}", input.len());
    Ok(false)
}

/// A number for the name of a file: FNV-1a.
fn number(bytes: &[u8]) -> u32 {
    bytes.iter().fold(0x811c_9dc5, |sum, &byte| (sum ^ u32::from(byte)).wrapping_mul(0x0100_0193))
}

/// Runs inputs again, with what a panic says.
fn repeat(targets: &[String], inputs: &[PathBuf]) -> Result<bool, String> {
    let [name] = targets else { return Err("name one target for these inputs".into()) };
    let target = target(name).ok_or("no such target")?;
    quiet();
    let mut good = true;
    for path in inputs {
        let data = fs::read(path).map_err(|error| format!("{}: {error}", path.display()))?;
        let told = match execute(target, &data, &Limits::default()) {
            Ok(Ok(answer)) => format!("accepted: {answer}"),
            Ok(Err(message)) => format!("refused: {message}"),
            Err(fault) => {
                good = false;
                fault.to_string()
            }
        };
        println!("{}: {told}", path.display());
    }
    Ok(good)
}
