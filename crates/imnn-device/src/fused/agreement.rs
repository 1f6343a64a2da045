//! The fused engine against the definition on dfdx: summaries, tangents and gradients of random networks.

mod card;
mod networks;

use super::plan::{CotangentRows, Plan, StepOp, chunk_rows};
use super::simplify::simplify;
use crate::dfdx::DfdxProgram;
use crate::program::{Kept, LeafCotangents, Program, Rows};
use imnn_models::{Element, Layer, Model, Network, Padding};
use imnn_sim::Key;
use networks::{Draws, input_shape, network};
use proptest::prelude::*;
use std::collections::BTreeSet;

/// A network with weights, two leaves of data and cotangents, all of order one.
#[derive(Debug)]
pub(crate) struct Case {
    pub(crate) model: Model,
    leaves: [Rows; 2],
    weights: Vec<f64>,
    /// Rows of each leaf.
    data: [Vec<f64>; 2],
    /// With respect to the summaries of each leaf.
    cotangents: [Vec<f64>; 2],
    /// With respect to the tangents of all.
    tangents: Vec<f64>,
}

/// Summaries and tangents of both leaves, then the gradient.
type Results = [Vec<f64>; 3];

impl Case {
    fn random(numbers: &[u16], seed: u64) -> Self {
        let mut draws = Draws::new(numbers);
        let leaves = {
            let tangents = draws.below(4);
            [draws.below(5), draws.below(3)].map(|n| Rows { n: 1 + n, tangents })
        };
        let input = input_shape(&mut draws);
        let model = Model::new(network(&mut draws, &input), &input).unwrap();
        let key = Key::new(seed);
        let normals = |purpose: u64, n: usize| normals(key.fold_in(purpose), n);
        let mut weights = normals(0, model.layout().len());
        for entry in model.layout().entries() {
            // Layer by layer the numbers stay of order one.
            let fan_in: usize = entry.shape[..entry.shape.len() - 1].iter().product();
            weights[entry.range()].iter_mut().for_each(|w| *w /= (fan_in as f64).sqrt());
        }
        let n_summaries = model.n_summaries();
        Case {
            weights,
            data: [1, 2].map(|leaf| normals(leaf, leaves[leaf as usize - 1].total() * model.input_size())),
            cotangents: [3, 4].map(|leaf| normals(leaf, leaves[leaf as usize - 3].n * n_summaries)),
            tangents: normals(5, leaves[0].tangents * n_summaries),
            model,
            leaves,
        }
    }

    /// The random case of a seed alone.
    pub(crate) fn drawn(seed: u64) -> Self {
        let mut rng = Key::new(seed).rng();
        let numbers: Vec<u16> = (0..100).map(|_| imnn_sim::rand::Rng::next_u32(&mut rng) as u16).collect();
        Case::random(&numbers, seed)
    }

    /// The case with every number moved by so many roundings.
    fn shaken(&self, round: u64, size: f64) -> Self {
        let shake = |purpose: u64, values: &[f64]| -> Vec<f64> {
            let noise = normals(Key::new(round).fold_in(purpose), values.len());
            values.iter().zip(noise).map(|(v, z)| v * (1.0 + size * z)).collect()
        };
        Case {
            model: self.model.clone(),
            leaves: self.leaves,
            weights: shake(0, &self.weights),
            data: [1, 2].map(|leaf| shake(leaf, &self.data[leaf as usize - 1])),
            cotangents: self.cotangents.clone(),
            tangents: self.tangents.clone(),
        }
    }

    /// What a program makes of the case.
    fn run<E: Element>(&self, mut program: impl Program<E>) -> Results {
        let narrow = |values: &[f64]| -> Vec<E> { values.iter().map(|&v| E::of(v)).collect() };
        let wide = |values: &[E]| -> Vec<f64> { values.iter().map(|v| v.f64()).collect() };
        let (weights, n_summaries) = (narrow(&self.weights), self.model.n_summaries());
        // Loading other weights first must leave no trace; nor must what lies in memory before a pass.
        program.load(&vec![E::one(); weights.len()]);
        program.load(&weights);
        let mut gradient = vec![E::zero(); program.gradient()];
        let (mut values, mut tangents) = (Vec::new(), Vec::new());
        for (leaf, &rows) in self.leaves.iter().enumerate() {
            let (n_numbers, n_indices) = program.kept(rows);
            let mut kept = Kept { indices: vec![u32::MAX; n_indices], ..Kept::default() };
            kept.numbers.resize(n_numbers);
            kept.numbers.fill(E::nan());
            let data = narrow(&self.data[leaf]);
            kept.numbers[..data.len()].copy_from_slice(&data);
            let mut summaries = vec![E::nan(); rows.total() * n_summaries];
            let mut scratch = vec![E::nan(); program.scratch(rows)];
            program.forward(&weights, rows, &mut kept, &mut scratch, &mut summaries).unwrap();
            values.extend(wide(&summaries[..rows.n * n_summaries]));
            tangents.extend(wide(&summaries[rows.n * n_summaries..]));
            let (g, g_tangents) = (narrow(&self.cotangents[leaf]), narrow(&self.tangents));
            let cotangents = LeafCotangents { values: &g, tangents: &g_tangents };
            scratch.fill(E::nan());
            program.backward(&weights, rows, &kept, cotangents, &mut scratch, &mut gradient).unwrap();
        }
        program.finish(&weights, &mut gradient);
        [values, tangents, wide(&gradient[..weights.len()])]
    }

    fn definition<E: Element>(&self) -> Results {
        self.run::<E>(DfdxProgram::new(&self.model))
    }

    /// Compares the engines in precision `E`; `tolerance` is relative to the largest entry of each array.
    fn check<E: Element>(&self, tolerance: f64) -> Result<(), TestCaseError> {
        self.check_program::<E>(Plan::<E>::new(&self.model).map_err(TestCaseError::fail)?, tolerance)
    }

    fn check_program<E: Element>(&self, program: impl Program<E>, tolerance: f64) -> Result<(), TestCaseError> {
        let (fused, expected) = (self.run::<E>(program), self.definition::<E>());
        prop_assume!(expected.iter().flatten().all(|v| v.is_finite()));
        let names = ["summaries", "tangents", "gradient"];
        for (k, (fused, expected)) in fused.iter().zip(&expected).enumerate() {
            let error = distance(fused, expected);
            let scale = largest(expected);
            if error.is_nan() || error > tolerance * scale {
                // Rounding may do as much: that of the definition, or of the input alone, where terms cancel or near a
                // kink of an activation or of a maximum. proptest fails if it comes to that in too many cases.
                let exact = &self.definition::<f64>()[k];
                let shaken = (0..32).map(|round| self.shaken(round, 4.0 * E::epsilon().f64()).definition::<f64>());
                let unavoidable =
                    shaken.map(|shaken| distance(&shaken[k], exact)).fold(distance(expected, exact), f64::max);
                prop_assert!(
                    error <= 8.0 * unavoidable,
                    "{}: error {error:e} of {scale:e}; rounding makes {unavoidable:e}; {:?}, data {:?}, {:?}",
                    names[k],
                    self.leaves,
                    self.model.input_shape(),
                    self.model.network(),
                );
                return Err(TestCaseError::reject("ill-conditioned"));
            }
        }
        Ok(())
    }
}

fn normals(key: Key, n: usize) -> Vec<f64> {
    let mut values = vec![0.0; n];
    key.fill_normal(&mut values);
    values
}

fn largest(values: &[f64]) -> f64 {
    values.iter().fold(0.0, |m, v| v.abs().max(m))
}

/// The largest difference; a NaN where one is.
fn distance(a: &[f64], b: &[f64]) -> f64 {
    assert_eq!(a.len(), b.len());
    a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, |m, d| if d <= m { m } else { d })
}

const CASES: u32 = 2000;

fn numbers() -> impl Strategy<Value = Vec<u16>> {
    prop::collection::vec(any::<u16>(), 100)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: CASES, max_global_rejects: CASES / 50, ..ProptestConfig::default() })]

    #[test]
    fn double_precision_agrees_with_the_definition(numbers in numbers(), seed in any::<u64>()) {
        Case::random(&numbers, seed).check::<f64>(1e-11)?;
    }

    #[test]
    fn single_precision_agrees_with_the_definition(numbers in numbers(), seed in any::<u64>()) {
        Case::random(&numbers, seed).check::<f32>(1e-5)?;
    }
}

/// The random networks have every layer, every way to simplify and every kind of step.
#[test]
fn every_step_is_drawn() {
    let mut seen = BTreeSet::new();
    for seed in 0..u64::from(CASES) {
        let case = Case::drawn(seed);
        names_of_layers(case.model.network(), &mut seen);
        names_of_steps(&case, &mut seen);
    }
    let plain = "dense conv max_pool avg_pool global_max_pool global_avg_pool flatten reshape parallel Concat Sum \
                 relu leaky_relu tanh sigmoid softplus elu gelu selu exp asinh log1p identity \
                 composed left-out per-summary per-row chunks narrow wide windows map Copy Add \
                 piecewise-bias piecewise smooth-bias smooth accumulate";
    let mut expected: BTreeSet<String> = plain.split_whitespace().map(String::from).collect();
    for padding in [Padding::Same, Padding::Valid, Padding::Circular] {
        for rank in 1..4 {
            expected.extend(["conv", "max_pool", "avg_pool"].map(|name| format!("{name} {padding:?} {rank}")));
        }
    }
    assert_eq!(expected.difference(&seen).collect::<Vec<_>>(), Vec::<&String>::new());
}

fn names_of_layers(network: &Network, seen: &mut BTreeSet<String>) {
    for layer in &network.layers {
        seen.insert(layer.name().to_string());
        match layer {
            Layer::Conv(conv) => {
                seen.insert(format!("conv {:?} {}", conv.padding, conv.kernel.len()));
            }
            Layer::MaxPool(w) | Layer::AvgPool(w) => {
                seen.insert(format!("{} {:?} {}", layer.name(), w.padding, w.window.len()));
            }
            Layer::Parallel(parallel) => {
                seen.insert(format!("{:?}", parallel.join));
                parallel.branches.iter().for_each(|branch| names_of_layers(branch, seen));
            }
            _ => {}
        }
    }
}

fn names_of_steps(case: &Case, seen: &mut BTreeSet<String>) {
    let plan = Plan::<f64>::new(&case.model).unwrap();
    let mut name = |condition: bool, name: &str| {
        if condition {
            seen.insert(name.to_string());
        }
    };
    let rows = case.leaves[0];
    name(!plan.composed.is_empty(), "composed");
    let before = case.model.primitives().to_vec();
    let after = simplify(before.clone());
    name(before.len() == after.len() && before.iter().zip(&after).any(|(a, b)| a.output != b.output), "left-out");
    let per_row = plan.cotangent_rows(rows) == CotangentRows::PerRow;
    name(rows.tangents > 0 && per_row, "per-row");
    name(rows.tangents > 0 && !per_row, "per-summary");
    for step in &plan.steps {
        name(step.accumulate, "accumulate");
        match &step.op {
            StepOp::Linear(linear) => {
                name(linear.narrow, "narrow");
                name(!linear.narrow, "wide");
                name(linear.gather.is_some(), "windows");
                name(linear.gather.is_none(), "map");
                let width = linear.weight.range.len() / step.output.shape.channels;
                let n_rows = rows.total() * step.output.shape.positions;
                name(linear.gather.is_some() && n_rows > chunk_rows(width), "chunks");
            }
            StepOp::Piecewise { bias, .. } => name(true, if bias.is_some() { "piecewise-bias" } else { "piecewise" }),
            StepOp::Smooth { bias, .. } => name(true, if bias.is_some() { "smooth-bias" } else { "smooth" }),
            StepOp::Copy => name(true, "Copy"),
            StepOp::Add => name(true, "Add"),
            StepOp::MaxPool { .. } | StepOp::MeanPool(_) => {}
        }
    }
}
