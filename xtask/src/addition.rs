//! `cargo xtask addition`: the additions that docs/contributing.md shows, made on a copy of the sources, and trained with.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::{fs, io};

use crate::process::{Outcome, cargo, run as run_command};
use crate::{setup, workspace};

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
    let folder = absolute(&workspace::target())?.join("addition");
    let (patched, sources) = (folder.join("patched"), folder.join("sources"));
    let _ = fs::remove_dir_all(&patched);
    for path in workspace::files()? {
        copy(&path, &patched.join(path.strip_prefix(workspace::root()).unwrap_or(&path)))?;
    }
    // Without the ceiling git would take the copy for a folder of the repository around it.
    let mut git = Command::new("git");
    git.args(["apply", "--whitespace=nowarn"]).args(patches()?);
    run_command(git.current_dir(&patched).env("GIT_CEILING_DIRECTORIES", &folder))?;
    // Into a folder that stays, so that a second run compiles only what has changed.
    update(&patched, &sources)?;
    let mut test = cargo(&["test", "--workspace", "--test", "addition"]);
    // The dependencies are those of the other tests; our own crates are compiled in half the time without optimisation.
    test.current_dir(&sources).env("CARGO_TARGET_DIR", absolute(&workspace::target())?);
    run_command(test.env("CARGO_PROFILE_DEV_OPT_LEVEL", "0").env("IMNN_ADDED", NAME))
}

fn absolute(path: &Path) -> io::Result<PathBuf> {
    std::path::absolute(workspace::root().join(path))
}

/// Makes a folder the same as another, leaving alone the files that are.
fn update(from: &Path, to: &Path) -> io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(to)? {
        let path = entry?.path();
        if !from.join(path.file_name().unwrap_or_default()).exists() {
            if path.is_dir() {
                fs::remove_dir_all(&path)?
            } else {
                fs::remove_file(&path)?
            };
        }
    }
    for entry in fs::read_dir(from)? {
        let path = entry?.path();
        let target = to.join(path.file_name().unwrap_or_default());
        if path.is_dir() {
            update(&path, &target)?;
        } else if !fs::read(&target).is_ok_and(|old| fs::read(&path).is_ok_and(|new| new == old)) {
            copy(&path, &target)?;
        }
    }
    Ok(())
}

fn copy(from: &Path, to: &Path) -> io::Result<()> {
    fs::create_dir_all(to.parent().unwrap_or(to))?;
    fs::copy(from, to).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::SystemTime;

    #[test]
    fn files_that_are_the_same_are_left_alone_and_others_replaced_or_removed() {
        let folder = std::env::temp_dir().join(format!("xtask-addition-{}", std::process::id()));
        let (from, to) = (folder.join("from"), folder.join("to"));
        for (path, text) in
            [("from/a/same", "1"), ("from/new", "2"), ("to/a/same", "1"), ("to/new", "0"), ("to/old/x", "3")]
        {
            fs::create_dir_all(folder.join(path).parent().unwrap()).unwrap();
            fs::write(folder.join(path), text).unwrap();
        }
        let old = fs::File::open(to.join("a/same")).unwrap();
        old.set_modified(SystemTime::UNIX_EPOCH).unwrap();
        update(&from, &to).unwrap();
        assert_eq!(fs::metadata(to.join("a/same")).unwrap().modified().unwrap(), SystemTime::UNIX_EPOCH);
        assert_eq!(fs::read(to.join("new")).unwrap(), b"2");
        assert!(!to.join("old").exists());
        fs::remove_dir_all(folder).unwrap();
    }
}
