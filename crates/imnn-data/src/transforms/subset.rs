//! Some of the rows of a source: a part of them, or others in every iteration.

use std::ops::Range;

use imnn_sim::{Key, Real};

use crate::source::check_rows;
use crate::transforms::augment::below;
use crate::{DataError, DatasetSpec, Identity, Microbatch, Source};

/// Some of the rows of a source, as a source: consecutive ones with derivatives, then consecutive ones without.
///
/// ```
/// use imnn_data::{Arrays, Subset, Source};
/// use ndarray::{ArrayD, IxDyn};
///
/// let all = Arrays::exact(ArrayD::<f32>::zeros(IxDyn(&[100, 8])), ArrayD::zeros(IxDyn(&[50, 8, 2])))?;
/// let half = Subset::new(&all, 0..50)?;
/// assert_eq!((half.n_s(), half.n_d()), (50, 50));
/// # Ok::<(), imnn_data::DataError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Subset<Src> {
    source: Src,
    spec: DatasetSpec,
    rows: Rows,
}

/// Where the rows with and those without derivatives begin.
#[derive(Clone, Copy, Debug)]
struct Rows {
    with: usize,
    without: usize,
}

impl Rows {
    /// Reads rows that are all on one side of `n_d`.
    fn read<E: Real>(
        self,
        source: &impl Source<E>,
        spec: &DatasetSpec,
        rows: Range<usize>,
        key: Key,
        batch: &mut Microbatch<E>,
    ) -> Result<(), DataError> {
        let start = if check_rows(&rows, spec.n_s, spec.n_d)? {
            self.with + rows.start
        } else {
            self.without + rows.start - spec.n_d.min(rows.start)
        };
        source.read(start..start + rows.len(), key, batch)
    }
}

impl<Src> Subset<Src> {
    /// These rows of a source.
    ///
    /// # Errors
    /// If there are none of them, or not all are in the source.
    pub fn new<E: Real>(source: Src, rows: Range<usize>) -> Result<Self, DataError>
    where
        Src: Source<E>,
    {
        let n_d = source.n_d();
        check_rows(&(rows.start.max(n_d)..rows.end.max(n_d)), source.n_s(), n_d)?;
        let with = rows.start.min(n_d)..rows.end.min(n_d);
        let mut spec = source.spec().clone();
        (spec.n_s, spec.n_d) = (rows.len(), with.len());
        if spec.n_s == 0 {
            return Err(DataError::NoRows { name: "n_s" });
        }
        Ok(Subset { source, spec, rows: Rows { with: with.start, without: rows.start.max(n_d) } })
    }
}

impl<E: Real, Src: Source<E>> Source<E> for Subset<Src> {
    fn spec(&self) -> &DatasetSpec {
        &self.spec
    }

    fn n_transforms(&self) -> u64 {
        self.source.n_transforms()
    }

    fn simulates_anew(&self) -> bool {
        self.source.simulates_anew()
    }

    fn read(&self, rows: Range<usize>, key: Key, batch: &mut Microbatch<E>) -> Result<(), DataError> {
        self.rows.read(&self.source, &self.spec, rows, key, batch)
    }
}

/// In every iteration other rows of a source: consecutive ones from a place that the key draws, with the source's share of
/// rows with derivatives.
///
/// Simulations in files are independent, so that neighbours are as good a sample as any others, and files are read in order.
#[derive(Clone, Debug)]
pub struct Minibatches<Src> {
    source: Src,
    spec: DatasetSpec,
    identity: Identity,
}

/// What draws the place, apart from the keys of rows.
const PLACE: u64 = u64::MAX;

impl<Src> Minibatches<Src> {
    /// `n_s` rows at a time, at least one of them with derivatives; all of them if there are no more.
    ///
    /// # Errors
    /// If `n_s` is 0.
    pub fn new<E: Real>(source: Src, n_s: usize) -> Result<Self, DataError>
    where
        Src: Source<E>,
    {
        if n_s == 0 {
            return Err(DataError::NoRows { name: "n_s" });
        }
        let mut spec = source.spec().clone();
        let n_s = n_s.min(spec.n_s);
        let share = (spec.n_d as f64 * n_s as f64 / spec.n_s as f64).round() as usize;
        // Rows without derivatives that there are not cannot be taken.
        let least = n_s.saturating_sub(spec.n_s - spec.n_d).max(1);
        spec.n_d = share.clamp(least.min(n_s), spec.n_d.min(n_s).max(1));
        spec.n_s = n_s;
        Ok(Minibatches { source, spec, identity: Identity::keyed() })
    }

    /// The rows of an iteration.
    fn rows<E: Real>(&self, key: Key) -> Rows
    where
        Src: Source<E>,
    {
        let mut draws = key.fold_in(PLACE).rng();
        let mut place = |length: usize, all: usize| below(&mut draws, all.saturating_sub(length) + 1);
        let (all, n_d) = (self.source.spec(), self.source.n_d());
        let with = place(self.spec.n_d, n_d);
        Rows { with, without: n_d + place(self.spec.n_s - self.spec.n_d, all.n_s - n_d) }
    }
}

impl<E: Real, Src: Source<E>> Source<E> for Minibatches<Src> {
    fn spec(&self) -> &DatasetSpec {
        &self.spec
    }

    fn n_transforms(&self) -> u64 {
        self.source.n_transforms()
    }

    fn simulates_anew(&self) -> bool {
        self.source.simulates_anew()
    }

    fn identity(&self) -> Identity {
        self.identity
    }

    fn read(&self, rows: Range<usize>, key: Key, batch: &mut Microbatch<E>) -> Result<(), DataError> {
        self.rows(key).read(&self.source, &self.spec, rows, key, batch)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Arrays;
    use ndarray::{ArrayD, IxDyn};

    /// Row i is the number i, its derivative 1000 + i.
    fn numbered(n_s: usize, n_d: usize) -> Arrays<f64> {
        let row = |index: IxDyn, base: usize| (base + index[0]) as f64;
        let fiducial = ArrayD::from_shape_fn(IxDyn(&[n_s, 1]), |index| row(index, 0));
        let derivative = ArrayD::from_shape_fn(IxDyn(&[n_d, 1, 1]), |index| row(index, 1000));
        Arrays::exact(fiducial, derivative).unwrap()
    }

    fn values(source: &impl Source<f64>, key: Key) -> (Vec<f64>, Vec<f64>) {
        let (mut batch, mut all) = (Microbatch::new(), (vec![], vec![]));
        for rows in [0..source.n_d(), source.n_d()..source.n_s()] {
            source.read(rows, key, &mut batch).unwrap();
            all.0.extend_from_slice(&batch.values);
            all.1.extend_from_slice(&batch.derivatives);
        }
        all
    }

    #[test]
    fn parts_are_rows_of_the_source() {
        let all = numbered(10, 6);
        let rows = |range| values(&Subset::new(&all, range).unwrap(), Key::new(0));
        assert_eq!(rows(2..4), (vec![2.0, 3.0], vec![1002.0, 1003.0]));
        assert_eq!(rows(5..8), (vec![5.0, 6.0, 7.0], vec![1005.0]));
        assert_eq!(rows(7..10), (vec![7.0, 8.0, 9.0], vec![]));
        assert!(Subset::new(&all, 3..3).is_err());
        assert!(Subset::new(&all, 5..11).is_err());
    }

    #[test]
    fn minibatches_come_from_everywhere_and_depend_on_the_key_alone() {
        let all = numbered(40, 20);
        let some = Minibatches::new(&all, 10).unwrap();
        assert_eq!((some.n_s(), some.n_d()), (10, 5));
        let mut seen = [false; 40];
        for i in 0..200 {
            let (fiducial, derivative) = values(&some, Key::new(0).fold_in(i));
            assert_eq!((fiducial.clone(), derivative.clone()), values(&some, Key::new(0).fold_in(i)));
            assert_eq!(derivative, fiducial[..5].iter().map(|v| v + 1000.0).collect::<Vec<_>>());
            assert!(fiducial[5..].iter().all(|&v| v >= 20.0));
            fiducial.iter().for_each(|&v| seen[v as usize] = true);
        }
        assert!(seen.iter().all(|&seen| seen));
    }

    #[test]
    fn minibatches_of_all_rows_are_the_source() {
        for (n_s, n_d) in [(10, 10), (10, 3), (10, 0)] {
            let all = numbered(n_s, n_d.max(1));
            let some = Minibatches::new(&all, 100).unwrap();
            assert_eq!(values(&some, Key::new(1)), values(&all, Key::new(1)));
        }
        let some = Minibatches::new(numbered(10, 10), 4).unwrap();
        assert_eq!((some.n_s(), some.n_d()), (4, 4));
        assert!(Minibatches::new(numbered(10, 10), 0).is_err());
    }
}
