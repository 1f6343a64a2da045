//! Simulations in memory.

use std::ops::Range;

use imnn_sim::{Key, Real};
use ndarray::{ArrayD, ArrayViewD, IxDyn};

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

/// What the arrays are called in messages.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Labels {
    pub(crate) fiducial: String,
    pub(crate) derivative: String,
}

impl Default for Labels {
    fn default() -> Self {
        Self { fiducial: "fiducial".to_owned(), derivative: "derivative".to_owned() }
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

    /// Keeps the first `n_s` simulations and the first `n_d` with derivatives.
    ///
    /// Where `n_s` is given without `n_d`, derivatives of simulations no longer there go too.
    ///
    /// # Errors
    /// Where there are fewer, none is asked for, or `n_d > n_s`.
    pub fn take(mut self, n_s: Option<usize>, n_d: Option<usize>) -> Result<Self, DataError> {
        let fewer = |name, asked: Option<usize>, available: usize, label: &String| match asked {
            Some(asked) if asked > available => {
                Err(DataError::TooFewRows { name, label: label.clone(), asked, available })
            }
            Some(0) => Err(DataError::NoRows { name }),
            Some(asked) => Ok(asked),
            None => Ok(available),
        };
        let rows = fewer("n_s", n_s, self.n_s, &self.labels.fiducial)?;
        let with_derivatives = match n_d {
            Some(_) => fewer("n_d", n_d, self.n_d, &self.labels.derivative)?,
            None => self.n_d.min(rows),
        };
        if with_derivatives > rows {
            return Err(self.labels.more_derivatives(with_derivatives, rows));
        }
        self.values.truncate(rows * self.row_len());
        self.changes.truncate(with_derivatives * self.change_len());
        (self.n_s, self.n_d) = (rows, with_derivatives);
        Ok(self)
    }

    /// Views each simulation with another shape of as many values, for instance `(32, 32)` as `(32, 32, 1)`.
    ///
    /// # Errors
    /// Where the number of values differs.
    pub fn reshape_input(mut self, shape: &[usize]) -> Result<Self, DataError> {
        let len = shape.iter().try_fold(1usize, |len, &axis| len.checked_mul(axis));
        if len != Some(self.row_len()) || shape.is_empty() {
            return Err(DataError::Reshape {
                label: self.labels.fiducial,
                found: self.input_shape,
                asked: shape.to_vec(),
            });
        }
        self.input_shape = shape.to_vec();
        Ok(self)
    }

    /// Checks that there are as many parameters as `other` (for instance `theta_fid`) has.
    ///
    /// # Errors
    /// [`DataError::NParams`] naming both.
    pub fn check_n_params(&self, other: &str, expected: usize) -> Result<(), DataError> {
        if self.n_params == expected {
            return Ok(());
        }
        Err(DataError::NParams {
            label: self.labels.derivative.clone(),
            found: self.n_params,
            other: other.to_owned(),
            expected,
        })
    }

    /// The simulations, `(n_s, *input)`.
    pub fn fiducial(&self) -> ArrayViewD<'_, E> {
        let shape = [&[self.n_s], &self.input_shape[..]].concat();
        // The length of `values` is n_s times the product of the input shape throughout.
        ArrayViewD::from_shape(IxDyn(&shape), &self.values).expect("values fill their shape")
    }

    /// A copy of the derivatives as files hold them: exact `(n_d, *input, n_params)`, numerical
    /// `(n_d, 2, n_params, *input)`.
    pub fn derivative(&self) -> ArrayD<E> {
        let (n_d, n_params, input) = (self.n_d, self.n_params, &self.input_shape[..]);
        let (shape, changes) = match &self.derivatives {
            Derivatives::Exact => {
                // Back again: transposing a (p, F) block is the same work as a (F, p) block with the sizes exchanged.
                let last = parameters_first(self.changes.clone(), self.row_len(), n_params);
                ([&[n_d], input, &[n_params]].concat(), last)
            }
            Derivatives::Numerical { .. } => ([&[n_d, 2, n_params], input].concat(), self.changes.clone()),
        };
        // As for `fiducial`.
        ArrayD::from_shape_vec(IxDyn(&shape), changes).expect("changes fill their shape")
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

impl Labels {
    fn with_shapes<'a, E>(
        &'a self,
        fiducial: &'a ArrayD<E>,
        derivative: &'a ArrayD<E>,
    ) -> (Labelled<'a>, Labelled<'a>) {
        (
            Labelled { label: &self.fiducial, shape: fiducial.shape() },
            Labelled { label: &self.derivative, shape: derivative.shape() },
        )
    }

    fn more_derivatives(&self, n_d: usize, n_s: usize) -> DataError {
        let (derivative, fiducial) = (self.derivative.clone(), self.fiducial.clone());
        DataError::MoreDerivatives { derivative, fiducial, n_d, n_s }
    }
}

/// The number of rows with derivatives, at most that of all rows; the shapes are checked already.
fn counts((fiducial, derivative): (Labelled<'_>, Labelled<'_>)) -> Result<usize, DataError> {
    let (n_s, n_d) = (fiducial.shape[0], derivative.shape[0]);
    if n_d > n_s {
        let labels = Labels { fiducial: fiducial.label.into(), derivative: derivative.label.into() };
        return Err(labels.more_derivatives(n_d, n_s));
    }
    Ok(n_d)
}
