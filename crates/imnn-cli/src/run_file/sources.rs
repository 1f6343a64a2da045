//! Makes the sources of simulations that a run file describes.

use std::sync::Arc;

use imnn::data::{
    Augmented, DataError, Files, FilesKind, OnTheFly, Prefetch, RowOptions, Source, Steps, Streamed, Streaming,
};
use imnn::sim::{GaussianMeanVariance, NoisyLine, PowerLawField, Real, SimError};

use super::{FilePaths, Kind, Load, RunFile, Simulator, Validation};

/// How many simulations a simulator makes where the run file does not say.
const N_S: usize = 1000;

/// What a run may keep where the run file does not say: 1 GiB, as `Cpu` has it.
const MEMORY: u64 = 1 << 30;

/// The most that rows read in advance take.
const AHEAD: u64 = 64 << 20;

/// A source of any kind.
pub type AnySource<E> = Box<dyn Source<E>>;

/// Why simulations could not be had.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SourceError {
    /// The arrays are at fault.
    #[error(transparent)]
    Data(#[from] DataError),
    /// The settings of the simulator are.
    #[error(transparent)]
    Simulator(#[from] SimError),
    /// What streaming keeps in memory is more than the run may take.
    #[error(
        "streaming keeps {taken} bytes in memory, where [device] memory allows {allowed} in all; lower cache or allow more"
    )]
    Memory {
        /// The bytes that it takes: caches, rows read in advance, compressed arrays.
        taken: u64,
        /// What is allowed.
        allowed: u64,
    },
}

/// The simulations of a run.
#[non_exhaustive]
pub struct Sources<E: Real> {
    /// To train on.
    pub training: AnySource<E>,
    /// For validation.
    pub validation: Option<AnySource<E>>,
    /// Those of them that are streamed from files.
    pub streamed: Vec<Arc<Streamed<E>>>,
    /// The bytes of `[device] memory` that these leave.
    pub left: u64,
}

/// What the sources of a run may take, and which of them take it.
struct Budget<E: Real> {
    allowed: u64,
    taken: u64,
    streamed: Vec<Arc<Streamed<E>>>,
}

impl RunFile {
    /// The simulations to train on, augmented as the run file says, and those for validation, if there are to be any.
    ///
    /// # Errors
    /// Whatever is wrong with the files or the settings of the simulator; where simulations that are streamed take more
    /// memory than allowed.
    pub fn sources<E: Real>(&self) -> Result<Sources<E>, SourceError> {
        let mut budget = Budget { allowed: self.device.memory.unwrap_or(MEMORY), taken: 0, streamed: vec![] };
        let training = self.training_within(&mut budget)?;
        let validation = self.validation_within(&mut budget)?;
        let Budget { allowed, taken, streamed } = budget;
        match allowed.checked_sub(taken) {
            Some(left) => Ok(Sources { training, validation, streamed, left }),
            None => Err(SourceError::Memory { taken, allowed }),
        }
    }

    /// The simulations to train on alone.
    ///
    /// # Errors
    /// As [`sources`](Self::sources).
    pub fn training<E: Real>(&self) -> Result<AnySource<E>, SourceError> {
        self.training_within(&mut self.budget())
    }

    /// The simulations for validation alone.
    ///
    /// # Errors
    /// As [`sources`](Self::sources).
    pub fn validation<E: Real>(&self) -> Result<Option<AnySource<E>>, SourceError> {
        self.validation_within(&mut self.budget())
    }

    fn budget<E: Real>(&self) -> Budget<E> {
        Budget { allowed: self.device.memory.unwrap_or(MEMORY), taken: 0, streamed: vec![] }
    }

    fn training_within<E: Real>(&self, budget: &mut Budget<E>) -> Result<AnySource<E>, SourceError> {
        let simulations = &self.simulations;
        let source = match &simulations.kind {
            Kind::Simulator(simulator) => self.simulator(simulator, simulations.n_s, simulations.n_d)?,
            Kind::Exact { files } | Kind::Numerical { files, .. } => {
                self.files(files, simulations.n_s, simulations.n_d, budget)?
            }
        };
        if simulations.augment.any() {
            return Ok(Box::new(Augmented::new::<E>(source, simulations.augment)?));
        }
        Ok(source)
    }

    fn validation_within<E: Real>(&self, budget: &mut Budget<E>) -> Result<Option<AnySource<E>>, SourceError> {
        let simulations = &self.simulations;
        match (&simulations.validation, &simulations.kind) {
            (Some(Validation::Files { files, n_s, n_d }), _) => self.files(files, *n_s, *n_d, budget).map(Some),
            (Some(Validation::Simulated { n_s, n_d }), Kind::Simulator(simulator)) => {
                self.simulator(simulator, n_s.or(simulations.n_s), *n_d).map(Some)
            }
            _ => Ok(None),
        }
    }

    fn files<E: Real>(
        &self,
        paths: &FilePaths,
        n_s: Option<usize>,
        n_d: Option<usize>,
        budget: &mut Budget<E>,
    ) -> Result<AnySource<E>, SourceError> {
        let kind = match &self.simulations.kind {
            Kind::Numerical { delta_theta, theta_below, theta_above, .. } => {
                let steps = Steps::new(delta_theta.clone(), theta_below.clone(), theta_above.clone())?;
                steps.check_fiducial(&self.theta_fid)?;
                FilesKind::Numerical(steps)
            }
            _ => FilesKind::Exact,
        };
        let input_shape = self.simulations.input_shape.clone();
        let (fiducial, derivative) = (paths.fiducial.clone(), (&paths.derivative).into());
        let files = Files { fiducial, derivative, kind, n_s, n_d, input_shape };
        if self.in_memory::<E>(&files, paths.loading.load)? {
            let arrays = files.load::<E>()?;
            arrays.check_n_params("theta_fid", self.theta_fid.len())?;
            return Ok(Box::new(arrays));
        }
        let (cache, prefetch) = (paths.loading.cache.unwrap_or(0), paths.loading.prefetch);
        // A part of what is allowed: a few leaves for each thread are enough.
        let ahead = if prefetch == Prefetch::Never { 0 } else { (budget.allowed / 16).min(AHEAD) };
        let left = budget.allowed.saturating_sub(budget.taken + cache + ahead);
        let streaming = Streaming {
            rows: RowOptions { memory: bytes(left), ..RowOptions::default() },
            cache: bytes(cache),
            prefetch,
            ahead: bytes(ahead),
        };
        let source = Arc::new(files.open::<E>(&streaming)?);
        source.check_n_params("theta_fid", self.theta_fid.len())?;
        budget.taken += source.memory() as u64 + ahead;
        budget.streamed.push(source.clone());
        Ok(Box::new(source))
    }

    /// Whether files are loaded as a whole: where that is not said, by their size.
    fn in_memory<E: Real>(&self, files: &Files, load: Load) -> Result<bool, SourceError> {
        let allowed = match load {
            Load::Memory => return Ok(true),
            Load::Stream => return Ok(false),
            Load::Auto => self.device.memory.or_else(half_of_memory).unwrap_or(u64::MAX),
        };
        // Opened to be asked for the shapes alone, which costs little; values and checksums are compared when they are
        // loaded.
        let rows = RowOptions { memory: bytes(allowed), checksums: false };
        let look = Streaming { rows, cache: 0, prefetch: Prefetch::Never, ahead: 0 };
        Ok(files.open::<E>(&look)?.size() <= allowed)
    }

    fn simulator<E: Real>(
        &self,
        simulator: &Simulator,
        n_s: Option<usize>,
        n_d: Option<usize>,
    ) -> Result<AnySource<E>, SourceError> {
        let n_s = n_s.unwrap_or(N_S);
        let n_d = n_d.unwrap_or(n_s);
        let theta_fid = &self.theta_fid;
        Ok(match simulator {
            Simulator::MeanVariance(options) => {
                Box::new(OnTheFly::new(GaussianMeanVariance { n_data: options.n_data }, theta_fid, n_s, n_d)?)
            }
            Simulator::Line(options) => {
                let step = (options.x_max - options.x_min) / (options.n_data - 1) as f64;
                let line = NoisyLine::new((0..options.n_data).map(|i| options.x_min + i as f64 * step).collect())?;
                let line = match options.slope_variance {
                    Some(variance) => line.with_slope_variance(variance)?,
                    None => line,
                };
                Box::new(OnTheFly::new(line, theta_fid, n_s, n_d)?)
            }
            Simulator::PowerLawField(options) => {
                let field = PowerLawField::new(options.n)?;
                let field = match options.length {
                    Some(length) => field.with_length(length)?,
                    None => field,
                };
                Box::new(OnTheFly::new(field, theta_fid, n_s, n_d)?)
            }
        })
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
