//! Several processes, as threads: the bits of one, and errors that all know.

#![allow(clippy::unwrap_used)]

mod shared;

use imnn_data::{Arrays, DataError, DatasetSpec, Microbatch, Source, simulate_exact};
use imnn_device::{Cotangents, Cpu, Device, DeviceError, Session, Task};
use imnn_ranks::Threads;
use imnn_sim::Key;
use ndarray::Array2;
use shared::{DRAWS, KEY, THETA_FID, dense_network, passes, ready, sick, sources};
use std::ops::Range;
use std::sync::Arc;
use std::thread;

/// What each of `n` ranks comes to, with a session of so many threads and bytes.
fn on_ranks<T: Send>(
    n: usize,
    (threads, memory): (usize, usize),
    model: &imnn_models::Model,
    run: impl Fn(usize, &mut dyn Session<f32>) -> T + Sync,
) -> Vec<T> {
    thread::scope(|scope| {
        let rank = |(rank, ranks): (usize, Threads)| {
            let run = &run;
            scope.spawn(move || {
                let cpu = Cpu::new(threads).unwrap().with_memory(memory).with_ranks(Arc::new(ranks));
                run(rank, cpu.load(model).unwrap().as_mut())
            })
        };
        let all: Vec<_> = Threads::new(n).into_iter().enumerate().map(rank).collect();
        all.into_iter().map(|thread| thread.join().unwrap()).collect()
    })
}

#[test]
fn any_number_of_ranks_has_the_bits_of_one() {
    for (n_s, n_d) in [(2500, 1700), (307, 101), (131, 1), (5, 3), (1, 1)] {
        for (what, network, source) in sources(n_s, n_d) {
            let (model, weights) = ready(&network, source.as_ref());
            let mut alone = Cpu::new(1).unwrap().load(&model).unwrap();
            let expected = passes(alone.as_mut(), weights.values(), source.as_ref());
            for (n, threads, memory) in [(1, 2, 0), (2, 1, 1 << 30), (3, 2, 50_000), (5, 1, 0), (8, 1, 1 << 30)] {
                let found = on_ranks(n, (threads, memory), &model, |_, session| {
                    // A second time, now that everything has its memory.
                    [(); 2].map(|()| passes(session, weights.values(), source.as_ref()))
                });
                for (rank, found) in found.into_iter().enumerate() {
                    assert!(found.iter().all(|found| *found == expected), "{what}, {n_s}, {n_d}: rank {rank} of {n}");
                }
            }
        }
    }
}

#[test]
fn what_fails_on_one_rank_is_said_by_all_and_all_go_on() {
    let (model, weights) = ready(&dense_network(), &sick(None, 0));
    let mut alone = Cpu::new(1).unwrap().load(&model).unwrap();
    let expected = passes(alone.as_mut(), weights.values(), &sick(None, 0));
    for bad in [0, 250, 498] {
        let found = on_ranks(3, (1, 0), &model, |_, session| {
            let source = sick(Some(bad), 0);
            let task = Task { weights: weights.values(), source: &source, key: KEY };
            let forward = session.forward(&task, true).unwrap_err().to_string();
            let (x, dx) = (Array2::zeros((499, 2)), Array2::zeros((2, 2)));
            let mut gradient = vec![0.0; weights.values().len()];
            let cotangents = Cotangents { x: x.view(), dx: dx.view() };
            let backward = session.backward(&task, &cotangents, &mut gradient).unwrap_err().to_string();
            assert_eq!(passes(session, weights.values(), &sick(None, 0)), expected);
            [forward, backward]
        });
        assert!(found.iter().all(|messages| *messages == found[0]), "{found:?}");
        for message in &found[0] {
            assert!(message.starts_with("rank ") && message.contains("the bad row"), "{message}");
        }
    }
}

/// Simulations of which the network makes too large numbers in one row.
struct Loud(Arrays<f32>, usize);

impl Source<f32> for Loud {
    fn spec(&self) -> &DatasetSpec {
        self.0.spec()
    }

    fn read(&self, rows: Range<usize>, key: Key, microbatch: &mut Microbatch<f32>) -> Result<(), DataError> {
        self.0.read(rows.clone(), key, microbatch)?;
        let loud = rows.zip(microbatch.values.chunks_mut(10)).find(|(row, _)| *row == self.1);
        loud.into_iter().flat_map(|(_, values)| values).for_each(|value| *value = 3e38_f32.copysign(*value));
        Ok(())
    }
}

#[test]
fn what_is_not_finite_on_one_rank_is_known_to_all() {
    let draws = || simulate_exact(&DRAWS, &THETA_FID, 307, 101, KEY).unwrap();
    let (model, weights) = ready(&dense_network(), &draws());
    let weights: Vec<f32> = weights.values().iter().map(|w| 10.0 * w).collect();
    for row in [0, 150, 306] {
        let found = on_ranks(3, (1, 0), &model, |_, session| {
            let source = Loud(draws(), row);
            let task = Task { weights: &weights, source: &source, key: KEY };
            session.forward(&task, true).map(|_| ()).unwrap_err()
        });
        for error in found {
            assert!(matches!(error, DeviceError::NonFinite { row: at, n_s: 307, .. } if at == row), "{error}");
        }
    }
}

#[test]
fn ranks_that_do_something_else_are_named() {
    let (_, network, source) = sources(307, 101).swap_remove(1);
    let (model, weights) = ready(&network, source.as_ref());
    let run = |odd: &(dyn Fn(&mut Vec<f32>, &mut Key) + Sync)| {
        on_ranks(3, (1, 0), &model, |rank, session| {
            let (mut weights, mut key) = (weights.values().to_vec(), KEY);
            if rank == 2 {
                odd(&mut weights, &mut key);
            }
            let task = Task { weights: &weights, source: source.as_ref(), key };
            session.forward(&task, true).unwrap_err().to_string()
        })
    };
    let last_digit = |weights: &mut Vec<f32>, _: &mut Key| weights[3] = weights[3].next_up();
    let other_key = |_: &mut Vec<f32>, key: &mut Key| *key = key.fold_in(1);
    for messages in [run(&last_digit), run(&other_key)] {
        for message in &messages {
            assert!(message.contains("rank 2") && message.contains("weights or settings"), "{message}");
        }
    }
}
