//! A stand-in for NVIDIA's driver, NVRTC and cuBLAS: what can be known of cards without one.
//!
//! It is built into the target folder from `crates/imnn-device/standin`, whose README.md says what it does.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::process::{Failure, Outcome, cargo, run as run_command};
use crate::workspace;

const SOURCE: &str = "crates/imnn-device/standin";
const CHECKS: &str = "crates/imnn-device/src/commands/kernels/emulated.hpp";
const FLAGS: &str = "-std=c++17 -O2 -g -Wall -Wextra -Werror -fPIC -fvisibility=hidden -Wl,--no-undefined";
/// Source, library, and the name without a version, which is looked for first.
const LIBRARIES: [[&str; 3]; 3] = [
    ["driver.cpp", "libcuda.so.1", "libcuda.so"],
    ["cublas.cpp", "libcublas.so.13", "libcublas.so"],
    ["nvrtc.cpp", "libnvrtc.so.13", "libnvrtc.so"],
];

/// Tests of the card on the stand-in: with work that runs as late as it may, at once, and at moments drawn by chance.
pub fn run() -> Outcome {
    let folder = build()?;
    for misuse in misuses(&folder)? {
        detected(&folder, &misuse)?;
    }
    for order in ["late", "now", "1"] {
        let device = ["test", "-p", "imnn-device", "--features", "cuda", "--lib", "--", "cuda::"];
        run_command(on(&mut cargo(&device), &folder, order)?.env("IMNN_GPU", "1"))?;
        let golden = ["test", "-p", "imnn-tests", "--features", "cuda", "--", "golden_fit"];
        run_command(on(&mut cargo(&golden), &folder, order)?.env("IMNN_DEVICE", "cuda"))?;
    }
    Ok(())
}

/// Compiles the libraries; the folder that they are in.
fn build() -> Outcome<PathBuf> {
    let target = workspace::target();
    let folder = target.join("cuda/standin");
    fs::create_dir_all(&folder)?;
    let folder = folder.canonicalize()?;
    let source = workspace::root().join(SOURCE);
    for [name, library, plain] in LIBRARIES {
        let mut compiler = compiler();
        compiler.args(FLAGS.split(' ')).arg("-shared").arg(format!("-Wl,-soname,{library}"));
        compiler.arg(format!("-DEMULATED_HPP=\"{}\"", workspace::root().join(CHECKS).display()));
        compiler.arg(source.join(name)).arg("-o").arg(folder.join(library));
        if name == "cublas.cpp" {
            compiler.arg(folder.join("libcuda.so.1"));
        }
        run_command(&mut compiler)?;
        if !folder.join(plain).exists() {
            std::os::unix::fs::symlink(library, folder.join(plain))?;
        }
    }
    let mut compiler = compiler();
    compiler.args(FLAGS.split(' ')).arg(source.join("selftest.cpp")).arg("-o").arg(folder.join("selftest"));
    run_command(compiler.args(LIBRARIES.map(|[_, library, _]| folder.join(library))))?;
    Ok(folder)
}

fn compiler() -> Command {
    Command::new(std::env::var_os("CXX").unwrap_or_else(|| "g++".into()))
}

/// Sets up a command to find two cards with the stand-in, and nobody else's compiled kernels.
fn on<'a>(command: &'a mut Command, folder: &Path, order: &str) -> Outcome<&'a mut Command> {
    let cache = folder.join("cache");
    if cache.exists() {
        fs::remove_dir_all(&cache)?;
    }
    command.env("LD_LIBRARY_PATH", folder).env("XDG_CACHE_HOME", cache);
    Ok(command.env("IMNN_STANDIN_GPUS", "2").env("IMNN_STANDIN_ORDER", order))
}

/// The names of the misuses that the self test knows; without a name it tries what has to work.
fn misuses(folder: &Path) -> Outcome<Vec<String>> {
    let output = on(&mut Command::new(folder.join("selftest")), folder, "late")?.output()?;
    eprint!("{}", String::from_utf8_lossy(&output.stderr));
    if !output.status.success() {
        return Err(Failure::new(format!("what has to work on the stand-in does not ({})", output.status)));
    }
    Ok(String::from_utf8_lossy(&output.stdout).lines().map(ToOwned::to_owned).collect())
}

/// A misuse has to end the program with a message.
fn detected(folder: &Path, misuse: &str) -> Outcome {
    let output = on(&mut Command::new(folder.join("selftest")), folder, "late")?.arg(misuse).output()?;
    let said = String::from_utf8_lossy(&output.stderr);
    let found = said.lines().find(|line| line.contains("MISUSE") || line.contains("LEAK"));
    match found {
        Some(line) if !output.status.success() => {
            eprintln!("{misuse}: {line}");
            Ok(())
        }
        _ => Err(Failure::new(format!("the stand-in does not see `{misuse}`: {said}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_finds_the_stand_in_alone_and_an_empty_cache() {
        let folder = temporary();
        fs::create_dir_all(folder.join("cache/imnn")).unwrap();
        let mut command = Command::new("true");
        on(&mut command, &folder, "now").unwrap();
        let value = |name: &str| command.get_envs().find(|(n, _)| *n == name).and_then(|(_, value)| value).unwrap();
        assert_eq!(value("LD_LIBRARY_PATH"), folder.as_os_str());
        assert_eq!(value("XDG_CACHE_HOME"), folder.join("cache").as_os_str());
        assert_eq!(value("IMNN_STANDIN_ORDER"), "now");
        assert!(!folder.join("cache").exists());
        fs::remove_dir_all(folder).unwrap();
    }

    fn temporary() -> PathBuf {
        std::env::temp_dir().join(format!("imnn-standin-{}", std::process::id()))
    }
}
