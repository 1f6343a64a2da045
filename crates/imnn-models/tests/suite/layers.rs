//! Tangents and gradients of random networks of every layer.
//!
//! Three independent checks: tangents against central differences of the values, gradients (through values and tangents)
//! against central differences of what they are the gradient of, and forward mode against reverse mode, exactly.
//! Differences mean nothing across a kink (ReLU at 0, a tie in a max-pool): a case whose differences at two step sizes, or
//! on the two sides, disagree is left out. proptest fails if more than one in four is.

use crate::networks::{Draws, Shift, input_shape, network};
use imnn_models::layers::{AvgPool, Conv, MaxPool, Parallel};
use imnn_models::{Batch, Element, Model, Network, Output, Padding, backward, custom, forward};
use imnn_sim::{Key, Real};
use proptest::prelude::*;
use std::collections::BTreeSet;

/// Step of the central differences.
const STEP: f64 = 2e-5;
/// Error allowed, relative to the scale of the numbers. Rounding is 1e-11, truncation below the change that half the step
/// makes, which is held to this too.
const TOLERANCE: f64 = 1e-7;

/// A random network with data, tangents, weights and cotangents, all of order one.
#[derive(Debug)]
struct Case {
    model: Model,
    n: usize,
    n_params: usize,
    weights: Vec<f64>,
    values: Vec<f64>,
    tangents: Vec<f64>,
    cotangents: Output<f64>,
}

impl Case {
    fn new(network: Network, input: &[usize], n: usize, n_params: usize, key: Key) -> Self {
        let model = Model::new(network, input).unwrap();
        let normals = |purpose: u64, n: usize, scale: f64| -> Vec<f64> {
            let mut values = vec![0.0; n];
            key.fold_in(purpose).fill_normal(&mut values);
            values.iter_mut().for_each(|v| *v *= scale);
            values
        };
        let (size, n_summaries) = (model.input_size(), model.n_summaries());
        let cotangents =
            Output { values: normals(3, n * n_summaries, 1.0), tangents: normals(4, n * n_params * n_summaries, 1.0) };
        Case {
            weights: normals(0, model.layout().len(), 0.5),
            values: normals(1, n * size, 1.0),
            tangents: normals(2, n * n_params * size, 1.0),
            cotangents,
            model,
            n,
            n_params,
        }
    }

    fn random(numbers: &[u16], seed: u64) -> Self {
        let mut draws = Draws::new(numbers);
        let input = input_shape(&mut draws);
        let network = network(&mut draws, &input);
        Case::new(network, &input, 1 + seed as usize % 3, 1 + seed as usize / 3 % 2, Key::new(seed))
    }

    fn batch(&self) -> Batch<'_, f64> {
        Batch { n: self.n, values: &self.values, tangents: &self.tangents }
    }

    fn output(&self) -> Output<f64> {
        forward(&self.model, &self.weights, &self.batch()).unwrap()
    }

    fn gradient(&self) -> Vec<f64> {
        let mut gradient = vec![0.0; self.weights.len()];
        backward(&self.model, &self.weights, &self.batch(), &self.cotangents, &mut gradient).unwrap();
        gradient
    }

    /// `sum(c x) + sum(c_t dx)`, whose gradient [`Case::gradient`] is, at the weights moved along a direction.
    fn objective(&self, direction: &[f64], step: f64) -> f64 {
        let weights: Vec<f64> = self.weights.iter().zip(direction).map(|(w, u)| w + step * u).collect();
        let output = forward(&self.model, &weights, &self.batch()).unwrap();
        dot(&output.values, &self.cotangents.values) + dot(&output.tangents, &self.cotangents.tangents)
    }

    /// Values at the data moved along their tangents with respect to parameter `a`.
    fn moved(&self, a: usize, step: f64) -> Vec<f64> {
        let size = self.model.input_size();
        let mut values = self.values.clone();
        for i in 0..self.n {
            let tangent = &self.tangents[(i * self.n_params + a) * size..][..size];
            values[i * size..][..size].iter_mut().zip(tangent).for_each(|(v, t)| *v += step * t);
        }
        let batch = Batch { n: self.n, values: &values, tangents: &[] };
        forward(&self.model, &self.weights, &batch).unwrap().values
    }
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

fn largest(values: &[f64]) -> f64 {
    values.iter().fold(0.0, |m, v| v.abs().max(m))
}

/// Central differences of `f` at 0 for each entry, with their scale, or none if there is a kink near.
fn differences(f: impl Fn(f64) -> Vec<f64>) -> Option<(Vec<f64>, f64)> {
    let [low, half_low, middle, half_high, high] = [-1.0, -0.5, 0.0, 0.5, 1.0].map(|factor| f(factor * STEP));
    let central: Vec<f64> = half_high.iter().zip(&half_low).map(|(a, b)| (a - b) / STEP).collect();
    let scale = largest(&middle).max(largest(&central)).max(1.0);
    for k in 0..central.len() {
        let wide = (high[k] - low[k]) / (2.0 * STEP);
        let bend = (high[k] - 2.0 * middle[k] + low[k]) / STEP;
        // Written so that a NaN is not smooth either.
        let smooth = (wide - central[k]).abs() < TOLERANCE * scale && bend.abs() < 1e-2 * scale;
        if !smooth {
            return None;
        }
    }
    Some((central, scale))
}

/// Whether the network gives the same in f32, relative to the largest entry, unless rounding alone moves it so far.
///
/// All that goes in is of order one, hence errors of smaller results are measured in ones: the slope `1 - t^2` of a
/// saturated tanh, say, has the rounding error of 1.
fn single_precision(case: &Case) -> Result<(), TestCaseError> {
    let narrow = |values: &[f64]| -> Vec<f32> { values.iter().map(|&v| v as f32).collect() };
    let wide = |values: &[f32]| -> Vec<f64> { values.iter().map(|v| v.f64()).collect() };
    fn all<E: Element>(
        case: &Case,
        weights: &[E],
        values: &[E],
        tangents: &[E],
        cotangents: &Output<E>,
    ) -> [Vec<E>; 3] {
        let batch = Batch { n: case.n, values, tangents };
        let output = forward(&case.model, weights, &batch).unwrap();
        let mut gradient = vec![E::zero(); weights.len()];
        backward(&case.model, weights, &batch, cotangents, &mut gradient).unwrap();
        [output.values, output.tangents, gradient]
    }
    let cotangents = Output { values: narrow(&case.cotangents.values), tangents: narrow(&case.cotangents.tangents) };
    let single = all(case, &narrow(&case.weights), &narrow(&case.values), &narrow(&case.tangents), &cotangents);
    let double = all(case, &case.weights, &case.values, &case.tangents, &case.cotangents);
    // What random roundings a little above those of f32 do in f64: where terms of the sums cancel, or a kink is near, f32
    // cannot do better.
    for round in 0..3 {
        let shake = |purpose: u64, values: &[f64]| -> Vec<f64> {
            let mut noise = vec![0.0; values.len()];
            Key::new(round).fold_in(purpose).fill_normal(&mut noise);
            values.iter().zip(noise).map(|(v, z)| v * (1.0 + 2.4e-7 * z)).collect()
        };
        let cotangents =
            Output { values: shake(0, &case.cotangents.values), tangents: shake(1, &case.cotangents.tangents) };
        let (weights, values, tangents) = (shake(2, &case.weights), shake(3, &case.values), shake(4, &case.tangents));
        let shaken = all(case, &weights, &values, &tangents, &cotangents);
        for (a, b) in double.iter().zip(&shaken) {
            let change = a.iter().zip(b).fold(0.0_f64, |m, (a, b)| m.max((a - b).abs()));
            prop_assume!(change <= 1e-5 * largest(a).max(1.0));
        }
    }
    for (name, (double, single)) in ["values", "tangents", "gradient"].into_iter().zip(double.iter().zip(&single)) {
        let single = wide(single);
        let scale = largest(double).max(1.0);
        for (k, (d, s)) in double.iter().zip(&single).enumerate() {
            prop_assert!((d - s).abs() <= 1e-4 * scale, "{name} {k}: {s} in f32, {d} in f64, scale {scale}");
        }
    }
    Ok(())
}

fn numbers() -> impl Strategy<Value = Vec<u16>> {
    prop::collection::vec(any::<u16>(), 60)
}

const CASES: u32 = 1000;

proptest! {
    #![proptest_config(ProptestConfig { cases: CASES, max_global_rejects: CASES / 4, ..ProptestConfig::default() })]

    /// A tangent is the derivative of the values along the data's tangent.
    #[test]
    fn tangents_are_derivatives_of_the_values(numbers in numbers(), seed in 0..1000_u64) {
        let case = Case::random(&numbers, seed);
        let output = case.output();
        let n_summaries = case.model.n_summaries();
        prop_assert_eq!(&output.values, &case.moved(0, 0.0), "values do not depend on tangents");
        for a in 0..case.n_params {
            let found = differences(|step| case.moved(a, step));
            prop_assume!(found.is_some());
            let (expected, scale) = found.unwrap();
            for i in 0..case.n {
                for s in 0..n_summaries {
                    let tangent = output.tangents[(i * case.n_params + a) * n_summaries + s];
                    let expected = expected[i * n_summaries + s];
                    prop_assert!(
                        (tangent - expected).abs() < TOLERANCE * scale,
                        "tangent {} of simulation {}, summary {}: {} instead of {}", a, i, s, tangent, expected
                    );
                }
            }
        }
    }

    /// The gradient, through values and tangents, is the derivative along random directions and single weights.
    #[test]
    fn gradients_are_derivatives_of_the_objective(numbers in numbers(), seed in 0..1000_u64) {
        let case = Case::random(&numbers, seed);
        let gradient = case.gradient();
        let n = gradient.len();
        prop_assume!(n > 0 || seed % 4 == 0);
        let mut directions = vec![vec![0.0; n]; 2];
        for (k, direction) in directions.iter_mut().enumerate() {
            Key::new(seed).fold_in(100 + k as u64).fill_normal(direction);
        }
        for k in (0..n).step_by(n.div_ceil(4).max(1)) {
            let mut single = vec![0.0; n];
            single[k] = 1.0;
            directions.push(single);
        }
        for direction in &directions {
            let found = differences(|step| vec![case.objective(direction, step)]);
            prop_assume!(found.is_some());
            let (expected, scale) = found.unwrap();
            let ours = dot(&gradient, direction);
            prop_assert!((ours - expected[0]).abs() < TOLERANCE * scale, "{} instead of {}", ours, expected[0]);
        }
    }

    /// `c . (J t)` by forward mode is `(J^T c) . t` by reverse mode, to rounding: no kinks to fear.
    #[test]
    fn forward_and_reverse_mode_agree(numbers in numbers(), seed in 0..1000_u64) {
        let mut draws = Draws::new(&numbers);
        let input = input_shape(&mut draws);
        let mut layers = network(&mut draws, &input);
        layers.layers.insert(0, custom(Shift));
        let mut case = Case::new(layers, &input, 1, 1, Key::new(seed));
        let forward_mode = dot(&case.output().tangents, &case.cotangents.values);
        // Only the values are weighted, so that the gradient of the shift is J^T c.
        case.cotangents.tangents.fill(0.0);
        let gradient = case.gradient();
        let shift = &gradient[case.model.layout().entries()[0].range()];
        let reverse_mode = dot(shift, &case.tangents);
        let scale = shift.iter().zip(&case.tangents).map(|(g, t)| (g * t).abs()).sum::<f64>().max(1e-300);
        prop_assert!((forward_mode - reverse_mode).abs() <= 1e-11 * scale, "{} {}", forward_mode, reverse_mode);
    }

    /// Single precision agrees with double precision.
    #[test]
    fn precisions_agree(numbers in numbers(), seed in 0..1000_u64) {
        single_precision(&Case::random(&numbers, seed))?;
    }
}

/// The random networks have every layer, and windows of every padding over one, two and three axes.
#[test]
fn every_layer_is_drawn() {
    fn visit(network: &Network, seen: &mut BTreeSet<String>) {
        for layer in &network.layers {
            seen.insert(layer.name().to_string());
            let (conv, parallel) = (layer.settings::<Conv>(), layer.settings::<Parallel>());
            let max = layer.settings::<MaxPool>().map(|pool| &pool.0);
            let pool = max.or(layer.settings::<AvgPool>().map(|pool| &pool.0));
            if let Some(conv) = conv {
                seen.insert(format!("conv {:?} {}", conv.padding, conv.kernel.len()));
            }
            if let Some(pool) = pool {
                seen.insert(format!("{} {:?} {}", layer.name(), pool.padding, pool.window.len()));
            }
            if let Some(parallel) = parallel {
                seen.insert(format!("{:?}", parallel.join));
                parallel.branches.iter().for_each(|branch| visit(branch, seen));
            }
        }
    }
    let mut seen = BTreeSet::new();
    for seed in 0..u64::from(CASES) {
        let mut rng = Key::new(seed).rng();
        let numbers: Vec<u16> = (0..60).map(|_| imnn_sim::rand::Rng::next_u32(&mut rng) as u16).collect();
        visit(Case::random(&numbers, seed).model.network(), &mut seen);
    }
    let plain = "dense conv max_pool avg_pool global_max_pool global_avg_pool standardise flatten reshape slice parallel relu \
                 leaky_relu tanh sigmoid softplus elu gelu selu exp asinh log1p identity bend Concat Sum";
    let mut expected: BTreeSet<String> = plain.split_whitespace().map(String::from).collect();
    for padding in [Padding::Same, Padding::Valid, Padding::Circular] {
        for rank in 1..4 {
            expected.extend(["conv", "max_pool", "avg_pool"].map(|name| format!("{name} {padding:?} {rank}")));
        }
    }
    assert_eq!(expected.difference(&seen).collect::<Vec<_>>(), Vec::<&String>::new());
}
