//! The files below a folder, by name alone.

use std::collections::HashSet;
use std::fs::Metadata;
use std::path::{Path, PathBuf};

use imnn_data::DataError;

/// What is below a folder, all names as seen from it and in alphabetical order.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Below {
    /// The files.
    pub(super) files: Vec<String>,
    /// What is no file that can be read, and why.
    pub(super) other: Vec<(String, String)>,
}

/// Folders deeper than this are not looked into.
const DEEP: usize = 16;

/// More files than this are not listed.
const MANY: usize = 1_000_000;

/// Goes through a folder and all folders in it; what begins with a point is left out, and so are folders that were seen.
pub(super) fn below(folder: &Path) -> Result<Below, DataError> {
    let mut found = Below::default();
    let mut seen = HashSet::new();
    let mut folders = vec![(PathBuf::new(), 0)];
    while let Some((relative, depth)) = folders.pop() {
        let here = folder.join(&relative);
        let entries = match std::fs::read_dir(&here) {
            Err(source) if depth == 0 => return Err(DataError::read(here.display(), source)),
            Err(source) => {
                found.other.push((shown(&relative), format!("cannot be read: {source}")));
                continue;
            }
            Ok(entries) => entries,
        };
        for entry in entries.flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            let inside = relative.join(&name);
            if name.starts_with('.') {
                continue;
            }
            match std::fs::metadata(entry.path()) {
                Err(_) => found.other.push((shown(&inside), link(&entry.path()))),
                Ok(metadata) if metadata.is_file() => found.files.push(shown(&inside)),
                Ok(metadata) if !metadata.is_dir() => {}
                Ok(metadata) if depth == DEEP || !seen.insert(identity(&metadata, &entry.path())) => {
                    found.other.push((shown(&inside), "a folder that leads in circles, or lies too deep".to_owned()));
                }
                Ok(_) if entry.path().join("model.toml").is_file() => {
                    found
                        .other
                        .push((shown(&inside), "a run of imnn fit, which `imnn data inspect` describes".to_owned()));
                }
                Ok(_) => folders.push((inside, depth + 1)),
            }
        }
        if found.files.len() > MANY {
            let reason = format!("there are more than {MANY} files; inspect a folder in it");
            found.other.push((shown(&relative), reason));
            break;
        }
    }
    found.files.sort();
    found.other.sort();
    Ok(found)
}

fn shown(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}

fn link(path: &Path) -> String {
    match std::fs::read_link(path) {
        Ok(target) => format!("a link to {}, which is not there", target.display()),
        Err(_) => "cannot be read".to_owned(),
    }
}

/// What a folder is, whatever it is called.
#[cfg(unix)]
fn identity(metadata: &Metadata, _: &Path) -> (u64, u64, PathBuf) {
    use std::os::unix::fs::MetadataExt;
    (metadata.dev(), metadata.ino(), PathBuf::new())
}

#[cfg(not(unix))]
fn identity(_: &Metadata, path: &Path) -> (u64, u64, PathBuf) {
    (0, 0, std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn circles_hidden_files_and_dangling_links_end_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        for name in ["b/2.npy", "b/c/1.npy", ".hidden/x.npy", "b/.x.npy", "run/model.toml", "run/weights.npz"] {
            std::fs::create_dir_all(path(name).parent().unwrap()).unwrap();
            std::fs::write(path(name), "").unwrap();
        }
        #[cfg(unix)]
        {
            std::os::unix::fs::symlink(path("b"), path("b/c/again")).unwrap();
            std::os::unix::fs::symlink(path("none"), path("a.npy")).unwrap();
        }
        let found = below(folder.path()).unwrap();
        assert_eq!(found.files, ["b/2.npy", "b/c/1.npy"]);
        let other: Vec<&str> = found.other.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(other, if cfg!(unix) { vec!["a.npy", "b/c/again", "run"] } else { vec!["run"] });
        assert!(below(&path("none")).is_err());
    }
}
