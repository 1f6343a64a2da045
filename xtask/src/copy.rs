//! Copies of the sources, in which files are changed.

use std::path::{Path, PathBuf};
use std::{fs, io};

use crate::workspace;

/// A path from the root of the workspace, whole.
pub fn absolute(path: &Path) -> io::Result<PathBuf> {
    std::path::absolute(workspace::root().join(path))
}

/// Copies all files of the repository into a folder.
pub fn sources(to: &Path) -> io::Result<()> {
    let copy = |path: PathBuf| file(&path, &to.join(path.strip_prefix(workspace::root()).unwrap_or(&path)));
    workspace::files()?.into_iter().try_for_each(copy)
}

/// Makes a folder the same as another, leaving alone the files that are.
pub fn update(from: &Path, to: &Path) -> io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(to)? {
        let path = entry?.path();
        if !from.join(path.file_name().unwrap_or_default()).exists() {
            if path.is_dir() {
                fs::remove_dir_all(&path)?
            } else {
                fs::remove_file(&path)?
            };
        }
    }
    for entry in fs::read_dir(from)? {
        let path = entry?.path();
        let target = to.join(path.file_name().unwrap_or_default());
        if path.is_dir() {
            update(&path, &target)?;
        } else if !fs::read(&target).is_ok_and(|old| fs::read(&path).is_ok_and(|new| new == old)) {
            file(&path, &target)?;
        }
    }
    Ok(())
}

fn file(from: &Path, to: &Path) -> io::Result<()> {
    fs::create_dir_all(to.parent().unwrap_or(to))?;
    fs::copy(from, to).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::SystemTime;

    #[test]
    fn files_that_are_the_same_are_left_alone_and_others_replaced_or_removed() {
        let folder = std::env::temp_dir().join(format!("xtask-copy-{}", std::process::id()));
        let (from, to) = (folder.join("from"), folder.join("to"));
        for (path, text) in
            [("from/a/same", "1"), ("from/new", "2"), ("to/a/same", "1"), ("to/new", "0"), ("to/old/x", "3")]
        {
            fs::create_dir_all(folder.join(path).parent().unwrap()).unwrap();
            fs::write(folder.join(path), text).unwrap();
        }
        let old = fs::File::open(to.join("a/same")).unwrap();
        old.set_modified(SystemTime::UNIX_EPOCH).unwrap();
        update(&from, &to).unwrap();
        assert_eq!(fs::metadata(to.join("a/same")).unwrap().modified().unwrap(), SystemTime::UNIX_EPOCH);
        assert_eq!(fs::read(to.join("new")).unwrap(), b"2");
        assert!(!to.join("old").exists());
        fs::remove_dir_all(folder).unwrap();
    }
}
