//! Files and folders that may not be there.

use std::io::ErrorKind;
use std::path::Path;

use imnn_io::{FileError, folder};

pub(crate) fn create_folder(path: &Path) -> Result<(), FileError> {
    // A folder above may be removed by another process in between, and this one makes it again.
    let mut tries = 0;
    loop {
        match std::fs::create_dir_all(path) {
            Err(error) if error.kind() == ErrorKind::NotFound && tries < 100 => tries += 1,
            made => return made.map_err(FileError::of("create", path)),
        }
    }
}

/// Removes a file that may not be there.
pub(crate) fn remove(path: &Path) -> Result<(), FileError> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(FileError::of("remove", path)(error)),
        _ => Ok(()),
    }
}

/// The text of a file, if there is one.
pub(crate) fn read(path: &Path) -> Result<Option<String>, FileError> {
    match std::fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(FileError::of("read", path)(error)),
    }
}

/// The names in a folder, none where there is no folder.
pub(crate) fn names(folder: &Path) -> Result<Vec<String>, FileError> {
    match folder::names(folder) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(vec![]),
        names => names.map_err(FileError::of("read", folder)),
    }
}

/// The seeds of the files in a folder whose names are a number and an ending; `007.npy` is none of them.
pub(crate) fn seeds(folder: &Path, ending: &str) -> Result<Vec<u64>, FileError> {
    let seed = |name: String| {
        let digits = name.strip_suffix(ending)?;
        digits.parse().ok().filter(|seed: &u64| seed.to_string() == digits)
    };
    let mut seeds: Vec<u64> = names(folder)?.into_iter().filter_map(seed).collect();
    seeds.sort_unstable();
    Ok(seeds)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_there_is_no_error() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        assert_eq!(read(&path).unwrap(), None);
        std::fs::write(&path, "one").unwrap();
        assert_eq!(read(&path).unwrap().unwrap(), "one");
        assert_eq!(names(folder.path()).unwrap(), ["a"]);
        remove(&path).unwrap();
        remove(&path).unwrap();
        assert!(names(&path).unwrap().is_empty());
    }

    #[test]
    fn what_is_something_else_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        std::fs::write(&path, "").unwrap();
        let errors = [
            remove(folder.path()).unwrap_err(),
            read(folder.path()).unwrap_err(),
            names(&path).unwrap_err(),
            create_folder(&path).unwrap_err(),
        ];
        for (error, action) in errors.iter().zip(["remove", "read", "read", "create"]) {
            assert!(error.to_string().starts_with(&format!("cannot {action} ")), "{error}");
        }
    }

    #[test]
    fn seeds_are_plain_numbers() {
        let folder = tempfile::tempdir().unwrap();
        for name in
            ["10.npy", "9.npy", "007.npy", "x.npy", "3.txt", ".5.npy.partial", "-1.npy", "99999999999999999999.npy"]
        {
            std::fs::write(folder.path().join(name), "").unwrap();
        }
        assert_eq!(seeds(folder.path(), ".npy").unwrap(), [9, 10]);
        assert!(seeds(&folder.path().join("none"), ".npy").unwrap().is_empty());
    }
}
