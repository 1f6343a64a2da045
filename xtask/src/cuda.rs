//! `cargo xtask cuda`: the tests of the GPU engine that need NVIDIA's compiler, but no GPU.
//!
//! The compiler is a library, NVRTC, which pip has; it is put into the target folder, and nothing else of the machine is
//! changed. Version 12.9 knows all cards from Volta (sm_70) to Blackwell.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::process::{Failure, Outcome, cargo, run as run_command};
use crate::{setup, workspace};

/// The version that CI compiles with.
const PACKAGE: &str = "nvidia-cuda-nvrtc-cu12==12.9.86";
/// Where the package has its libraries.
const LIBRARIES: &str = "nvidia/cuda_nvrtc/lib";

pub fn run(arguments: &[String]) -> Outcome {
    let folder = match arguments {
        [] => fetch()?,
        [folder] => PathBuf::from(folder),
        [_, extra, ..] => return Err(Failure::usage(format!("cuda takes one folder, found `{extra}`"))),
    };
    if !has_compiler(&folder) {
        return Err(Failure::new(format!("there is no libnvrtc.so.12 or .13 in {}", folder.display())));
    }
    setup::run()?;
    let old = std::env::var_os("LD_LIBRARY_PATH").unwrap_or_default();
    let old = std::env::split_paths(&old).filter(|folder| !folder.as_os_str().is_empty());
    let mut tests = cargo(&["test", "-p", "imnn-device", "--features", "cuda", "--lib", "--", "cuda::"]);
    // A folder with a colon in its name cannot be on such a path; what looks there says that it finds nothing.
    if let Ok(path) = std::env::join_paths([folder].into_iter().chain(old)) {
        tests.env("LD_LIBRARY_PATH", path);
    }
    run_command(tests.env("IMNN_NVRTC", "1"))
}

fn has_compiler(folder: &Path) -> bool {
    ["libnvrtc.so.12", "libnvrtc.so.13"].iter().any(|name| folder.join(name).is_file())
}

/// The folder of the compiler, which is got if it is not there.
fn fetch() -> Outcome<PathBuf> {
    let place = workspace::target().join("cuda").join(PACKAGE.replace("==", "-"));
    let folder = place.join(LIBRARIES);
    if !has_compiler(&folder) {
        let mut pip = Command::new("python3");
        pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps", "--upgrade"]);
        run_command(pip.arg("--target").arg(&place).arg(PACKAGE))
            .map_err(|failure| Failure::new(format!("{failure}; or give a folder with libnvrtc.so.12 or .13")))?;
    }
    Ok(folder)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_without_the_compiler_is_refused() {
        let failure = run(&["no/such/folder".into()]).unwrap_err();
        assert!(failure.to_string().contains("no/such/folder"), "{failure}");
        assert_eq!(run(&["a".into(), "b".into()]).unwrap_err().status, 2);
    }
}
