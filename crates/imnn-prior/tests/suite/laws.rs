//! Densities, distribution functions and quantiles against scipy's.

use imnn_prior::{Law, Table};
use serde_json::Value;

use super::{ALL, prior_of};

fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(|number| number.as_f64().unwrap()).collect()
}

#[test]
fn laws_are_those_of_scipy() {
    let all: Value = serde_json::from_str(include_str!("../scipy/laws.json")).unwrap();
    for entry in all.as_array().unwrap() {
        let text = entry["law"].as_str().unwrap();
        let prior = prior_of(&format!("x = {{ {text} }}"));
        let law = prior.laws()[0].unwrap();
        let end = law.support().into_iter().filter(|end| end.is_finite()).fold(0.0, |end: f64, x| end.max(x.abs()));
        // scipy's own quantiles have 1e-9 where it solves for them; its survival functions of truncated laws less.
        let check = |what: &str, found: f64, expected: f64, tolerance: f64| {
            let near = (found - expected).abs() <= tolerance * expected.abs() + 1e-15 * end;
            assert!(near, "{text}: {what} is {found:e}, by scipy {expected:e}");
        };
        let [low, high] = law.support();
        for ((p, lower), upper) in
            numbers(&entry["p"]).iter().zip(numbers(&entry["quantile"])).zip(numbers(&entry["upper_quantile"]))
        {
            check("a quantile", law.quantile(*p), lower, 1e-9);
            check("an upper quantile", law.upper_quantile(*p), upper, 1e-9);
            // The quantiles themselves are better: the distribution function gives p back, but for the rounding of
            // theta.
            let rounding = |theta: f64| 4.0 * f64::EPSILON * theta.abs() * law.ln_density(theta).exp();
            for (theta, value) in [
                (law.quantile(*p), law.cdf(law.quantile(*p))),
                (law.upper_quantile(*p), law.survival(law.upper_quantile(*p))),
            ] {
                assert!((value - p).abs() < 2e-12 * p + rounding(theta), "{text}: {p} comes back as {value:e}");
            }
        }
        for k in 0..5 {
            let theta = numbers(&entry["theta"])[k];
            check("ln p", law.ln_density(theta), numbers(&entry["ln_density"])[k], 1e-10);
            check("F", law.cdf(theta), numbers(&entry["cdf"])[k], 1e-9);
            check("1 - F", law.survival(theta), numbers(&entry["survival"])[k], 1e-9);
        }
        for outside in [low - 1.0, high + 1.0, f64::NAN] {
            // Not above minus infinity: NaN may stay NaN here, `Prior::ln_density` makes it minus infinity.
            assert!(
                outside.is_infinite() || law.ln_density(outside).max(f64::NEG_INFINITY) == f64::NEG_INFINITY,
                "{text} at {outside}"
            );
        }
    }
}

#[test]
fn densities_are_slopes_of_distribution_functions_and_have_the_slopes_they_say() {
    for text in ALL {
        let prior = prior_of(&format!("x = {{ {text} }}"));
        let law = prior.laws()[0].unwrap();
        for phi in [-2.0, -0.7, 0.1, 0.9, 2.1] {
            let theta = law.to_theta(phi);
            let step = 1e-5 * law.slope(phi, theta);
            let slope = (law.cdf(theta + step) - law.cdf(theta - step)) / (2.0 * step);
            assert!((slope / law.ln_density(theta).exp() - 1.0).abs() < 1e-6, "{text} at {theta}: {slope}");
            let of_ln = (law.ln_density(theta + step) - law.ln_density(theta - step)) / (2.0 * step);
            let said = law.ln_density_slope(theta).unwrap();
            assert!(
                (of_ln - said).abs() < 1e-4 * (said.abs() + 1.0),
                "{text} at {theta}: {said}, by differences {of_ln}"
            );
        }
    }
}

#[test]
fn the_distribution_function_of_a_table_is_linear_between_its_points() {
    let law = Table::new([0.0, 1.0, 3.0], [0.0, 0.5, 1.0]).unwrap();
    assert_eq!((law.cdf(0.5), law.cdf(2.0), law.survival(2.0)), (0.25, 0.75, 0.25));
    assert_eq!((law.quantile(0.25), law.upper_quantile(0.25)), (0.5, 2.0));
    assert_eq!(law.ln_density(2.0), 0.25_f64.ln());
}
