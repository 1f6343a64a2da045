//! Plots of training histories, posteriors and their calibration, as PNG, SVG and PDF.
//!
//! One call draws the three panels by which a training run is judged: `det F` with the expected value, `det C` and
//! `det C⁻¹`, and the regularisation `Λ₂` with its strength `r`. The format follows from the file's extension.
//!
//! ```
//! use imnn_fit::{History, Trace};
//! use imnn_plot::{HistoryPlot, plot_history};
//!
//! let rise: Vec<f64> = (0..200).map(|i| 50.0 * (1.0 - (-f64::from(i) / 30.0).exp())).collect();
//! let det_c = rise.iter().map(|f| 51.0 - f).collect();
//! let training = Trace { det_c, det_f: rise, ..Trace::default() };
//! let history = History { training, best_iteration: Some(199), ..History::default() };
//!
//! let folder = tempfile::tempdir()?;
//! let settings = HistoryPlot { expected_det_f: Some(50.0), ..HistoryPlot::default() };
//! plot_history(&history, &settings, folder.path().join("history.png"))?;
//! plot_history(&history, &settings, folder.path().join("history.svg"))?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Nothing is asked of the machine: the font is part of the crate, and so is the rasteriser.

#![cfg_attr(test, allow(clippy::unwrap_used))]

mod axis;
mod calibration;
mod corner;
mod decimate;
mod error;
mod font;
mod format;
mod frame;
mod history;
mod panel;
mod pdf;
mod picture;
mod raster;
mod refinement;
mod stack;
mod style;
mod svg;
mod ticks;

pub use calibration::{CalibrationPlot, plot_calibration};
pub use corner::{CornerLayer, CornerPlot, plot_corner};
pub use error::PlotError;
pub use history::{HistoryPlot, history_svg, plot_history};
pub use refinement::{RefinementPlot, plot_refinement};
