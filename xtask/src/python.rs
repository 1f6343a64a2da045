//! `cargo xtask python`: files written here are read by other programs, and theirs here.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::process::{Failure, Outcome, cargo, run as run_command, succeeds};
use crate::workspace;

pub fn run(arguments: &[String]) -> Outcome {
    let skip = match arguments {
        [] => false,
        [flag] if flag == "--skip-missing" => true,
        _ => return Err(Failure::usage("python takes `--skip-missing` or nothing")),
    };
    let python = match interpreter() {
        Ok(python) => python,
        Err(failure) if skip => {
            eprintln!("NOT CHECKED: the round trips with Python did not run: {failure}");
            return Ok(());
        }
        Err(failure) => return Err(failure),
    };
    let root = workspace::root();
    let (scripts, out) = (root.join("crates/imnn-data/tests/python"), root.join("target/python-files"));
    let _ = std::fs::remove_dir_all(&out);
    let (theirs, ours) = (out.join("theirs"), out.join("ours"));
    let package = ["--package", "imnn-data"];
    run_command(script(&python, &scripts.join("write.py")).arg(&theirs))?;
    let test =
        cargo(&["test"]).args(package).args(["--test", "suite", "foreign"]).env("IMNN_FOREIGN", &theirs).status();
    if !test.is_ok_and(|status| status.success()) {
        return Err(Failure::new(format!(
            "files that other programs wrote into {} are not read as they should be",
            theirs.display()
        )));
    }
    run_command(cargo(&["run", "--quiet"]).args(package).args(["--example", "round_trip"]).arg(&ours))?;
    run_command(script(&python, &scripts.join("read.py")).arg(&ours))?;
    read_posteriors(&python, &out.join("posteriors"))?;
    read_runs(&python, &out.join("run"))
}

/// Has GetDist, xarray and ArviZ read posteriors.
fn read_posteriors(python: &Path, out: &Path) -> Outcome {
    let example = ["run", "--quiet", "--package", "imnn-infer", "--example", "exports"];
    run_command(cargo(&example).arg(out))?;
    run_command(script(python, &workspace::root().join("crates/imnn-infer/tests/python/read.py")).arg(out))
}

/// Has Python read saved runs of every version, and one that is made now.
fn read_runs(python: &Path, now: &Path) -> Outcome {
    let saved = workspace::root().join("tests/saved");
    let fit = ["run", "--quiet", "--package", "imnn-cli", "--", "fit", "--quiet"];
    run_command(cargo(&fit).arg(saved.join("run.toml")).arg("--out").arg(now))?;
    let mut runs: Vec<PathBuf> = saved
        .read_dir()
        .map_err(|error| Failure::new(format!("{}: {error}", saved.display())))?
        .filter_map(|entry| Some(entry.ok()?.path()).filter(|path| path.is_dir()))
        .collect();
    runs.sort();
    run_command(script(python, &saved.join("read.py")).args(runs).arg(now))
}

fn script(python: &Path, script: &Path) -> Command {
    let mut command = Command::new(python);
    // TensorFlow says much about the processor.
    command.arg(script).env("PYTHONDONTWRITEBYTECODE", "1").env("TF_CPP_MIN_LOG_LEVEL", "2");
    command
}

/// An interpreter that has the packages.
fn interpreter() -> Outcome<PathBuf> {
    if let Some(python) = std::env::var_os("IMNN_PYTHON") {
        return Ok(python.into());
    }
    let folder = workspace::root().join("target/python");
    let python = folder.join("bin/python");
    if !succeeds(
        Command::new(&python).args(["-c", "import tensorflow, h5py, hdf5plugin, safetensors, getdist, xarray, zarr"]),
    ) {
        run_command(Command::new("python3").args(["-m", "venv"]).arg(&folder))?;
        let requirements =
            |member: &str| workspace::root().join("crates").join(member).join("tests/python/requirements.txt");
        let (data, infer) = (requirements("imnn-data"), requirements("imnn-infer"));
        for (option, packages) in
            [("-r", data.as_os_str()), ("-r", infer.as_os_str()), ("--no-deps", "imnn==0.3.2".as_ref())]
        {
            run_command(Command::new(&python).args(["-m", "pip", "install", "--quiet", option]).arg(packages))?;
        }
    }
    Ok(python)
}
