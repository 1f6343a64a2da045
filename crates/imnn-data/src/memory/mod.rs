//! Simulations in memory.

mod adjust;
mod labels;

use std::ops::Range;

use imnn_sim::{Key, Real};
use ndarray::ArrayD;

pub(crate) use self::labels::Labels;
use self::labels::counts;
use crate::layout::{self, Labelled};
use crate::steps::check_widths;
use crate::values::{finite, parameters_first};
use crate::{DataError, Derivatives, Leaf, Source, Steps, check_rows};

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
#[derive(Clone, Debug, PartialEq)]
pub struct Arrays<E> {
    labels: Labels,
    input_shape: Vec<usize>,
    n_s: usize,
    n_d: usize,
    n_params: usize,
    /// `(n_s, F)`
    values: Vec<E>,
    /// `(n_d, p, F)` or `(n_d, 2, p, F)`
    changes: Vec<E>,
    derivatives: Derivatives,
}

impl<E: Real> Arrays<E> {
    /// Simulations with exact derivatives.
    ///
    /// # Shapes
    /// * `fiducial`: `(n_s, *input)`
    /// * `derivative`: `(n_d, *input, n_params)`, row i belonging to row i of `fiducial`; `n_d <= n_s`
    ///
    /// # Errors
    /// Where the shapes do not fit or a value is not finite.
    pub fn exact(fiducial: ArrayD<E>, derivative: ArrayD<E>) -> Result<Self, DataError> {
        Self::exact_labelled(fiducial, derivative, Labels::default())
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
    /// Where the shapes do not fit, a value is not finite, or a width is not positive.
    pub fn numerical(fiducial: ArrayD<E>, derivative: ArrayD<E>, widths: Vec<f64>) -> Result<Self, DataError> {
        Self::numerical_labelled(fiducial, derivative, &Steps::Widths(widths), Labels::default())
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
        let steps = Steps::Theta { below, above };
        Self::numerical_labelled(fiducial, derivative, &steps, Labels::default())
    }

    /// Data without derivatives, `(n_s, *input)`: what is only to be summarised. There are no parameters.
    ///
    /// # Errors
    /// Where the shape is not that of simulations or a value is not finite.
    pub fn data(data: ArrayD<E>, label: impl Into<String>) -> Result<Self, DataError> {
        let labels = Labels { fiducial: label.into(), ..Labels::default() };
        let shape = data.shape().to_vec();
        let input = layout::simulations(Labelled { label: &labels.fiducial, shape: &shape })?;
        let values = finite(&labels.fiducial, data)?;
        Ok(Self {
            input_shape: input.to_vec(),
            n_s: shape[0],
            n_d: 0,
            n_params: 0,
            values,
            changes: Vec::new(),
            derivatives: Derivatives::Exact,
            labels,
        })
    }

    pub(crate) fn exact_labelled(
        fiducial: ArrayD<E>,
        derivative: ArrayD<E>,
        labels: Labels,
    ) -> Result<Self, DataError> {
        let shapes = labels.with_shapes(&fiducial, &derivative);
        let n_params = layout::exact(shapes.0, shapes.1)?;
        let n_d = counts(shapes)?;
        let derivative = finite(&labels.derivative, derivative)?;
        let changes = parameters_first(derivative, n_params, fiducial.len() / fiducial.shape()[0]);
        let arrays = Self::data(fiducial, labels.fiducial.clone())?;
        Ok(Self { labels, n_d, n_params, changes, ..arrays })
    }

    pub(crate) fn numerical_labelled(
        fiducial: ArrayD<E>,
        derivative: ArrayD<E>,
        steps: &Steps,
        labels: Labels,
    ) -> Result<Self, DataError> {
        let shapes = labels.with_shapes(&fiducial, &derivative);
        let n_params = layout::numerical(shapes.0, shapes.1)?;
        let widths = steps.widths()?;
        if widths.len() != n_params {
            let label = match steps {
                Steps::Widths(_) => "delta_theta",
                Steps::Theta { .. } => "theta_above - theta_below",
            };
            return Err(DataError::NParams {
                label: label.to_owned(),
                found: widths.len(),
                other: labels.derivative,
                expected: n_params,
            });
        }
        let n_d = counts(shapes)?;
        let changes = finite(&labels.derivative, derivative)?;
        let arrays = Self::data(fiducial, labels.fiducial.clone())?;
        let derivatives = Derivatives::Numerical { widths };
        Ok(Self { labels, n_d, n_params, changes, derivatives, ..arrays })
    }

    /// Puts together what was simulated and checked row by row.
    pub(crate) fn from_rows(
        input_shape: Vec<usize>,
        (n_s, n_d, n_params): (usize, usize, usize),
        values: Vec<E>,
        changes: Vec<E>,
        derivatives: Derivatives,
    ) -> Result<Self, DataError> {
        if let Derivatives::Numerical { widths } = &derivatives {
            check_widths(widths)?;
        }
        let labels = Labels::default();
        Ok(Self { labels, input_shape, n_s, n_d, n_params, values, changes, derivatives })
    }

    fn row_len(&self) -> usize {
        self.input_shape.iter().product()
    }

    fn change_len(&self) -> usize {
        self.derivatives.sides() * self.n_params * self.row_len()
    }
}

impl<E: Real> Source<E> for Arrays<E> {
    fn n_s(&self) -> usize {
        self.n_s
    }

    fn n_d(&self) -> usize {
        self.n_d
    }

    fn n_params(&self) -> usize {
        self.n_params
    }

    fn input_shape(&self) -> &[usize] {
        &self.input_shape
    }

    fn derivatives(&self) -> &Derivatives {
        &self.derivatives
    }

    fn read(&self, rows: Range<usize>, _: Key, leaf: &mut Leaf<E>) -> Result<(), DataError> {
        let with_derivatives = check_rows(&rows, self.n_s, self.n_d)?;
        let copy = |from: &[E], row_len: usize, to: &mut Vec<E>| {
            to.extend_from_slice(&from[rows.start * row_len..rows.end * row_len]);
        };
        leaf.n = rows.len();
        leaf.values.clear();
        copy(&self.values, self.row_len(), &mut leaf.values);
        leaf.derivatives.clear();
        if with_derivatives {
            copy(&self.changes, self.change_len(), &mut leaf.derivatives);
        }
        Ok(())
    }
}
