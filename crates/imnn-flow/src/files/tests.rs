//! Files written and read again, and files that are none.

use crate::{
    Architecture, Bijection, Ensemble, Flow, Pairs, Progress, Standardisation, Training, TrainingSettings,
    TrainingState, Transforms, train,
};
use imnn_sim::Key;
use ndarray::Array2;
use std::fs;
use std::ops::ControlFlow;
use std::path::Path;

fn go_on(_: &Progress) -> ControlFlow<()> {
    ControlFlow::Continue(())
}

fn pairs() -> Pairs {
    let mut numbers = vec![0.0; 60 * 5];
    Key::new(1).fill_normal(&mut numbers);
    let part = |first: usize, columns: usize| {
        Array2::from_shape_fn((60, columns), |(k, j)| if first + j == 3 { 2.5 } else { numbers[5 * k + first + j] })
    };
    Pairs::new(part(0, 2).view(), part(2, 3).view()).unwrap()
}

fn settings() -> TrainingSettings {
    TrainingSettings {
        architecture: Architecture { transforms: 2, hidden: vec![5, 4], ..Architecture::default() },
        members: 2,
        max_epochs: 5,
        learning_rate: 0.1 + 0.2, // more digits than a short text has
        ..TrainingSettings::default()
    }
}

#[test]
fn ensembles_are_written_and_read_again() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("flow.safetensors");
    let trained = train::<f32>(&pairs(), &settings(), Key::new(2)).unwrap().ensemble;
    trained.save(&path).unwrap();
    let bytes = fs::read(&path).unwrap();
    let read = Ensemble::<f32>::load(&path).unwrap();
    assert_eq!(read, trained);
    read.save(&path).unwrap();
    assert_eq!(fs::read(&path).unwrap(), bytes, "the same bytes again");
    // In the other precision: the same numbers.
    let double = Ensemble::<f64>::load(&path).unwrap();
    assert_eq!(double, trained.cast().unwrap());
    double.save(&path).unwrap();
    assert_eq!(Ensemble::<f32>::load(&path).unwrap(), trained);

    // Members of different architectures.
    let member = |bijection, hidden| {
        let architecture = Architecture { bijection, hidden, transforms: 1 };
        let standard = || Standardisation::from_parts(vec![1.0, 2.0], vec![0.5, 0.0]).unwrap();
        let transforms = Transforms::<f64>::new(&architecture, 1, 1, Key::new(3)).unwrap();
        Flow::from_parts(standard(), standard(), transforms).unwrap()
    };
    let members =
        vec![member(Bijection::Affine, vec![3]), member(Bijection::Spline { bins: 3, bound: 1.5 }, vec![2, 2])];
    let mixed = Ensemble::new(members, &[1.0, 3.0]).unwrap();
    mixed.save(&path).unwrap();
    assert_eq!(Ensemble::<f64>::load(&path).unwrap(), mixed);
}

/// A training that is written after every epoch goes on to the same bits.
#[test]
fn states_are_written_and_read_again() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state.safetensors");
    let data = pairs();
    let mut whole = Training::<f32>::new(&data, &settings(), Key::new(2)).unwrap();
    whole.run(usize::MAX, &go_on).unwrap();
    Training::<f32>::new(&data, &settings(), Key::new(2)).unwrap().state().save(&path).unwrap();
    for _ in 0..5 {
        let mut training = Training::<f32>::resume(&data, TrainingState::load(&path).unwrap()).unwrap();
        training.run(1, &go_on).unwrap();
        let state = training.state();
        state.save(&path).unwrap();
        assert_eq!(TrainingState::<f32>::load(&path).unwrap(), state);
    }
    assert_eq!(TrainingState::<f32>::load(&path).unwrap(), whole.state());
    let error = TrainingState::<f64>::load(&path).unwrap_err().to_string();
    assert!(error.ends_with("it is a training in f32, and cannot go on in f64"), "{error}");
}

fn refused(path: &Path) -> String {
    Ensemble::<f32>::load(path).unwrap_err().to_string()
}

#[test]
fn other_files_are_refused_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("flow.safetensors");
    assert!(refused(&path).contains("flow.safetensors: cannot read it: "));
    fs::write(&path, b"nothing").unwrap();
    assert!(refused(&path).contains("flow.safetensors: not a safetensors file: "));
    let data = pairs();
    let training = Training::<f32>::new(&data, &settings(), Key::new(2)).unwrap();
    training.state().save(&path).unwrap();
    assert!(refused(&path).contains("it holds \"flow training 1\", expected \"flows 1\""));
    let trained = train::<f32>(&data, &settings(), Key::new(2)).unwrap().ensemble;
    trained.save(&path).unwrap();
    let error = TrainingState::<f32>::load(&path).unwrap_err().to_string();
    assert!(error.contains("it holds \"flows 1\", expected \"flow training 1\""));
}

/// Every byte of a file changed, and every beginning of it: refused, or read as a flow that works.
#[test]
fn damaged_files_do_no_harm() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("flow.safetensors");
    let data = pairs();
    let settings = TrainingSettings {
        architecture: Architecture { bijection: Bijection::Affine, transforms: 1, hidden: vec![2] },
        members: 1,
        max_epochs: 1,
        ..settings()
    };
    let mut training = Training::<f32>::new(&data, &settings, Key::new(2)).unwrap();
    training.run(1, &go_on).unwrap();
    training.state().save(&path).unwrap();
    let state = fs::read(&path).unwrap();
    training.finish().unwrap().ensemble.save(&path).unwrap();
    let ensemble = fs::read(&path).unwrap();
    for (good, of_state) in [(&ensemble, false), (&state, true)] {
        let try_it = |bytes: &[u8]| {
            if of_state {
                let read = TrainingState::<f32>::decode(bytes);
                // Whatever is accepted can be trained, if it belongs to these pairs.
                if let Ok(Ok(mut training)) = read.map(|read| Training::resume(&data, read)) {
                    let _ = training.run(1, &go_on);
                }
            } else if let Ok(read) = Ensemble::<f32>::decode(bytes)
                && read.dims() == 2
                && read.context() == 3
            {
                let density = read.log_density(data.y(), data.c()).unwrap();
                assert!(density.iter().all(|v| !v.is_nan()));
            }
        };
        try_it(good);
        for at in 0..good.len() {
            let mut bytes = good.clone();
            for change in [1, 0x40, 0xff] {
                bytes[at] = good[at] ^ change;
                try_it(&bytes);
            }
            try_it(&good[..at]);
        }
    }
}
