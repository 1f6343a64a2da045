//! A file opened for reading, and what to say where it cannot be.

use std::fs::File;
use std::io::{BufReader, ErrorKind};
use std::path::Path;

use crate::DataError;
use crate::rows::hint as pattern_hint;

pub(crate) struct Opened {
    pub(crate) reader: BufReader<File>,
    /// Its length in bytes.
    pub(crate) len: u64,
}

/// Opens a file that is one, not a folder or a pipe.
pub(crate) fn open(path: &Path) -> Result<Opened, DataError> {
    let io = |source: std::io::Error| match source.kind() {
        ErrorKind::NotFound | ErrorKind::NotADirectory => {
            DataError::Missing { path: path.to_owned(), hint: hint(path) }
        }
        _ => DataError::read(path.display(), source),
    };
    let metadata = std::fs::metadata(path).or_else(|error| put_back(path, error)).map_err(io)?;
    if metadata.is_dir() {
        let reason = "is a folder; give the path of a .npy file, or of one array of an archive as file.npz:key";
        return Err(DataError::unusable(path.display(), reason));
    }
    if !metadata.is_file() {
        // A pipe would be waited for without end, and nothing can be read twice from it.
        let source = std::io::Error::new(ErrorKind::InvalidInput, "it is a device or a pipe, a file is needed");
        return Err(io(source));
    }
    Ok(Opened { reader: BufReader::new(File::open(path).map_err(io)?), len: metadata.len() })
}

/// Where a folder was being replaced when its writer was killed, puts one back, and looks again.
fn put_back(path: &Path, error: std::io::Error) -> std::io::Result<std::fs::Metadata> {
    let is_missing = |path: &&Path| !path.as_os_str().is_empty() && !path.exists();
    match path.ancestors().skip(1).take_while(is_missing).last() {
        Some(folder) => {
            imnn_io::atomic::restore(folder);
            std::fs::metadata(path)
        }
        None => Err(error),
    }
}

/// What there is in place of a missing file.
fn hint(path: &Path) -> String {
    if let Some(hint) = pattern_hint(path) {
        return hint;
    }
    for extension in ["npy", "npz"] {
        let mut longer = path.as_os_str().to_owned();
        longer.push(".");
        longer.push(extension);
        for other in [Path::new(&longer), &path.with_extension(extension)] {
            if other != path && other.is_file() {
                return format!("; there is {}", other.display());
            }
        }
    }
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() && !parent.is_dir() => {
            format!("; its folder {} does not exist", parent.display())
        }
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_that_was_being_replaced_is_put_back() {
        let folder = tempfile::tempdir().unwrap();
        let aside = folder.path().join(".parts.0a1b2c-012345678.old/train");
        std::fs::create_dir_all(&aside).unwrap();
        std::fs::write(aside.join("fiducial.npy"), "four").unwrap();
        assert_eq!(open(&folder.path().join("parts/train/fiducial.npy")).unwrap().len, 4);
        let error = open(&folder.path().join("none/train/fiducial.npy")).err().unwrap().to_string();
        assert!(error.contains("no such file"), "{error}");
    }
}
