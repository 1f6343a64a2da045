//! Where a run is made, and whether one that was interrupted goes on there.

use std::path::{Path, PathBuf};

use imnn::fit::{FitError, RunFolder};
use imnn::io::FileError;

use super::signals;
use crate::output::say;
use crate::run_file::RunFile;
use crate::{CliError, FitArguments};

/// The resolved run file, in the folder of the run.
const RUN_FILE: &str = "run.toml";
/// What may be another when a run goes on: the results do not depend on it.
const FREE: [&str; 3] = ["device", "checkpoints", "simulations.check"];

/// A run file and a folder for its results.
pub(super) struct Place {
    pub(super) run: RunFile,
    /// The run file, for messages.
    pub(super) file: PathBuf,
    pub(super) folder: RunFolder,
    /// The folder as the user has named it.
    pub(super) out: PathBuf,
}

impl Place {
    /// As the arguments say. It is found out here, and not after hours of training, if there is no place.
    pub(super) fn of(arguments: &FitArguments) -> Result<Self, CliError> {
        let place = match (&arguments.resume, &arguments.run, &arguments.out) {
            (Some(out), ..) => {
                let folder = RunFolder::resume(out, &say)?;
                let file = folder.path().join(RUN_FILE);
                Place { run: RunFile::read(&file)?, file, folder, out: out.clone() }
            }
            (None, Some(file), Some(out)) => {
                let run = RunFile::read(file)?;
                Place { run, file: file.clone(), folder: folder(out, arguments.force)?, out: out.clone() }
            }
            _ => return Err(CliError::Refused("give a run file and --out, or --resume".to_owned())),
        };
        signals::listen(&place.folder);
        Ok(place)
    }

    /// One for a run as in `file`, but for what was changed in it.
    pub(super) fn changed(run: RunFile, file: &Path, out: PathBuf, force: bool) -> Result<Self, CliError> {
        let place = Place { run, file: file.to_owned(), folder: folder(&out, force)?, out };
        signals::listen(&place.folder);
        Ok(place)
    }

    /// The run file for processes in other folders.
    pub(super) fn text(&self) -> Result<String, CliError> {
        text(&resolved(&self.run)?)
    }

    /// Writes the resolved run file. A run that was interrupted here goes on if it is the same; if it is another it is
    /// forgotten with --force, and refused without.
    pub(super) fn settle(&self, resolved: &RunFile, force: bool) -> Result<(), CliError> {
        let text = text(resolved)?;
        let path = self.folder.path().join(RUN_FILE);
        if self.folder.has_checkpoint()
            && let Some((key, there, given)) = differing(&path, &text)
        {
            if !force {
                let (out, file) = (self.out.display(), self.file.display());
                return Err(CliError::Refused(format!(
                    "a run that was interrupted is in {out}, and it is another: {key} is {there} there, {given} in {file}; go on \
                     with it (imnn fit --resume {out}), forget it (--force), or choose another folder"
                )));
            }
            self.folder.begin_anew()?;
        }
        Ok(imnn::io::atomic::write(path, text)?)
    }
}

/// A run file with all its settings.
fn text(run: &RunFile) -> Result<String, CliError> {
    run.to_toml().map_err(CliError::at("the run file cannot be written out with all its settings"))
}

/// A run file with paths that are the same from anywhere.
pub(super) fn resolved(run: &RunFile) -> Result<RunFile, CliError> {
    let here = std::env::current_dir().map_err(FileError::of("find", "the current folder"))?;
    Ok(run.clone().resolve(here))
}

/// A place for the results.
fn folder(out: &Path, force: bool) -> Result<RunFolder, CliError> {
    let folder = if force { RunFolder::replacing(out, &say) } else { RunFolder::create(out, &say) };
    folder.map_err(|error| match error {
        FitError::Foreign { path, entry } => CliError::Refused(format!(
            "{}: will not replace this folder, there is \"{entry}\" in it, which `imnn fit` does not write; move that \
             away, or choose another folder",
            path.display()
        )),
        FitError::Occupied { path } => CliError::Refused(format!(
            "{} exists already and is not empty; choose another name, or replace the run in it (--force)",
            path.display()
        )),
        other => other.into(),
    })
}

/// The first key in which the run file there differs, with both values.
fn differing(path: &Path, text: &str) -> Option<(String, String, String)> {
    let there = std::fs::read_to_string(path).ok()?;
    let [there, given] = [&there, text].map(|text| {
        let mut table: toml::Table = toml::from_str(text).unwrap_or_default();
        for key in FREE {
            match key.split_once('.') {
                Some((of, key)) => drop(table.get_mut(of).and_then(|of| of.as_table_mut()?.remove(key))),
                None => drop(table.remove(key)),
            }
        }
        table
    });
    first_difference("", &toml::Value::Table(there), &toml::Value::Table(given))
}

fn first_difference(key: &str, there: &toml::Value, given: &toml::Value) -> Option<(String, String, String)> {
    match (there, given) {
        (toml::Value::Table(there), toml::Value::Table(given)) => {
            let keys = there.keys().chain(given.keys().filter(|key| !there.contains_key(*key)));
            keys.into_iter().find_map(|name| {
                let key = if key.is_empty() { name.clone() } else { format!("{key}.{name}") };
                match (there.get(name), given.get(name)) {
                    (Some(there), Some(given)) => first_difference(&key, there, given),
                    (Some(there), None) => Some((key, there.to_string(), "not given".to_owned())),
                    (None, given) => {
                        Some((key, "not given".to_owned(), given.map(ToString::to_string).unwrap_or_default()))
                    }
                }
            })
        }
        _ if there == given => None,
        _ => Some((key.to_owned(), there.to_string(), given.to_string())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_that_differs_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("run.toml");
        let there = "seed = 1\n[fit]\nround = 3\n[device]\nthreads = 1\n[simulations]";
        std::fs::write(&path, there).unwrap();
        for (text, expected) in [
            ("seed = 1\n[fit]\nround = 3\n[device]\nthreads = 2", None),
            ("seed = 1\n[fit]\nround = 3\n[simulations]\ncheck = \"off\"", None),
            ("seed = 2\n[fit]\nround = 3", Some(["seed", "1", "2"])),
            ("seed = 1\n[fit]\nround = 4", Some(["fit.round", "3", "4"])),
            ("seed = 1\n[fit]", Some(["fit.round", "3", "not given"])),
            ("seed = 1\n[fit]\nround = 3\nx = 1", Some(["fit.x", "not given", "1"])),
        ] {
            let text = if text.contains("[simulations]") { text.to_owned() } else { format!("{text}\n[simulations]") };
            let found = differing(&path, &text).map(|(key, there, given)| [key, there, given]);
            assert_eq!(found, expected.map(|texts| texts.map(str::to_owned)), "{text}");
        }
    }
}
