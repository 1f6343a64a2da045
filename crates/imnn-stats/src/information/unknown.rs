//! Why a number is not known.

use std::fmt;

/// Why there is no `ln det F`, or no forecast error.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum Unknown {
    /// The inverse of the covariance of so few simulations has no mean.
    TooFewSimulations {
        /// Number of simulations.
        n_s: usize,
        /// Number of summaries.
        n_summaries: usize,
    },
    /// F without the noise of the derivatives is not positive definite: the noise is all there is in some direction.
    NotPositiveDefinite,
    /// The noise of the derivatives is not small beside F.
    NoisyDerivatives {
        /// The root mean square of `F^-1/2 dF F^-1/2`, over the root of `n_params`.
        relative: f64,
    },
}

impl fmt::Display for Unknown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Unknown::TooFewSimulations { n_s, n_summaries } => write!(
                f,
                "the inverse of the covariance of {n_summaries} summaries has no mean with {n_s} simulations; it has with {}",
                n_summaries + 3
            ),
            Unknown::NotPositiveDefinite => f.write_str(
                "without the noise of the derivatives F is not positive definite: in some direction all that was found is noise",
            ),
            Unknown::NoisyDerivatives { relative } => {
                write!(f, "the noise of the derivatives changes F by {:.0} %, too much for its inverse", 100.0 * relative)
            }
        }
    }
}
