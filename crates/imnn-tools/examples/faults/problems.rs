//! Good data of five kinds: simulations at, below and above a fiducial with two parameters, by seed.

use std::f64::consts::PI;

use imnn_sim::Key;
use ndarray::{ArrayD, IxDyn};

/// What is simulated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Problem {
    /// Normal numbers; their mean and variance.
    MeanVariance,
    /// A Gaussian field on a ring with white noise; amplitude and slope of its spectrum.
    Field,
    /// Counts of a lognormal rate; its mean and its width.
    Counts,
    /// Numbers of Student's t of 2.5 degrees of freedom; their place and width.
    Heavy,
    /// Images of 4 x 4 pixels of a blob and noise; its brightness and size.
    Image,
    /// Few counts in many pixels; their rate and its scatter.
    Sparse,
    /// Band powers over three decades, each of more modes than the one before; amplitude and slope.
    Spectrum,
    /// Images of 8 x 8 pixels as whole numbers from 0 to 255, where both ends are reached.
    Clipped,
}

/// Other sound data.
pub const MORE: [Problem; 3] = [Problem::Sparse, Problem::Spectrum, Problem::Clipped];

pub const PROBLEMS: [Problem; 5] =
    [Problem::MeanVariance, Problem::Field, Problem::Counts, Problem::Heavy, Problem::Image];

/// The parameters of all problems, and the distances to those below and above.
pub const FIDUCIAL: [f64; 2] = [1.0, 1.0];

impl Problem {
    pub fn name(self) -> &'static str {
        match self {
            Self::MeanVariance => "mean and variance",
            Self::Field => "Gaussian field",
            Self::Counts => "lognormal counts",
            Self::Heavy => "heavy tails",
            Self::Image => "images of 4 x 4",
            Self::Sparse => "few counts",
            Self::Spectrum => "band powers",
            Self::Clipped => "clipped images",
        }
    }

    /// The shape of a simulation.
    pub fn shape(self) -> Vec<usize> {
        match self {
            Self::MeanVariance => vec![12],
            Self::Field => vec![64],
            Self::Counts => vec![32],
            Self::Heavy => vec![20],
            Self::Image => vec![4, 4, 1],
            Self::Sparse => vec![64],
            Self::Spectrum => vec![24],
            Self::Clipped => vec![8, 8],
        }
    }

    /// One simulation; the same key gives the same noise at all parameters.
    pub fn simulate(self, key: Key, theta: [f64; 2]) -> Vec<f64> {
        let n: usize = self.shape().iter().product();
        let mut noise = vec![0.0; 3 * n];
        key.fill_normal(&mut noise);
        let (g, more) = noise.split_at(n);
        let [a, b] = theta;
        match self {
            Self::MeanVariance => g.iter().map(|g| a + b.sqrt() * g).collect(),
            Self::Field => field(g, &more[..n], theta),
            Self::Counts => {
                let count = |(g, u): (&f64, &f64)| poisson(1.5 * (a + 0.5 * b * g).exp(), normal_cdf(*u));
                g.iter().zip(more).map(count).collect()
            }
            Self::Heavy => g.iter().zip(more.chunks(2)).map(|(g, u)| a + b * student(*g, normal_cdf(u[0]))).collect(),
            Self::Image => (0..n).map(|k| 3.0 * a * blob(k, b) + g[k]).collect(),
            Self::Sparse => {
                let count = |(g, u): (&f64, &f64)| poisson(0.3 * (a - 1.0 + b * g).exp(), normal_cdf(*u));
                g.iter().zip(more).map(count).collect()
            }
            Self::Spectrum => {
                let power = |k: usize| 1e4 * a * ((k + 1) as f64).powf(-1.5 * b);
                let modes = |k: usize| (2 * k + 3) as f64;
                // A chi^2 of many degrees of freedom, by Wilson and Hilferty.
                let of = |k: usize| (1.0 - 2.0 / (9.0 * modes(k)) + g[k] * (2.0 / (9.0 * modes(k))).sqrt()).powi(3);
                (0..n).map(|k| power(k) * of(k).abs()).collect()
            }
            Self::Clipped => (0..n)
                .map(|k| (128.0 + 60.0 * (b * g[k] + a - 1.0) + 10.0 * more[k]).round().clamp(0.0, 255.0))
                .collect(),
        }
    }

    /// Simulations at the parameters, with a seed for each row.
    pub fn rows(self, seeds: &[u64], theta: [f64; 2]) -> ArrayD<f64> {
        let values = seeds.iter().flat_map(|&seed| self.simulate(Key::new(seed), theta)).collect();
        let shape = [&[seeds.len()], &self.shape()[..]].concat();
        ArrayD::from_shape_vec(IxDyn(&shape), values).expect("as many values")
    }
}

/// `P(k) = a (k / 8)^-b`, and white noise.
fn field(g: &[f64], noise: &[f64], [a, b]: [f64; 2]) -> Vec<f64> {
    let n = g.len();
    let mode = |i: usize, k: usize| {
        let (power, phase) = (a * (k as f64 / 8.0).powf(-b), 2.0 * PI * (i * k) as f64 / n as f64);
        (power / n as f64).sqrt() * (g[2 * k - 2] * phase.cos() + g[2 * k - 1] * phase.sin())
    };
    (0..n).map(|i| (1..n / 2).map(|k| mode(i, k)).sum::<f64>() + 0.3 * noise[i]).collect()
}

fn blob(k: usize, size: f64) -> f64 {
    let [x, y] = [(k / 4) as f64 - 1.5, (k % 4) as f64 - 1.5];
    (-(x * x + y * y) / (2.0 * size * size)).exp()
}

/// The distribution function of a normal number, to 1e-7 (Abramowitz and Stegun, 26.2.17).
fn normal_cdf(x: f64) -> f64 {
    let t = 1.0 / (1.0 + 0.2316419 * x.abs());
    let series = t * (0.319381530 + t * (-0.356563782 + t * (1.781477937 + t * (-1.821255978 + t * 1.330274429))));
    let above = (-x * x / 2.0).exp() / (2.0 * PI).sqrt() * series;
    (if x > 0.0 { 1.0 - above } else { above }).clamp(1e-6, 1.0 - 1e-6)
}

/// The smallest count whose distribution function is above `u`.
fn poisson(rate: f64, u: f64) -> f64 {
    let (mut p, mut k) = ((-rate).exp(), 0.0);
    let mut sum = p;
    while sum < u && k < 1000.0 {
        k += 1.0;
        p *= rate / k;
        sum += p;
    }
    k
}

/// A normal number over the root of a rate: exact for two degrees of freedom, where chi^2 / 2 = -ln u, and close for 2.5.
fn student(g: f64, u: f64) -> f64 {
    g / (-u.ln()).powf(0.8).max(1e-3).sqrt()
}
