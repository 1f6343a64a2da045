//! Every activation and every layer on a device, the CPU or with `IMNN_DEVICE=cuda` the first GPU, against its definition.

use imnn::data::Arrays;
use imnn::device::{Cotangents, Cpu, Device, Session, Task};
use imnn::models::{
    Activation, Element, Layer, Model, Network, Padding, avg_pool, concat, conv, dense, flatten, gelu, global_avg_pool,
    global_max_pool, max_pool, reshape, residual, serial, sigmoid, slice, standardise, sum, tanh,
};
use imnn::ndarray::{Array2, ArrayD, Ix2};
use imnn::sim::Key;
use imnn_tests::device;

/// A name, the network, and the shape of its data.
type Case = (String, Network, Vec<usize>);

/// A network of its own for each activation, after weights and, where it needs numbers above -1, after a sigmoid.
fn activations() -> Vec<Case> {
    let network = |f: Activation| {
        let before = if f == Activation::Log1p { sigmoid() } else { Activation::Identity.into() };
        serial([dense(9), before, f.into(), dense(7), tanh(), dense(2)])
    };
    Activation::ALL.into_iter().map(|f| (f.name().to_owned(), network(f), vec![5])).collect()
}

/// Convolutions and pools in one, two and three dimensions, with every padding and with strides; and what joins layers.
fn layers() -> Vec<Case> {
    let shapes: [&[usize]; 3] = [&[9, 2], &[6, 5, 2], &[4, 3, 5, 2]];
    let mut cases = Vec::new();
    let mut push = |name: String, layers: Vec<Layer>, shape: &[usize]| {
        // Something smooth on both sides, so that tangents and gradients pass through all of it.
        let first = conv(3, &vec![1; shape.len() - 1], &vec![1; shape.len() - 1], Padding::Same);
        let layers = [first, gelu()].into_iter().chain(layers).chain([tanh(), flatten(), dense(2)]);
        cases.push((name, serial(layers), shape.to_vec()));
    };
    for shape in shapes {
        let d = shape.len() - 1;
        for padding in [Padding::Same, Padding::Valid, Padding::Circular] {
            for (window, stride) in [(3, 1), (2, 2), (3, 2)] {
                let (window, stride) = (vec![window; d], vec![stride; d]);
                let name = format!("{d} dimensions, {padding:?}, {window:?} by {stride:?}");
                push(format!("convolution, {name}"), vec![conv(4, &window, &stride, padding)], shape);
                push(format!("maxima, {name}"), vec![max_pool(&window, &stride, padding)], shape);
                push(format!("means, {name}"), vec![avg_pool(&window, &stride, padding)], shape);
            }
        }
        push(format!("maximum of all, {d}"), vec![global_max_pool()], shape);
        push(format!("mean of all, {d}"), vec![global_avg_pool()], shape);
        let one = |filters: usize| serial([conv(filters, &vec![1; d], &vec![1; d], Padding::Same)]);
        push(
            format!("standardised, {d}"),
            vec![standardise(&[0.5], &[2.0]), standardise(&[1.0, -0.5, 0.0], &[1.0, 0.1, 3.0])],
            shape,
        );
        let line: usize = shape[1..d].iter().product::<usize>() * 3;
        let lines = [&[3], &shape[1..d], &[3]].concat();
        push(format!("sliced, {d}"), vec![slice(line, &lines)], shape);
        push(format!("side by side, {d}"), vec![concat([one(2), one(3), serial([gelu()])])], shape);
        push(format!("added, {d}"), vec![sum([one(3), serial([tanh()])])], shape);
        push(format!("residual, {d}"), vec![residual(one(3))], shape);
    }
    let network = serial([reshape(&[5, 6, 1]), conv(2, &[3, 3], &[1, 1], Padding::Same), tanh(), flatten(), dense(2)]);
    cases.push(("reshaped".into(), network, vec![30]));
    let means: Vec<f64> = (0..300).map(|c| f64::from(c % 7) / 8.0).collect();
    cases.push((
        "standardised data".into(),
        serial([standardise(&means, &[0.5]), dense(4), tanh(), dense(2)]),
        vec![300],
    ));
    cases
}

/// Summaries, their derivatives and a gradient.
fn passes<E: Element>(session: &mut dyn Session<E>, model: &Model) -> [Vec<f64>; 3] {
    let (n_s, n_d, p) = (13, 9, 2);
    let normal = |purpose: u64, shape: &[usize]| {
        let mut values = vec![0.0; shape.iter().product()];
        Key::new(6).fold_in(purpose).fill_normal(&mut values);
        ArrayD::from_shape_vec(shape.to_vec(), values).unwrap()
    };
    let data = |purpose: u64, first: usize, last: &[usize]| {
        normal(purpose, &[&[first], model.input_shape(), last].concat()).mapv(E::of)
    };
    let source = Arrays::exact(data(0, n_s, &[]), data(1, n_d, &[p])).unwrap();
    let matrix = |purpose: u64, shape: [usize; 2]| -> Array2<f64> {
        normal(purpose, &shape).into_dimensionality::<Ix2>().unwrap()
    };
    let (x, dx) = (matrix(2, [n_s, 2]), matrix(3, [2, p]));
    let weights = model.initialise::<E>(Key::new(1));
    let task = Task { weights: weights.values(), source: &source, key: Key::new(0) };
    let made = session.forward(&task, true).unwrap().clone();
    let mut gradient = vec![E::nan(); weights.values().len()];
    session.backward(&task, &Cotangents { x: x.view(), dx: dx.view() }, &mut gradient).unwrap();
    [made.x.into_iter().collect(), made.dx.into_iter().collect(), gradient.iter().map(|g| g.f64()).collect()]
}

fn check<E: Element>((name, network, shape): &Case, tolerance: f64) {
    let model = Model::new(network.clone(), shape).unwrap();
    let definition = Cpu::<f64>::new(1).unwrap().with_dfdx();
    let expected = passes(definition.load(&model).unwrap().as_mut(), &model);
    let found = passes(device::<E>().load(&model).unwrap().as_mut(), &model);
    for (what, (found, expected)) in ["x", "dx", "gradient"].iter().zip(found.iter().zip(&expected)) {
        let largest = expected.iter().fold(0.0, |m: f64, v| m.max(v.abs()));
        let worst = found.iter().zip(expected).fold(0.0, |m: f64, (a, b)| m.max((a - b).abs()));
        assert!(largest > 0.0 && largest.is_finite(), "{name}, {what}: {largest}");
        // A difference that is no number is none below the tolerance.
        assert!(found.iter().all(|v| v.is_finite()) && worst <= tolerance * largest, "{name}, {what}: {worst:e}");
    }
}

#[test]
fn every_activation_is_that_of_its_definition() {
    for case in activations() {
        check::<f32>(&case, 1e-4);
        check::<f64>(&case, 1e-10);
    }
}

#[test]
fn every_layer_is_that_of_its_definition() {
    for case in layers() {
        check::<f32>(&case, 1e-4);
        check::<f64>(&case, 1e-10);
    }
}
