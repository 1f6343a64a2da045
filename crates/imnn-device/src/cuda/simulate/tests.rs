//! Simulations of the card, emulated on the host, against those of the host.

use super::*;
use crate::cuda::emulated::Emulated;
use crate::cuda::read::read;
use crate::device::Task;
use crate::leaves::Leaves;
use imnn_data::{Derivatives, OnTheFly, Source};
use imnn_sim::{GaussianMeanVariance, NoisyLine, PowerLawField, Recipe, Simulator};

const AMPLE: Scratch = Scratch { memory: 1 << 24, numbers: 1 << 20, part: 128 };

fn shape_of<E: Element>(source: &dyn Source<E>, batch: usize) -> Shape {
    let (n_s, n_d) = (source.n_s(), source.n_d());
    Shape {
        n_s,
        n_d,
        n_params: source.n_params(),
        n_summaries: 1,
        input: source.input_shape().iter().product(),
        exact: matches!(source.derivatives(), Derivatives::Exact),
        leaves: Leaves::new(n_s, n_d, batch),
    }
}

/// All batches of a pass for each key, one after the other, as the card makes them.
fn on_card<E: Element, B: Backend>(
    card: &mut B,
    source: &dyn Source<E>,
    batch: usize,
    keys: &[Key],
    scratch: Scratch,
) -> Vec<E> {
    let shape = shape_of(source, batch);
    let simulation = Simulation::new::<E, _>(card, &source.simulated().unwrap(), &shape, scratch).unwrap();
    let mut simulation = simulation.expect("a known recipe");
    let mut places = Vec::new();
    for k in 0..shape.leaves.len() {
        let len = shape.leaves.rows(k).len() * (1 + shape.beside(k)) * shape.input;
        let input = Span { memory: card.allocate(len * size_of::<E>()).unwrap(), start: 0, len };
        simulation.prepare(card, &shape, k, input).unwrap();
        places.push(input);
    }
    let mut all = Vec::new();
    for &key in keys {
        for (k, input) in places.iter().enumerate() {
            simulation.run(card, key, k).unwrap();
            let mut made = vec![E::zero(); input.len];
            card.download(input.memory, 0, bytes::of_mut(&mut made)).unwrap();
            all.extend(made);
        }
    }
    simulation.release(card).unwrap();
    places.into_iter().for_each(|input| card.free(input.memory).unwrap());
    all
}

/// For numbers of so many bytes, with threads from the last to the first or not.
fn emulated(size: usize, backwards: bool) -> Emulated {
    let mut card = Emulated::new(size);
    card.backwards = backwards;
    card
}

fn on_host<E: Element>(source: &dyn Source<E>, batch: usize, keys: &[Key]) -> Vec<E> {
    let shape = shape_of(source, batch);
    let (mut all, mut rows) = (Vec::new(), Vec::new());
    for &key in keys {
        for k in 0..shape.leaves.len() {
            rows.resize(shape.rows(k).total() * shape.input, E::zero());
            read(&Task { weights: &[], source, key }, &shape, k, &mut rows, &|| {}).unwrap();
            all.extend_from_slice(&rows);
        }
    }
    all
}

/// Cards that a test makes, for numbers of so many bytes, in either of two ways whose bits are to be the same.
type Make<'a, B> = &'a dyn Fn(usize, bool) -> B;

/// Card and host agree to `tolerance` of the largest number.
fn agree<E: Element, B: Backend>(
    make: Make<'_, B>,
    source: &dyn Source<E>,
    (batch, seed): (usize, u64),
    scratch: Scratch,
    tolerance: f64,
) {
    let keys = [Key::new(seed), Key::new(seed).fold_in(7), Key::new(seed)];
    let [found, again] =
        [false, true].map(|other| on_card(&mut make(size_of::<E>(), other), source, batch, &keys, scratch));
    assert_eq!(bytes::of(&again), bytes::of(&found));
    let expected = on_host(source, batch, &keys);
    assert_eq!(found.len(), expected.len());
    let scale = expected.iter().fold(0.0, |most: f64, value| most.max(value.f64().abs()));
    for (i, (found, expected)) in found.iter().zip(&expected).enumerate() {
        assert!((found.f64() - expected.f64()).abs() <= tolerance * scale, "{i}: {found} and {expected} of {scale}");
    }
}

/// In both precisions, with exact and numerical derivatives, in several cuts.
fn simulator_agrees<B: Backend>(
    make: Make<'_, B>,
    simulator: impl Simulator + Clone,
    theta: &[f64],
    seed: u64,
    scratch: Scratch,
) {
    let widths: Vec<f64> = theta.iter().map(|theta| 0.1 + 0.05 * theta.abs()).collect();
    for (n_s, n_d, batch) in [(7, 4, 3), (5, 5, 5), (6, 0, 4), (1, 1, 9)] {
        let exact = OnTheFly::new(simulator.clone(), theta, n_s, n_d).unwrap();
        let numerical = OnTheFly::numerical(simulator.clone(), theta, &widths, n_s, n_d).unwrap();
        for source in [exact, numerical] {
            agree::<f64, B>(make, &source, (batch, seed), scratch, 1e-13);
            agree::<f32, B>(make, &source, (batch, seed), scratch, 1e-6);
        }
    }
}

/// The numbers are those of the key to the bit, whatever the parts: many are drawn, so that every branch is taken.
#[test]
fn draws_are_those_of_the_key() {
    let simulator = GaussianMeanVariance { n_data: 40_000 };
    let source = OnTheFly::new(simulator, &[0.0, 1.0], 3, 0).unwrap();
    let keys = [Key::new(3)];
    let mut expected = vec![0.0; 3 * 40_000];
    for (row, values) in expected.chunks_exact_mut(40_000).enumerate() {
        keys[0].fold_in(row as u64).fill_normal(values);
    }
    // The tail has been drawn from, on both sides.
    let tail = |sign: f64| expected.iter().filter(|&&z| sign * z > 3.66).count();
    assert!(tail(1.0) > 5 && tail(-1.0) > 5);
    for part in [1, 2, 3, 64, 1000, 1 << 20] {
        let found = on_card::<f64, _>(&mut emulated(8, part % 2 == 0), &source, 3, &keys, Scratch { part, ..AMPLE });
        assert_eq!(bytes::of(&found), bytes::of(&expected), "{part}");
    }
}

#[test]
fn mean_and_variance_agree_with_the_host() {
    for (seed, (n_data, theta)) in [(1, [0.0, 1.0]), (10, [-3.0, 0.2]), (257, [1.0, 4.0])].into_iter().enumerate() {
        let ample = Scratch { part: 5, ..AMPLE };
        for scratch in [AMPLE, ample, Scratch { numbers: 1, ..AMPLE }] {
            simulator_agrees(&emulated, GaussianMeanVariance { n_data }, &theta, seed as u64, scratch);
        }
    }
}

#[test]
fn lines_agree_with_the_host() {
    let plain = NoisyLine::default();
    let scattered = plain.clone().with_slope_variance(0.3).unwrap();
    let certain = NoisyLine::new(vec![2.0]).unwrap().with_slope_variance(0.0).unwrap();
    for (seed, line) in [plain, scattered, certain].into_iter().enumerate() {
        simulator_agrees(&emulated, line.clone(), &[1.3], seed as u64, AMPLE);
        simulator_agrees(&emulated, line, &[-0.2], seed as u64, Scratch { part: 7, numbers: 200, ..AMPLE });
    }
}

#[test]
fn fields_agree_with_the_host() {
    let cases = [(2, 2.0, [1.0, 0.5]), (5, 1.7, [0.3, -1.2]), (8, 20.0, [4.0, 2.0]), (13, 13.0, [1.0, 3.0])];
    for (seed, (n, length, theta)) in cases.into_iter().enumerate() {
        let field = PowerLawField::new(n).unwrap().with_length(length).unwrap();
        for scratch in [AMPLE, Scratch { numbers: 6 * n * n, part: 11, ..AMPLE }] {
            simulator_agrees(&emulated, field.clone(), &theta, seed as u64, scratch);
        }
    }
}

/// Rows far behind the first have keys of more than 32 bits.
#[test]
fn rows_may_begin_anywhere() {
    /// Rows of another source as those of its own.
    struct Behind(OnTheFly<GaussianMeanVariance>, u64);
    impl Source<f64> for Behind {
        fn n_s(&self) -> usize {
            Source::<f64>::n_s(&self.0)
        }
        fn n_d(&self) -> usize {
            Source::<f64>::n_d(&self.0)
        }
        fn n_params(&self) -> usize {
            2
        }
        fn input_shape(&self) -> &[usize] {
            Source::<f64>::input_shape(&self.0)
        }
        fn derivatives(&self) -> &Derivatives {
            Source::<f64>::derivatives(&self.0)
        }
        fn simulated(&self) -> Option<Simulated> {
            let own = Source::<f64>::simulated(&self.0)?;
            Some(Simulated { first: own.first + self.1, first_without: own.first_without + 2 * self.1, ..own })
        }
        fn read(
            &self,
            rows: Range<usize>,
            key: Key,
            leaf: &mut imnn_data::Leaf<f64>,
        ) -> std::result::Result<(), imnn_data::DataError> {
            self.0.read(rows.clone(), key, leaf)?;
            for (i, row) in rows.enumerate() {
                let start = if row < 2 { self.1 } else { 2 * self.1 };
                let (data, _) =
                    DRAWS.draw_with_derivative(key.fold_in(start + row as u64), &[0.0, 1.0]).expect("finite data");
                leaf.values[i * 6..(i + 1) * 6].copy_from_slice(&data);
                if row < 2 {
                    let (_, derivative) =
                        DRAWS.draw_with_derivative(key.fold_in(start + row as u64), &[0.0, 1.0]).expect("finite data");
                    leaf.derivatives[i * 12..(i + 1) * 12].copy_from_slice(&derivative);
                }
            }
            Ok(())
        }
    }
    const DRAWS: GaussianMeanVariance = GaussianMeanVariance { n_data: 6 };
    let source = OnTheFly::new(DRAWS, &[0.0, 1.0], 5, 2).unwrap();
    for start in [0, 3, (1 << 32) - 1, 1 << 40] {
        agree::<f64, _>(&emulated, &Behind(source.clone(), start), (2, 5), AMPLE, 1e-14);
    }
}

/// What the card does not do: it says so, holds nothing, and the host does it.
#[test]
fn what_is_not_known_or_could_overflow_is_left_to_the_host() {
    fn made<E: Element>(source: &dyn Source<E>, change: impl Fn(&mut Simulated), scratch: Scratch) -> bool {
        let mut card = Emulated::new(size_of::<E>());
        let mut simulated = source.simulated().unwrap();
        change(&mut simulated);
        let made = Simulation::new::<E, _>(&mut card, &simulated, &shape_of(source, 10), scratch).unwrap();
        assert!(made.is_some() || card.used == 0);
        made.is_some()
    }
    let draws = OnTheFly::new(GaussianMeanVariance { n_data: 4 }, &[0.0, 1.0], 5, 2).unwrap();
    let source: &dyn Source<f32> = &draws;
    assert!(made(source, |_| (), AMPLE));
    assert!(!made(source, |s| s.recipe = Recipe::GaussianMeanVariance { n_data: 5 }, AMPLE));
    assert!(!made(source, |s| s.recipe = Recipe::NoisyLine { x: vec![0.0; 4], slope_variance: None }, AMPLE));
    assert!(!made(source, |s| s.theta_fid.truncate(1), AMPLE));
    assert!(!made(source, |s| s.theta_fid[1] = -1.0, AMPLE));
    assert!(!made(source, |s| s.theta_fid[0] = 1e38, AMPLE));
    assert!(!made(source, |s| s.theta_fid[1] = 1e76, AMPLE));
    assert!(!made(source, |s| s.theta_fid[1] = 1e-80, AMPLE));
    assert!(!made(source, |s| s.points = vec![vec![0.0, 1.0]], AMPLE));
    assert!(!made(source, |_| (), Scratch { memory: 300, ..AMPLE }));
    let source: &dyn Source<f64> = &draws;
    assert!(made(source, |s| s.theta_fid[0] = 1e38, AMPLE));
    let field = OnTheFly::new(PowerLawField::new(4).unwrap(), &[1.0, 0.5], 5, 2).unwrap();
    let source: &dyn Source<f32> = &field;
    assert!(made(source, |_| (), AMPLE));
    assert!(!made(source, |s| s.theta_fid[0] = 1e74, AMPLE));
    assert!(!made(source, |s| s.theta_fid[0] = 1e-60, AMPLE));
    assert!(!made(source, |s| s.theta_fid[1] = 400.0, AMPLE));
    assert!(!made(source, |_| (), Scratch { memory: 1500, ..AMPLE }));
}

/// What is counted of kernels for benchmarks is what they touch, small tables aside.
#[test]
fn traffic_is_what_kernels_touch() {
    let field = PowerLawField::new(13).unwrap();
    let exact: &dyn Source<f32> = &OnTheFly::new(field.clone(), &[1.0, 0.5], 40, 30).unwrap();
    let numerical: &dyn Source<f32> = &OnTheFly::numerical(field, &[1.0, 0.5], &[0.1, 0.1], 40, 30).unwrap();
    let line = NoisyLine::default().with_slope_variance(0.3).unwrap();
    let line: &dyn Source<f32> = &OnTheFly::new(line, &[1.0], 40, 30).unwrap();
    let draws: &dyn Source<f32> = &OnTheFly::new(GaussianMeanVariance { n_data: 50 }, &[0.0, 1.0], 40, 30).unwrap();
    let mut card = Emulated::new(size_of::<f32>());
    card.traffic = Some(Default::default());
    for source in [exact, numerical, line, draws] {
        on_card::<f32, _>(&mut card, source, 20, &[Key::new(1)], Scratch { part: 20, ..AMPLE });
    }
    let seen = card.traffic.unwrap();
    assert_eq!(seen.len(), 7, "{seen:?}");
    for (kernel, [counted, touched]) in seen {
        assert!(touched <= counted && counted <= touched + touched / 4 + 2000, "{kernel}: {counted} for {touched}");
    }
}

/// When memory runs out halfway, what was taken is given back.
#[test]
fn what_was_taken_is_given_back() {
    let field = OnTheFly::new(PowerLawField::new(4).unwrap(), &[1.0, 0.5], 5, 2).unwrap();
    let source: &dyn Source<f32> = &field;
    let shape = shape_of(source, 10);
    for room in [10, 40, 600, 1100, 1200] {
        let mut card = Emulated::new(size_of::<f32>());
        card.really = room;
        let made = Simulation::new::<f32, _>(&mut card, &source.simulated().unwrap(), &shape, AMPLE);
        assert!(matches!(made, Err(crate::DeviceError::OutOfMemory { .. })), "{room}");
        assert_eq!(card.used, 0);
    }
    let mut card = Emulated::new(size_of::<f32>());
    let made = Simulation::new::<f32, _>(&mut card, &source.simulated().unwrap(), &shape, AMPLE).unwrap().unwrap();
    assert!(card.used > 1200 && card.used == made.bytes());
    made.release(&mut card).unwrap();
    assert_eq!(card.used, 0);
}

/// The same on the card of this machine, with TF32 allowed, which simulations never use.
#[cfg(feature = "cuda")]
#[test]
fn simulations_agree_on_the_gpu() {
    use crate::cuda::card::Card;
    let report = crate::CudaReport::look();
    if !report.missing.is_empty() {
        assert!(std::env::var_os("IMNN_GPU").is_none(), "IMNN_GPU is set, and: {}", report.missing.join("; "));
        eprintln!("SKIPPED: nothing was simulated on a GPU: {}", report.missing.join("; "));
        return;
    }
    let make = |size, _| Card::new(0, size, true).unwrap();
    let scratch = Scratch { part: 16, ..AMPLE };
    simulator_agrees(&make, GaussianMeanVariance { n_data: 100 }, &[1.0, 4.0], 1, AMPLE);
    simulator_agrees(&make, NoisyLine::default().with_slope_variance(0.3).unwrap(), &[1.3], 2, scratch);
    simulator_agrees(&make, PowerLawField::new(24).unwrap(), &[1.0, 0.5], 3, scratch);
    eprintln!("GPU: simulations agree with the host's");
}
