//! What is said of F where there is little or nothing to be had, and hostile input.

use imnn_stats::{FisherEstimate, StatsError, Unknown, Verdict};
use ndarray::{Array2, Array3};
use proptest::prelude::*;

use crate::samples::{Samples, config};

fn estimate(x: &Array2<f64>, dx: &Array3<f64>) -> FisherEstimate {
    FisherEstimate::new(x.view(), dx.view()).unwrap()
}

/// Forty simulations of thirty summaries with derivatives of other seeds: nothing is left, and that is said.
#[test]
fn noise_alone_is_called_noise() {
    let mut samples = Samples::new(19);
    let x = samples.normals((40, 30));
    let dx = Array3::from_shape_fn((5, 30, 2), |(_, a, p)| f64::from(a == p) * 4.8 + 28.0 * samples.normal());
    let found = estimate(&x, &dx);
    assert!(found.raw[[0, 0]] > 500.0);
    let verdicts = found.verdicts();
    let worthless = verdicts.iter().find(|verdict| verdict.is_worthless()).unwrap();
    let text = worthless.to_string();
    assert!(matches!(worthless, Verdict::OnlyNoise { .. }) && text.starts_with("F is worth nothing"), "{text}");
    assert!(found.log_det_f.is_err() && found.errors.is_err());
    assert!(verdicts.iter().any(|verdict| matches!(verdict, Verdict::FewSimulations { .. })), "{verdicts:?}");
}

#[test]
fn verdicts_say_what_is_the_matter() {
    let mut samples = Samples::new(20);
    let names = |found: &FisherEstimate| found.verdicts().iter().map(Verdict::name).collect::<Vec<_>>();
    let noisy = |samples: &mut Samples, n: usize, size: f64| {
        Array3::from_shape_fn((n, 3, 1), |(_, a, _)| f64::from(a == 0) + size * samples.normal())
    };
    let x = samples.normals((2000, 3));
    let dx = noisy(&mut samples, 2000, 0.1);
    assert_eq!(names(&estimate(&x, &dx)), ["converged"]);
    let dx = noisy(&mut samples, 1, 0.0);
    assert_eq!(names(&estimate(&x, &dx)), ["noise_not_known"]);
    // Noise of 3 / 20 of F.
    let dx = noisy(&mut samples, 100, 5.0_f64.sqrt());
    let found = names(&estimate(&x, &dx));
    assert_eq!(found[0], "noisy_derivatives", "{found:?}");
    // Every simulation twice, side by side: each half is all that there is, and half as many are believed in.
    let x = samples.normals((300, 100));
    let twice = Array2::from_shape_fn((600, 100), |(i, a)| x[[i / 2, a]]);
    let dx = Array3::from_shape_fn((600, 100, 1), |(_, a, _)| f64::from(a == 0));
    let found = names(&estimate(&twice, &dx));
    assert!(found.contains(&"not_gaussian"), "{found:?}");
    for verdict in estimate(&twice, &dx).verdicts() {
        assert!(verdict.to_string().len() > 20 && !verdict.to_string().contains("NaN"));
    }
}

#[test]
fn little_input_gives_reasons_and_no_nan() {
    let mut samples = Samples::new(21);
    for n_s in [5, 6] {
        let found = estimate(&samples.normals((n_s, 4)), &samples.normals((3, 4, 1)));
        assert_eq!((&found.f, found.hartlap), (&None, None));
        assert_eq!(found.log_det_f, Err(Unknown::TooFewSimulations { n_s, n_summaries: 4 }));
        let text = found.verdicts()[0].to_string();
        assert!(text.contains("F is worth nothing") && text.contains("it has with 7"), "{text}");
    }
    let found = estimate(&samples.normals((7, 4)), &samples.normals((1, 4, 1)));
    assert!(found.f.is_some() && found.noise.is_none() && found.compressed.is_none());
    // Parameters that are the same.
    let dx = Array3::from_shape_fn((10, 4, 2), |(_, a, _)| f64::from(a == 1));
    let found = estimate(&samples.normals((30, 4)), &dx);
    assert_eq!(found.errors, Err(Unknown::NotPositiveDefinite));
    assert_eq!(found.f.unwrap().dim(), (2, 2));
    // What the statistics refuse is refused.
    let mut constant = samples.normals((30, 4));
    constant.column_mut(2).fill(1.0);
    let of = |x: &Array2<f64>, dx: &Array3<f64>| FisherEstimate::new(x.view(), dx.view());
    assert!(matches!(of(&constant, &dx), Err(StatsError::ConstantSummary { summary: 2, .. })));
    assert!(matches!(of(&samples.normals((4, 4)), &dx), Err(StatsError::DerivativeCount { .. })));
    assert!(matches!(of(&samples.normals((30, 1)), &dx), Err(StatsError::TooFewSummaries { .. })));
    let mut collinear = samples.normals((30, 4));
    let first = collinear.column(0).to_owned();
    collinear.column_mut(3).assign(&first);
    assert!(matches!(of(&collinear, &dx), Err(StatsError::Singular { .. })));
}

proptest! {
    #![proptest_config(config(64, "proptest-regressions/worth.txt"))]

    /// Whatever comes in, what comes out is symmetric and finite, or says why it is not there.
    #[test]
    fn estimates_are_finite_and_symmetric(
        seed in any::<u64>(), n_summaries in 1usize..7, more in 1usize..30, part in 0.0f64..1.0, k in 1usize..4,
        noise in 0.0f64..30.0,
    ) {
        let (n_s, n_params) = (n_summaries + more, k.min(n_summaries));
        let n_d = 1 + (part * (n_s - 1) as f64) as usize;
        let mut case = Samples::new(seed).case(n_s, n_d, n_summaries, n_params);
        case.dx += &(Samples::new(seed ^ 1).normals(case.dx.dim()) * noise);
        let found = estimate(&case.x, &case.dx);
        for matrix in [&found.f, &found.f_errors, &found.noise, &found.compressed, &found.combined] {
            let Some(matrix) = matrix else { continue };
            prop_assert!(matrix.iter().all(|value| value.is_finite()));
            prop_assert!((matrix - &matrix.t()).iter().all(|difference| difference.abs() <= 1e-12 * matrix[[0, 0]].abs()));
        }
        if let Ok(errors) = &found.errors {
            prop_assert!(errors.iter().all(|one| one.value > 0.0 && one.error.is_finite() && one.error > 0.0));
        }
        if let Ok(log_det) = found.log_det_f {
            prop_assert!(log_det.value.is_finite() && log_det.error > 0.0);
        }
        prop_assert!(!found.verdicts().is_empty());
        for verdict in found.verdicts() {
            prop_assert!(!verdict.to_string().contains("NaN"));
        }
    }
}
