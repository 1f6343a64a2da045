//! Makes the sources of simulations that a run file describes.

use std::sync::Arc;

use imnn::data::{
    Augmented, DataError, FileSource, Files, Joined, Kept, MemoryBudget, Noise, OnTheFly, PowerSpectrum, Source,
    Streamed, Summarised, Transformed, suggested_counts,
};
use imnn::sim::{BuiltIn, FiniteDifferences, Key, Real, Simulator};

use super::{
    FilePaths, Function, GivenBy, Kind, RunFile, SimulatorDerivative, Summaries, Validation, ValidationNoise, noise,
};

/// A source of any kind.
pub type AnySource<E> = Box<dyn Source<E>>;

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

/// The memory that the sources of a run share, and those that are streamed.
struct Budget<E: Real> {
    memory: MemoryBudget,
    streamed: Vec<Arc<Streamed<E>>>,
}

impl RunFile {
    /// The simulations to train on, augmented as the run file says, and those for validation, if there are to be any.
    ///
    /// # Errors
    /// Whatever is wrong with the files or the settings of the simulator; if simulations that are streamed take more
    /// memory than allowed.
    pub fn sources<E: Real>(&self) -> Result<Sources<E>, DataError> {
        self.sources_of_part((0, 1))
    }

    /// The same, for a process that reads this part of the simulations, of so many: what is kept in memory is of that.
    ///
    /// # Errors
    /// As [`sources`](Self::sources).
    pub fn sources_of_part<E: Real>(&self, part: (usize, usize)) -> Result<Sources<E>, DataError> {
        let memory = MemoryBudget::new(self.device.memory).with_part(part);
        let mut budget = Budget { memory, streamed: vec![] };
        let (training, noise) = self.training(&mut budget)?;
        let validation = self.validation(noise, &mut budget)?;
        Ok(Sources { training, validation, streamed: budget.streamed, left: budget.memory.left()? })
    }

    fn training<E: Real>(&self, budget: &mut Budget<E>) -> Result<(AnySource<E>, Option<Noise<E>>), DataError> {
        let simulations = &self.simulations;
        let source = match &simulations.kind {
            Kind::Simulator { simulator, derivative } => {
                self.simulator(simulator, derivative, simulations.n_s, simulations.n_d)?
            }
            Kind::Exact { files } | Kind::Numerical { files, .. } => {
                let kept = simulations.kept_apart.map_or(Kept::All, Kept::Rest);
                self.files(files, (simulations.n_s, simulations.n_d), kept, budget)?
            }
        };
        let source: AnySource<E> = match simulations.augment.any() {
            true => Box::new(Augmented::new::<E>(source, simulations.augment)?),
            false => source,
        };
        // After the symmetries of the sky: noise is that of the instrument, and has its own.
        let noise = self.noise(simulations.noise.as_ref(), budget)?;
        let kept = simulations.kept_apart.map_or(Kept::All, Kept::Rest);
        let source = with_noise(source, noise.clone())?;
        let of_files = self.summaries.as_ref().and_then(Summaries::files);
        Ok((self.with_given(source, of_files, (simulations.n_s, simulations.n_d), kept, budget)?, noise))
    }

    /// With the summaries of `[summaries]` behind the data: those in these files, or of the function.
    fn with_given<E: Real>(
        &self,
        data: AnySource<E>,
        files: Option<&FilePaths>,
        (n_s, n_d): (Option<usize>, Option<usize>),
        kept: Kept,
        budget: &mut Budget<E>,
    ) -> Result<AnySource<E>, DataError> {
        match (self.summaries.as_ref().map(|summaries| &summaries.given), files) {
            (Some(GivenBy::Function(Function::PowerSpectrum)), _) => {
                let power = PowerSpectrum::of(data.input_shape())?;
                Ok(Box::new(Summarised::new::<E>(data, power)?))
            }
            (Some(GivenBy::Files(_)), Some(paths)) => {
                let files = Files { kept, input_shape: None, ..self.simulations.files(paths, n_s, n_d) };
                let FileSource { source, streamed } = budget.memory.open::<E>(&files, &paths.loading)?;
                budget.streamed.extend(streamed);
                Ok(Box::new(Joined::new::<E>(data, source)?))
            }
            _ => Ok(data),
        }
    }

    fn validation<E: Real>(
        &self,
        of_training: Option<Noise<E>>,
        budget: &mut Budget<E>,
    ) -> Result<Option<AnySource<E>>, DataError> {
        let simulations = &self.simulations;
        if let (Some(share), Kind::Exact { files } | Kind::Numerical { files, .. }) =
            (simulations.kept_apart, &simulations.kind)
        {
            let (rows, kept) = ((simulations.n_s, simulations.n_d), Kept::Last(share));
            let source = with_noise(self.files(files, rows, kept, budget)?, of_training)?;
            let of_files = self.summaries.as_ref().and_then(Summaries::files);
            return self.with_given(source, of_files, rows, kept, budget).map(Some);
        }
        let Some(Validation { files, n_s, n_d, noise }) = &simulations.validation else { return Ok(None) };
        let source = match (files, &simulations.kind) {
            (Some(files), _) => self.files(files, (*n_s, *n_d), Kept::All, budget)?,
            (None, Kind::Simulator { simulator, derivative }) => {
                self.simulator(simulator, derivative, n_s.or(simulations.n_s), *n_d)?
            }
            _ => return Ok(None),
        };
        let noise = match noise {
            ValidationNoise::None => None,
            ValidationNoise::Own(noise) => self.noise(Some(noise), budget)?,
            ValidationNoise::AsTraining => of_training,
        };
        let of_files = self.summaries.as_ref().and_then(|summaries| summaries.validation.as_ref());
        self.with_given(with_noise(source, noise)?, of_files, (*n_s, *n_d), Kept::All, budget).map(Some)
    }

    /// The noise of these settings, viewed in the shape of the simulations.
    fn noise<E: Real>(
        &self,
        noise: Option<&noise::Noise>,
        budget: &mut Budget<E>,
    ) -> Result<Option<Noise<E>>, DataError> {
        let Some(settings) = noise else { return Ok(None) };
        let noise = budget.memory.noise(&settings.bank, settings.load)?;
        let noise = match &self.simulations.input_shape {
            Some(shape) => noise.reshape(shape)?,
            None => noise,
        };
        Ok(Some(noise.with_scale(settings.scale)?.with_symmetries(settings.symmetries)?))
    }

    fn files<E: Real>(
        &self,
        paths: &FilePaths,
        (n_s, n_d): (Option<usize>, Option<usize>),
        kept: Kept,
        budget: &mut Budget<E>,
    ) -> Result<AnySource<E>, DataError> {
        let files = Files { kept, ..self.simulations.files(paths, n_s, n_d) };
        let FileSource { source, streamed } = budget.memory.open::<E>(&files, &paths.loading)?;
        budget.streamed.extend(streamed);
        source.spec().check_n_params("theta_fid", self.theta_fid.len())?;
        Ok(source)
    }

    fn simulator<E: Real>(
        &self,
        simulator: &BuiltIn,
        derivative: &SimulatorDerivative,
        n_s: Option<usize>,
        n_d: Option<usize>,
    ) -> Result<AnySource<E>, DataError> {
        let simulator = simulator.simulator()?;
        let (n_s, n_d) = match (n_s, n_d) {
            (None, None) => suggested_counts(&simulator.data_shape()),
            (None, Some(n_d)) => (suggested_counts(&simulator.data_shape()).0.max(n_d), n_d),
            (Some(n_s), n_d) => (n_s, n_d.unwrap_or(n_s)),
        };
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

fn with_noise<E: Real>(source: AnySource<E>, noise: Option<Noise<E>>) -> Result<AnySource<E>, DataError> {
    Ok(match noise {
        Some(noise) => Box::new(Transformed::new(source, noise)?),
        None => source,
    })
}
