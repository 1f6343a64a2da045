//! What arrays are called in messages.

use ndarray::ArrayD;

use crate::DataError;
use crate::layout::Labelled;

/// The names of the array of simulations and that of derivatives: file and key, or role.
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

impl Labels {
    pub(super) fn with_shapes<'a, E>(
        &'a self,
        fiducial: &'a ArrayD<E>,
        derivative: &'a ArrayD<E>,
    ) -> (Labelled<'a>, Labelled<'a>) {
        (
            Labelled { label: &self.fiducial, shape: fiducial.shape() },
            Labelled { label: &self.derivative, shape: derivative.shape() },
        )
    }

    pub(super) fn more_derivatives(&self, n_d: usize, n_s: usize) -> DataError {
        let (derivative, fiducial) = (self.derivative.clone(), self.fiducial.clone());
        DataError::MoreDerivatives { derivative, fiducial, n_d, n_s }
    }
}

/// The number of rows with derivatives, at most that of all rows; the shapes are checked already.
pub(super) fn counts((fiducial, derivative): (Labelled<'_>, Labelled<'_>)) -> Result<usize, DataError> {
    let (n_s, n_d) = (fiducial.shape[0], derivative.shape[0]);
    if n_d > n_s {
        let labels = Labels { fiducial: fiducial.label.into(), derivative: derivative.label.into() };
        return Err(labels.more_derivatives(n_d, n_s));
    }
    Ok(n_d)
}
