//! `cargo xtask bench`: builds the benchmarks and passes everything on to them.

use crate::gpu::Found;
use crate::process::{Failure, Outcome, cargo, run as run_command};
use crate::setup;

pub fn run(arguments: &[String]) -> Outcome {
    setup::run()?;
    let cuda = arguments.iter().any(|argument| argument == "--cuda");
    if cuda {
        // Before minutes go into the build.
        ready(&Found::look(&[])?)?;
    }
    let features: &[&str] = if cuda { &["--features", "cuda"] } else { &[] };
    let package = ["-p", "imnn-benches", "--bin", "imnn-benches"];
    eprintln!("compiling (some minutes the first time)");
    run_command(cargo(&["build", "--release"]).args(package).args(features))?;
    run_command(cargo(&["run", "--release", "--quiet"]).args(package).args(features).arg("--").args(arguments))
}

/// Whether a GPU and its libraries are there.
fn ready(found: &Found) -> Outcome {
    if let Some(reason) = found.no_gpu() {
        return Err(Failure::new(reason));
    }
    match found.packages() {
        missing if missing.is_empty() => Ok(()),
        missing => {
            let names = missing.join(" ");
            Err(Failure::new(format!(
                "missing: {names}; `pip install {names}` and put their folders on LD_LIBRARY_PATH"
            )))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_is_named_before_the_build() {
        let message = |found: &Found| ready(found).unwrap_err().to_string();
        let none = Found::default();
        assert!(message(&none).contains("NVIDIA's driver"));
        let bare = Found { driver: Some(13_000), gpus: vec!["a card".into()], ..none };
        assert!(message(&bare).contains("pip install nvidia-cuda-nvrtc nvidia-cublas"));
        assert!(ready(&Found { nvrtc: true, cublas: true, ..bare }).is_ok());
    }
}
