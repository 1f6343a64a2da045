//! Files: the format from the extension, written whole or not at all.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use crate::PlotError;

/// The formats of plots.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Format {
    Png,
    Svg,
}

/// The format that the extension of `path` asks for.
pub(crate) fn format(path: &Path) -> Result<Format, PlotError> {
    let extension = path.extension().map(|e| e.to_string_lossy().into_owned()).unwrap_or_default();
    match extension.to_ascii_lowercase().as_str() {
        "png" => Ok(Format::Png),
        "svg" => Ok(Format::Svg),
        _ => Err(PlotError::Format { path: path.to_owned(), extension }),
    }
}

/// Writes a file under another name beside its own and renames it, so that a reader never sees half of it.
pub(crate) fn write(path: &Path, bytes: &[u8]) -> Result<(), PlotError> {
    let failed = |source| PlotError::Write { path: path.to_owned(), source };
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let partial: PathBuf = path.with_file_name(format!(".{name}.{}.partial", std::process::id()));
    let written = fs::File::create(&partial)
        .and_then(|mut file| file.write_all(bytes).and_then(|()| file.sync_all()))
        .and_then(|()| fs::rename(&partial, path));
    if written.is_err() {
        // The reason above is the one to report, whether or not there is something to clear away.
        let _ = fs::remove_file(&partial);
    }
    written.map_err(failed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_extension_decides() {
        assert_eq!(format(Path::new("a/b.PNG")).unwrap(), Format::Png);
        assert_eq!(format(Path::new("b.svg")).unwrap(), Format::Svg);
        let message = |path: &str| format(Path::new(path)).unwrap_err().to_string();
        assert_eq!(message("b.pdf"), "b.pdf: plots cannot be written as .pdf; end the file name in .png or .svg");
        assert_eq!(
            message("plot"),
            "plot: plots cannot be written as a file without an extension; end the file name in .png or .svg"
        );
    }

    #[test]
    fn a_failed_write_leaves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("taken.png");
        fs::create_dir(&path).unwrap();
        fs::write(path.join("full"), "").unwrap();
        let message = write(&path, b"bytes").unwrap_err().to_string();
        assert!(message.contains("taken.png: the plot could not be written"), "{message}");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
