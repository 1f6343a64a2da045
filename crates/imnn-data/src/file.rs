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
        let reason = format!(
            "is a folder; name a file in it, or all of a kind as {0}/{{seed}}.npy: `imnn data inspect {0}` says what there is",
            path.display()
        );
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
    if let Some(hint) = path.ancestors().find_map(dangling) {
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

/// What a link leads to that is not there.
fn dangling(link: &Path) -> Option<String> {
    let target = std::fs::read_link(link).ok().filter(|_| !link.exists())?;
    let fetch = match target.components().any(|part| part.as_os_str() == "annex") {
        true => "; the data are in git-annex, fetch them: git annex get FILE",
        false => "; fetch what it leads to, or link it again",
    };
    Some(format!("; {} is a link to {}, which is not there{fetch}", link.display(), target.display()))
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
    #[test]
    #[cfg(unix)]
    fn what_a_dangling_link_leads_to_is_said() {
        let folder = tempfile::tempdir().unwrap();
        let link = folder.path().join("x.npy");
        std::os::unix::fs::symlink("scratch/x.npy", &link).unwrap();
        let message = |path: &Path| open(path).err().unwrap().to_string();
        assert!(message(&link).contains("x.npy is a link to scratch/x.npy, which is not there; fetch"));
        std::fs::remove_file(&link).unwrap();
        std::os::unix::fs::symlink(".git/annex/objects/a/b", &link).unwrap();
        assert!(message(&link).ends_with("git annex get FILE"));
        // A folder on the way.
        std::os::unix::fs::symlink("/none/sims", folder.path().join("sims")).unwrap();
        assert!(message(&folder.path().join("sims/0.npy")).contains("sims is a link to /none/sims"));
        assert!(message(folder.path()).contains("is a folder; name a file in it"));
    }
}
