//! Looks for the LAPACK of the enabled features and links it; what is missing goes into `missing.txt` for `src/lib.rs`.

use std::path::Path;
use std::process::ExitCode;
use std::{env, fs, io};

mod probe;

use probe::{BACKENDS, Backend, OPENBLAS};

/// Set to `off`, it lets a build go on without the check.
const SWITCH: &str = "IMNN_LAPACK_CHECK";

fn main() -> ExitCode {
    for name in [SWITCH, "PATH", "LIBRARY_PATH", "PKG_CONFIG_PATH", "MKLROOT"] {
        println!("cargo::rerun-if-env-changed={name}");
    }
    if enabled(&OPENBLAS) {
        for line in probe::link_lines() {
            println!("cargo::{line}");
        }
    }
    match report() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("imnn-lapack: missing.txt could not be written: {error}");
            ExitCode::FAILURE
        }
    }
}

fn report() -> io::Result<()> {
    let wanted = BACKENDS.iter().filter(|backend| enabled(backend) && to_be_checked());
    let missing: Vec<&Backend> = wanted.filter(|backend| !backend.is_there()).collect();
    for backend in &missing {
        println!("cargo::warning={}", backend.warning());
    }
    // A file that does not exist makes cargo look again in the next build, when the library may have been installed.
    println!("cargo::rerun-if-changed={}", if missing.is_empty() { "build.rs" } else { "no-such-file" });
    let folder = env::var_os("OUT_DIR").ok_or_else(|| io::Error::other("cargo sets no OUT_DIR"))?;
    let advice: String = missing.into_iter().map(Backend::advice).collect();
    fs::write(Path::new(&folder).join("missing.txt"), advice)
}

fn enabled(backend: &Backend) -> bool {
    env::var_os(format!("CARGO_FEATURE_{}", backend.feature.to_uppercase().replace('-', "_"))).is_some()
}

/// Whether this machine's libraries are those that the program is linked with, and nobody has switched the check off.
fn to_be_checked() -> bool {
    let is = |name: &str, value: &str| env::var(name).is_ok_and(|found| found == value);
    env::var_os("DOCS_RS").is_none()
        && !is(SWITCH, "off")
        && env::var_os("HOST") == env::var_os("TARGET")
        && !is("CARGO_CFG_TARGET_OS", "windows")
}
