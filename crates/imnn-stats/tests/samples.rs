//! Random test cases: a small fixed generator, so that the tests need no crate for it.

use ndarray::{Array, Array1, Array2, Array3, Dimension, ShapeBuilder};
use proptest::prelude::ProptestConfig;
use proptest::test_runner::FileFailurePersistence;

/// So many cases, with the seeds of failures kept in a file of the package.
pub fn config(cases: u32, failures: &'static str) -> ProptestConfig {
    let failure_persistence = Some(Box::new(FileFailurePersistence::Direct(failures)) as _);
    ProptestConfig { cases, failure_persistence, ..ProptestConfig::default() }
}

/// SplitMix64 (Steele, Lea & Flood 2014), enough to draw test cases with.
pub struct Samples(u64);

impl Samples {
    pub fn new(seed: u64) -> Self {
        Samples(seed)
    }

    /// Uniform on (0, 1).
    pub fn uniform(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((z ^ (z >> 31)) >> 11) as f64 * (-53.0_f64).exp2() + (-54.0_f64).exp2()
    }

    /// Standard normal, by Box and Muller.
    pub fn normal(&mut self) -> f64 {
        let radius = (-2.0 * self.uniform().ln()).sqrt();
        radius * (std::f64::consts::TAU * self.uniform()).cos()
    }

    /// An array of standard normals.
    pub fn normals<D: Dimension, Sh: ShapeBuilder<Dim = D>>(&mut self, shape: Sh) -> Array<f64, D> {
        Array::from_shape_simple_fn(shape, || self.normal())
    }

    /// Correlated summaries, their derivatives, and a mixing matrix that is well away from singular.
    pub fn case(&mut self, n_s: usize, n_d: usize, n_summaries: usize, n_params: usize) -> Case {
        let mixing =
            Array2::<f64>::eye(n_summaries) + self.normals((n_summaries, n_summaries)) * (0.3 / n_summaries as f64);
        let x = self.normals((n_s, n_summaries)).dot(&mixing) + self.normals(n_summaries);
        let response = Array2::<f64>::eye(n_summaries).select(ndarray::Axis(1), &(0..n_params).collect::<Vec<_>>())
            + self.normals((n_summaries, n_params)) * 0.2;
        let dx = self.normals((n_d, n_summaries, n_params)) * 0.1 + response;
        Case { x, dx }
    }
}

/// Summaries and their derivatives.
pub struct Case {
    pub x: Array2<f64>,
    pub dx: Array3<f64>,
}

/// Largest difference over the largest entry.
pub fn relative_difference<D: Dimension>(found: &Array<f64, D>, expected: &Array<f64, D>) -> f64 {
    assert_eq!(found.shape(), expected.shape());
    let largest = expected.iter().fold(0.0_f64, |largest, value| largest.max(value.abs()));
    let difference = (found - expected).iter().fold(0.0_f64, |largest, value| largest.max(value.abs()));
    // A NaN is lost in `max`, so that it is looked for.
    assert!(found.iter().all(|value| value.is_finite()));
    difference / if largest > 0.0 { largest } else { 1.0 }
}

/// The same for one number.
pub fn relative_difference_of(found: f64, expected: f64) -> f64 {
    relative_difference(&Array1::from_elem(1, found), &Array1::from_elem(1, expected))
}
