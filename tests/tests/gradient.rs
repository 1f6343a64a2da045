//! The gradient that a device returns is that of the loss: against central differences in every kind of data.

use crate::small::{KINDS, Kind, conv_network, dense_network, draws, fields};
use imnn::data::Source;
use imnn::device::{Cotangents, Cpu, Device, Task};
use imnn::fit::Imnn;
use imnn::models::{Layer, Model, Network, dense, gelu, leaky_relu, serial, softplus};
use imnn::sim::Key;
use imnn::stats::Loss;
use ndarray::Array2;

fn check(network: Network, source: &dyn Source<f64>, what: &str) {
    let model = Model::new(network, source.input_shape()).unwrap();
    let weights = model.initialise::<f64>(Key::new(8));
    let loss = Loss::new(10.0, 0.1).unwrap();
    let mut session = Cpu::<f64>::new(2).unwrap().load(&model).unwrap();
    let mut evaluate = |weights: &[f64], gradient: &mut [f64]| {
        let task = Task { weights, source, key: Key::new(9) };
        let summaries = session.forward(&task, true).unwrap();
        let evaluation = loss.evaluate(summaries.x.view(), summaries.dx.view()).unwrap();
        let cotangents = Cotangents { x: evaluation.dloss_dx.view(), dx: evaluation.dloss_ddx.view() };
        if !gradient.is_empty() {
            session.backward(&task, &cotangents, gradient).unwrap();
        }
        evaluation.value
    };
    let mut gradient = vec![0.0; weights.values().len()];
    evaluate(weights.values(), &mut gradient);

    let largest = gradient.iter().fold(0.0_f64, |largest, g| largest.max(g.abs()));
    for entry in model.layout().entries() {
        // One weight of every array is moved; steps of either sign must agree, or a kink lies between.
        let k = entry.offset + entry.len() / 2;
        let mut moved = |step: f64| {
            let mut weights = weights.values().to_vec();
            weights[k] += step;
            evaluate(&weights, &mut [])
        };
        let h = 1e-5;
        let difference = (8.0 * (moved(h) - moved(-h)) - (moved(2.0 * h) - moved(-2.0 * h))) / (12.0 * h);
        assert!(
            (gradient[k] - difference).abs() < 1e-5 * largest,
            "{what} {}: {} for {difference}",
            entry.name,
            gradient[k]
        );
    }
}

#[test]
fn gradients_of_every_kind_of_data() {
    for kind in KINDS {
        check(dense_network(), draws::<f64>(kind, 150, 6).as_ref(), &format!("{kind:?}"));
    }
    check(conv_network(), &fields(60), "augmented fields");
}

/// The gradient of the mean derivatives with respect to the biases of the first layer, and their differences over a step
/// that simulations cross kinks in: what backpropagation and the expectation make of it.
fn of_the_expectation(activation: Layer, source: &dyn Source<f64>) -> [Vec<f64>; 2] {
    let model = Model::new(serial([dense(4), activation, dense(2)]), source.input_shape()).unwrap();
    let weights = model.initialise::<f64>(Key::new(8));
    let mut session = Cpu::<f64>::new(2).unwrap().load(&model).unwrap();
    let (x, dx) = (Array2::zeros((source.n_s(), 2)), Array2::from_elem((2, 2), 1.0 / source.n_d() as f64));
    let mut evaluate = |weights: &[f64], gradient: &mut [f64]| {
        let task = Task { weights, source, key: Key::new(9) };
        let total = session.forward(&task, true).unwrap().dx.sum() / source.n_d() as f64;
        session.backward(&task, &Cotangents { x: x.view(), dx: dx.view() }, gradient).unwrap();
        total
    };
    let mut gradient = vec![0.0; weights.values().len()];
    evaluate(weights.values(), &mut gradient);
    let biases = model.layout().entries()[1].range();
    let mut unused = gradient.clone();
    let differences = biases.clone().map(|k| {
        let mut moved = |step: f64| {
            let mut weights = weights.values().to_vec();
            weights[k] += step;
            evaluate(&weights, &mut unused)
        };
        (moved(0.1) - moved(-0.1)) / 0.2
    });
    [gradient[biases.clone()].to_vec(), differences.collect()]
}

/// Backpropagation misses how kinks move, where derivatives are exact: `d(dmu)/dw` of leaky ReLU is nearly 0, for its
/// second derivative is 0 almost everywhere, and the expectation's is not.
#[test]
fn kinks_bias_the_gradient_with_exact_derivatives_alone() {
    let distance = |activation: Layer, kind| {
        let [gradient, differences] = of_the_expectation(activation, draws::<f64>(kind, 30_000, 1).as_ref());
        let norm = |v: &mut dyn Iterator<Item = f64>| v.map(|v| v * v).sum::<f64>().sqrt();
        norm(&mut gradient.iter().zip(&differences).map(|(a, b)| a - b)) / norm(&mut differences.iter().copied())
    };
    for smooth in [gelu(), softplus()] {
        assert!(distance(smooth.clone(), Kind::OnTheFly) < 0.02, "{smooth:?}");
    }
    assert!(distance(leaky_relu(), Kind::Numerical) < 0.1);
    assert!(distance(leaky_relu(), Kind::OnTheFly) > 0.5);
}

#[test]
fn a_network_that_would_be_trained_on_a_wrong_gradient_is_warned_of() {
    let warning = |activation: Layer, kind| {
        let network = serial([dense(4), activation, dense(2)]);
        Imnn::<f32>::builder(network)
            .theta_fid([0.0, 1.0])
            .training(draws(kind, 50, 1))
            .build()
            .unwrap()
            .warnings()
            .unwrap()
            .pop()
    };
    let found = warning(leaky_relu(), Kind::Exact).unwrap();
    assert!(found.contains("layers[1] (leaky_relu) has a kink") && found.contains("Take gelu"), "{found}");
    assert!(warning(leaky_relu(), Kind::OnTheFly).is_some());
    assert_eq!(warning(leaky_relu(), Kind::Numerical), None);
    assert_eq!(warning(gelu(), Kind::Exact), None);
}
