//! What each LAPACK needs of the machine, how to find out, and what to say if it is missing. The developer commands
//! (`xtask/src/setup.rs`) look with the same code.

use std::env;
use std::ffi::OsString;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// One way to have a LAPACK, and what it needs.
pub struct Backend {
    /// The feature that chooses it.
    pub feature: &'static str,
    /// Its name in messages.
    pub title: &'static str,
    /// Flags with which a program links if the libraries are there.
    pub flags: &'static [&'static str],
    /// The name under which pkg-config knows it.
    pub package: &'static str,
    /// A program that is needed to compile it.
    pub program: Option<&'static str>,
}

/// All that are looked for.
pub const BACKENDS: [Backend; 5] = [
    OPENBLAS,
    Backend { feature: "openblas-static", title: "make, which compiles OpenBLAS,", program: Some("make"), ..NOTHING },
    Backend {
        feature: "netlib-system",
        title: "LAPACK with CBLAS and libgfortran",
        flags: &["-lgfortran", "-llapack", "-lblas", "-lcblas"],
        ..NOTHING
    },
    Backend { feature: "netlib-static", title: "cmake, which compiles LAPACK,", program: Some("cmake"), ..NOTHING },
    Backend {
        feature: "intel-mkl-system",
        title: "MKL",
        flags: &["-lmkl_intel_lp64", "-lmkl_sequential", "-lmkl_core"],
        package: "mkl-dynamic-lp64-seq",
        ..NOTHING
    },
];

/// OpenBLAS of the system, the default.
pub const OPENBLAS: Backend =
    Backend { feature: "openblas-system", title: "OpenBLAS", flags: &["-lopenblas"], package: "openblas", ..NOTHING };

const NOTHING: Backend = Backend { feature: "", title: "", flags: &[], package: "", program: None };

/// How package managers are asked for OpenBLAS, in the order in which they are looked for.
pub const INSTALL: [(&str, &str); 6] = [
    ("apt-get", "apt-get install libopenblas-dev"),
    ("dnf", "dnf install openblas-devel"),
    ("pacman", "pacman -S openblas"),
    ("zypper", "zypper install openblas-devel"),
    ("apk", "apk add openblas-dev"),
    ("brew", "brew install openblas libomp"),
];

impl Backend {
    /// Whether the build will find it. True if this cannot be told, because no program can be linked at all.
    pub fn is_there(&self) -> bool {
        if let Some(program) = self.program {
            return exists(program);
        }
        let known = || !self.package.is_empty() && runs(Command::new("pkg-config").args(["--exists", self.package]));
        // The build of MKL looks into these folders itself.
        let mkl = || self.title == "MKL" && (env::var_os("MKLROOT").is_some() || Path::new("/opt/intel").is_dir());
        links(self.flags) || known() || mkl() || !links(&[])
    }

    /// What to do if it is missing.
    pub fn advice(&self) -> String {
        let mut text = format!("\n{} was not found", self.title);
        if !self.flags.is_empty() {
            text += &format!(" (`cc {}` does not link)", self.flags.join(" "));
        }
        text += ".\n";
        if self.feature == OPENBLAS.feature {
            text += "It does the linear algebra of imnn. Install it, as root or with sudo:\n\n";
            let here: Vec<_> = INSTALL.iter().filter(|(program, _)| exists(program)).take(1).collect();
            let shown = if here.is_empty() { INSTALL.iter().collect() } else { here };
            for (_, command) in shown {
                text += &format!("    {command}\n");
            }
            text += "\nor have it compiled, which needs make, a network and some minutes:\n\n    \
                     --no-default-features --features openblas-static\n\n\
                     (in a manifest: default-features = false, features = [\"openblas-static\", \"plot\"]).\n";
        } else {
            text += &format!("The feature {} needs it.\n", self.feature);
        }
        text + "A library outside the linker's path is found if LIBRARY_PATH names its folder. IMNN_LAPACK_CHECK=off \
                builds without this check.\n"
    }
}

/// Whether a program can be linked with these arguments: what the build will ask of the machine.
pub fn links(arguments: &[&str]) -> bool {
    let folder = env::var_os("OUT_DIR").map_or_else(env::temp_dir, PathBuf::from);
    let program = folder.join(format!("imnn-probe-{}", std::process::id()));
    let linker = env::var_os("RUSTC_LINKER").unwrap_or_else(|| "cc".into());
    let mut command = Command::new(linker);
    command.args(["-x", "c", "-", "-o"]).arg(&program).args(folders()).args(arguments);
    let linked = compiles(&mut command);
    // Nothing is lost if a file of a temporary folder stays.
    let _ = std::fs::remove_file(&program);
    linked
}

/// Folders in which the linker looks besides its own: Homebrew's, which the build asks for, and those of RUSTFLAGS.
fn folders() -> Vec<OsString> {
    let mut flags = Vec::new();
    for prefix in ["/opt/homebrew", "/usr/local"] {
        let libraries = format!("{prefix}/opt/openblas/lib");
        if Path::new(&libraries).is_dir() {
            flags.push(format!("-L{libraries}").into());
        }
    }
    let given = env::var("CARGO_ENCODED_RUSTFLAGS").unwrap_or_default();
    let mut words = given.split('\u{1f}');
    while let Some(word) = words.next() {
        if let Some(rest) = word.strip_prefix("-L") {
            let folder = if rest.is_empty() { words.next().unwrap_or_default() } else { rest };
            let folder = folder.split_once('=').map_or(folder, |(_, folder)| folder);
            flags.push(format!("-L{folder}").into());
        }
    }
    flags
}

/// Whether a program is on the path.
pub fn exists(program: &str) -> bool {
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path).any(|folder| folder.join(program).is_file())
}

/// Whether a compiler takes the smallest program.
fn compiles(command: &mut Command) -> bool {
    let spawned = command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
    let Ok(mut child) = spawned else { return false };
    let written = child.stdin.take().is_some_and(|mut input| input.write_all(b"int main(void) { return 0; }\n").is_ok());
    // Waits in any case, so that no process is left behind.
    child.wait().is_ok_and(|status| status.success()) && written
}

fn runs(command: &mut Command) -> bool {
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok_and(|status| status.success())
}
