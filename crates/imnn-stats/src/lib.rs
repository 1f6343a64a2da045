//! Statistics of an information maximising neural network (IMNN): Fisher information, covariance, regularisation, loss
//! with exact closed-form gradients, and quasi-maximum-likelihood estimates.
//!
//! Everything here is a function of the network's outputs alone, in f64, without automatic differentiation, threads or
//! files. Arrays are borrowed [`ndarray`] views ([`imnn_stats::ndarray`](ndarray)); **rows are simulations** everywhere.
//!
//! # Notation
//!
//! | code | here | shape |
//! |---|---|---|
//! | `x` | network outputs (summaries) at the fiducial parameters | `(n_s, n_summaries)` |
//! | `dx` | derivative of the summaries with respect to the parameters | `(n_d, n_summaries, n_params)` |
//! | `x_mp` | summaries of the simulations below (0) and above (1) the fiducial | `(n_d, 2, n_params, n_summaries)` |
//! | `mu`, `c`, `inv_c` | mean, covariance (divisor `n_s - 1`) and its inverse | |
//! | `dmu_dtheta` | mean of `dx` over its `n_d` rows | `(n_summaries, n_params)` |
//! | `f`, `inv_f` | `F = dmu^T C^-1 dmu` and its inverse | `(n_params, n_params)` |
//! | `lambda2` | `‖C - I‖ + ‖C^-1 - I‖`, Frobenius norms, not squared | |
//! | `r` | strength of the penalty, `lambda L2 / (L2 + exp(-alpha L2))` or `kappa` | |
//!
//! # Example
//!
//! Four simulations, one summary, one parameter: every number can be checked by hand.
//!
//! ```
//! use imnn_stats::{Loss, ScoreCompression};
//! use ndarray::{Array3, array};
//!
//! let x = array![[0.0], [2.0], [0.0], [2.0]]; //        mu = 1, C = 4/3
//! let dx = Array3::from_elem((4, 1, 1), 2.0); //        dmu = 2, F = 2 (3/4) 2 = 3
//! let evaluation = Loss::new(10.0, 0.1)?.evaluate(x.view(), dx.view())?;
//! let statistics = &evaluation.statistics;
//! assert!((statistics.c[[0, 0]] - 4.0 / 3.0).abs() < 1e-15);
//! assert!((statistics.det_f - 3.0).abs() < 1e-14);
//! assert!((evaluation.record.lambda2 - (1.0 / 3.0 + 1.0 / 4.0)).abs() < 1e-14);
//!
//! // theta_hat = 5 + (1/3) 2 (3/4) (3 - 1) = 6, plus or minus sqrt(1/3)
//! let compression = ScoreCompression::new(array![5.0].view(), statistics)?;
//! assert!((compression.estimate(array![3.0].view())?[0] - 6.0).abs() < 1e-14);
//! assert!((compression.errors()[0] - (1.0_f64 / 3.0).sqrt()).abs() < 1e-14);
//! # Ok::<(), imnn_stats::StatsError>(())
//! ```
//!
//! # Which LAPACK
//!
//! The linear algebra runs on [`ndarray_linalg`] and so on a LAPACK, chosen by one feature: `openblas-system` (the
//! default; Debian and Ubuntu: `apt-get install libopenblas-dev`), `openblas-static` (compiled with the crate),
//! `netlib-system`, `netlib-static`, `intel-mkl-system`, `intel-mkl-static`, or `lapack-elsewhere` where the final
//! program links a LAPACK of its own (Accelerate on macOS, for instance). Choose another than the default with
//! `default-features = false`.
//!
//! # Where this differs from the Python package `imnn` 0.3.2
//!
//! The numbers are the same wherever that package gives numbers. Where it fails, this crate does not:
//!
//! - `C` exactly equal to `I`: the norms' gradient is 0/0 there; each term is taken as 0 where its norm is 0 (the
//!   subgradient of least norm).
//! - Negative `alpha` (for instance `lambda = 100`, `epsilon = 0.1`): `exp(-alpha L2)` overflows for large `L2`, the
//!   gradient becomes NaN. Here it is computed with the exponential on the side where it is at most 1.
//! - Singular matrices, NaN in the input, `n_params > n_summaries`, `n_s` too small, `lambda` for which `alpha` is the
//!   logarithm of a negative number: an error that says what was found and what to do, never a silent NaN.
//!
//! # References
//!
//! Charnock, Lavaux & Wandelt 2018, Phys. Rev. D 97, 083004, [arXiv:1802.03537](https://arxiv.org/abs/1802.03537).

#![cfg_attr(test, allow(clippy::unwrap_used))]

#[cfg(not(any(
    feature = "openblas-system",
    feature = "openblas-static",
    feature = "netlib-system",
    feature = "netlib-static",
    feature = "intel-mkl-system",
    feature = "intel-mkl-static",
    feature = "lapack-elsewhere",
)))]
compile_error!(
    "imnn-stats needs a LAPACK: enable one of the features openblas-system (the default), openblas-static, \
     netlib-system, netlib-static, intel-mkl-system, intel-mkl-static, or lapack-elsewhere if the final program \
     links one itself"
);

// Without a mention of the crates the linker would leave their libraries out.
extern crate imnn_lapack as _;
#[cfg(feature = "openblas-static")]
extern crate openblas_src as _;

mod added;
mod check;
mod cholesky;
mod columns;
mod covariance;
mod derivative;
mod error;
mod estimate;
mod features;
mod finite_samples;
mod fisher;
mod information;
mod linalg;
mod loss;
mod penalty;
mod read_out;
mod record;
mod regularisation;
pub mod table;

/// The array crate whose views the functions take, so that a user needs no dependency of their own on it.
pub use added::Added;
pub use ndarray;

pub use covariance::{covariance, mean};
pub use derivative::{below_above_cotangents, mean_derivative, numerical_derivative};
pub use error::{LARGEST_CONDITION, Matrix, Result, StatsError};
pub use estimate::ScoreCompression;
pub use features::FeatureMoments;
pub use finite_samples::{derivative_noise, hartlap_factor, raw_error_factor};
pub use fisher::Statistics;
pub use information::{Convergence, FisherEstimate, Measured, Part, Unknown, Verdict, geometric_mean};
pub use linalg::SMALLEST_DIAGONAL;
pub use loss::{Evaluation, Loss};
pub use penalty::Penalty;
pub use read_out::{OfLast, ReadOut};
pub use record::{Record, Trace};
pub use regularisation::*;
