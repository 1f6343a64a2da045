//! The card itself, on the GPU of this machine.

use super::card::Card;
use crate::commands::{Argument, Backend, Command, Factor, Product, Span};
use crate::{Aggregator, Cotangents, Cuda, CudaReport, Device, DeviceError, Session, Task};
use imnn_data::{Arrays, simulate_exact};
use imnn_models::{Element, Model, dense, gelu, relu, serial};
use imnn_sim::{GaussianMeanVariance, Key};
use ndarray::Array2;

/// What is here; `None` where nothing can be tested, which is no answer if IMNN_GPU is set.
fn found() -> Option<CudaReport> {
    let report = CudaReport::look();
    if report.missing.is_empty() {
        return Some(report);
    }
    assert!(std::env::var_os("IMNN_GPU").is_none(), "IMNN_GPU is set, and: {}", report.missing.join("; "));
    eprintln!("SKIPPED: nothing was run on a card: {}", report.missing.join("; "));
    None
}

fn card(size: usize) -> Option<Card> {
    found().map(|_| Card::new(0, size, false).unwrap())
}

fn bytes<E: Element>(values: &[f64]) -> Vec<u8> {
    let narrow =
        |&v: &f64| if size_of::<E>() == 4 { (v as f32).to_ne_bytes().to_vec() } else { v.to_ne_bytes().to_vec() };
    values.iter().flat_map(narrow).collect()
}

fn numbers<E: Element>(bytes: &[u8]) -> Vec<f64> {
    let wide = |number: &[u8]| match number.len() {
        4 => f64::from(f32::from_ne_bytes(number.try_into().unwrap())),
        _ => f64::from_ne_bytes(number.try_into().unwrap()),
    };
    bytes.chunks(size_of::<E>()).map(wide).collect()
}

fn upload<E: Element>(card: &mut Card, memory: usize, at: usize, values: &[f64]) {
    card.upload(memory, at * size_of::<E>(), &bytes::<E>(values)).unwrap();
}

fn download<E: Element>(card: &mut Card, memory: usize, at: usize, n: usize) -> Vec<f64> {
    let mut made = vec![0; n * size_of::<E>()];
    card.download(memory, at * size_of::<E>(), &mut made).unwrap();
    numbers::<E>(&made)
}

#[test]
fn bytes_come_back_from_any_offset() {
    let Some(mut card) = card(4) else { return };
    let memory = card.allocate(1000).unwrap();
    let sent: Vec<u8> = (0..1000).map(|i| (i % 251) as u8).collect();
    card.upload(memory, 0, &sent).unwrap();
    for (offset, len) in [(0, 1000), (1, 1), (3, 77), (999, 1), (7, 993), (500, 0), (1000, 0), (0, 0)] {
        let mut found = vec![9; len];
        card.download(memory, offset, &mut found).unwrap();
        assert_eq!(found, sent[offset..offset + len]);
        let other: Vec<u8> = (0..len).map(|i| (i % 7) as u8).collect();
        card.upload(memory, offset, &other).unwrap();
        card.download(memory, offset, &mut found).unwrap();
        assert_eq!(found, other);
        // What lies around it is as it was.
        let mut all = vec![0; 1000];
        card.download(memory, 0, &mut all).unwrap();
        let expected: Vec<u8> = [&sent[..offset], &other[..], &sent[offset + len..]].concat();
        assert_eq!(all, expected);
        card.upload(memory, 0, &sent).unwrap();
    }
    for (offset, len) in [(0, 1001), (1000, 1), (1001, 0), (usize::MAX, 1), (usize::MAX - 3, 4)] {
        let mut beyond = vec![0; len];
        assert!(matches!(card.upload(memory, offset, &beyond), Err(DeviceError::Gpu { .. })), "{len} at {offset}");
        assert!(matches!(card.download(memory, offset, &mut beyond), Err(DeviceError::Gpu { .. })));
    }
}

#[test]
fn memory_without_bytes_is_memory() {
    let Some(mut card) = card(8) else { return };
    let [none, one] = [0, 8].map(|bytes| card.allocate(bytes).unwrap());
    card.upload(none, 0, &[]).unwrap();
    card.download(none, 0, &mut []).unwrap();
    assert!(card.upload(none, 0, &[1]).is_err());
    let zero = card.prepare(vec![Command::Zero(Span { memory: none, start: 0, len: 0 })]).unwrap();
    let nothing = card.prepare(vec![]).unwrap();
    for _ in 0..4 {
        card.run(zero).unwrap();
        card.run(nothing).unwrap();
    }
    upload::<f64>(&mut card, one, 0, &[3.0]);
    card.free(none).unwrap();
    assert!(card.upload(none, 0, &[]).is_err() && card.download(none, 0, &mut [0]).is_err());
    // Given back twice is given back.
    card.free(none).unwrap();
    assert_eq!(download::<f64>(&mut card, one, 0, 1), [3.0]);
}

/// `add` adds 6 numbers to others; a product adds to 2 x 2 numbers; the last 3 of 20 numbers become zeros. All at odd
/// places of one memory.
fn commands(memory: usize) -> Vec<Command> {
    let span = |start, len| Span { memory, start, len };
    let factor = |start, ld, transposed| Factor { span: span(start, 4), ld, transposed };
    let counts = |counts: &[u32]| counts.iter().map(|&n| Argument::Count(n)).collect::<Vec<_>>();
    let mut arguments = vec![Argument::Numbers(span(1, 6))];
    arguments.extend(counts(&[3]));
    arguments.push(Argument::Numbers(span(7, 6)));
    arguments.extend(counts(&[3, 3, 1]));
    vec![
        Command::Launch { kernel: "copy", threads: 6, arguments },
        Command::Product(Product {
            m: 2,
            n: 2,
            k: 2,
            a: factor(1, 2, false),
            b: factor(3, 2, true),
            c: span(13, 4),
            ld: 2,
            accumulate: true,
        }),
        Command::Zero(span(17, 3)),
    ]
}

/// What the commands make of numbers.
fn made(v: &mut [f64]) {
    (0..6).for_each(|i| v[7 + i] += v[1 + i]);
    for (i, j) in [(0, 0), (0, 1), (1, 0), (1, 1)] {
        v[13 + 2 * i + j] += (0..2).map(|l| v[1 + 2 * i + l] * v[3 + 2 * j + l]).sum::<f64>();
    }
    v[17..20].fill(0.0);
}

fn sequences<E: Element>() {
    let Some(mut card) = card(size_of::<E>()) else { return };
    let memory = card.allocate(21 * size_of::<E>()).unwrap();
    let sequence = card.prepare(commands(memory)).unwrap();
    let mut expected: Vec<f64> = (0..21).map(f64::from).collect();
    upload::<E>(&mut card, memory, 0, &expected);
    // Issued, captured, replayed, replayed; small whole numbers are exact.
    for _ in 0..4 {
        card.run(sequence).unwrap();
        made(&mut expected);
        assert_eq!(download::<E>(&mut card, memory, 0, 21), expected);
        upload::<E>(&mut card, memory, 17, &[5.0]);
        expected[17] = 5.0;
    }
    // Several at once, and one that is new to a card with work under way.
    let again = card.prepare(commands(memory)).unwrap();
    for which in [sequence, again, sequence, again, again, sequence] {
        card.run(which).unwrap();
        made(&mut expected);
    }
    assert_eq!(download::<E>(&mut card, memory, 0, 21), expected);
    // One is dropped while it may still be running; the other goes on.
    card.run(again).unwrap();
    card.forget(again).unwrap();
    made(&mut expected);
    assert!(matches!(card.run(again), Err(DeviceError::Gpu { .. })));
    card.run(sequence).unwrap();
    made(&mut expected);
    assert_eq!(download::<E>(&mut card, memory, 0, 21), expected);
    card.run(sequence).unwrap();
    card.forget(sequence).unwrap();
    card.free(memory).unwrap();
}

#[test]
fn sequences_are_issued_captured_and_replayed() {
    sequences::<f32>();
    sequences::<f64>();
}

#[test]
fn a_sequence_with_memory_that_is_gone_is_an_error() {
    let Some(mut card) = card(8) else { return };
    let [memory, other] = [21 * 8, 21 * 8].map(|bytes| card.allocate(bytes).unwrap());
    let sequence = card.prepare(commands(memory)).unwrap();
    card.run(sequence).unwrap();
    card.free(memory).unwrap();
    // Also while it is captured, and the card is of use after that.
    for _ in 0..3 {
        let error = card.run(sequence).unwrap_err();
        assert!(error.to_string().contains("find its memory"), "{error}");
    }
    card.forget(sequence).unwrap();
    let beyond = Span { memory: other, start: 0, len: 22 };
    let kernel = Command::Launch { kernel: "nonsense", threads: 1, arguments: vec![] };
    for command in [Command::Zero(beyond), kernel] {
        let refused = card.prepare(vec![command]).unwrap();
        assert!(matches!(card.run(refused), Err(DeviceError::Gpu { device: 0, .. })));
    }
    let good = card.prepare(commands(other)).unwrap();
    let mut expected = vec![2.0; 21];
    upload::<f64>(&mut card, other, 0, &expected);
    for _ in 0..3 {
        card.run(good).unwrap();
        made(&mut expected);
    }
    assert_eq!(download::<f64>(&mut card, other, 0, 21), expected);
}

#[test]
fn a_launch_of_no_threads_is_nothing() {
    let Some(mut card) = card(4) else { return };
    let memory = card.allocate(40).unwrap();
    let span = Span { memory, start: 0, len: 0 };
    let arguments = vec![Argument::Numbers(span), Argument::Count(1), Argument::Count(1)];
    let sequence = card.prepare(vec![Command::Launch { kernel: "seed_units", threads: 0, arguments }]).unwrap();
    for _ in 0..3 {
        card.run(sequence).unwrap();
    }
}

#[test]
fn a_card_works_and_ends_on_other_threads() {
    let Some(mut card) = card(8) else { return };
    let memory = card.allocate(21 * 8).unwrap();
    let sequence = card.prepare(commands(memory)).unwrap();
    let mut expected = vec![1.0; 21];
    upload::<f64>(&mut card, memory, 0, &expected);
    for _ in 0..4 {
        made(&mut expected);
        card = std::thread::spawn(move || {
            card.run(sequence).unwrap();
            card
        })
        .join()
        .unwrap();
    }
    assert_eq!(download::<f64>(&mut card, memory, 0, 21), expected);
    card.run(sequence).unwrap();
    std::thread::spawn(move || drop(card)).join().unwrap();
    // The next one on this thread starts from nothing.
    sequences::<f64>();
}

/// What waits for a whole card, such as a card that is started, may not do so while another one captures.
#[test]
fn cards_start_and_end_while_others_capture() {
    if found().is_none() {
        return;
    }
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| (0..10).for_each(|_| drop(card(8))));
            scope.spawn(|| (0..10).for_each(|_| sequences::<f64>()));
        }
    });
}

#[test]
fn more_memory_than_there_is_is_refused() {
    let Some(mut card) = card(4) else { return };
    let total = found().unwrap().gpus[0].memory;
    let free = card.available().unwrap();
    assert!(free <= total);
    for bytes in [total + 1, 2 * total] {
        let error = card.allocate(bytes).unwrap_err();
        assert!(matches!(error, DeviceError::OutOfMemory { device: 0, bytes: b } if b == bytes), "{error}");
    }
    let memory = card.allocate(1 << 20).unwrap();
    assert!(card.available().unwrap() <= total - (1 << 20));
    card.free(memory).unwrap();
    sequences::<f32>();
}

#[test]
fn cards_that_are_not_there_are_refused() {
    let Some(report) = found() else { return };
    let n = report.gpus.len();
    for device in [n, 1000, usize::MAX] {
        for error in [Cuda::<f32>::new(device).err(), Card::new(device, 4, false).err()] {
            assert!(matches!(error, Some(DeviceError::NoGpu { device: d, found }) if d == device && found == n));
        }
    }
}

const DRAWS: GaussianMeanVariance = GaussianMeanVariance { n_data: 10 };
const KEY: Key = Key::from_bytes([7; 32]);

fn model() -> Model {
    Model::new(serial([dense(16), gelu(), dense(8), relu(), dense(2)]), &[10]).unwrap()
}

fn source() -> Arrays<f64> {
    simulate_exact(&DRAWS, &[0.0, 1.0], 50, 33, KEY).unwrap()
}

/// Summaries, their tangents and the gradient, one after the other.
fn pass(session: &mut dyn Session<f64>, model: &Model, source: &Arrays<f64>) -> Result<Vec<f64>, DeviceError> {
    let weights = model.initialise::<f64>(Key::new(1)).values().to_vec();
    let task = Task { weights: &weights, source, key: KEY };
    let summaries = session.forward(&task, true)?.clone();
    let x = Array2::from_shape_fn((50, 2), |(i, s)| ((3 * i + s) % 7) as f64 - 3.0);
    let dx = Array2::from_shape_fn((2, 2), |(s, a)| 1.0 + s as f64 - 3.0 * a as f64);
    let mut gradient = vec![f64::NAN; weights.len()];
    session.backward(&task, &Cotangents { x: x.view(), dx: dx.view() }, &mut gradient)?;
    Ok(summaries.x.into_iter().chain(summaries.dx).chain(gradient).collect())
}

fn assert_close(found: &[f64], expected: &[f64]) {
    let scale = expected.iter().fold(0.0, |m: f64, v| m.max(v.abs()));
    assert_eq!(found.len(), expected.len());
    for (a, b) in found.iter().zip(expected) {
        assert!((a - b).abs() <= 1e-11 * scale, "{a} and {b}");
    }
}

#[test]
fn all_cards_together_are_one() {
    let Some(report) = found() else { return };
    let (model, source) = (model(), source());
    let all: Vec<usize> = (0..report.gpus.len()).collect();
    let alone = pass(Cuda::<f64>::new(0).unwrap().load(&model).unwrap().as_mut(), &model, &source).unwrap();
    // Also two sessions on one card, at the same time.
    for devices in [all, vec![0, 0]] {
        let gpus = devices.into_iter().map(|device| Cuda::<f64>::new(device).unwrap());
        let mut session = Aggregator::new(gpus).unwrap().load(&model).unwrap();
        let first = pass(session.as_mut(), &model, &source).unwrap();
        assert_close(&first, &alone);
        for _ in 0..3 {
            assert_eq!(pass(session.as_mut(), &model, &source).unwrap(), first);
        }
    }
}
