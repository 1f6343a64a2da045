//! Problems whose information is known.

use imnn::data::{
    Augmentation, Augmented, DataError, OnTheFly, Source, simulate_exact, simulate_numerical, suggested_counts,
};
use imnn::sim::{GaussianMeanVariance, Key, NoisyLine, PowerLawField, Simulator};

use crate::Failure;
use crate::exact::{Exact, Modes, Score};
use crate::lognormal::{Lognormal, WIDTHS};
use crate::variance::{NoiseVariance, Variance};

type AnySource = Box<dyn Source<f32>>;
type AnySimulator = Box<dyn Simulator>;

/// A problem at its fiducial.
pub(crate) struct Problem {
    pub(crate) name: &'static str,
    pub(crate) theta_fid: &'static [f64],
    /// The exact `ln det F`.
    pub(crate) log_det_f: f64,
    /// Simulations that shares are measured on.
    pub(crate) fresh: usize,
    kind: Kind,
    simulator: fn() -> Result<AnySimulator, Failure>,
    pub(crate) exact: fn() -> Result<Exact, Failure>,
}

/// How simulations come.
#[derive(Clone, Copy, PartialEq)]
enum Kind {
    /// Made anew in each iteration, with exact derivatives.
    OnTheFly,
    /// A set of fields below and above the fiducial, with another for validation, as from files.
    Files,
}

/// Simulations of such a set, and of those how many have others below and above.
const FILES: (usize, usize) = (1000, 500);

/// What a network is trained on.
pub(crate) struct Data {
    pub(crate) training: AnySource,
    pub(crate) validation: Option<AnySource>,
}

impl Problem {
    /// What to train on; of a simulator so many simulations in each iteration as it is trained on by default, or as given.
    pub(crate) fn data(&self, key: Key, n_s: Option<usize>, n_d: Option<usize>) -> Result<Data, Failure> {
        if self.kind == Kind::Files {
            return self.sets(key, true);
        }
        let simulator = (self.simulator)()?;
        let usual = suggested_counts(&simulator.data_shape());
        let (n_s, n_d) = (n_s.unwrap_or(usual.0), n_d.unwrap_or(usual.1));
        Ok(Data { training: Box::new(OnTheFly::new(simulator, self.theta_fid, n_s, n_d)?), validation: None })
    }

    /// What a network is trained on by default at another fiducial, of a problem that is simulated on the fly.
    pub(crate) fn simulations_at(&self, theta_fid: &[f64]) -> Result<AnySource, DataError> {
        let simulator = (self.simulator)().map_err(DataError::other)?;
        let (n_s, n_d) = suggested_counts(&simulator.data_shape());
        Ok(Box::new(OnTheFly::new(simulator, theta_fid, n_s, n_d)?))
    }

    /// A set of simulations as from files, with another for validation or without.
    pub(crate) fn sets(&self, key: Key, validated: bool) -> Result<Data, Failure> {
        let simulator = (self.simulator)()?;
        let (n_s, n_d) = FILES;
        let numerical = self.kind == Kind::Files;
        let set = |key| match numerical {
            true => simulate_numerical(&simulator, self.theta_fid, &WIDTHS, n_s, n_d, key),
            false => simulate_exact(&simulator, self.theta_fid, n_s, n_d, key),
        };
        let [training, validation] = key.split();
        let training = set(training)?;
        let training: AnySource = match numerical {
            true => Box::new(Augmented::new::<f32>(training, Augmentation::all())?),
            false => Box::new(training),
        };
        let validation = if validated { Some(Box::new(set(validation)?) as AnySource) } else { None };
        Ok(Data { training, validation })
    }

    /// So many simulations, all with derivatives, which each key makes anew.
    pub(crate) fn simulations(&self, n: usize) -> Result<AnySource, Failure> {
        let simulator = (self.simulator)()?;
        Ok(match self.kind {
            Kind::OnTheFly => Box::new(OnTheFly::new(simulator, self.theta_fid, n, n)?),
            Kind::Files => Box::new(OnTheFly::numerical(simulator, self.theta_fid, &WIDTHS, n, n)?),
        })
    }
}

fn noisy_line() -> Vec<f64> {
    NoisyLine::default().x().to_vec()
}

pub(crate) const PROBLEMS: &[Problem] = &[
    Problem {
        name: "mean and variance",
        theta_fid: &[0.0, 1.0],
        log_det_f: 3.912_023_005_428_146,
        fresh: 200_000,
        kind: Kind::OnTheFly,
        simulator: || Ok(Box::new(GaussianMeanVariance { n_data: 10 })),
        exact: || Ok(Exact::MeanVariance),
    },
    Problem {
        name: "variance",
        theta_fid: &[1.0],
        log_det_f: 1.609_437_912_434_1,
        fresh: 200_000,
        kind: Kind::OnTheFly,
        simulator: || Ok(Box::new(Variance { noise: NoiseVariance::None })),
        exact: || Ok(Exact::Square),
    },
    Problem {
        name: "variance, known noise",
        theta_fid: &[1.0],
        log_det_f: 0.223_143_551_314_21,
        fresh: 200_000,
        kind: Kind::OnTheFly,
        simulator: || Ok(Box::new(Variance { noise: NoiseVariance::One })),
        exact: || Ok(Exact::Square),
    },
    Problem {
        name: "variance, unknown noise",
        theta_fid: &[1.0],
        log_det_f: -0.039_684_8,
        fresh: 200_000,
        kind: Kind::OnTheFly,
        simulator: || Ok(Box::new(Variance { noise: NoiseVariance::Unknown })),
        exact: || Ok(Exact::Score(Score::new())),
    },
    Problem {
        name: "slope",
        theta_fid: &[4.0],
        log_det_f: 8.116_765_9,
        fresh: 200_000,
        kind: Kind::OnTheFly,
        simulator: || Ok(Box::new(NoisyLine::default())),
        exact: || Ok(Exact::Line(noisy_line())),
    },
    Problem {
        name: "slope with scatter",
        theta_fid: &[1.0],
        log_det_f: 2.299_604_6,
        fresh: 200_000,
        kind: Kind::OnTheFly,
        simulator: || Ok(Box::new(NoisyLine::default().with_slope_variance(0.1)?)),
        exact: || Ok(Exact::Line(noisy_line())),
    },
    Problem {
        name: "power-law field",
        theta_fid: &[1.0, 0.5],
        log_det_f: 11.084_093_8,
        fresh: 10_000,
        kind: Kind::OnTheFly,
        simulator: || Ok(Box::new(PowerLawField::new(32)?)),
        exact: || Ok(Exact::Modes(Modes::power_law(32))),
    },
    Problem {
        name: "lognormal field, files",
        theta_fid: &[0.40, 0.75],
        log_det_f: 13.199_0,
        fresh: 10_000,
        kind: Kind::Files,
        simulator: || Ok(Box::new(Lognormal::new()?.simulator()?)),
        exact: || Lognormal::new()?.exact(),
    },
];
