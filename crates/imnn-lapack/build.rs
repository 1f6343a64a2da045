//! Looks for the LAPACK of the enabled features; what is missing goes into `missing.txt`, which `src/lib.rs` reads.

use std::path::Path;
use std::process::ExitCode;
use std::{env, fs, io};

mod probe;

/// Set to `off`, it lets a build go on without the check.
const SWITCH: &str = "IMNN_LAPACK_CHECK";

fn main() -> ExitCode {
    for name in [SWITCH, "PATH", "LIBRARY_PATH", "PKG_CONFIG_PATH", "MKLROOT"] {
        println!("cargo::rerun-if-env-changed={name}");
    }
    match write() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("imnn-lapack: missing.txt could not be written: {error}");
            ExitCode::FAILURE
        }
    }
}

fn write() -> io::Result<()> {
    let missing = if to_be_checked() { missing() } else { String::new() };
    // A file that does not exist makes cargo look again in the next build, when the library may have been installed.
    println!("cargo::rerun-if-changed={}", if missing.is_empty() { "build.rs" } else { "no-such-file" });
    let folder = env::var_os("OUT_DIR").ok_or_else(|| io::Error::other("cargo sets no OUT_DIR"))?;
    fs::write(Path::new(&folder).join("missing.txt"), missing)
}

/// Whether this machine's libraries are those that the program is linked with, and somebody wants to know.
fn to_be_checked() -> bool {
    let is = |name: &str, value: &str| env::var(name).is_ok_and(|found| found == value);
    env::var_os("DOCS_RS").is_none()
        && !is(SWITCH, "off")
        && env::var_os("HOST") == env::var_os("TARGET")
        && !is("CARGO_CFG_TARGET_OS", "windows")
}

fn missing() -> String {
    let enabled = |feature: &str| {
        let name = feature.to_uppercase().replace('-', "_");
        env::var_os(format!("CARGO_FEATURE_{name}")).is_some()
    };
    let missing = probe::BACKENDS.iter().filter(|backend| enabled(backend.feature) && !backend.is_there());
    missing.map(probe::Backend::advice).collect::<Vec<_>>().join("\n")
}
