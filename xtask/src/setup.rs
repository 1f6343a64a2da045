//! System packages: a C compiler, which Rust links with, a C++ compiler for tests of kernels, and OpenBLAS for the linear
//! algebra.

use std::io::IsTerminal as _;
use std::process::Command;

use crate::process::{self, Failure, Outcome};

// The build looks with the same code.
#[allow(dead_code)]
#[path = "../../crates/imnn-lapack/probe.rs"]
mod probe;

pub use probe::exists;
use probe::{OPENBLAS, links};

/// What we install ourselves, as root, on Debian and Ubuntu.
const PACKAGES: [&str; 3] = ["g++", "libc6-dev", "libopenblas-dev"];

/// Installs the packages that are missing, or says how to.
pub fn run() -> Outcome {
    let missing = missing();
    if missing.is_empty() {
        return Ok(());
    }
    eprintln!("missing: {}", missing.join(", "));
    if !exists("apt-get") {
        return Err(Failure::new(by_hand()));
    }
    install(&PACKAGES)?;
    let missing = self::missing();
    if missing.is_empty() {
        return Ok(());
    }
    Err(Failure::new(format!("installed the packages, but still missing: {}", missing.join(", "))))
}

/// Installs packages of Debian and Ubuntu.
pub fn install(packages: &[&str]) -> Outcome {
    let prefix = as_root()
        .ok_or_else(|| Failure::new(format!("root rights are needed; as root, run\n    {}", shown(&[], packages))))?;
    for command in apt(packages) {
        let words = [&prefix[..], &command].concat();
        let mut command = Command::new(words[0]);
        command.args(&words[1..]).env("DEBIAN_FRONTEND", "noninteractive");
        process::run(&mut command)
            .map_err(|failure| Failure::new(format!("{failure}; run\n    {}", shown(&["sudo"], packages))))?;
    }
    Ok(())
}

fn apt<'a>(packages: &[&'a str]) -> [Vec<&'a str>; 2] {
    let update = vec!["apt-get", "update", "--quiet"];
    [update, [&["apt-get", "install", "--yes", "--no-install-recommends"], packages].concat()]
}

/// What cannot be linked with.
fn missing() -> Vec<&'static str> {
    if !links(&[]) {
        return vec!["a C compiler (cc)", "OpenBLAS (libopenblas)"];
    }
    let mut missing = vec![];
    if !OPENBLAS.is_there() {
        missing.push("OpenBLAS (libopenblas)");
    }
    // Tests of the kernels for GPUs compile them for the host.
    if !exists("g++") {
        missing.push("a C++ compiler (g++)");
    }
    missing
}

/// The words before a command that has to run as root; `None` if there is no way.
fn as_root() -> Option<Vec<&'static str>> {
    let user = process::output(Command::new("id").arg("-u")).unwrap_or_default();
    if user.trim() == "0" {
        return Some(vec![]);
    }
    if !exists("sudo") {
        return None;
    }
    // Nobody could type a password without a terminal, so that sudo must not ask then.
    let quiet: &[&str] = if std::io::stdin().is_terminal() { &[] } else { &["--non-interactive"] };
    Some([&["sudo"], quiet, &["env", "DEBIAN_FRONTEND=noninteractive"]].concat())
}

fn by_hand() -> String {
    let commands = probe::install().join("\n    ");
    format!(
        "this machine has no apt-get; install a C and a C++ compiler and OpenBLAS with its headers, such as by\n    {commands}"
    )
}

fn shown(prefix: &[&str], packages: &[&str]) -> String {
    apt(packages).map(|words| [prefix, &words].concat().join(" ")).join(" && ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn probe_tells_a_library_that_is_there_from_one_that_is_not() {
        // This test was linked, so that there is a C library.
        assert!(links(&["-lc"]));
        assert!(!links(&["-lno_such_library_here"]));
    }

    #[test]
    fn commands_to_type_are_complete() {
        let shown = shown(&["sudo"], &PACKAGES);
        assert!(shown.starts_with("sudo apt-get update --quiet && sudo apt-get install"), "{shown}");
        assert!(shown.ends_with("libopenblas-dev"), "{shown}");
    }
}
