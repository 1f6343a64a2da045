//! A data set larger than what a run may keep in memory, written in bounded memory.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use imnn::data::{Arrays, Files, FilesKind, ParameterSteps, simulate_numerical};
use imnn::io::npy;
use imnn::sim::{Key, PowerLawField};

use crate::Outcome;
use crate::machine::threads;

/// Pixels along a side of the fields.
const SIDE: usize = 64;
pub const THETA: [f64; 2] = [1.0, 0.5];
const WIDTHS: [f64; 2] = [0.1, 0.1];
/// Simulations that a thread makes at a time.
const BATCH: usize = 64;

/// Gaussian fields with a power-law spectrum, with others below and above in each of two parameters, in two files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DataSet {
    folder: PathBuf,
    n: usize,
}

impl DataSet {
    /// The set of about this many bytes in a folder, written if it is not there already.
    pub fn of_size(folder: &Path, bytes: f64) -> Outcome<Self> {
        let n = ((bytes / Self::row_bytes() as f64).ceil() as usize).max(2 * BATCH);
        let set = DataSet { folder: folder.to_owned(), n };
        if Self::within(folder).is_ok_and(|there| there == set) {
            return Ok(set);
        }
        std::fs::create_dir_all(folder)?;
        let written = set.write();
        if written.is_err() {
            // Half a set is of no use, and may be what fills the disk.
            set.remove();
        }
        written.map(|()| set)
    }

    /// The set that a folder has.
    pub fn within(folder: &Path) -> Outcome<Self> {
        let at = |n: usize| DataSet { folder: folder.to_owned(), n };
        let len = |path: &Path| -> Outcome<usize> { Ok(usize::try_from(path.metadata()?.len())?) };
        let set = at((len(&at(0).fiducial())?.saturating_sub(HEADER)) / (4 * SIDE * SIDE));
        let found = len(&set.fiducial())? + len(&set.derivative())?;
        if found != set.bytes() + 2 * HEADER {
            return Err(format!("{}: holds no whole data set", folder.display()).into());
        }
        Ok(set)
    }

    pub fn n(&self) -> usize {
        self.n
    }

    pub fn bytes(&self) -> usize {
        self.n * Self::row_bytes()
    }

    pub fn files(&self) -> Outcome<Files> {
        let kind = FilesKind::Numerical(ParameterSteps::of_widths(WIDTHS)?);
        Ok(Files::new(self.fiducial(), self.derivative(), kind))
    }

    /// Removes the files, and the folder where it is then empty.
    pub fn remove(&self) {
        for file in [self.fiducial(), self.derivative()] {
            // What is not there need not be removed.
            let _ = std::fs::remove_file(file);
        }
        let _ = std::fs::remove_dir(&self.folder);
    }

    /// A simulation with its four partners, in single precision.
    fn row_bytes() -> usize {
        5 * 4 * SIDE * SIDE
    }

    fn fiducial(&self) -> PathBuf {
        self.folder.join("fiducial.npy")
    }

    fn derivative(&self) -> PathBuf {
        self.folder.join("derivative.npy")
    }

    fn write(&self) -> Outcome {
        let mut fiducial = create(&self.fiducial(), &[self.n, SIDE, SIDE, 1])?;
        let mut derivative = create(&self.derivative(), &[self.n, 2, 2, SIDE, SIDE, 1])?;
        let simulator = PowerLawField::new(SIDE)?;
        let batches: Vec<usize> = (0..self.n.div_ceil(BATCH)).collect();
        for group in batches.chunks(threads()) {
            let made: Vec<Outcome<Arrays<f32>>> = std::thread::scope(|scope| {
                let make = |&batch: &usize| {
                    let n = BATCH.min(self.n - batch * BATCH);
                    let (key, simulator) = (Key::new(5).fold_in(batch as u64), &simulator);
                    scope.spawn(move || Ok(simulate_numerical(simulator, &THETA, &WIDTHS, n, n, key)?))
                };
                let threads: Vec<_> = group.iter().map(make).collect();
                threads.into_iter().map(|thread| thread.join().map_err(|_| "a simulation panicked")?).collect()
            });
            for arrays in made {
                let arrays = arrays?;
                npy::write_values(arrays.fiducial().iter(), &mut fiducial)?;
                npy::write_values(arrays.derivative().iter(), &mut derivative)?;
            }
        }
        fiducial.flush()?;
        derivative.flush()?;
        Ok(())
    }
}

/// The length of the header of either file.
const HEADER: usize = 128;

/// A `.npy` file of single precision whose numbers follow.
fn create(path: &Path, shape: &[usize]) -> Outcome<BufWriter<File>> {
    let mut file = BufWriter::with_capacity(1 << 20, File::create(path)?);
    file.write_all(&npy::header(npy::descr::<f32>(), shape))?;
    Ok(file)
}

#[cfg(test)]
mod tests {
    use imnn::data::Source;

    use super::*;

    #[test]
    fn a_set_is_written_found_again_and_removed() {
        let folder = std::env::temp_dir().join(format!("imnn-stream-{}", std::process::id()));
        let set = DataSet::of_size(&folder, 12e6).unwrap();
        assert_eq!(set.n(), (12e6f64 / 81_920.0).ceil() as usize);
        assert_eq!(DataSet::within(&folder).unwrap(), set);
        let arrays = set.files().unwrap().load::<f32>().unwrap();
        assert_eq!((arrays.n_s(), arrays.n_d(), arrays.input_shape()), (set.n(), set.n(), &[64, 64, 1][..]));
        // Simulations differ from batch to batch.
        let (fiducial, len) = (arrays.fiducial(), SIDE * SIDE);
        let values = fiducial.as_slice().unwrap();
        assert_ne!(values[..len], values[BATCH * len..(BATCH + 1) * len]);
        set.remove();
        assert!(DataSet::within(&folder).is_err() && !folder.exists());
    }
}
