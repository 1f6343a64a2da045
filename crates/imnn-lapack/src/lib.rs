//! The LAPACK that imnn links with: the OpenBLAS of the system, and a look at the machine before anything takes long.
//!
//! Without a LAPACK a build would end after minutes in an error of the linker. The build script of this crate, which
//! depends on nothing and on which all others depend, links a small program as the build will in the end. If that fails,
//! there is a warning, and no code can be generated for this crate, with a message that says what to install. `cargo
//! check` and `cargo doc` generate no code and link nothing: they work without a LAPACK.
//!
//! The features are those of `imnn-stats`; without one nothing is looked for. Nothing is looked for either in a build for
//! another machine, on Windows, on docs.rs, or if the environment variable `IMNN_LAPACK_CHECK` is `off`.

/// What is missing, and what to do; empty if nothing is.
const MISSING: &str = include_str!(concat!(env!("OUT_DIR"), "/missing.txt"));

struct Check<T>(T);

impl<T> Check<T> {
    /// Depends on a type, so that it is evaluated when code is generated and not before.
    const PASSED: () = assert!(MISSING.is_empty(), "{}", MISSING);
}

/// Compiles only if nothing is missing.
#[doc(hidden)]
#[inline(never)]
pub fn found() {
    Check::<u8>::PASSED
}
