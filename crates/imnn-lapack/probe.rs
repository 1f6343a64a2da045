//! What each LAPACK needs of the machine, how to find out, and what to say if it is missing. The developer commands
//! (`xtask/src/setup.rs`) look with the same code.

use std::env;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// One way to have a LAPACK, and what it needs.
pub struct Backend {
    /// The feature that chooses it.
    pub feature: &'static str,
    /// What is looked for, in words.
    title: &'static str,
    /// Flags with which a program links if the libraries are there.
    flags: &'static [&'static str],
    /// The name under which pkg-config knows them.
    package: &'static str,
    /// A program that is needed to compile them.
    program: Option<&'static str>,
}

const NOTHING: Backend = Backend { feature: "", title: "", flags: &[], package: "", program: None };

/// The OpenBLAS of the system, which is the default.
pub const OPENBLAS: Backend =
    Backend { feature: "openblas-system", title: "OpenBLAS", flags: &["-lopenblas"], package: "openblas", ..NOTHING };

/// All that are looked for.
pub const BACKENDS: [Backend; 5] = [
    OPENBLAS,
    Backend { feature: "openblas-static", title: "make (to compile OpenBLAS)", program: Some("make"), ..NOTHING },
    Backend {
        feature: "netlib-system",
        title: "LAPACK with CBLAS and libgfortran",
        flags: &["-lgfortran", "-llapack", "-lblas", "-lcblas"],
        ..NOTHING
    },
    Backend { feature: "netlib-static", title: "cmake (to compile LAPACK)", program: Some("cmake"), ..NOTHING },
    Backend {
        feature: "intel-mkl-system",
        title: "MKL",
        flags: &["-lmkl_intel_lp64", "-lmkl_sequential", "-lmkl_core"],
        package: "mkl-dynamic-lp64-seq",
        ..NOTHING
    },
];

/// How package managers are asked for a C compiler and OpenBLAS, in the order in which they are looked for.
const INSTALL: [(&str, &str); 6] = [
    ("apt-get", "apt-get install gcc libc6-dev libopenblas-dev"),
    ("dnf", "dnf install gcc openblas-devel"),
    ("pacman", "pacman -S gcc openblas"),
    ("zypper", "zypper install gcc openblas-devel"),
    ("apk", "apk add gcc musl-dev openblas-dev"),
    ("brew", "brew install openblas libomp"),
];

impl Backend {
    /// Whether the build will find it. True too if no program can be linked at all, so that this cannot be told.
    pub fn is_there(&self) -> bool {
        if let Some(program) = self.program {
            return exists(program);
        }
        // The build of MKL looks into these folders by itself.
        let own = || self.title == "MKL" && (env::var_os("MKLROOT").is_some() || Path::new("/opt/intel").is_dir());
        links(self.flags) || pkg_config(self.package).is_some() || own() || !links(&[])
    }

    /// What is missing and what to do, in one line.
    pub fn warning(&self) -> String {
        let install =
            if self.feature == OPENBLAS.feature { format!(": {}", install().join(", or ")) } else { ".".into() };
        format!("{} was not found, programs cannot be linked without it; install it{install}", self.title)
    }

    /// The same, with the other ways there are.
    pub fn advice(&self) -> String {
        let mut text = format!("\n{} was not found", self.title);
        if !self.flags.is_empty() {
            text += &format!(" (`cc {}` does not link)", self.flags.join(" "));
        }
        if self.feature == OPENBLAS.feature {
            text += ". It does the linear algebra of imnn. Install it, as root or with sudo:\n\n";
            text.extend(install().iter().map(|command| format!("    {command}\n")));
            text += "\nor have it compiled with imnn, which needs make, a network and some minutes:\n\n    \
                     --no-default-features --features openblas-static\n\n\
                     (in a manifest: default-features = false, features = [\"openblas-static\", \"plot\"]).\n";
        } else {
            text += &format!(". The feature {} needs it.\n", self.feature);
        }
        text + "If it is installed where the linker does not look, name the folder in LIBRARY_PATH. \
                IMNN_LAPACK_CHECK=off builds without this check.\n"
    }
}

/// How to install OpenBLAS with the package manager of this machine; for all that are known if it has none of them.
pub fn install() -> Vec<&'static str> {
    let here = INSTALL.iter().find(|(program, _)| exists(program));
    here.map_or_else(|| INSTALL.iter().map(|(_, command)| *command).collect(), |(_, command)| vec![*command])
}

/// What cargo is to be told (`rustc-link-...=...`) so that programs are linked with OpenBLAS.
pub fn link_lines() -> Vec<String> {
    let flags = pkg_config(OPENBLAS.package).unwrap_or_default();
    let folders = flags.split_whitespace().filter_map(|flag| flag.strip_prefix("-L").map(ToOwned::to_owned));
    let folders = folders.chain(homebrew()).map(|folder| format!("rustc-link-search=native={folder}"));
    folders.chain(["rustc-link-lib=dylib=openblas".to_owned()]).collect()
}

/// Whether a program can be linked with these arguments: what the build will ask of the machine.
pub fn links(arguments: &[&str]) -> bool {
    let folder = env::var_os("OUT_DIR").map_or_else(env::temp_dir, PathBuf::from);
    let program = folder.join(format!("imnn-probe-{}", std::process::id()));
    let mut command = Command::new(env::var_os("RUSTC_LINKER").unwrap_or_else(|| "cc".into()));
    command.args(["-x", "c", "-", "-o"]).arg(&program).args(search_flags()).args(arguments);
    let linked = runs(&mut command, "int main(void) { return 0; }\n");
    // Nothing is lost if a file of a temporary folder stays.
    let _ = std::fs::remove_file(&program);
    linked
}

/// Whether a program is on the path.
pub fn exists(program: &str) -> bool {
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path).any(|folder| folder.join(program).is_file())
}

/// The flags to link a package with; `None` if pkg-config is not there or does not know it.
fn pkg_config(package: &str) -> Option<String> {
    let output = Command::new("pkg-config").args(["--libs", package]).stdin(Stdio::null()).output().ok()?;
    (output.status.success() && !package.is_empty()).then(|| String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Homebrew keeps these outside the linker's path.
fn homebrew() -> Vec<String> {
    let prefixes = ["/opt/homebrew", "/usr/local", "/home/linuxbrew/.linuxbrew"];
    let folders =
        prefixes.iter().flat_map(|prefix| ["openblas", "libomp"].map(|name| format!("{prefix}/opt/{name}/lib")));
    folders.filter(|folder| Path::new(folder).is_dir()).collect()
}

/// Where the linker of the build looks besides its own folders: Homebrew's, and those of RUSTFLAGS.
fn search_flags() -> Vec<String> {
    let given = env::var("CARGO_ENCODED_RUSTFLAGS").unwrap_or_default();
    // Both `-L` and its folder in one word, and in two; either with its kind in front (`native=`).
    let words = given.replace("-L\u{1f}", "-L");
    let folders = words.split('\u{1f}').filter_map(|word| word.strip_prefix("-L"));
    let folders = folders.map(|folder| folder.split_once('=').map_or(folder, |(_, folder)| folder).to_owned());
    folders.chain(homebrew()).map(|folder| format!("-L{folder}")).collect()
}

/// Whether a command succeeds, in silence, with this text as its input.
fn runs(command: &mut Command, input: &str) -> bool {
    let spawned = command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
    let Ok(mut child) = spawned else { return false };
    let written = child.stdin.take().is_some_and(|mut stdin| stdin.write_all(input.as_bytes()).is_ok());
    // Waits in any case, so that no process is left behind.
    child.wait().is_ok_and(|status| status.success()) && written
}
