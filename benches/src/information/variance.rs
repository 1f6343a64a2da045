//! Ten draws whose variance is the parameter, with noise whose variance is known or not.

use imnn::sim::{Key, Simulator};
use rand::Rng;

/// `d_i = sqrt(theta) z_i + sqrt(v) z'_i`, with z normal.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Variance {
    pub(crate) noise: NoiseVariance,
}

/// The variance v of the noise.
#[derive(Clone, Copy, Debug)]
pub(crate) enum NoiseVariance {
    None,
    One,
    /// Uniform between 0 and 2, new for each simulation.
    Unknown,
}

/// Number of draws.
pub(crate) const N: usize = 10;

impl Simulator for Variance {
    fn n_params(&self) -> usize {
        1
    }

    fn data_shape(&self) -> Vec<usize> {
        vec![N]
    }

    fn simulate(&self, key: Key, theta: &[f64], data: &mut [f64]) {
        self.simulate_with_derivative(key, theta, data, &mut [0.0; N]);
    }

    fn simulate_with_derivative(&self, key: Key, theta: &[f64], data: &mut [f64], derivative: &mut [f64]) {
        let [normal, uniform] = key.split();
        let mut z = [0.0; 2 * N];
        normal.fill_normal(&mut z);
        let deviation = match self.noise {
            NoiseVariance::None => 0.0,
            NoiseVariance::One => 1.0,
            // 53 random bits.
            NoiseVariance::Unknown => ((uniform.rng().next_u64() >> 11) as f64 * 2.0_f64.powi(-52)).sqrt(),
        };
        for i in 0..N {
            data[i] = theta[0].sqrt() * z[i] + deviation * z[N + i];
            derivative[i] = z[i] / (2.0 * theta[0].sqrt());
        }
    }
}
