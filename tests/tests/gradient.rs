//! The gradient that a device returns is that of the loss: against central differences in every kind of data.

use crate::small::{KINDS, conv_network, dense_network, draws, fields};
use imnn::data::Source;
use imnn::device::{Cotangents, Cpu, Device, Task};
use imnn::models::{Model, Network};
use imnn::sim::Key;
use imnn::stats::Loss;

fn check(network: Network, source: &dyn Source<f64>, what: &str) {
    let model = Model::new(network, source.input_shape()).unwrap();
    let weights = model.initialise::<f64>(Key::new(8));
    let loss = Loss::new(10.0, 0.1).unwrap();
    let device = Cpu::<f64>::new(2).unwrap();
    let evaluate = |weights: &[f64]| {
        let task = Task { model: &model, weights, source, key: Key::new(9) };
        let pass = device.forward(&task, true).unwrap();
        (loss.evaluate(pass.summaries.x.view(), pass.summaries.dx.view()).unwrap(), pass)
    };
    let (evaluation, pass) = evaluate(weights.values());
    let task = Task { model: &model, weights: weights.values(), source, key: Key::new(9) };
    let cotangents = Cotangents { x: evaluation.dloss_dx, dx: evaluation.dloss_ddx };
    let gradient = device.backward(&task, pass, &cotangents).unwrap();
    assert_eq!(gradient.len(), weights.values().len());

    let largest = gradient.iter().fold(0.0_f64, |largest, g| largest.max(g.abs()));
    for entry in model.layout().entries() {
        // One weight of every array is moved; steps of either sign must agree, or a kink lies between.
        let k = entry.offset + entry.len() / 2;
        let moved = |step: f64| {
            let mut weights = weights.values().to_vec();
            weights[k] += step;
            evaluate(&weights).0.value
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
