//! Networks of the original package on a device: summaries, their derivatives and weight gradients, in both precisions.
//!
//! The definition of each layer is compared with the same files in imnn-models; here what runs is a device's session, on
//! the CPU or, with `IMNN_DEVICE=cuda`, on the first GPU. Devices return the mean of the derivatives over simulations, so
//! that a simulation at a time is run: its mean is its own derivative.

use imnn::data::Arrays;
use imnn::device::{Cotangents, Device, Task};
use imnn::models::{
    Activation, Element, Join, Layer, Model, Network, Padding, Parallel, Parameters, conv, dense, flatten, max_pool,
    serial,
};
use imnn::sim::Key;
use imnn_tests::{Golden, cases, device};
use ndarray::{Array2, ArrayD, Axis, Ix2};
use serde_json::Value;

fn sizes(value: &Value) -> Vec<usize> {
    value.as_array().unwrap().iter().map(|n| n.as_u64().unwrap() as usize).collect()
}

/// The layer list of the manifest as a [`Network`].
fn network(description: &Value) -> Network {
    serial(description.as_array().unwrap().iter().map(layer))
}

fn layer(value: &Value) -> Layer {
    let out = || value["out"].as_u64().unwrap() as usize;
    match value["type"].as_str().unwrap() {
        "dense" => dense(out()),
        "activation" => {
            let name = value["name"].as_str().unwrap();
            Activation::ALL.into_iter().find(|a| a.name() == name).unwrap().into()
        }
        "conv2d" => conv(out(), &sizes(&value["kernel"]), &sizes(&value["strides"]), Padding::Same),
        "max_pool2d" => max_pool(&sizes(&value["window"]), &sizes(&value["strides"]), Padding::Same),
        "flatten" => flatten(),
        "parallel_concat_channels" => {
            let branches = value["branches"].as_array().unwrap().iter().map(network).collect();
            Parallel { branches, join: Join::Concat }.into()
        }
        other => panic!("layer {other} of the manifest is not known"),
    }
}

/// The largest difference relative to the largest entry.
fn difference(ours: &[f64], golden: &[f64]) -> f64 {
    assert_eq!(ours.len(), golden.len());
    let scale = golden.iter().fold(0.0_f64, |m, v| m.max(v.abs()));
    ours.iter().zip(golden).fold(0.0_f64, |m, (a, b)| m.max((a - b).abs())) / scale
}

fn flat(array: &ArrayD<f64>) -> Vec<f64> {
    array.iter().copied().collect()
}

fn check<E: Element>(name: &str, case: &Value, tolerance: f64) {
    let mut golden = Golden::open(name);
    let (d, dd) = (golden.real::<E>("d"), golden.real::<E>("dd"));
    let (n, n_d) = (d.len_of(Axis(0)), dd.len_of(Axis(0)));
    let model = Model::new(network(&case["network"]), &sizes(&case["input_shape"])).unwrap();
    let entries = model.layout().entries();
    let weights: Vec<E> = entries.iter().flat_map(|entry| golden.real::<E>(&entry.name).into_iter()).collect();
    let (x, dx) = (golden.array("x"), golden.array("dx"));
    let (c_x, c_dx) = (golden.array("dloss_dx"), golden.array("dloss_ddx"));
    let n_summaries = model.n_summaries();

    let mut session = device::<E>().load(&model).unwrap();
    let (mut summaries, mut derivatives) = (Vec::new(), Vec::new());
    let mut gradient = vec![0.0; weights.len()];
    for i in 0..n {
        let one = d.slice_axis(Axis(0), (i..=i).into()).to_owned();
        let source = match i < n_d {
            true => Arrays::exact(one, dd.slice_axis(Axis(0), (i..=i).into()).to_owned()),
            false => Arrays::data(one, name),
        };
        let source = source.unwrap();
        let task = Task { weights: &weights, source: &source, key: Key::new(0) };
        let made = session.forward(&task, true).unwrap();
        summaries.extend(made.x.iter().copied());
        derivatives.extend(made.dx.iter().copied());
        let c_x = Array2::from_shape_vec((1, n_summaries), flat(&c_x.index_axis(Axis(0), i).to_owned())).unwrap();
        let c_dx = match i < n_d {
            true => c_dx.index_axis(Axis(0), i).into_owned().into_dimensionality::<Ix2>().unwrap(),
            false => Array2::zeros((n_summaries, 0)),
        };
        let mut own = vec![E::zero(); weights.len()];
        session.backward(&task, &Cotangents { x: c_x.view(), dx: c_dx.view() }, &mut own).unwrap();
        gradient.iter_mut().zip(own).for_each(|(sum, own)| *sum += own.f64());
    }
    assert!(difference(&summaries, &flat(&x)) < tolerance, "{name} x");
    assert!(difference(&derivatives, &flat(&dx)) < tolerance, "{name} dx");

    let gradient = Parameters::new(gradient, model.layout().clone()).unwrap();
    let largest = gradient.values().iter().fold(0.0_f64, |m, v| m.max(v.abs()));
    for (index, entry) in entries.iter().enumerate() {
        let (ours, expected) = (gradient.entry(index), golden.array(&entry.name.replace("layers", "grad")));
        if index + 1 == entries.len() {
            // The last bias shifts all summaries alike: its gradient is zero but for rounding.
            assert!(ours.iter().all(|g| g.abs() < tolerance * largest), "{name} {}", entry.name);
        } else {
            let found = difference(ours, &flat(&expected));
            assert!(found < tolerance, "{name} {}: {found:e}", entry.name);
        }
    }
}

fn check_all<E: Element>(tolerance: f64) {
    let cases = cases("net_");
    assert_eq!(cases.len(), 8);
    for (name, case) in &cases {
        check::<E>(name, case, tolerance);
    }
}

#[test]
fn networks_in_double_precision() {
    check_all::<f64>(1e-9);
}

#[test]
fn networks_in_single_precision() {
    check_all::<f32>(5e-5);
}
