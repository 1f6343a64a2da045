//! Puts the simulations of a set together into single arrays, one simulation in memory at a time.

use std::path::{Path, PathBuf};

use imnn_data::writing::{RowWriter, WriteOptions, Written, create_rows};
use imnn_data::{ArrayPath, RowArray, each_row};
use imnn_sim::Real;

use crate::check::{Layout, compare, open_item};
use crate::data_set::{OTHERS, VectorStatus};
use crate::disk::remove;
use crate::shelf::Item;
use crate::{DataSet, JobsError, Mark, Status};

/// The arrays that a set was put together into.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Collected {
    /// `(n_s, *input)`: first the seeds that have partners, then the others, each ascending.
    pub fiducial: PathBuf,
    /// `(n_d, 2, n_params, *input)`, 0 = below, 1 = above; row i has the seed of row i at the fiducial.
    pub derivative: PathBuf,
    /// The number of simulations at the fiducial.
    pub n_s: usize,
    /// How many of them have partners.
    pub n_d: usize,
}

impl DataSet {
    /// The seeds of which all simulations are there, then those of which the fiducial is there and no partner is asked
    /// for or not all are there; and how many the first are.
    pub fn usable_seeds(&self, status: &Status) -> (Vec<u64>, usize) {
        let done = |vector: usize, place: usize| status.vectors[vector].marks.get(place) == Some(&Mark::Done);
        let all = |place: &usize| (0..status.vectors.len()).all(|vector| done(vector, *place));
        let (with, without): (Vec<usize>, Vec<usize>) =
            (0..self.design().n_s).filter(|&place| done(0, place)).partition(all);
        let n_d = with.len();
        (with.into_iter().chain(without).map(|place| self.seed(place)).collect(), n_d)
    }

    /// Writes `fiducial.npy` and `derivative.npy` into the folder, of the seeds that [`usable_seeds`](Self::usable_seeds)
    /// gives.
    ///
    /// Elements are float32 where the programs wrote float32 or float16, float64 otherwise.
    ///
    /// # Errors
    /// Where there is not one seed with all its simulations, or a file cannot be read or written.
    pub fn collect(&self, status: &Status) -> Result<Collected, JobsError> {
        let (seeds, n_d) = self.usable_seeds(status);
        let (Some(expected), true) = (&status.expected, n_d > 0) else {
            let all = status.vectors.iter().map(|vector| vector.marks.len()).sum();
            return Err(JobsError::Incomplete { missing: all - status.count(Mark::Done), all });
        };
        let n_params = self.design().theta_fid.len();
        let fiducial = self.root().join("fiducial.npy");
        let rows = seeds.iter().map(|&seed| (0, seed));
        let new_fiducial = self.join(&fiducial, &[seeds.len()], expected, status, rows)?;
        let derivative = self.root().join("derivative.npy");
        // After the fiducial come below and above of the first parameter, of the second, and so on.
        let partner = |side: usize, k: usize| 1 + 2 * k + side;
        let sides = || (0..2).flat_map(|side| (0..n_params).map(move |k| (side, k)));
        let rows = seeds[..n_d].iter().flat_map(|&seed| sides().map(move |(side, k)| (partner(side, k), seed)));
        let new_derivative = self.join(&derivative, &[n_d, 2, n_params], expected, status, rows)?;
        // The two of a set belong together, row by row: whoever is killed here leaves no derivative, and not that of others.
        remove(&derivative)?;
        new_fiducial.keep()?;
        new_derivative.keep()?;
        Ok(Collected { fiducial, derivative, n_s: seeds.len(), n_d })
    }

    /// Writes simulations, each by the number of its vector and its seed, one after the other as one array, which is then
    /// to be put in its place.
    fn join(
        &self,
        to: &Path,
        front: &[usize],
        expected: &Layout,
        status: &Status,
        rows: impl Iterator<Item = (usize, u64)>,
    ) -> Result<Written, JobsError> {
        match ["f4", "f2"].iter().any(|name| expected.dtype.ends_with(name)) {
            true => self.join_as::<f32>(to, front, expected, status, rows),
            false => self.join_as::<f64>(to, front, expected, status, rows),
        }
    }

    fn join_as<E: Real>(
        &self,
        to: &Path,
        front: &[usize],
        expected: &Layout,
        status: &Status,
        rows: impl Iterator<Item = (usize, u64)>,
    ) -> Result<Written, JobsError> {
        let shape = [front, &expected.shape].concat();
        let options = WriteOptions { replace: true, ..WriteOptions::default() };
        let mut writer = create_rows::<E>(&ArrayPath::of_file(to), &shape, &options)?;
        let mut opened: Vec<Opened<E>> = status.vectors.iter().map(|vector| self.files(vector)).collect();
        for (vector, seed) in rows {
            opened[vector].write(seed, expected, &mut *writer)?;
        }
        Ok(writer.finish()?)
    }

    fn files<E>(&self, status: &VectorStatus) -> Opened<E> {
        let mut of_places = vec![None; status.marks.len()];
        let mut files: Vec<Item> = status.good().collect();
        // The largest has the last word: it was put together of the others.
        files.sort_by_key(|item| item.width());
        for item in files {
            of_places[self.places(&status.vector, item)].fill(Some(item));
        }
        Opened { folder: self.root().join(&status.vector.name), first: self.seed(0), of_places, array: None }
    }
}

/// The files of a vector, of which the one that was read last is open.
struct Opened<E> {
    folder: PathBuf,
    first: u64,
    of_places: Vec<Option<Item>>,
    array: Option<(Item, Box<dyn RowArray<E>>)>,
}

impl<E: Real> Opened<E> {
    /// Writes the simulation of a seed.
    fn write(&mut self, seed: u64, expected: &Layout, writer: &mut dyn RowWriter<E>) -> Result<(), JobsError> {
        let place = usize::try_from(seed - self.first).ok();
        let item = place.and_then(|place| *self.of_places.get(place)?).unwrap_or(Item::Single(seed));
        let array = match self.array.take() {
            Some((same, array)) if same == item => array,
            _ => {
                let path = item.path(&self.folder);
                let (found, array) = open_item::<E>(item, &path).map_err(|fault| JobsError::record(&path, fault))?;
                compare(&found, expected, OTHERS).map_err(|fault| JobsError::record(&path, fault))?;
                array
            }
        };
        match item {
            Item::Single(_) => each_row(&*array, &mut |_, values| writer.write(values))?,
            Item::Block(first, _) => {
                let row = (seed - first) as usize;
                let mut values = vec![E::zero(); expected.shape.iter().product()];
                array.read(row..row + 1, &mut values)?;
                writer.write(&values)?;
            }
        }
        self.array = Some((item, array));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use imnn_data::{ArrayPath, arrays};
    use ndarray::{Array, Axis};

    use super::*;
    use crate::design::tests::design;

    /// A set of maps whose values say what they are: vector, seed and place.
    fn set(folder: &std::path::Path, single: bool, without: &[(usize, u64)]) -> DataSet {
        let set = DataSet::create(folder, design()).unwrap();
        for (k, vector) in set.vectors().iter().enumerate() {
            for seed in (0..vector.n_seeds).map(|place| set.seed(place)).filter(|&seed| !without.contains(&(k, seed))) {
                let map = Array::from_shape_fn((3, 2), |(i, j)| (1000 * k + 10 * i + j) as f64 + seed as f64 / 64.0);
                let (file, map) = (set.file(vector, seed), map.into_dyn());
                match single {
                    true => arrays::write_npy(file, map.mapv(|value| value as f32).view()).unwrap(),
                    false => arrays::write_npy(file, map.view()).unwrap(),
                }
            }
        }
        set
    }

    #[test]
    fn rows_are_simulations_in_the_order_of_their_seeds() {
        for single in [false, true] {
            let folder = tempfile::tempdir().unwrap();
            // Seed 10 has no simulation above the fiducial in the second parameter.
            let set = set(folder.path(), single, &[(4, 10)]);
            let status = set.status().unwrap();
            assert_eq!(set.usable_seeds(&status), (vec![11, 10, 12, 13], 1));
            let collected = set.collect(&status).unwrap();
            assert_eq!((collected.n_s, collected.n_d), (4, 1));
            let bytes = std::fs::read(&collected.fiducial).unwrap();
            let width = if single { 4 } else { 8 };
            assert_eq!(bytes.len(), (bytes.len() - 4 * 6 * width).next_multiple_of(64) + 4 * 6 * width);
            let read = |path: &PathBuf| arrays::read::<f64>(&ArrayPath::from(path.as_path())).unwrap();
            let (fiducial, derivative) = (read(&collected.fiducial), read(&collected.derivative));
            assert_eq!((fiducial.shape(), derivative.shape()), (&[4, 3, 2][..], &[1, 2, 2, 3, 2][..]));
            for (row, seed) in [11, 10, 12, 13].into_iter().enumerate() {
                assert_eq!(fiducial.index_axis(Axis(0), row), read(&set.file(&set.vectors()[0], seed)));
            }
            for (side, k) in [(0, 0), (1, 0), (0, 1), (1, 1)] {
                assert_eq!(derivative[[0, side, k, 2, 1]], (1000 * (1 + 2 * k + side) + 21) as f64 + 11.0 / 64.0);
            }
            // What was put together before is replaced.
            assert_eq!(set.collect(&status).unwrap(), collected);
        }
    }

    #[test]
    fn without_a_complete_seed_there_is_nothing_to_put_together() {
        let folder = tempfile::tempdir().unwrap();
        let set = set(folder.path(), false, &[(1, 10), (2, 11)]);
        let message = set.collect(&set.status().unwrap()).unwrap_err().to_string();
        assert!(message.contains("2 of 12 simulations are not there"), "{message}");
        assert!(!folder.path().join("fiducial.npy").exists());
    }
}
