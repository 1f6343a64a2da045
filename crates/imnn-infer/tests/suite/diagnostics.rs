//! Diagnostics against golden numbers, and against posteriors that are known to be right or wrong.

use imnn_infer::Caution;
use imnn_infer::diagnostics::Calibration;
use imnn_infer::diagnostics::bands::Band;
use imnn_infer::diagnostics::coverage::Coverage;
use imnn_infer::diagnostics::far::far;
use imnn_infer::diagnostics::mmd::{self, Mmd, permutation_p};
use imnn_infer::diagnostics::outlying::outlying;
use imnn_infer::diagnostics::predictive::predictive;
use imnn_infer::diagnostics::residual::residual;
use imnn_infer::diagnostics::sbc::{Sbc, rank_chi2, ranks};
use imnn_infer::diagnostics::tarp::{Tarp, curve, shares};
use imnn_prior::{Normal, Prior};
use imnn_sim::Key;
use ndarray::{Array1, Array2, Array3, Ix2, Ix3, array};

use super::golden::{array, assert_close, closed_forms, diagnostics, number, vector};

fn matrix(name: &str) -> Array2<f64> {
    array(name).into_dimensionality::<Ix2>().unwrap()
}

fn samples(name: &str) -> Array3<f64> {
    array(&format!("{name}/samples")).into_dimensionality::<Ix3>().unwrap()
}

/// The log density of the golden estimator, up to a constant.
fn ln_q(theta: &Array2<f64>, k: usize, x: &Array2<f64>, narrow: bool) -> f64 {
    let square: f64 = (0..2).map(|i| (theta[[k, i]] - 0.5 * x[[k, i]]).powi(2)).sum();
    -square / if narrow { 0.49 } else { 1.0 }
}

#[test]
fn ranks_shares_and_levels_are_the_golden_ones() {
    let (theta, x, references) = (matrix("theta"), matrix("x"), matrix("references"));
    for name in ["calibrated", "narrow"] {
        let (samples, golden) = (samples(name), &diagnostics()[name]);
        let found = ranks(theta.view(), samples.view()).unwrap();
        let expected = matrix(&format!("{name}/ranks"));
        assert!(found.iter().zip(&expected).all(|(a, b)| *a as f64 == *b));
        for i in 0..2 {
            let (statistic, freedom, p) = rank_chi2(found.column(i).iter().copied(), 50, 17);
            let numbers = vector(&golden["chi2_17_bins"][i]);
            assert_close("chi2", statistic, numbers[0], 1e-9);
            assert_close("p", p, numbers[1], 1e-9);
            assert_eq!(freedom, 16.0);
        }
        let f = shares(theta.view(), samples.view(), references.view()).unwrap();
        assert!(f.iter().zip(&array(&format!("{name}/tarp_f"))).all(|(a, b)| (a - b).abs() < 1e-15));
        let ecp = curve(f.iter().copied(), 10);
        for (a, b) in ecp.iter().zip(&vector(&golden["tarp_ecp"])) {
            assert_close("ECP", *a, *b, 1e-12);
        }
        let truth: Array1<f64> = (0..100).map(|k| ln_q(&theta, k, &x, name == "narrow")).collect();
        let at_samples = Array2::from_shape_fn((100, 50), |(k, l)| {
            let own = Array2::from_shape_fn((100, 2), |(_, i)| samples[[k, l, i]]);
            ln_q(&own, k, &x, name == "narrow")
        });
        let coverage = Coverage::new(truth.view(), at_samples.view()).unwrap();
        let levels = array(&format!("{name}/hpd_level"));
        assert!(coverage.levels.iter().zip(&levels).all(|(a, b)| (a - b).abs() < 1e-15));
        for (level, expected) in golden["expected_coverage"].as_object().unwrap() {
            assert_close(level, coverage.at(level.parse().unwrap()), number(expected), 1e-12);
        }
        if name == "narrow" {
            assert!(
                !coverage.verdict().good && coverage.verdict().text.ends_with("posteriors are overconfident"),
                "{}",
                coverage.verdict()
            );
        }
    }
}

#[test]
fn bands_are_the_golden_ones_and_hold_together() {
    for entry in diagnostics()["ecdf_bands_95"].as_array().unwrap() {
        let (n, k) = (number(&entry["N"]) as usize, number(&entry["K"]) as usize);
        let band = Band::new(n, k, 0.95).unwrap();
        // The probability jumps with gamma: the golden gamma is the jump to 1e-5, ours is below it.
        assert_close("gamma", band.gamma, number(&entry["gamma"]), 3e-5);
        assert!(band.probability() >= 0.95 && band.probability() < 0.96, "{}", band.probability());
    }
    // By simulation: uniform values are inside in 95 of 100 cases.
    let band = Band::new(100, 20, 0.95).unwrap();
    let mut inside = 0;
    for trial in 0..2000 {
        let mut rng = Key::new(trial).rng();
        let values: Vec<f64> = (0..100).map(|_| rand::RngExt::random(&mut rng)).collect();
        let counts: Vec<usize> = band.points.iter().map(|p| values.iter().filter(|v| *v < p).count()).collect();
        inside += usize::from(band.holds(&counts));
    }
    assert_close("inside", inside as f64 / 2000.0, band.probability(), 0.02);
    for points in [vec![], vec![0.5, 0.5], vec![0.0, 1.0], vec![0.5, 1.5]] {
        assert!(Band::at(100, points, 0.95).is_err());
    }
    assert!(Band::new(0, 5, 0.95).is_err() && Band::new(10, 5, 1.0).is_err());
}

/// theta ~ N(0, 1), x ~ N(theta, 1): posterior N(x/2, 1/2), its sd times a factor and its mean shifted by so many sd.
fn made(
    n: usize,
    l: usize,
    factor: f64,
    shift: f64,
    seed: u64,
) -> (Prior, Array2<f64>, Array3<f64>, Array1<f64>, Array2<f64>) {
    let prior = Prior::builder().law("a", Normal::new(0.0, 1.0).unwrap()).build().unwrap();
    let draw = |stream: u64, n: usize| {
        let mut z = vec![0.0; n];
        Key::new(seed).fold_in(stream).fill_normal(&mut z);
        z
    };
    let (theta, noise, z) = (draw(0, n), draw(1, n), draw(2, n * l));
    let sd = 0.5_f64.sqrt();
    let mean = |k: usize| 0.5 * (theta[k] + noise[k]) + shift * sd;
    let samples = Array3::from_shape_fn((n, l, 1), |(k, s, _)| mean(k) + factor * sd * z[k * l + s]);
    let ln = |value: f64, k: usize| -0.5 * ((value - mean(k)) / (factor * sd)).powi(2);
    let truth = (0..n).map(|k| ln(theta[k], k)).collect();
    let at_samples = Array2::from_shape_fn((n, l), |(k, s)| ln(samples[[k, s, 0]], k));
    (prior, Array2::from_shape_vec((n, 1), theta.clone()).unwrap(), samples, truth, at_samples)
}

#[test]
fn right_posteriors_pass_and_wrong_ones_are_caught_with_what_is_wrong() {
    let run = |factor: f64, shift: f64, seed: u64| {
        let (prior, theta, samples, truth, at_samples) = made(300, 200, factor, shift, seed);
        Calibration::new(&prior, theta.view(), samples.view(), Some((truth.view(), at_samples.view())), Key::new(seed))
            .unwrap()
    };
    // Each of three checks has 5 % (one less): of ten keys most pass.
    let passed = (0..10).filter(|&seed| run(1.0, 0.0, seed).verdict().good).count();
    assert!(passed >= 7, "{passed} of 10");
    let good = run(1.0, 0.0, 1);
    assert_eq!(good.verdict().text, "calibration: no fault found with 300 pairs");
    let narrow = run(0.7, 0.0, 2);
    assert!(!narrow.verdict().good);
    assert!(narrow.sbc.chi2[0].2 < 0.01, "{:?}", narrow.sbc.chi2);
    assert!(
        narrow.sbc.verdict(&narrow.names).text.contains("SBC: ranks are not uniform for a (posteriors are too narrow")
    );
    assert!(narrow.coverage.as_ref().unwrap().verdict().text.contains("posteriors are overconfident"));
    assert!(
        narrow.tarp.area < 0.0 && narrow.tarp.verdict().text.contains("overconfident"),
        "{}",
        narrow.tarp.verdict()
    );
    let wide = run(1.5, 0.0, 3);
    assert!(
        wide.sbc.verdict(&wide.names).text.contains("posteriors are too wide"),
        "{}",
        wide.sbc.verdict(&wide.names)
    );
    let high = run(1.0, 0.5, 4);
    assert!(
        high.sbc.verdict(&high.names).text.contains("posteriors are too high"),
        "{}",
        high.sbc.verdict(&high.names)
    );
    let low = run(1.0, -0.5, 5);
    assert!(low.sbc.verdict(&low.names).text.contains("posteriors are too low"));
}

#[test]
fn coverage_of_wrong_widths_is_the_exact_one() {
    for entry in closed_forms()["coverage_of_scaled_gaussian"].as_array().unwrap().iter().filter(|e| e["d"] == 1) {
        let c = number(&entry["c"]);
        let (_, _, _, truth, at_samples) = made(4000, 200, c, 0.0, 9);
        let coverage = Coverage::new(truth.view(), at_samples.view()).unwrap();
        for (level, expected) in entry["expected_coverage"].as_object().unwrap() {
            let expected = number(expected);
            let error = (expected * (1.0 - expected) / 4000.0).sqrt();
            assert_close(level, coverage.at(level.parse().unwrap()), expected, 4.0 * error + 0.005);
        }
    }
    // The mean rank of a shifted posterior.
    for (shift, expected) in closed_forms()["pit_mean_of_shifted_gaussian"].as_object().unwrap() {
        let (_, theta, samples, _, _) = made(4000, 100, 1.0, shift.parse().unwrap(), 10);
        let ranks = ranks(theta.view(), samples.view()).unwrap();
        let mean = ranks.iter().map(|&r| r as f64 / 100.0).sum::<f64>() / 4000.0;
        assert_close(shift, mean, number(expected), 4.0 / (12.0 * 4000f64).sqrt());
    }
}

#[test]
fn bootstraps_of_tarp_differ_and_repeat_with_the_key() {
    let (_, theta, samples, _, _) = made(200, 100, 1.0, 0.0, 11);
    let a = Tarp::new(theta.view(), samples.view(), 20, Key::new(0)).unwrap();
    let b = Tarp::new(theta.view(), samples.view(), 20, Key::new(0)).unwrap();
    assert_eq!(a.coverage, b.coverage);
    assert!(a.area_error > 1e-4 && a.error[10] > 0.01, "{a:?}");
    assert_eq!((a.coverage[0], a.coverage[20]), (0.0, 1.0));
}

#[test]
fn mmd_is_the_golden_one_and_its_p_value_is_uniform() {
    let (a, b) = (matrix("mmd/a"), matrix("mmd/b"));
    let (found, golden) = (Mmd::new(a.view(), b.view()).unwrap(), &diagnostics()["mmd"]);
    assert_close("width", found.width, number(&golden["bandwidth"]), 1e-12);
    assert_close("biased", found.biased, number(&golden["biased"]), 1e-12);
    assert_close("unbiased", found.unbiased, number(&golden["unbiased"]), 1e-12);
    assert!(permutation_p(a.view(), b.view(), 200, Key::new(0)).unwrap() < 0.2);
    let normal = |seed: u64, n: usize, shift: f64| {
        let mut z = vec![0.0; 2 * n];
        Key::new(seed).fill_normal(&mut z);
        Array2::from_shape_fn((n, 2), |(k, i)| z[2 * k + i] + shift)
    };
    let mean = (0..40)
        .map(|t| {
            permutation_p(normal(2 * t, 15, 0.0).view(), normal(2 * t + 1, 25, 0.0).view(), 99, Key::new(t)).unwrap()
        })
        .sum::<f64>()
        / 40.0;
    assert_close("mean p", mean, 0.5, 4.0 / (12.0 * 40f64).sqrt());
    let p = permutation_p(normal(1, 20, 0.0).view(), normal(2, 20, 2.0).view(), 500, Key::new(0)).unwrap();
    assert!(p < 0.01 && !mmd::verdict(p).good);
    assert!(Mmd::new(array![[1.0]].view(), array![[1.0], [2.0]].view()).is_err());
    assert!(Mmd::new(array![[1.0], [1.0]].view(), array![[1.0], [1.0]].view()).is_err());
}

#[test]
fn an_observation_among_the_simulations_is_told_from_one_that_is_not() {
    // Summaries on a bent line of a thin cloud: the whole covariance would see nothing wrong inside the bend.
    let mut z = vec![0.0; 3 * 4000];
    Key::new(12).fill_normal(&mut z);
    let x = Array2::from_shape_fn((4000, 2), |(k, j)| {
        let t = z[3 * k];
        if j == 0 { t + 0.05 * z[3 * k + 1] } else { t * t + 0.05 * z[3 * k + 2] }
    });
    let check = |observed: [f64; 2]| outlying(x.view(), array![observed[0], observed[1]].view(), Key::new(0)).unwrap();
    assert!(check([0.5, 0.25]).verdict().good);
    let inside_the_bend = check([0.0, 1.0]);
    assert!(!inside_the_bend.verdict().good && inside_the_bend.p < 0.003, "{}", inside_the_bend.verdict());
    // P values of simulations themselves are uniform.
    let mean = (0..100).map(|k| check([x[[k, 0]], x[[k, 1]]]).p).sum::<f64>() / 100.0;
    assert_close("mean p", mean, 0.5, 0.12);
    let constant = Array2::from_shape_fn((200, 2), |(k, j)| if j == 0 { z[k] } else { 3.0 });
    assert!(outlying(constant.view(), array![0.1, 3.0].view(), Key::new(0)).unwrap().p > 0.01);
    assert_eq!(outlying(constant.view(), array![0.1, 4.0].view(), Key::new(0)).unwrap().p, 0.0);
    assert!(
        outlying(constant.slice_axis(ndarray::Axis(0), (0..20).into()), array![0.1, 3.0].view(), Key::new(0)).is_err()
    );
}

#[test]
fn predictive_p_values() {
    let mut z = vec![0.0; 2000];
    Key::new(13).fill_normal(&mut z);
    let replications = Array2::from_shape_vec((1000, 2), z).unwrap();
    let near = predictive(replications.view(), array![0.5, -0.3].view()).unwrap();
    // exp(-chi2/2) for two summaries.
    assert_close("p", near.p, (-0.17f64).exp(), 0.05);
    assert_close("each", near.each[0], 2.0 * imnn_prior::special::normal_cdf(-0.5), 0.06);
    assert!(near.verdict().good);
    let far = predictive(replications.view(), array![0.0, 5.0].view()).unwrap();
    assert!(!far.verdict().good && far.p < 0.002);
    assert!(predictive(Array2::zeros((100, 2)).view(), array![0.0, 0.0].view()).is_err());
}

#[test]
fn residuals_have_their_chi_squared() {
    let (mu, c) = (array![1.0, 2.0, 3.0], Array2::eye(3) * 4.0);
    let dmu = array![[1.0], [0.0], [0.0]];
    let found = residual(array![2.5, 4.0, 3.0].view(), mu.view(), c.view(), dmu.view(), array![1.5].view()).unwrap();
    assert_close("chi2", found.chi2, 1.0, 1e-14);
    assert_close("p", found.p, (-0.5f64).exp(), 1e-12);
    assert!(found.verdict().good);
    let error = residual(
        array![2.5].view(),
        array![1.0].view(),
        array![[1.0]].view(),
        array![[1.0]].view(),
        array![0.0].view(),
    )
    .unwrap_err();
    assert!(error.to_string().contains("n_summaries is 1, expected more than the 1 parameters"), "{error}");
}

#[test]
fn a_posterior_unlike_that_at_the_fiducial_asks_for_training_anew() {
    let mut z = vec![0.0; 4000];
    Key::new(14).fill_normal(&mut z);
    let samples = |scale: f64, shift: f64| Array2::from_shape_fn((2000, 2), |(k, i)| scale * z[2 * k + i] + shift);
    let posterior =
        |scale: f64, shift: f64| imnn_infer::Posterior::new("x", &["a", "b"], samples(scale, shift)).unwrap();
    let fisher = Array2::eye(2);
    let zero = array![0.0, 0.0];
    let near = far(&posterior(1.0, 0.0), zero.view(), zero.view(), fisher.view()).unwrap();
    assert!(near.verdict().good && (near.volume - 1.0).abs() < 0.1, "{near:?}");
    let wide = far(&posterior(2.0, 0.0), zero.view(), zero.view(), fisher.view()).unwrap();
    assert!(matches!(wide.cautions()[..], [Caution::Retrain { .. }]), "{wide:?}");
    let away = far(&posterior(1.0, 5.0), array![5.0, 5.0].view(), zero.view(), fisher.view()).unwrap();
    assert_close("sigma", away.sigma, 50f64.sqrt(), 1e-12);
    assert!(away.verdict().text.contains("train again at the estimate"), "{}", away.verdict());
}

#[test]
fn faults_are_refused() {
    let (theta, samples) = (Array2::zeros((30, 2)), Array3::zeros((30, 10, 2)));
    assert!(Sbc::new(theta.view(), Array3::zeros((30, 10, 1)).view()).is_err());
    assert!(Sbc::new(theta.view(), Array3::zeros((30, 0, 2)).view()).is_err());
    let few = Sbc::new(Array2::zeros((10, 2)).view(), Array3::zeros((10, 10, 2)).view()).unwrap_err().to_string();
    assert_eq!(
        few,
        "pairs for calibration: found 10, expected at least 20; keep more pairs from training; 500 are a good number"
    );
    let mut nan = samples.clone();
    nan[[1, 2, 0]] = f64::NAN;
    assert!(Sbc::new(theta.view(), nan.view()).unwrap_err().to_string().contains("samples[1, 2, 0] is NaN"));
    assert!(Tarp::new(theta.view(), nan.view(), 10, Key::new(0)).is_err());
    assert!(Coverage::new(Array1::from_elem(30, f64::NAN).view(), Array2::zeros((30, 5)).view()).is_err());
    // All samples equal to the truth: ranks of 0, not a panic.
    assert!(!Sbc::new(theta.view(), samples.view()).unwrap().verdict(&[]).good);
}
