//! All samplers on one problem with a known posterior, and the statistics of chains and weights against arviz.

use imnn_infer::samplers::chains::{ChainStatistics, starts};
use imnn_infer::samplers::ensemble::{EnsembleSettings, ensemble};
use imnn_infer::samplers::importance::{Proposal, Weighted, importance};
use imnn_infer::samplers::psis::smoothed;
use imnn_prior::{Cholesky, Prior};
use imnn_sim::Key;
use ndarray::{Array1, Array2, ArrayView2, Axis, array};

use super::golden::{array, assert_close, closed_forms, diagnostics, matrix, number, vector};

/// The Gaussian linear problem, in the coordinates of its prior: `ln p(x | theta(phi)) - |phi|^2/2`, with its gradient.
struct Linear {
    prior: Prior,
    a: Array2<f64>,
    b: Array1<f64>,
    x: Array1<f64>,
    c: Cholesky,
}

impl Linear {
    fn new() -> Self {
        let numbers = &closed_forms()["gaussian_linear"];
        let prior = Prior::builder()
            .multivariate_normal(&["s", "t"], vector(&numbers["m"]), matrix(&numbers["P"]))
            .build()
            .unwrap();
        let c = Cholesky::new(matrix(&numbers["C"]).view()).unwrap();
        Linear { prior, a: matrix(&numbers["A"]), b: vector(&numbers["b"]), x: vector(&numbers["x"]), c }
    }

    fn ln_density(&self, phi: &[f64], gradient: &mut [f64]) -> f64 {
        let theta = self.prior.to_theta(phi).unwrap();
        let residual = &self.x - &self.b - self.a.dot(&theta);
        let by_theta = self.a.t().dot(&self.c.solve(residual.view()));
        let pulled = self.prior.pulled_back(phi, &by_theta.to_vec()).unwrap();
        gradient.iter_mut().zip(pulled.iter().zip(phi)).for_each(|(g, (l, phi))| *g = l - phi);
        let ln_likelihood =
            -0.5 * (self.c.squared_length(residual.view()) + self.c.ln_det() + 3.0 * std::f64::consts::TAU.ln());
        ln_likelihood + self.prior.ln_density_phi(phi)
    }

    fn check(&self, what: &str, mean: &Array1<f64>, covariance: &Array2<f64>, effective: f64) {
        let numbers = &closed_forms()["gaussian_linear"];
        let (m, s) = (vector(&numbers["posterior_mean"]), matrix(&numbers["posterior_cov"]));
        for i in 0..2 {
            let sd = s[[i, i]].sqrt();
            assert_close(&format!("{what}: mean"), mean[i], m[i], 4.0 * sd / effective.sqrt());
            assert_close(
                &format!("{what}: variance"),
                covariance[[i, i]],
                s[[i, i]],
                6.0 * s[[i, i]] / effective.sqrt(),
            );
        }
        assert_close(&format!("{what}: covariance"), covariance[[0, 1]], s[[0, 1]], 0.3 * 6.0 / effective.sqrt());
    }
}

#[test]
fn the_gradient_is_that_of_differences() {
    let linear = Linear::new();
    let mut gradient = [0.0; 2];
    let phi = [0.3, -0.8];
    linear.ln_density(&phi, &mut gradient);
    for i in 0..2 {
        let at = |by: f64| {
            let mut phi = phi;
            phi[i] += by;
            linear.ln_density(&phi, &mut [0.0; 2])
        };
        assert_close("gradient", gradient[i], (at(1e-5) - at(-1e-5)) / 2e-5, 1e-7);
    }
}

#[test]
fn importance_sampling_has_the_posterior_and_the_evidence() {
    let linear = Linear::new();
    let proposal = Proposal::t_law(array![0.0, 0.0], array![[1.0, 0.0], [0.0, 1.0]].view(), 5.0).unwrap();
    let weighted = importance(&proposal, |phi| linear.ln_density(phi, &mut [0.0; 2]), 20_000, Key::new(0)).unwrap();
    assert!(weighted.k_hat < 0.7 && weighted.cautions().is_empty(), "{}", weighted.k_hat);
    let mut samples = Array2::zeros((20_000, 2));
    for (mut row, phi) in samples.rows_mut().into_iter().zip(weighted.samples.rows()) {
        row.assign(&linear.prior.to_theta(&phi.to_vec()).unwrap());
    }
    let posterior = imnn_infer::Posterior::under(&linear.prior, "importance", samples)
        .unwrap()
        .with_weights(weighted.weights.clone())
        .unwrap();
    linear.check("importance", &posterior.mean(), &posterior.covariance(), weighted.effective);
    let evidence = weighted.ln_evidence;
    assert_close(
        "ln Z",
        evidence.value,
        number(&closed_forms()["gaussian_linear"]["log_evidence"]),
        4.0 * evidence.error,
    );
    assert!(evidence.error < 0.02);
}

#[test]
fn the_effective_number_of_weights_is_the_known_one() {
    let numbers = &closed_forms()["importance_n_over_ess"];
    let n = 200_000;
    let mut z = vec![0.0; n];
    Key::new(1).fill_normal(&mut z);
    for (shift, expected) in numbers["shift m"].as_object().unwrap() {
        let m: f64 = shift.parse().unwrap();
        let samples = Array2::from_shape_vec((n, 1), z.clone()).unwrap();
        let (target, proposal): (Vec<f64>, Vec<f64>) = z.iter().map(|z| (-0.5 * (z - m).powi(2), -0.5 * z * z)).unzip();
        let weighted = Weighted::new(samples, &target, &proposal).unwrap();
        assert_close(shift, n as f64 / weighted.effective, number(expected), 0.05 * number(expected));
    }
    let nothing = Weighted::new(array![[0.0]], &[f64::NEG_INFINITY], &[0.0]).unwrap_err().to_string();
    assert!(nothing.contains("the density is 0 at all of 1 samples"), "{nothing}");
    assert!(Weighted::new(array![[0.0]], &[f64::NAN], &[0.0]).is_err());
}

#[test]
fn smoothed_weights_are_those_of_arviz() {
    for (name, key) in [("psis/genpareto_0.4", "psis_genpareto_0.4"), ("psis/mild", "psis_mild")] {
        let ln: Vec<f64> = array(name).iter().copied().collect();
        let found = smoothed(&ln);
        let golden = &diagnostics()[key];
        assert_close(key, found.k_hat, number(&golden["khat"]), 1e-9);
        assert_close(key, found.effective(), number(&golden["ess"]), 1e-6);
        let expected = array(&format!("{name}_smoothed"));
        assert!(found.ln_weights.iter().zip(&expected).all(|(a, b)| (a - b).abs() < 1e-9), "{name}");
    }
}

#[test]
fn statistics_of_chains_are_those_of_arviz() {
    let chains = array("chains").into_dimensionality::<ndarray::Ix2>().unwrap();
    let golden = &diagnostics()["chains"];
    let found = ChainStatistics::new(chains.view());
    assert_close("R-hat", found.r_hat, number(&golden["rhat_rank"]), 1e-9);
    assert_close("bulk", found.bulk, number(&golden["bulk"]), 1e-6);
    assert_close("tail", found.tail, number(&golden["tail"]), 1e-6);
    let said: Vec<String> = found.cautions("a").iter().map(ToString::to_string).collect();
    assert_eq!(
        said,
        ["R-hat of a is 1.015, above 1.01: the chains do not agree, there may be several modes; run longer"]
    );
    // Chains that do not move, too few draws, NaN: no number passes for a good one.
    for bad in [Array2::zeros((2, 100)), Array2::zeros((2, 3)), Array2::from_elem((2, 100), f64::NAN)] {
        assert!(!ChainStatistics::new(bad.view()).cautions("a").is_empty());
    }
}

#[test]
fn the_ensemble_has_the_posterior() {
    let linear = Linear::new();
    let begin = starts(&linear.prior, |phi| linear.ln_density(phi, &mut [0.0; 2]), 32, 1000, Key::new(2)).unwrap();
    let settings = EnsembleSettings { tune: 200, draws: 500, thin: 4 };
    let density = |phi: ArrayView2<'_, f64>| {
        phi.rows().into_iter().map(|phi| linear.ln_density(&phi.to_vec(), &mut [0.0; 2])).collect()
    };
    let chains = ensemble(begin.view(), density, &settings, Key::new(3)).unwrap();
    let posterior = chains.posterior(&linear.prior, "ensemble").unwrap();
    let worst = chains.statistics().iter().map(|s| s.bulk.min(s.tail)).fold(f64::INFINITY, f64::min);
    assert!(worst > 1000.0, "{:?}", chains.statistics());
    assert!(chains.acceptance > 0.3 && chains.acceptance < 0.95, "{}", chains.acceptance);
    assert_eq!(posterior.n_chains(), 32);
    linear.check("ensemble", &posterior.mean(), &posterior.covariance(), worst);
    let again = ensemble(begin.view(), density, &settings, Key::new(3)).unwrap();
    assert_eq!(chains.draws, again.draws);
    // What is refused.
    let message =
        |starts: Array2<f64>| ensemble(starts.view(), density, &settings, Key::new(0)).unwrap_err().to_string();
    assert!(message(Array2::zeros((3, 2))).contains("walkers is 3, expected an even number"));
    let never = |phi: ArrayView2<'_, f64>| Array1::from_elem(phi.nrows(), f64::NEG_INFINITY);
    let error = ensemble(begin.view(), never, &settings, Key::new(0)).unwrap_err().to_string();
    assert!(error.starts_with("ensemble: the density is 0 where walker 0 starts"), "{error}");
    let nan = |phi: ArrayView2<'_, f64>| Array1::from_elem(phi.nrows(), f64::NAN);
    assert!(ensemble(begin.view(), nan, &settings, Key::new(0)).is_err());
}

#[test]
fn two_modes_are_said_by_the_chains() {
    let chains = Array2::from_shape_fn((4, 200), |(c, k)| {
        (if c == 0 { 5.0 } else { -5.0 }) + ((k * 7919 + c * 13) % 101) as f64 / 101.0
    });
    let statistics = ChainStatistics::new(chains.view());
    assert!(statistics.r_hat > 1.5, "{statistics:?}");
    assert!(statistics.bulk < 20.0);
    let draws = chains.insert_axis(Axis(2));
    assert_eq!(imnn_infer::samplers::chains::statistics(draws.view()).len(), 1);
}

#[cfg(feature = "nuts")]
mod no_u_turn {
    use super::*;
    use imnn_infer::Caution;
    use imnn_infer::samplers::nuts::{NutsSettings, nuts};

    #[test]
    fn the_no_u_turn_sampler_has_the_posterior_on_any_number_of_threads() {
        let linear = Linear::new();
        let density = |phi: &[f64], gradient: &mut [f64]| linear.ln_density(phi, gradient);
        let begin = starts(&linear.prior, |phi| linear.ln_density(phi, &mut [0.0; 2]), 4, 1000, Key::new(4)).unwrap();
        let run = |threads| {
            nuts(begin.view(), density, &NutsSettings { threads, ..NutsSettings::default() }, Key::new(5)).unwrap()
        };
        let chains = run(1);
        assert_eq!(chains.draws, run(3).draws);
        let worst = chains.statistics().iter().map(|s| s.bulk.min(s.tail)).fold(f64::INFINITY, f64::min);
        assert!(worst > 1000.0 && chains.divergences == 0, "{:?}", chains.statistics());
        let posterior = chains.posterior(&linear.prior, "nuts").unwrap();
        assert!(posterior.cautions().is_empty(), "{:?}", posterior.cautions());
        linear.check("nuts", &posterior.mean(), &posterior.covariance(), worst);
    }

    #[test]
    fn steep_densities_diverge_and_this_is_said() {
        // Neal's funnel: x ~ N(0, e^v), v ~ N(0, 9), whose neck no one step size fits.
        let funnel = |p: &[f64], g: &mut [f64]| {
            let (v, x) = (p[0], p[1]);
            g[0] = -v / 9.0 - 0.5 + 0.5 * x * x * (-v).exp();
            g[1] = -x * (-v).exp();
            -v * v / 18.0 - 0.5 * v - 0.5 * x * x * (-v).exp()
        };
        let chains =
            nuts(array![[0.0, 0.1], [1.0, -0.1]].view(), funnel, &NutsSettings::default(), Key::new(6)).unwrap();
        let prior = Prior::builder()
            .law("v", imnn_prior::Normal::new(0.0, 1.0).unwrap())
            .law("x", imnn_prior::Normal::new(0.0, 1.0).unwrap())
            .build()
            .unwrap();
        let posterior = chains.posterior(&prior, "nuts").unwrap();
        assert!(chains.divergences > 0);
        assert!(posterior.cautions().iter().any(|c| matches!(c, Caution::Divergences { .. })));
        let nowhere =
            nuts(array![[0.0]].view(), |_: &[f64], _: &mut [f64]| f64::NAN, &NutsSettings::default(), Key::new(0));
        assert!(nowhere.unwrap_err().to_string().starts_with("nuts: the log density is NaN where chain 0 starts"));
    }
}
