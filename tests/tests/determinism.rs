//! Same key, same bits: histories for several numbers of threads and budgets of memory.

use crate::small::{KINDS, conv_network, fields, imnn, settings};
use imnn::device::Cpu;
use imnn::fit::{History, Imnn, Weights};
use imnn::sim::Key;
use imnn::stats::Record;

/// Bits of everything a run microbatches behind.
pub fn bits(history: &History, weights: &[f32]) -> Vec<u64> {
    let traces = std::iter::once(&history.training).chain(&history.validation);
    let columns = traces.flat_map(|t| t.columns());
    columns.flatten().map(|v| v.to_bits()).chain(weights.iter().map(|w| u64::from(w.to_bits()))).collect()
}

#[test]
fn histories_do_not_depend_on_the_number_of_threads() {
    for kind in KINDS {
        let run = |threads| {
            let mut imnn = imnn::<f32>(kind, threads);
            imnn.fit(&settings(12)).unwrap();
            bits(imnn.history(), imnn.weights(Weights::Final).unwrap().values())
        };
        let one = run(1);
        assert_eq!(one.len(), 2 * Record::NAMES.len() * 12 + 10 * 16 + 16 + 16 * 16 + 16 + 16 * 2 + 2);
        for threads in [2, 4] {
            assert_eq!(run(threads), one, "{kind:?} on {threads} threads");
        }
    }
}

#[test]
fn augmented_fields_do_not_depend_on_threads_or_memory() {
    let run = |threads, memory| {
        let mut imnn = Imnn::<f32>::builder(conv_network())
            .theta_fid([1.0, 0.5])
            .training(fields(400))
            .device(Cpu::new(threads).unwrap().with_memory(memory))
            .key(Key::new(4))
            .build()
            .unwrap();
        imnn.fit(&settings(6)).unwrap();
        bits(imnn.history(), imnn.weights(Weights::Final).unwrap().values())
    };
    let one = run(1, 1 << 30);
    for (threads, memory) in [(2, 1 << 30), (4, 1 << 30), (1, 0), (2, 100_000)] {
        assert_eq!(run(threads, memory), one, "{threads} threads, {memory} bytes");
    }
}

#[test]
fn another_key_is_another_run() {
    let run = |seed| {
        let mut imnn = Imnn::<f32>::builder(conv_network())
            .theta_fid([1.0, 0.5])
            .training(fields(100))
            .key(Key::new(seed))
            .build()
            .unwrap();
        imnn.fit(&settings(2)).unwrap();
        imnn.history().training.det_f.clone()
    };
    assert_ne!(run(0), run(1));
}
