//! Ensembles of flows, and states of their training.

use crate::check::{file, text};
use crate::scratch::scratch;
use crate::target::Answer;
use imnn::flow::{Architecture, Bijection, Ensemble, FlowError, Pairs, Training, TrainingSettings, TrainingState};
use imnn::models::Element;
use imnn::ndarray::Array2;
use imnn::sim::Key;
use std::fs;
use std::ops::ControlFlow;

/// Parts of the header of a safetensors file, and of its description.
pub(super) const WORDS: &[&str] = &[
    "\"__metadata__\":{\"imnn\":\"flows 1\\n",
    "flow training 1\\n",
    "[[members]]",
    "bijection = \\\"affine\\\"",
    "[members.bijection.spline]",
    "bins = 8",
    "bound = 5.0",
    "transforms = 100",
    "hidden = [10000, 10000]",
    "max_epochs = 1000000",
    "members/0/permutations",
    "members/0/transforms/0/layers/0",
    "\"dtype\":\"U64\"",
    "\"F32\"",
    "\"F64\"",
    "\"shape\":[",
    "\"data_offsets\":[",
    "18446744073709551615",
    "end = \\\"limit\\\"",
];

/// The first byte says what the others are.
pub(super) fn flows(data: &[u8]) -> Answer {
    let Some((kind, data)) = data.split_first() else { return Err("nothing".into()) };
    match kind % 4 {
        0 => ensemble::<f32>(data),
        1 => ensemble::<f64>(data),
        2 => state::<f32>(data),
        _ => state::<f64>(data),
    }
}

/// Sixty pairs of two and three columns.
fn pairs() -> Result<Pairs, FlowError> {
    let mut numbers = [0.0; 300];
    Key::new(1).fill_normal(&mut numbers);
    let part = |first: usize, columns: usize| Array2::from_shape_fn((60, columns), |(k, j)| numbers[5 * k + first + j]);
    Pairs::new(part(0, 2).view(), part(2, 3).view())
}

fn ensemble<E: Element>(data: &[u8]) -> Answer {
    let read = Ensemble::<E>::load(file("flows.safetensors", data)).map_err(text)?;
    let again = scratch().join("again-flows.safetensors");
    read.save(&again).unwrap_or_else(|error| panic!("cannot be written: {error}"));
    let again = Ensemble::<E>::load(&again);
    assert!(again.is_ok_and(|again| again == read), "another ensemble when it is written and read again");
    // Large ones take longer than a fuzzer likes to wait.
    if read.dims().max(read.context()) > 20 || read.members().iter().any(|m| m.transforms().weights().len() > 10_000) {
        return Ok(format!("a large ensemble {}", E::NAME));
    }
    let c = Array2::from_elem((3, read.context()), 0.3);
    // Weights may be so large that the flow overflows: an error, but no NaN.
    match read.sample(c.view(), 2, Key::new(0)) {
        Err(FlowError::Overflow { .. }) => Ok(format!("an ensemble that overflows {}", E::NAME)),
        Err(error) => panic!("no draws: {error}"),
        Ok(draws) => {
            assert!(!draws.y.iter().chain(&draws.log_density).any(|v| v.is_nan()), "draws that are no numbers");
            Ok(format!("an ensemble of {} {}", read.members().len(), E::NAME))
        }
    }
}

fn state<E: Element>(data: &[u8]) -> Answer {
    let read = TrainingState::<E>::load(file("state.safetensors", data)).map_err(text)?;
    let again = scratch().join("again-state.safetensors");
    read.save(&again).unwrap_or_else(|error| panic!("cannot be written: {error}"));
    let again = TrainingState::<E>::load(&again);
    assert!(again.is_ok_and(|again| again == read), "another state when it is written and read again");
    let small = read.members().len() < 10 && read.settings().architecture.hidden.iter().sum::<usize>() < 100;
    if !small || read.settings().architecture.transforms > 10 {
        return Ok(format!("a large training {}", E::NAME));
    }
    // Its pairs or others: it goes on, or says why not.
    let training = pairs().and_then(|pairs| Training::resume(&pairs, read));
    match training.and_then(|training| training.threads(1).run(1, &|_| ControlFlow::Continue(()))) {
        Ok(status) => Ok(format!("a training {} {status:?}", E::NAME)),
        Err(error) => Ok(format!("a training {} that cannot go on: {}", E::NAME, text(error))),
    }
}

/// A target, the name of a file, and what is in it.
type Seed = (&'static str, String, Vec<u8>);

/// A training of two epochs, and its ensemble.
pub(super) fn seeds() -> Vec<Seed> {
    [trained::<f32>(0), trained::<f64>(1)].into_iter().flat_map(|seeds| seeds.unwrap_or_default()).collect()
}

fn trained<E: Element>(kind: u8) -> Result<Vec<Seed>, FlowError> {
    let bijection = if kind == 0 { Bijection::Affine } else { Bijection::Spline { bins: 3, bound: 4.0 } };
    let architecture = Architecture { bijection, transforms: 2, hidden: vec![4] };
    let settings = TrainingSettings { architecture, members: 2, max_epochs: 5, ..TrainingSettings::default() };
    let mut training = Training::<E>::new(&pairs()?, &settings, Key::new(0))?.threads(1);
    training.run(2, &|_| ControlFlow::Continue(()))?;
    let path = scratch().join("seed-flows.safetensors");
    let seed = |kind: u8, name: &str| {
        let bytes = fs::read(&path).unwrap_or_default();
        ("flows", format!("{name}-{}", E::NAME), [&[kind], &bytes[..]].concat())
    };
    training.state().save(&path)?;
    let state = seed(2 + kind, "state");
    training.finish()?.ensemble.save(&path)?;
    Ok(vec![state, seed(kind, "ensemble")])
}
