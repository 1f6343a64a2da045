//! What simulations and their derivatives are, apart from the numbers: shapes, counts, and names for messages.

use imnn_io::text::{plural, tuple};

use crate::layout::{self, Labelled};
use crate::{DataError, Derivatives, Given, ParameterSteps};

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

/// What the array of derivatives holds.
#[derive(Clone, Debug, PartialEq)]
pub enum FilesKind {
    /// Derivatives of the data.
    Exact,
    /// Simulations below and above the fiducial.
    Numerical(ParameterSteps),
}

impl FilesKind {
    /// How many arrays of data go with each parameter of a simulation: 1 (the derivative) or 2 (below, above).
    pub fn sides(&self) -> usize {
        match self {
            Self::Exact => 1,
            Self::Numerical(_) => 2,
        }
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
    /// Summaries that were given, which stand behind the data of each simulation.
    pub given: Option<Given>,
}

impl DatasetSpec {
    /// `n_s` simulations of this shape, the first `n_d` of them with derivatives, for a source of one's own.
    ///
    /// # Errors
    /// If there are no simulations, or `n_d > n_s`.
    pub fn new(
        input_shape: &[usize],
        n_s: usize,
        n_d: usize,
        n_params: usize,
        derivatives: Derivatives,
    ) -> Result<Self, DataError> {
        let labels = Labels::default();
        if n_s == 0 {
            return Err(DataError::NoRows { name: "n_s" });
        }
        if n_d > n_s {
            return Err(labels.more_derivatives(n_d, n_s));
        }
        Ok(Self { labels, input_shape: input_shape.to_vec(), n_s, n_d, n_params, derivatives, given: None })
    }

    /// Simulations of this shape without derivatives.
    pub(crate) fn data(labels: Labels, shape: &[usize]) -> Result<Self, DataError> {
        let input = layout::simulations(Labelled { label: &labels.fiducial, shape })?;
        let (input_shape, n_s) = (input.to_vec(), shape[0]);
        Ok(Self { labels, input_shape, n_s, n_d: 0, n_params: 0, derivatives: Derivatives::Exact, given: None })
    }

    /// Simulations and derivatives in arrays of these shapes.
    pub(crate) fn of_shapes(
        labels: Labels,
        fiducial: &[usize],
        derivative: &[usize],
        kind: &FilesKind,
    ) -> Result<Self, DataError> {
        let f = Labelled { label: &labels.fiducial, shape: fiducial };
        let d = Labelled { label: &labels.derivative, shape: derivative };
        let (n_params, derivatives) = match kind {
            FilesKind::Exact => (layout::exact(f, d)?, Derivatives::Exact),
            FilesKind::Numerical(steps) => {
                let (n_params, widths) = (layout::numerical(f, d)?, steps.widths().to_vec());
                if widths.len() != n_params {
                    let (found, there) = (plural(widths.len(), "parameter"), plural(n_params, "parameter"));
                    let advice = layout::axis_of_parameters(derivative, widths.len());
                    let message = format!(
                        "{} has {found}, {} of shape {}, as (n_d, 2, n_params, *input), has {there}{advice}",
                        steps.name(),
                        labels.derivative,
                        tuple(derivative)
                    );
                    return Err(DataError::Refused(message));
                }
                (n_params, Derivatives::Numerical { widths })
            }
        };
        let (n_s, n_d) = (fiducial[0], derivative[0]);
        if n_d > n_s {
            return Err(labels.more_derivatives(n_d, n_s));
        }
        Ok(Self { n_d, n_params, derivatives, ..Self::data(labels, fiducial)? })
    }

    /// The first `n_s` simulations and the first `n_d` with derivatives.
    pub(crate) fn take(&mut self, n_s: Option<usize>, n_d: Option<usize>) -> Result<(), DataError> {
        check_asked("n_s", n_s, self.n_s, &self.labels.fiducial)?;
        check_asked("n_d", n_d, self.n_d, &self.labels.derivative)?;
        let rows = n_s.unwrap_or(self.n_s);
        let with_derivatives = n_d.unwrap_or(self.n_d.min(rows));
        if with_derivatives > rows {
            return Err(self.labels.more_derivatives(with_derivatives, rows));
        }
        (self.n_s, self.n_d) = (rows, with_derivatives);
        Ok(())
    }

    /// Another shape of each simulation, of as many values.
    pub(crate) fn reshape_input(&mut self, shape: &[usize]) -> Result<(), DataError> {
        layout::check_view(&self.labels.fiducial, &self.input_shape, shape)?;
        self.input_shape = shape.to_vec();
        // Whatever the axes are now, they are not of data and summaries.
        self.given = None;
        Ok(())
    }

    /// Checks that there are as many parameters as `other` (for instance `theta_fid`) has.
    ///
    /// # Errors
    /// If there are not, naming both.
    pub fn check_n_params(&self, other: &str, expected: usize) -> Result<(), DataError> {
        if self.n_params == expected {
            return Ok(());
        }
        Err(DataError::n_params(&self.labels.derivative, self.n_params, other, expected))
    }

    /// The same simulations with so many summaries behind the data of each.
    pub(crate) fn with_given(&self, n_given: usize, function: Option<String>) -> Self {
        let given = Given { data_shape: self.input_shape.clone(), n_given, function };
        Self { input_shape: vec![self.row_len() + n_given], given: Some(given), ..self.clone() }
    }

    /// The shape of the data of a simulation, without summaries that were given.
    pub fn data_shape(&self) -> &[usize] {
        self.given.as_ref().map_or(&self.input_shape, |given| &given.data_shape)
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
    fn more_derivatives(&self, n_d: usize, n_s: usize) -> DataError {
        let Self { fiducial, derivative } = self;
        DataError::Refused(format!(
            "n_d = {n_d} simulations with derivatives ({derivative}) but only n_s = {n_s} simulations ({fiducial}): row i of the derivatives belongs to row i of the simulations, so n_d <= n_s; set n_d = {n_s} to use the first rows"
        ))
    }
}

/// Refuses to use more rows of an array than there are, or none.
pub(crate) fn check_asked(
    name: &'static str,
    asked: Option<usize>,
    available: usize,
    label: &str,
) -> Result<(), DataError> {
    match asked {
        Some(0) => Err(DataError::NoRows { name }),
        Some(asked) if asked > available => {
            let rows = plural(available, "row");
            Err(DataError::Refused(format!("{name} = {asked}, but {label} has {rows}; lower {name} or leave it out")))
        }
        _ => Ok(()),
    }
}
