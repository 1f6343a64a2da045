//! Problems whose posteriors are known.

use imnn_infer::{Simulate, each_of};
use imnn_prior::{Prior, Uniform};
use imnn_sim::rand_distr::{ChiSquared, Distribution, StandardNormal};
use ndarray::{Array2, array};

/// The box of the documentation: mean in (-10, 10), variance in (0, 10).
pub fn box_prior() -> Prior {
    Prior::builder()
        .law("mu", Uniform::new(-10.0, 10.0).unwrap())
        .law("Sigma", Uniform::new(0.0, 10.0).unwrap())
        .build()
        .unwrap()
}

/// Mean and variance of ten draws by their sampling laws.
pub fn mean_and_variance() -> impl Simulate {
    each_of(2, |key, theta, x| {
        let mut rng = key.rng();
        let z: f64 = StandardNormal.sample(&mut rng);
        x[0] = theta[0] + (theta[1] / 10.0).sqrt() * z;
        x[1] = theta[1] / 10.0 * ChiSquared::new(9.0).unwrap().sample(&mut rng);
    })
}

/// The targets of the documentation.
pub fn targets() -> Array2<f64> {
    array![[-0.95406663, 7.982314], [8.011085, 0.34187225], [1.7216978, 1.6701807]]
}

/// The Fisher information of mean and variance of ten draws, at a variance.
pub fn fisher(variance: f64) -> Array2<f64> {
    array![[10.0 / variance, 0.0], [0.0, 5.0 / (variance * variance)]]
}

/// A normal simulator, `x ~ N(theta, F^-1)` in two dimensions with `F = [[2, 0.5], [0.5, 1]]`.
pub fn normal() -> impl Simulate {
    each_of(2, |key, theta, x| {
        let mut z = [0.0; 2];
        key.fill_normal(&mut z);
        // F^-1 = [[1, -0.5], [-0.5, 2]] / 1.75 = L L^T.
        let l00 = (1.0_f64 / 1.75).sqrt();
        let l10 = -0.5 / 1.75 / l00;
        let l11 = (2.0 / 1.75 - l10 * l10).sqrt();
        x[0] = theta[0] + l00 * z[0];
        x[1] = theta[1] + l10 * z[0] + l11 * z[1];
    })
}

pub fn normal_fisher() -> Array2<f64> {
    array![[2.0, 0.5], [0.5, 1.0]]
}
