//! What is in a folder.

use std::path::Path;

/// The names of all that is in a folder, in alphabetical order; what is not UTF-8 in one is replaced.
///
/// # Errors
/// If the folder is not there or cannot be read.
pub fn names(folder: impl AsRef<Path>) -> std::io::Result<Vec<String>> {
    let names = std::fs::read_dir(folder)?.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()));
    let mut names = names.collect::<std::io::Result<Vec<String>>>()?;
    names.sort();
    Ok(names)
}

/// The names of what would be lost with a folder: none where there is no folder.
///
/// # Errors
/// If there is one and it cannot be read.
pub fn names_if_there(folder: impl AsRef<Path>) -> std::io::Result<Vec<String>> {
    if folder.as_ref().is_dir() { names(folder) } else { Ok(vec![]) }
}
