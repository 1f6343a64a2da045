//! Muon on the parameters of networks; the singular values of its steps are tested beside the iteration.

use super::*;
use crate::{Clip, OptimiserConfig, dense, serial, tanh};
use approx::{assert_abs_diff_eq, assert_relative_eq};
use imnn_sim::{Key, Real};
use std::ops::Range;

/// Weights 3 x 8 and 8 x 8 in hidden layers, 8 x 2 in the last.
fn model() -> Model {
    Model::new(serial([dense(8), tanh(), dense(8), tanh(), dense(2)]), &[3]).unwrap()
}

fn of<E: Number>(optimiser: impl Optimiser<E>, model: &Model) -> Box<dyn Optimiser<E>> {
    optimiser.for_model(model).unwrap()
}

fn gradient<E: Real>(iteration: u64, n: usize) -> Vec<E> {
    let mut gradient = vec![0.0; n];
    Key::new(8).fold_in(iteration).fill_normal(&mut gradient);
    gradient.into_iter().map(E::of).collect()
}

/// Weights and state after these updates, from zero or from what others have left.
fn after<E: Number>(
    optimiser: &dyn Optimiser<E>,
    n: usize,
    iterations: Range<u64>,
    from: Option<(Vec<E>, OptimiserState<E>)>,
) -> (Vec<E>, OptimiserState<E>) {
    let (mut w, mut state) = from.unwrap_or_else(|| (vec![E::zero(); n], optimiser.initialise(n)));
    for iteration in iterations {
        optimiser.update(iteration, &mut gradient(iteration, n), &mut state, &mut w);
    }
    (w, state)
}

#[test]
fn hidden_matrices_move_along_orthogonal_ones_and_the_rest_as_with_adam() {
    let (model, rate, mu) = (model(), Schedule::Exponential { start: 0.1, factor: 0.5, iterations: 1 }, 0.9);
    let n = model.layout().len();
    let muon = of(Muon::new(rate.clone()).unwrap().momentum(mu).unwrap(), &model);
    let (w, state) = after::<f64>(&*muon, n, 0..2, None);
    let (adam_w, adam_state) = after::<f64>(&Adam::new(rate.clone()).unwrap(), n, 0..2, None);
    let hidden = ["layers/0/weight", "layers/1/weight"];
    for entry in model.layout().entries() {
        let at = || entry.range();
        if !hidden.contains(&&*entry.name) {
            assert_eq!(w[at()], adam_w[at()], "{}", entry.name);
            for slot in ["m", "v"] {
                assert_eq!(state.get(slot).unwrap()[at()], adam_state.get(slot).unwrap()[at()], "{}", entry.name);
            }
            continue;
        }
        let shape = [entry.shape[0], entry.shape[1]];
        let mut expected = vec![0.0; entry.len()];
        let mut m = vec![0.0; entry.len()];
        for iteration in 0..2 {
            let g = &gradient::<f64>(iteration, n)[at()];
            m.iter_mut().zip(g).for_each(|(m, g)| *m = mu * *m + (1.0 - mu) * g);
            let mut u: Vec<f64> = m.iter().zip(g).map(|(m, g)| mu * m + (1.0 - mu) * g).collect();
            newton_schulz::NewtonSchulz::new([shape].into_iter()).orthogonalise(&mut u, shape);
            let step = rate.rate(iteration) * 0.2 * 8_f64.sqrt();
            expected.iter_mut().zip(u).for_each(|(w, o)| *w -= step * o);
        }
        assert_relative_eq!(w[at()], expected[..], max_relative = 1e-12);
        assert_relative_eq!(state.get("m").unwrap()[at()], m[..], max_relative = 1e-12);
        assert!(state.get("v").unwrap()[at()].iter().all(|&v| v == 0.0));
    }
}

/// The root mean square of a step is 0.2 rate for any shape, up to the singular values that are not quite 1.
#[test]
fn steps_of_matrices_are_as_long_as_those_of_adam() {
    for (n_in, n_out) in [(2, 50), (50, 2), (16, 16)] {
        let model = Model::new(serial([dense(n_out), tanh(), dense(1)]), &[n_in]).unwrap();
        let (w, _) = after::<f64>(&*of(Muon::new(1e-2).unwrap(), &model), model.layout().len(), 0..1, None);
        let matrix = &w[model.layout().entries()[0].range()];
        let rms = (matrix.iter().map(|w| w * w).sum::<f64>() / matrix.len() as f64).sqrt();
        assert!(rms > 0.68 * 2e-3 && rms < 1.21 * 2e-3, "{n_in} x {n_out}: {rms}");
    }
}

#[test]
fn a_transposed_matrix_gives_the_transposed_update() {
    let step = |n_in: usize, n_out: usize, turn: bool| {
        let model = Model::new(serial([dense(n_out), tanh(), dense(1)]), &[n_in]).unwrap();
        let mut g = vec![0.0; model.layout().len()];
        let numbers: Vec<f64> = gradient(0, n_in * n_out);
        for (k, &number) in numbers.iter().enumerate() {
            g[if turn { k % n_in * n_out + k / n_in } else { k }] = number;
        }
        let (muon, mut w) = (of::<f64>(Muon::new(0.1).unwrap(), &model), vec![0.0; g.len()]);
        muon.update(0, &mut g, &mut muon.initialise(w.len()), &mut w);
        w[..n_in * n_out].to_vec()
    };
    let (wide, tall) = (step(3, 7, false), step(7, 3, true));
    for k in 0..21 {
        assert_abs_diff_eq!(wide[k], tall[k % 7 * 3 + k / 7], epsilon = 1e-13);
    }
}

/// Before it is shown a network, it knows no matrices.
#[test]
fn without_a_network_all_is_adam() {
    let (muon, adam) = (Muon::new(0.1).unwrap(), Adam::new(0.1).unwrap());
    assert_eq!(after::<f32>(&muon, 20, 0..3, None), after::<f32>(&adam, 20, 0..3, None));
    let update = Optimiser::<f32>::device_update(&muon).unwrap();
    assert_eq!(update.kernel, "adam");
    assert_eq!(update.coefficients::<f32>(3), Optimiser::<f32>::device_update(&adam).unwrap().coefficients::<f32>(3));
    assert!(Optimiser::<f32>::for_model(&adam, &model()).is_none());
}

#[test]
fn limits_and_run_files_pass_the_network_on() {
    let (model, limit) = (model(), 0.5);
    let n = model.layout().len();
    let config: OptimiserConfig =
        toml::from_str("clip_value = 0.5\n[muon]\nmomentum = 0.8\nbeta1 = 0.7\nschedule = { steps = { start = 0.1, factor = 0.1, at = [1] } }")
            .unwrap();
    let schedule = Schedule::Steps { start: 0.1, factor: 0.1, at: vec![1] };
    let muon = Muon::new(schedule).unwrap().momentum(0.8).unwrap().beta1(0.7).unwrap();
    assert_eq!(config.optimiser(), &muon.clone().into());
    let clipped = of::<f32>(Box::new(config), &model);
    assert_eq!(clipped.name(), "muon");
    assert!(clipped.device_update().is_none());

    let (plain, mut w) = (of::<f32>(muon, &model), vec![0.0; n]);
    let mut state = plain.initialise(n);
    for iteration in 0..3 {
        let mut limited = gradient(iteration, n);
        Clip::Value(limit).apply(&mut limited);
        plain.update(iteration, &mut limited, &mut state, &mut w);
    }
    assert_eq!(after(&*clipped, n, 0..3, None), (w, state));
}

#[test]
fn a_state_that_was_saved_goes_on_with_the_same_bits() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("optimiser.safetensors");
    let model = model();
    let n = model.layout().len();
    let muon = || of::<f32>(Muon::new(0.1).unwrap(), &model);
    let whole = after(&*muon(), n, 0..6, None);
    let (w, state) = after(&*muon(), n, 0..3, None);
    state.save(&path).unwrap();
    let loaded = OptimiserState::load(&path).unwrap();
    muon().check(&loaded, n).unwrap();
    assert_eq!(after(&*muon(), n, 3..6, Some((w, loaded))), whole);
    let error = muon().check(&OptimiserState::zeros(&["v"], n), n).unwrap_err().to_string();
    assert!(error.contains("(for muon)") && error.contains("\"m\" is missing"), "{error}");
}

#[test]
fn a_gradient_that_is_not_finite_stays_visible() {
    let model = model();
    let n = model.layout().len();
    let (muon, mut g, mut w) = (of::<f64>(Muon::new(0.1).unwrap(), &model), gradient(0, n), vec![0.0; n]);
    g[5] = f64::NAN;
    muon.update(0, &mut g, &mut muon.initialise(n), &mut w);
    assert!(w[..24].iter().all(|w| w.is_nan()) && w[24..].iter().all(|w| w.is_finite()));
}

#[test]
#[should_panic(expected = "one entry per parameter of the network")]
fn the_parameters_of_another_network_are_refused() {
    after::<f64>(&*of(Muon::new(0.1).unwrap(), &model()), 10, 0..1, None);
}

#[test]
fn settings_out_of_range_are_refused() {
    let message = |result: Result<Muon>| result.unwrap_err().to_string();
    assert_eq!(message(Muon::new(-1.0)), "learning_rate is -1, it must be finite and not negative");
    let muon = Muon::new(1e-3).unwrap();
    assert_eq!(message(muon.clone().momentum(1.0)), "momentum is 1, it must be at least 0 and below 1");
    assert_eq!(message(muon.clone().beta1(f64::NAN)), "beta1 is NaN, it must be at least 0 and below 1");
    assert_eq!(message(muon.clone().beta2(-0.1)), "beta2 is -0.1, it must be at least 0 and below 1");
    assert_eq!(message(muon.epsilon(0.0)), "epsilon is 0, it must be positive and finite");
    let refused = |text: &str, message: &str| {
        let error = toml::from_str::<OptimiserConfig>(text).unwrap_err().to_string();
        assert!(error.contains(message), "{error}");
    };
    refused("muon = { momentum = 1 }", "optimiser.muon.momentum: momentum is 1, it must be at least 0 and below 1");
    refused("muon = { nesterov = true }", "optimiser.muon: unknown key \"nesterov\"");
    refused("moun = {}", "did you mean \"muon\"?");
}
