//! Benchmarks of whole training iterations: `cargo xtask bench`.
//!
//! A workload is an IMNN with its simulations. It runs in a process of its own, a [`worker`], through the trainer that users
//! have: simulation, network, loss, update. The parent process gives turns of some iterations to our worker, to the same
//! workload in other programs ([`peers`]) and to a plain matrix product ([`sgemm`]), one after the other, several rounds;
//! medians of these are compared; on a GPU, too ([`card`]). Work is counted as that of the plain algorithm ([`flops`]), however it is done.

#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod arguments;
pub mod card;
pub mod flops;
pub mod machine;
pub mod measure;
pub mod networks;
pub mod peers;
pub mod process;
pub mod report;
pub mod series;
pub mod sgemm;
pub mod stream;
pub mod table;
pub mod worker;
pub mod workload;

/// An error with its message: a benchmark that goes wrong ends.
pub type Failure = Box<dyn std::error::Error + Send + Sync>;

/// What everything that can go wrong returns.
pub type Outcome<T = ()> = Result<T, Failure>;
