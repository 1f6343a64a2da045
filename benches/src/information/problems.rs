//! Problems whose information is known.

use imnn::data::{OnTheFly, Source};
use imnn::sim::{GaussianMeanVariance, NoisyLine, PowerLawField, Simulator};

use crate::Failure;
use crate::exact::{Exact, Modes, Score};
use crate::variance::{NoiseVariance, Variance};

/// A simulator at its fiducial.
pub(crate) struct Problem {
    pub(crate) name: &'static str,
    pub(crate) theta_fid: &'static [f64],
    /// Simulations of an iteration.
    pub(crate) n_s: usize,
    /// Simulations that shares are measured on.
    pub(crate) fresh: usize,
    simulator: fn() -> Result<Box<dyn Simulator>, Failure>,
    pub(crate) exact: fn() -> Exact,
}

impl Problem {
    pub(crate) fn source(&self, n_s: usize, n_d: usize) -> Result<Box<dyn Source<f32>>, Failure> {
        Ok(Box::new(OnTheFly::new((self.simulator)()?, self.theta_fid, n_s, n_d)?))
    }
}

fn noisy_line() -> Vec<f64> {
    NoisyLine::default().x().to_vec()
}

pub(crate) const PROBLEMS: &[Problem] = &[
    Problem {
        name: "mean and variance",
        theta_fid: &[0.0, 1.0],
        n_s: 1000,
        fresh: 200_000,
        simulator: || Ok(Box::new(GaussianMeanVariance { n_data: 10 })),
        exact: || Exact::MeanVariance,
    },
    Problem {
        name: "variance",
        theta_fid: &[1.0],
        n_s: 1000,
        fresh: 200_000,
        simulator: || Ok(Box::new(Variance { noise: NoiseVariance::None })),
        exact: || Exact::Square,
    },
    Problem {
        name: "variance, known noise",
        theta_fid: &[1.0],
        n_s: 1000,
        fresh: 200_000,
        simulator: || Ok(Box::new(Variance { noise: NoiseVariance::One })),
        exact: || Exact::Square,
    },
    Problem {
        name: "variance, unknown noise",
        theta_fid: &[1.0],
        n_s: 1000,
        fresh: 200_000,
        simulator: || Ok(Box::new(Variance { noise: NoiseVariance::Unknown })),
        exact: || Exact::Score(Score::new()),
    },
    Problem {
        name: "slope",
        theta_fid: &[4.0],
        n_s: 1000,
        fresh: 200_000,
        simulator: || Ok(Box::new(NoisyLine::default())),
        exact: || Exact::Line(noisy_line()),
    },
    Problem {
        name: "slope with scatter",
        theta_fid: &[1.0],
        n_s: 1000,
        fresh: 200_000,
        simulator: || Ok(Box::new(NoisyLine::default().with_slope_variance(0.1)?)),
        exact: || Exact::Line(noisy_line()),
    },
    Problem {
        name: "power-law field",
        theta_fid: &[1.0, 0.5],
        n_s: 200,
        fresh: 10_000,
        simulator: || Ok(Box::new(PowerLawField::new(32)?)),
        exact: || Exact::Modes(Modes::power_law(32)),
    },
];
