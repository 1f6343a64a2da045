//! What searches begin with: files in `fuzz/corpus`, and files that the repository has for other tests.

use crate::scratch::root;
use crate::target::Target;
use crate::targets::{TARGETS, made_seeds};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// The inputs that a search begins with.
#[derive(Clone, Debug, Default)]
pub struct Seeds {
    /// Their files and contents, in the order of their names.
    pub inputs: Vec<(PathBuf, Vec<u8>)>,
}

impl Seeds {
    /// Those of a target.
    pub fn of(target: &Target) -> Self {
        let own = ["corpus", "regressions"].map(|kind| (root().join("fuzz").join(kind).join(target.name), &[""][..]));
        let folders = target.seeds.iter().map(|(folder, ends)| (root().join(folder), *ends));
        let mut seeds = Seeds::default();
        for (folder, ends) in own.into_iter().chain(folders) {
            seeds.add(&folder, ends);
        }
        seeds
    }

    /// Inputs that did what must not happen, and what is in `artifacts` of searches that found any.
    pub fn of_faults(target: &Target) -> Self {
        let mut seeds = Seeds::default();
        ["regressions", "artifacts"].iter().for_each(|kind| {
            seeds.add(&root().join("fuzz").join(kind).join(target.name), &[""]);
        });
        seeds
    }

    /// The contents alone.
    pub fn contents(&self) -> Vec<Vec<u8>> {
        self.inputs.iter().map(|(_, contents)| contents.clone()).collect()
    }

    fn add(&mut self, folder: &Path, ends: &[&str]) {
        let Ok(entries) = fs::read_dir(folder) else { return };
        let mut paths: Vec<PathBuf> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
        paths.retain(|path| path.is_file() && ends.iter().any(|end| path.to_string_lossy().ends_with(end)));
        paths.sort();
        let read = |path: PathBuf| fs::read(&path).map(|contents| (path, contents));
        self.inputs.extend(paths.into_iter().filter_map(|path| read(path).ok()));
    }
}

/// Writes `fuzz/corpus` anew.
///
/// # Errors
/// If a file cannot be written.
pub fn write_corpora() -> io::Result<usize> {
    let folder = root().join("fuzz/corpus");
    for target in &TARGETS {
        let _ = fs::remove_dir_all(folder.join(target.name));
    }
    let mut bytes = 0;
    for (target, name, contents) in made_seeds() {
        fs::create_dir_all(folder.join(target))?;
        fs::write(folder.join(target).join(name), &contents)?;
        bytes += contents.len();
    }
    Ok(bytes)
}
