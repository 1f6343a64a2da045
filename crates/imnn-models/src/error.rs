//! What can go wrong with a network, its parameters and its files.

use std::path::PathBuf;

/// An error of this crate.
#[derive(thiserror::Error)]
#[non_exhaustive]
pub enum ModelError {
    /// A layer cannot take the shape that reaches it.
    #[error("layer {layer}: {reason} (the shape that reaches it is {input:?})")]
    Shape {
        /// Position and name of the layer, such as `layers[3] (dense)`.
        layer: String,
        /// Shape of one simulation where it enters the layer.
        input: Vec<usize>,
        /// What the layer needs.
        reason: String,
    },

    /// A network description names a layer or a setting that does not exist, or gives it a wrong value.
    #[error("{location}: {message}")]
    Description {
        /// Where in the description, such as `layers[3]`.
        location: String,
        /// What is wrong, and what to write instead.
        message: String,
    },

    /// Parameters of one network were given to another.
    #[error("{origin} does not fit the network: {message}")]
    Parameters {
        /// Where the parameters come from, such as a file name.
        origin: String,
        /// The first difference, with the expected and the found name and shape.
        message: String,
    },

    /// A file could not be read.
    #[error("{}: {message}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What went wrong.
        message: String,
    },

    /// A file could not be written.
    #[error(transparent)]
    Write(#[from] imnn_io::FileError),

    /// A setting of an optimiser or schedule is out of its range.
    #[error("{setting} is {value}, it must be {range}")]
    Setting {
        /// Name of the setting.
        setting: &'static str,
        /// The value found.
        value: f64,
        /// The values allowed.
        range: &'static str,
    },

    /// A user-defined layer or a wrapped dfdx module failed or cannot do what was asked.
    #[error("layer {layer}: {message}")]
    Custom {
        /// Name of the layer.
        layer: String,
        /// What went wrong.
        message: String,
    },

    /// dfdx refused an operation.
    #[error("dfdx: {0}")]
    Dfdx(dfdx::tensor::CpuError),
}

impl From<dfdx::tensor::CpuError> for ModelError {
    fn from(error: dfdx::tensor::CpuError) -> Self {
        ModelError::Dfdx(error)
    }
}

/// The text of the error, which is what a `main` that returns it prints.
impl std::fmt::Debug for ModelError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        std::fmt::Display::fmt(self, f)
    }
}

/// The result type of this crate.
pub type Result<T, E = ModelError> = std::result::Result<T, E>;
