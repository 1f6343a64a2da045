//! Several devices: the bits of one, whatever the numbers, and errors that end nothing.

#![allow(clippy::unwrap_used)]

mod shared;

use imnn_data::{Arrays, DataError, DatasetSpec, Microbatch, Source, simulate_exact};
use imnn_device::{Aggregator, Cotangents, Cpu, Device, DeviceError, Task};
use imnn_sim::Key;
use ndarray::Array2;
use shared::{DRAWS, KEY, THETA_FID, dense_network, passes, ready, sick, sources};
use std::ops::Range;
use std::sync::{Condvar, Mutex};
use std::time::{Duration, Instant};

/// CPUs of so many threads each.
fn cpus(members: usize, threads: usize, memory: usize) -> Aggregator<f32> {
    Aggregator::new((0..members).map(|_| Cpu::new(threads).unwrap().with_memory(memory))).unwrap()
}

#[test]
fn any_split_has_the_bits_of_one_device() {
    for (n_s, n_d) in [(307, 101), (307, 307), (131, 1), (5, 3), (1, 1)] {
        for (what, network, source) in sources(n_s, n_d) {
            let (model, weights) = ready(&network, source.as_ref());
            let alone = Cpu::new(1).unwrap().load(&model);
            let expected = passes(alone.unwrap().as_mut(), weights.values(), source.as_ref());
            for (members, threads, n_per_device, memory) in [
                (1, 1, 64, 1 << 30),
                (1, 2, 307, 0),
                (2, 1, 64, 1 << 30),
                (2, 1, 100, 0),
                (2, 2, 307, 50_000),
                (3, 1, 65, 1 << 30),
                (3, 1, 307, 20_000),
                (3, 2, 1 << 40, 0),
            ] {
                let device = cpus(members, threads, memory).with_n_per_device(n_per_device).unwrap();
                let mut session = device.load(&model).unwrap();
                assert_eq!(session.note(), None);
                let found = passes(session.as_mut(), weights.values(), source.as_ref());
                let split = format!("{members} of {threads} threads, {n_per_device} at once, {memory} bytes");
                assert_eq!(found, expected, "{what}, {n_s} simulations, {n_d} with derivatives, {split}");
                // A second time, now that everything has its memory.
                assert_eq!(passes(session.as_mut(), weights.values(), source.as_ref()), expected);
            }
        }
    }
}

#[test]
fn uneven_members_have_the_bits_of_one_device() {
    let (_, network, source) = sources(307, 101).swap_remove(2);
    let (model, weights) = ready(&network, source.as_ref());
    for dfdx in [false, true] {
        let cpu = |threads, memory| {
            let cpu = Cpu::new(threads).unwrap().with_memory(memory);
            if dfdx { cpu.with_dfdx() } else { cpu }
        };
        let alone = cpu(1, 0).load(&model);
        let expected = passes(alone.unwrap().as_mut(), weights.values(), source.as_ref());
        let device = Aggregator::new([cpu(1, 10_000), cpu(3, 0), cpu(2, 1 << 30)]).unwrap();
        assert_eq!((device.len(), device.workers()), (3, 6));
        let found = passes(device.load(&model).unwrap().as_mut(), weights.values(), source.as_ref());
        assert_eq!(found, expected, "dfdx: {dfdx}");
    }
}

#[test]
fn less_than_a_leaf_cuts_leaves_and_says_so() {
    let (_, network, source) = sources(307, 101).swap_remove(1);
    let (model, weights) = ready(&network, source.as_ref());
    let expected = passes(cpus(1, 1, 0).load(&model).unwrap().as_mut(), weights.values(), source.as_ref());
    for n_per_device in [1, 7, 63] {
        let cut = |members| {
            let device = cpus(members, 1, 1 << 30).with_n_per_device(n_per_device).unwrap();
            let mut session = device.load(&model).unwrap();
            let found = passes(session.as_mut(), weights.values(), source.as_ref());
            let note = session.note().unwrap();
            assert!(
                note.starts_with(&format!("n_per_device = {n_per_device} cuts microbatches smaller than the 64")),
                "{note}"
            );
            found
        };
        let (summaries, gradient) = cut(1);
        assert_eq!(cut(3), (summaries.clone(), gradient.clone()), "{n_per_device}");
        let close = |a: f64, b: f64| (a - b).abs() < 1e-4 * (1.0 + b.abs());
        assert!(summaries.x.iter().zip(&expected.0.x).all(|(&a, &b)| close(a, b)));
        // Sums of 307 products of order one to ten, in f32.
        assert!(gradient.iter().zip(&expected.1).all(|(&a, &b)| close(a.into(), b.into())));
    }
}

#[test]
fn a_source_that_fails_in_one_member_is_reported_and_all_go_on() {
    let (model, weights) = ready(&dense_network(), &sick(None, 0));
    let mut alone = Cpu::new(1).unwrap().load(&model).unwrap();
    let expected = passes(alone.as_mut(), weights.values(), &sick(None, 0));
    for (threads, memory) in [(1, 1 << 30), (2, 0)] {
        let mut session = cpus(3, threads, memory).load(&model).unwrap();
        for bad in [0, 250, 498] {
            let source = sick(Some(bad), 0);
            let task = Task { weights: weights.values(), source: &source, key: KEY };
            for keep in [true, false] {
                let error = session.forward(&task, keep).unwrap_err();
                assert!(matches!(error, DeviceError::Data(DataError::NoRows { name: "the bad row" })), "{error}");
            }
            // And backward, where microbatches are read again.
            let (x, dx) = (Array2::zeros((499, 2)), Array2::zeros((2, 2)));
            let mut gradient = vec![0.0; weights.values().len()];
            let cotangents = Cotangents { x: x.view(), dx: dx.view() };
            let error = session.backward(&task, &cotangents, &mut gradient).unwrap_err();
            assert!(matches!(error, DeviceError::Data(DataError::NoRows { .. })), "{error}");
            assert_eq!(passes(session.as_mut(), weights.values(), &sick(None, 0)), expected);
        }
    }
}

/// Simulations whose first row is read only when so many other microbatches have been.
struct Waiting {
    inner: Arrays<f32>,
    others: usize,
    read: Mutex<usize>,
    more_read: Condvar,
}

impl Source<f32> for Waiting {
    fn spec(&self) -> &DatasetSpec {
        self.inner.spec()
    }

    fn read(&self, rows: Range<usize>, key: Key, microbatch: &mut Microbatch<f32>) -> Result<(), DataError> {
        let mut read = self.read.lock().unwrap();
        if rows.contains(&0) {
            // Whoever is given nothing of what others leave waits for ever; a minute is enough to say so.
            let wait = |read| {
                self.more_read.wait_timeout_while(read, Duration::from_secs(60), |read| *read < self.others).unwrap()
            };
            let late;
            (read, late) = wait(read);
            assert!(!late.timed_out(), "{} microbatches of {} were read by the other", *read, self.others);
        }
        *read += 1;
        self.more_read.notify_all();
        drop(read);
        self.inner.read(rows, key, microbatch)
    }
}

#[test]
fn whoever_is_done_takes_over() {
    // Of 16 microbatches one device runs the first alone; it goes on when the other has done all the rest.
    let inner: Arrays<f32> = simulate_exact(&DRAWS, &THETA_FID, 1000, 1000, KEY).unwrap();
    let (model, weights) = ready(&dense_network(), &inner);
    let mut alone = Cpu::new(1).unwrap().load(&model).unwrap();
    let expected = passes(alone.as_mut(), weights.values(), &inner);
    let source = Waiting { inner, others: 15, read: Mutex::default(), more_read: Condvar::new() };
    let mut session = cpus(2, 1, 1 << 30).load(&model).unwrap();
    assert_eq!(passes(session.as_mut(), weights.values(), &source), expected);
}

#[test]
fn time_spent_on_reading_is_known() {
    let (model, weights) = ready(&dense_network(), &sick(None, 0));
    for device in [cpus(1, 1, 1 << 30), cpus(2, 1, 0)] {
        let mut session = device.load(&model).unwrap();
        assert_eq!(session.usage().reading_share(), 0.0);
        let clock = Instant::now();
        passes(session.as_mut(), weights.values(), &sick(None, 10));
        let slow = session.usage();
        // 12 microbatches of 10 ms each, twice where nothing is kept; everything happened while this waited.
        let reads = if device.len() == 1 { 12 } else { 24 };
        assert!(slow.reading >= reads * Duration::from_millis(10), "{slow:?}");
        assert!(slow.reading <= slow.total, "{slow:?}");
        assert!(slow.total <= clock.elapsed() * u32::try_from(device.workers()).unwrap(), "{slow:?}");
        passes(session.as_mut(), weights.values(), &sick(None, 0));
        assert!(session.usage().since(slow).total > Duration::ZERO);
        assert!(session.usage().total > slow.total && session.usage().reading > slow.reading);
    }
}

#[test]
fn devices_that_would_differ_are_refused() {
    assert!(matches!(Aggregator::<f32>::new(Vec::<Cpu<f32>>::new()), Err(DeviceError::NoDevices)));
    let cpu = || Cpu::<f32>::new(1).unwrap();
    let error = Aggregator::new([cpu(), cpu(), cpu().with_dfdx()]).err().unwrap().to_string();
    assert!(error.starts_with("device 0 runs networks on CPU and device 2 on CPU on dfdx: "), "{error}");
    let error = Aggregator::new([cpu()]).unwrap().with_n_per_device(0).err().unwrap().to_string();
    assert_eq!(error, "n_per_device is 0; give at least 1, or leave it out");
}
