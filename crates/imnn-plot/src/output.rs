//! The formats of plots.

use std::path::Path;

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_extension_decides() {
        assert_eq!(format(Path::new("a/b.PNG")).unwrap(), Format::Png);
        assert_eq!(format(Path::new("b.svg")).unwrap(), Format::Svg);
        let message = |path: &str| format(Path::new(path)).unwrap_err().to_string();
        assert_eq!(message("b.pdf"), "b.pdf: plots cannot be written as .pdf; use .png or .svg");
        assert_eq!(message("plot"), "plot: plots cannot be written without an extension; use .png or .svg");
    }
}
