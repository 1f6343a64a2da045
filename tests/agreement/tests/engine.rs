//! The engine on a CPU against the definition.

#![allow(clippy::unwrap_used)]

use imnn_agreement::{Case, numbers};

use imnn_engine::Rows;
use imnn_engine::plan::{CotangentRows, Plan, Pointwise, StepOp, block_rows, simplify};
use imnn_models::layers::{AvgPool, Conv, MaxPool, Parallel};
use imnn_models::{
    Element, Join, Layer, Model, Network, Padding, asinh, conv, dense, flatten, gelu, global_avg_pool, leaky_relu,
    relu, serial, tanh,
};
use proptest::prelude::*;
use std::collections::BTreeSet;

const CASES: u32 = 2000;

fn plan<E: Element>(case: &Case) -> Plan<E> {
    Plan::new(&case.model).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: CASES, max_global_rejects: CASES / 50, ..ProptestConfig::default() })]

    #[test]
    fn double_precision_agrees_with_the_definition(numbers in numbers(), seed in any::<u64>()) {
        let case = Case::random(&numbers, seed);
        case.check::<f64>(plan(&case), 1e-11)?;
    }

    #[test]
    fn single_precision_agrees_with_the_definition(numbers in numbers(), seed in any::<u64>()) {
        let case = Case::random(&numbers, seed);
        case.check::<f32>(plan(&case), 1e-5)?;
    }
}

/// As random networks are not: with more positions than one tile has.
#[test]
fn a_mean_over_many_positions_agrees_with_the_definition() {
    for (padding, tangents) in [(Padding::Circular, 2), (Padding::Same, 0), (Padding::Valid, 3)] {
        let network = serial([asinh(), conv(12, &[5, 5], &[1, 1], padding), gelu(), global_avg_pool(), dense(2)]);
        let model = Model::new(network, &[32, 34, 1]).unwrap();
        let case = Case::of(model, [2, 1].map(|n| Rows { n, tangents }), 7);
        let StepOp::Pooled(pooled) = &plan::<f64>(&case).steps[2].op else { panic!("not in one step") };
        assert!((1..900).contains(&pooled.tile), "{}", pooled.tile);
        case.check::<f64>(plan(&case), 1e-11).unwrap();
        case.check::<f32>(plan(&case), 1e-5).unwrap();
    }
}

/// A smooth activation writes over its input, which the kinks before it need on the way back: as it is, in another shape, or
/// beside other channels.
#[test]
fn smooth_activations_leave_kinks_before_them_alone() {
    let branches =
        |first: Vec<Layer>| Parallel { branches: vec![serial(first), serial([dense(2)])], join: Join::Concat };
    for layers in [
        vec![dense(2), relu(), tanh()],
        vec![dense(2), relu(), flatten(), tanh()],
        vec![dense(2), relu(), flatten(), gelu(), dense(3)],
        vec![branches(vec![dense(2), relu()]).into(), tanh(), dense(3)],
        vec![branches(vec![dense(2), relu()]).into(), flatten(), tanh()],
        vec![branches(vec![conv(2, &[2], &[1], Padding::Same), leaky_relu()]).into(), gelu(), dense(3)],
    ] {
        let model = Model::new(serial(layers), &[3, 2]).unwrap();
        for seed in 0..20 {
            let case = Case::of(model.clone(), [2, 1].map(|n| Rows { n, tangents: seed as usize % 3 }), seed);
            case.check::<f64>(plan(&case), 1e-11).unwrap();
        }
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
    let plain = "dense conv max_pool avg_pool global_max_pool global_avg_pool flatten reshape slice parallel Concat Sum \
                 standardise relu leaky_relu tanh sigmoid softplus elu gelu selu exp asinh log1p identity \
                 composed left-out per-summary per-row chunks narrow wide windows map Copy Add \
                 piecewise-bias piecewise smooth-bias smooth pooled accumulate";
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
        if let Some(conv) = layer.settings::<Conv>() {
            seen.insert(format!("conv {:?} {}", conv.padding, conv.kernel.len()));
        }
        let max = layer.settings::<MaxPool>().map(|pool| &pool.0);
        if let Some(pool) = max.or(layer.settings::<AvgPool>().map(|pool| &pool.0)) {
            seen.insert(format!("{} {:?} {}", layer.name(), pool.padding, pool.window.len()));
        }
        if let Some(parallel) = layer.settings::<Parallel>() {
            seen.insert(format!("{:?}", parallel.join));
            parallel.branches.iter().for_each(|branch| names_of_layers(branch, seen));
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
    let rows = case.microbatches[0];
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
                name(linear.gather.is_some() && n_rows > block_rows(width), "chunks");
            }
            StepOp::Piecewise(Pointwise { bias, .. }) => {
                name(true, if bias.is_some() { "piecewise-bias" } else { "piecewise" })
            }
            StepOp::Smooth(Pointwise { bias, .. }) => name(true, if bias.is_some() { "smooth-bias" } else { "smooth" }),
            StepOp::Pooled(_) => name(true, "pooled"),
            StepOp::Copy => name(true, "Copy"),
            StepOp::Add => name(true, "Add"),
            StepOp::MaxPool(_) | StepOp::MeanPool(_) | StepOp::Standardise(_) => {}
        }
    }
}
