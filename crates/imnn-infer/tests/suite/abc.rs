//! Rejection ABC against exact laws and the numbers of the Python package's documentation.

use imnn_infer::{
    Abc, Accept, Adjust, Budget, Caution, Distance, Fisher, GaussianApproximation, GaussianOptions, Invalid, Pairs,
    PerTarget,
};
use imnn_prior::{Normal, Prior, Uniform};
use imnn_sim::Key;
use ndarray::{Array2, Array3, Axis, array};

use super::golden::{abc_check, assert_close, closed_forms, number, vector};
use super::toy::{box_prior, fisher, mean_and_variance, normal, normal_fisher, targets};

fn fishers() -> Array3<f64> {
    let each: Vec<Array2<f64>> = targets().rows().into_iter().map(|target| fisher(target[1])).collect();
    ndarray::stack(Axis(0), &each.iter().map(|f| f.view()).collect::<Vec<_>>()).unwrap()
}

#[test]
fn the_acceptance_of_the_documentation_is_reproduced() {
    let (prior, simulator) = (box_prior(), mean_and_variance());
    let n = 400_000;
    let distance = Distance::Fisher(fishers().into());
    let abc = Abc::simulate(&prior, targets(), &distance, &simulator, &Budget::of(n), Key::new(0)).unwrap();
    for (target, golden) in abc_check().as_array().unwrap().iter().enumerate() {
        let accepted = abc.accepted(target, &Accept::within(1.0)).unwrap();
        let p = number(&golden["acceptance"]);
        let error = (p * (1.0 - p) / n as f64).sqrt().hypot(number(&golden["acceptance_se"]));
        assert_close("acceptance", accepted.acceptance, p, 3.0 * error);
        let posterior = abc.posterior(target, &Accept::within(1.0), Adjust::None).unwrap();
        let (mean, sd) = (vector(&golden["posterior_mean"]), vector(&golden["posterior_sd"]));
        let m = accepted.rows.len() as f64;
        for i in 0..2 {
            assert_close("mean", posterior.mean()[i], mean[i], 4.0 * sd[i] / m.sqrt());
            // The variance of the second target has no fourth moment to speak of: its posterior falls as a power.
            if target != 1 {
                assert_close("sd", posterior.sd()[i], sd[i], 5.0 * sd[i] / m.sqrt());
            }
        }
    }
}

#[test]
fn regression_brings_the_documented_targets_to_the_exact_posterior() {
    let (prior, simulator) = (box_prior(), mean_and_variance());
    let distance = Distance::Fisher(fishers().into());
    let abc = Abc::simulate(&prior, targets(), &distance, &simulator, &Budget::of(400_000), Key::new(1)).unwrap();
    for (target, exact) in closed_forms()["mean_variance_box"].as_array().unwrap()[..3].iter().enumerate() {
        // One in 1600 is within 1 of the second target, which is then worth 250 draws.
        let accept = Accept::Within(PerTarget::Each(vec![0.6, 1.2, 0.8]));
        let posterior = abc.posterior(target, &accept, Adjust::MeanAndVariance).unwrap();
        let noise = 3.0 / posterior.effective_samples().sqrt();
        assert_eq!(posterior.method(), "abc, adjusted");
        let (mean, sd) = (vector(&exact["posterior_mean"]), vector(&exact["posterior_sd"]));
        for i in 0..2 {
            assert_close("mean", posterior.mean()[i], mean[i], (0.05 + noise) * sd[i]);
            if target != 1 {
                assert_close("sd", posterior.sd()[i], sd[i], (0.05 + noise) * sd[i]);
            }
        }
    }
}

/// x ~ N(theta, F^-1) under a flat prior: the ABC law is exact, covariance F^-1 (1 + eps^2/(d + 2)).
#[test]
fn a_finite_epsilon_widens_by_the_exact_factor() {
    let prior = Prior::builder()
        .law("a", Uniform::new(-8.0, 8.0).unwrap())
        .law("b", Uniform::new(-8.0, 8.0).unwrap())
        .build()
        .unwrap();
    let f = normal_fisher();
    let n = 600_000;
    let abc = Abc::simulate(
        &prior,
        array![[0.3, -0.2]],
        &Distance::Fisher(f.clone().into()),
        &normal(),
        &Budget::of(n),
        Key::new(2),
    )
    .unwrap();
    let golden = closed_forms()["abc_gaussian"].clone();
    for entry in golden.as_array().unwrap().iter().filter(|entry| entry["d"] == 2) {
        let epsilon = number(&entry["eps"]);
        if epsilon < 0.5 {
            continue;
        }
        let accepted = abc.accepted(0, &Accept::within(epsilon)).unwrap();
        let expected = number(&entry["acceptance_times_volume_sqrt_detF"]) / (256.0 * 1.75f64.sqrt());
        assert_close("acceptance", accepted.acceptance, expected, 4.0 * (expected / n as f64).sqrt());
        let factor = number(&entry["variance_factor"]);
        assert_close("said", abc.widening(epsilon), factor, 1e-15);
        let posterior = abc.posterior(0, &Accept::within(epsilon), Adjust::None).unwrap();
        let ratio = posterior.covariance().dot(&f).diag().sum() / 2.0;
        assert_close("widening", ratio, factor, 5.0 * factor / (accepted.rows.len() as f64).sqrt());
        assert!(posterior.cautions().contains(&Caution::Widened { epsilon, factor }));
        // The adjustment takes it away.
        let adjusted = abc.posterior(0, &Accept::within(epsilon), Adjust::MeanAndVariance).unwrap();
        let ratio = adjusted.covariance().dot(&f).diag().sum() / 2.0;
        assert_close("adjusted", ratio, 1.0, 5.0 / (accepted.rows.len() as f64).sqrt());
    }
}

#[test]
fn the_same_key_gives_the_same_bits_on_any_number_of_threads_and_in_parts() {
    let (prior, simulator) = (box_prior(), mean_and_variance());
    let distance = Distance::Euclidean;
    let run = |threads: usize| {
        let budget = Budget { simulations: 3001, block: 100, threads };
        Abc::simulate(&prior, targets(), &distance, &simulator, &budget, Key::new(3)).unwrap()
    };
    let one = run(1);
    let four = run(4);
    assert_eq!(one.pairs().x(), four.pairs().x());
    assert_eq!(one.pairs().theta(), four.pairs().theta());
    let mut parts = Abc::simulate(&prior, targets(), &distance, &simulator, &Budget::of(1000), Key::new(3)).unwrap();
    parts.simulate_more(&simulator, &Budget::of(2001)).unwrap();
    assert_eq!(one.pairs().x(), parts.pairs().x());
    assert_eq!(one.distances(), parts.distances());
    let all = Accept::nearest(50);
    let (a, b) =
        (one.posterior(1, &all, Adjust::default()).unwrap(), parts.posterior(1, &all, Adjust::default()).unwrap());
    assert_eq!(a.samples(), b.samples());
    // Simulations that are added are accepted too, for every target.
    let before = one.accepted(2, &Accept::within(1.0)).unwrap().rows.len();
    let mut longer = one.clone();
    longer.simulate_more(&simulator, &Budget::of(3001)).unwrap();
    assert!(longer.accepted(2, &Accept::within(1.0)).unwrap().rows.len() > before);
}

#[test]
fn simulating_goes_on_until_enough_are_accepted() {
    let (prior, simulator) = (box_prior(), mean_and_variance());
    let distance = Distance::Fisher(fishers().into());
    let mut abc = Abc::simulate(&prior, targets(), &distance, &simulator, &Budget::of(1000), Key::new(4)).unwrap();
    let epsilons = Accept::Within(PerTarget::Each(vec![1.0, 3.0, 1.5]));
    abc.simulate_until(&simulator, &epsilons, 20, 50_000, &Budget::of(2000)).unwrap();
    for target in 0..3 {
        assert!(abc.accepted(target, &epsilons).unwrap().rows.len() >= 20);
    }
    assert!(abc.pairs().len() < 50_000);
    let error =
        abc.simulate_until(&simulator, &Accept::within(1e-3), 20, 10_000, &Budget::of(2000)).unwrap_err().to_string();
    assert!(error.contains("expected at least 20; take a larger epsilon"), "{error}");
}

#[test]
fn distances_of_all_kinds_lead_to_the_same_posterior() {
    let prior = Prior::builder()
        .law("a", Normal::new(0.0, 2.0).unwrap())
        .law("b", Normal::new(0.0, 2.0).unwrap())
        .build()
        .unwrap();
    let target = array![[0.8, -0.5]];
    let fisher = normal_fisher();
    let options = GaussianOptions::default();
    let exact = GaussianApproximation::new(target.view(), Fisher::Same(fisher.view()), &prior, &options)
        .unwrap()
        .normal(0)
        .unwrap()
        .unwrap();
    let abc = Abc::simulate(&prior, target.clone(), &Distance::Euclidean, &normal(), &Budget::of(60_000), Key::new(5))
        .unwrap();
    for distance in [
        Distance::Euclidean,
        Distance::Fisher(fisher.clone().into()),
        Distance::mahalanobis_of(abc.pairs()).unwrap(),
        Distance::own(|x, o| (x[0] - o[0]).abs().max((x[1] - o[1]).abs())),
    ] {
        let abc = Abc::from_pairs(&prior, target.clone(), &distance, abc.pairs().clone()).unwrap();
        let posterior = abc.posterior(0, &Accept::quantile(0.05), Adjust::MeanAndVariance).unwrap();
        for i in 0..2 {
            let sd = exact.1[[i, i]].sqrt();
            assert_close("mean", posterior.mean()[i], exact.0[i], 0.08 * sd);
            assert_close("sd", posterior.sd()[i], sd, 0.08 * sd);
        }
    }
}

#[test]
fn pairs_of_another_proposal_are_weighted() {
    // Parameters from N(1, 1.5^2), prior N(0, 1): weights bring the mean back.
    let prior = Prior::builder().law("a", Normal::new(0.0, 1.0).unwrap()).build().unwrap();
    let proposal = Prior::builder().law("a", Normal::new(1.0, 1.5).unwrap()).build().unwrap();
    let theta = proposal.sample(Key::new(6), 40_000).unwrap();
    let x = theta.mapv(|theta| theta)
        + Array2::from_shape_vec((40_000, 1), {
            let mut z = vec![0.0; 40_000];
            Key::new(7).fill_normal(&mut z);
            z
        })
        .unwrap();
    let ln_proposal = theta.rows().into_iter().map(|row| proposal.ln_density(&row.to_vec())).collect();
    let pairs = Pairs::new(theta, x, Invalid::Refuse).unwrap().with_ln_proposal(ln_proposal).unwrap();
    let abc = Abc::from_pairs(&prior, array![[1.0]], &Distance::Euclidean, pairs).unwrap();
    let posterior = abc.posterior(0, &Accept::within(0.2), Adjust::None).unwrap();
    assert!(!posterior.is_unweighted());
    assert_close("mean", posterior.mean()[0], 0.5, 0.05);
    assert_close("variance", posterior.covariance()[[0, 0]], 0.5, 0.04);
}
