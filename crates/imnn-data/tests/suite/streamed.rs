//! Simulations read from files when they are needed are those of memory, bit by bit.

use std::ops::Range;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Barrier};
use std::time::Duration;

use imnn_data::arrays::{write_npy, write_npz};
use imnn_data::{
    Arrays, DataError, DerivativeFiles, Files, FilesKind, HeldRows, Microbatch, ParameterSteps, Prefetch, RowArray,
    RowSpec, Source, StackedRows, Streamed, Streaming,
};
use imnn_sim::{Key, Real};
use ndarray::{ArrayD, ArrayViewD, Axis, IxDyn};
use proptest::prelude::*;

/// Writes an array as numpy would, of the type and order given.
fn write_as(file: &Path, array: &ArrayD<f64>, dtype: &str, fortran: bool) {
    let values: Vec<f64> = if fortran { array.t().iter().copied().collect() } else { array.iter().copied().collect() };
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    let shape: Vec<String> = array.shape().iter().map(usize::to_string).collect();
    let order = if fortran { "True" } else { "False" };
    let header = format!("{{'descr': '{dtype}', 'fortran_order': {order}, 'shape': ({},), }}", shape.join(", "));
    bytes.extend((header.len() as u16).to_le_bytes());
    bytes.extend(header.bytes());
    for x in values {
        match dtype {
            "<f4" => bytes.extend((x as f32).to_le_bytes()),
            ">f4" => bytes.extend((x as f32).to_be_bytes()),
            "<f8" => bytes.extend(x.to_le_bytes()),
            ">f8" => bytes.extend(x.to_be_bytes()),
            "<i4" => bytes.extend((x as i32).to_le_bytes()),
            other => panic!("{other}"),
        }
    }
    std::fs::write(file, bytes).unwrap();
}

fn numbers(shape: &[usize], salt: usize) -> ArrayD<f64> {
    let mut k = salt as f64;
    ArrayD::from_shape_simple_fn(IxDyn(shape), || {
        k += 1.0;
        (k * 0.37).sin() * 1000.0
    })
}

/// The rows of a source as a pass cuts them.
fn pass<E: Real>(source: &dyn Source<E>, cut: usize, down: bool) -> Result<Vec<Microbatch<E>>, DataError> {
    let cuts = |range: Range<usize>| {
        let end = range.end;
        range.step_by(cut).map(move |start| start..(start + cut).min(end))
    };
    let mut batches: Vec<_> = cuts(0..source.n_d()).chain(cuts(source.n_d()..source.n_s())).collect();
    if down {
        batches.reverse();
    }
    // One microbatch for all reads, as a worker has: what it held must not show.
    let mut batch = Microbatch { n: 7, values: vec![E::nan(); 3], derivatives: vec![E::nan(); 5] };
    let mut read = vec![];
    for rows in batches {
        source.read(rows, Key::new(0), &mut batch)?;
        read.push(batch.clone());
    }
    if down {
        read.reverse();
    }
    Ok(read)
}

fn same<E: Real>(streamed: &dyn Source<E>, arrays: &dyn Source<E>, cut: usize) {
    assert_eq!((streamed.n_s(), streamed.n_d()), (arrays.n_s(), arrays.n_d()));
    assert_eq!((streamed.n_params(), streamed.input_shape()), (arrays.n_params(), arrays.input_shape()));
    assert_eq!(streamed.derivatives(), arrays.derivatives());
    let expected = pass(arrays, cut, false).unwrap();
    for down in [false, true, false, true] {
        assert_eq!(pass(streamed, cut, down).unwrap(), expected);
    }
}

fn streaming(cache: usize, prefetch: Prefetch) -> Streaming {
    Streaming { cache, prefetch, ahead: 1 << 20, ..Streaming::default() }
}

const TYPES: [&str; 5] = ["<f4", ">f4", "<f8", ">f8", "<i4"];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    #[test]
    fn streamed_is_loaded(
        input in prop::collection::vec(1usize..4, 1..4),
        n_params in 1usize..4,
        n_d in 1usize..7,
        more in 0usize..6,
        numerical: bool,
        types in (0..TYPES.len(), 0..TYPES.len()),
        orders: (bool, bool),
        takes in (prop::option::of(1usize..7), prop::option::of(1usize..7)),
        cut in 1usize..6,
        cache in prop_oneof![Just(0), 1usize..4000],
        part in (0usize..4, 1usize..5),
        prefetch in prop_oneof![Just(Prefetch::Never), Just(Prefetch::Always), Just(Prefetch::Auto)],
        ahead in 1usize..2000,
        archive: bool,
    ) {
        let folder = tempfile::tempdir().unwrap();
        let (f, d) = (folder.path().join("f.npy"), folder.path().join("d.npy"));
        write_as(&f, &numbers(&[&[n_d + more], &input[..]].concat(), 0), TYPES[types.0], orders.0);
        let shape = match numerical {
            true => [&[n_d, 2, n_params], &input[..]].concat(),
            false => [&[n_d], &input[..], &[n_params]].concat(),
        };
        let derivative = numbers(&shape, 5);
        let kind = match numerical {
            true => FilesKind::Numerical(ParameterSteps::of_widths(vec![0.5; n_params]).unwrap()),
            false => FilesKind::Exact,
        };
        let files = if archive {
            write_npz(folder.path().join("d.npz"), &[("d", derivative.view().into())]).unwrap();
            Files::new(f, folder.path().join("d.npz"), kind)
        } else {
            write_as(&d, &derivative, TYPES[types.1], orders.1);
            Files::new(f, d, kind)
        };
        let files = Files { n_s: takes.0, n_d: takes.1, ..files };
        let streaming = Streaming { ahead, part: (part.0 % part.1, part.1), ..streaming(cache, prefetch) };
        match (files.load::<f32>(), files.load::<f64>()) {
            (Ok(single), Ok(double)) => {
                same::<f32>(&files.open::<f32>(&streaming).unwrap(), &single, cut);
                same::<f64>(&files.open::<f64>(&streaming).unwrap(), &double, cut);
                // In memory, what is kept of single precision is half of this.
                prop_assert!(files.open::<f64>(&streaming).unwrap().memory() <= cache);
            }
            (Err(error), _) | (_, Err(error)) => {
                let refused = files.open::<f64>(&streaming).err().unwrap();
                prop_assert_eq!(refused.to_string(), error.to_string());
            }
        }
    }
}

#[test]
fn the_cache_is_what_fits_and_no_more() {
    let source = |cache| {
        let f = HeldRows::new("f", numbers(&[10, 4], 0));
        let d = HeldRows::new("d", numbers(&[6, 4, 2], 1));
        let source = Streamed::exact(Box::new(f), Box::new(d)).unwrap();
        assert_eq!(source.size(), (10 * 4 + 6 * 8) * 8);
        let held = source.memory();
        source.with(&streaming(cache, Prefetch::Never)).unwrap().memory() - held
    };
    // A row with derivatives takes 96 bytes, one without 32.
    assert_eq!([0, 95, 96, 5 * 96, 6 * 96 + 31, 6 * 96 + 32].map(source), [0, 0, 96, 480, 576, 608]);
    assert_eq!(source(1 << 20), 6 * 96 + 4 * 32);
}

/// Of several processes that share the simulations, each keeps rows of its part.
#[test]
fn the_cache_is_of_the_part_that_a_process_reads() {
    // Of 6 rows with derivatives, of 96 bytes, and 4 without, of 32, the second half begins in the fourth.
    let expected = pass(&of_part((0, 1), 0).0, 1, false).unwrap();
    for (part, cache, read) in
        [((0, 2), 3 * 96, 7), ((1, 2), 3 * 96 + 4 * 32, 3), ((1, 2), 1 << 20, 3), ((2, 3), 1 << 20, 4)]
    {
        let (source, fiducial) = of_part(part, cache);
        let before = fiducial.load(Ordering::SeqCst);
        assert_eq!(pass(&source, 1, false).unwrap(), expected);
        assert_eq!(fiducial.load(Ordering::SeqCst) - before, read, "{part:?}");
    }
}

/// Six simulations with derivatives and four without, of which this part is kept; how often rows are read.
fn of_part(part: (usize, usize), cache: usize) -> (Streamed<f64>, Arc<AtomicUsize>) {
    let reads = Arc::new(AtomicUsize::new(0));
    let fiducial = Counted(HeldRows::new("f", numbers(&[10, 4], 0)), reads.clone());
    let source = Streamed::exact(Box::new(fiducial), Box::new(HeldRows::new("d", numbers(&[6, 4, 2], 1)))).unwrap();
    (source.with(&Streaming { part, ..streaming(cache, Prefetch::Never) }).unwrap(), reads)
}

/// An array that counts its reads.
struct Counted(HeldRows<f64>, Arc<AtomicUsize>);

impl RowArray<f64> for Counted {
    fn spec(&self) -> &RowSpec {
        self.0.spec()
    }

    fn read(&self, rows: Range<usize>, to: &mut [f64]) -> Result<(), DataError> {
        self.1.fetch_add(1, Ordering::SeqCst);
        self.0.read(rows, to)
    }
}

/// An array that counts its reads, takes its time, and does something odd at one row.
struct Odd {
    array: HeldRows<f32>,
    reads: Arc<AtomicUsize>,
    slow: Duration,
    odd: Option<(usize, fn() -> DataError)>,
}

impl RowArray<f32> for Odd {
    fn spec(&self) -> &RowSpec {
        self.array.spec()
    }

    fn read(&self, rows: Range<usize>, to: &mut [f32]) -> Result<(), DataError> {
        self.reads.fetch_add(1, Ordering::SeqCst);
        std::thread::sleep(self.slow);
        match self.odd {
            Some((row, error)) if rows.contains(&row) => Err(error()),
            _ => self.array.read(rows, to),
        }
    }
}

fn odd(n: usize, odd: Option<(usize, fn() -> DataError)>) -> (Streamed<f32>, Arc<AtomicUsize>) {
    let array = HeldRows::new("x", numbers(&[n, 3], 0).mapv(|x| x as f32));
    let reads = Arc::new(AtomicUsize::new(0));
    let array = Odd { array, reads: reads.clone(), slow: Duration::from_micros(200), odd };
    (Streamed::data(Box::new(array)).unwrap(), reads)
}

#[test]
fn what_is_read_in_advance_is_read_once() {
    let (source, reads) = odd(40, None);
    let source = source.with(&streaming(0, Prefetch::Always)).unwrap();
    let expected = pass(&source, 4, false).unwrap();
    assert_eq!(reads.load(Ordering::SeqCst), 10);
    for down in [true, false, true] {
        assert_eq!(pass(&source, 4, down).unwrap(), expected);
    }
    drop(source);
    // Each pass has ten microbatches; where it turns round one may be read that the next pass does not begin with.
    let reads = reads.load(Ordering::SeqCst);
    assert!((40..=44).contains(&reads), "{reads}");
}

#[test]
fn failures_of_reading_in_advance_are_met_by_who_reads_the_rows() {
    let refused = || DataError::Changed { label: "x[17]".to_owned() };
    let (source, _) = odd(40, Some((17, refused)));
    let source = source.with(&streaming(0, Prefetch::Always)).unwrap();
    let mut batch = Microbatch::new();
    for pass in 0..4 {
        for k in 0..10 {
            let k = if pass % 2 == 0 { k } else { 9 - k };
            let read = source.read(4 * k..4 * k + 4, Key::new(0), &mut batch);
            assert_eq!(read.is_err(), k == 4, "{pass} {k}");
        }
    }
}

#[test]
fn a_panic_while_reading_in_advance_is_met_by_who_reads_the_rows() {
    let (source, _) = odd(40, Some((17, || panic!("an array that panics"))));
    let source = source.with(&streaming(0, Prefetch::Always)).unwrap();
    for pass in 0..4 {
        for k in 0..10 {
            let k = if pass % 2 == 0 { k } else { 9 - k };
            let read =
                std::panic::AssertUnwindSafe(|| source.read(4 * k..4 * k + 4, Key::new(0), &mut Microbatch::new()));
            assert_eq!(std::panic::catch_unwind(read).is_err(), k == 4, "{pass} {k}");
        }
    }
}

#[test]
fn several_workers_read_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let files = {
        let (f, d) = (folder.path().join("f.npy"), folder.path().join("d.npy"));
        write_npy(&f, numbers(&[60, 5], 0).view()).unwrap();
        write_npy(&d, numbers(&[40, 5, 2], 1).view()).unwrap();
        Files::new(f, d, FilesKind::Exact)
    };
    let arrays = files.load::<f32>().unwrap();
    for (cache, ahead) in [(0, 1 << 20), (400, 1 << 20), (0, 200), (0, 500)] {
        let streaming = Streaming { ahead, ..streaming(cache, Prefetch::Always) };
        let source = files.open::<f32>(&streaming).unwrap();
        let barrier = Barrier::new(3);
        std::thread::scope(|scope| {
            for share in 0..3 {
                let (source, arrays, barrier) = (&source, &arrays, &barrier);
                scope.spawn(move || {
                    let (mut batch, mut expected) = (Microbatch::new(), Microbatch::new());
                    for pass in 0..20 {
                        barrier.wait();
                        for k in 0..5 {
                            let k = 5 * share + if pass % 2 == 0 { k } else { 4 - k };
                            let rows = 4 * k..4 * k + 4;
                            source.read(rows.clone(), Key::new(0), &mut batch).unwrap();
                            arrays.read(rows, Key::new(0), &mut expected).unwrap();
                            assert_eq!(batch, expected);
                        }
                    }
                });
            }
        });
    }
}

fn message<T>(result: Result<T, DataError>) -> String {
    result.err().expect("an error").to_string()
}

#[test]
fn values_that_are_not_finite_are_named_where_they_are_read() {
    let mut f = numbers(&[9, 2, 3], 0);
    f[[3, 1, 2].as_slice()] = f64::NAN;
    f[[4, 0, 0].as_slice()] = f64::INFINITY;
    let mut d = numbers(&[5, 2, 3, 4], 0);
    d[[1, 1, 0, 3].as_slice()] = f64::NEG_INFINITY;
    let source = Streamed::exact(Box::new(HeldRows::new("f.npy", f)), Box::new(HeldRows::new("d.npy", d))).unwrap();
    let read = |rows| message(source.read(rows, Key::new(0), &mut Microbatch::new()));
    assert_eq!(
        read(2..5),
        "f.npy[3, 1, 2] is NaN: 2 of 18 values are not finite in rows 2..5; remove or replace them, or leave the simulation out, with its partners: invalid = \"drop\" in [simulations]"
    );
    assert_eq!(
        read(0..2),
        "d.npy[1, 1, 0, 3] is -inf: 1 of 48 values is not finite in rows 0..2; remove or replace it, or leave the simulation out, with its partners: invalid = \"drop\" in [simulations]"
    );
    assert!(read(4..6).ends_with("cut the range at n_d"));
    assert!(message(source.with(&streaming(1 << 20, Prefetch::Never))).starts_with("d.npy[1"));
}

/// One file for each seed, `name` with the seed in place of `*`; the values tell the seed.
fn write_seeds(folder: &Path, name: &str, seeds: &[u64], shape: &[usize], salt: usize) {
    for &seed in seeds {
        let file = folder.join(name.replace('*', &seed.to_string()));
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        let array = numbers(shape, salt + 1000 * seed as usize);
        if file.extension().unwrap() == "npz" {
            write_npz(file, &[("map", array.view().into()), ("other", array.view().into())]).unwrap();
        } else {
            write_npy(file, array.view()).unwrap();
        }
    }
}

fn stacked(parts: &[ArrayViewD<'_, f64>]) -> ArrayD<f64> {
    ndarray::stack(ndarray::Axis(0), parts).unwrap()
}

#[test]
fn folders_are_matched_by_seed() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    write_seeds(at, "fid/*.npy", &[2, 10, 1, 33, 7], &[3], 0);
    write_seeds(at, "m0/*.npy", &[10, 7], &[3], 100);
    write_seeds(at, "p0/*.npy", &[7, 10], &[3], 200);
    write_seeds(at, "m1/map_*.npz", &[7, 10], &[3], 300);
    write_seeds(at, "p1/map_*.npz", &[7, 10], &[3], 400);
    let path = |name: &str| at.join(name).into();
    let files = Files::sides(
        at.join("fid/{seed}.npy"),
        vec![path("m0/{seed}.npy"), path("m1/map_{seed}.npz:map")],
        vec![path("p0/{seed}.npy"), path("p1/map_{seed}.npz:map")],
        ParameterSteps::of_widths([0.1, 0.2]).unwrap(),
    );
    // With derivatives first, each group in the order of its seeds.
    let simulation = |seed: usize, salt: usize| numbers(&[3], salt + 1000 * seed);
    let fiducial: Vec<_> = [7, 10, 1, 2, 33].map(|seed| simulation(seed, 0)).to_vec();
    let of_seed = |seed| {
        let sides = [[100, 300], [200, 400]].map(|side| {
            let of_parameters = side.map(|salt| simulation(seed, salt));
            stacked(&[of_parameters[0].view(), of_parameters[1].view()])
        });
        stacked(&[sides[0].view(), sides[1].view()])
    };
    let views: Vec<_> = fiducial.iter().map(|array| array.view()).collect();
    let derivative = [of_seed(7), of_seed(10)];
    let expected =
        Arrays::numerical(stacked(&views), stacked(&[derivative[0].view(), derivative[1].view()]), vec![0.1, 0.2])
            .unwrap();
    for cut in [1, 2, 3] {
        for prefetch in [Prefetch::Never, Prefetch::Always] {
            same::<f64>(&files.open::<f64>(&streaming(0, prefetch)).unwrap(), &expected, cut);
        }
    }
    same::<f64>(&files.load::<f64>().unwrap(), &expected, 2);
    let four = Files { n_s: Some(4), n_d: Some(1), ..files.clone() };
    same::<f64>(&four.load::<f64>().unwrap(), &expected.clone().take(Some(4), Some(1)).unwrap(), 2);

    // A partner is missing; with n_d no more are asked for than there are.
    write_seeds(at, "m0/*.npy", &[33], &[3], 100);
    let without = |text: String| text.replace(&format!("{}/", at.display()), "");
    assert_eq!(
        without(message(files.load::<f64>())),
        "seed 33 is in m0/{seed}.npy and not in m1/map_{seed}.npz:map; add what is missing, set n_d = 2 to use the 2 seeds that all have, or leave out what failed: invalid = \"drop\" in [simulations]"
    );
    let two = Files { n_d: Some(2), ..files.clone() };
    same::<f64>(&two.open::<f64>(&Streaming::default()).unwrap(), &expected, 2);
    let three = Files { n_d: Some(3), ..files.clone() };
    assert!(message(three.load::<f64>()).starts_with("seed 33 is in"));
    std::fs::remove_file(at.join("m0/33.npy")).unwrap();

    // A seed with derivatives has no simulation.
    std::fs::remove_file(at.join("fid/7.npy")).unwrap();
    assert_eq!(
        without(message(files.load::<f64>())),
        "seed 7 is in below and above (m0/{seed}.npy, ...) and not in fid/{seed}.npy; add what is missing, set n_d = 1 to use the 1 seed that all have, or leave out what failed: invalid = \"drop\" in [simulations]"
            .replace("m0/", &format!("{}/m0/", at.display()).replace(&format!("{}/", at.display()), ""))
    );
    // A value that is not finite is named by its file.
    write_npy(at.join("fid/7.npy"), ArrayD::from_elem(IxDyn(&[3]), f64::NAN).view()).unwrap();
    let source = files.open::<f64>(&Streaming::default()).unwrap();
    let refused = without(message(source.read(0..2, Key::new(0), &mut Microbatch::new())));
    assert_eq!(
        refused,
        "fid/7.npy[0] is NaN: 3 of 6 values are not finite in rows 0..2; remove or replace them, or leave the simulation out, with its partners: invalid = \"drop\" in [simulations]"
    );
    write_seeds(at, "p1/map_*.npz", &[10], &[3], 0);
    let refused = without(message(source.read(0..2, Key::new(0), &mut Microbatch::new())));
    assert!(
        refused.starts_with("fid/7.npy[0] is NaN") || refused.contains("p1/map_10.npz:map: was written"),
        "{refused}"
    );
}

#[test]
fn seeds_and_rows_are_not_mixed() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    write_seeds(at, "f/*.npy", &[1, 2, 3], &[4], 0);
    write_npy(at.join("d.npy"), numbers(&[3, 4, 2], 0).view()).unwrap();
    let files = Files::new(at.join("f/{seed}.npy"), at.join("d.npy"), FilesKind::Exact);
    assert!(message(files.load::<f32>()).contains("d.npy has none, so which rows belong together cannot be told"));
    let kind = DerivativeFiles::Sides { below: vec![at.join("d.npy").into()], above: vec![] };
    let files = Files { derivative: kind, ..files };
    assert!(message(files.load::<f32>()).ends_with("use kind = \"numerical\""));
    let files = Files { kind: FilesKind::Numerical(ParameterSteps::of_widths([1.0]).unwrap()), ..files };
    assert!(message(files.load::<f32>()).starts_with("1 array below and 0 arrays above"));
    let d: imnn_data::ArrayPath = at.join("d.npy").into();
    let same =
        Files::sides(at.join("f/{seed}.npy"), vec![d.clone()], vec![d], ParameterSteps::of_widths([1.0]).unwrap());
    assert!(message(same.load::<f32>()).ends_with("d.npy is given as both below and above: its derivative would be 0"));
}

/// One array below and one above, with an axis of the parameters.
#[test]
fn a_pair_of_arrays_is_the_stack_of_all() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let (fiducial, derivative) = (numbers(&[7, 3], 0), numbers(&[5, 2, 2, 3], 1));
    write_npy(path("f.npy"), fiducial.view()).unwrap();
    let side = |k: usize| derivative.index_axis(Axis(1), k).to_owned();
    write_npy(path("m.npy"), side(0).view()).unwrap();
    write_npy(path("p.npy"), side(1).view()).unwrap();
    let widths = || ParameterSteps::of_widths([0.1, 0.2]).unwrap();
    let pair =
        |above: &str| Files::sides(path("f.npy"), vec![path("m.npy").into()], vec![path(above).into()], widths());
    let expected = Arrays::numerical(fiducial, derivative.clone(), vec![0.1, 0.2]).unwrap();
    for cut in [1, 3] {
        same::<f64>(&pair("p.npy").open::<f64>(&streaming(0, Prefetch::Never)).unwrap(), &expected, cut);
    }
    // The only parameter may have its axis or not.
    let one = |name: &str, array: ArrayD<f64>| write_npy(path(name), array.view()).unwrap();
    let of_first = |k: usize| side(k).index_axis(Axis(1), 0).to_owned();
    (0..2).for_each(|k| one(["m1.npy", "p1.npy"][k], of_first(k)));
    (0..2).for_each(|k| one(["ma.npy", "pa.npy"][k], of_first(k).insert_axis(Axis(1))));
    let sides = |m: &str, p: &str| {
        let steps = ParameterSteps::of_widths([0.1]).unwrap();
        Files::sides(path("f.npy"), vec![path(m).into()], vec![path(p).into()], steps).load::<f64>().unwrap()
    };
    assert_eq!(sides("m1.npy", "p1.npy").derivative(), sides("ma.npy", "pa.npy").derivative());
    // What is not finite is named where it is, and so are shapes that differ.
    let mut bad = side(1);
    bad[[4, 1, 2].as_slice()] = f64::NAN;
    one("bad.npy", bad);
    assert!(message(pair("bad.npy").load::<f64>()).contains("bad.npy[4, 1, 2] is NaN"));
    one("short.npy", numbers(&[5, 3, 3], 0));
    let expected = "short.npy has shape (5, 3, 3), expected (n_d, n_params, *input) as ";
    assert!(
        message(pair("short.npy").load::<f64>()).contains(expected),
        "{}",
        message(pair("short.npy").load::<f64>())
    );
}

#[test]
fn files_of_a_pattern_are_alike() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    write_seeds(at, "f/*.npy", &[1, 2], &[4], 0);
    write_npy(at.join("f/3.npy"), numbers(&[5], 0).view()).unwrap();
    let open = || imnn_data::open_rows::<f64>(&at.join("f/{seed}.npy").into(), &Streaming::default().rows);
    let without = |text: String| text.replace(&format!("{}/", at.display()), "");
    assert_eq!(
        without(message(open())),
        "f/3.npy has shape (5,), expected (4,) as f/1.npy is: the files of a pattern have to be alike"
    );
    write_npy(at.join("f/3.npy"), numbers(&[4], 0).mapv(|x| x as f32).view()).unwrap();
    assert_eq!(
        without(message(open())),
        "f/3.npy has elements of type <f4, expected <f8 as f/1.npy has; the files of a pattern have to be alike"
    );
    std::fs::write(at.join("f/3.npy"), "no array").unwrap();
    assert!(without(message(open())).starts_with("f/3.npy: not a .npy array"));
    std::fs::remove_file(at.join("f/3.npy")).unwrap();
    let rows = open().unwrap();
    let mut to = [0.0; 8];
    rows.read(0..2, &mut to).unwrap();
    std::fs::remove_file(at.join("f/2.npy")).unwrap();
    assert!(without(message(rows.read(0..2, &mut to))).starts_with("f/2.npy: no such file"));
    write_npy(at.join("f/2.npy"), numbers(&[4], 0).view()).unwrap();
    std::fs::File::open(at.join("f/2.npy")).unwrap().set_modified(std::time::SystemTime::UNIX_EPOCH).unwrap();
    assert!(without(message(rows.read(0..2, &mut to))).starts_with("f/2.npy: changed while"));
    rows.read(0..1, &mut to[..4]).unwrap();
}

#[test]
fn thousands_of_files_are_not_open_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let seeds: Vec<u64> = (0..3000).collect();
    write_seeds(folder.path(), "*.npy", &seeds, &[2], 0);
    let rows =
        imnn_data::open_rows::<f64>(&folder.path().join("{seed}.npy").into(), &Streaming::default().rows).unwrap();
    let open = || std::fs::read_dir("/proc/self/fd").map(Iterator::count).unwrap_or(0);
    let mut all = vec![0.0; 6000];
    rows.read(0..3000, &mut all).unwrap();
    // Other tests of this program have files open too.
    assert!(open() < 1000, "{}", open());
    for seed in [0, 1, 999, 2999] {
        assert_eq!(all[2 * seed..2 * seed + 2], *numbers(&[2], 1000 * seed).as_slice().unwrap());
    }
}

#[test]
fn arrays_below_and_above_without_seeds_are_of_one_length() {
    let rows = |n: usize| -> Box<dyn RowArray<f64>> { Box::new(HeldRows::new(format!("x{n}"), numbers(&[n, 2], n))) };
    assert_eq!(
        message(StackedRows::new(vec![rows(4)], vec![rows(5)], None)),
        "x5 has 5 rows and x4 has 4 rows: row i of each has to be of the same random seed; write those again that lack rows, or set n_d = 4 if the first rows belong together"
    );
    assert_eq!(StackedRows::new(vec![rows(4)], vec![rows(5)], Some(3)).unwrap().shape(), [4, 2, 1, 2]);
    let other: Box<dyn RowArray<f64>> = Box::new(HeldRows::new("y", numbers(&[4, 3], 0)));
    assert_eq!(
        message(StackedRows::new(vec![rows(4)], vec![other], None)),
        "y has shape (4, 3), expected (n_d, *input) as x4 is (4, 2): below and above need simulations of the same shape for all parameters"
    );
}

#[test]
fn streamed_goes_between_threads() {
    fn public<T: Send + Sync + 'static>() {}
    public::<Streamed<f32>>();
    public::<StackedRows<f64>>();
}
