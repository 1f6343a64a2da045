//! The arrays of a set of simulations, opened by rows and matched, whatever is in them.

use imnn_sim::Real;

use crate::rows::matched;
use crate::spec::{DatasetSpec, Labels, check_asked};
use crate::{DataError, FilesKind, RowArray};

/// Simulations and derivatives, row i belonging to row i.
pub struct ArraySet<E> {
    /// The simulations.
    pub fiducial: Box<dyn RowArray<E>>,
    /// Their derivatives, or those below and above.
    pub derivative: Box<dyn RowArray<E>>,
    /// The seeds of the rows in their order, where they have seeds.
    pub seeds: Option<Vec<u64>>,
    /// Their shapes and counts.
    pub spec: DatasetSpec,
    /// What the derivatives are, and how their steps were given.
    pub kind: FilesKind,
    /// The types of the elements of both as the files write them.
    pub dtypes: [String; 2],
}

impl<E: Real> ArraySet<E> {
    /// Matches the rows of both arrays, of which the first `n_s` and `n_d` are used where these are given.
    pub(crate) fn matched(
        fiducial: Box<dyn RowArray<E>>,
        derivative: Box<dyn RowArray<E>>,
        kind: &FilesKind,
        (n_s, n_d): (Option<usize>, Option<usize>),
    ) -> Result<Self, DataError> {
        let dtypes = [fiducial.dtype().to_owned(), derivative.dtype().to_owned()];
        let (fiducial, derivative, seeds) = matched(fiducial, derivative, n_d)?;
        let labels = Labels { fiducial: fiducial.label().to_owned(), derivative: derivative.label().to_owned() };
        let simulations = first_rows("n_s", n_s, n_s, &*fiducial)?;
        let derivatives = first_rows("n_d", n_d, n_d.or(n_s), &*derivative)?;
        let mut spec = DatasetSpec::of_shapes(labels, &simulations, &derivatives, kind)?;
        spec.take(n_s, n_d)?;
        Ok(Self { fiducial, derivative, seeds, spec, kind: kind.clone(), dtypes })
    }
}

/// The shape of the first `n_rows` rows, of which `asked` have to be there.
fn first_rows<E: Real>(
    name: &'static str,
    asked: Option<usize>,
    n_rows: Option<usize>,
    array: &dyn RowArray<E>,
) -> Result<Vec<usize>, DataError> {
    let mut shape = array.shape().to_vec();
    if let Some(available) = shape.first_mut() {
        check_asked(name, asked, *available, array.label())?;
        *available = n_rows.unwrap_or(*available).min(*available);
    }
    Ok(shape)
}
