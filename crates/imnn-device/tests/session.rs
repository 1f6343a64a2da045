//! Sessions: the same bits however they are used, and usable again after every error.

#![allow(clippy::unwrap_used)]

use imnn_data::{Arrays, DataError, DatasetSpec, Microbatch, OnTheFly, Source, simulate_exact, simulate_numerical};
use imnn_device::{Cotangents, Cpu, Device, DeviceError, Session, Summaries, Task};
use imnn_models::{Model, Parameters, dense, gelu, serial};
use imnn_sim::{GaussianMeanVariance, Key};
use ndarray::Array2;
use std::ops::Range;

const THETA_FID: [f64; 2] = [0.0, 1.0];
const DRAWS: GaussianMeanVariance = GaussianMeanVariance { n_data: 10 };
const KEY: Key = Key::from_bytes([7; 32]);

fn model() -> (Model, Parameters<f32>) {
    let model = Model::new(serial([dense(16), gelu(), dense(16), gelu(), dense(2)]), &[10]).unwrap();
    let weights = model.initialise(Key::new(1));
    (model, weights)
}

fn exact(n_s: usize) -> Arrays<f32> {
    simulate_exact(&DRAWS, &THETA_FID, n_s, 2 * n_s / 3, KEY).unwrap()
}

/// Summaries, and the gradient for cotangents that differ from row to row.
fn passes(
    session: &mut dyn Session<f32>,
    weights: &[f32],
    source: &dyn Source<f32>,
    keep: bool,
) -> (Summaries, Vec<f32>) {
    let task = Task { weights, source, key: KEY };
    let summaries = session.forward(&task, keep).unwrap().clone();
    let x = Array2::from_shape_fn((source.n_s(), 2), |(i, s)| ((3 * i + s) % 7) as f64 - 3.0);
    let dx = Array2::from_shape_fn((2, 2), |(s, a)| 1.0 + s as f64 - 3.0 * a as f64);
    let mut gradient = vec![f32::NAN; weights.len()];
    session.backward(&task, &Cotangents { x: x.view(), dx: dx.view() }, &mut gradient).unwrap();
    (summaries, gradient)
}

#[test]
fn bits_depend_neither_on_threads_nor_on_what_is_kept() {
    let (model, weights) = model();
    let sources: [Box<dyn Source<f32>>; 3] = [
        Box::new(exact(300)),
        Box::new(simulate_numerical::<f32, _>(&DRAWS, &THETA_FID, &[0.1, 0.1], 300, 200, KEY).unwrap()),
        Box::new(OnTheFly::new(DRAWS, &THETA_FID, 300, 300).unwrap()),
    ];
    for source in &sources {
        for dfdx in [false, true] {
            let load = |threads, memory| {
                let cpu = Cpu::new(threads).unwrap().with_memory(memory);
                if dfdx { cpu.with_dfdx() } else { cpu }.load(&model).unwrap()
            };
            let expected = passes(load(1, 1 << 30).as_mut(), weights.values(), source.as_ref(), true);
            for (threads, memory, keep) in
                [(1, 1 << 30, false), (1, 0, true), (2, 20_000, true), (3, 1 << 30, true), (4, 0, false)]
            {
                let found = passes(load(threads, memory).as_mut(), weights.values(), source.as_ref(), keep);
                assert_eq!(found, expected, "{threads} threads, {memory} bytes, keep: {keep}, dfdx: {dfdx}");
            }
        }
    }
}

#[test]
fn a_session_takes_one_set_of_simulations_after_the_other() {
    let (model, weights) = model();
    let cpu = Cpu::new(2).unwrap();
    let alone = |n_s| passes(cpu.load(&model).unwrap().as_mut(), weights.values(), &exact(n_s), true);
    let mut session = cpu.load(&model).unwrap();
    for n_s in [200, 40, 3, 300, 200] {
        assert_eq!(passes(session.as_mut(), weights.values(), &exact(n_s), true), alone(n_s), "{n_s}");
    }
}

/// Simulations whose last microbatch cannot be read, or has too few numbers.
struct Broken {
    inner: Arrays<f32>,
    fails: bool,
}

impl Source<f32> for Broken {
    fn spec(&self) -> &DatasetSpec {
        self.inner.spec()
    }

    fn read(&self, rows: Range<usize>, key: Key, microbatch: &mut Microbatch<f32>) -> Result<(), DataError> {
        let last = rows.end == self.n_s();
        self.inner.read(rows, key, microbatch)?;
        match (last, self.fails) {
            (false, _) => Ok(()),
            (true, false) => {
                microbatch.values.pop();
                Ok(())
            }
            (true, true) => Err(DataError::NoRows { name: "rows" }),
        }
    }
}

#[test]
fn after_an_error_a_session_is_as_new() {
    let (model, weights) = model();
    let source = exact(200);
    for threads in [1, 2] {
        let mut session = Cpu::new(threads).unwrap().load(&model).unwrap();
        let expected = passes(session.as_mut(), weights.values(), &source, true);
        let mut refused = |weights: &[f32], source: &dyn Source<f32>| {
            let error = session.forward(&Task { weights, source, key: KEY }, true).unwrap_err();
            // The right simulations again, and all is as before.
            assert_eq!(passes(session.as_mut(), self::model().1.values(), &exact(200), true), expected);
            error
        };
        let broken = |fails| Broken { inner: exact(200), fails };
        assert!(matches!(refused(weights.values(), &broken(true)), DeviceError::Data(DataError::NoRows { .. })));
        let error = refused(weights.values(), &broken(false));
        assert!(matches!(error, DeviceError::Microbatch { end: 200, .. }), "{error}");

        let mut runaway = weights.values().to_vec();
        runaway[3] = f32::NAN;
        let error = refused(&runaway, &source);
        assert!(matches!(error, DeviceError::NonFinite { row: 0, n_s: 200, .. }), "{error}");
        assert!(matches!(refused(&weights.values()[1..], &source), DeviceError::Weights { .. }));
        let other = OnTheFly::new(GaussianMeanVariance { n_data: 9 }, &THETA_FID, 10, 10).unwrap();
        assert!(matches!(refused(weights.values(), &other), DeviceError::InputShape { .. }));

        let task = Task { weights: weights.values(), source: &source, key: KEY };
        let (x, dx) = (Array2::zeros((200, 2)), Array2::zeros((2, 2)));
        let mut backward = |cotangents: Cotangents<'_>, gradient: &mut [f32]| {
            session.backward(&task, &cotangents, gradient).unwrap_err()
        };
        let mut gradient = vec![0.0; weights.values().len()];
        let right = Cotangents { x: x.view(), dx: dx.view() };
        assert!(matches!(backward(right, &mut gradient[1..]), DeviceError::Gradient { .. }));
        let wrong = Cotangents { x: dx.view(), ..right };
        assert!(matches!(backward(wrong, &mut gradient), DeviceError::Cotangents { .. }));
    }
}

#[test]
fn a_number_that_is_none_is_that_of_the_first_simulation_that_has_one() {
    // The second layer overflows where the first gives more than f32 holds of squares: huge data in two rows.
    let (model, weights) = model();
    let mut data = ndarray::ArrayD::<f32>::zeros(ndarray::IxDyn(&[300, 10]));
    for row in [250, 130] {
        data[[row, 4]] = f32::MAX;
    }
    let large: Vec<f32> = weights.values().iter().map(|w| 1e3 * w).collect();
    let source = Arrays::data(data, "the data").unwrap();
    for threads in [1, 2, 4] {
        let mut session = Cpu::new(threads).unwrap().load(&model).unwrap();
        let error = session.forward(&Task { weights: &large, source: &source, key: KEY }, false).unwrap_err();
        assert!(matches!(error, DeviceError::NonFinite { row: 130, n_s: 300, .. }), "{error}");
    }
}

#[test]
fn a_cpu_without_threads_is_refused() {
    assert!(matches!(Cpu::<f32>::new(0), Err(DeviceError::Threads { threads: 0, .. })));
    assert_eq!(Cpu::<f64>::new(3).unwrap().threads(), 3);
}
