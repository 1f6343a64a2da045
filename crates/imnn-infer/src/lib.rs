//! Posteriors of parameters from summaries of data, by everything that needs no neural density.
//!
//! Arrays and closures go in, arrays come out: summaries may be those of a network, or come from anywhere else. All
//! methods take several targets, give samples with weights and, where they know it, log density and evidence
//! ([`Posterior`]), and say what their numbers are not worth ([`Caution`]). The same key gives the same bits on any
//! number of threads.
//!
//! | What | Where |
//! | --- | --- |
//! | priors and the coordinates in which they are standard normal | [`prior`] |
//! | pairs of parameters and summaries, with failed simulations refused or counted | [`Pairs`] |
//! | Gaussian approximation times any prior: no simulations, right near the fiducial | [`GaussianApproximation`] |
//! | rejection ABC, from pairs or a simulator, adjusted by regression | [`Abc`] |
//! | SMC-ABC: populations that come nearer to the target, saved and gone on with | [`SmcAbc`] |
//! | samplers of log densities: importance, ensemble, NUTS (feature `nuts`); R-hat, effective sizes, k-hat | [`samplers`] |
//! | calibration, and whether the observation is like the simulations | [`diagnostics`] |
//! | kernel densities and contours | [`density`] |
//! | GetDist, ArviZ, npz, sbi | [`export`] |
//!
//! # Example
//!
//! Mean and variance of ten draws, observed as 0.1 and 0.9, under a box prior. The exact posterior of the mean is
//! 0.1 ± 0.419.
//!
//! ```
//! use imnn_infer::{Abc, Accept, Adjust, Budget, Distance, each_of};
//! use imnn_infer::prior::{Prior, Uniform};
//! use imnn_sim::Key;
//! use ndarray::array;
//!
//! let prior = Prior::builder()
//!     .law("mean", Uniform::new(-10.0, 10.0)?)
//!     .law("variance", Uniform::new(0.0, 10.0)?)
//!     .build()?;
//! let simulator = each_of(2, |key, theta, x| {
//!     let mut draws = [0.0; 10];
//!     key.fill_normal(&mut draws);
//!     draws.iter_mut().for_each(|draw| *draw = theta[0] + theta[1].sqrt() * *draw);
//!     let mean = draws.iter().sum::<f64>() / 10.0;
//!     x.copy_from_slice(&[mean, draws.iter().map(|draw| (draw - mean).powi(2)).sum::<f64>() / 10.0]);
//! });
//! // The summaries are estimates, with the Fisher information diag(n / variance, n / (2 variance^2)).
//! let distance = Distance::Fisher(array![[10.0 / 0.9, 0.0], [0.0, 5.0 / 0.81]].into());
//! let target = array![[0.1, 0.9]];
//! let abc = Abc::simulate(&prior, target, &distance, &simulator, &Budget::of(100_000), Key::new(0))?;
//! let posterior = abc.posterior(0, &Accept::nearest(500), Adjust::MeanAndVariance)?;
//! assert!((posterior.mean()[0] - 0.1).abs() < 0.1 && (posterior.sd()[0] - 0.419).abs() < 0.06);
//! # Ok::<(), imnn_infer::InferError>(())
//! ```
//!
//! # What `imnn.lfi` 0.3.2 has
//!
//! | original | here | test |
//! | --- | --- | --- |
//! | prior of TensorFlow Probability with `low` and `high` set by hand | [`prior::Prior`]: named laws, constraints; bounds follow | `imnn-prior/tests/suite` |
//! | several targets; `target_choice` fails for a number | every method takes `(n_targets, n_summaries)`, or a target by number | `gaussian::several_targets_have_their_own_fisher_matrices_and_distances`, `abc::the_acceptance_of_the_documentation_is_reproduced` |
//! | `GaussianApproximation`: marginals on a grid, without a prior | [`GaussianApproximation`]: the prior as it is, [`sample`](GaussianApproximation::sample), [`ln_density`](GaussianApproximation::ln_density), [`marginal`](GaussianApproximation::marginal), evidence | `gaussian::*` |
//! | `ApproximateBayesianComputation(...)`, `ϵ`, premade `parameters` and `summaries` | [`Abc::simulate`], [`Abc::from_pairs`], [`Accept::Within`], [`Accept::Nearest`], [`Accept::Quantile`] | `abc::*`: its documented acceptances within 3 standard errors |
//! | `min_accepted`, `max_iterations`, `n_samples` | [`Abc::simulate_until`] | `abc::simulating_goes_on_until_enough_are_accepted` |
//! | `replace=False`: simulations that are added are never accepted | [`Abc::extend`], [`Abc::simulate_more`]: as if all had been made at once, to the bit | `abc::the_same_key_gives_the_same_bits_on_any_number_of_threads_and_in_parts` |
//! | `ϵ` for each target: documented, fails | [`PerTarget`] | `abc::simulating_goes_on_until_enough_are_accepted` |
//! | one `F` for several targets is flattened | [`Metric::Same`], [`Metric::Each`] | `abc::distance::tests` |
//! | `F_distance`, `euclidean_distance`, one's own (fails without `F`) | [`Distance`] | `abc::distances_of_all_kinds_lead_to_the_same_posterior` |
//! | `smoothing` of histograms; the edge of the prior shows half the density | [`density`]: kernel estimates that are flat to a hard edge | `density::line::tests`, `density::plane::tests` |
//! | `PopulationMonteCarlo`: ends at the first rejection, weights are the prior | [`SmcAbc`] | `smc::*`: its documented targets reach the exact posterior |
//! | `get_levels`: the nearest grid value, levels dropped silently | [`density::Density2::levels`] by enclosed mass | `density::plane::tests::levels_enclose_their_share_of_normal_laws` |
//! | `marginal_plot`, `scatter_plot`, `scatter_summaries`, `known`, `label`, `levels`, `ax=` | `plot_corner` of `imnn-plot`: any number of posteriors, points, truth, fiducial, legend | `imnn-plot/src/corner` |
//! | `put_marginals` of a gridded density | [`Posterior::from_grid`] | `hostile::a_density_on_a_grid_is_sampled_with_its_moments` |
//! | imnn-tf: `log_prob`, rejected points, saved simulations | `ln_density`; `CornerLayer::with_points(abc.pairs().theta())`; [`export::sbi_pairs`] | the same |
//!
//! # Faults, and what is answered
//!
//! | fault | answer | test in `tests/suite/hostile.rs` |
//! | --- | --- | --- |
//! | NaN in a target | refused, with its place | `a_target_that_is_not_finite_is_refused` |
//! | NaN in pairs | refused with rows, or dropped, counted, and which parameters it depends on is said | `failed_simulations_are_counted_and_their_dependence_is_said` |
//! | a target far from all simulations | with an epsilon refused, with the nearest distance; [`diagnostics::outlying`] gives a p value | `a_target_far_from_all_simulations_is_said`, `diagnostics.rs` |
//! | a prior that excludes the pairs | refused; where it excludes some, they are left out and counted | `a_prior_that_excludes_the_pairs_is_said` |
//! | a prior that excludes the likelihood | sampled at the edge by importance; refused where nothing is in common | `gaussian::a_likelihood_far_outside_the_prior_is_sampled_at_its_edge` |
//! | constant summaries | left out, and said | `constant_summaries_are_said_and_change_nothing` |
//! | ten pairs | more than there are is refused; few accepted are a caution, and are not adjusted | `ten_pairs_give_what_ten_pairs_can` |
//! | constraints that contradict each other | refused, with the one that refuses most | `imnn-prior: improper_constraints_are_refused` |
//! | a simulator that fails, or returns other shapes | its words, with number and parameters of the simulation | `simulators_that_fail_are_named` |
//! | a density that is NaN in a sampler | refused; in a trajectory of NUTS a divergence, which is counted | `samplers.rs` |
//! | a state of SMC-ABC of another problem, or damaged | refused | `smc::a_killed_sequence_goes_on_to_the_same_bits_on_any_number_of_threads` |

#![cfg_attr(test, allow(clippy::unwrap_used))]

mod abc;
mod caution;
mod check;
pub mod density;
pub mod diagnostics;
mod error;
pub mod export;
mod gaussian;
mod laplace;
mod pairs;
mod parallel;
mod posterior;
pub mod samplers;
mod smc;
pub mod weights;

pub use abc::{Abc, Accept, Accepted, Adjust, Budget, Distance, Metric, PerTarget, Simulate, blocks_of, each_of};
pub use caution::Caution;
pub use error::{InferError, Result};
pub use gaussian::{Fisher, GaussianApproximation, GaussianOptions, Widening};
pub use laplace::{Laplace, laplace};
pub use pairs::{Invalid, Pairs};
pub use parallel::all_threads;
pub use posterior::{Measured, Posterior};
pub use smc::{Population, SmcAbc, SmcSettings, Stop};

pub use imnn_prior as prior;
