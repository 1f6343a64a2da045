//! Each class of the original by its equivalent here, which docs/from-python.md names. All give the bits of one device and
//! data in memory.

use crate::determinism::bits;
use crate::small::{DRAWS, THETA_FID, dense_network, settings};
use imnn::data::tfrecord::{TfRecordOptions, TfRecordWriter};
use imnn::data::{
    Arrays, DataError, DatasetSpec, Derivatives, Files, FilesKind, Microbatch, OnTheFly, ParameterSteps, Prefetch,
    Source, Streamed, Streaming, arrays, check_rows, simulate_exact, simulate_numerical,
};
use imnn::device::{Aggregator, Cpu, Device};
use imnn::fit::{Imnn, Weights};
use imnn::models::Adam;
use imnn::sim::Key;
use ndarray::ArrayD;
use std::ops::Range;
use std::path::Path;
use std::sync::Mutex;

/// Neither is a multiple of anything; the original demands that they are.
const N_S: usize = 307;
const N_D: usize = 211;
const WIDTHS: [f64; 2] = [0.1, 0.2];

fn exact(n_s: usize, seed: u64) -> Arrays<f32> {
    simulate_exact(&DRAWS, &THETA_FID, n_s, 2 * n_s / 3 + 7, Key::new(seed)).unwrap()
}

fn numerical(n_s: usize, seed: u64) -> Arrays<f32> {
    simulate_numerical(&DRAWS, &THETA_FID, &WIDTHS, n_s, 2 * n_s / 3 + 7, Key::new(seed)).unwrap()
}

fn on_the_fly() -> OnTheFly<imnn::sim::GaussianMeanVariance> {
    OnTheFly::new(DRAWS, &THETA_FID, N_S, N_D).unwrap()
}

fn one() -> Cpu<f32> {
    Cpu::new(1).unwrap()
}

fn several() -> Aggregator<f32> {
    let cpus =
        [(1, 1 << 30), (2, 40_000), (1, 0)].map(|(threads, memory)| Cpu::new(threads).unwrap().with_memory(memory));
    Aggregator::new(cpus).unwrap().with_n_per_device(100).unwrap()
}

/// Bits of the history and the weights after a few iterations.
fn run(
    training: impl Source<f32> + 'static,
    validation: Option<Box<dyn Source<f32>>>,
    device: impl Device<f32> + 'static,
) -> Vec<u64> {
    let mut builder = Imnn::<f32>::builder(dense_network())
        .theta_fid(THETA_FID)
        .training(training)
        .optimiser(Adam::new(1e-2).unwrap())
        .device(device)
        .key(Key::new(3));
    if let Some(validation) = validation {
        builder = builder.validation(validation);
    }
    let mut imnn = builder.build().unwrap();
    imnn.fit(&settings(6)).unwrap();
    let det_f = &imnn.history().training.det_f;
    assert!(det_f.len() == 6 && det_f[5] > det_f[0], "{det_f:?}");
    bits(imnn.history(), imnn.weights(Weights::Final).unwrap().values())
}

/// `IMNN`: whatever the simulations are, the same builder takes them.
#[test]
fn imnn_is_any_of_them() {
    type Make = fn() -> Box<dyn Source<f32>>;
    let all: [Make; 3] = [|| Box::new(on_the_fly()), || Box::new(exact(N_S, 1)), || Box::new(numerical(N_S, 1))];
    let any = all.map(|source| run(source(), None, Cpu::all().unwrap()));
    let own = [run(on_the_fly(), None, one()), run(exact(N_S, 1), None, one()), run(numerical(N_S, 1), None, one())];
    assert_eq!(any, own);
    assert!(any[0] != any[1] && any[1] != any[2]);
}

#[test]
fn simulator_imnn() {
    let expected = run(Recorded::default(), None, one());
    assert_eq!(run(on_the_fly(), None, Cpu::new(2).unwrap()), expected);
}

#[test]
fn gradient_imnn() {
    let expected = run(exact(N_S, 1), Some(Box::new(exact(200, 2))), one());
    // From the arrays as a user has them.
    let again = |arrays: &Arrays<f32>| {
        let (fiducial, derivative) = (arrays.fiducial().to_owned(), arrays.derivative().to_owned());
        Arrays::exact(fiducial.into_dyn(), derivative.into_dyn()).unwrap()
    };
    let validation = Box::new(again(&exact(200, 2)));
    assert_eq!(run(again(&exact(N_S, 1)), Some(validation), Cpu::new(2).unwrap()), expected);
}

#[test]
fn numerical_gradient_imnn() {
    let expected = run(numerical(N_S, 1), Some(Box::new(numerical(200, 2))), one());
    let again = |arrays: &Arrays<f32>| {
        let (fiducial, derivative) = (arrays.fiducial().to_owned(), arrays.derivative().to_owned());
        Arrays::numerical(fiducial.into_dyn(), derivative.into_dyn(), WIDTHS.to_vec()).unwrap()
    };
    let validation = Box::new(again(&numerical(200, 2)));
    assert_eq!(run(again(&numerical(N_S, 1)), Some(validation), Cpu::new(2).unwrap()), expected);
}

#[test]
fn aggregated_simulator_imnn() {
    assert_eq!(run(on_the_fly(), None, several()), run(Recorded::default(), None, one()));
}

#[test]
fn aggregated_gradient_imnn() {
    let expected = run(exact(N_S, 1), Some(Box::new(exact(200, 2))), one());
    assert_eq!(run(exact(N_S, 1), Some(Box::new(exact(200, 2))), several()), expected);
}

#[test]
fn aggregated_numerical_gradient_imnn() {
    let expected = run(numerical(N_S, 1), Some(Box::new(numerical(200, 2))), one());
    assert_eq!(run(numerical(N_S, 1), Some(Box::new(numerical(200, 2))), several()), expected);
}

#[test]
fn dataset_gradient_imnn() {
    let expected = run(exact(N_S, 1), Some(Box::new(exact(200, 2))), one());
    for several_devices in [false, true] {
        let folder = tempfile::tempdir().unwrap();
        let training = streamed(folder.path(), "training", &exact(N_S, 1));
        let validation = Some(Box::new(streamed(folder.path(), "validation", &exact(200, 2))) as Box<dyn Source<f32>>);
        let found = match several_devices {
            false => run(training, validation, one()),
            true => run(training, validation, several()),
        };
        assert_eq!(found, expected);
    }
}

#[test]
fn dataset_numerical_gradient_imnn() {
    // Validation may be of another kind than training: here it is in memory.
    let expected = run(numerical(N_S, 1), Some(Box::new(exact(200, 2))), one());
    for several_devices in [false, true] {
        let folder = tempfile::tempdir().unwrap();
        let training = streamed(folder.path(), "training", &numerical(N_S, 1));
        let validation = Some(Box::new(exact(200, 2)) as Box<dyn Source<f32>>);
        let found = match several_devices {
            false => run(training, validation, one()),
            true => run(training, validation, several()),
        };
        assert_eq!(found, expected);
    }
}

/// The simulations of a simulator in memory: all of an iteration at once, when the first of them is asked for.
struct Recorded {
    simulator: OnTheFly<imnn::sim::GaussianMeanVariance>,
    iterations: Mutex<Vec<(Key, Microbatch<f32>)>>,
}

impl Default for Recorded {
    fn default() -> Self {
        Recorded { simulator: on_the_fly(), iterations: Mutex::default() }
    }
}

impl Recorded {
    fn inner(&self) -> &dyn Source<f32> {
        &self.simulator
    }
}

impl Source<f32> for Recorded {
    fn spec(&self) -> &DatasetSpec {
        self.inner().spec()
    }

    fn read(&self, rows: Range<usize>, key: Key, batch: &mut Microbatch<f32>) -> Result<(), DataError> {
        let mut iterations = self.iterations.lock().unwrap();
        if !iterations.iter().any(|(other, _)| *other == key) {
            let (mut all, mut without) = (Microbatch::new(), Microbatch::new());
            self.simulator.read(0..N_D, key, &mut all)?;
            self.simulator.read(N_D..N_S, key, &mut without)?;
            all.values.append(&mut without.values);
            iterations.push((key, all));
        }
        let (_, all) = iterations.iter().find(|(other, _)| *other == key).unwrap();
        let has = check_rows(&rows, N_S, N_D)?;
        let size = all.values.len() / N_S;
        batch.n = rows.len();
        batch.values = all.values[rows.start * size..rows.end * size].to_vec();
        batch.derivatives.clear();
        if has {
            batch.derivatives.extend(&all.derivatives[2 * rows.start * size..2 * rows.end * size]);
        }
        Ok(())
    }
}

/// The same simulations in files, read a few rows at a time; training sets come as TFRecord shards of the original's kind,
/// validation sets as npy files.
fn streamed(folder: &Path, name: &str, arrays: &Arrays<f32>) -> Streamed<f32> {
    let kind = match arrays.derivatives() {
        Derivatives::Exact => FilesKind::Exact,
        Derivatives::Numerical { widths } => FilesKind::Numerical(ParameterSteps::of_widths(widths.clone()).unwrap()),
    };
    let path = |what: &str, end: &str| format!("{}{end}", folder.join(format!("{name}_{what}")).display());
    let (fiducial, derivative) = (arrays.fiducial().to_owned(), arrays.derivative());
    let end = if name == "training" { "_*.tfrecords" } else { ".npy" };
    if name == "training" {
        write_records(&path("fiducial", ""), &fiducial, false);
        write_records(&path("derivative", ""), &derivative, kind != FilesKind::Exact);
    } else {
        for (what, array) in [("fiducial", &fiducial), ("derivative", &derivative)] {
            arrays::write_npy(path(what, end), array.view()).unwrap();
        }
    }
    let files = Files {
        input_shape: Some(arrays.input_shape().to_vec()),
        ..Files::new(path("fiducial", end), path("derivative", end), kind)
    };
    files.open(&Streaming { cache: 3000, prefetch: Prefetch::Always, ..Streaming::default() }).unwrap()
}

/// A record for each simulation or exact derivative, or for each simulation below and above; several shards.
fn write_records(stem: &str, rows: &ArrayD<f32>, sides: bool) {
    let options = TfRecordOptions { record_size: 0.005, ..TfRecordOptions::default() };
    let mut writer = TfRecordWriter::new(stem, options).unwrap();
    for (seed, row) in rows.outer_iter().enumerate() {
        if !sides {
            writer.write(seed as u64, row.as_slice().unwrap()).unwrap();
            continue;
        }
        for (above, side) in [false, true].into_iter().zip(row.outer_iter()) {
            for (parameter, one) in side.outer_iter().enumerate() {
                writer.write_side(seed as u64, above, parameter, one.as_slice().unwrap()).unwrap();
            }
        }
    }
    assert!(writer.finish().unwrap().len() > 1);
}
