//! What can be wrong with a run file, with the line it is on.

use std::path::PathBuf;

use imnn::models::ModelError;

/// Why a run file cannot be used.
///
/// `place` is the table as it is written in the file, such as `[fit]`.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RunFileError {
    /// The file cannot be read.
    #[error("cannot read the run file {}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// The file is not TOML.
    #[error("{} line {line}: not valid TOML: {reason}", path.display())]
    Syntax {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What the parser said.
        reason: String,
    },
    /// There is no such key.
    #[error("unknown key \"{key}\" {place} ({} line {line}): {advice}", path.display())]
    UnknownKey {
        /// The key.
        key: String,
        /// Its table.
        place: String,
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// The likely key, or all there are.
        advice: String,
    },
    /// A key is missing that has no default.
    #[error("missing key \"{key}\" {place} ({} line {line}): {advice}", path.display())]
    MissingKey {
        /// The key.
        key: &'static str,
        /// Its table.
        place: String,
        /// The file.
        path: PathBuf,
        /// The line of the table, from 1.
        line: usize,
        /// What to write.
        advice: String,
    },
    /// A value has the wrong type.
    #[error("\"{key}\" {place} ({} line {line}): expected {expected}, found {found}", path.display())]
    Type {
        /// The key.
        key: String,
        /// Its table.
        place: String,
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// The type expected.
        expected: &'static str,
        /// What there is.
        found: String,
    },
    /// A layer or the optimiser is described wrongly.
    #[error("{} line {line}: {source}", path.display())]
    Description {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// Where in the description, what was found, and what to write.
        source: ModelError,
    },
    /// A value of the right type cannot be used.
    #[error("\"{key}\" {place} ({} line {line}): {reason}", path.display())]
    Value {
        /// The key.
        key: String,
        /// Its table.
        place: String,
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What is wrong and what to do.
        reason: String,
    },
}
