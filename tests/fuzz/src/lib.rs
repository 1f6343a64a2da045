//! Every parser of files under damaged input.
//!
//! A [`Target`] is a function of bytes. It hands them to a parser as a file or as text and says what came of it; it panics
//! where an answer cannot be right: numbers that are not those of the file, what does not come back when it is written and
//! read again, a damaged file with a good checksum. [`execute`] runs one under limits of memory and time, [`Mutator`] makes
//! inputs of others, [`search`] does both for a while. The program `imnn-fuzz` runs that in processes of its own, so
//! that a crash is kept too; `fuzz/` hands the same functions to libFuzzer.

#![cfg_attr(test, allow(clippy::unwrap_used))]

mod check;
mod corpus;
mod execute;
pub mod memory;
mod mutate;
mod scratch;
mod search;
mod target;
mod targets;

pub use corpus::{Seeds, write_corpora};
pub use execute::{Fault, Limits, execute, quiet};
pub use mutate::Mutator;
pub use scratch::{SCRATCH, root, scratch};
pub use search::{Found, Search, search};
pub use target::{Answer, Target};
pub use targets::{CRASH, TARGETS, target};

/// Runs a target on an input, for libFuzzer, which has limits of its own.
///
/// # Panics
/// If there is no such target, and wherever the target does.
pub fn fuzz(name: &str, data: &[u8]) {
    let target = target(name).unwrap_or_else(|| panic!("there is no target {name}"));
    // A refusal is as good an answer as any.
    let _ = (target.run)(data);
}
