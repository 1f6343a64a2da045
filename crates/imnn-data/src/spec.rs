//! What simulations and their derivatives are, apart from the numbers: shapes, counts, and names for messages.

use crate::layout::{self, Labelled};
use crate::{DataError, Derivatives, ParameterSteps};

/// The names of the array of simulations and that of derivatives: file and key, or role.
#[derive(Clone, Debug, PartialEq)]
pub struct Labels {
    /// That of the simulations.
    pub fiducial: String,
    /// That of the derivatives.
    pub derivative: String,
}

impl Default for Labels {
    fn default() -> Self {
        Self { fiducial: "fiducial".to_owned(), derivative: "derivative".to_owned() }
    }
}

/// The shapes and counts of simulations and derivatives, which have been checked against each other.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct DatasetSpec {
    /// What messages call both arrays.
    pub labels: Labels,
    /// The shape of one simulation.
    pub input_shape: Vec<usize>,
    /// The simulations.
    pub n_s: usize,
    /// Those with derivatives.
    pub n_d: usize,
    /// The parameters.
    pub n_params: usize,
    /// What the derivatives are.
    pub derivatives: Derivatives,
}

impl DatasetSpec {
    /// Simulations of this shape without derivatives.
    pub(crate) fn data(labels: Labels, shape: &[usize]) -> Result<Self, DataError> {
        let input = layout::simulations(Labelled { label: &labels.fiducial, shape })?;
        let (input_shape, n_s) = (input.to_vec(), shape[0]);
        Ok(Self { labels, input_shape, n_s, n_d: 0, n_params: 0, derivatives: Derivatives::Exact })
    }

    /// Arrays of these shapes, derivatives last.
    pub(crate) fn exact(labels: Labels, fiducial: &[usize], derivative: &[usize]) -> Result<Self, DataError> {
        let (f, d) = labels.with_shapes(fiducial, derivative);
        let n_params = layout::exact(f, d)?;
        let n_d = labels.count(fiducial, derivative)?;
        Ok(Self { n_d, n_params, ..Self::data(labels, fiducial)? })
    }

    /// Arrays of these shapes, with simulations below and above.
    pub(crate) fn numerical(
        labels: Labels,
        fiducial: &[usize],
        derivative: &[usize],
        steps: &ParameterSteps,
    ) -> Result<Self, DataError> {
        let (f, d) = labels.with_shapes(fiducial, derivative);
        let n_params = layout::numerical(f, d)?;
        let widths = steps.widths().to_vec();
        if widths.len() != n_params {
            return Err(DataError::NParams {
                label: steps.name().to_owned(),
                found: widths.len(),
                other: labels.derivative,
                expected: n_params,
            });
        }
        let n_d = labels.count(fiducial, derivative)?;
        Ok(Self { n_d, n_params, derivatives: Derivatives::Numerical { widths }, ..Self::data(labels, fiducial)? })
    }

    /// The first `n_s` simulations and the first `n_d` with derivatives.
    pub(crate) fn take(&mut self, n_s: Option<usize>, n_d: Option<usize>) -> Result<(), DataError> {
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
        (self.n_s, self.n_d) = (rows, with_derivatives);
        Ok(())
    }

    /// Another shape of each simulation, of as many values.
    pub(crate) fn reshape_input(&mut self, shape: &[usize]) -> Result<(), DataError> {
        let len = shape.iter().try_fold(1usize, |len, &axis| len.checked_mul(axis));
        if len != Some(self.row_len()) || shape.is_empty() {
            return Err(DataError::Reshape {
                label: self.labels.fiducial.clone(),
                found: self.input_shape.clone(),
                asked: shape.to_vec(),
            });
        }
        self.input_shape = shape.to_vec();
        Ok(())
    }

    pub(crate) fn check_n_params(&self, other: &str, expected: usize) -> Result<(), DataError> {
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

    /// The values of a simulation.
    pub fn row_len(&self) -> usize {
        self.input_shape.iter().product()
    }

    /// The values of its derivatives.
    pub fn change_len(&self) -> usize {
        self.derivatives.sides() * self.n_params * self.row_len()
    }
}

impl Labels {
    fn with_shapes<'a>(&'a self, fiducial: &'a [usize], derivative: &'a [usize]) -> (Labelled<'a>, Labelled<'a>) {
        (Labelled { label: &self.fiducial, shape: fiducial }, Labelled { label: &self.derivative, shape: derivative })
    }

    fn more_derivatives(&self, n_d: usize, n_s: usize) -> DataError {
        let (derivative, fiducial) = (self.derivative.clone(), self.fiducial.clone());
        DataError::MoreDerivatives { derivative, fiducial, n_d, n_s }
    }

    /// The number of rows with derivatives, at most that of all rows; the shapes are checked already.
    fn count(&self, fiducial: &[usize], derivative: &[usize]) -> Result<usize, DataError> {
        let (n_s, n_d) = (fiducial[0], derivative[0]);
        if n_d > n_s { Err(self.more_derivatives(n_d, n_s)) } else { Ok(n_d) }
    }
}
