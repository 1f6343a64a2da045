//! Information maximising neural networks (IMNN): a network learns to compress data to a few summaries that keep the
//! Fisher information about the physical parameters, and turns any data into quasi-maximum-likelihood estimates.
//!
//! Training needs simulations at one fiducial `theta_fid`, and how they change with each parameter. For summaries
//! `x = f(w, d)` with mean `mu` and covariance `C` it maximises the determinant of
//!
//! ```text
//! F = dmu^T C^-1 dmu                                       Fisher information
//! theta_hat = theta_fid + F^-1 dmu^T C^-1 (x - mu)         estimate of the parameters
//! ```
//!
//! # Example
//!
//! Mean and variance of ten Gaussian draws: two numbers that keep nearly all of the information in ten. The exact Fisher
//! matrix is `diag(10, 5)`, its determinant 50.
//!
//! ```
//! use imnn::prelude::*;
//!
//! let simulator = GaussianMeanVariance { n_data: 10 };
//! let theta_fid = [0.0, 1.0];
//! let mut imnn = Imnn::<f32>::builder(serial([dense(64), gelu(), dense(64), gelu(), dense(2)]))
//!     .theta_fid(theta_fid)
//!     .names(["mean", "variance"])
//!     .training(OnTheFly::new(simulator, &theta_fid, 500, 500)?) // 500 new simulations in each iteration
//!     .optimiser(Adam::new(3e-3)?)
//!     .key(Key::new(0))
//!     .build()?;
//! imnn.fit(&FitSettings { max_iterations: 150, best: false, ..FitSettings::default() })?;
//!
//! // Information is measured on simulations that training has not seen.
//! let fresh = OnTheFly::new(simulator, &theta_fid, 5000, 5000)?;
//! let statistics = imnn.measure(Weights::Final, &fresh, Key::new(1))?;
//! assert!(statistics.det_f > 30.0 && statistics.det_f < 55.0, "{}", statistics.det_f);
//!
//! println!("{statistics}");
//!
//! // Data from other parameters, to an estimate with its standard error.
//! let data = simulator.draw(Key::new(2), &[0.3, 1.2])?;
//! let estimate = imnn.estimate(data)?;
//! println!("mean {:.2} +- {:.2}", estimate[[0, 0]], statistics.errors()[0]);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # How to depend on it
//!
//! ```toml
//! [dependencies]
//! imnn = { path = "imnn/crates/imnn" }        # a clone of the repository, or git = "..." with its address
//!
//! [profile.dev.package."*"]                   # the engine is slow without optimisation
//! opt-level = 3
//! ```
//!
//! Train with `cargo run --release`: a program built without optimisation was more than twenty times as slow.
//!
//! # Where things are
//!
//! Everything of daily use is in the [`prelude`]. Each module is a crate of its own, which can be used alone:
//!
//! | Module | What |
//! | --- | --- |
//! | [`fit`] | the trainer [`fit::Imnn`]: whitened start, early stopping, history, saved runs, estimates |
//! | [`data`] | sources of simulations: arrays in memory, npy and npz files, simulators on the fly, augmentation, noise |
//! | [`jobs`] | simulators that are external programs: run, checked, put together into sets of simulations |
//! | [`io`] | files that appear whole or not at all, TOML files read with errors that name line and key |
//! | [`sim`] | random keys, simulators with exact derivatives, built-in simulators |
//! | [`models`] | networks with exact tangents, layers of your own, weights, optimisers |
//! | [`flow`] | densities `q(y \| c)` by normalising flows, learnt from pairs, in ensembles |
//! | [`device`] | where networks run: the threads of a CPU, several devices as one |
//! | [`ranks`] | processes that train together: MPI, found when the program runs; threads for tests |
//! | [`stats`] | covariance, Fisher information, regularisation, loss with exact gradients, estimates |
//! | `plot` | plots of training histories, as PNG, SVG and PDF (feature `plot`) |
//! | [`from_python`] | every class, argument and attribute of the Python package `imnn`, and what differs |
//!
//! # Features
//!
//! | Feature | What |
//! | --- | --- |
//! | `plot` (default) | the module `plot` |
//! | `cuda` | NVIDIA GPUs as devices; needs no CUDA to build |
//! | `openblas-system` (default) | linear algebra on the OpenBLAS of the system |
//! | `openblas-static`, `netlib-system`, `netlib-static`, `intel-mkl-system`, `intel-mkl-static` | on another LAPACK; with `default-features = false` |
//! | `lapack-elsewhere` | on a LAPACK that the final program links itself; with `default-features = false` |

/// Sources of simulations, files of arrays, and the tools for both.
pub mod data {
    #[doc(inline)]
    pub use imnn_data::*;
    #[doc(inline)]
    pub use imnn_tools::*;
}
#[doc(inline)]
pub use imnn_device as device;
#[doc(inline)]
pub use imnn_fit as fit;
#[doc(inline)]
pub use imnn_flow as flow;
#[doc(inline)]
pub use imnn_hdf5 as hdf5;
#[doc(inline)]
pub use imnn_io as io;
#[doc(inline)]
pub use imnn_jobs as jobs;
#[doc(inline)]
pub use imnn_models as models;
#[cfg(feature = "plot")]
#[doc(inline)]
pub use imnn_plot as plot;
#[doc(inline)]
pub use imnn_ranks as ranks;
#[doc(inline)]
pub use imnn_sim as sim;
#[doc(inline)]
pub use imnn_stats as stats;
/// The array crate whose types the functions take, so that a user needs no dependency of their own on it.
pub use imnn_stats::ndarray;

pub mod from_python;
pub mod prelude;
