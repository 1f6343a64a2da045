//! How an array in a file is named.

use std::fmt::{Display, Formatter};
use std::path::{Path, PathBuf};

use serde::{Serialize, Serializer};

/// The name of an array in a file: `file.npy`, or `file.npz:key` for one array of an archive.
///
/// `file.npz` alone names the array of an archive that holds exactly one.
/// In the same way `file.h5:group/dataset` names a dataset, and `name_*.tfrecords` all the records of several files.
/// Of a text table `table.txt:1` names a column, by its number from 0 or its name, and `table.txt:1,2` several.
/// A text is divided at the first `.npz:`, `.h5:`, `.hdf5:` or `.txt:`, or else at its last `:` where no `/` and no `.npy` follows.
/// Where the whole text is the path of a file, that file is meant.
/// With `{seed}` or `{seed:05}` in it, it names many files with one row each, or in the key many arrays of a file, with `{seeds}` also of several; see [`open_rows`](crate::open_rows).
///
/// ```
/// use imnn_data::ArrayPath;
///
/// let path = ArrayPath::from("train.npz:fiducial");
/// assert_eq!(path.key(), Some("fiducial"));
/// assert_eq!(path.resolve("/data").to_string(), "/data/train.npz:fiducial");
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ArrayPath {
    file: PathBuf,
    key: Option<String>,
}

impl ArrayPath {
    /// The array `key` of the archive `file`, whatever their names look like.
    pub fn with_key(file: impl Into<PathBuf>, key: impl Into<String>) -> Self {
        Self { file: file.into(), key: Some(key.into()) }
    }

    /// The array of a file that is not an archive or holds one, whatever its name looks like.
    pub fn of_file(file: impl Into<PathBuf>) -> Self {
        Self { file: file.into(), key: None }
    }

    /// The file.
    pub fn file(&self) -> &Path {
        &self.file
    }

    /// The name of the array in the archive.
    pub fn key(&self) -> Option<&str> {
        self.key.as_deref()
    }

    /// This path as seen from the folder `base`; an absolute path stays as it is.
    pub fn resolve(&self, base: impl AsRef<Path>) -> Self {
        Self { file: base.as_ref().join(&self.file), key: self.key.clone() }
    }

    /// The file to open and the key to look for: the whole text where that is a file.
    pub(crate) fn locate(&self) -> (PathBuf, Option<&str>) {
        if self.key.is_some() {
            let whole = PathBuf::from(self.to_string());
            if whole.is_file() {
                return (whole, None);
            }
        }
        (self.file.clone(), self.key())
    }
}

impl From<&str> for ArrayPath {
    fn from(text: &str) -> Self {
        const WITH_KEYS: [&str; 9] = [".npz:", ".h5:", ".hdf5:", ".hdf:", ".he5:", ".txt:", ".dat:", ".csv:", ".tsv:"];
        let archive = WITH_KEYS.iter().filter_map(|ending| Some(text.find(ending)? + ending.len() - 1)).min();
        let colon = match archive {
            Some(at) => Some(at),
            None => text.rfind(':').filter(|&at| {
                let key = &text[at + 1..];
                // `{seed:05}` has a colon of its own.
                !text[..at].ends_with("{seed") && !key.contains('/') && !key.ends_with(".npy") && !key.is_empty()
            }),
        };
        match colon {
            Some(at) => Self::with_key(&text[..at], &text[at + 1..]),
            None => Self { file: text.into(), key: None },
        }
    }
}

impl From<String> for ArrayPath {
    fn from(text: String) -> Self {
        text.as_str().into()
    }
}

/// Divides the path as a text where it is one.
impl From<PathBuf> for ArrayPath {
    fn from(path: PathBuf) -> Self {
        match path.to_str() {
            Some(text) => text.into(),
            None => Self { file: path, key: None },
        }
    }
}

/// Divides the path as a text where it is one.
impl From<&Path> for ArrayPath {
    fn from(path: &Path) -> Self {
        path.to_path_buf().into()
    }
}

/// As its text.
impl Serialize for ArrayPath {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl Display for ArrayPath {
    fn fmt(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.file.display())?;
        match &self.key {
            Some(key) => write!(f, ":{key}"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, file: &str, key: Option<&str>) {
        let path = ArrayPath::from(text);
        assert_eq!((path.file(), path.key()), (Path::new(file), key));
        assert_eq!(path.to_string(), text);
    }

    #[test]
    fn the_key_follows_the_archive() {
        check("a.npy", "a.npy", None);
        check("a.npz", "a.npz", None);
        check("a.npz:x", "a.npz", Some("x"));
        check("a.npz:", "a.npz", Some(""));
        check("f/a.npz:layers/0/b:c", "f/a.npz", Some("layers/0/b:c"));
        check("f/a.h5:group/x", "f/a.h5", Some("group/x"));
        check("a.hdf5:x", "a.hdf5", Some("x"));
        check("a_{seed}.txt:P(k) [Mpc/h]", "a_{seed}.txt", Some("P(k) [Mpc/h]"));
        check("many.h5:fid/{seed:05}", "many.h5", Some("fid/{seed:05}"));
        check("f/n_*.tfrecords", "f/n_*.tfrecords", None);
        check("archive:x", "archive", Some("x"));
        check("a.npy:x", "a.npy", Some("x"));
        check("12:30/a.npy", "12:30/a.npy", None);
        check("run:3.npy", "run:3.npy", None);
        check("", "", None);
        check("f/{seed:05}.npz", "f/{seed:05}.npz", None);
        check("f/{seed:05}.npz:x", "f/{seed:05}.npz", Some("x"));
        check("{seed:05}.h5:x", "{seed:05}.h5", Some("x"));
    }

    #[test]
    fn relative_paths_are_resolved() {
        let resolve = |text: &str| ArrayPath::from(text).resolve("/base").to_string();
        assert_eq!(resolve("a.npz:x"), "/base/a.npz:x");
        assert_eq!(resolve("/else/a.npy"), "/else/a.npy");
    }

    #[test]
    fn a_file_with_that_very_name_is_meant() {
        let folder = tempfile::tempdir().unwrap();
        let path = ArrayPath::from("odd:name").resolve(folder.path());
        assert_eq!(path.locate(), (folder.path().join("odd"), Some("name")));
        std::fs::write(folder.path().join("odd:name"), "").unwrap();
        assert_eq!(path.locate(), (folder.path().join("odd:name"), None));
    }
}
