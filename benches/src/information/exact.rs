//! Sufficient statistics of data whose likelihood is known, and their derivatives.

use std::f64::consts::TAU;
use std::sync::Arc;

use rustfft::num_complex::Complex64;
use rustfft::{Fft, FftPlanner};

/// Statistics that keep all Fisher information of a simulation, one for each parameter.
pub(crate) enum Exact {
    /// `sum d`, `sum d^2`.
    MeanVariance,
    /// `sum d^2`.
    Square,
    /// The score as a function of `sum d^2`.
    Score(Score),
    /// `sum l d`.
    Line(Vec<f64>),
    /// Weighted powers of the modes of a square field.
    Modes(Modes),
}

impl Exact {
    /// The statistics x of data d with derivatives dd `(n_params, F)`, and their derivatives dx `(n_statistics, n_params)`.
    pub(crate) fn summarise(&self, d: &[f64], dd: &[f64], x: &mut [f64], dx: &mut [f64]) {
        let p = x.len();
        let along = |a: usize| &dd[a * d.len()..(a + 1) * d.len()];
        let square = |a: usize| d.iter().zip(along(a)).map(|(d, dd)| 2.0 * d * dd).sum::<f64>();
        match self {
            Exact::MeanVariance => {
                x.copy_from_slice(&[d.iter().sum(), d.iter().map(|d| d * d).sum()]);
                for a in 0..p {
                    dx[a] = along(a).iter().sum();
                    dx[p + a] = square(a);
                }
            }
            Exact::Square => {
                x[0] = d.iter().map(|d| d * d).sum();
                dx[0] = square(0);
            }
            Exact::Score(score) => {
                let slope;
                (x[0], slope) = score.at(d.iter().map(|d| d * d).sum());
                dx[0] = slope * square(0);
            }
            Exact::Line(l) => {
                x[0] = d.iter().zip(l).map(|(d, l)| d * l).sum();
                dx[0] = along(0).iter().zip(l).map(|(d, l)| d * l).sum();
            }
            Exact::Modes(modes) => modes.summarise(d, dd, x, dx),
        }
    }
}

/// The score at theta = 1 of ten draws with variance `1 + v`, v uniform on (0, 2), which is a function of `q = sum d^2`:
///
/// ```text
/// p(d) ~ int dv (1 + v)^-5 exp(-q / (2 (1 + v)))
/// ```
pub(crate) struct Score(Vec<f64>);

/// Between the values of q in the table.
const STEP: f64 = 0.01;

impl Score {
    pub(crate) fn new() -> Self {
        Score((0..40_000).map(|k| score(k as f64 * STEP)).collect())
    }

    /// The score and its slope.
    fn at(&self, q: f64) -> (f64, f64) {
        let place = (q / STEP).min((self.0.len() - 2) as f64);
        let k = place as usize;
        let slope = (self.0[k + 1] - self.0[k]) / STEP;
        (self.0[k] + slope * (q - k as f64 * STEP), slope)
    }
}

fn score(q: f64) -> f64 {
    const N: u32 = 2000;
    let (mut p, mut dp) = (0.0, 0.0);
    for j in 0..N {
        let t = 1.0 + 2.0 * (f64::from(j) + 0.5) / f64::from(N);
        // The factor exp(q / 6), which is common to all, keeps the sums in range.
        let density = (-5.0 * t.ln() - q / (2.0 * t) + q / 6.0).exp();
        p += density;
        dp += density * (q / (2.0 * t * t) - 5.0 / t);
    }
    dp / p
}

/// `x_s = sum_k w_s(k) |d_k|^2` over all modes but the mean.
pub(crate) struct Modes {
    n: usize,
    weights: [Vec<f64>; 2],
    fft: Arc<dyn Fft<f64>>,
    /// Of data below and above the fiducial: their full widths. Otherwise data come with derivatives.
    widths: Option<[f64; 2]>,
    /// What is done to data first.
    transform: fn(f64) -> f64,
}

impl Modes {
    /// For a Gaussian field of n^2 cells of side 1 with power `A k^-B` at A = 1, B = 1/2: `P' / P^2` for each parameter.
    pub(crate) fn power_law(n: usize) -> Self {
        let fold = |i: usize| i.min(n - i) as f64;
        let k = |mode: usize| TAU / n as f64 * fold(mode / n).hypot(fold(mode % n));
        let weight =
            |slope: fn(f64) -> f64| (0..n * n).map(|mode| if mode == 0 { 0.0 } else { slope(k(mode)) }).collect();
        let weights = [weight(|k| k.sqrt()), weight(|k| -k.ln() * k.sqrt())];
        Modes { n, weights, fft: FftPlanner::new().plan_fft_forward(n), widths: None, transform: |d| d }
    }

    /// For fields that are Gaussian in `ln(1 + d)`, given below and above the fiducial, with these weights.
    pub(crate) fn lognormal(n: usize, weights: [Vec<f64>; 2], widths: [f64; 2]) -> Self {
        let fft = FftPlanner::new().plan_fft_forward(n);
        Modes { n, weights, fft, widths: Some(widths), transform: f64::ln_1p }
    }

    fn summarise(&self, d: &[f64], dd: &[f64], x: &mut [f64], dx: &mut [f64]) {
        let (p, size) = (x.len(), d.len());
        let modes = self.modes(d);
        for (x, weights) in x.iter_mut().zip(&self.weights) {
            *x = powers(weights, &modes);
        }
        for a in 0..p {
            let beside = |k: usize| self.modes(&dd[k * size..(k + 1) * size]);
            match self.widths {
                Some(widths) => {
                    let (below, above) = (beside(a), beside(p + a));
                    for (s, weights) in self.weights.iter().enumerate() {
                        dx[s * p + a] = (powers(weights, &above) - powers(weights, &below)) / widths[a];
                    }
                }
                None => {
                    let tangent = beside(a);
                    for (s, weights) in self.weights.iter().enumerate() {
                        let products = modes.iter().zip(&tangent).zip(weights);
                        dx[s * p + a] = products.map(|((d, t), w)| 2.0 * w * (d.conj() * t).re).sum();
                    }
                }
            }
        }
    }

    /// The wave number of each mode but the mean and `|d_k|^2 / n^2`, whose mean is the power, of the power-law field.
    pub(crate) fn powers(&self, d: &[f64]) -> Vec<(f64, f64)> {
        let n = (self.n * self.n) as f64;
        let of = |(weight, mode): (&f64, Complex64)| (weight * weight, mode.norm_sqr() / n);
        self.weights[0].iter().zip(self.modes(d)).map(of).skip(1).collect()
    }

    /// The modes of a field, in the order of its transpose, which the weights do not see.
    fn modes(&self, d: &[f64]) -> Vec<Complex64> {
        let n = self.n;
        let mut rows: Vec<Complex64> = d.iter().map(|&d| Complex64::from((self.transform)(d))).collect();
        self.fft.process(&mut rows);
        let mut columns: Vec<Complex64> = (0..n * n).map(|k| rows[k % n * n + k / n]).collect();
        self.fft.process(&mut columns);
        columns
    }
}

fn powers(weights: &[f64], modes: &[Complex64]) -> f64 {
    weights.iter().zip(modes).map(|(w, d)| w * d.norm_sqr()).sum()
}
