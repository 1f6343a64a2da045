//! Gaussian random fields with a power-law spectrum.

use std::cell::Cell;
use std::f64::consts::TAU;
use std::fmt::{Debug, Formatter};
use std::sync::Arc;

use rand::distr::Distribution;
use rand_distr::StandardNormal;
use rustfft::num_complex::Complex64;
use serde::{Deserialize, Serialize};

use super::fft::SquareFft;
use super::settings::BuiltInSettings;
use crate::scratch::lend;
use crate::simulator::check_positive;
use crate::{Key, SimError, Simulator, check_parameters};

/// A real, periodic Gaussian random field on `n x n` pixels with the power spectrum
/// `P(k) = A k^-B`; the parameters are the amplitude `A` and the slope `B`.
///
/// White noise `w` of unit variance, one number per pixel, is filtered in Fourier space. With
/// `k = 2 pi fftfreq(n) / a` along each axis, `a = length / n` the side of a pixel and `ifft` with
/// its factor `1/n^2`,
///
/// ```text
/// d       = ifft( sqrt(P(k)) / a  fft(w) ),   the mode k = 0 set to zero
/// dd/dA   = d / (2 A)
/// dd/dB   = ifft( -1/2 ln k sqrt(P(k)) / a  fft(w) )
/// F_ab    = 1/2 sum_k dlnP/dtheta_a dlnP/dtheta_b
///         = 1/2 sum_k [ 1/A^2   -ln k / A ]
///                     [ -ln k / A   ln^2 k ]
/// ```
///
/// where the sums run over all `n^2 - 1` modes `k != 0`. Since `P(k) = P(-k)` the field is exactly
/// real, and since the map from noise to field is linear, its modes are exactly Gaussian.
///
/// # Normalisation
///
/// `P` is the spectrum of the continuous field in the convention of cosmology,
/// `<|d(k)|^2> = length^2 P(k)` with `d(k) = a^2 sum_x d(x) exp(-i k x)`. Thus
///
/// ```text
/// <|fft(d)|^2>   = n^2 P(k) / a^2
/// <d(x) d(x+r)>  = 1/length^2 sum_k P(k) cos(k r)
/// ```
///
/// `length` is `n` by default, so that pixels have unit side, `k = 2 pi fftfreq(n)` and
/// `<|fft(d)|^2> = n^2 P(k)`. Modes on the Nyquist line `k = pi/a` are treated as all others.
///
/// # Shapes
///
/// `theta = (A, B)`, data `(n, n, 1)`.
///
/// # Cost
/// The field and `dd/dB` are both real and travel through one complex inverse transform as its real
/// and imaginary part, so the derivative is free. Transforms are planned once and shared by clones.
/// The FFT picks its kernels by the processor: the same key gives the same bits on one machine, and
/// the same numbers to rounding on another.
///
/// # References
/// The Fisher information is that of M. Tegmark, A. Taylor, A. Heavens, ApJ 480, 22 (1997), eq. 15,
/// with the covariance diagonal in Fourier space. The power-law field is an example of the
/// original Python package `imnn`, whose field is not exactly Gaussian and whose quoted information
/// sums one quadrant of the modes; this one counts them all.
///
/// ```
/// use imnn_sim::{PowerLawField, SimError};
///
/// let f = PowerLawField::new(32)?.fisher(&[1.0, 0.5])?;
/// let det = f[0] * f[3] - f[1] * f[2];
/// assert!((det - 65126.95).abs() < 0.005);
/// # Ok::<(), SimError>(())
/// ```
#[derive(Clone)]
pub struct PowerLawField {
    n: usize,
    length: f64,
    log_k: Arc<[f64]>,
    fft: SquareFft,
}

/// A [`PowerLawField`] as run files describe it.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PowerLawFieldSettings {
    /// Pixels along a side; 32 by default.
    pub n: usize,
    /// Length of a side; n by default.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub length: Option<f64>,
}

impl Default for PowerLawFieldSettings {
    fn default() -> Self {
        PowerLawFieldSettings { n: 32, length: None }
    }
}

impl BuiltInSettings for PowerLawFieldSettings {
    type Simulator = PowerLawField;

    const KEYS: &'static [&'static str] = &["n", "length"];
    const HELP: &'static str = "a Gaussian random field on n x n pixels (32) of a square of side length (n), with spectrum \
                                A k^-B; theta = (A, B)";

    fn simulator(&self) -> Result<PowerLawField, SimError> {
        let field = PowerLawField::new(self.n)?;
        match self.length {
            Some(length) => field.with_length(length),
            None => Ok(field),
        }
    }
}

impl PowerLawField {
    /// A field on `n x n` pixels of unit side.
    ///
    /// # Errors
    /// [`SimError::Setting`] unless `n` is from 2 to 16384.
    pub fn new(n: usize) -> Result<Self, SimError> {
        if !(2..=MAX_SIDE).contains(&n) {
            return Err(SimError::setting("PowerLawField", "n", n as f64, "2 to 16384 pixels a side"));
        }
        Ok(PowerLawField { n, length: n as f64, log_k: log_wavenumbers(n, n as f64), fft: SquareFft::new(n) })
    }

    /// Sets the side of the whole field, by default `n`.
    ///
    /// # Errors
    /// [`SimError::Setting`] unless it is finite and above 0.
    pub fn with_length(mut self, length: f64) -> Result<Self, SimError> {
        if !(length.is_finite() && length > 0.0) {
            return Err(SimError::setting("PowerLawField", "length", length, "a finite value above 0"));
        }
        self.length = length;
        self.log_k = log_wavenumbers(self.n, length);
        Ok(self)
    }

    /// The number of pixels a side.
    pub fn n(&self) -> usize {
        self.n
    }

    /// The side of the whole field.
    pub fn length(&self) -> f64 {
        self.length
    }

    /// The modulus of the wave vector of mode `(i, j)` of the transform, indices taken modulo `n`.
    pub fn wavenumber(&self, i: usize, j: usize) -> f64 {
        let fold = |i: usize| (i % self.n).min(self.n - i % self.n) as f64;
        TAU / self.length * fold(i).hypot(fold(j))
    }

    /// The exact Fisher information matrix, `(2, 2)` row-major.
    ///
    /// # Errors
    /// Those of [`Simulator::check`].
    pub fn fisher(&self, theta: &[f64]) -> Result<Vec<f64>, SimError> {
        self.check(theta)?;
        let n_quarter = quarter(self.n);
        let (mut count, mut sum, mut sum_of_squares) = (0.0, 0.0, 0.0);
        for i in 0..n_quarter {
            for j in 0..n_quarter {
                if i == 0 && j == 0 {
                    continue;
                }
                let weight = multiplicity(i, self.n) * multiplicity(j, self.n);
                let log_k = self.log_k[i * n_quarter + j];
                count += weight;
                sum += weight * log_k;
                sum_of_squares += weight * log_k * log_k;
            }
        }
        let amplitude = theta[0];
        let mixed = -0.5 * sum / amplitude;
        Ok(vec![0.5 * count / (amplitude * amplitude), mixed, mixed, 0.5 * sum_of_squares])
    }

    /// Gives `read` the field as real part and its derivative by `B` as imaginary part.
    fn synthesise(&self, key: Key, theta: &[f64], read: impl FnOnce(&[Complex64])) {
        let n = self.n;
        let n_quarter = quarter(n);
        let len = n * n + n_quarter * n_quarter + self.fft.scratch_len();
        lend(&MODES, len, |buffer| {
            let (field, rest) = buffer.split_at_mut(n * n);
            let (filter, scratch) = rest.split_at_mut(n_quarter * n_quarter);
            let mut rng = key.rng();
            for pixel in field.iter_mut() {
                *pixel = Complex64::new(StandardNormal.sample(&mut rng), 0.0);
            }
            self.fill_filter(theta, filter);
            self.fft.forward(field, scratch);
            // The modes are transposed, which the filter does not notice.
            for i in 0..n {
                let filter_row = &filter[i.min(n - i) * n_quarter..][..n_quarter];
                let row = &mut field[i * n..(i + 1) * n];
                row[0] *= filter_row[0];
                for j in 1..n_quarter {
                    row[j] *= filter_row[j];
                }
                for j in n_quarter..n {
                    row[j] *= filter_row[n - j];
                }
            }
            self.fft.inverse(field, scratch);
            read(field);
        });
    }

    /// Writes `(1 - i/2 ln k) sqrt(P(k)) / (a n^2)` for the modes of one quadrant.
    fn fill_filter(&self, theta: &[f64], filter: &mut [Complex64]) {
        let (amplitude, slope) = (theta[0], theta[1]);
        let n_quarter = quarter(self.n);
        let pixels = (self.n * self.n) as f64;
        let scale = amplitude.sqrt() * self.n as f64 / (self.length * pixels);
        for i in 0..n_quarter {
            for j in i..n_quarter {
                let log_k = self.log_k[i * n_quarter + j];
                let root = scale * (-0.5 * slope * log_k).exp();
                let value = Complex64::new(root, -0.5 * log_k * root);
                filter[i * n_quarter + j] = value;
                filter[j * n_quarter + i] = value;
            }
        }
        filter[0] = Complex64::new(0.0, 0.0);
    }
}

impl Simulator for PowerLawField {
    fn n_params(&self) -> usize {
        2
    }

    fn data_shape(&self) -> Vec<usize> {
        vec![self.n, self.n, 1]
    }

    /// Asks for finite values and an amplitude above 0.
    fn check(&self, theta: &[f64]) -> Result<(), SimError> {
        check_parameters(2, theta)?;
        check_positive(theta, 0, "amplitude A")
    }

    fn simulate(&self, key: Key, theta: &[f64], data: &mut [f64]) {
        // The imaginary part rides along unread: without it the real part would round differently.
        self.synthesise(key, theta, |field| {
            for (value, pixel) in data.iter_mut().zip(field) {
                *value = pixel.re;
            }
        });
    }

    fn simulate_with_derivative(&self, key: Key, theta: &[f64], data: &mut [f64], derivative: &mut [f64]) {
        let by_amplitude_factor = 0.5 / theta[0];
        let (by_amplitude, by_slope) = derivative.split_at_mut(data.len());
        self.synthesise(key, theta, |field| {
            for (i, pixel) in field.iter().enumerate() {
                data[i] = pixel.re;
                by_amplitude[i] = by_amplitude_factor * pixel.re;
                by_slope[i] = pixel.im;
            }
        });
    }
}

impl Debug for PowerLawField {
    fn fmt(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PowerLawField").field("n", &self.n).field("length", &self.length).finish_non_exhaustive()
    }
}

/// The number of distinct `|frequency|` along one axis, `0 ..= n/2`.
fn quarter(n: usize) -> usize {
    n / 2 + 1
}

/// How many frequencies of an axis have the modulus `i`: 0 and Nyquist stand alone.
fn multiplicity(i: usize, n: usize) -> f64 {
    if i == 0 || 2 * i == n { 1.0 } else { 2.0 }
}

/// `ln k` for the modes of one quadrant; 0 stands in for the mode `k = 0`, which nobody uses.
fn log_wavenumbers(n: usize, length: f64) -> Arc<[f64]> {
    let n_quarter = quarter(n);
    let mut log_k: Vec<f64> = (0..n_quarter * n_quarter)
        .map(|mode| {
            let (i, j) = (mode / n_quarter, mode % n_quarter);
            (TAU / length * (i as f64).hypot(j as f64)).ln()
        })
        .collect();
    log_k[0] = 0.0;
    log_k.into()
}

/// Larger images would not fit the memory of most machines, at 40 bytes a pixel and thread.
const MAX_SIDE: usize = 16384;

thread_local! {
    /// The field, the filter and the transform's working space.
    static MODES: Cell<Vec<Complex64>> = const { Cell::new(Vec::new()) };
}

#[cfg(test)]
mod tests {
    use num_dual::DualNum;
    use proptest::prelude::*;

    use super::*;
    use crate::testing::{assert_derivative, kolmogorov_smirnov, largest_difference};
    use crate::{DualSimulator, ForwardMode};

    /// The slow obvious field: a convolution of the noise with the kernel
    /// `h(r) = 1/(a n^2) sum_k sqrt(P(k)) cos(k r)`, differentiated by dual numbers.
    struct Direct {
        n: usize,
        length: f64,
    }

    impl DualSimulator for Direct {
        fn n_params(&self) -> usize {
            2
        }

        fn data_shape(&self) -> Vec<usize> {
            vec![self.n, self.n, 1]
        }

        fn simulate<D: DualNum<Primitive = f64> + Copy>(&self, key: Key, theta: &[D], data: &mut [D]) {
            let n = self.n;
            let pixels = (n * n) as f64;
            let mut noise = vec![0.0; n * n];
            key.fill_normal(&mut noise);
            let frequency = |i: usize| {
                if 2 * i < n { i as f64 } else { i as f64 - n as f64 }
            };
            let mut kernel = vec![D::from(0.0); n * n];
            for i in 0..n {
                for j in 0..n {
                    if i == 0 && j == 0 {
                        continue;
                    }
                    let (ki, kj) = (frequency(i) * TAU / self.length, frequency(j) * TAU / self.length);
                    let k = (ki * ki + kj * kj).sqrt();
                    let root = (theta[0] * (-theta[1] * k.ln()).exp()).sqrt();
                    for x in 0..n {
                        for y in 0..n {
                            let phase = TAU * ((i * x + j * y) % n) as f64 / n as f64;
                            kernel[x * n + y] += root * (phase.cos() * n as f64 / (self.length * pixels));
                        }
                    }
                }
            }
            for x in 0..n {
                for y in 0..n {
                    let mut sum = D::from(0.0);
                    for u in 0..n {
                        for v in 0..n {
                            let (dx, dy) = ((x + n - u) % n, (y + n - v) % n);
                            sum += kernel[dx * n + dy] * noise[u * n + v];
                        }
                    }
                    data[x * n + y] = sum;
                }
            }
        }
    }

    /// `fft(data)` of a field, row-major.
    fn modes(data: &[f64], n: usize) -> Vec<Complex64> {
        let fft = SquareFft::new(n);
        let mut scratch = vec![Complex64::new(0.0, 0.0); fft.scratch_len()];
        let mut modes: Vec<_> = data.iter().map(|d| Complex64::new(*d, 0.0)).collect();
        fft.forward(&mut modes, &mut scratch);
        (0..n * n).map(|mode| modes[mode % n * n + mode / n]).collect()
    }

    fn power(field: &PowerLawField, theta: &[f64], i: usize, j: usize) -> f64 {
        if i == 0 && j == 0 {
            return 0.0;
        }
        theta[0] * field.wavenumber(i, j).powf(-theta[1])
    }

    #[test]
    fn the_field_is_the_direct_convolution() {
        for (n, length) in [(2, 2.0), (3, 3.0), (5, 1.7), (6, 6.0), (8, 20.0)] {
            let fast = PowerLawField::new(n).unwrap().with_length(length).unwrap();
            let slow = ForwardMode(Direct { n, length });
            for theta in [[1.0, 0.5], [0.3, -1.2], [4.0, 2.0]] {
                let found = fast.draw_with_derivative(Key::new(n as u64), &theta).unwrap();
                let expected = slow.draw_with_derivative(Key::new(n as u64), &theta).unwrap();
                let scale = expected.1.iter().fold(1.0, |m: f64, d| m.max(d.abs()));
                assert!(largest_difference(&found.0, &expected.0) < 1e-13 * scale, "{n} {theta:?}");
                assert!(largest_difference(&found.1, &expected.1) < 1e-13 * scale, "{n} {theta:?}");
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn the_derivative_is_that_of_central_differences(
            seed: u64, n in 2_usize..20, length in 0.5..50.0, a in 0.1..10.0, b in -2.0..3.0,
        ) {
            let field = PowerLawField::new(n).unwrap().with_length(length).unwrap();
            assert_derivative(&field, Key::new(seed), &[a, b], &[1e-4 * a, 1e-4], 1e-6);
        }
    }

    #[test]
    fn a_dirty_buffer_leaves_no_trace() {
        let (small, large) = (PowerLawField::new(6).unwrap(), PowerLawField::new(40).unwrap());
        let (key, theta) = (Key::new(2), [1.5, 0.8]);
        let before = small.draw_with_derivative(key, &theta).unwrap();
        large.draw(key, &[7.0, -1.0]).unwrap();
        assert_eq!(small.draw_with_derivative(key, &theta).unwrap(), before);
        let elsewhere = std::thread::scope(|scope| {
            scope.spawn(|| small.clone().draw_with_derivative(key, &theta).unwrap()).join().unwrap()
        });
        assert_eq!(elsewhere, before);
    }

    /// `<|fft(d)|^2> = n^2 P(k) / a^2` mode by mode, and the mean over the field is zero.
    #[test]
    fn the_power_of_every_mode_is_the_law() {
        for (n, length, theta) in [(8, 8.0, [1.0, 0.5]), (7, 21.0, [2.5, 2.0])] {
            let field = PowerLawField::new(n).unwrap().with_length(length).unwrap();
            let side = length / n as f64;
            let n_draws = 4000;
            let mut sums = vec![0.0; n * n];
            for draw in 0..n_draws {
                let data = field.draw(Key::new(1).fold_in(draw), &theta).unwrap();
                for (sum, mode) in sums.iter_mut().zip(modes(&data, n)) {
                    *sum += mode.norm_sqr() / n_draws as f64;
                }
            }
            let mut chi_square = 0.0;
            for i in 0..n {
                for j in 0..n {
                    let expected = (n * n) as f64 * power(&field, &theta, i, j) / (side * side);
                    let found = sums[i * n + j];
                    if i == 0 && j == 0 {
                        assert!(found < 1e-20, "{found}");
                        continue;
                    }
                    let alone = (2 * i) % n == 0 && (2 * j) % n == 0;
                    let error = expected * if alone { 2.0_f64.sqrt() } else { 1.0 } / (n_draws as f64).sqrt();
                    assert!((found - expected).abs() < 5.0 * error, "{i} {j}: {found}, {expected}");
                    // A pair of conjugate modes is one measurement.
                    let weight = if alone { 1.0 } else { 0.5 };
                    chi_square += weight * ((found - expected) / error).powi(2);
                }
            }
            let degrees = n_independent_powers(n);
            assert!((chi_square - degrees).abs() < 4.0 * (2.0 * degrees).sqrt(), "{chi_square}");
        }
    }

    /// The number of independent powers: conjugate modes share one.
    fn n_independent_powers(n: usize) -> f64 {
        let alone = if n.is_multiple_of(2) { 3 } else { 0 };
        ((n * n - 1 - alone) / 2 + alone) as f64
    }

    /// `<d(x) d(x+r)> = 1/length^2 sum_k P(k) cos(k r)`, from two different pixels `x`.
    #[test]
    fn the_covariance_of_the_pixels_is_the_law() {
        let (n, length, theta) = (6, 9.0, [1.7, 1.2]);
        let field = PowerLawField::new(n).unwrap().with_length(length).unwrap();
        let covariance = |x: usize, y: usize| -> f64 {
            let mut sum = 0.0;
            for i in 0..n {
                for j in 0..n {
                    let phase = TAU * (i * x + j * y) as f64 / n as f64;
                    sum += power(&field, &theta, i, j) * phase.cos();
                }
            }
            sum / (length * length)
        };
        let n_draws = 20_000;
        let mut sums = [vec![0.0; n * n], vec![0.0; n * n]];
        let bases = [(0, 0), (4, 1)];
        for draw in 0..n_draws {
            let data = field.draw(Key::new(5).fold_in(draw), &theta).unwrap();
            for (sum, (u, v)) in sums.iter_mut().zip(bases) {
                for x in 0..n {
                    for y in 0..n {
                        let partner = data[(u + x) % n * n + (v + y) % n];
                        sum[x * n + y] += data[u * n + v] * partner / n_draws as f64;
                    }
                }
            }
        }
        let variance = covariance(0, 0);
        for sum in &sums {
            for x in 0..n {
                for y in 0..n {
                    let expected = covariance(x, y);
                    let error = ((variance * variance + expected * expected) / n_draws as f64).sqrt();
                    let found = sum[x * n + y];
                    assert!((found - expected).abs() < 5.0 * error, "{x} {y}: {found}, {expected}");
                }
            }
        }
    }

    #[test]
    fn one_pixel_is_normal() {
        let (n, theta) = (9, [0.8, 1.5]);
        let field = PowerLawField::new(n).unwrap();
        let mut variance = 0.0;
        for i in 0..n {
            for j in 0..n {
                variance += power(&field, &theta, i, j) / (n * n) as f64;
            }
        }
        let n_draws = 20_000;
        let pixels: Vec<f64> = (0..n_draws)
            .map(|draw| field.draw(Key::new(6).fold_in(draw), &theta).unwrap()[31] / variance.sqrt())
            .collect();
        let moment = |power: i32| pixels.iter().map(|d| d.powi(power)).sum::<f64>() / n_draws as f64;
        let error = |variance: f64| 4.0 * (variance / n_draws as f64).sqrt();
        // The variances of z, z^2, z^3 and z^4 are 1, 2, 15 and 96.
        assert!(moment(1).abs() < error(1.0));
        assert!((moment(2) - 1.0).abs() < error(2.0));
        assert!(moment(3).abs() < error(15.0));
        assert!((moment(4) - 3.0).abs() < error(96.0));
        assert!(kolmogorov_smirnov(pixels) < 1.95);
    }

    /// The score `1/2 sum_k dlnP/dtheta (|d_k|^2 / <|d_k|^2> - 1)` has mean 0 and covariance `F`,
    /// and its mean moves by `F` per unit of theta along the derivative of the data.
    #[test]
    fn the_fisher_matrix_is_the_covariance_of_the_score() {
        let (n, length, theta) = (12, 30.0, [1.4, 0.7]);
        let field = PowerLawField::new(n).unwrap().with_length(length).unwrap();
        let fisher = field.fisher(&theta).unwrap();
        let side = length / n as f64;
        let n_draws = 4000_u32;
        let (mut mean, mut covariance, mut response) = ([0.0; 2], [0.0; 4], [0.0; 4]);
        let mut response_variance = [0.0; 4];
        for draw in 0..n_draws {
            let key = Key::new(7).fold_in(u64::from(draw));
            let (data, derivative) = field.draw_with_derivative(key, &theta).unwrap();
            let fields = [&data, &derivative[..n * n], &derivative[n * n..]].map(|d| modes(d, n));
            let (mut score, mut slope) = ([0.0; 2], [0.0; 4]);
            for i in 0..n {
                for j in 0..n {
                    if i == 0 && j == 0 {
                        continue;
                    }
                    let mode = i * n + j;
                    let expected = (n * n) as f64 * power(&field, &theta, i, j) / (side * side);
                    let dlnp = [1.0 / theta[0], -field.wavenumber(i, j).ln()];
                    for a in 0..2 {
                        score[a] += 0.5 * dlnp[a] * (fields[0][mode].norm_sqr() / expected - 1.0);
                        for b in 0..2 {
                            let change = 2.0 * (fields[0][mode].conj() * fields[1 + b][mode]).re;
                            slope[2 * a + b] += 0.5 * dlnp[a] * change / expected;
                            response_variance[2 * a + b] += 0.5 * (dlnp[a] * dlnp[b] / f64::from(n_draws)).powi(2);
                        }
                    }
                }
            }
            for a in 0..2 {
                mean[a] += score[a] / f64::from(n_draws);
                for b in 0..2 {
                    covariance[2 * a + b] += score[a] * score[b] / f64::from(n_draws);
                    response[2 * a + b] += slope[2 * a + b] / f64::from(n_draws);
                }
            }
        }
        for a in 0..2 {
            assert!(mean[a].abs() < 4.0 * (fisher[3 * a] / f64::from(n_draws)).sqrt());
            for b in 0..2 {
                let expected = fisher[2 * a + b];
                let error = ((fisher[3 * a] * fisher[3 * b] + expected * expected) / f64::from(n_draws)).sqrt();
                assert!((covariance[2 * a + b] - expected).abs() < 4.0 * error, "{a} {b}");
                // A weighted sum of squares of modes, each of which counts twice.
                let deviation = response[2 * a + b] - expected;
                assert!(deviation.abs() < 4.0 * response_variance[2 * a + b].sqrt(), "{a} {b}");
            }
        }
    }

    #[test]
    fn the_fisher_determinant_is_the_law() {
        let det = |n: usize| {
            let f = PowerLawField::new(n).unwrap().fisher(&[1.0, 0.5]).unwrap();
            f[0] * f[3] - f[1] * f[2]
        };
        assert!((det(32) - 65126.95).abs() < 0.005, "{}", det(32));
        assert!((det(128) - 17449217.9).abs() < 0.05, "{}", det(128));
    }

    /// The sum over one quadrant with multiplicities is the sum over all modes, odd and even.
    #[test]
    fn the_fisher_matrix_counts_all_modes() {
        for n in [2, 3, 8, 9] {
            let field = PowerLawField::new(n).unwrap().with_length(5.0).unwrap();
            let theta = [2.0, 1.0];
            let mut expected = [0.0; 4];
            for mode in 1..n * n {
                let dlnp = [1.0 / theta[0], -field.wavenumber(mode / n, mode % n).ln()];
                for a in 0..2 {
                    for b in 0..2 {
                        expected[2 * a + b] += 0.5 * dlnp[a] * dlnp[b];
                    }
                }
            }
            let found = field.fisher(&theta).unwrap();
            assert!(largest_difference(&found, &expected) < 1e-12 * expected[3].max(1.0) * 10.0);
        }
    }

    #[test]
    fn bad_settings_and_parameters_are_refused() {
        let message = |error: SimError| error.to_string();
        assert_eq!(
            message(PowerLawField::new(1).unwrap_err()),
            "PowerLawField: n is 1, expected 2 to 16384 pixels a side"
        );
        assert!(PowerLawField::new(usize::MAX).is_err());
        let field = PowerLawField::new(4).unwrap();
        assert_eq!(
            message(field.clone().with_length(0.0).unwrap_err()),
            "PowerLawField: length is 0, expected a finite value above 0"
        );
        assert_eq!(
            message(field.check(&[-1.0, 0.5]).unwrap_err()),
            "parameter 0 (amplitude A) is -1, expected a value above 0"
        );
        assert!(field.check(&[1.0, f64::NAN]).is_err());
        assert!(field.fisher(&[0.0, 0.5]).is_err());
        assert_eq!(format!("{field:?}"), "PowerLawField { n: 4, length: 4.0, .. }");
    }
}
