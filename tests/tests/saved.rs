//! Saved runs give back what was saved, and training goes on as if it had not stopped.

use crate::small::{Kind, THETA_FID, dense_network, draws, imnn, settings};
use imnn::device::Cpu;
use imnn::fit::{Compressor, Description, History, Imnn, On, Weights};
use imnn::models::{Adam, dense, leaky_relu, serial, standardise, tanh};
use imnn::sim::Key;
use ndarray::{Array2, Axis};
use std::fs;
use std::path::Path;

#[test]
fn a_saved_run_estimates_as_the_one_in_memory() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("run");
    let mut imnn = imnn::<f32>(Kind::Numerical, 2);
    imnn.fit(&settings(5)).unwrap();
    imnn.save(&path).unwrap();

    let loaded = Compressor::<f32>::load(&path, Cpu::new(1).unwrap()).unwrap();
    let data = Array2::from_shape_fn((7, 10), |index| (index.0 as f32 - index.1 as f32) / 5.0);
    assert_eq!(loaded.estimate(&data).unwrap(), imnn.estimate(&data).unwrap());
    assert_eq!(loaded.estimate(data.mapv(f64::from).view()).unwrap(), imnn.estimate(&data).unwrap());
    let simulated: Vec<f64> = data.row(0).iter().map(|&d| f64::from(d)).collect();
    assert_eq!(loaded.estimate(simulated).unwrap(), imnn.estimate(data.row(0)).unwrap());
    assert_eq!(loaded.to_string(), imnn.compressor().unwrap().to_string());
    assert!(imnn.to_string().contains(" ± "), "{imnn}");
    assert!(loaded.to_string().contains("one-sigma error"), "{loaded}");
    assert_eq!(loaded.statistics(), imnn.statistics().unwrap());
    assert_eq!(loaded.names(), imnn.names());
    assert_eq!(&History::load(path.join("history.npz")).unwrap(), imnn.history());
    assert_eq!(Description::load(&path).unwrap().precision, "f32");
    // One data set gives what it gives among others, up to rounding: a product with one row is summed in another order.
    let one = loaded.estimate(data.index_axis(Axis(0), 3).to_owned()).unwrap();
    let among = loaded.estimate(&data).unwrap();
    approx::assert_relative_eq!(one.row(0), among.row(3), epsilon = 1e-5);
}

/// Constants in the file are those of the network to the last bit, so that summaries are too.
#[test]
fn constants_of_the_network_come_back_to_the_bit() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("run");
    let means: Vec<f64> = (0..10).map(|c| f64::from(c) / 30.0 - 0.1).collect();
    let network = serial([standardise(&means, &[0.1 + 0.2]), dense(8), tanh(), dense(2)]);
    let builder = Imnn::<f64>::builder(network.clone()).theta_fid(THETA_FID).training(draws(Kind::Exact, 300, 1));
    let mut imnn = builder.optimiser(Adam::new(1e-3).unwrap()).key(Key::new(3)).build().unwrap();
    imnn.fit(&settings(3)).unwrap();
    imnn.save(&path).unwrap();

    let described = Description::load(&path).unwrap().network.unwrap();
    assert_eq!(format!("{described:?}"), format!("{network:?}"));
    let loaded = Compressor::<f64>::load(&path, Cpu::new(1).unwrap()).unwrap();
    let data = Array2::from_shape_fn((7, 10), |index| (index.0 as f64 - index.1 as f64) / 5.0);
    let bits = |summaries: Array2<f64>| summaries.mapv(f64::to_bits);
    assert_eq!(bits(loaded.summaries(&data).unwrap()), bits(imnn.summaries(&data).unwrap()));
    assert_eq!(bits(loaded.estimate(&data).unwrap()), bits(imnn.estimate(&data).unwrap()));
}

#[test]
fn training_goes_on_as_if_it_had_not_stopped() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("run");
    let mut whole = imnn::<f32>(Kind::OnTheFly, 1);
    whole.fit(&settings(6)).unwrap();
    whole.save(&path).unwrap();
    whole.fit(&settings(6)).unwrap();

    let mut resumed = Imnn::<f32>::builder(dense_network())
        .theta_fid(THETA_FID)
        .training(draws(Kind::OnTheFly, 300, 1))
        .validation(draws(Kind::OnTheFly, 200, 2))
        .optimiser(Adam::new(1e-3).unwrap())
        .key(Key::new(3))
        .resume(&path)
        .build()
        .unwrap();
    resumed.fit(&settings(6)).unwrap();
    assert_eq!(resumed.history(), whole.history());
    for which in [Weights::Best, Weights::Final] {
        assert_eq!(resumed.weights(which).unwrap(), whole.weights(which).unwrap());
    }
}

#[test]
fn the_best_weights_of_a_saved_run_are_there_before_there_are_better_ones() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("run");
    let builder = || {
        let builder = Imnn::<f32>::builder(dense_network()).theta_fid(THETA_FID).training(draws(Kind::Exact, 300, 1));
        builder.optimiser(Adam::new(1e-3).unwrap()).key(Key::new(3))
    };
    let mut saved = builder().build().unwrap();
    saved.fit(&settings(3)).unwrap();
    saved.save(&path).unwrap();
    let mut resumed = builder().resume(&path).build().unwrap();
    for which in [Weights::Best, Weights::Final] {
        assert_eq!(resumed.weights(which).unwrap(), saved.weights(which).unwrap());
    }
    // Without a validation set det F is that of the weights before an update: the best are not the last.
    assert_ne!(resumed.weights(Weights::Best).unwrap(), resumed.weights(Weights::Final).unwrap());
    let statistics = saved.statistics().unwrap();
    assert_eq!(resumed.set_statistics(Weights::Best, On::Training).unwrap(), statistics);
}

#[test]
fn only_the_same_run_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("run");
    let mut imnn = imnn::<f32>(Kind::Exact, 1);
    imnn.fit(&settings(2)).unwrap();
    imnn.save(&path).unwrap();

    let network = serial([dense(16), tanh(), dense(16), leaky_relu(), dense(2)]);
    let others = [(dense_network(), [0.0, 1.5], "fiducial", "[0.0, 1.5]"), (network, THETA_FID, "network", "tanh")];
    for (network, theta_fid, what, expected) in others {
        let builder = Imnn::<f32>::builder(network).theta_fid(theta_fid).training(draws(Kind::Exact, 300, 1));
        let message = builder.resume(&path).build().err().unwrap().to_string();
        assert!(message.starts_with(what) && message.contains(expected), "{message}");
    }
    let builder = Imnn::<f64>::builder(dense_network()).theta_fid(THETA_FID).training(draws(Kind::Exact, 300, 1));
    let message = builder.resume(&path).build().err().unwrap().to_string();
    assert!(message.starts_with("precision") && message.contains("f64"), "{message}");
}

#[test]
fn a_description_with_a_name_too_few_is_refused() {
    let saved = Path::new(env!("CARGO_MANIFEST_DIR")).join("saved/format-1-f32");
    let folder = tempfile::tempdir().unwrap();
    for name in ["model.toml", "weights.safetensors", "statistics.npz"] {
        fs::copy(saved.join(name), folder.path().join(name)).unwrap();
    }
    let load = || Compressor::<f32>::load(folder.path(), Cpu::new(1).unwrap());
    assert_eq!(load().unwrap().names().len(), 2);
    let path = folder.path().join("model.toml");
    let text = fs::read_to_string(&path).unwrap();
    let names = text.lines().find(|line| line.starts_with("parameters = ")).unwrap();
    fs::write(&path, text.replace(names, "parameters = [\"a\"]")).unwrap();
    let message = load().err().unwrap().to_string();
    assert!(message.contains("number of names of parameters") && message.contains('2'), "{message}");
}

#[test]
fn broken_folders_are_refused_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("run");
    let load = || Compressor::<f32>::load(&path, Cpu::new(1).unwrap()).err().unwrap().to_string();
    assert!(load().contains("model.toml"), "{}", load());

    let mut imnn = imnn::<f32>(Kind::Exact, 1);
    imnn.fit(&settings(2)).unwrap();
    imnn.save(&path).unwrap();
    let again = imnn.save(&path).unwrap_err().to_string();
    // No training is lost because a folder is occupied: the run is saved beside it, and the error says where.
    assert!(again.contains("exists already") && again.contains("run-2"), "{again}");
    assert!(Compressor::<f32>::load(folder.path().join("run-2"), Cpu::new(1).unwrap()).is_ok());
    imnn.save_replacing(&path).unwrap();
    fs::write(path.join("notes.txt"), "mine").unwrap();
    let foreign = imnn.save_replacing(&path).unwrap_err().to_string();
    assert!(foreign.contains("notes.txt") && path.join("notes.txt").exists(), "{foreign}");
    fs::remove_file(path.join("notes.txt")).unwrap();
    // A place that cannot be written loses nothing either: the trained network is still there.
    let nowhere = imnn.save(path.join("model.toml").join("run")).unwrap_err().to_string();
    assert!(nowhere.contains("model.toml/run") && nowhere.contains("still in memory"), "{nowhere}");
    for file in ["weights.safetensors", "statistics.npz", "model.toml"] {
        let whole = fs::read(path.join(file)).unwrap();
        fs::write(path.join(file), &whole[..whole.len() / 2]).unwrap();
        assert!(load().contains(file), "{}", load());
        fs::write(path.join(file), whole).unwrap();
    }
    assert!(Compressor::<f32>::load(&path, Cpu::new(1).unwrap()).is_ok());
}
