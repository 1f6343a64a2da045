//! How much memory the simulations of a run may take, and which of them are streamed from their files.

use std::sync::Arc;

use imnn_io::limits::machine_memory;
use imnn_sim::Real;
use serde::Serialize;

use crate::{ArrayPath, DataError, Files, Noise, Prefetch, RowOptions, Source, Streamed, Streaming};

/// What a run may keep in memory if nothing else is said: 1 GiB.
pub const DEFAULT_MEMORY: u64 = 1 << 30;

/// The most that rows read in advance take.
const AHEAD: u64 = 64 << 20;

/// Where the simulations of files are while they are used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Load {
    /// In memory if they fit what is allowed, or else in their files.
    #[default]
    Auto,
    /// In memory.
    Memory,
    /// In their files, from which they are read a few rows at a time.
    Stream,
}

/// How the simulations of files are brought to training.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Loading {
    /// Whether they are loaded as a whole.
    pub load: Load,
    /// The bytes of simulations that are kept in memory if they are streamed; none by default.
    #[serde(skip_serializing_if = "is_zero")]
    pub cache: u64,
    /// Whether rows are read before they are asked for.
    pub prefetch: Prefetch,
}

fn is_zero(bytes: &u64) -> bool {
    *bytes == 0
}

/// The memory that several sources share.
///
/// What is streamed keeps rows, rows read in advance and compressed arrays in memory, and these count against the budget;
/// what is loaded as a whole does not: it was either asked for, or fits the limit by itself. That limit is the budget if
/// one is set, and half of the machine's memory if not.
///
/// ```
/// use imnn_data::{Files, FilesKind, Loading, MemoryBudget, Source, arrays};
/// use ndarray::{ArrayD, IxDyn};
///
/// let folder = tempfile::tempdir()?;
/// let path = |name: &str| folder.path().join(name);
/// arrays::write_npy(path("f.npy"), ArrayD::<f32>::zeros(IxDyn(&[100, 8])).view())?;
/// arrays::write_npy(path("d.npy"), ArrayD::<f32>::zeros(IxDyn(&[50, 8, 2])).view())?;
/// let files = Files::new(path("f.npy"), path("d.npy"), FilesKind::Exact);
///
/// // They take 100 * 8 * 4 + 50 * 8 * 2 * 4 = 6400 bytes.
/// let mut budget = MemoryBudget::new(Some(6400));
/// assert!(budget.open::<f32>(&files, &Loading::default())?.streamed.is_none());
/// let mut budget = MemoryBudget::new(Some(6399));
/// assert!(budget.open::<f32>(&files, &Loading::default())?.streamed.is_some());
/// assert_eq!(budget.left()?, 6000); // rows read in advance may take a sixteenth
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct MemoryBudget {
    set: Option<u64>,
    taken: u64,
    part: (usize, usize),
}

impl MemoryBudget {
    /// So many bytes, or [`DEFAULT_MEMORY`].
    pub fn new(bytes: Option<u64>) -> Self {
        Self { set: bytes, taken: 0, part: (0, 1) }
    }

    /// Of a process that reads this part of the simulations, of so many: see [`Streaming::part`].
    #[must_use]
    pub fn with_part(self, part: (usize, usize)) -> Self {
        Self { part, ..self }
    }

    /// The bytes that are left for everything else.
    ///
    /// # Errors
    /// If the sources take more than is allowed.
    pub fn left(&self) -> Result<u64, DataError> {
        let (allowed, taken) = (self.allowed(), self.taken);
        allowed.checked_sub(taken).ok_or_else(|| {
            DataError::Refused(format!(
                "streaming keeps {taken} bytes in memory, and [device] memory allows {allowed} in all; lower cache or allow more"
            ))
        })
    }

    /// Loads simulations into memory, or opens them to be streamed.
    ///
    /// # Errors
    /// As [`Files::load`] or [`Files::open`].
    pub fn open<E: Real>(&mut self, files: &Files, loading: &Loading) -> Result<FileSource<E>, DataError> {
        if self.in_memory(loading.load, |options| {
            let look = Streaming { rows: options, prefetch: Prefetch::Never, ahead: 0, ..Streaming::default() };
            Ok(files.open::<E>(&look)?.size())
        })? {
            return Ok(FileSource { source: Box::new(files.load()?), streamed: None });
        }
        // A part of what is allowed: a few microbatches for each thread are enough.
        let ahead = if loading.prefetch == Prefetch::Never { 0 } else { (self.allowed() / 16).min(AHEAD) };
        let rows = self.for_arrays(loading.cache.saturating_add(ahead));
        let (cache, prefetch) = (address(loading.cache), loading.prefetch);
        let streaming = Streaming { rows, cache, part: self.part, prefetch, ahead: address(ahead) };
        let source = Arc::new(files.open::<E>(&streaming)?);
        self.taken += source.memory() as u64 + ahead;
        Ok(FileSource { source: Box::new(source.clone()), streamed: Some(source) })
    }

    /// Loads a bank of noise into memory, or opens it to be read whenever a sample is drawn.
    ///
    /// # Errors
    /// As [`Noise::load`] or [`Noise::open`].
    pub fn noise<E: Real>(&mut self, bank: &ArrayPath, load: Load) -> Result<Noise<E>, DataError> {
        if self.in_memory(load, |options| Ok(Noise::<E>::open(bank, &options)?.size()))? {
            return Noise::load(bank);
        }
        let noise = Noise::open(bank, &self.for_arrays(0))?;
        self.taken += noise.memory() as u64;
        Ok(noise)
    }

    fn allowed(&self) -> u64 {
        self.set.unwrap_or(DEFAULT_MEMORY)
    }

    /// Whether arrays are loaded as a whole: by their size, if that is not said.
    fn in_memory(
        &self,
        load: Load,
        size: impl FnOnce(RowOptions) -> Result<u64, DataError>,
    ) -> Result<bool, DataError> {
        let limit = match load {
            Load::Memory => return Ok(true),
            Load::Stream => return Ok(false),
            Load::Auto => self.set.or_else(half_of_memory).unwrap_or(u64::MAX),
        };
        // Opened to be asked for the shapes alone, which costs little; values and checksums are compared when they are
        // loaded.
        Ok(size(RowOptions { memory: address(limit), checksums: false, ..RowOptions::default() })? <= limit)
    }

    /// Compressed arrays may take what is left beside `other` bytes.
    fn for_arrays(&self, other: u64) -> RowOptions {
        let left = self.allowed().saturating_sub(self.taken.saturating_add(other));
        RowOptions { memory: address(left), ..RowOptions::default() }
    }
}

/// Simulations of files, wherever they are now.
pub struct FileSource<E: Real> {
    /// The simulations.
    pub source: Box<dyn Source<E>>,
    /// The same, if they are streamed.
    pub streamed: Option<Arc<Streamed<E>>>,
}

/// A number of bytes, or all that can be addressed.
fn address(bytes: u64) -> usize {
    usize::try_from(bytes).unwrap_or(usize::MAX)
}

/// Half of the machine's memory, if the system says how much there is.
fn half_of_memory() -> Option<u64> {
    machine_memory().map(|bytes| bytes / 2)
}

#[cfg(test)]
mod tests {
    use ndarray::{ArrayD, IxDyn};

    use super::*;
    use crate::{FilesKind, arrays};

    #[test]
    fn streams_share_the_budget_and_loaded_arrays_take_none_of_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        arrays::write_npy(path("f.npy"), ArrayD::<f64>::zeros(IxDyn(&[100, 8])).view()).unwrap();
        arrays::write_npy(path("d.npy"), ArrayD::<f64>::zeros(IxDyn(&[100, 8, 1])).view()).unwrap();
        let files = Files::new(path("f.npy"), path("d.npy"), FilesKind::Exact);
        let (load, prefetch) = (Load::Stream, Prefetch::Never);
        let mut budget = MemoryBudget::new(Some(3000));
        let loaded = budget.open::<f64>(&files, &Loading { load: Load::Memory, ..Loading::default() }).unwrap();
        assert!(loaded.streamed.is_none());
        assert_eq!(budget.left().unwrap(), 3000);
        // A row of 64 bytes with its derivative of 64.
        let streaming = Loading { load, cache: 1000, prefetch };
        for _ in 0..2 {
            budget.open::<f64>(&files, &streaming).unwrap();
        }
        assert_eq!(budget.left().unwrap(), 3000 - 2 * 896);
        budget.noise::<f64>(&path("f.npy").into(), Load::Stream).unwrap();
        budget.open::<f64>(&files, &Loading { load, cache: 2000, prefetch }).unwrap();
        let message = budget.left().unwrap_err().to_string();
        assert!(message.contains("keeps 3712 bytes in memory, and [device] memory allows 3000"), "{message}");
    }

    #[test]
    fn banks_of_noise_are_loaded_if_they_fit() {
        let folder = tempfile::tempdir().unwrap();
        let path = ArrayPath::from(folder.path().join("n.npz"));
        let zeros = ArrayD::<f64>::zeros(IxDyn(&[10, 8]));
        arrays::write_npz(path.file(), &[("n", zeros.view().into())]).unwrap();
        for (allowed, kept) in [(640, 640), (639, 0)] {
            let noise = MemoryBudget::new(Some(allowed)).noise::<f64>(&path, Load::Auto).unwrap();
            assert_eq!(noise.memory(), kept);
        }
    }
}
