//! Simulations in memory.

mod adjust;

use std::ops::Range;

use imnn_sim::{Key, Real};
use ndarray::ArrayD;

use crate::spec::{DatasetSpec, Labels};
use crate::values::{finite, parameters_first};
use crate::{DataError, FilesKind, Identity, Microbatch, ParameterSteps, Source, check_rows};

/// Simulations in memory, checked when they are put in: shapes that fit, nothing that is not finite.
///
/// ```
/// use imnn_data::{Arrays, Source};
/// use ndarray::{ArrayD, IxDyn};
///
/// let fiducial = ArrayD::<f32>::zeros(IxDyn(&[100, 8]));
/// let derivative = ArrayD::zeros(IxDyn(&[50, 8, 2]));
/// let arrays = Arrays::exact(fiducial, derivative)?;
/// assert_eq!((arrays.n_s(), arrays.n_d(), arrays.n_params()), (100, 50, 2));
/// # Ok::<(), imnn_data::DataError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Arrays<E> {
    spec: DatasetSpec,
    /// `(n_s, F)`
    values: Vec<E>,
    /// `(n_d, p, F)` or `(n_d, 2, p, F)`
    changes: Vec<E>,
    identity: Identity,
}

/// Simulations are compared by what they are, whichever copy of them it is.
impl<E: PartialEq> PartialEq for Arrays<E> {
    fn eq(&self, other: &Self) -> bool {
        (&self.spec, &self.values, &self.changes) == (&other.spec, &other.values, &other.changes)
    }
}

impl<E: Real> Arrays<E> {
    /// Simulations with exact derivatives.
    ///
    /// # Shapes
    /// * `fiducial`: `(n_s, *input)`
    /// * `derivative`: `(n_d, *input, n_params)`, row i belonging to row i of `fiducial`; `n_d <= n_s`
    ///
    /// # Errors
    /// If the shapes do not fit or a value is not finite.
    pub fn exact(fiducial: ArrayD<E>, derivative: ArrayD<E>) -> Result<Self, DataError> {
        Self::labelled(fiducial, derivative, &FilesKind::Exact, Labels::default())
    }

    /// Simulations with others below and above the fiducial in each parameter, of the same random seed.
    ///
    /// `widths[a] = theta_above[a] - theta_below[a]` is the full distance.
    ///
    /// # Shapes
    /// * `fiducial`: `(n_s, *input)`
    /// * `derivative`: `(n_d, 2, n_params, *input)`, 0 = below, 1 = above, row i belonging to row i of `fiducial`;
    ///   `n_d <= n_s`
    ///
    /// # Errors
    /// If the shapes do not fit, a value is not finite, or a width is not positive.
    pub fn numerical(fiducial: ArrayD<E>, derivative: ArrayD<E>, widths: Vec<f64>) -> Result<Self, DataError> {
        let kind = FilesKind::Numerical(ParameterSteps::of_widths(widths)?);
        Self::labelled(fiducial, derivative, &kind, Labels::default())
    }

    /// As [`numerical`](Self::numerical), with the parameter values below and above in place of their distance.
    ///
    /// # Errors
    /// As [`numerical`](Self::numerical), and where a value above is not larger than the one below.
    pub fn numerical_with_theta(
        fiducial: ArrayD<E>,
        derivative: ArrayD<E>,
        below: Vec<f64>,
        above: Vec<f64>,
    ) -> Result<Self, DataError> {
        let kind = FilesKind::Numerical(ParameterSteps::between(below, above)?);
        Self::labelled(fiducial, derivative, &kind, Labels::default())
    }

    /// Data without derivatives, `(n_s, *input)`: what is only to be summarised. There are no parameters.
    ///
    /// # Errors
    /// If the shape is not that of simulations or a value is not finite.
    pub fn data(data: ArrayD<E>, label: impl Into<String>) -> Result<Self, DataError> {
        let labels = Labels { fiducial: label.into(), ..Labels::default() };
        let spec = DatasetSpec::data(labels, data.shape())?;
        let values = finite(&spec.labels.fiducial, data)?;
        Ok(Self::of_spec(spec, values, Vec::new()))
    }

    /// Puts together what was read and checked.
    pub(crate) fn of_spec(spec: DatasetSpec, values: Vec<E>, changes: Vec<E>) -> Self {
        Self { spec, values, changes, identity: Identity::constant() }
    }

    pub(crate) fn labelled(
        fiducial: ArrayD<E>,
        derivative: ArrayD<E>,
        kind: &FilesKind,
        labels: Labels,
    ) -> Result<Self, DataError> {
        let spec = DatasetSpec::of_shapes(labels, fiducial.shape(), derivative.shape(), kind)?;
        let mut changes = finite(&spec.labels.derivative, derivative)?;
        if *kind == FilesKind::Exact {
            parameters_first(&mut changes, spec.n_params, spec.row_len());
        }
        let values = finite(&spec.labels.fiducial, fiducial)?;
        Ok(Self::of_spec(spec, values, changes))
    }
}

impl<E: Real> Source<E> for Arrays<E> {
    fn spec(&self) -> &DatasetSpec {
        &self.spec
    }

    fn identity(&self) -> Identity {
        self.identity
    }

    fn read(&self, rows: Range<usize>, _: Key, batch: &mut Microbatch<E>) -> Result<(), DataError> {
        let with_derivatives = check_rows(&rows, self.spec.n_s, self.spec.n_d)?;
        let copy = |from: &[E], row_len: usize, to: &mut Vec<E>| {
            to.extend_from_slice(&from[rows.start * row_len..rows.end * row_len]);
        };
        batch.n = rows.len();
        batch.values.clear();
        copy(&self.values, self.spec.row_len(), &mut batch.values);
        batch.derivatives.clear();
        if with_derivatives {
            copy(&self.changes, self.spec.change_len(), &mut batch.derivatives);
        }
        Ok(())
    }
}
