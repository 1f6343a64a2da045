//! The full widths of numerical derivatives.

use crate::SimError;
use std::ops::Deref;

/// How far apart the parameters below and above the fiducial are, for each parameter:
///
/// ```text
/// width[a] = theta_above[a] - theta_below[a] = delta_theta[a]        the full width, not half of it
/// ```
///
/// Every width is finite and above 0.
#[derive(Clone, Debug, PartialEq)]
pub struct Widths(Vec<f64>);

impl Widths {
    /// Checks widths, one per parameter.
    ///
    /// # Errors
    /// [`SimError::Width`] for the first that is not finite and above 0.
    ///
    /// ```
    /// use imnn_sim::Widths;
    ///
    /// assert_eq!(Widths::new(vec![0.1, 0.2])?[1], 0.2);
    /// let message = Widths::new(vec![0.1, -0.2]).unwrap_err().to_string();
    /// assert!(message.contains("parameter 1 is -0.2"), "{message}");
    /// # Ok::<(), imnn_sim::SimError>(())
    /// ```
    pub fn new(widths: impl Into<Vec<f64>>) -> Result<Self, SimError> {
        let widths = widths.into();
        match widths.iter().position(|width| !(width.is_finite() && *width > 0.0)) {
            Some(index) => Err(SimError::Width { index, value: widths[index] }),
            None => Ok(Widths(widths)),
        }
    }
}

impl Deref for Widths {
    type Target = [f64];

    fn deref(&self) -> &[f64] {
        &self.0
    }
}
