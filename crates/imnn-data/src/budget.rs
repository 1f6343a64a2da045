//! How much memory the simulations of a run may take, and which of them stay in their files.

use std::sync::Arc;

use imnn_sim::Real;

use crate::{ArrayPath, DataError, Files, FilesKind, Noise, Prefetch, RowOptions, Source, Streamed, Streaming};

/// The most that rows read in advance take.
const AHEAD: u64 = 64 << 20;

/// Where simulations are while a network is trained on them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Load {
    /// In memory if they fit what the [`MemoryBudget`] allows, or half of the machine's memory if it was left open; in
    /// their files otherwise.
    #[default]
    Auto,
    /// In memory.
    Memory,
    /// In their files, to be read a few rows at a time.
    Stream,
}

/// How files are loaded.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Loading {
    /// Into memory or not.
    pub load: Load,
    /// If they are streamed: the bytes of simulations to keep in memory all the same.
    pub cache: u64,
    /// If they are streamed: whether they are read in advance.
    pub prefetch: Prefetch,
}

/// The memory that the sources of a run share.
///
/// ```
/// use imnn_data::{Files, FilesKind, Loading, MemoryBudget, arrays};
/// use ndarray::{ArrayD, IxDyn};
///
/// let folder = tempfile::tempdir()?;
/// let path = |name: &str| folder.path().join(name);
/// arrays::write_npy(path("f.npy"), ArrayD::<f32>::zeros(IxDyn(&[100, 8])).view())?;
/// arrays::write_npy(path("d.npy"), ArrayD::<f32>::zeros(IxDyn(&[40, 8, 2])).view())?;
/// let files = Files::new(path("f.npy"), path("d.npy"), FilesKind::Exact);
///
/// let mut budget = MemoryBudget::new(Some(1 << 20));
/// let source = budget.open::<f32>(&files, &Loading::default(), &[0.0, 1.0])?;
/// assert_eq!((source.n_s(), budget.streamed().len(), budget.left()?), (100, 0, 1 << 20));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct MemoryBudget<E: Real> {
    asked: Option<u64>,
    taken: u64,
    streamed: Vec<Arc<Streamed<E>>>,
}

impl<E: Real> MemoryBudget<E> {
    /// What a run may take if it is left open: 1 GiB.
    pub const DEFAULT: u64 = 1 << 30;

    /// A budget of so many bytes; [`MemoryBudget::DEFAULT`] if it is left open.
    pub fn new(bytes: Option<u64>) -> Self {
        Self { asked: bytes, taken: 0, streamed: vec![] }
    }

    /// The simulations in these files, of as many parameters as the fiducial has.
    ///
    /// # Errors
    /// Whatever is wrong with the files, or if they are about another fiducial.
    pub fn open(
        &mut self,
        files: &Files,
        loading: &Loading,
        theta_fid: &[f64],
    ) -> Result<Box<dyn Source<E>>, DataError> {
        if let FilesKind::Numerical(steps) = &files.kind {
            steps.check_fiducial(theta_fid)?;
        }
        let in_memory = match loading.load {
            Load::Memory => true,
            Load::Stream => false,
            // Opened to be asked for the shapes alone, which costs little; values and checksums are compared when they
            // are loaded.
            Load::Auto => {
                let rows = RowOptions { memory: bytes(self.for_arrays()), checksums: false };
                let look = Streaming { rows, cache: 0, prefetch: Prefetch::Never, ahead: 0 };
                files.open::<E>(&look)?.size() <= self.for_arrays()
            }
        };
        if in_memory {
            let arrays = files.load::<E>()?;
            arrays.check_n_params("theta_fid", theta_fid.len())?;
            return Ok(Box::new(arrays));
        }
        // A part of what is allowed: a few leaves for each thread are enough.
        let ahead = if loading.prefetch == Prefetch::Never { 0 } else { (self.allowed() / 16).min(AHEAD) };
        let streaming = Streaming {
            rows: self.rows(loading.cache + ahead),
            cache: bytes(loading.cache),
            prefetch: loading.prefetch,
            ahead: bytes(ahead),
        };
        let source = Arc::new(files.open::<E>(&streaming)?);
        source.check_n_params("theta_fid", theta_fid.len())?;
        self.taken += source.memory() as u64 + ahead;
        self.streamed.push(source.clone());
        Ok(Box::new(source))
    }

    /// A bank of noise.
    ///
    /// # Errors
    /// Whatever is wrong with its file.
    pub fn noise(&mut self, bank: &ArrayPath, load: Load) -> Result<Noise<E>, DataError> {
        let in_memory = match load {
            Load::Memory => true,
            Load::Stream => false,
            Load::Auto => {
                let look = RowOptions { memory: bytes(self.for_arrays()), checksums: false };
                Noise::<E>::open(bank, &look)?.size() <= self.for_arrays()
            }
        };
        if in_memory {
            return Noise::load(bank);
        }
        let noise = Noise::open(bank, &self.rows(0))?;
        self.taken += noise.memory() as u64;
        Ok(noise)
    }

    /// Those of the sources that are streamed from their files.
    pub fn streamed(&self) -> &[Arc<Streamed<E>>] {
        &self.streamed
    }

    /// The bytes that are left for what training keeps.
    ///
    /// # Errors
    /// [`DataError::Memory`] if streaming keeps more than is allowed.
    pub fn left(&self) -> Result<u64, DataError> {
        let (taken, allowed) = (self.taken, self.allowed());
        allowed.checked_sub(taken).ok_or(DataError::Memory { taken, allowed })
    }

    fn allowed(&self) -> u64 {
        self.asked.unwrap_or(Self::DEFAULT)
    }

    /// What arrays may take that are loaded as a whole.
    fn for_arrays(&self) -> u64 {
        self.asked.or_else(half_of_memory).unwrap_or(u64::MAX)
    }

    /// How rows are read with what is left, `reserved` of which is for something else.
    fn rows(&self, reserved: u64) -> RowOptions {
        RowOptions { memory: bytes(self.allowed().saturating_sub(self.taken + reserved)), ..RowOptions::default() }
    }
}

/// A number of bytes, or all that can be addressed.
fn bytes(bytes: u64) -> usize {
    usize::try_from(bytes).unwrap_or(usize::MAX)
}

/// Half of the machine's memory, where the system says how much there is.
fn half_of_memory() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/meminfo").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    let kib: u64 = line.trim().trim_end_matches("kB").trim().parse().ok()?;
    Some(kib * 1024 / 2)
}
