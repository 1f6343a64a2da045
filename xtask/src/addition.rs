//! `cargo xtask addition`: the additions that docs/contributing.md shows, made on a copy of the sources, and trained with.

use std::path::PathBuf;
use std::process::Command;
use std::{fs, io};

use crate::process::{Outcome, cargo, run as run_command};
use crate::{copy, setup, workspace};

/// The additions, as `git diff` shows them, and the name of the activation among them.
const PATCHES: &str = "tests/additions";
const NAME: &str = "silu";

/// The files of the additions.
pub fn patches() -> io::Result<Vec<PathBuf>> {
    let entries = fs::read_dir(workspace::root().join(PATCHES))?;
    let mut paths = entries.map(|entry| Ok(entry?.path())).collect::<io::Result<Vec<_>>>()?;
    paths.sort();
    Ok(paths)
}

pub fn run(_: &[String]) -> Outcome {
    setup::run()?;
    let folder = copy::absolute(&workspace::target())?.join("addition");
    let (patched, sources) = (folder.join("patched"), folder.join("sources"));
    let _ = fs::remove_dir_all(&patched);
    copy::sources(&patched)?;
    // Without the ceiling git would take the copy for a folder of the repository around it.
    let mut git = Command::new("git");
    git.args(["apply", "--whitespace=nowarn"]).args(patches()?);
    run_command(git.current_dir(&patched).env("GIT_CEILING_DIRECTORIES", &folder))?;
    // Into a folder that stays, so that a second run compiles only what has changed.
    copy::update(&patched, &sources)?;
    let mut test = cargo(&["test", "--workspace", "--test", "addition"]);
    // The dependencies are those of the other tests; our own crates are compiled in half the time without optimisation.
    test.current_dir(&sources).env("CARGO_TARGET_DIR", copy::absolute(&workspace::target())?);
    run_command(test.env("CARGO_PROFILE_DEV_OPT_LEVEL", "0").env("IMNN_ADDED", NAME))
}
