//! Benchmarks of whole training iterations: `cargo xtask bench`.
//!
//! A workload is an IMNN with its simulations. It runs in a process of its own (`worker.rs`), through the trainer that
//! users have: simulation, network, loss, update. The parent process gives turns of some iterations to our worker, to the
//! same workload in other programs (`peers.rs`) and to a plain matrix product (`sgemm.rs`), one after the other, several
//! rounds; medians of these are compared; on a GPU, too (`card.rs`), and on several processes (`ranks`). Work is counted as that of the plain algorithm
//! ([`flops`]), however it is done.

#![cfg_attr(test, allow(clippy::unwrap_used))]

mod arguments;
mod card;
pub mod flops;
mod machine;
mod measure;
mod modes;
pub mod networks;
mod peers;
mod process;
mod ranks;
mod report;
mod series;
mod sgemm;
mod stream;
mod table;
mod worker;
mod workload;

pub use arguments::Arguments;
pub use modes::run;

/// An error with its message: a benchmark that goes wrong ends.
pub type Failure = Box<dyn std::error::Error + Send + Sync>;

/// What everything that can go wrong returns.
pub type Outcome<T = ()> = Result<T, Failure>;
