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
