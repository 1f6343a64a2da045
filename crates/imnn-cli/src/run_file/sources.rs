//! Makes the sources of simulations that a run file describes.

use imnn::data::{ArrayPath, Augmented, DataError, Files, FilesKind, OnTheFly, Source, Steps};
use imnn::sim::{GaussianMeanVariance, NoisyLine, PowerLawField, Real, SimError};

use super::{Kind, RunFile, Simulator, Validation};

/// How many simulations a simulator makes where the run file does not say.
const N_S: usize = 1000;

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
}

impl RunFile {
    /// The simulations to train on, augmented as the run file says.
    ///
    /// # Errors
    /// Whatever is wrong with the files or the settings of the simulator.
    pub fn training<E: Real>(&self) -> Result<AnySource<E>, SourceError> {
        let simulations = &self.simulations;
        let source = match &simulations.kind {
            Kind::Simulator(simulator) => self.simulator(simulator, simulations.n_s, simulations.n_d)?,
            Kind::Exact { fiducial, derivative } | Kind::Numerical { fiducial, derivative, .. } => {
                self.files(fiducial, derivative, simulations.n_s, simulations.n_d)?
            }
        };
        if simulations.augment.any() {
            return Ok(Box::new(Augmented::new::<E>(source, simulations.augment)?));
        }
        Ok(source)
    }

    /// The simulations for validation, if there are to be any.
    ///
    /// # Errors
    /// As [`training`](Self::training).
    pub fn validation<E: Real>(&self) -> Result<Option<AnySource<E>>, SourceError> {
        let simulations = &self.simulations;
        match (&simulations.validation, &simulations.kind) {
            (Some(Validation::Files { fiducial, derivative, n_s, n_d }), _) => {
                self.files(fiducial, derivative, *n_s, *n_d).map(Some)
            }
            (Some(Validation::Simulated { n_s, n_d }), Kind::Simulator(simulator)) => {
                self.simulator(simulator, n_s.or(simulations.n_s), *n_d).map(Some)
            }
            _ => Ok(None),
        }
    }

    fn files<E: Real>(
        &self,
        fiducial: &ArrayPath,
        derivative: &ArrayPath,
        n_s: Option<usize>,
        n_d: Option<usize>,
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
        let files = Files { n_s, n_d, input_shape, ..Files::new(fiducial.clone(), derivative.clone(), kind) };
        let arrays = files.load::<E>()?;
        arrays.check_n_params("theta_fid", self.theta_fid.len())?;
        Ok(Box::new(arrays))
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
