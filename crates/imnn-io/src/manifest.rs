//! What the files of a folder were when it was finished: `manifest.json`.
//!
//! ```json
//! {
//!   "format": 1,
//!   "imnn": "0.1.0",
//!   "about": { "data": "..." },
//!   "files": { "model.toml": { "bytes": 242, "sha256": "..." } }
//! }
//! ```

use crate::atomic::{self, FileError};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

/// The name of the file.
pub const NAME: &str = "manifest.json";

/// The version of the format.
const FORMAT: u32 = 1;

/// The files of a folder with their checksums, and what there is to say about them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    format: u32,
    /// The version of imnn that wrote it.
    imnn: String,
    /// What else there is to say: names with values.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    about: BTreeMap<String, String>,
    files: BTreeMap<String, Entry>,
}

/// A file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Entry {
    bytes: u64,
    /// In hexadecimal, as `sha256sum` prints it.
    sha256: String,
}

/// Why the files of a folder are not those of its manifest.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ManifestError {
    /// A file cannot be read.
    #[error(transparent)]
    File(#[from] FileError),
    /// The manifest is damaged, or of a newer version.
    #[error("{}: {message}", path.display())]
    Unreadable {
        /// The manifest.
        path: PathBuf,
        /// What is wrong with it.
        message: String,
    },
    /// A file is not what it was.
    #[error(
        "{} is not the file that was saved here ({found}, {NAME} says {expected}): it is damaged, was changed, or comes from \
         another run; restore it, or make the run again",
        path.display()
    )]
    Changed {
        /// The file.
        path: PathBuf,
        /// What it is.
        found: String,
        /// What it was.
        expected: String,
    },
}

impl Manifest {
    /// Reads these files of a folder.
    ///
    /// # Errors
    /// If one cannot be read.
    pub fn of<'a>(folder: &Path, names: impl IntoIterator<Item = &'a str>) -> Result<Self, FileError> {
        let entry = |name: &str| {
            let path = folder.join(name);
            Entry::of(&path).map(|entry| (name.to_owned(), entry)).map_err(FileError::of("read", &path))
        };
        let files = names.into_iter().map(entry).collect::<Result<_, _>>()?;
        Ok(Manifest { format: FORMAT, imnn: env!("CARGO_PKG_VERSION").into(), about: BTreeMap::new(), files })
    }

    /// Says something about the files.
    pub fn about(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.about.insert(name.into(), value.into());
        self
    }

    /// Says that no more.
    pub fn without(mut self, name: &str) -> Self {
        self.about.remove(name);
        self
    }

    /// Writes `manifest.json`, whole or not at all.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn write(&self, folder: &Path) -> Result<(), FileError> {
        let path = folder.join(NAME);
        let text =
            serde_json::to_string_pretty(self).map_err(io::Error::other).map_err(FileError::of("write", &path))?;
        atomic::write(&path, text + "\n")
    }

    /// Reads the manifest of a folder, if there is one.
    ///
    /// # Errors
    /// If it cannot be read, is damaged or of a newer version.
    pub fn read(folder: &Path) -> Result<Option<Self>, ManifestError> {
        let path = folder.join(NAME);
        let text = match std::fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(FileError::of("read", &path)(error).into()),
        };
        let unreadable = |message: String| ManifestError::Unreadable { path: path.clone(), message };
        let manifest: Manifest =
            serde_json::from_str(&text).map_err(|error| unreadable(format!("not a manifest: {error}")))?;
        if manifest.format != FORMAT {
            return Err(unreadable(format!(
                "written by imnn {} in format {}; this is imnn {}, which reads format {FORMAT}: use that version, or a newer one",
                manifest.imnn,
                manifest.format,
                env!("CARGO_PKG_VERSION")
            )));
        }
        Ok(Some(manifest))
    }

    /// The names of the files.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.files.keys().map(String::as_str)
    }

    /// What was said about the files.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.about.get(name).map(String::as_str)
    }

    /// Compares a file with what it was; one that the manifest does not know is none of its business.
    ///
    /// # Errors
    /// [`ManifestError::Changed`] if it is another; if it cannot be read.
    pub fn check(&self, name: &str, path: &Path) -> Result<(), ManifestError> {
        let Some(expected) = self.files.get(name) else { return Ok(()) };
        let found = Entry::of(path).map_err(FileError::of("read", path))?;
        if found == *expected {
            return Ok(());
        }
        Err(ManifestError::Changed { path: path.to_owned(), found: found.text(), expected: expected.text() })
    }

    /// Compares all files with what they were.
    ///
    /// # Errors
    /// As [`Manifest::check`].
    pub fn check_all(&self, folder: &Path) -> Result<(), ManifestError> {
        self.files.keys().try_for_each(|name| self.check(name, &folder.join(name)))
    }
}

impl Entry {
    fn of(path: &Path) -> io::Result<Self> {
        let mut hash = Sha256::new();
        let bytes = io::copy(&mut File::open(path)?, &mut hash)?;
        Ok(Entry { bytes, sha256: format!("{:x}", hash.finalize()) })
    }

    fn text(&self) -> String {
        // A damaged manifest may have any text here, in which a letter takes more than a byte.
        let start: String = self.sha256.chars().take(12).collect();
        format!("{} bytes with checksum {start}", self.bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn any_change_of_any_file_is_found() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path();
        fs::write(folder.join("a"), "one").unwrap();
        fs::write(folder.join("b"), [0; 300]).unwrap();
        let written = Manifest::of(folder, ["a", "b"]).unwrap().about("data", "x");
        written.write(folder).unwrap();
        let manifest = Manifest::read(folder).unwrap().unwrap();
        assert_eq!(manifest, written);
        assert_eq!((manifest.get("data"), manifest.names().collect::<Vec<_>>()), (Some("x"), vec!["a", "b"]));
        manifest.check_all(folder).unwrap();
        // As `sha256sum` has it.
        assert!(
            fs::read_to_string(folder.join(NAME))
                .unwrap()
                .contains("7692c3ad3540bb803c020b3aee66cd8887123234ea0c6e7143c0add73ff431ed")
        );
        for (name, changed) in [("a", "One"), ("a", "one "), ("a", "")] {
            fs::write(folder.join(name), changed).unwrap();
            let message = manifest.check_all(folder).unwrap_err().to_string();
            assert!(message.contains("/a is not the file that was saved here"), "{message}");
        }
        fs::remove_file(folder.join("a")).unwrap();
        assert!(manifest.check_all(folder).unwrap_err().to_string().starts_with("cannot read "));
    }

    #[test]
    fn damaged_and_newer_manifests_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(Manifest::read(folder.path()).unwrap(), None);
        for (text, expected) in [
            ("{", "not a manifest"),
            (r#"{"format": 9, "imnn": "7.0", "files": {}}"#, "written by imnn 7.0 in format 9; this is imnn 0.1.0"),
        ] {
            fs::write(folder.path().join(NAME), text).unwrap();
            let message = Manifest::read(folder.path()).unwrap_err().to_string();
            assert!(message.contains(expected), "{message}");
        }
        fs::write(folder.path().join("a"), "one").unwrap();
        let damaged = r#"{"format": 1, "imnn": "0", "files": {"a": {"bytes": 3, "sha256": "7692c3ad354é"}}}"#;
        fs::write(folder.path().join(NAME), damaged).unwrap();
        let message = Manifest::read(folder.path()).unwrap().unwrap().check_all(folder.path()).unwrap_err().to_string();
        assert!(message.contains("3 bytes with checksum 7692c3ad354é)"), "{message}");
    }
}
