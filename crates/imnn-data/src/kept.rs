//! A part of the simulations set aside, of those with derivatives and of those without alike.

use crate::rows::chosen_rows;
use crate::{ArraySet, DataError};
use imnn_sim::Real;
use std::ops::Range;

/// Which of the simulations in files.
///
/// ```
/// use imnn_data::{Files, FilesKind, Kept, Source, arrays};
/// use ndarray::Array;
///
/// let folder = tempfile::tempdir()?;
/// let path = |name: &str| folder.path().join(name);
/// arrays::write_npy(path("f.npy"), Array::range(0.0, 10.0, 1.0).into_shape_with_order((10, 1))?.into_dyn().view())?;
/// arrays::write_npy(path("d.npy"), Array::<f64, _>::ones((5, 1, 1)).into_dyn().view())?;
///
/// let files = Files::new(path("f.npy"), path("d.npy"), FilesKind::Exact);
/// let count = |kept| -> Result<_, imnn_data::DataError> {
///     let set = Files { kept, ..files.clone() }.load::<f64>()?;
///     Ok((set.n_s(), set.n_d()))
/// };
/// assert_eq!((count(Kept::All)?, count(Kept::Rest(0.2))?, count(Kept::Last(0.2))?), ((10, 5), (8, 4), (2, 1)));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Kept {
    /// All of them.
    #[default]
    All,
    /// The last share, from 0 to 1, of those with derivatives and of those without.
    Last(f64),
    /// All but these.
    Rest(f64),
}

impl Kept {
    /// The rows of so many that belong to the part: at least one to each.
    fn of(self, n: usize) -> Range<usize> {
        let aside =
            |share: f64| ((n as f64 * share).round() as usize).clamp(n.min(1), n.saturating_sub(1).max(n.min(1)));
        match self {
            Kept::All => 0..n,
            Kept::Last(share) => n - aside(share)..n,
            Kept::Rest(share) => 0..n - aside(share),
        }
    }
}

impl<E: Real> ArraySet<E> {
    /// The part of these simulations.
    pub(crate) fn kept(mut self, kept: Kept) -> Result<Self, DataError> {
        if kept == Kept::All {
            return Ok(self);
        }
        let (n_s, n_d) = (self.spec.n_s, self.spec.n_d);
        if n_d < 2 {
            let label = self.derivative.label();
            return Err(DataError::Refused(format!(
                "{label} has {n_d} simulation with derivatives, of which none can be kept apart for validation; two are needed \
                 at least, and a hundred are usual"
            )));
        }
        let with: Vec<usize> = kept.of(n_d).collect();
        let without = kept.of(n_s - n_d).map(|row| n_d + row);
        let all: Vec<usize> = with.iter().copied().chain(without).collect();
        self.seeds = self.seeds.map(|seeds| all.iter().map(|&row| seeds[row]).collect());
        (self.spec.n_s, self.spec.n_d) = (all.len(), with.len());
        self.fiducial = chosen_rows(self.fiducial, &all);
        self.derivative = chosen_rows(self.derivative, &with);
        Ok(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_part_has_its_rows_and_none_is_in_both() {
        for n in 0..40 {
            for share in [1e-9, 0.1, 0.2, 0.5, 0.9, 1.0 - 1e-9] {
                let (rest, last) = (Kept::Rest(share).of(n), Kept::Last(share).of(n));
                assert_eq!((rest.start, rest.end, last.end), (0, last.start, n));
                assert!(n < 2 || (!rest.is_empty() && !last.is_empty()), "{n} {share}");
            }
        }
        assert_eq!((Kept::Rest(0.2).of(100), Kept::Last(0.2).of(100), Kept::All.of(100)), (0..80, 80..100, 0..100));
    }
}
