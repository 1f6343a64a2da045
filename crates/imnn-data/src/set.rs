//! The arrays of a set of simulations, opened by rows and matched, whatever is in them.

use imnn_sim::Real;

use crate::invalid::{Missing, Question, Rows, drop_failed};
use crate::layout::{self, Labelled};
use crate::rows::{Lacking, lacking_of, matched, seeds_of_any};
use crate::spec::{DatasetSpec, Labels, check_asked};
use crate::{DataError, FilesKind, Invalid, LeftOut, RowArray};

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
    /// The simulations that failed and were left out, where that was asked for.
    pub left_out: Option<LeftOut>,
}

impl<E: Real> ArraySet<E> {
    /// Matches the rows of both arrays, of which the first `n_s` and `n_d` are used where these are given.
    pub(crate) fn matched(
        fiducial: Box<dyn RowArray<E>>,
        derivative: Box<dyn RowArray<E>>,
        kind: &FilesKind,
        asked: (Option<usize>, Option<usize>),
    ) -> Result<Self, DataError> {
        let (fiducial, derivative, seeds) = matched(fiducial, derivative, Lacking::Refused(asked.1))?;
        Self::of_rows(Rows { fiducial, derivative, seeds }, kind, asked)
    }

    /// The same of what is left without the simulations that failed; `partners` are the seeds that arrays of partners have no
    /// files of.
    pub(crate) fn left(
        fiducial: Box<dyn RowArray<E>>,
        derivative: Box<dyn RowArray<E>>,
        partners: Vec<Vec<u64>>,
        (kind, asked, invalid): (&FilesKind, (Option<usize>, Option<usize>), &Invalid),
    ) -> Result<Self, DataError> {
        let of_derivatives = seeds_of_any(&[&*derivative]);
        let mut of_any = of_derivatives.clone();
        of_any.extend(partners.iter().flatten().chain(&fiducial.spec().damaged));
        of_any.sort_unstable();
        of_any.dedup();
        let at_fiducial = lacking_of(&of_any, &*fiducial);
        // Of one array of derivatives, those without a file.
        let partners = if partners.is_empty() { vec![lacking_of(&of_derivatives, &*derivative)] } else { partners };
        let missing = Missing { fiducial: at_fiducial, partners };
        let (fiducial, derivative, seeds) = matched(fiducial, derivative, Lacking::Failed)?;
        let [f, d] = [&fiducial, &derivative].map(|array| Labelled { label: array.label(), shape: array.shape() });
        let n_params = match kind {
            FilesKind::Exact => layout::exact(f, d)?,
            FilesKind::Numerical(_) => layout::numerical(f, d)?,
        };
        let rows = [f.shape[0], d.shape[0]];
        let question = Question { rows, n_s: asked.0, n_params, sides: kind.sides() };
        let rows = Rows { fiducial, derivative, seeds };
        let (rows, left_out) = drop_failed(rows, &missing, question, invalid)?;
        if let Some(left_out) = &left_out {
            let of = [
                ("n_s", asked.0, &rows.fiducial, &left_out.fiducial),
                ("n_d", asked.1, &rows.derivative, &left_out.derivative),
            ];
            for (name, asked, array, tally) in of {
                left_out.check_asked(name, asked, (array.label(), array.shape()[0]), tally)?;
            }
        }
        Ok(Self { left_out, ..Self::of_rows(rows, kind, asked)? })
    }

    fn of_rows(rows: Rows<E>, kind: &FilesKind, (n_s, n_d): (Option<usize>, Option<usize>)) -> Result<Self, DataError> {
        let Rows { fiducial, derivative, seeds } = rows;
        let dtypes = [fiducial.dtype().to_owned(), derivative.dtype().to_owned()];
        let labels = Labels { fiducial: fiducial.label().to_owned(), derivative: derivative.label().to_owned() };
        let simulations = first_rows("n_s", n_s, n_s, &*fiducial)?;
        let derivatives = first_rows("n_d", n_d, n_d.or(n_s), &*derivative)?;
        let mut spec = DatasetSpec::of_shapes(labels, &simulations, &derivatives, kind)?;
        spec.take(n_s, n_d)?;
        Ok(Self { fiducial, derivative, seeds, spec, kind: kind.clone(), dtypes, left_out: None })
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
