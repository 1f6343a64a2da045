//! A table of faults, and what is answered.

use imnn_infer::{
    Abc, Accept, Adjust, Budget, Caution, Distance, Invalid, Pairs, Posterior, SmcAbc, SmcSettings, blocks_of, each_of,
};
use imnn_prior::{Prior, Uniform};
use imnn_sim::Key;
use ndarray::{Array1, Array2, array};

fn unit() -> Prior {
    Prior::builder().law("a", Uniform::new(0.0, 1.0).unwrap()).build().unwrap()
}

fn pairs_of(n: usize, x: impl Fn(f64, usize) -> f64) -> Pairs {
    let theta = unit().sample(Key::new(0), n).unwrap();
    let x = Array2::from_shape_fn((n, 1), |(k, _)| x(theta[[k, 0]], k));
    Pairs::new(theta, x, Invalid::Drop).unwrap()
}

#[test]
fn a_target_that_is_not_finite_is_refused() {
    let pairs = pairs_of(100, |theta, _| theta);
    let error = Abc::from_pairs(&unit(), array![[f64::NAN]], &Distance::Euclidean, pairs).err().unwrap();
    assert_eq!(
        error.to_string(),
        "target[0, 0] is NaN, expected a finite number; the observed summaries have to be finite"
    );
}

#[test]
fn a_target_with_another_number_of_summaries_is_refused() {
    let pairs = pairs_of(100, |theta, _| theta);
    let error = Abc::from_pairs(&unit(), array![[0.1, 0.2]], &Distance::Euclidean, pairs).err().unwrap();
    assert_eq!(
        error.to_string(),
        "target has the shape [1, 2], expected [n_targets, 1], one column for each summary of the pairs"
    );
}

#[test]
fn a_target_far_from_all_simulations_is_said() {
    let prior = unit();
    let abc = Abc::from_pairs(&prior, array![[40.0]], &Distance::Euclidean, pairs_of(500, |theta, _| theta)).unwrap();
    let error = abc.posterior(0, &Accept::within(0.1), Adjust::None).unwrap_err().to_string();
    assert!(
        error.starts_with("target 0: none of 500 simulations is within 0.1 of it, the nearest is at 39.0"),
        "{error}"
    );
}

#[test]
fn failed_simulations_are_counted_and_their_dependence_is_said() {
    let prior = unit();
    let pairs = pairs_of(1000, |theta, _| if theta > 0.8 { f64::NAN } else { theta });
    let abc = Abc::from_pairs(&prior, array![[0.5]], &Distance::Euclidean, pairs).unwrap();
    let posterior = abc.posterior(0, &Accept::nearest(200), Adjust::None).unwrap();
    let said = posterior.cautions()[0].to_string();
    assert!(said.contains("of 1000 simulations failed and were left out, and this depends on a (p = "), "{said}");
}

#[test]
fn a_prior_that_excludes_the_pairs_is_said() {
    let elsewhere = Prior::builder().law("a", Uniform::new(5.0, 6.0).unwrap()).build().unwrap();
    let abc =
        Abc::from_pairs(&elsewhere, array![[0.5]], &Distance::Euclidean, pairs_of(300, |theta, _| theta)).unwrap();
    let error = abc.posterior(0, &Accept::nearest(100), Adjust::None).unwrap_err().to_string();
    assert!(error.starts_with("abc: all 100 accepted pairs lie outside the prior"), "{error}");
    let half = Prior::builder().law("a", Uniform::new(0.0, 0.5).unwrap()).build().unwrap();
    let abc = Abc::from_pairs(&half, array![[0.5]], &Distance::Euclidean, pairs_of(300, |theta, _| theta)).unwrap();
    let posterior = abc.posterior(0, &Accept::nearest(100), Adjust::None).unwrap();
    assert!(matches!(posterior.cautions()[0], Caution::OutsidePrior { of: 100, .. }));
}

#[test]
fn constant_summaries_are_said_and_change_nothing() {
    let prior = unit();
    let theta = prior.sample(Key::new(0), 1000).unwrap();
    let x = Array2::from_shape_fn((1000, 2), |(k, j)| if j == 0 { theta[[k, 0]] } else { 3.0 });
    let pairs = Pairs::new(theta, x, Invalid::Refuse).unwrap();
    let distance = Distance::mahalanobis_of(&pairs).unwrap();
    let abc = Abc::from_pairs(&prior, array![[0.5, 3.0]], &distance, pairs).unwrap();
    let posterior = abc.posterior(0, &Accept::nearest(300), Adjust::MeanAndVariance).unwrap();
    assert!(posterior.cautions().contains(&Caution::ConstantSummaries { columns: vec![1] }));
    assert!((posterior.mean()[0] - 0.5).abs() < 0.01, "{}", posterior.mean());
}

#[test]
fn ten_pairs_give_what_ten_pairs_can() {
    let prior = unit();
    let abc = Abc::from_pairs(&prior, array![[0.5]], &Distance::Euclidean, pairs_of(10, |theta, _| theta)).unwrap();
    let error = abc.posterior(0, &Accept::nearest(500), Adjust::None).unwrap_err().to_string();
    assert!(
        error.contains("found 10, expected at least 500; accept fewer of the nearest, or simulate more"),
        "{error}"
    );
    let posterior = abc.posterior(0, &Accept::nearest(3), Adjust::MeanAndVariance).unwrap();
    assert_eq!(posterior.method(), "abc");
    assert!(
        posterior.cautions().iter().any(|c| matches!(c, Caution::NotAdjusted { .. })),
        "{:?}",
        posterior.cautions()
    );
    assert!(posterior.cautions().iter().any(|c| matches!(c, Caution::FewAccepted { n: 3 })));
}

#[test]
fn one_value_of_all_pairs_is_survived() {
    let prior = unit();
    let abc = Abc::from_pairs(&prior, array![[0.5]], &Distance::Euclidean, pairs_of(50, |_, _| 0.5)).unwrap();
    let posterior = abc.posterior(0, &Accept::nearest(20), Adjust::MeanAndVariance).unwrap();
    assert!(posterior.mean()[0].is_finite());
}

#[test]
fn simulators_that_fail_are_named() {
    let prior = unit();
    let failing = blocks_of(1, |_, _| Err("out of licences".into()));
    let error = Abc::simulate(&prior, array![[0.5]], &Distance::Euclidean, &failing, &Budget::of(10), Key::new(0))
        .err()
        .unwrap();
    assert!(
        error.to_string().starts_with("simulation 0 at theta = [")
            && error.to_string().ends_with("failed: out of licences"),
        "{error}"
    );
    let short = blocks_of(1, |keys, _| Ok(Array2::zeros((keys.len(), 2))));
    let error =
        Abc::simulate(&prior, array![[0.5]], &Distance::Euclidean, &short, &Budget::of(10), Key::new(0)).err().unwrap();
    assert!(error.to_string().contains("x has the shape [10, 2], expected [10, 1]"), "{error}");
    let nan = each_of(1, |_, theta, x| x[0] = if theta[0] > 0.5 { f64::NAN } else { theta[0] });
    let error =
        Abc::simulate(&prior, array![[0.5]], &Distance::Euclidean, &nan, &Budget::of(100), Key::new(0)).err().unwrap();
    assert!(error.to_string().contains("of 100 pairs have values that are not finite"), "{error}");
    let abc = Abc::simulate_and_drop(&prior, array![[0.5]], &Distance::Euclidean, &nan, &Budget::of(100), Key::new(0))
        .unwrap();
    assert!(abc.pairs().len() < 100);
    // SMC goes on without them, and says so.
    let settings = SmcSettings { particles: 50, simulations: 2000, ..SmcSettings::default() };
    let mut smc = SmcAbc::new(&prior, array![0.45].view(), &Distance::Euclidean, &settings, Key::new(0)).unwrap();
    smc.run(&nan).unwrap();
    let posterior = smc.posterior(Adjust::None).unwrap();
    assert!(posterior.cautions().iter().any(|c| matches!(c, Caution::Dropped { .. })));
}

#[test]
fn settings_without_meaning_are_refused() {
    let prior = unit();
    let message = |settings: SmcSettings| {
        SmcAbc::new(&prior, array![0.5].view(), &Distance::Euclidean, &settings, Key::new(0)).err().unwrap().to_string()
    };
    let default = SmcSettings::default;
    assert_eq!(message(SmcSettings { particles: 3, ..default() }), "particles is 3, expected at least 10");
    assert_eq!(
        message(SmcSettings { alpha: 0.0, ..default() }),
        "alpha is 0.0, expected a number above 0 and at most 1"
    );
    assert_eq!(
        message(SmcSettings { first: Some(5), ..default() }),
        "first is Some(5), expected at least the 1000 particles"
    );
    assert!(message(SmcSettings { epsilon: f64::NAN, ..default() }).contains("epsilon is NaN"));
    let little = SmcSettings { simulations: 100, ..default() };
    let mut smc = SmcAbc::new(&prior, array![0.5].view(), &Distance::Euclidean, &little, Key::new(0)).unwrap();
    let error = smc.run(&each_of(1, |_, theta, x| x[0] = theta[0])).unwrap_err().to_string();
    assert_eq!(error, "simulations is 100, expected at least the 2000 of the first population");
    assert!(smc.posterior(Adjust::None).unwrap_err().to_string().contains("there is no population yet"));
}

#[test]
fn posteriors_refuse_what_is_none() {
    let message = |samples: Array2<f64>| Posterior::new("x", &["a"], samples).unwrap_err().to_string();
    assert!(message(Array2::zeros((0, 1))).contains("expected [n, 1] with n at least 1"));
    assert!(message(array![[f64::INFINITY]]).contains("samples[0, 0] is inf"));
    let posterior = || Posterior::new("x", &["a"], array![[1.0], [2.0]]).unwrap();
    for weights in [array![1.0], array![0.0, 0.0], array![-1.0, 2.0], array![f64::NAN, 1.0]] {
        assert!(posterior().with_weights(weights).is_err());
    }
    assert!(posterior().with_ln_density(array![f64::NAN, 0.0]).is_err());
    assert!(posterior().with_chains(3).is_err());
    assert!(posterior().quantile(1, 0.5).is_err() && posterior().quantile(0, 1.5).is_err());
    let axes = vec![vec![0.0, 1.0]];
    for density in [array![-1.0, 1.0], array![0.0, 0.0], array![f64::NAN, 1.0], array![1.0]] {
        assert!(Posterior::from_grid(&["a"], &axes, density.into_dyn().view(), 10, Key::new(0)).is_err());
    }
}

#[test]
fn a_density_on_a_grid_is_sampled_with_its_moments() {
    let axis: Vec<f64> = (0..=200).map(|k| -5.0 + 0.05 * f64::from(k)).collect();
    let density: Array1<f64> = axis.iter().map(|x| (-0.5 * (x - 1.0f64).powi(2)).exp()).collect();
    let posterior = Posterior::from_grid(&["a"], &[axis], density.into_dyn().view(), 20_000, Key::new(0)).unwrap();
    assert!((posterior.mean()[0] - 1.0).abs() < 0.01 && (posterior.sd()[0] - 1.0).abs() < 0.01);
    assert_eq!(posterior.ranges(), [[-5.0, 5.0]]);
    // Weighted samples, and the same drawn by weight.
    let weighted = Posterior::new("x", &["a"], array![[0.0], [1.0]]).unwrap().with_weights(array![1.0, 3.0]).unwrap();
    assert!((weighted.resampled(1000, Key::new(1)).mean()[0] - 0.75).abs() < 1e-12);
    assert!((weighted.effective_samples() - 1.6).abs() < 1e-12);
}
