//! The passes of an iteration allocate nothing once they have run twice, and training a little beside them, the same for any
//! number of simulations and any network.
//!
//! What the crate gemm takes for the time of one product is not counted: a few flags, and where channels are no multiple of
//! 16 a packed factor.

#![allow(clippy::unwrap_used)]

use imnn::data::{Augmentation, Augmented, OnTheFly, Source, simulate_exact, simulate_numerical};
use imnn::device::{Aggregator, Cotangents, Cpu, Device, Task};
use imnn::fit::{FitSettings, Imnn, Progress};
use imnn::models::{
    Adam, Clipped, Model, Network, Padding, concat, conv, dense, flatten, gelu, global_avg_pool, leaky_relu, max_pool,
    serial, standardise, sum, tanh,
};
use imnn::sim::{GaussianMeanVariance, Key, PowerLawField};
use ndarray::Array2;
use std::ops::ControlFlow;

const THETA_FID: [f64; 2] = [0.0, 1.0];
const DRAWS: GaussianMeanVariance = GaussianMeanVariance { n_data: 10 };

/// One test, since what is counted is what the whole process allocates.
#[test]
fn what_passes_and_iterations_allocate() {
    let cases = [
        ("on the fly", dense_network(32), on_the_fly(200)),
        ("exact", dense_network(32), exact(200)),
        ("numerical", dense_network(32), numerical(200)),
        ("augmented fields", field_network(), fields(200)),
    ];
    // What gemm packs is as large as a cache, whose size differs between machines.
    let most = isize::max(1 << 20, gemm_buffer() + (1 << 19));
    // Two threads come last: they end some time after their session.
    for (members, threads, memory) in [(1, 1, 1 << 30), (1, 1, 0), (1, 2, 1 << 30), (2, 1, 1 << 30), (2, 1, 20_000)] {
        for (what, network, source) in &cases {
            let cpus = (0..members).map(|_| Cpu::new(threads).unwrap().with_memory(memory));
            let device = Aggregator::new(cpus).unwrap().with_n_per_device(100).unwrap();
            // The test harness may allocate meanwhile, but not every time.
            let taken = (0..3).map(|_| passes(network, source.as_ref(), None, &device));
            let Taken { number, live, peak, .. } = taken.min_by_key(|taken| taken.number).unwrap();
            // A second thread may come late to its own memory, and a pool makes room for every 63 calls from outside.
            let late = if device.workers() > 1 { 40 } else { 0 };
            let split = format!("{members} of {threads} threads, {memory} bytes");
            assert!(number <= late, "{number} allocations: {what}, {split}");
            if device.workers() == 1 {
                assert_eq!(live, 0, "bytes kept: {what}, {split}");
                assert!(peak < most, "{peak} bytes at once of {most}: {what}, {split}");
            }
        }
    }

    // What is left of an iteration of training without its passes is the same for all sizes.
    let rest = |width, n_s| {
        let network = dense_network(width);
        let [training, validation] = [on_the_fly(n_s), on_the_fly(n_s / 2)];
        let cpu = Cpu::new(1).unwrap();
        let passes = passes(&network, training.as_ref(), Some(validation.as_ref()), &cpu);
        let (number, bytes) = iteration(network, training, validation);
        (number - passes.number / ITERATIONS as isize, bytes - passes.bytes / ITERATIONS as isize)
    };
    let small = rest(16, 600);
    for (number, bytes) in [small, rest(64, 600), rest(16, 3000)] {
        assert_eq!(number, small.0);
        assert!(number < 150 && bytes < 100_000, "{number} allocations, {bytes} bytes");
    }
}

const ITERATIONS: usize = 50;

/// Bytes that the passes of a very small network take at once: what gemm packs the factors of any product into. That buffer is
/// as large as its share of the second-level cache, or all of that cache if the system does not say who shares it (as without
/// /sys in a container).
fn gemm_buffer() -> isize {
    passes(&dense_network(17), exact(8).as_ref(), None, &Cpu::new(1).unwrap()).peak
}

/// Memory taken over some iterations.
struct Taken {
    /// How often, and how many bytes.
    number: isize,
    bytes: isize,
    /// Bytes not given back.
    live: isize,
    /// The most bytes beyond those taken at the beginning.
    peak: isize,
}

/// What the passes take after the first two.
fn passes(
    network: &Network,
    training: &dyn Source<f32>,
    validation: Option<&dyn Source<f32>>,
    device: &dyn Device<f32>,
) -> Taken {
    let model = Model::new(network.clone(), training.input_shape()).unwrap();
    let weights = model.initialise::<f32>(Key::new(1));
    let mut session = device.load(&model).unwrap();
    assert_eq!(session.note(), None);
    let (x, dx) = (Array2::from_elem((training.n_s(), 2), 0.5), Array2::from_elem((2, 2), -0.5));
    let cotangents = Cotangents { x: x.view(), dx: dx.view() };
    let mut gradient = vec![0.0; weights.values().len()];
    let mut run = |iteration: usize| {
        let task = |source| Task { weights: weights.values(), source, key: Key::new(iteration as u64) };
        session.forward(&task(training), true).unwrap();
        session.backward(&task(training), &cotangents, &mut gradient).unwrap();
        if let Some(validation) = validation {
            session.forward(&task(validation), false).unwrap();
        }
    };
    (0..2).for_each(&mut run);
    counting::peak();
    let before = counting::Counted::now();
    (2..2 + ITERATIONS).for_each(&mut run);
    let after = counting::Counted::now();
    Taken {
        number: after.number - before.number,
        bytes: after.bytes - before.bytes,
        live: after.live - before.live,
        peak: counting::peak() - before.live,
    }
}

/// How often a usual iteration of a training allocates, and how many bytes.
fn iteration(network: Network, training: Box<dyn Source<f32>>, validation: Box<dyn Source<f32>>) -> (isize, isize) {
    let mut imnn = Imnn::<f32>::builder(network)
        .theta_fid(THETA_FID)
        .training(training)
        .validation(validation)
        .optimiser(Clipped::norm(Adam::new(1e-3).unwrap(), 1.0).unwrap())
        .device(Cpu::new(1).unwrap())
        .build()
        .unwrap();
    let mut seen = Vec::with_capacity(ITERATIONS);
    let mut watch = |_: &Progress| {
        seen.push(counting::Counted::now());
        ControlFlow::Continue(())
    };
    let settings =
        FitSettings { max_iterations: ITERATIONS, patience: 1000, read_out: false, ..FitSettings::default() };
    imnn.fit_with(&settings, &mut watch).unwrap();
    // The record of training grows by doubling: those are no usual iterations.
    let mut between: Vec<_> =
        seen.windows(2).map(|pair| (pair[1].number - pair[0].number, pair[1].bytes - pair[0].bytes)).collect();
    between.sort_unstable();
    between[between.len() / 2]
}

fn on_the_fly(n_s: usize) -> Box<dyn Source<f32>> {
    Box::new(OnTheFly::new(DRAWS, &THETA_FID, n_s, n_s / 2).unwrap())
}

fn exact(n_s: usize) -> Box<dyn Source<f32>> {
    Box::new(simulate_exact::<f32, _>(&DRAWS, &THETA_FID, n_s, n_s / 2, Key::new(2)).unwrap())
}

fn numerical(n_s: usize) -> Box<dyn Source<f32>> {
    Box::new(simulate_numerical::<f32, _>(&DRAWS, &THETA_FID, &[0.1, 0.1], n_s, n_s / 2, Key::new(2)).unwrap())
}

fn fields(n_s: usize) -> Box<dyn Source<f32>> {
    let field = OnTheFly::new(PowerLawField::new(16).unwrap(), &[1.0, 0.5], n_s, n_s / 2).unwrap();
    Box::new(Augmented::new::<f32>(field, Augmentation::all()).unwrap())
}

fn dense_network(width: usize) -> Network {
    serial([dense(width), gelu(), dense(width), leaky_relu(), dense(2)])
}

fn field_network() -> Network {
    let branches = [
        serial([conv(4, &[3, 3], &[1, 1], Padding::Circular), tanh()]),
        serial([conv(4, &[1, 1], &[1, 1], Padding::Same)]),
    ];
    serial([
        standardise(&[0.1], &[2.0]),
        conv(4, &[3, 3], &[2, 2], Padding::Circular),
        gelu(),
        concat(branches.clone()),
        sum(branches),
        max_pool(&[2, 2], &[2, 2], Padding::Valid),
        conv(4, &[2, 2], &[1, 1], Padding::Valid),
        global_avg_pool(),
        flatten(),
        dense(2),
    ])
}

/// An allocator that counts.
#[allow(unsafe_code)]
mod counting {
    use std::alloc::{GlobalAlloc, Layout, System};
    use std::sync::atomic::{AtomicIsize, Ordering};

    static NUMBER: AtomicIsize = AtomicIsize::new(0);
    static BYTES: AtomicIsize = AtomicIsize::new(0);
    static LIVE: AtomicIsize = AtomicIsize::new(0);
    static PEAK: AtomicIsize = AtomicIsize::new(0);

    struct Counting;

    #[global_allocator]
    static COUNTING: Counting = Counting;

    pub struct Counted {
        /// Number and bytes of all allocations so far.
        pub number: isize,
        pub bytes: isize,
        /// Bytes taken now.
        pub live: isize,
    }

    impl Counted {
        pub fn now() -> Self {
            let [number, bytes, live] = [&NUMBER, &BYTES, &LIVE].map(|counter| counter.load(Ordering::SeqCst));
            Counted { number, bytes, live }
        }
    }

    /// The most bytes taken at once since the last call of this.
    pub fn peak() -> isize {
        PEAK.swap(LIVE.load(Ordering::SeqCst), Ordering::SeqCst)
    }

    fn count(layout: Layout, bytes: usize) {
        if !of_gemm(layout, bytes) {
            NUMBER.fetch_add(1, Ordering::SeqCst);
            BYTES.fetch_add(bytes as isize, Ordering::SeqCst);
        }
        let live = LIVE.fetch_add(bytes as isize, Ordering::SeqCst) + bytes as isize;
        PEAK.fetch_max(live, Ordering::SeqCst);
    }

    /// gemm keeps one byte for each tile of a factor, and packed factors begin on cache lines; nothing of ours is like either.
    fn of_gemm(layout: Layout, bytes: usize) -> bool {
        (layout.align() == 1 && bytes <= 4096) || layout.align() >= 64
    }

    // SAFETY: every call goes to the allocator of the system unchanged; counting does not allocate.
    unsafe impl GlobalAlloc for Counting {
        unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
            count(layout, layout.size());
            // SAFETY: the caller keeps the contract of `GlobalAlloc::alloc`.
            unsafe { System.alloc(layout) }
        }

        unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
            count(layout, layout.size());
            // SAFETY: the caller keeps the contract of `GlobalAlloc::alloc_zeroed`.
            unsafe { System.alloc_zeroed(layout) }
        }

        unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
            count(layout, size);
            LIVE.fetch_sub(layout.size() as isize, Ordering::SeqCst);
            // SAFETY: the caller keeps the contract of `GlobalAlloc::realloc`.
            unsafe { System.realloc(pointer, layout, size) }
        }

        unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
            LIVE.fetch_sub(layout.size() as isize, Ordering::SeqCst);
            // SAFETY: the caller keeps the contract of `GlobalAlloc::dealloc`.
            unsafe { System.dealloc(pointer, layout) }
        }
    }
}
