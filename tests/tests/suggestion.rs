//! Networks chosen by looking at simulations: data of any scale, and with long tails.

use crate::small::{DRAWS, THETA_FID};
use imnn::data::OnTheFly;
use imnn::device::Cpu;
use imnn::fit::{FitSettings, Imnn, Inputs, Suggestion, Weights};
use imnn::models::Element;
use imnn::sim::{FiniteDifferences, Key, Simulator};

/// Numbers of a simulation.
const N_DATA: usize = 10;

/// Each number from normal draws of its own, `n_draws` of them, and one parameter.
fn each_of_draws(n_draws: usize, number: fn(&[f64], f64) -> f64) -> impl Simulator + 'static {
    FiniteDifferences::new(1, vec![N_DATA], vec![0.01], move |key: Key, theta: &[f64], data: &mut [f64]| {
        let mut draws = vec![0.0; N_DATA * n_draws];
        key.fill_normal(&mut draws);
        data.iter_mut().zip(draws.chunks(n_draws)).for_each(|(d, draws)| *d = number(draws, theta[0]));
    })
    .unwrap()
}

fn suggestion<E: Element>(simulator: impl Simulator + 'static, theta_fid: &[f64]) -> Suggestion {
    let source = OnTheFly::new(simulator, theta_fid, 500, 500).unwrap();
    Suggestion::new::<E>(&source, theta_fid.len(), &Cpu::new(1).unwrap(), Key::new(5)).unwrap()
}

fn tried(suggestion: &Suggestion) -> Vec<Inputs> {
    suggestion.tried.iter().map(|(inputs, _)| *inputs).collect()
}

#[test]
fn normal_data_are_standardised_and_nothing_else_is_tried() {
    let suggestion = suggestion::<f32>(DRAWS, &THETA_FID);
    assert_eq!((suggestion.inputs, tried(&suggestion)), (Inputs::Standardised, vec![]));
    assert!(suggestion.to_string().starts_with("standardise, "), "{suggestion}");
}

/// `d = exp(theta + z)`.
#[test]
fn of_lognormal_data_the_logarithm_is_taken() {
    let suggestion = suggestion::<f32>(each_of_draws(1, |z, theta| (theta + z[0]).exp()), &[0.0]);
    assert_eq!(tried(&suggestion), [Inputs::Standardised, Inputs::Logarithm]);
    assert_eq!(suggestion.inputs, Inputs::Logarithm, "{suggestion}");
    assert!(suggestion.to_string().starts_with("\"log1p\", standardise, "), "{suggestion}");
}

/// `d = theta + t`, with Student's t of 3 degrees of freedom: F = 10 (3 + 1) / (3 + 3), a mean knows half of that.
#[test]
fn of_data_with_long_tails_on_both_sides_asinh_is_taken() {
    let student = |z: &[f64], theta: f64| theta + z[0] / ((z[1] * z[1] + z[2] * z[2] + z[3] * z[3]) / 3.0).sqrt();
    let suggestion = suggestion::<f32>(each_of_draws(4, student), &[0.0]);
    assert_eq!(tried(&suggestion), [Inputs::Standardised, Inputs::Asinh]);
    assert_eq!(suggestion.inputs, Inputs::Asinh, "{suggestion}");
    let exact = (N_DATA as f64 * 4.0 / 6.0).ln();
    assert!(suggestion.tried[1].1 > exact - 0.3 && suggestion.tried[0].1 < suggestion.tried[1].1, "{suggestion}");
}

/// Mean and variance of ten draws, each in units of its own from 1e-3 to 1e3 about 1e6, beside a constant: F is what it is
/// without units, diag(10, 5).
#[test]
fn data_of_any_scale_and_offset_are_trained_on() {
    let simulator =
        FiniteDifferences::new(2, vec![N_DATA + 1], vec![0.01, 0.01], |key: Key, theta: &[f64], data: &mut [f64]| {
            key.fill_normal(data);
            for (k, d) in data.iter_mut().enumerate() {
                let unit = if k == N_DATA { 0.0 } else { 10.0_f64.powf(6.0 * k as f64 / 9.0 - 3.0) };
                *d = 1e6 + unit * (theta[0] + theta[1].sqrt() * *d);
            }
        })
        .unwrap();
    let source = |n| OnTheFly::new(simulator.clone(), &THETA_FID, n, n).unwrap();
    let suggestion = Suggestion::new::<f64>(&source(500), 2, &Cpu::new(1).unwrap(), Key::new(5)).unwrap();
    assert_eq!((suggestion.inputs, tried(&suggestion)), (Inputs::Standardised, vec![]));
    let mut imnn = Imnn::<f64>::builder(suggestion.network).theta_fid(THETA_FID).training(source(500)).build().unwrap();
    imnn.fit(&FitSettings { round: Some(40), max_iterations: 40, ..FitSettings::default() }).unwrap();
    let found = imnn.measure(Weights::Best, &source(20_000), Key::new(77)).unwrap().det_f;
    // The scatter of 20,000 simulations is about one per cent.
    assert!(found > 0.95 * 50.0 && found < 1.04 * 50.0, "{found} of 50");
}
