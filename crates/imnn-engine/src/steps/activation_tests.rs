//! Activations against their definition.

use super::piecewise::{multiply_slopes, piecewise};
use super::smooth::{smooth, smooth_back};
use imnn_compute::Number;
use imnn_models::Activation;
use imnn_sim::Key;

/// A tensor with bias and cotangents: normal numbers, inside the domain of `f`.
struct Case<E> {
    f: Activation,
    n: usize,
    p: usize,
    width: usize,
    bias: Vec<E>,
    x: Vec<E>,
    cotangents: Vec<E>,
}

impl<E: Number> Case<E> {
    fn new(f: Activation, n: usize, p: usize, width: usize, n_bias: usize) -> Self {
        let normals = |purpose: u64, length: usize, scale: f64| -> Vec<E> {
            let mut values = vec![0.0; length];
            Key::new((n * 1000 + p * 100 + width) as u64).fold_in(purpose).fill_normal(&mut values);
            values.iter().map(|v| E::of(v * scale)).collect()
        };
        let total = n * (1 + p) * width;
        let mut x = normals(0, total, 2.0);
        if f == Activation::Log1p {
            x[..n * width].iter_mut().for_each(|v| *v = v.abs());
        }
        Case { f, n, p, width, bias: normals(1, n_bias, 0.1), x, cotangents: normals(2, total, 1.0) }
    }

    fn n_values(&self) -> usize {
        self.n * self.width
    }

    /// Value `j` with its bias, added in the precision of the case.
    fn v(&self, j: usize) -> E {
        if self.bias.is_empty() { self.x[j] } else { self.x[j] + self.bias[j % self.bias.len()] }
    }

    /// Where the tangents of value `j` are.
    fn tangents(&self, j: usize) -> impl Iterator<Item = usize> {
        let (row, column) = (j / self.width, j % self.width);
        (0..self.p).map(move |a| self.n_values() + (row * self.p + a) * self.width + column)
    }

    /// Each number of the output, its definition and the size of the terms that make it.
    fn forward(&self) -> Vec<(E, f64, f64)> {
        let mut x = self.x.clone();
        let mut y = vec![E::nan(); x.len()];
        if self.f.is_piecewise_linear() {
            piecewise(self.f, self.n, self.p, &self.bias, &mut x);
            y = x;
        } else {
            smooth(self.f, self.n, self.p, &self.bias, &mut x, &mut y);
        }
        let mut expected = vec![(E::nan(), 0.0, 0.0); y.len()];
        for j in 0..self.n_values() {
            let [value, slope, _] = self.f.with_derivatives(self.v(j).f64());
            expected[j] = (y[j], value, value.abs().max(self.v(j).f64().abs()));
            for k in self.tangents(j) {
                let tangent = slope * self.x[k].f64();
                expected[k] = (y[k], tangent, self.x[k].f64().abs());
            }
        }
        expected
    }

    /// As [`Case::forward`], for the cotangents of the input.
    fn backward(&self) -> Vec<(E, f64, f64)> {
        let mut x = self.x.clone();
        let mut g = self.cotangents.clone();
        if self.f.is_piecewise_linear() {
            piecewise(self.f, self.n, self.p, &self.bias, &mut x);
            let (g_values, g_tangents) = g.split_at_mut(self.n_values());
            multiply_slopes(self.f, self.n, 1, &x[..self.n_values()], g_values);
            multiply_slopes(self.f, self.n, self.p, &x[..self.n_values()], g_tangents);
        } else {
            smooth(self.f, self.n, self.p, &self.bias, &mut x, &mut vec![E::nan(); g.len()]);
            smooth_back(self.n, self.p, &x, &mut g);
        }
        let mut expected = vec![(E::nan(), 0.0, 0.0); g.len()];
        for j in 0..self.n_values() {
            let [_, slope, curvature] = self.f.with_derivatives(self.v(j).f64());
            let c = |k: usize| self.cotangents[k].f64();
            let (mut sum, mut size) = (slope * c(j), slope.abs().max(1.0) * c(j).abs());
            for k in self.tangents(j) {
                let term = self.x[k].f64() * c(k);
                (sum, size) = (sum + curvature * term, size + curvature.abs().max(1.0) * term.abs());
                expected[k] = (g[k], slope * c(k), c(k).abs());
            }
            expected[j] = (g[j], sum, size);
        }
        expected
    }
}

fn check<E: Number>(tolerance: f64) {
    // Rows within a block, of its length and longer, with and without remainders; biases that are repeated.
    for (width, n_bias) in
        [(1, 0), (1, 1), (3, 3), (3, 1), (17, 0), (17, 17), (130, 130), (130, 13), (256, 4), (600, 3), (600, 600)]
    {
        for (n, p) in [(1, 0), (5, 1), (2, 2), (19, 3), (0, 2)] {
            for f in Activation::ALL {
                let case = Case::<E>::new(f, n, p, width, n_bias);
                for (found, expected, size) in case.forward().into_iter().chain(case.backward()) {
                    assert!(
                        (found.f64() - expected).abs() <= tolerance * size.max(expected.abs()),
                        "{f:?}, n = {n}, p = {p}, F = {width}, {n_bias} biases: {found}, not {expected}"
                    );
                }
            }
        }
    }
}

#[test]
fn tensors_of_any_shape_agree_with_the_definition() {
    check::<f32>(1e-6);
    check::<f64>(1e-14);
}

/// `f`, `f'` and `f''` as the kernels have them.
fn derivatives<E: Number>(f: Activation, v: &[E]) -> Vec<[E; 3]> {
    let ones = vec![E::one(); v.len()];
    let (mut x, mut y) = ([v, &ones[..]].concat(), vec![E::zero(); 2 * v.len()]);
    // A cotangent of one for the tangents alone leaves f'' with the values.
    let mut g = [vec![E::zero(); v.len()], ones].concat();
    if f.is_piecewise_linear() {
        piecewise(f, 1, 1, &[], &mut x);
        return x[..v.len()].iter().zip(&x[v.len()..]).map(|(value, slope)| [*value, *slope, E::zero()]).collect();
    }
    smooth(f, 1, 1, &[], &mut x, &mut y);
    smooth_back(1, 1, &x, &mut g);
    (0..v.len()).map(|i| [y[i], y[v.len() + i], g[i]]).collect()
}

/// The definition in double precision, with the error that a few roundings of `v` and of the results make.
fn check_range<E: Number>(numbers: impl Iterator<Item = E>, tolerance: f64) {
    let v: Vec<E> = numbers.collect();
    // Where exp is subnormal it is 0, and so is its product with a number of some thousands.
    let (unit, least) = (E::epsilon().f64(), 1e4 * E::min_positive_value().f64());
    for f in Activation::ALL {
        for (v, found) in v.iter().zip(derivatives(f, &v)) {
            let expected = f.with_derivatives(v.f64());
            // From rounding v, which is what counts in the tails of gelu and where derivatives change sign.
            let rounded = |next: f64| if next == 0.0 { 0.0 } else { 4.0 * unit * (v.f64() * next).abs() };
            let changes_sign = matches!(f, Activation::Gelu | Activation::Sigmoid);
            let allowed = [rounded(expected[1]), rounded(expected[2]), if changes_sign { 4.0 * unit } else { 0.0 }];
            // Infinite slopes times the cotangent of zero are no number.
            for k in 0..if found[1].is_infinite() { 2 } else { 3 } {
                // The definition itself has no number where infinities cancel.
                let (found, expected) = (found[k].f64(), expected[k]);
                let same = found == E::of(expected).f64() || expected.is_nan() && (found.is_nan() || !v.is_nan());
                let error = (found - expected).abs();
                assert!(
                    same || error <= tolerance * expected.abs() + allowed[k] + least,
                    "{f:?}, derivative {k} at {v}: {found:e}, not {expected:e}",
                );
            }
        }
    }
}

#[test]
fn the_whole_range_agrees_with_the_definition() {
    let special = [0.0, -0.0, 1e-30, -1e-30, 1e-9, -1e-9, 88.0, -88.0, 1e4, -1e4, 1.0, -1.0, 0.3, -0.3];
    let ends = [f64::INFINITY, f64::NEG_INFINITY, f64::NAN];
    let numbers = || special.into_iter().chain(ends).chain((-20_000..20_000).map(|i| f64::from(i) / 900.0));
    let singles = (0..100_000u32).map(|i| f32::from_bits(i * 42_949));
    check_range(numbers().map(|v| v as f32).chain([f32::MAX, f32::MIN]).chain(singles), 6e-7);
    let doubles = (0..100_000u64).map(|i| f64::from_bits(i * 184_467_440_737_095)).filter(|v| v.abs() < 1e150);
    check_range(numbers().chain(doubles), 4e-15);
}

#[test]
fn limits_are_right_and_a_nan_stays_one() {
    for f in Activation::ALL {
        let [nan, high, low]: [[f32; 3]; 3] =
            derivatives(f, &[f32::NAN, f32::INFINITY, f32::NEG_INFINITY]).try_into().unwrap();
        assert!(nan[0].is_nan(), "{f:?}");
        assert_eq!(high[0], f.value(f32::INFINITY), "{f:?}");
        match f {
            Activation::Gelu => assert_eq!((low[1], high[1]), (0.0, 1.0)),
            Activation::Log1p => assert!(low[0].is_nan()),
            _ => assert_eq!(low[0], f.value(f32::NEG_INFINITY), "{f:?}"),
        }
    }
}

/// Near zero not only the error is small but also its ratio to the value.
#[test]
fn small_values_keep_all_digits() {
    for f in [Activation::Tanh, Activation::Asinh, Activation::Log1p, Activation::Elu] {
        for v in [1e-30_f32, -1e-30, 3e-12, -2e-9, 1e-6, -1e-5] {
            approx::assert_relative_eq!(derivatives(f, &[v])[0][0], f.value(f64::from(v)) as f32, max_relative = 2e-7);
        }
    }
}
