//! Makes the sources of simulations that a run file describes.

use std::sync::Arc;

use imnn::data::{
    Augmented, DataError, Files, FilesKind, Noise, OnTheFly, ParameterSteps, Prefetch, RowOptions, Source, Streamed,
    Streaming, Transformed,
};
use imnn::sim::{self, FiniteDifferences, GaussianMeanVariance, Key, NoisyLine, PowerLawField, Real, SimError};

use super::{FilePaths, Kind, Load, RunFile, Simulator, SimulatorDerivative, Validation, ValidationNoise, noise};

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
    /// The noise of training, which validation shares.
    noise: Option<Noise<E>>,
}

impl RunFile {
    /// The simulations to train on, augmented as the run file says, and those for validation, if there are to be any.
    ///
    /// # Errors
    /// Whatever is wrong with the files or the settings of the simulator; where simulations that are streamed take more
    /// memory than allowed.
    pub fn sources<E: Real>(&self) -> Result<Sources<E>, SourceError> {
        let mut budget = self.budget();
        let training = self.training_within(&mut budget)?;
        let validation = self.validation_within(&mut budget)?;
        let Budget { allowed, taken, streamed, .. } = budget;
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
        Budget { allowed: self.device.memory.unwrap_or(MEMORY), taken: 0, streamed: vec![], noise: None }
    }

    fn training_within<E: Real>(&self, budget: &mut Budget<E>) -> Result<AnySource<E>, SourceError> {
        let simulations = &self.simulations;
        let source = match &simulations.kind {
            Kind::Simulator { simulator, derivative } => {
                self.simulator(simulator, derivative, simulations.n_s, simulations.n_d)?
            }
            Kind::Exact { files } | Kind::Numerical { files, .. } => {
                self.files(files, simulations.n_s, simulations.n_d, budget)?
            }
        };
        let source: AnySource<E> = match simulations.augment.any() {
            true => Box::new(Augmented::new::<E>(source, simulations.augment)?),
            false => source,
        };
        // After the symmetries of the sky: noise is that of the instrument, and has its own.
        let Some(noise) = &simulations.noise else { return Ok(source) };
        let noise = self.noise(noise, budget)?;
        budget.noise = Some(noise.clone());
        Ok(Box::new(Transformed::new(source, noise)?))
    }

    fn validation_within<E: Real>(&self, budget: &mut Budget<E>) -> Result<Option<AnySource<E>>, SourceError> {
        let simulations = &self.simulations;
        let (source, noise) = match (&simulations.validation, &simulations.kind) {
            (Some(Validation::Files { files, n_s, n_d, noise }), _) => (self.files(files, *n_s, *n_d, budget)?, noise),
            (Some(Validation::Simulated { n_s, n_d, noise }), Kind::Simulator { simulator, derivative }) => {
                (self.simulator(simulator, derivative, n_s.or(simulations.n_s), *n_d)?, noise)
            }
            _ => return Ok(None),
        };
        let noise = match noise {
            ValidationNoise::None => None,
            ValidationNoise::Own(noise) => Some(self.noise(noise, budget)?),
            ValidationNoise::AsTraining => match (budget.noise.take(), &simulations.noise) {
                (None, Some(noise)) => Some(self.noise(noise, budget)?),
                (shared, _) => shared,
            },
        };
        Ok(Some(match noise {
            Some(noise) => Box::new(Transformed::new(source, noise)?),
            None => source,
        }))
    }

    /// The noise of these settings, viewed in the shape of the simulations.
    fn noise<E: Real>(&self, noise: &noise::Noise, budget: &mut Budget<E>) -> Result<Noise<E>, SourceError> {
        let left = budget.allowed.saturating_sub(budget.taken);
        let streamed = match noise.load {
            Load::Memory => None,
            Load::Stream => {
                Some(Noise::open(&noise.bank, &RowOptions { memory: bytes(left), ..RowOptions::default() })?)
            }
            Load::Auto => {
                let allowed = self.device.memory.or_else(half_of_memory).unwrap_or(u64::MAX);
                // As for simulations: asked for its size alone, compared and checked when it is loaded.
                let look = RowOptions { memory: bytes(allowed), checksums: false };
                if Noise::<E>::open(&noise.bank, &look)?.size() <= allowed {
                    None
                } else {
                    Some(Noise::open(&noise.bank, &RowOptions { memory: bytes(left), ..RowOptions::default() })?)
                }
            }
        };
        let made = match streamed {
            Some(streamed) => {
                budget.taken += streamed.memory() as u64;
                streamed
            }
            None => Noise::load(&noise.bank)?,
        };
        let made = match &self.simulations.input_shape {
            Some(shape) => made.reshape(shape)?,
            None => made,
        };
        Ok(made.with_scale(noise.scale)?.with_symmetries(noise.symmetries)?)
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
                let steps = ParameterSteps::new(delta_theta.clone(), theta_below.clone(), theta_above.clone())?;
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
        derivative: &SimulatorDerivative,
        n_s: Option<usize>,
        n_d: Option<usize>,
    ) -> Result<AnySource<E>, SourceError> {
        let n_s = n_s.unwrap_or(N_S);
        let n_d = n_d.unwrap_or(n_s);
        match simulator {
            Simulator::MeanVariance(options) => {
                self.on_the_fly(GaussianMeanVariance { n_data: options.n_data }, derivative, n_s, n_d)
            }
            Simulator::Line(options) => {
                let step = (options.x_max - options.x_min) / (options.n_data - 1) as f64;
                let line = NoisyLine::new((0..options.n_data).map(|i| options.x_min + i as f64 * step).collect())?;
                let line = match options.slope_variance {
                    Some(variance) => line.with_slope_variance(variance)?,
                    None => line,
                };
                self.on_the_fly(line, derivative, n_s, n_d)
            }
            Simulator::PowerLawField(options) => {
                let field = PowerLawField::new(options.n)?;
                let field = match options.length {
                    Some(length) => field.with_length(length)?,
                    None => field,
                };
                self.on_the_fly(field, derivative, n_s, n_d)
            }
        }
    }

    fn on_the_fly<E: Real>(
        &self,
        simulator: impl sim::Simulator + Clone + 'static,
        derivative: &SimulatorDerivative,
        n_s: usize,
        n_d: usize,
    ) -> Result<AnySource<E>, SourceError> {
        let theta_fid = &self.theta_fid;
        Ok(match derivative {
            SimulatorDerivative::Exact => Box::new(OnTheFly::new(simulator, theta_fid, n_s, n_d)?),
            SimulatorDerivative::Numerical(widths) => {
                Box::new(OnTheFly::numerical(simulator, theta_fid, widths, n_s, n_d)?)
            }
            SimulatorDerivative::Finite(widths) => {
                let (shape, of_check) = (simulator.data_shape(), simulator.clone());
                let simulate = move |key: Key, theta: &[f64], data: &mut [f64]| simulator.simulate(key, theta, data);
                let differences = FiniteDifferences::new(theta_fid.len(), shape, widths.clone(), simulate)?
                    .with_check(move |theta| of_check.check(theta));
                Box::new(OnTheFly::new(differences, theta_fid, n_s, n_d)?)
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
