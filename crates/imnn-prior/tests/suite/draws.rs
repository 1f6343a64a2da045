//! Draws and constraints.

use imnn_prior::{Normal, Prior, Uniform, special};
use imnn_sim::Key;

use super::{ALL, prior_of};

/// `sqrt(n)` times the Kolmogorov-Smirnov distance to the standard normal law; its 99.9 % point is 1.95.
fn kolmogorov_smirnov(mut draws: Vec<f64>) -> f64 {
    draws.sort_by(f64::total_cmp);
    let n = draws.len() as f64;
    let distance = |(i, x): (usize, &f64)| {
        let cdf = special::normal_cdf(*x);
        (cdf - i as f64 / n).abs().max((cdf - (i + 1) as f64 / n).abs())
    };
    draws.iter().enumerate().map(distance).fold(0.0, f64::max) * n.sqrt()
}

#[test]
fn draws_have_their_laws() {
    for (k, text) in (0..).zip(ALL) {
        let prior = prior_of(&format!("x = {{ {text} }}"));
        let theta = prior.sample(Key::new(k), 20_000).unwrap();
        let phi = theta.iter().map(|&theta| prior.to_phi(&[theta]).unwrap()[0]).collect();
        assert!(kolmogorov_smirnov(phi) < 1.95, "{text}");
    }
}

#[test]
fn draw_k_depends_on_k_alone() {
    let prior = prior_of("a = { uniform = [0.0, 1.0] }\nb = { gamma = [2.0, 1.0] }");
    let (few, many) = (prior.sample(Key::new(3), 5).unwrap(), prior.sample(Key::new(3), 50).unwrap());
    for k in 0..5 {
        assert_eq!(few.row(k), many.row(k));
        assert_eq!(prior.draw(Key::new(3), k as u64).unwrap(), many.row(k));
    }
    assert_ne!(few, prior.sample(Key::new(4), 5).unwrap());
}

fn unit() -> Uniform {
    Uniform::new(0.0, 1.0).unwrap()
}

#[test]
fn constrained_priors_are_normalised_and_say_how_well() {
    let prior =
        Prior::builder().law("a", unit()).law("b", unit()).at_most(&[("a", 1.0), ("b", 1.0)], 1.0).build().unwrap();
    let acceptance = prior.acceptance();
    assert!((acceptance.value - 0.5).abs() < 4.0 * acceptance.error, "{acceptance:?}");
    assert!(acceptance.error < 0.003);
    assert!((prior.ln_density(&[0.2, 0.3]) - 2.0_f64.ln()).abs() < 0.01);
    assert_eq!(prior.ln_density(&[0.9, 0.3]), f64::NEG_INFINITY);
    assert_eq!(prior.ln_density_phi(&[2.0, 2.0]), f64::NEG_INFINITY);
    let draws = prior.sample(Key::new(1), 20_000).unwrap();
    assert!(draws.rows().into_iter().all(|row| row.sum() <= 1.0));
    // The mean over the triangle is 1/3, its variance 1/18.
    let mean = draws.column(0).mean().unwrap();
    assert!((mean - 1.0 / 3.0).abs() < 4.0 * (1.0 / 18.0f64 / 20_000.0).sqrt(), "{mean}");
    assert!(prior.to_toml().is_some());
    let odd = Prior::builder().law("a", unit()).predicate("above a third", |t| t[0] > 1.0 / 3.0).build().unwrap();
    assert!((odd.acceptance().value - 2.0 / 3.0).abs() < 0.01);
    assert_eq!(odd.to_toml(), None);
}

#[test]
fn rare_regions_are_measured_with_more_draws() {
    let prior = Prior::builder().law("z", Normal::new(0.0, 1.0).unwrap()).at_most(&[("z", 1.0)], -3.5).build().unwrap();
    let acceptance = prior.acceptance();
    assert_eq!(acceptance.draws, 1 << 20);
    assert!((acceptance.value - special::normal_cdf(-3.5)).abs() < 4.0 * acceptance.error, "{acceptance:?}");
    assert!(prior.draw(Key::new(0), 0).unwrap()[0] <= -3.5);
}

#[test]
fn improper_constraints_are_refused() {
    let message = |builder: imnn_prior::Builder| builder.build().unwrap_err().to_string();
    let two = || Prior::builder().law("a", unit()).law("b", unit());
    let empty = message(two().at_most(&[("a", 1.0)], 0.5).at_most(&[("a", -1.0)], -2.0));
    assert!(
        empty.starts_with(
            "of 1048576 draws of the prior 0 fulfil the constraints (\"-1 a <= -2\" alone refuses 100.000 %)"
        ),
        "{empty}"
    );
    assert_eq!(
        message(two().at_most(&[("aa", 1.0)], 0.5)),
        "constraint \"1 aa <= 0.5\": there is no parameter \"aa\"; did you mean \"a\"?"
    );
    assert!(message(two().at_most(&[("a", 0.0)], 0.5)).contains("all coefficients are 0"));
    assert!(message(two().at_most(&[("a", 1.0)], f64::NAN)).contains("finite"));
    assert!(message(two().predicate("never", |_| false)).contains("(\"never\" alone refuses 100.000 %)"));
}

#[test]
fn faults_of_names_and_numbers_are_named() {
    let message = |builder: imnn_prior::Builder| builder.build().unwrap_err().to_string();
    assert!(message(Prior::builder()).starts_with("the prior has no parameters"));
    assert_eq!(
        message(Prior::builder().law("a", unit()).law("a", unit())),
        "the parameter \"a\" has two laws; give it one"
    );
    assert_eq!(message(Prior::builder().law(" ", unit())), "a parameter has an empty name");
    assert_eq!(
        Uniform::new(1.0, 1.0).unwrap_err().to_string(),
        "uniform: high is 1, expected a finite number above low = 1.0"
    );
    assert_eq!(Normal::new(0.0, -1.0).unwrap_err().to_string(), "normal: sd is -1, expected a positive finite number");
    let far = imnn_prior::TruncatedNormal::new(0.0, 1.0, 50.0, 51.0).unwrap_err().to_string();
    assert!(far.contains("the law has nothing between them"), "{far}");
    let block =
        |covariance| message(Prior::builder().multivariate_normal(&["a", "b"], ndarray::array![0.0, 0.0], covariance));
    assert!(block(ndarray::array![[1.0, 1.0], [1.0, 1.0]]).contains("not positive definite"));
    assert!(
        block(ndarray::array![[1.0, 0.5], [0.2, 1.0]])
            .contains("covariance is not symmetric: [1][0] is 0.2 and [0][1] is 0.5")
    );
    assert!(block(ndarray::array![[1.0]]).contains("expected [2, 2]"));
    assert!(
        imnn_prior::Table::new([0.0, 1.0, 0.5], [0.0, 0.5, 1.0])
            .unwrap_err()
            .to_string()
            .contains("theta[2] = 0.5 is not above theta[1] = 1")
    );
    assert!(imnn_prior::Table::new([0.0, 1.0], [0.1, 1.0]).unwrap_err().to_string().contains("cdf goes from 0.1 to 1"));
}
