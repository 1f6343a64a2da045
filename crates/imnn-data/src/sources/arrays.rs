//! Simulations in memory.

use std::ops::Range;

use imnn_sim::{Key, Real};
use ndarray::{ArrayD, ArrayViewD, IxDyn};

use crate::spec::{DatasetSpec, Labels};
use crate::values::{finite, parameters_first};
use crate::{DataError, Derivatives, FilesKind, Identity, Microbatch, ParameterSteps, Source, check_rows};

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

    /// Keeps the first `n_s` simulations and the first `n_d` with derivatives.
    ///
    /// Where `n_s` is given without `n_d`, derivatives of simulations no longer there go too.
    ///
    /// # Errors
    /// If there are fewer, none is asked for, or `n_d > n_s`.
    pub fn take(mut self, n_s: Option<usize>, n_d: Option<usize>) -> Result<Self, DataError> {
        self.spec.take(n_s, n_d)?;
        self.identity = Identity::constant();
        self.values.truncate(self.spec.n_s * self.spec.row_len());
        self.changes.truncate(self.spec.n_d * self.spec.change_len());
        Ok(self)
    }

    /// Views each simulation with another shape of as many values, for instance `(32, 32)` as `(32, 32, 1)`.
    ///
    /// # Errors
    /// If the number of values differs.
    pub fn reshape_input(mut self, shape: &[usize]) -> Result<Self, DataError> {
        self.spec.reshape_input(shape)?;
        Ok(self)
    }

    /// The simulations, `(n_s, *input)`.
    pub fn fiducial(&self) -> ArrayViewD<'_, E> {
        let shape = [&[self.spec.n_s], &self.spec.input_shape[..]].concat();
        // The length of `values` is n_s times the product of the input shape throughout.
        ArrayViewD::from_shape(IxDyn(&shape), &self.values).expect("values fill their shape")
    }

    /// A copy of the derivatives as files hold them: exact `(n_d, *input, n_params)`, numerical
    /// `(n_d, 2, n_params, *input)`.
    pub fn derivative(&self) -> ArrayD<E> {
        let DatasetSpec { n_d, n_params, input_shape, derivatives, .. } = &self.spec;
        let (n_d, n_params, input) = (*n_d, *n_params, &input_shape[..]);
        let mut changes = self.changes.clone();
        let shape = match derivatives {
            Derivatives::Exact => {
                // Back again: transposing a (p, F) block is the same work as a (F, p) block with the sizes exchanged.
                parameters_first(&mut changes, self.spec.row_len(), n_params);
                [&[n_d], input, &[n_params]].concat()
            }
            Derivatives::Numerical { .. } => [&[n_d, 2, n_params], input].concat(),
        };
        // As for `fiducial`.
        ArrayD::from_shape_vec(IxDyn(&shape), changes).expect("changes fill their shape")
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
