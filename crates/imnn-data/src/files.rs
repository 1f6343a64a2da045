//! Simulations in `.npy` and `.npz` files.

use imnn_sim::Real;
use ndarray::ArrayD;

use crate::arrays::{read, read_rows};
use crate::outline::Labels;
use crate::{ArrayPath, Arrays, DataError, Steps};

/// Where the simulations are, before they are read.
///
/// # Shapes
/// * fiducial: `(n_s, *input)`
/// * derivative: exact `(n_d, *input, n_params)`; numerical `(n_d, 2, n_params, *input)` with 0 = below, 1 = above
#[derive(Clone, Debug, PartialEq)]
pub struct Files {
    /// The simulations.
    pub fiducial: ArrayPath,
    /// How they change with the parameters.
    pub derivative: ArrayPath,
    /// What the derivatives are.
    pub kind: FilesKind,
    /// How many simulations of the file to use, from the first; by default all.
    pub n_s: Option<usize>,
    /// How many derivatives of the file to use, from the first; by default all, or `n_s` where that is given.
    pub n_d: Option<usize>,
    /// The shape of one simulation where it is to differ from the file's, for instance for an axis of channels.
    pub input_shape: Option<Vec<usize>>,
}

/// What the array of derivatives holds.
#[derive(Clone, Debug, PartialEq)]
pub enum FilesKind {
    /// Derivatives of the data.
    Exact,
    /// Simulations below and above the fiducial.
    Numerical(Steps),
}

impl Files {
    /// All the rows of two arrays, as they are.
    pub fn new(fiducial: impl Into<ArrayPath>, derivative: impl Into<ArrayPath>, kind: FilesKind) -> Self {
        Self { fiducial: fiducial.into(), derivative: derivative.into(), kind, n_s: None, n_d: None, input_shape: None }
    }

    /// Reads and checks the simulations.
    ///
    /// # Errors
    /// Whatever is wrong with the files, the shapes or the values; the array is named by file and key.
    pub fn load<E: Real>(&self) -> Result<Arrays<E>, DataError> {
        if let FilesKind::Numerical(steps) = &self.kind {
            // Cheaper to find out before the files are read.
            steps.widths()?;
        }
        let fiducial = rows("n_s", self.n_s, self.n_s, &self.fiducial)?;
        let derivative = rows("n_d", self.n_d, self.n_d.or(self.n_s), &self.derivative)?;
        let labels = Labels { fiducial: self.fiducial.to_string(), derivative: self.derivative.to_string() };
        let arrays = match &self.kind {
            FilesKind::Exact => Arrays::exact_labelled(fiducial, derivative, labels)?,
            FilesKind::Numerical(steps) => Arrays::numerical_labelled(fiducial, derivative, steps, labels)?,
        };
        let arrays = arrays.take(self.n_s, self.n_d)?;
        match &self.input_shape {
            Some(shape) => arrays.reshape_input(shape),
            None => Ok(arrays),
        }
    }
}

/// Reads at most `n_rows` rows, of long files no others, and checks that as many as were asked for are there.
fn rows<E: Real>(
    name: &'static str,
    asked: Option<usize>,
    n_rows: Option<usize>,
    path: &ArrayPath,
) -> Result<ArrayD<E>, DataError> {
    if asked == Some(0) {
        return Err(DataError::NoRows { name });
    }
    let array = match n_rows {
        Some(n_rows) => read_rows(path, n_rows)?,
        None => read(path)?,
    };
    match (asked, array.shape().first()) {
        (Some(asked), Some(&available)) if available < asked => {
            Err(DataError::TooFewRows { name, label: path.to_string(), asked, available })
        }
        _ => Ok(array),
    }
}
