//! Several files that belong together.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::error::FileError;
use super::leftover::is_gone;
use super::partial::Partial;
use super::place::{remove, rename_new, sync, sync_folder_of};
use super::write::write_new;

/// Files of one set, which are written in a hidden folder and then put in their places beside each other.
///
/// No system renames several files in one step. While it is done there is another file, the *marker*: who reads a set of
/// which there is a marker has to refuse it. If the process is killed, the marker stays, and whoever writes the set next
/// removes what is left of it.
#[derive(Debug)]
pub struct FileSet {
    folder: Partial,
    marker: PathBuf,
}

/// What a marker says to people; the hidden folder and the files follow, one to a line.
pub(super) const TEXT: &str = "\
The files below are a set that is being put in its place. If no program is at it any more, the set is incomplete:
write it again, which removes what is left of it, or remove the files and this one.

";

impl FileSet {
    /// A set with this marker, in the folder of which its files will be. What is left of an incomplete set is removed: its
    /// files of which `is_part` says that their names are such as the set's.
    ///
    /// # Errors
    /// [`FileError::Io`] if another process is just putting such a set in its place, or the folder cannot be written to.
    pub fn new(marker: impl Into<PathBuf>, is_part: impl Fn(&str) -> bool) -> Result<Self, FileError> {
        let marker = marker.into();
        let parent = marker.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        // A set does not make the folder it lies in.
        parent.metadata().map_err(FileError::of("write", &marker))?;
        remove_incomplete(&marker, is_part).map_err(FileError::of("write", &marker))?;
        Ok(Self { folder: Partial::folder(&marker, false)?, marker })
    }

    /// Where to write the files to, and where they can be read until the set is finished.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Syncs the files and puts them in their places, which it returns.
    ///
    /// # Errors
    /// [`FileError::Exists`] if there is such a file already, or if the system refuses; then none is in its place.
    pub fn finish(self) -> Result<Vec<PathBuf>, FileError> {
        let failed = || FileError::of("write", &self.marker);
        let names = crate::folder::names(self.path()).map_err(failed())?;
        sync(self.path()).map_err(failed())?;
        let hidden = self.path().file_name().unwrap_or_default().to_string_lossy().into_owned();
        let text = format!("{TEXT}{hidden}\n{}\n", names.join("\n"));
        if !write_new(&self.marker, text)? {
            return Err(FileError::Exists { path: self.marker.clone() });
        }
        let mut placed = vec![];
        let put = self.put(&names, &mut placed);
        if put.is_err() {
            placed.iter().for_each(|path| remove(path));
        }
        sync_folder_of(&self.marker);
        fs::remove_file(&self.marker).map_err(FileError::of("remove", &self.marker))?;
        sync_folder_of(&self.marker);
        put.map(|()| placed)
    }

    fn put(&self, names: &[String], placed: &mut Vec<PathBuf>) -> Result<(), FileError> {
        for name in names {
            let to = self.marker.with_file_name(name);
            rename_new(&self.path().join(name), &to).map_err(|error| match error.kind() {
                io::ErrorKind::AlreadyExists => FileError::Exists { path: to.clone() },
                _ => FileError::of("write", &to)(error),
            })?;
            placed.push(to);
        }
        Ok(())
    }
}

/// Removes the files of a set that a killed process was putting in their places, and at last the marker.
fn remove_incomplete(marker: &Path, is_part: impl Fn(&str) -> bool) -> io::Result<()> {
    let text = match fs::read_to_string(marker) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        text => text?,
    };
    let mut lines = text.strip_prefix(TEXT).unwrap_or_default().lines();
    let Some(hidden) = lines.next().filter(|hidden| is_name(hidden)) else {
        let reason = "this is not the marker of an incomplete set; move it away";
        return Err(io::Error::new(io::ErrorKind::AlreadyExists, reason));
    };
    if !is_gone(&marker.with_file_name(hidden), marker) {
        let reason = "another process is putting such files in their places; wait for it (or for a day, if it was one of \
                      another machine and was stopped), or remove them and this file";
        return Err(io::Error::new(io::ErrorKind::ResourceBusy, reason));
    }
    for name in lines.filter(|name| is_name(name) && is_part(name)) {
        match fs::remove_file(marker.with_file_name(name)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    sync_folder_of(marker);
    fs::remove_file(marker)
}

fn is_name(name: &str) -> bool {
    !name.is_empty() && !name.contains('/')
}
