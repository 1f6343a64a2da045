//! The arrays of a set of simulations, opened by rows and matched, whatever is in them.

use imnn_sim::Real;

use crate::rows::matched;
use crate::spec::{DatasetSpec, Labels};
use crate::{DataError, DerivativeFiles, Files, FilesKind, RowArray, RowOptions, StackedRows, open_rows};

/// Simulations and derivatives, row i belonging to row i.
pub struct ArraySet<E> {
    /// The simulations.
    pub fiducial: Box<dyn RowArray<E>>,
    /// Their derivatives, or those below and above.
    pub derivative: Box<dyn RowArray<E>>,
    /// The seeds of the rows, where they have seeds.
    pub seeds: Option<Vec<u64>>,
    /// Their shapes and counts.
    pub spec: DatasetSpec,
    /// The types of the elements of both as the files write them.
    pub dtypes: [String; 2],
}

impl<E: Real> ArraySet<E> {
    /// Opens files and matches their rows; what they hold is not checked but for shapes.
    ///
    /// # Errors
    /// Whatever is wrong with the files or the shapes.
    pub fn open(files: &Files, options: &RowOptions) -> Result<Self, DataError> {
        let open = |path: &crate::ArrayPath| open_rows::<E>(path, options);
        let fiducial = open(&files.fiducial)?;
        let derivative: Box<dyn RowArray<E>> = match &files.derivative {
            DerivativeFiles::Array(path) => open(path)?,
            DerivativeFiles::Sides { below, above } => {
                let all = |paths: &[crate::ArrayPath]| paths.iter().map(open).collect::<Result<Vec<_>, _>>();
                Box::new(StackedRows::new(all(below)?, all(above)?, files.n_d)?)
            }
        };
        let dtypes = [fiducial.dtype().to_owned(), derivative.dtype().to_owned()];
        let seeds = ordered_seeds(&*fiducial, &*derivative);
        let (fiducial, derivative) = matched(fiducial, derivative, files.n_d)?;
        let labels = Labels { fiducial: fiducial.label().to_owned(), derivative: derivative.label().to_owned() };
        let first = |array: &dyn RowArray<E>, n: Option<usize>| {
            let mut shape = array.shape().to_vec();
            if let Some(rows) = shape.first_mut() {
                *rows = n.unwrap_or(*rows).min(*rows);
            }
            shape
        };
        // More simulations or derivatives than there are is for `take` to refuse.
        let n_d = files.n_d.or(files.n_s);
        let shapes = (fiducial.shape().to_vec(), first(&*derivative, n_d));
        let mut spec = match &files.kind {
            FilesKind::Exact => DatasetSpec::exact(labels, &shapes.0, &shapes.1)?,
            FilesKind::Numerical(steps) => DatasetSpec::numerical(labels, &shapes.0, &shapes.1, steps)?,
        };
        spec.take(files.n_s, files.n_d)?;
        if let Some(shape) = &files.input_shape {
            spec.reshape_input(shape)?;
        }
        Ok(Self { fiducial, derivative, seeds, spec, dtypes })
    }
}

/// The seeds in the order in which the rows are matched: those with derivatives first.
fn ordered_seeds<E: Real>(fiducial: &dyn RowArray<E>, derivative: &dyn RowArray<E>) -> Option<Vec<u64>> {
    let (all, derivatives) = (fiducial.seeds()?, derivative.seeds()?);
    let (with, without): (Vec<u64>, Vec<u64>) = all.iter().partition(|seed| derivatives.binary_search(seed).is_ok());
    Some([with, without].concat())
}
