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
    let metadata = std::fs::metadata(path).map_err(io)?;
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
