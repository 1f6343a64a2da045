//! Each class of the original by its equivalent here, which docs/from-python.md names. All give the bits of one device and
//! data in memory.

use crate::determinism::bits;
use crate::small::{DRAWS, THETA_FID, dense_network, settings};
use imnn::data::{
    Arrays, DataError, Derivatives, Leaf, OnTheFly, Source, check_rows, simulate_exact, simulate_numerical,
};
use imnn::device::{Aggregator, Cpu, Device};
use imnn::fit::{Imnn, Weights};
use imnn::models::Adam;
use imnn::sim::Key;
use ndarray::ArrayViewD;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Write};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use tempfile::TempDir;

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
    let all: [fn() -> Box<dyn Source<f32>>; 3] =
        [|| Box::new(on_the_fly()), || Box::new(exact(N_S, 1)), || Box::new(numerical(N_S, 1))];
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
    let folder = tempfile::tempdir().unwrap();
    let expected = run(exact(N_S, 1), Some(Box::new(exact(200, 2))), one());
    for several_devices in [false, true] {
        let training = InFiles::write(&folder, "training", &exact(N_S, 1));
        let validation = Some(Box::new(InFiles::write(&folder, "validation", &exact(200, 2))) as Box<dyn Source<f32>>);
        let found = match several_devices {
            false => run(training, validation, one()),
            true => run(training, validation, several()),
        };
        assert_eq!(found, expected);
    }
}

#[test]
fn dataset_numerical_gradient_imnn() {
    let folder = tempfile::tempdir().unwrap();
    // Validation may be of another kind than training: here it is in memory.
    let expected = run(numerical(N_S, 1), Some(Box::new(exact(200, 2))), one());
    for several_devices in [false, true] {
        let training = InFiles::write(&folder, "training", &numerical(N_S, 1));
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
    iterations: Mutex<Vec<(Key, Leaf<f32>)>>,
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
    fn n_s(&self) -> usize {
        self.inner().n_s()
    }

    fn n_d(&self) -> usize {
        self.inner().n_d()
    }

    fn n_params(&self) -> usize {
        self.inner().n_params()
    }

    fn input_shape(&self) -> &[usize] {
        self.inner().input_shape()
    }

    fn derivatives(&self) -> &Derivatives {
        self.inner().derivatives()
    }

    fn read(&self, rows: Range<usize>, key: Key, leaf: &mut Leaf<f32>) -> Result<(), DataError> {
        let mut iterations = self.iterations.lock().unwrap();
        if !iterations.iter().any(|(other, _)| *other == key) {
            let (mut all, mut without) = (Leaf::new(), Leaf::new());
            self.simulator.read(0..N_D, key, &mut all)?;
            self.simulator.read(N_D..N_S, key, &mut without)?;
            all.values.append(&mut without.values);
            iterations.push((key, all));
        }
        let (_, all) = iterations.iter().find(|(other, _)| *other == key).unwrap();
        let has = check_rows(&rows, N_S, N_D)?;
        let size = all.values.len() / N_S;
        leaf.n = rows.len();
        leaf.values = all.values[rows.start * size..rows.end * size].to_vec();
        leaf.derivatives.clear();
        if has {
            leaf.derivatives.extend(&all.derivatives[2 * rows.start * size..2 * rows.end * size]);
        }
        Ok(())
    }
}

/// Simulations in two files of numbers, of which the rows asked for are read and nothing else.
struct InFiles {
    fiducial: PathBuf,
    derivative: PathBuf,
    /// For what is not in the files.
    shape: Arrays<f32>,
}

impl InFiles {
    fn write(folder: &TempDir, name: &str, arrays: &Arrays<f32>) -> Self {
        let [fiducial, derivative] =
            ["fiducial", "derivative"].map(|what| folder.path().join(format!("{name}.{what}")));
        write(&fiducial, arrays.fiducial().view().into_dyn());
        write(&derivative, arrays.derivative().view().into_dyn());
        // Zeros in place of the simulations, so that these can come from the files alone.
        let (n_s, n_d) = (arrays.fiducial().shape()[0], arrays.derivative().shape()[0]);
        let zeros = |shape: &[usize]| ndarray::ArrayD::<f32>::zeros(shape);
        let (f, d) = (zeros(arrays.fiducial().shape()), zeros(arrays.derivative().shape()));
        let shape = match arrays.derivatives() {
            Derivatives::Exact => Arrays::exact(f, d).unwrap(),
            Derivatives::Numerical { widths } => Arrays::numerical(f, d, widths.clone()).unwrap(),
        };
        assert_eq!((shape.n_s(), shape.n_d()), (n_s, n_d));
        InFiles { fiducial, derivative, shape }
    }
}

fn write(path: &Path, array: ArrayViewD<'_, f32>) {
    let bytes: Vec<u8> = array.iter().flat_map(|value| value.to_le_bytes()).collect();
    File::create(path).unwrap().write_all(&bytes).unwrap();
}

/// Rows of so many numbers.
fn rows_of(path: &Path, rows: Range<usize>, size: usize) -> Vec<f32> {
    let mut file = File::open(path).unwrap();
    file.seek(SeekFrom::Start((4 * rows.start * size) as u64)).unwrap();
    let mut bytes = vec![0; 4 * rows.len() * size];
    file.read_exact(&mut bytes).unwrap();
    bytes.as_chunks().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect()
}

impl Source<f32> for InFiles {
    fn n_s(&self) -> usize {
        self.shape.n_s()
    }

    fn n_d(&self) -> usize {
        self.shape.n_d()
    }

    fn n_params(&self) -> usize {
        self.shape.n_params()
    }

    fn input_shape(&self) -> &[usize] {
        self.shape.input_shape()
    }

    fn derivatives(&self) -> &Derivatives {
        Source::derivatives(&self.shape)
    }

    fn read(&self, rows: Range<usize>, _: Key, leaf: &mut Leaf<f32>) -> Result<(), DataError> {
        let (size, n_params) = (self.input_shape().iter().product(), self.n_params());
        let has = check_rows(&rows, self.n_s(), self.n_d())?;
        leaf.n = rows.len();
        leaf.values = rows_of(&self.fiducial, rows.clone(), size);
        leaf.derivatives.clear();
        if has {
            let made = rows_of(&self.derivative, rows, self.derivatives().sides() * n_params * size);
            match self.derivatives() {
                Derivatives::Numerical { .. } => leaf.derivatives = made,
                // In the file parameters are last, in a leaf they come before the data.
                Derivatives::Exact => {
                    for derivative in made.chunks_exact(size * n_params) {
                        let of = |a: usize| derivative.iter().skip(a).step_by(n_params);
                        leaf.derivatives.extend((0..n_params).flat_map(of));
                    }
                }
            }
        }
        Ok(())
    }
}
