//! The contract between simulations, wherever they come from, and whatever reads them.

use std::ops::Range;
use std::sync::Arc;

use imnn_sim::{Key, Real};

use crate::{Augmentation, DataError, DatasetSpec, Identity};

/// How the change of a simulation with the parameters is given.
#[derive(Clone, Debug, PartialEq)]
pub enum Derivatives {
    /// As derivatives of the data with respect to each parameter.
    Exact,
    /// As simulations with each parameter below and above the fiducial, with the same random seed.
    Numerical {
        /// The full distance `theta_above[a] - theta_below[a]` for each parameter, positive.
        widths: Vec<f64>,
    },
}

impl Derivatives {
    /// How many arrays of data go with each parameter of a simulation: 1 (the derivative) or 2 (below, above).
    pub fn sides(&self) -> usize {
        match self {
            Self::Exact => 1,
            Self::Numerical { .. } => 2,
        }
    }
}

/// A few consecutive simulations as the network reads them; the buffers are reused between reads.
///
/// With F the product of the input shape (row-major, channels last) and p the number of parameters:
///
/// # Shapes
/// * `values`: `(n, F)`
/// * `derivatives`: `(n, p, F)` where they are exact, `(n, 2, p, F)` with 0 = below and 1 = above where they are
///   numerical, empty where the rows have none.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Microbatch<E> {
    /// The number of simulations.
    pub n: usize,
    /// The simulations.
    pub values: Vec<E>,
    /// How they change with the parameters.
    pub derivatives: Vec<E>,
}

impl<E> Microbatch<E> {
    /// An empty microbatch.
    pub fn new() -> Self {
        Self { n: 0, values: Vec::new(), derivatives: Vec::new() }
    }
}

/// Simulations at the fiducial, the first of them with derivatives with respect to the parameters.
///
/// A source is read many times, by several threads at once, a few rows at a time. With the same key, the same row is the
/// same simulation whatever other rows are read with it.
///
/// A source of one's own holds a [`DatasetSpec`], or passes on that of the source that it is made of:
///
/// ```
/// use imnn_data::{DataError, DatasetSpec, Identity, Microbatch, Source};
/// use imnn_sim::{Key, Real};
///
/// /// Tells which rows are read.
/// struct Watched<S>(S);
///
/// impl<E: Real, S: Source<E>> Source<E> for Watched<S> {
///     fn spec(&self) -> &DatasetSpec {
///         self.0.spec()
///     }
///
///     fn n_transforms(&self) -> u64 {
///         self.0.n_transforms()
///     }
///
///     fn identity(&self) -> Identity {
///         self.0.identity()
///     }
///
///     fn read(&self, rows: std::ops::Range<usize>, key: Key, batch: &mut Microbatch<E>) -> Result<(), DataError> {
///         println!("{rows:?}");
///         self.0.read(rows, key, batch)
///     }
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a source of simulations in `{E}`",
    note = "a simulator becomes one by `OnTheFly::new(simulator, &theta_fid, n_s, n_d)?`, arrays by `Arrays::exact(..)?` or \
            `Arrays::numerical(..)?`, files by `Files::new(..).load::<{E}>()?`"
)]
pub trait Source<E: Real>: Send + Sync {
    /// The shapes and counts of the simulations.
    fn spec(&self) -> &DatasetSpec;

    /// The number of simulations.
    fn n_s(&self) -> usize {
        self.spec().n_s
    }

    /// How many of them, from the first, have derivatives; at most `n_s`.
    fn n_d(&self) -> usize {
        self.spec().n_d
    }

    /// The number of parameters.
    fn n_params(&self) -> usize {
        self.spec().n_params
    }

    /// The shape of one simulation, channels last.
    fn input_shape(&self) -> &[usize] {
        &self.spec().input_shape
    }

    /// How the derivatives are given.
    fn derivatives(&self) -> &Derivatives {
        &self.spec().derivatives
    }

    /// How many random transforms its simulations have been through, each with draws of its own; a source that passes on
    /// those of another has to pass on this number too.
    fn n_transforms(&self) -> u64 {
        0
    }

    /// Whether another key gives other simulations, as of a simulator, and not the same ones or those seen another way: of
    /// such a source there are always simulations that had no part in training. A source that passes on the simulations of
    /// another passes on this too.
    fn simulates_anew(&self) -> bool {
        false
    }

    /// The symmetries through which its simulations are seen, if that is the last thing that is done to them and the symmetries are
    /// of all spatial axes.
    fn augmentation(&self) -> Option<Augmentation> {
        None
    }

    /// Which simulations these are, so that devices with memory of their own bring constant ones there once, and read in
    /// advance what a later iteration needs. A source whose identity is unknown is read anew in every pass.
    ///
    /// A source that passes on the simulations of another as they are passes on its identity; one that changes them has its
    /// own.
    fn identity(&self) -> Identity {
        Identity::Unknown
    }

    /// Reads `rows` into `batch`.
    ///
    /// All of the rows are below `n_d`, or all of them at or above it: the caller cuts there.
    /// `key` belongs to the iteration; sources without randomness ignore it.
    ///
    /// # Errors
    /// [`DataError::Rows`] if the rows are not there or not on one side of `n_d`, and whatever reading or simulating
    /// the rows can fail with. The contents of `batch` are then unspecified.
    fn read(&self, rows: Range<usize>, key: Key, batch: &mut Microbatch<E>) -> Result<(), DataError>;
}

/// Checks `rows` for [`Source::read`] and says whether they have derivatives.
///
/// No rows at all are allowed anywhere up to `n_s`, and have no derivatives.
///
/// # Errors
/// [`DataError::Rows`] if rows are out of range, reversed, or on both sides of `n_d`.
pub fn check_rows(rows: &Range<usize>, n_s: usize, n_d: usize) -> Result<bool, DataError> {
    let reason = if rows.start > rows.end {
        "the end is before the start"
    } else if rows.end > n_s {
        "they are out of range"
    } else if rows.start < n_d && n_d < rows.end {
        "cut the range at n_d"
    } else {
        return Ok(!rows.is_empty() && rows.end <= n_d);
    };
    Err(DataError::Rows { start: rows.start, end: rows.end, n_s, n_d, reason })
}

/// Passes a [`Source`] through a pointer to it.
macro_rules! through_pointer {
    ($pointer:ty) => {
        impl<E: Real, T: Source<E> + ?Sized> Source<E> for $pointer {
            fn spec(&self) -> &DatasetSpec {
                (**self).spec()
            }

            fn n_transforms(&self) -> u64 {
                (**self).n_transforms()
            }

            fn simulates_anew(&self) -> bool {
                (**self).simulates_anew()
            }

            fn augmentation(&self) -> Option<Augmentation> {
                (**self).augmentation()
            }

            fn identity(&self) -> Identity {
                (**self).identity()
            }

            fn read(&self, rows: Range<usize>, key: Key, batch: &mut Microbatch<E>) -> Result<(), DataError> {
                (**self).read(rows, key, batch)
            }
        }
    };
}

through_pointer!(&T);
through_pointer!(Box<T>);
through_pointer!(Arc<T>);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_on_one_side_of_n_d() {
        assert!(check_rows(&(0..5), 10, 5).unwrap());
        assert!(!check_rows(&(5..10), 10, 5).unwrap());
        assert!(!check_rows(&(5..5), 10, 5).unwrap());
        let reason = |rows, n_d| check_rows(&rows, 10, n_d).unwrap_err().to_string();
        assert!(reason(4..6, 5).ends_with("cut the range at n_d"));
        assert!(reason(9..11, 5).ends_with("they are out of range"));
        assert!(reason(6..usize::MAX, 5).ends_with("they are out of range"));
        #[allow(clippy::reversed_empty_ranges)]
        let reversed = 6..5;
        assert!(reason(reversed, 5).ends_with("the end is before the start"));
        assert!(reason(4..6, 5).contains("rows 4..6 at once of n_s = 10"));
    }
}
