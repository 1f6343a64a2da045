//! The arrays of a set of simulations, opened by rows and matched, whatever is in them.

use imnn_sim::Real;

use crate::outline::{Labels, Outline};
use crate::rows::matched;
use crate::{DataError, DerivativeFiles, Files, FilesKind, RowArray, RowOptions, StackedRows, inspect, open_rows};

/// Simulations and derivatives, row i belonging to row i.
pub(crate) struct Set<E> {
    pub(crate) fiducial: Box<dyn RowArray<E>>,
    pub(crate) derivative: Box<dyn RowArray<E>>,
    /// The seeds of the rows, where they have seeds.
    pub(crate) seeds: Option<Vec<u64>>,
    pub(crate) outline: Outline,
    /// Whether single precision holds the values of the simulations, and those of the derivatives.
    pub(crate) single: (bool, bool),
}

impl<E: Real> Set<E> {
    /// Opens files; what they hold is not checked but for shapes.
    pub(crate) fn open(files: &Files, options: &RowOptions) -> Result<Self, DataError> {
        let open = |path: &crate::ArrayPath| open_rows::<E>(path, options);
        let fiducial = open(&files.fiducial)?;
        let (derivative, path): (Box<dyn RowArray<E>>, _) = match &files.derivative {
            DerivativeFiles::Array(path) => (open(path)?, Some(path)),
            DerivativeFiles::Sides { below, above } => {
                let all = |paths: &[crate::ArrayPath]| paths.iter().map(open).collect::<Result<Vec<_>, _>>();
                (Box::new(StackedRows::new(all(below)?, all(above)?, files.n_d)?), below.first())
            }
        };
        let single = (fits_single(&*fiducial, Some(&files.fiducial)), fits_single(&*derivative, path));
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
        let mut outline = match &files.kind {
            FilesKind::Exact => Outline::exact(labels, &shapes.0, &shapes.1)?,
            FilesKind::Numerical(steps) => Outline::numerical(labels, &shapes.0, &shapes.1, steps)?,
        };
        outline.take(files.n_s, files.n_d)?;
        if let Some(shape) = &files.input_shape {
            outline.reshape_input(shape)?;
        }
        Ok(Self { fiducial, derivative, seeds, outline, single })
    }
}

/// The seeds in the order in which the rows are matched: those with derivatives first.
fn ordered_seeds<E: Real>(fiducial: &dyn RowArray<E>, derivative: &dyn RowArray<E>) -> Option<Vec<u64>> {
    let (all, derivatives) = (fiducial.seeds()?, derivative.seeds()?);
    let (with, without): (Vec<u64>, Vec<u64>) = all.iter().partition(|seed| derivatives.binary_search(seed).is_ok());
    Some([with, without].concat())
}

/// Whether numbers in single precision are as good as those of the file.
fn fits_single<E: Real>(array: &dyn RowArray<E>, path: Option<&crate::ArrayPath>) -> bool {
    let dtype = match (array.dtype(), path) {
        ("", Some(path)) => inspect::array(path).map_or_else(|_| String::new(), |info| info.dtype),
        (dtype, _) => dtype.to_owned(),
    };
    inspect::fits_single(&dtype)
}
