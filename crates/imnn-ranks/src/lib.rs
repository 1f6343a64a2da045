//! Processes that work together on one training, wherever they run.
//!
//! A *rank* is one of `size` processes that were started together, by `mpirun -n 8 ...` or a batch system, and is numbered from
//! 0. [`Ranks`] is all that they do with each other: move bytes, in three collective calls. Whoever calls does the
//! arithmetic, so that the order of sums, and with it every bit of the result, is the caller's and not a library's.
//!
//! | | |
//! | --- | --- |
//! | [`Mpi`] | processes on one machine or many: whatever MPI is there, found when the program runs |
//! | [`Threads`] | ranks in one process, for tests and examples |
//! | [`Watched`] | either of them, with an end to waiting: a rank whose peer is gone would wait for ever |
//! | [`agree`] | what all know after one rank has failed, or was asked to stop |
//! | [`Place`] | which ranks share a machine |
//!
//! ```
//! use imnn_ranks::{Ranks, Threads};
//!
//! // Three ranks, each with as many numbers as its rank; afterwards all have all.
//! let sums = std::thread::scope(|scope| {
//!     let rank = |ranks: Threads| {
//!         let own = vec![ranks.rank() as u8; ranks.rank()];
//!         let mut all = [0; 0 + 1 + 2];
//!         ranks.gather(&own, &mut all, &[0, 1, 2])?;
//!         Ok::<u8, imnn_ranks::RanksError>(all.iter().sum())
//!     };
//!     let threads: Vec<_> = Threads::new(3).into_iter().map(|ranks| scope.spawn(move || rank(ranks))).collect();
//!     threads.into_iter().map(|thread| thread.join().expect("no rank panics")).collect::<Result<Vec<_>, _>>()
//! })?;
//! assert_eq!(sums, [1 + 2 + 2; 3]);
//! # Ok::<(), imnn_ranks::RanksError>(())
//! ```

#![cfg_attr(test, allow(clippy::unwrap_used))]

mod agree;
mod error;
mod launch;
mod lengths;
mod mpi;
mod pieces;
mod place;
mod ranks;
mod threads;
mod watchdog;

pub use agree::{Agreed, Digest, Outcome, agree};
pub use error::RanksError;
pub use launch::Launch;
pub use mpi::{Abi, Mpi, MpiLibrary};
pub use place::Place;
pub use ranks::{Ranks, gather_all};
pub use threads::Threads;
pub use watchdog::{Timeout, Watchdog, Watched};
