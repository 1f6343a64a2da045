//! Conditional densities `q(y | c)` by autoregressive normalising flows, trained from pairs (y, c), in ensembles.
//!
//! With y the parameters and c the summaries of simulations this is neural posterior estimation (NPE); with y the summaries
//! and c the parameters, neural likelihood estimation (NLE). This crate knows neither: arrays go in, a density comes out,
//! with its gradients and draws.
//!
//! ```
//! use imnn_flow::{Pairs, TrainingSettings, train};
//! use imnn_sim::Key;
//! use ndarray::{Array2, array};
//!
//! // y = c^2 + e / 5: 400 pairs.
//! let mut numbers = vec![0.0; 800];
//! Key::new(0).fill_normal(&mut numbers);
//! let c = Array2::from_shape_fn((400, 1), |(k, _)| numbers[k]);
//! let y = Array2::from_shape_fn((400, 1), |(k, _)| numbers[k].powi(2) + 0.2 * numbers[400 + k]);
//! let settings = TrainingSettings { members: 2, max_epochs: 100, ..TrainingSettings::default() };
//! let trained = train::<f32>(&Pairs::new(y.view(), c.view())?, &settings, Key::new(1))?;
//! trained.notes.iter().for_each(|note| println!("{note}"));
//!
//! // ln q(1 | c = 1), of which the exact value is 0.69, and draws for two contexts in one batch.
//! let density = trained.ensemble.log_density(array![[1.0]].view(), array![[1.0]].view())?;
//! assert!((density[0] - 0.69).abs() < 0.5);
//! let draws = trained.ensemble.sample(array![[-1.0], [2.0]].view(), 1000, Key::new(2))?;
//! assert_eq!(draws.y.dim(), (2, 1000, 1));
//! assert!((draws.y.index_axis(ndarray::Axis(0), 1).mean().unwrap() - 4.0).abs() < 0.5);
//! # Ok::<(), imnn_flow::FlowError>(())
//! ```
//!
//! # What is here
//!
//! | Item | What it is |
//! | --- | --- |
//! | [`Pairs`], [`Split`] | pairs to train on, checked; which of them are held out |
//! | [`train`], [`Training`], [`TrainingState`] | a training to its end, or in pieces, saved and gone on with to the same bits |
//! | [`Ensemble`], [`Flow`] | a mixture, a member: log densities, gradients with respect to y and c, draws, files |
//! | [`Evaluator`], [`EnsembleEvaluator`] | the same without new memory in each call, for samplers |
//! | [`stacking`], [`stacking_with_floor`], [`Weighting`], [`mixture`] | weights of members from arrays of log densities |
//! | [`disagreement`] | how far members are apart |
//! | [`Architecture`], [`Bijection`], [`Transforms`], [`Standardisation`] | what a flow is made of |
//!
//! # Members in different coordinates
//!
//! Where members of one mixture model y in different coordinates, they are not one [`Ensemble`]: train them apart with one
//! [`Split`] ([`Training::with_split`]), bring the log densities of the held-out pairs ([`Trained::held_out`]) to the same
//! coordinates, put them side by side and ask [`stacking`] or [`stacking_with_floor`] for the weights.
//!
//! # Precision
//!
//! `E` is what weights and passes are in. `f32` trains twice as fast; its densities are good to about 1e-5. A flow trained in
//! `f32` and [`cast`](Flow::cast) to `f64` has densities and gradients to the rounding of `f64`, for samplers that want them.
//! What was measured is in `docs/flows.md`.
//!
//! # References
//! Germain, Gregor, Murray & Larochelle 2015, arXiv:1502.03509 (masks); Papamakarios, Pavlakou & Murray 2017,
//! arXiv:1705.07057 (MAF); Durkan, Bekasov, Murray & Papamakarios 2019, arXiv:1906.04032 (splines); Papamakarios & Murray
//! 2016, arXiv:1605.06376 (NPE); Papamakarios, Sterratt & Murray 2019, arXiv:1805.07226 (NLE).

#![cfg_attr(test, allow(clippy::unwrap_used))]

mod architecture;
mod bijection;
mod ensemble;
mod error;
mod evaluator;
mod files;
mod flow;
mod pairs;
mod shuffle;
mod standardise;
mod train;
mod transforms;
mod weighting;

pub use architecture::{Architecture, Bijection};
pub use ensemble::{Ensemble, EnsembleEvaluator, disagreement};
pub use error::{FlowError, Result};
pub use evaluator::Evaluator;
pub use flow::{Draws, Flow, Gradients};
pub use pairs::{FEWEST_PAIRS, Pairs, Split};
pub use standardise::Standardisation;
pub use train::{
    End, Epoch, MemberReport, MemberState, Note, Progress, Status, Trained, Training, TrainingSettings, TrainingState,
    train,
};
pub use transforms::Transforms;
pub use weighting::{Weighting, mixture, stacking, stacking_with_floor};
