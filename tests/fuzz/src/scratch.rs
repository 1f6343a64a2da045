//! The folder of the repository, and where files are written that a parser is to read: in memory, if the system has such a
//! place.

use std::cell::OnceCell;
use std::env;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// The variable that names the folder to write to; without it each thread makes one, and removes it when it ends.
pub const SCRATCH: &str = "IMNN_FUZZ_SCRATCH";

thread_local! {
    static FOLDER: OnceCell<TempDir> = const { OnceCell::new() };
}

/// A folder of this thread.
///
/// # Panics
/// If none can be made.
pub fn scratch() -> PathBuf {
    FOLDER.with(|folder| folder.get_or_init(make).path().to_owned())
}

/// The folder of the repository.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn make() -> TempDir {
    let memory = Path::new("/dev/shm");
    let parent = match env::var_os(SCRATCH) {
        Some(folder) => folder.into(),
        None if memory.is_dir() => memory.to_owned(),
        None => env::temp_dir(),
    };
    let made = tempfile::Builder::new().prefix("imnn-fuzz-").tempdir_in(&parent);
    made.unwrap_or_else(|error| panic!("no folder can be made in {}: {error}", parent.display()))
}
