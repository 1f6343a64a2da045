//! Files that appear whole or not at all, on disks that several processes write to.

use std::fs::File;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::io::{Error, ErrorKind, Write};
use std::path::{Path, PathBuf};

use crate::JobsError;

pub(crate) fn io(action: &'static str, path: &Path) -> impl FnOnce(Error) -> JobsError {
    move |source| JobsError::Io { action, path: path.to_owned(), source }
}

/// A number that no other process has, whatever its machine.
pub(crate) fn token() -> u64 {
    RandomState::new().build_hasher().finish()
}

pub(crate) fn create_folder(path: &Path) -> Result<(), JobsError> {
    std::fs::create_dir_all(path).map_err(io("create", path))
}

/// Puts a file that is complete in its place, so that a crash of the machine does not lose it either.
pub(crate) fn put(file: &Path, place: &Path) -> Result<(), JobsError> {
    File::open(file).and_then(|file| file.sync_all()).map_err(io("write", file))?;
    std::fs::rename(file, place).map_err(io("write", place))?;
    sync_folder(place);
    Ok(())
}

/// Writes a file through another beside it.
pub(crate) fn write(path: &Path, write: impl FnOnce(&File) -> Result<(), JobsError>) -> Result<(), JobsError> {
    let beside = beside(path);
    let written = File::create_new(&beside).map_err(io("write", path)).and_then(|file| write(&file));
    let put = written.and_then(|()| put(&beside, path));
    if put.is_err() {
        // The first error is the one to report.
        let _ = std::fs::remove_file(&beside);
    }
    put
}

pub(crate) fn write_text(path: &Path, text: &str) -> Result<(), JobsError> {
    write(path, |mut file| file.write_all(text.as_bytes()).map_err(io("write", path)))
}

/// Writes a file where there is none; says whether there was none.
pub(crate) fn write_first(path: &Path, text: &str) -> Result<bool, JobsError> {
    let beside = beside(path);
    write_text(&beside, text)?;
    let linked = match std::fs::hard_link(&beside, path) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(false),
        // Some disks have no links; there two processes that start in the same instant may overwrite each other.
        Err(_) if !path.exists() => std::fs::rename(&beside, path).map(|()| true).map_err(io("write", path)),
        Err(_) => Ok(false),
    };
    let _ = std::fs::remove_file(&beside);
    sync_folder(path);
    linked
}

/// Removes a file that may not be there.
pub(crate) fn remove(path: &Path) -> Result<(), JobsError> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(io("remove", path)(error)),
        _ => Ok(()),
    }
}

/// The text of a file, if there is one.
pub(crate) fn read(path: &Path) -> Result<Option<String>, JobsError> {
    match std::fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(io("read", path)(error)),
    }
}

/// The names in a folder, none where there is no folder.
pub(crate) fn names(folder: &Path) -> Result<Vec<String>, JobsError> {
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(vec![]),
        Err(error) => return Err(io("read", folder)(error)),
    };
    entries.map(|entry| Ok(entry.map_err(io("read", folder))?.file_name().to_string_lossy().into_owned())).collect()
}

/// The seeds of the files in a folder whose names are a number and an ending; `007.npy` is none of them.
pub(crate) fn seeds(folder: &Path, ending: &str) -> Result<Vec<u64>, JobsError> {
    let seed = |name: String| {
        let digits = name.strip_suffix(ending)?;
        digits.parse().ok().filter(|seed: &u64| seed.to_string() == digits)
    };
    let mut seeds: Vec<u64> = names(folder)?.into_iter().filter_map(seed).collect();
    seeds.sort_unstable();
    Ok(seeds)
}

fn beside(path: &Path) -> PathBuf {
    let mut name = std::ffi::OsString::from(".");
    name.push(path.file_name().unwrap_or_default());
    name.push(format!(".{:016x}.partial", token()));
    path.with_file_name(name)
}

fn sync_folder(of: &Path) {
    // Not every disk can do this, and where it cannot the name is as safe as it gets.
    if let Some(folder) = of.parent() {
        let _ = File::open(folder).and_then(|folder| folder.sync_all());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_appear_whole() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        write_text(&path, "one").unwrap();
        let failed = write(&path, |mut file| {
            file.write_all(b"tw").unwrap();
            Err(JobsError::Record { path: "x".into(), reason: "no".into() })
        });
        assert!(failed.is_err());
        assert_eq!(read(&path).unwrap().unwrap(), "one");
        assert!(!write_first(&path, "two").unwrap());
        assert!(write_first(&folder.path().join("b"), "two").unwrap());
        let mut names = names(folder.path()).unwrap();
        names.sort();
        assert_eq!(names, ["a", "b"]);
        remove(&path).unwrap();
        remove(&path).unwrap();
        assert_eq!(read(&path).unwrap(), None);
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
