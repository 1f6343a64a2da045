//! What can be wrong with the input, with the numbers that show it.

use std::fmt;

use ndarray_linalg::error::LinalgError;
use thiserror::Error;

/// Result of this crate's functions.
pub type Result<T, E = StatsError> = std::result::Result<T, E>;

/// The largest condition number with which a matrix is inverted.
///
/// Measured in the 1-norm after scaling the matrix to a diagonal near 1, so that the units of summaries and parameters
/// do not matter. Beyond it fewer than three digits of the inverse would be right.
pub const LARGEST_CONDITION: f64 = 1e13;

/// The two matrices that are inverted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Matrix {
    /// The covariance of the summaries, `C`.
    Covariance,
    /// The Fisher information matrix, `F`.
    Fisher,
}

impl fmt::Display for Matrix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Matrix::Covariance => "covariance matrix C",
            Matrix::Fisher => "Fisher matrix F",
        })
    }
}

/// Everything this crate refuses. `Debug` shows the message as `Display` does, so that it is also seen where `main` returns
/// the error.
#[derive(Error)]
#[non_exhaustive]
pub enum StatsError {
    /// An array does not have the shape that the others ask for.
    #[error("{array} has shape {found:?}, expected {expected}")]
    Shape {
        /// Name of the array, as in the documentation.
        array: &'static str,
        /// The shape asked for, with the numbers known.
        expected: String,
        /// The shape found.
        found: Vec<usize>,
    },

    /// An array holds NaN or infinity.
    #[error(
        "{array}{index:?} is {value}: {bad_rows} of its {rows} rows hold NaN or infinity, the first is row {row}; \
         look for what made it (a simulation, or a network whose weights have diverged: lower the learning rate)"
    )]
    NonFinite {
        /// Name of the array.
        array: &'static str,
        /// Index of the first offending entry.
        index: Vec<usize>,
        /// The entry.
        value: f64,
        /// Row of the first offending entry.
        row: usize,
        /// How many rows have such entries.
        bad_rows: usize,
        /// How many rows there are.
        rows: usize,
    },

    /// The covariance of `n_s` simulations cannot have full rank.
    #[error(
        "n_s = {n_s} simulations are too few for n_summaries = {n_summaries}: the covariance matrix C has rank at most \
         n_s - 1 = {} and no inverse; use at least {needed} simulations (many more for a good estimate) or fewer \
         summaries",
        n_s.saturating_sub(1)
    )]
    TooFewSimulations {
        /// Simulations given.
        n_s: usize,
        /// Summaries of each.
        n_summaries: usize,
        /// The least number of simulations.
        needed: usize,
    },

    /// There are more parameters than summaries.
    #[error(
        "n_params = {n_params} parameters need at least as many summaries, but n_summaries = {n_summaries}: \
         F = dmu^T C^-1 dmu has rank at most n_summaries, so that it is singular; give the network at least \
         {n_params} outputs"
    )]
    TooFewSummaries {
        /// Parameters.
        n_params: usize,
        /// Summaries.
        n_summaries: usize,
    },

    /// The number of derivatives is 0 or larger than the number of simulations.
    #[error(
        "n_d = {n_d} simulations with derivatives, expected between 1 and n_s = {n_s}: the derivatives belong to the \
         first n_d of the n_s fiducial simulations"
    )]
    DerivativeCount {
        /// Rows of the derivative.
        n_d: usize,
        /// Simulations given.
        n_s: usize,
    },

    /// A finite-difference width is not a positive number.
    #[error(
        "delta_theta[{parameter}] = {width}, expected a positive finite number: it is the full width \
         theta_above - theta_below of the finite difference"
    )]
    Width {
        /// Index of the parameter.
        parameter: usize,
        /// The width found.
        width: f64,
    },

    /// A summary does not vary over the simulations.
    #[error(
        "the covariance matrix C is singular: summary {summary} is constant (variance {variance:e}) over the \
         simulations; the network ignores its input there (dead activations, or weights that are all zero): start \
         from other weights, or drop that summary"
    )]
    ConstantSummary {
        /// Index of the summary.
        summary: usize,
        /// Its variance.
        variance: f64,
    },

    /// The summaries do not respond to a parameter.
    #[error(
        "the Fisher matrix F is singular: the mean derivative of every summary with respect to parameter {parameter} \
         is zero (F[{parameter}, {parameter}] = {information:e}); check the derivative simulations of that parameter, \
         or leave it out"
    )]
    InsensitiveSummaries {
        /// Index of the parameter.
        parameter: usize,
        /// The diagonal entry of `F`.
        information: f64,
    },

    /// A matrix is singular to working precision.
    #[error(
        "the {matrix} ({size} x {size}) is singular to working precision: its condition number is {condition:.1e} \
         after scaling to unit diagonal, the largest accepted is {LARGEST_CONDITION:.0e}{}; {}",
        collinear(*matrix, *nearest), advice(*matrix)
    )]
    Singular {
        /// Which matrix.
        matrix: Matrix,
        /// Its number of rows.
        size: usize,
        /// Condition number after scaling; infinite where an eigenvalue is not positive.
        condition: f64,
        /// The two rows that are most nearly multiples of each other, with their correlation, if they are so alone.
        nearest: Option<(usize, usize, f64)>,
    },

    /// A given matrix is not symmetric.
    #[error("the {matrix} is not symmetric: entries [{row}, {column}] and [{column}, {row}] are {upper} and {lower}")]
    Asymmetric {
        /// Which matrix.
        matrix: Matrix,
        /// Row of the entry above the diagonal.
        row: usize,
        /// Its column.
        column: usize,
        /// The entry above the diagonal.
        upper: f64,
        /// The entry below.
        lower: f64,
    },

    /// The numbers are so large or small that f64 cannot hold the result.
    #[error("{what} is not finite in f64; bring the summaries and parameters to a scale nearer to 1")]
    OutOfRange {
        /// The quantity.
        what: &'static str,
    },

    /// `alpha` does not exist for these settings.
    #[error(
        "lambda = {lambda}, epsilon = {epsilon}: alpha = -ln(epsilon (lambda - 1) + epsilon^2 / (1 + epsilon)) / \
         epsilon is undefined; epsilon has to be positive and finite, and lambda finite and larger than \
         1 / (1 + epsilon){}", least(*epsilon)
    )]
    Regularisation {
        /// Largest strength of the regularisation.
        lambda: f64,
        /// Closeness to the identity that is aimed at.
        epsilon: f64,
    },

    /// The factor of a squared penalty is out of range.
    #[error("kappa = {kappa}: the factor of kappa |C - I|^2 has to be finite and not negative, such as 0.1")]
    Kappa {
        /// The factor.
        kappa: f64,
    },

    /// LAPACK reported a fault that is not a singular matrix.
    #[error("LAPACK failed on the {matrix}: {source}")]
    Lapack {
        /// Which matrix.
        matrix: Matrix,
        /// Its report.
        #[source]
        source: LinalgError,
    },
}

impl fmt::Debug for StatsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Which two are to blame, where it is two.
fn collinear(matrix: Matrix, nearest: Option<(usize, usize, f64)>) -> String {
    let what = match matrix {
        Matrix::Covariance => "summaries",
        Matrix::Fisher => "parameters",
    };
    nearest.map_or_else(String::new, |(i, j, correlation)| {
        format!(" ({what} {i} and {j} are collinear: their correlation is 1 - {:.0e} in size)", 1.0 - correlation.abs())
    })
}

/// What to do about a singular matrix.
fn advice(matrix: Matrix) -> &'static str {
    match matrix {
        Matrix::Covariance => {
            "some summaries are (nearly) linear combinations of others over these simulations: use fewer summaries, \
             more simulations, or other initial weights"
        }
        Matrix::Fisher => {
            "the mean derivatives with respect to some parameters are (nearly) linear combinations of others: the \
             summaries cannot tell these parameters apart; check that their derivative simulations differ, or use \
             more summaries or fewer parameters"
        }
    }
}

/// The bound on lambda as a number, where epsilon is usable.
fn least(epsilon: f64) -> String {
    if epsilon > 0.0 && epsilon.is_finite() { format!(" = {}", 1.0 / (1.0 + epsilon)) } else { String::new() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn singular_matrices_name_matrix_condition_and_remedy() {
        let message =
            StatsError::Singular { matrix: Matrix::Covariance, size: 3, condition: f64::INFINITY, nearest: None }
                .to_string();
        assert!(message.contains("covariance matrix C (3 x 3)"), "{message}");
        assert!(message.contains("condition number is inf"), "{message}");
        assert!(message.contains("use fewer summaries"), "{message}");
    }

    #[test]
    fn collinear_pairs_are_named_with_how_close_they_are() {
        let said = |matrix, correlation| collinear(matrix, Some((0, 2, correlation)));
        assert_eq!(
            said(Matrix::Covariance, -0.9999999),
            " (summaries 0 and 2 are collinear: their correlation is 1 - 1e-7 in size)"
        );
        assert!(
            said(Matrix::Fisher, 0.99999998)
                .starts_with(" (parameters 0 and 2 are collinear: their correlation is 1 - 2e-8")
        );
        assert_eq!(collinear(Matrix::Fisher, None), "");
    }

    #[test]
    fn bound_on_lambda_is_given_where_it_exists() {
        let message = StatsError::Regularisation { lambda: 0.5, epsilon: 0.25 }.to_string();
        assert!(message.contains("larger than 1 / (1 + epsilon) = 0.8"), "{message}");
        let message = StatsError::Regularisation { lambda: 0.5, epsilon: -1.0 }.to_string();
        assert!(message.ends_with("1 / (1 + epsilon)"), "{message}");
    }
}
