//! Weights and states in files: round trips, other precisions, weights of another network, broken files.

use super::*;
use crate::{Adam, Model, Optimiser, OptimiserState, Padding, conv, dense, flatten, serial};
use imnn_sim::Key;
use ndarray::{Array1, Array2, ArrayD, ShapeBuilder};
use ndarray_npy::NpzWriter;
use proptest::prelude::*;
use std::fs::File;

const FORMATS: [(Format, &str); 2] = [(Format::Safetensors, "weights.safetensors"), (Format::Npz, "weights.npz")];

fn model() -> Model {
    Model::new(serial([conv(2, &[2], &[1], Padding::Valid), flatten(), dense(3)]), &[4, 1]).unwrap()
}

fn load<E: Real>(path: &Path) -> Result<Parameters<E>> {
    Parameters::load(path, model().layout())
}

#[test]
fn weights_come_back_in_either_precision() {
    let folder = tempfile::tempdir().unwrap();
    let (single, double) = (model().initialise::<f32>(Key::new(1)), model().initialise::<f64>(Key::new(1)));
    for (_, name) in FORMATS {
        let path = folder.path().join(name);
        double.save(&path).unwrap();
        assert_eq!(load::<f64>(&path).unwrap(), double);
        assert_eq!(load::<f32>(&path).unwrap(), single);
        single.save(&path).unwrap();
        assert_eq!(load::<f32>(&path).unwrap(), single);
        let widened: Vec<f64> = single.values().iter().map(|&w| w.into()).collect();
        assert_eq!(load::<f64>(&path).unwrap().values(), widened);
    }
    // Nothing is left beside the two files.
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 2);
}

/// One state of one network is one file, byte by byte.
#[test]
fn files_are_reproducible() {
    for (format, _) in FORMATS {
        let bytes = || model().initialise::<f32>(Key::new(1)).encode(format).unwrap();
        assert_eq!(bytes(), bytes());
    }
}

/// What numpy writes: Fortran order for a transposed array, and the other byte order.
#[test]
fn archives_of_numpy_are_read() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("weights.npz");
    let model = Model::new(serial([dense(2)]), &[3]).unwrap();
    let mut npz = NpzWriter::new_compressed(File::create(&path).unwrap());
    let weight = Array2::from_shape_fn((3, 2).f(), |(i, j)| (10 * i + j) as f32);
    npz.add_array("layers/0/weight", &weight).unwrap();
    npz.add_array("layers/0/bias", &Array1::from(vec![5.0_f64, 6.0])).unwrap();
    npz.finish().unwrap();
    let parameters = Parameters::<f64>::load(&path, model.layout()).unwrap();
    assert_eq!(parameters.values(), [0.0, 1.0, 10.0, 11.0, 20.0, 21.0, 5.0, 6.0]);
    // Both byte orders hold the same numbers: swap the descriptor and the bytes of the stored file.
    let mut bytes = Parameters::<f64>::load(&path, model.layout()).unwrap().encode(Format::Npz).unwrap();
    let start = |bytes: &[u8], part: &[u8]| bytes.windows(part.len()).position(|w| w == part).unwrap();
    let at = start(&bytes, b"'<f8'");
    bytes[at + 1] = b'>';
    let at = start(&bytes, &10.0_f64.to_le_bytes()) - 16;
    bytes[at..at + 48].as_chunks_mut::<8>().0.iter_mut().for_each(|b| b.reverse());
    // The checksum no longer fits, which is an error and not a wrong number.
    let error = Parameters::<f64>::decode(Format::Npz, &path, &bytes, model.layout()).unwrap_err().to_string();
    assert!(error.contains("checksum"), "{error}");
}

#[test]
fn weights_of_another_network_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    for (_, name) in FORMATS {
        let path = folder.path().join(name);
        let refuse = |other: Model, message: &str| {
            other.initialise::<f64>(Key::new(0)).save(&path).unwrap();
            let error = load::<f64>(&path).unwrap_err().to_string();
            let expected = format!(
                "{} does not fit the network: {message}; these are the weights of another network",
                path.display()
            );
            assert_eq!(error, expected);
        };
        let (first, last) = (conv(2, &[2], &[1], Padding::Valid), dense(3));
        refuse(
            Model::new(serial([first.clone(), flatten()]), &[4, 1]).unwrap(),
            "the array layers/1/weight of shape [6, 3] is missing",
        );
        refuse(
            Model::new(serial([first.clone(), flatten(), dense(5)]), &[4, 1]).unwrap(),
            "layers/1/weight has the shape [6, 5], expected [6, 3]",
        );
        refuse(
            Model::new(serial([first, flatten(), last.clone(), last]), &[4, 1]).unwrap(),
            if name.ends_with("npz") {
                "the network has no array \"layers/2/weight\""
            } else {
                "the network has no array \"layers/2/bias\""
            },
        );
    }
}

/// A damaged description of a network may tell of any number of weights: memory is taken for those that are there.
#[test]
fn a_network_that_no_memory_holds_takes_none() {
    let folder = tempfile::tempdir().unwrap();
    let large = Model::new(serial([dense(1 << 36), dense(2)]), &[8]).unwrap();
    for (_, name) in FORMATS {
        let path = folder.path().join(name);
        model().initialise::<f32>(Key::new(1)).save(&path).unwrap();
        let message = Parameters::<f32>::load(&path, large.layout()).unwrap_err().to_string();
        assert!(message.contains("these are the weights of another network"), "{message}");
    }
}

#[test]
fn weights_that_are_not_finite_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    for (_, name) in FORMATS {
        let path = folder.path().join(name);
        let mut parameters = model().initialise::<f64>(Key::new(0));
        let at = model().layout().entries()[2].offset + 4;
        parameters.values_mut()[at] = f64::NAN;
        parameters.save(&path).unwrap();
        let error = load::<f64>(&path).unwrap_err().to_string();
        assert!(error.ends_with("entry 4 of layers/1/weight is NaN; weights must be finite"), "{error}");
        parameters.values_mut()[at] = -1e300;
        parameters.save(&path).unwrap();
        assert!(load::<f64>(&path).is_ok());
        let error = load::<f32>(&path).unwrap_err().to_string();
        assert!(error.contains("too large for f32; weights must be finite"), "{error}");
    }
}

#[test]
fn files_that_are_something_else_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let message = |name: &str| load::<f32>(&path(name)).unwrap_err().to_string();
    assert!(message("missing.npz").contains("missing.npz: cannot read it: "), "{}", message("missing.npz"));
    assert!(message("weights.pt").ends_with("weights are kept in files that end in .safetensors or .npz"));
    std::fs::write(path("text.npz"), "text").unwrap();
    assert!(message("text.npz").contains("not a readable .npz archive"), "{}", message("text.npz"));
    std::fs::write(path("text.safetensors"), "text").unwrap();
    assert!(message("text.safetensors").contains("not a safetensors file"));
    let state: OptimiserState<f32> = Adam::new(1e-3).unwrap().initialise(3);
    state.save(path("state.safetensors")).unwrap();
    assert!(message("state.safetensors").ends_with("it holds \"optimiser 1\", expected \"parameters 1\""));
    let mut npz = NpzWriter::new(File::create(path("integers.npz")).unwrap());
    for entry in model().layout().entries() {
        npz.add_array(entry.name.clone(), &ArrayD::<i64>::zeros(entry.shape.clone())).unwrap();
    }
    npz.finish().unwrap();
    assert!(message("integers.npz").contains("layers/0/weight: expected float32 or float64"));
    let error = model().initialise::<f32>(Key::new(0)).save(path("no/folder.npz")).unwrap_err().to_string();
    assert!(error.starts_with("cannot write ") && error.contains("folder.npz: "), "{error}");
}

#[test]
fn optimiser_states_come_back() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("optimiser.safetensors");
    let adam = Adam::new(0.1).unwrap();
    let (mut w, mut state) = ([1.0_f64, 2.0, 3.0], adam.initialise(3));
    adam.update(0, &mut [0.1, 0.2, -0.3], &mut state, &mut w);
    state.save(&path).unwrap();
    let back = OptimiserState::<f64>::load(&path).unwrap();
    assert_eq!(back, state);
    assert!(adam.check(&back, 3).is_ok());
    let rounded = OptimiserState::<f32>::load(&path).unwrap();
    assert_eq!(rounded.get("m").unwrap()[0], state.get("m").unwrap()[0] as f32);
    let empty = OptimiserState::<f64>::new(vec![]);
    empty.save(&path).unwrap();
    assert_eq!(OptimiserState::load(&path).unwrap(), empty);
    OptimiserState::new(vec![("m".into(), vec![f64::INFINITY])]).save(&path).unwrap();
    let error = OptimiserState::<f64>::load(&path).unwrap_err().to_string();
    assert!(error.ends_with("entry 0 of m is inf; weights must be finite"), "{error}");
    model().initialise::<f64>(Key::new(0)).save(&path).unwrap();
    let error = OptimiserState::<f64>::load(&path).unwrap_err().to_string();
    assert!(error.ends_with("it holds \"parameters 1\", expected \"optimiser 1\""), "{error}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    /// Damaged files give errors or, where the damage hits nothing, weights; never a panic.
    #[test]
    fn damaged_files_do_no_harm(
        format in 0..2_usize,
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
        end in any::<Option<prop::sample::Index>>(),
        junk in prop::collection::vec(any::<u8>(), 0..20),
    ) {
        let (format, _) = FORMATS[format];
        let mut bytes = model().initialise::<f32>(Key::new(0)).encode(format).unwrap();
        for (at, byte) in &changes {
            let at = at.index(bytes.len());
            bytes[at] = *byte;
        }
        if let Some(end) = end {
            bytes.truncate(end.index(bytes.len()));
        }
        bytes.extend(&junk);
        let decoded = Parameters::<f32>::decode(format, Path::new("file"), &bytes, model().layout());
        if let Ok(parameters) = decoded {
            prop_assert!(parameters.values().iter().all(|w| w.is_finite()));
        }
        let _ = OptimiserState::<f64>::decode(&bytes);
    }

    /// So do bytes that never were a file.
    #[test]
    fn arbitrary_bytes_are_refused(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        for (format, _) in FORMATS {
            let decoded = Parameters::<f32>::decode(format, Path::new("file"), &bytes, model().layout());
            prop_assert!(decoded.is_err());
        }
    }
}
