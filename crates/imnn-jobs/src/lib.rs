//! Simulators that are external programs: run several at a time, checked, and put together into sets of simulations.
//!
//! A [`Design`] says at which parameters and with which seeds to simulate, and by which command. A [`DataSet`] is the
//! folder in which the simulations are put, one file for each, `fiducial/{seed}.npy`, `{name}_m/{seed}.npy` below the
//! fiducial and `{name}_p/{seed}.npy` above it, as [`imnn_data::Files::sides`] takes them; or, where there are many, in
//! [blocks](RunOptions::block).
//!
//! ```
//! use std::sync::atomic::AtomicBool;
//!
//! use imnn_jobs::{DataSet, Design, Mark, RunOptions};
//!
//! let folder = tempfile::tempdir()?;
//! # let file = folder.path().join("any.npy");
//! # imnn_data::arrays::write_npy(&file, ndarray::array![1.0, 2.0].into_dyn().view())?;
//! # let script = format!("echo $1 $2; cp {} $3", file.display());
//! # let script = script.as_str();
//! let design = Design {
//!     theta_fid: vec![0.3],
//!     parameters: vec!["Om".into()],
//!     theta_below: vec![0.29],
//!     theta_above: vec![0.31],
//!     n_s: 3,
//!     n_d: 2,
//!     first_seed: 0,
//!     shape: None,
//!     command: ["sh", "-c", script, "sh", "{seed}", "{theta}", "{out}"].map(String::from).to_vec(),
//!     dir: ".".into(),
//! };
//! let set = DataSet::create(folder.path().join("set"), design)?;
//! let status = set.run(&RunOptions::new(".", 2), &AtomicBool::new(false), &|_| {})?;
//! assert_eq!(status.count(Mark::Done), 3 + 2 + 2);
//! assert!(folder.path().join("set/Om_p/1.npy").exists());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Users of the whole project reach this crate as `imnn::jobs`.

#![cfg_attr(test, allow(clippy::unwrap_used))]

mod blocks;
mod check;
mod claims;
mod collect;
mod data_set;
mod deadline;
mod design;
mod disk;
mod error;
mod failure;
mod launcher;
mod opened;
mod options;
mod overview;
mod process;
mod record;
mod runner;
mod session;
mod shard;
mod shelf;
mod template;

pub use collect::Collected;
pub use data_set::{DataSet, Mark, Status, VectorStatus};
pub use design::{Design, Vector};
pub use error::JobsError;
pub use failure::Failure;
pub use options::{Again, Event, RunOptions};
pub use overview::{Overview, SessionOverview, VectorOverview};

pub use shard::Shard;
pub use template::command_line;
