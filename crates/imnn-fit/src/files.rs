//! The names in the folder of a run, and the files of a saved one, wherever they are, compared with its manifest.

use crate::error::{Result, refuse};
use imnn_io::Manifest;
use std::path::{Path, PathBuf};

/// The lock.
pub(crate) const LOCK: &str = "lock";
/// The folder of what is not finished.
pub(crate) const UNFINISHED: &str = "unfinished";
/// The folder of what is finished and being moved to its place. Without a manifest it is of no use any more.
pub(crate) const FINISHING: &str = "finishing";

/// The files of a run, of any version. A folder with anything else in it is not replaced.
pub(crate) const OF_A_RUN: [&str; 17] = [
    imnn_io::manifest::NAME,
    "run.toml",
    "model.toml",
    "weights.safetensors",
    "final.safetensors",
    "best.safetensors",
    "initial.safetensors",
    "optimiser.safetensors",
    "history.npz",
    "statistics.json",
    "statistics.npz",
    "information.npz",
    "typical.npz",
    "plot.png",
    "report.json",
    "report.html",
    CHECKPOINT,
];

/// The last checkpoint.
pub(crate) const CHECKPOINT: &str = "checkpoint";
/// The one before it, in case that the last one is damaged.
pub(crate) const PREVIOUS: &str = "checkpoint.previous";

/// The files of a saved run.
pub(crate) struct SavedFiles {
    /// Where a file is sought first, and then.
    places: Vec<PathBuf>,
    /// None of runs that were written in format 1.
    manifest: Option<Manifest>,
}

impl SavedFiles {
    /// Those of the run in a folder.
    pub(crate) fn of(folder: &Path) -> Result<Self> {
        let [unfinished, finishing] = [UNFINISHED, FINISHING].map(|name| folder.join(name));
        // Finished, and not yet moved to its place.
        for place in [&finishing, &unfinished] {
            if let Some(manifest) = Manifest::read(place)? {
                return Ok(SavedFiles { places: vec![place.clone(), folder.to_owned()], manifest: Some(manifest) });
            }
        }
        if !folder.join("model.toml").exists() && unfinished.exists() {
            let folder = folder.display();
            let message =
                format!("the run in this folder is not finished: `imnn fit --resume {folder}` goes on with it");
            return Err(refuse(&unfinished, message));
        }
        Ok(SavedFiles { places: vec![folder.to_owned()], manifest: Manifest::read(folder)? })
    }

    /// Where a file is, which is what it was when the run was saved.
    pub(crate) fn path(&self, name: &str) -> Result<PathBuf> {
        let path = self.expected(name);
        if let Some(manifest) = &self.manifest {
            manifest.check(name, &path)?;
        }
        Ok(path)
    }

    /// Where a file is, if the run has it.
    pub(crate) fn path_if_there(&self, name: &str) -> Result<Option<PathBuf>> {
        let listed = self.manifest.as_ref().is_some_and(|manifest| manifest.names().any(|file| file == name));
        if listed || self.expected(name).exists() { self.path(name).map(Some) } else { Ok(None) }
    }

    /// Whether there is a manifest.
    pub(crate) fn has_manifest(&self) -> bool {
        self.manifest.is_some()
    }

    fn expected(&self, name: &str) -> PathBuf {
        let found = self.places.iter().map(|place| place.join(name)).find(|path| path.exists());
        found.unwrap_or_else(|| self.places[self.places.len() - 1].join(name))
    }
}
