//! A run with the defaults, or what is given in their place.

use imnn::device::Cpu;
use imnn::fit::{FitSettings, Imnn, Outcome, Suggestion};
use imnn::models::Network;
use imnn::sim::Key;

use crate::Failure;
use crate::measure::CpuTime;
use crate::problems::{Data, Problem};

/// What is not as by default.
#[derive(Default)]
pub(crate) struct Settings {
    pub(crate) network: Option<Network>,
    pub(crate) fit: FitSettings,
    pub(crate) n_s: Option<usize>,
    pub(crate) n_d: Option<usize>,
}

/// A run that has ended.
pub(crate) struct Trained {
    pub(crate) imnn: Imnn<f32>,
    pub(crate) outcome: Outcome,
    /// CPU seconds, with the choice of the network.
    pub(crate) seconds: f64,
}

/// Trains as `imnn fit` does.
pub(crate) fn train(problem: &Problem, key: Key, settings: &Settings) -> Result<Trained, Failure> {
    train_on(problem, problem.data(key, settings.n_s, settings.n_d)?, key, settings)
}

/// As [`train`], at another fiducial than that of the problem.
pub(crate) fn train_at(problem: &Problem, theta_fid: &[f64], key: Key) -> imnn::fit::Result<Imnn<f32>> {
    let training = problem.simulations_at(theta_fid)?;
    let network = Suggestion::new(training.as_ref(), theta_fid.len(), &Cpu::all()?, key)?.network;
    let mut imnn = Imnn::<f32>::builder(network).training(training).theta_fid(theta_fid).key(key).build()?;
    imnn.fit(&FitSettings::default())?;
    Ok(imnn)
}

/// The same on data of another kind.
pub(crate) fn train_on(problem: &Problem, data: Data, key: Key, settings: &Settings) -> Result<Trained, Failure> {
    let Data { training, validation } = data;
    let start = CpuTime::now();
    let network = match &settings.network {
        Some(network) => network.clone(),
        None => Suggestion::new(training.as_ref(), problem.theta_fid.len(), &Cpu::all()?, key)?.network,
    };
    let mut builder = Imnn::<f32>::builder(network).training(training).theta_fid(problem.theta_fid).key(key);
    if let Some(validation) = validation {
        builder = builder.validation(validation);
    }
    let mut imnn = builder.build()?;
    let outcome = imnn.fit(&settings.fit)?;
    Ok(Trained { imnn, outcome, seconds: start.seconds() })
}
