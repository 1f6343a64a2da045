//! The Gaussian approximation against exact laws.

use imnn_infer::{Caution, Fisher, GaussianApproximation, GaussianOptions, InferError, Widening};
use imnn_prior::{Gamma, Lognormal, Normal, Prior, Uniform};
use imnn_sim::Key;
use ndarray::{Array2, array};

use super::golden::{assert_close, closed_forms, matrix, number, vector};

fn plain() -> GaussianOptions {
    GaussianOptions::default()
}

#[test]
fn the_gaussian_linear_problem_is_exact() {
    let numbers = &closed_forms()["gaussian_linear"];
    let (m, p) = (vector(&numbers["m"]), matrix(&numbers["P"]));
    let prior = Prior::builder().multivariate_normal(&["a", "b"], m, p).build().unwrap();
    let estimate = vector(&numbers["estimate"]).insert_axis(ndarray::Axis(0));
    let fisher = matrix(&numbers["F"]);
    let gaussian = GaussianApproximation::new(estimate.view(), Fisher::Same(fisher.view()), &prior, &plain()).unwrap();
    let (mean, covariance) = gaussian.normal(0).unwrap().unwrap();
    assert!((mean.clone() - vector(&numbers["posterior_mean"])).iter().all(|d| d.abs() < 1e-12));
    assert!((covariance.clone() - matrix(&numbers["posterior_cov"])).iter().all(|d| d.abs() < 1e-12));
    let posterior = gaussian.sample(0, 20_000, Key::new(1)).unwrap();
    let pull = (posterior.mean() - &mean) / posterior.sd() * 20_000f64.sqrt();
    assert!(pull.iter().all(|pull| pull.abs() < 4.0), "{pull}");
    assert!((posterior.covariance() - covariance).iter().all(|d| d.abs() < 0.02));
    // ln p(theta | x) at the mean is that of the normal law.
    let exact = gaussian.ln_density(0, &mean.to_vec()).unwrap() - gaussian.ln_evidence_exact(0).unwrap().unwrap();
    let det = 0.33234487432350795 * 0.22832172414785168 - 0.0883402008138684_f64.powi(2);
    assert_close("ln p", exact, -(std::f64::consts::TAU).ln() - 0.5 * det.ln(), 1e-12);
    // The evidence of the three data is that of the estimate, of the rest and of the change of variables: what is
    // compared here is the density of the estimate, N(theta_hat; m, P + F^-1).
    let sum = matrix(&numbers["P"]) + imnn_prior::Cholesky::new(fisher.view()).unwrap().inverse();
    let d = vector(&numbers["estimate"]) - vector(&numbers["m"]);
    let factor = imnn_prior::Cholesky::new(sum.view()).unwrap();
    let expected = -0.5 * (factor.squared_length(d.view()) + factor.ln_det()) - std::f64::consts::TAU.ln();
    assert_close("evidence", posterior.ln_evidence().unwrap().value, expected, 1e-12);
}

#[test]
fn the_evidence_of_the_data_follows_from_that_of_the_estimate() {
    // p(x) = p(theta_hat) N(r; 0, C) with what the estimate leaves out: both sides by hand for the golden evidence.
    let numbers = &closed_forms()["gaussian_linear"];
    let (a, c) = (matrix(&numbers["A"]), matrix(&numbers["C"]));
    let fisher = matrix(&numbers["F"]);
    let inverse = imnn_prior::Cholesky::new(fisher.view()).unwrap().inverse();
    let precision = imnn_prior::Cholesky::new(c.view()).unwrap();
    let estimate = vector(&numbers["estimate"]);
    let r = vector(&numbers["x"]) - vector(&numbers["b"]) - a.dot(&estimate);
    // ln N(x; A t + b, C) = ln N(theta_hat; t, F^-1) + k.
    let k = -0.5 * (precision.squared_length(r.view()) + precision.ln_det() + 3.0 * std::f64::consts::TAU.ln())
        + 0.5 * (imnn_prior::Cholesky::new(inverse.view()).unwrap().ln_det() + 2.0 * std::f64::consts::TAU.ln());
    let prior = Prior::builder()
        .multivariate_normal(&["a", "b"], vector(&numbers["m"]), matrix(&numbers["P"]))
        .build()
        .unwrap();
    let targets = estimate.insert_axis(ndarray::Axis(0));
    let gaussian = GaussianApproximation::new(targets.view(), Fisher::Same(fisher.view()), &prior, &plain()).unwrap();
    let found = gaussian.ln_evidence_exact(0).unwrap().unwrap() + k;
    assert_close("ln p(x)", found, number(&numbers["log_evidence"]), 1e-12);
}

#[test]
fn the_slope_of_a_line() {
    let numbers = &closed_forms()["line"]["for_sufficient_statistic"];
    let fisher = array![[number(&closed_forms()["line"]["sum_xx"])]];
    let prior = Prior::builder().law("m", Normal::new(0.0, 1.0).unwrap()).build().unwrap();
    let gaussian =
        GaussianApproximation::new(array![[2.5]].view(), Fisher::Same(fisher.view()), &prior, &plain()).unwrap();
    let (mean, covariance) = gaussian.normal(0).unwrap().unwrap();
    assert_close("mean", mean[0], number(&numbers["posterior_mean"]), 1e-13);
    assert_close("sd", covariance[[0, 0]].sqrt(), number(&numbers["posterior_sd"]), 1e-13);
}

/// Mean and standard deviation of a density on a grid.
fn moments(grid: &[f64], density: &ndarray::Array1<f64>) -> (f64, f64, f64) {
    let step = grid[1] - grid[0];
    let mass = density.sum() * step;
    let mean = grid.iter().zip(density).map(|(x, d)| x * d).sum::<f64>() * step / mass;
    let variance = grid.iter().zip(density).map(|(x, d)| (x - mean).powi(2) * d).sum::<f64>() * step / mass;
    (mass, mean, variance.sqrt())
}

fn grid(low: f64, high: f64) -> Vec<f64> {
    (0..2000).map(|k| low + (high - low) * (f64::from(k) + 0.5) / 2000.0).collect()
}

#[test]
fn a_prior_that_cuts_is_taken_into_account() {
    // Half of the likelihood is outside: |z| of a half-normal law has the mean sqrt(2/pi).
    let prior = Prior::builder()
        .law("a", Uniform::new(0.0, 100.0).unwrap())
        .law("b", Uniform::new(-50.0, 50.0).unwrap())
        .build()
        .unwrap();
    let fisher = array![[1.0, 0.0], [0.0, 4.0]];
    let gaussian =
        GaussianApproximation::new(array![[0.0, 1.0]].view(), Fisher::Same(fisher.view()), &prior, &plain()).unwrap();
    assert_close("ln Z", gaussian.ln_evidence_exact(0).unwrap().unwrap(), (0.5_f64 / 1e4).ln(), 1e-12);
    let posterior = gaussian.sample(0, 20_000, Key::new(2)).unwrap();
    let expected = (2.0 / std::f64::consts::PI).sqrt();
    assert_close("mean", posterior.mean()[0], expected, 4.0 * 0.603 / 20_000f64.sqrt());
    assert!(posterior.samples().column(0).iter().all(|a| *a > 0.0));
    assert!(
        posterior.cautions().iter().any(|c| matches!(c, Caution::PriorCuts { share } if (share - 0.5).abs() < 0.02))
    );
    let points = grid(0.0, 9.0);
    let density = gaussian.marginal(0, 0, &points).unwrap().unwrap();
    let (mass, mean, _) = moments(&points, &density);
    assert_close("mass", mass, 1.0, 1e-6);
    assert_close("marginal mean", mean, expected, 1e-5);
    let both = gaussian.marginal_of_two(0, [1, 0], [&[1.0], &points]).unwrap().unwrap();
    assert_close("joint density", both[[0, 0]] / density[0], (4.0 / std::f64::consts::TAU).sqrt(), 1e-9);
}

#[test]
fn priors_of_any_law_agree_with_the_grid() {
    // Lognormal and gamma laws against a correlated likelihood: samples by importance against marginals by integrals.
    let prior = Prior::builder()
        .law("a", Lognormal::new(0.0, 0.5).unwrap())
        .law("b", Gamma::new(0.7, 0.5).unwrap())
        .build()
        .unwrap();
    let fisher = array![[6.0, 1.0], [1.0, 2.0]];
    let gaussian =
        GaussianApproximation::new(array![[1.5, 0.3]].view(), Fisher::Same(fisher.view()), &prior, &plain()).unwrap();
    let posterior = gaussian.sample(0, 20_000, Key::new(3)).unwrap();
    assert!(posterior.cautions().iter().all(|c| matches!(c, Caution::PriorCuts { .. })), "{:?}", posterior.cautions());
    for i in 0..2 {
        let points = grid(0.0, 8.0);
        let (mass, mean, sd) = moments(&points, &gaussian.marginal(0, i, &points).unwrap().unwrap());
        // The density of b is singular at 0, where the sum over the grid loses some of it.
        assert_close("mass", mass, 1.0, if i == 1 { 0.02 } else { 1e-4 });
        assert_close("mean", posterior.mean()[i], mean, 0.03 * sd + if i == 1 { 0.01 } else { 0.0 });
        assert_close("sd", posterior.sd()[i], sd, 0.03 * sd);
    }
    let by_samples = posterior.clone().ln_evidence().unwrap();
    assert_eq!(by_samples.error, 0.0);
    // An uneven grid does not exist for three parameters or constraints: importance gives the evidence with its error.
    let constrained = Prior::builder()
        .law("a", Lognormal::new(0.0, 0.5).unwrap())
        .law("b", Gamma::new(0.7, 0.5).unwrap())
        .predicate("all", |_| true)
        .build()
        .unwrap();
    let again =
        GaussianApproximation::new(array![[1.5, 0.3]].view(), Fisher::Same(fisher.view()), &constrained, &plain())
            .unwrap();
    assert!(again.marginal(0, 0, &[1.0]).unwrap().is_none());
    let measured = again.sample(0, 20_000, Key::new(4)).unwrap().ln_evidence().unwrap();
    assert!(measured.error > 0.0 && measured.error < 0.02);
    assert_close("ln Z", measured.value, by_samples.value, 4.0 * measured.error);
}

#[test]
fn a_likelihood_far_outside_the_prior_is_sampled_at_its_edge() {
    let prior = Prior::builder().law("a", Uniform::new(0.0, 1.0).unwrap()).build().unwrap();
    let gaussian =
        GaussianApproximation::new(array![[-8.0]].view(), Fisher::Same(array![[1.0]].view()), &prior, &plain())
            .unwrap();
    let posterior = gaussian.sample(0, 5000, Key::new(5)).unwrap();
    // N(-8, 1) above 0 is nearly exponential with the rate 8; exactly, the mean is phi(8)/Q(8) - 8, cut at 1.
    assert_close("mean", posterior.mean()[0], 0.12309, 0.006);
    let nothing =
        GaussianApproximation::new(array![[-80.0]].view(), Fisher::Same(array![[1.0]].view()), &prior, &plain())
            .unwrap();
    let outcome = nothing.sample(0, 100, Key::new(5));
    // 3200 below the maximum, but a posterior all the same: exponential with the rate 80.
    assert_close("mean", outcome.unwrap().mean()[0], 1.0 / 80.0, 0.004);
}

#[test]
fn exact_densities_are_those_of_samples() {
    let prior = Prior::builder()
        .law("a", Uniform::new(0.0, 5.0).unwrap())
        .law("b", Uniform::new(-5.0, 5.0).unwrap())
        .build()
        .unwrap();
    let fisher = array![[1.0, 0.4], [0.4, 2.0]];
    let gaussian =
        GaussianApproximation::new(array![[0.5, 1.0]].view(), Fisher::Same(fisher.view()), &prior, &plain()).unwrap();
    let exact = gaussian.densities(0).unwrap().unwrap();
    let sampled = imnn_infer::density::Densities::of(&gaussian.sample(0, 20_000, Key::new(8)).unwrap()).unwrap();
    for (a, b) in exact.one.iter().zip(&sampled.one) {
        for p in [0.16, 0.5, 0.84] {
            assert_close("quantile", b.quantile(p), a.quantile(p), 0.03);
        }
    }
    let (two, other) = (exact.two(0, 1).unwrap(), sampled.two(0, 1).unwrap());
    for (x, y) in [(0.02, 1.0), (0.5, 1.0), (1.5, 0.5), (0.3, 0.0)] {
        assert_close("density", other.at(x, y), two.at(x, y), 0.03);
    }
    assert!(exact.two(1, 0).is_none());
}

#[test]
fn few_simulations_widen_in_one_way_only() {
    let prior = Prior::builder().law("a", Uniform::new(-100.0, 100.0).unwrap()).build().unwrap();
    let with = |widening| GaussianOptions { widening, fiducial: None };
    let fisher = array![[1.0]];
    let make = |options: &GaussianOptions| {
        GaussianApproximation::new(array![[0.0]].view(), Fisher::Same(fisher.view()), &prior, options).unwrap()
    };
    let hartlap = make(&with(Widening::Hartlap { n_s: 11, n_summaries: 4 }));
    // F times 1/2: the density at the estimate is that of sd sqrt 2.
    let at = |gaussian: &GaussianApproximation<'_>, x: f64| gaussian.ln_density(0, &[x]).unwrap() + 200f64.ln();
    assert_close("hartlap", at(&hartlap, 0.0), -0.5 * (2.0 * std::f64::consts::TAU).ln(), 1e-12);
    let t = make(&with(Widening::StudentT { n_s: 11 }));
    // -(n_s/2) ln(1 + chi2/(n_s - 1)).
    assert_close("t", at(&t, 2.0) - at(&t, 0.0), -5.5 * 1.4f64.ln(), 1e-12);
    let points: Vec<f64> = (0..40_000).map(|k| -100.0 + 200.0 * (f64::from(k) + 0.5) / 40_000.0).collect();
    let mass: f64 = points.iter().map(|x| at(&t, *x).exp() * 200.0 / 40_000.0).sum();
    assert_close("mass", mass, 1.0, 1e-6);
    let posterior = t.sample(0, 40_000, Key::new(6)).unwrap();
    // The t law of 10 degrees of freedom with the scale 1 (n_s - 1)/nu = 1 has the variance 10/8.
    assert_close("variance", posterior.covariance()[[0, 0]], 1.25, 0.05);
    let refused = GaussianApproximation::new(
        array![[0.0]].view(),
        Fisher::Same(fisher.view()),
        &prior,
        &with(Widening::Hartlap { n_s: 6, n_summaries: 4 }),
    );
    assert_eq!(refused.unwrap_err().to_string(), "n_s is 6, expected more than n_summaries + 2 = 6");
}

#[test]
fn several_targets_have_their_own_fisher_matrices_and_distances() {
    let prior = Prior::builder().law("a", Uniform::new(-50.0, 50.0).unwrap()).build().unwrap();
    let fisher = array![[[1.0]], [[4.0]]];
    let options = GaussianOptions { fiducial: Some(array![0.0]), ..plain() };
    let gaussian =
        GaussianApproximation::new(array![[1.0], [2.0]].view(), Fisher::Each(fisher.view()), &prior, &options).unwrap();
    assert_eq!((gaussian.distance(0).unwrap(), gaussian.distance(1).unwrap()), (Some(1.0), Some(4.0)));
    let (near, far) = (gaussian.sample(0, 4000, Key::new(7)).unwrap(), gaussian.sample(1, 4000, Key::new(7)).unwrap());
    assert!(near.cautions().is_empty());
    assert_eq!(far.cautions(), [Caution::FarFromFiducial { sigma: 4.0 }]);
    assert_close("sd", far.sd()[0], 0.5, 0.03);
    assert!(
        gaussian.sample(2, 10, Key::new(0)).unwrap_err().to_string().contains("target is 2, expected a number below 2")
    );
    // Draw k depends on k alone.
    let few = gaussian.sample(1, 5, Key::new(7)).unwrap();
    assert_eq!(few.samples(), far.samples().slice_axis(ndarray::Axis(0), (0..5).into()));
}

#[test]
fn what_is_no_fisher_matrix_is_refused() {
    let prior = Prior::builder()
        .law("a", Uniform::new(0.0, 1.0).unwrap())
        .law("b", Uniform::new(0.0, 1.0).unwrap())
        .build()
        .unwrap();
    let message = |fisher: Array2<f64>| {
        GaussianApproximation::new(array![[0.5, 0.5]].view(), Fisher::Same(fisher.view()), &prior, &plain())
            .unwrap_err()
            .to_string()
    };
    assert!(
        message(array![[1.0, 1.0], [1.0, 1.0]]).contains("the Fisher information (2 x 2) is not positive definite")
    );
    assert!(message(array![[1.0, 0.5], [0.1, 1.0]]).contains("it has to be symmetric"));
    assert!(message(array![[1.0]]).contains("expected [2, 2]"));
    assert!(message(array![[f64::NAN, 0.0], [0.0, 1.0]]).contains("F[0, 0] is NaN"));
    let error = GaussianApproximation::new(array![[0.5]].view(), Fisher::Same(array![[1.0]].view()), &prior, &plain())
        .unwrap_err();
    assert!(matches!(error, InferError::Shape { .. }), "{error}");
}
