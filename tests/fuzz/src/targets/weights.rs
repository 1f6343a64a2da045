//! Weights and optimiser states.

use crate::check::{file, text};
use crate::scratch::root;
use crate::scratch::scratch;
use crate::target::Answer;
use imnn::fit::Description;
use imnn::models::{Adam, Element, Model, Optimiser, OptimiserState, Parameters};
use imnn::sim::Key;
use std::cell::OnceCell;
use std::fs;

/// Parts of the header of a safetensors file, and the names that are expected.
pub(super) const WORDS: &[&str] = &[
    "\"__metadata__\":{\"imnn\":\"parameters 1\"}",
    "\"imnn\":\"optimiser 1\"",
    "\"dtype\":\"F32\"",
    "\"F64\"",
    "\"F16\"",
    "\"I64\"",
    "\"F4\"",
    "\"shape\":[",
    "\"data_offsets\":[",
    "[0,18446744073709551615]",
    "layers/0/weight",
    "layers/2/bias",
    "\"m\"",
    "\"v\"",
    "[[[[",
    "{{{{",
    "\u{0}\u{0}\u{0}\u{0}",
];

thread_local! {
    static MODELS: OnceCell<[Model; 2]> = const { OnceCell::new() };
}

/// The network that the weights of this precision in `tests/saved` belong to.
fn model<E: Element>() -> Model {
    let read = |name: &str| {
        let description = Description::load(root().join("tests/saved").join(name)).map_err(text)?;
        Model::new(description.network.ok_or("no network")?, &description.input_shape).map_err(text)
    };
    let model = |name| read(name).unwrap_or_else(|error: String| panic!("tests/saved: {error}"));
    let models = || ["format-1-f32", "format-1-f64"].map(model);
    MODELS.with(|cell| cell.get_or_init(models)[usize::from(E::NAME == "f64")].clone())
}

/// The first byte says what the others are.
pub(super) fn weights(data: &[u8]) -> Answer {
    let Some((kind, data)) = data.split_first() else { return Err("nothing".into()) };
    match kind % 6 {
        0 => parameters::<f32>("w.safetensors", data),
        1 => parameters::<f64>("w.safetensors", data),
        2 => parameters::<f32>("w.npz", data),
        3 => parameters::<f64>("w.npz", data),
        4 => optimiser::<f32>(data),
        _ => optimiser::<f64>(data),
    }
}

fn parameters<E: Element>(name: &str, data: &[u8]) -> Answer {
    let model = model::<E>();
    let read = Parameters::<E>::load(file(name, data), model.layout()).map_err(text)?;
    assert!(read.values().iter().all(|value| value.is_finite()), "weights that are not finite were accepted");
    let again = scratch().join(format!("again-{name}"));
    read.save(&again).unwrap_or_else(|error| panic!("cannot be written: {error}"));
    let again = Parameters::<E>::load(&again, model.layout());
    assert!(again.is_ok_and(|again| again == read), "other weights when they are written and read again");
    Ok(format!("weights {} {name}", E::NAME))
}

fn optimiser<E: Element>(data: &[u8]) -> Answer {
    let read = OptimiserState::<E>::load(file("o.safetensors", data)).map_err(text)?;
    let finite = read.slots().iter().all(|(_, vector)| vector.iter().all(|value| value.is_finite()));
    assert!(finite, "moments that are not finite were accepted");
    let again = scratch().join("again-o.safetensors");
    read.save(&again).unwrap_or_else(|error| panic!("cannot be written: {error}"));
    let again = OptimiserState::<E>::load(&again);
    assert!(again.is_ok_and(|again| again == read), "other moments when they are written and read again");
    let adam = Adam::new(1e-3).map_err(text)?;
    let n = model::<E>().layout().len();
    // A state that belongs to the optimiser can be used by it.
    if Optimiser::<E>::check(&adam, &read, n).is_ok() {
        let (mut state, mut gradient, mut values) = (read, vec![E::one(); n], vec![E::zero(); n]);
        Optimiser::<E>::update(&adam, 1, &mut gradient, &mut state, &mut values);
        return Ok(format!("moments of Adam {}", E::NAME));
    }
    Ok(format!("moments {}", E::NAME))
}

/// Those of the saved runs, and weights as an archive.
pub(super) fn seeds() -> Vec<(&'static str, String, Vec<u8>)> {
    let mut seeds: Vec<(String, Vec<u8>)> = vec![];
    for (kind, name) in [
        (0, "format-1-f32/final.safetensors"),
        (1, "format-1-f64/final.safetensors"),
        (4, "format-1-f32/optimiser.safetensors"),
        (5, "format-1-f64/optimiser.safetensors"),
    ] {
        let bytes = fs::read(root().join("tests/saved").join(name)).unwrap_or_default();
        seeds.push((name.replace('/', "-"), [&[kind], &bytes[..]].concat()));
    }
    let path = scratch().join("seed.npz");
    let weights = model::<f32>().initialise::<f32>(Key::new(1));
    if weights.save(&path).is_ok() {
        seeds.push(("f32.npz".into(), [&[2], &fs::read(&path).unwrap_or_default()[..]].concat()));
    }
    seeds.into_iter().map(|(name, bytes)| ("weights", name, bytes)).collect()
}
