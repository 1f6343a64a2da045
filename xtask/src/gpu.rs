//! NVIDIA's libraries from pip, and programs that look for them there.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::process::{Outcome, run};

/// Puts the folders before those where libraries are looked for.
pub fn with_libraries<'a>(command: &'a mut Command, folders: &[PathBuf]) -> &'a mut Command {
    match path(folders) {
        Some(path) if !folders.is_empty() => command.env("LD_LIBRARY_PATH", path),
        // A folder with a colon in its name cannot be on such a path; what looks there says that it finds nothing.
        _ => command,
    }
}

fn path(folders: &[PathBuf]) -> Option<OsString> {
    let old = std::env::var_os("LD_LIBRARY_PATH").unwrap_or_default();
    let old = std::env::split_paths(&old).filter(|folder| !folder.as_os_str().is_empty());
    std::env::join_paths(folders.iter().cloned().chain(old)).ok()
}

/// Gets packages by pip, into a folder below the target folder: nothing else of the machine is changed.
pub fn fetch(packages: &[String], folder: &Path) -> Outcome {
    let mut pip = Command::new("python3");
    pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps", "--upgrade", "--target"]);
    run(pip.arg(folder).args(packages))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_come_first_on_the_path() {
        let mut command = Command::new("true");
        with_libraries(&mut command, &["/first".into(), "/second".into()]);
        let path = command.get_envs().find(|(name, _)| *name == "LD_LIBRARY_PATH").and_then(|(_, path)| path).unwrap();
        assert!(path.to_string_lossy().starts_with("/first:/second"));
        let mut untouched = Command::new("true");
        assert_eq!(with_libraries(&mut untouched, &[]).get_envs().count(), 0);
    }
}
