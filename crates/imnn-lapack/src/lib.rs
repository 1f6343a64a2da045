//! The LAPACK that imnn links with, looked for before anything heavy is compiled.
//!
//! Without it a build would end after minutes in an error of the linker. The build script of this crate, which depends on
//! nothing and on which the others depend, links a small program as the build will in the end. If that fails, generating
//! code for this crate fails, with a message that says what to install. `cargo check` and `cargo doc` generate no code
//! and link nothing: they work without a LAPACK.
//!
//! The features are those of `imnn-stats`; without one nothing is looked for. Nothing is looked for either when building
//! for another machine, on Windows, on docs.rs, or if the environment variable `IMNN_LAPACK_CHECK` is `off`.

/// What was missing, and what to do; empty if nothing was.
const MISSING: &str = include_str!(concat!(env!("OUT_DIR"), "/missing.txt"));

struct Check<T>(T);

impl<T> Check<T> {
    /// Depends on a type, so that it is evaluated where code is generated and not before.
    const PASSED: () = assert!(MISSING.is_empty(), "{}", MISSING);
}

/// Compiles only if nothing was missing.
#[doc(hidden)]
#[inline(never)]
pub fn found() {
    Check::<u8>::PASSED
}
