//! The coordinates in which a prior is standard normal.

use imnn_prior::{Prior, Uniform};
use ndarray::{Array1, array};
use proptest::prelude::*;

use super::{ALL, prior_of};

fn whole() -> Prior {
    let lines: Vec<String> = ALL.iter().enumerate().map(|(k, law)| format!("x{k} = {{ {law} }}")).collect();
    let block = "[prior.multivariate_normal]\nparameters = [\"a\", \"b\"]\nmean = [1.0, -2.0]\ncovariance = [[2.0, 0.9], [0.9, 1.0]]";
    prior_of(&format!("{}\n{block}", lines.join("\n")))
}

/// What one unit in the last place of theta, and the error of the distribution function, are worth in phi.
fn tolerance(slope: f64, theta: f64, end: f64) -> f64 {
    1e-12 + 2.0 * f64::EPSILON * theta.abs().max(end) / slope
}

proptest! {
    #[test]
    fn coordinates_come_back(phi in prop::collection::vec(-8.0..8.0f64, 14)) {
        let prior = whole();
        let theta = prior.to_theta(&phi).unwrap();
        let back = prior.to_phi(theta.as_slice().unwrap()).unwrap();
        let laws = prior.laws();
        for (k, law) in laws.iter().enumerate() {
            let within = law.map_or(1e-12, |law| {
                let end = law.support().iter().filter(|end| end.is_finite()).fold(0.0, |end: f64, x| end.max(x.abs()));
                tolerance(law.slope(phi[k], theta[k]), theta[k], end)
            });
            prop_assert!((back[k] - phi[k]).abs() < within, "{:?}: {} to {} back to {}", law, phi[k], theta[k], back[k]);
        }
        let again = prior.to_theta(back.as_slice().unwrap()).unwrap();
        for (k, (a, b)) in theta.iter().zip(&again).enumerate() {
            prop_assert!((a - b).abs() <= 1e-11 * a.abs() + 1e-300, "{k}: {a} and {b}");
        }
        prop_assert!(prior.contains(theta.as_slice().unwrap()));
    }

    #[test]
    fn derivatives_are_those_of_differences(phi in prop::collection::vec(-4.0..4.0f64, 14), weights in prop::collection::vec(-1.0..1.0f64, 14)) {
        let prior = whole();
        // The table's density jumps at its points, where there is no derivative.
        let phi: Vec<f64> = phi.iter().map(|z| if [-0.8416, 0.5244].iter().any(|jump: &f64| (z - jump).abs() < 1e-3) { z + 0.01 } else { *z }).collect();
        let value = |phi: &[f64]| prior.to_theta(phi).unwrap().dot(&Array1::from(weights.clone()));
        let pulled = prior.pulled_back(&phi, &weights).unwrap();
        for k in 0..14 {
            let step = 1e-5;
            let shifted = |by: f64| {
                let mut phi = phi.clone();
                phi[k] += by;
                phi
            };
            let difference = (value(&shifted(step)) - value(&shifted(-step))) / (2.0 * step);
            prop_assert!((pulled[k] - difference).abs() < 1e-5 * (1.0 + pulled[k].abs()), "{k}: {} and {difference}", pulled[k]);
        }
        // ln p(theta) + ln |dtheta/dphi| is the standard normal density of phi.
        let theta = prior.to_theta(&phi).unwrap();
        let sum = prior.ln_density(theta.as_slice().unwrap()) + prior.ln_volume(&phi).unwrap();
        prop_assert!((sum - prior.ln_density_phi(&phi)).abs() < 1e-8, "{sum}");
    }
}

#[test]
fn upper_tails_keep_their_digits() {
    // 1 - F is 6.2e-16 at phi = 8: with 1 - cdf it would be a multiple of 1.1e-16.
    for text in [
        "gamma = [3.0, 0.1]",
        "half_normal = 1.5",
        "truncated_normal = { mean = 0.0, sd = 1.0, low = 3.0 }",
        "lognormal = [0.2, 0.7]",
    ] {
        let prior = prior_of(&format!("x = {{ {text} }}"));
        let law = prior.laws()[0].unwrap();
        let phi = law.to_phi(law.to_theta(7.9));
        assert!((phi - 7.9).abs() < 1e-11, "{text}: {phi}");
    }
}

#[test]
fn coordinates_are_cut_and_parameters_stay_inside() {
    let prior = prior_of("x = { uniform = [0.1, 0.5] }\ny = { gamma = [0.05, 1.0] }");
    for phi in [-100.0, -8.2, 8.2, 100.0, f64::INFINITY, f64::NEG_INFINITY] {
        let theta = prior.to_theta(&[phi, phi]).unwrap();
        assert!(theta[0] > 0.1 && theta[0] < 0.5 && theta[1] > 0.0 && theta[1].is_finite(), "{theta}");
        assert!(prior.ln_density(&theta.to_vec()).is_finite());
    }
    assert_eq!(prior.to_phi(&[0.1, 0.0]).unwrap(), array![-8.2, -8.2]);
}

#[test]
fn what_is_no_parameter_is_named() {
    let prior = Prior::builder()
        .law("m", Uniform::new(0.0, 1.0).unwrap())
        .law("n", Uniform::new(0.0, 1.0).unwrap())
        .build()
        .unwrap();
    let message = |theta: &[f64]| prior.to_phi(theta).unwrap_err().to_string();
    assert_eq!(message(&[0.5]), "theta has 1 values, expected 2: m, n");
    assert_eq!(message(&[0.5, f64::NAN]), "theta[1] (n) is NaN");
    assert_eq!(message(&[0.5, 2.0]), "n = 2 is outside its prior, which goes from 0 to 1");
    assert_eq!(prior.to_theta(&[0.0, f64::NAN]).unwrap_err().to_string(), "phi[1] (n) is NaN");
    assert_eq!(prior.ln_density(&[0.5, f64::NAN]), f64::NEG_INFINITY);
    assert_eq!(prior.ln_density(&[0.5]), f64::NEG_INFINITY);
}

#[test]
fn normal_priors_are_known_as_such() {
    let prior = prior_of(
        "a = { normal = [1.0, 2.0] }\n[prior.multivariate_normal]\nparameters = [\"b\", \"c\"]\nmean = [0.3, -0.1]\ncovariance = [[1.0, 0.3], [0.3, 2.0]]",
    );
    let (mean, covariance) = prior.as_normal().unwrap();
    assert_eq!(mean, array![1.0, 0.3, -0.1]);
    let expected = array![[4.0, 0.0, 0.0], [0.0, 1.0, 0.3], [0.0, 0.3, 2.0]];
    assert!((covariance - expected).iter().all(|x| x.abs() < 1e-15));
    for text in ALL.iter().filter(|text| !text.starts_with("normal")) {
        assert!(prior_of(&format!("x = {{ {text} }}")).as_normal().is_none(), "{text}");
    }
}
