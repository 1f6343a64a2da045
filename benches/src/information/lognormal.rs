//! Lognormal fields whose Gaussian fields have a given power: those of `examples/lognormal`, made here.

use std::sync::Arc;

use imnn::sim::{FiniteDifferences, Key, Simulator};
use ndarray::{Array, Array2, Array4, Axis, Dimension};
use ndarray_npy::ReadNpyExt;
use rustfft::num_complex::Complex64;
use rustfft::{Fft, FftPlanner};

use crate::Failure;
use crate::exact::{Exact, Modes};

/// Cells along a side.
const N: usize = 32;

/// The area of a cell, (Mpc/h)^2.
const AREA: f64 = (250.0 / N as f64) * (250.0 / N as f64);

const THETA_FID: [f64; 2] = [0.40, 0.75];

/// The full width between the parameters above and below.
pub(crate) const WIDTHS: [f64; 2] = [0.01, 0.01];

/// `d = exp(g - s^2 / 2) - 1`, where g is Gaussian with power P and s^2 the variance of its cells, at the fiducial and with each
/// parameter below and above.
pub(crate) struct Lognormal {
    fiducial: Vec<f64>,
    /// Below, then above; of each parameter.
    beside: Vec<Vec<f64>>,
    forward: Arc<dyn Fft<f64>>,
    inverse: Arc<dyn Fft<f64>>,
}

fn npy<D: Dimension>(bytes: &[u8]) -> Result<Array<f64, D>, Failure> {
    Ok(Array::read_npy(bytes)?)
}

impl Lognormal {
    pub(crate) fn new() -> Result<Self, Failure> {
        let fiducial: Array2<f64> = npy(include_bytes!("lognormal/gaussian_power_fiducial.npy"))?;
        let power = include_bytes!("lognormal/gaussian_power_derivative.npy");
        let beside: Array4<f64> = npy(power)?;
        let power = |k: usize| beside.index_axis(Axis(0), k / 2).index_axis(Axis(0), k % 2).iter().copied().collect();
        let mut planner = FftPlanner::new();
        Ok(Lognormal {
            fiducial: fiducial.iter().copied().collect(),
            beside: (0..4).map(power).collect(),
            forward: planner.plan_fft_forward(N),
            inverse: planner.plan_fft_inverse(N),
        })
    }

    /// The exact statistics: powers of the Gaussian field, weighted by `d ln P / d theta / P`.
    pub(crate) fn exact(&self) -> Result<Exact, Failure> {
        let weights = |a: usize| {
            let [below, above] = [&self.beside[a], &self.beside[2 + a]];
            let weight = |k: usize| match self.fiducial[k] {
                0.0 => 0.0,
                power => (above[k] / below[k]).ln() / WIDTHS[a] / power,
            };
            (0..N * N).map(weight).collect()
        };
        Ok(Exact::Modes(Modes::lognormal(N, [weights(0), weights(1)], WIDTHS)))
    }

    /// The power at these parameters: the fiducial, or with one of them below or above.
    fn power(&self, theta: &[f64]) -> &[f64] {
        for a in 0..2 {
            let step = (theta[a] - THETA_FID[a]) / WIDTHS[a];
            if step.abs() > 0.25 {
                return &self.beside[if step < 0.0 { a } else { 2 + a }];
            }
        }
        &self.fiducial
    }

    /// Makes a field.
    fn simulate(&self, key: Key, theta: &[f64], data: &mut [f64]) {
        key.fill_normal(data);
        let white: Vec<Complex64> = data.iter().map(|&z| Complex64::from(z)).collect();
        let modes = transform(&self.forward, white);
        // The transform leaves a transposed field, whose power is that at the transposed place.
        let power = self.power(theta);
        let coloured = modes.iter().enumerate().map(|(k, mode)| mode * (power[k % N * N + k / N] / AREA).sqrt());
        let field = transform(&self.inverse, coloured.collect());
        let g: Vec<f64> = field.iter().map(|z| z.re / (N * N) as f64).collect();
        let mean = g.iter().sum::<f64>() / g.len() as f64;
        let variance = g.iter().map(|g| (g - mean).powi(2)).sum::<f64>() / g.len() as f64;
        data.iter_mut().zip(g).for_each(|(d, g)| *d = (g - variance / 2.0).exp_m1());
    }

    /// The simulator of these fields.
    pub(crate) fn simulator(self) -> Result<impl Simulator, Failure> {
        let simulate = move |key: Key, theta: &[f64], data: &mut [f64]| self.simulate(key, theta, data);
        Ok(FiniteDifferences::new(THETA_FID.len(), vec![N, N, 1], WIDTHS.to_vec(), simulate)?)
    }
}

/// The transform of a square field along both axes, transposed.
fn transform(fft: &Arc<dyn Fft<f64>>, mut field: Vec<Complex64>) -> Vec<Complex64> {
    fft.process(&mut field);
    let mut columns: Vec<Complex64> = (0..N * N).map(|k| field[k % N * N + k / N]).collect();
    fft.process(&mut columns);
    columns
}
