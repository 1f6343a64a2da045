//! What can go wrong with a plot.

use std::fmt;
use std::path::PathBuf;

/// Why a plot was not made. `Debug` shows the message as `Display` does, so that it is also seen where `main` returns the
/// error.
#[derive(thiserror::Error)]
#[non_exhaustive]
pub enum PlotError {
    /// The history has no entry.
    #[error("the history has no iterations, so there is nothing to plot; plot after a fit of at least one iteration")]
    Empty,
    /// There is nothing to put into a corner plot, or what there is does not belong together.
    #[error("{reason}")]
    Corner {
        /// What is wrong, and what to do.
        reason: String,
    },
    /// A density could not be made of samples.
    #[error(transparent)]
    Infer(#[from] imnn_infer::InferError),
    /// The expected det F is not a positive number.
    #[error("the expected det F is {found}, but it must be a positive finite number; leave it out if it is unknown")]
    Expected {
        /// The value given.
        found: f64,
    },
    /// A length of the plot is outside its range.
    #[error("the {what} of the plot is {found}, but it must be from {least} to {most}")]
    Size {
        /// Which length: `width`, `height` or `pixel_ratio`.
        what: &'static str,
        /// The value given.
        found: u32,
        /// The least value allowed.
        least: u32,
        /// The greatest value allowed.
        most: u32,
    },
    /// The extension of the path is not one of the formats.
    #[error("{}: plots cannot be written {}; use .png, .svg or .pdf", path.display(), described(extension))]
    Format {
        /// The path given.
        path: PathBuf,
        /// Its extension, empty if it has none.
        extension: String,
    },
    /// The file could not be written.
    #[error(transparent)]
    Write(#[from] imnn_io::FileError),
    /// The encoder of the image refused.
    #[error("the plot could not be drawn: {reason}")]
    Draw {
        /// What it says.
        reason: String,
    },
}

impl fmt::Debug for PlotError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

fn described(extension: &str) -> String {
    if extension.is_empty() { "without an extension".to_owned() } else { format!("as .{extension}") }
}
