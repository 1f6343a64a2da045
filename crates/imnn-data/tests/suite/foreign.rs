//! Files written by the PyPI packages imnn, tensorflow, h5py and hdf5plugin (`tests/python/write.py`).

use std::path::PathBuf;

use imnn_data::tfrecord::{TfRecordOptions, TfRecordWriter, TfRecords};
use imnn_data::{
    ArrayPath, DataError, Files, FilesKind, Microbatch, ParameterSteps, RowArray, RowOptions, Source, Streaming,
    open_rows,
};
use imnn_sim::Key;
use ndarray::{Array3, ArrayD};

/// The files of the repository, or those that `cargo xtask python` has just written.
pub(crate) fn folder() -> PathBuf {
    match std::env::var_os("IMNN_FOREIGN") {
        Some(folder) => folder.into(),
        None => PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/foreign"),
    }
}

fn path(name: &str) -> ArrayPath {
    ArrayPath::from(name).resolve(folder())
}

fn x(n: usize) -> ArrayD<f32> {
    Array3::from_shape_fn((n, 3, 4), |(i, j, k)| (100 * i + 10 * j + k) as f32).into_dyn()
}

fn all(rows: &dyn RowArray<f32>) -> Vec<f32> {
    let mut values = vec![f32::NAN; rows.shape().iter().product()];
    rows.read(0..rows.shape()[0], &mut values).unwrap();
    values
}

fn records(name: &str) -> Result<TfRecords, DataError> {
    TfRecords::open(&path(name))
}

#[track_caller]
fn refused(name: &str) -> String {
    let error = open_rows::<f32>(&path(name), &RowOptions::default()).err().unwrap();
    error.to_string().replace(&format!("{}/", folder().display()), "")
}

#[test]
fn records_of_the_original() {
    let fiducial = records("fiducial_*.tfrecords").unwrap().with_input_shape(&[3, 4]).unwrap();
    assert_eq!(RowArray::<f32>::shape(&fiducial), [4, 3, 4]);
    assert_eq!(RowArray::<f32>::seeds(&fiducial), Some(&[0, 1, 2, 3][..]));
    assert_eq!(all(&fiducial), x(4).as_slice().unwrap());
    let exact = records("exact_00000.tfrecords").unwrap().with_exact_shape(&[3, 4]).unwrap();
    assert_eq!(RowArray::<f32>::shape(&exact), [3, 3, 4, 2]);
    let both: Vec<f32> = x(3).iter().flat_map(|x| [*x, 2.0 * x]).collect();
    assert_eq!(all(&exact), both);
    // Every record in a file of its own, two of which are empty.
    let derivative = records("derivative_*.tfrecords").unwrap();
    assert_eq!((derivative.n_params(), RowArray::<f32>::shape(&derivative)), (Some(2), &[2, 2, 2, 12][..]));
    let derivative = derivative.with_input_shape(&[3, 4]).unwrap();
    let mut expected = vec![];
    for row in x(2).outer_iter() {
        for (side, parameter) in [(-0.5, 1.0), (-0.5, 2.0), (0.5, 1.0), (0.5, 2.0)] {
            expected.extend(row.iter().map(|x| x + side * parameter));
        }
    }
    assert_eq!(all(&derivative), expected);
}

#[test]
fn records_of_tensorflow() {
    let floats = records("floats.tfrecord").unwrap();
    assert_eq!(RowArray::<f32>::seeds(&floats), Some(&[5, 6, 7][..]));
    assert_eq!(all(&floats), x(8).as_slice().unwrap()[5 * 12..]);
    let large = records("large.tfrecord").unwrap();
    let expected: Vec<f32> = (0..2).flat_map(|seed| (0..3000).map(move |i| (i + seed) as f32)).collect();
    assert_eq!(all(&large), expected);
    let unnumbered = records("unnumbered.tfrecord").unwrap();
    assert_eq!(RowArray::<f32>::seeds(&unnumbered), None);
    assert_eq!(all(&unnumbered), x(2).as_slice().unwrap());
}

#[test]
fn seeds_that_do_not_fit_are_named() {
    assert_eq!(refused("gap.tfrecord"), "gap.tfrecord: seed 2 is missing between 1 and 3; is a file missing?");
    assert_eq!(
        refused("twice.tfrecord"),
        "twice.tfrecord: the record of seed 1 is there twice, in twice.tfrecord at byte 95 and in twice.tfrecord at byte 190"
    );
    assert!(refused("gzip.tfrecord").contains("gzip.tfrecord: is compressed by gzip; unpack it: gzip -dc < "));
    assert!(refused("none_*.tfrecords").contains("no name fits the pattern"));
    let partner = tempfile::tempdir().unwrap();
    for (n, file) in [0, 1, 2, 5, 6, 7].into_iter().enumerate() {
        let name = format!("derivative_{file:05}.tfrecords");
        std::fs::copy(folder().join(&name), partner.path().join(format!("d_{n}.tfrecords"))).unwrap();
    }
    let error = TfRecords::open(&partner.path().join("d_*.tfrecords").into()).unwrap_err().to_string();
    assert!(error.contains("the record of seed 0 above in parameter 1 is missing; every seed needs"), "{error}");
    let mixed = tempfile::tempdir().unwrap();
    for name in ["fiducial_00000.tfrecords", "unnumbered.tfrecord"] {
        std::fs::copy(folder().join(name), mixed.path().join(format!("{name}.tfrecord"))).unwrap();
    }
    let error = TfRecords::open(&mixed.path().join("*.tfrecord").into()).unwrap_err().to_string();
    assert!(error.contains("all records of a set have to be of one kind"), "{error}");
}

#[test]
fn shapes_that_do_not_fit_are_named() {
    let message = |result: Result<TfRecords, DataError>| result.unwrap_err().to_string();
    assert!(
        message(records("fiducial_00000.tfrecords").unwrap().with_input_shape(&[3, 5])).ends_with(
            "each record has 12 values, and simulations of shape (3, 5) have 15 values; records do not say what shape they have, so check input_shape"
        )
    );
    assert!(message(records("exact_00000.tfrecords").unwrap().with_exact_shape(&[5])).contains("have a multiple of 5"));
    assert!(
        message(records("derivative_*.tfrecords").unwrap().with_exact_shape(&[3, 4]))
            .contains("use kind = \"numerical\"")
    );
}

#[test]
fn records_are_sources_like_any_others() {
    let batch = |files: &Files| {
        let source = files.open::<f32>(&Streaming::default()).unwrap();
        let (n_d, mut batch) = (source.n_d(), Microbatch::new());
        source.read(0..n_d, Key::new(0), &mut batch).unwrap();
        let loaded = files.load::<f32>().unwrap();
        let mut other = Microbatch::new();
        loaded.read(0..n_d, Key::new(0), &mut other).unwrap();
        assert_eq!(batch, other);
        assert_eq!(source.input_shape(), [3, 4]);
        batch
    };
    let mut files = Files::new(path("fiducial_*.tfrecords"), path("exact_*.tfrecords"), FilesKind::Exact);
    files.input_shape = Some(vec![3, 4]);
    let exact = batch(&files);
    assert_eq!(exact.values, x(3).as_slice().unwrap());
    assert_eq!(exact.derivatives[12..24], x(1).iter().map(|x| 2.0 * x).collect::<Vec<f32>>());
    let steps = ParameterSteps::of_widths([0.1, 0.2]).unwrap();
    let mut files =
        Files::new(path("fiducial_*.tfrecords"), path("derivative_*.tfrecords"), FilesKind::Numerical(steps));
    files.input_shape = Some(vec![3, 4]);
    assert_eq!(batch(&files).derivatives[..12], x(1).iter().map(|x| x - 0.5).collect::<Vec<f32>>());
    // Of other seeds: nothing is matched by its place.
    files.fiducial = path("floats.tfrecord");
    let error = files.open::<f32>(&Streaming::default()).err().unwrap().to_string();
    assert!(error.contains("seed 0 is in") && error.contains("no seed is in all of the arrays"), "{error}");
}

#[test]
fn what_is_written_is_what_the_original_writes() {
    let at = tempfile::tempdir().unwrap();
    let new = || TfRecordWriter::new(at.path().join("f"), TfRecordOptions::default());
    let mut writer = new().unwrap();
    for (seed, row) in x(4).outer_iter().enumerate() {
        writer.write(seed as u64, row.as_slice().unwrap()).unwrap();
    }
    assert!(
        std::fs::read_dir(at.path()).unwrap().all(|entry| entry
            .unwrap()
            .file_name()
            .to_str()
            .unwrap()
            .starts_with('.'))
    );
    let files = writer.finish().unwrap();
    assert_eq!(files, [at.path().join("f_00000.tfrecords")]);
    // The order of features is not fixed, so that the bytes may differ; their number may not.
    let len = |file: &std::path::Path| std::fs::metadata(file).unwrap().len();
    assert_eq!(len(&files[0]), len(&folder().join("fiducial_00000.tfrecords")));
    let error = new().unwrap_err().to_string();
    assert!(error.contains("f_00000.tfrecords is there already; remove the old files"), "{error}");
    let mut given_up = TfRecordWriter::new(at.path().join("g"), TfRecordOptions::default()).unwrap();
    given_up.write(0, &[1.0]).unwrap();
    drop(given_up);
    assert_eq!(std::fs::read_dir(at.path()).unwrap().count(), 1);
}

#[test]
fn a_part_of_a_set_is_not_taken_for_the_whole() {
    let at = tempfile::tempdir().unwrap();
    let write = |name: &str| {
        // A file for each record.
        let options = TfRecordOptions { record_size: 0.0, padding: 5 };
        let mut writer = TfRecordWriter::new(at.path().join(name), options).unwrap();
        (0..3).for_each(|seed| writer.write(seed, &[seed as f32]).unwrap());
        writer.finish().unwrap()
    };
    assert_eq!(write("f").len(), 3);
    write("f_b");
    let open = |pattern: &str| TfRecords::open(&at.path().join(pattern).into());
    assert_eq!(RowArray::<f32>::shape(&open("f_0*.tfrecords").unwrap()), [3, 1]);
    // As a writer leaves it that is killed after the first file is in its place.
    std::fs::remove_file(at.path().join("f_00001.tfrecords")).unwrap();
    std::fs::remove_file(at.path().join("f_00002.tfrecords")).unwrap();
    std::fs::write(at.path().join("f_incomplete.tfrecords"), "").unwrap();
    for pattern in ["f_*.tfrecords", "f_0*.tfrecords", "f_00000.tfrecord*", "*.tfrecords"] {
        let error = open(pattern).unwrap_err().to_string();
        assert!(error.contains("the set is incomplete, as ") && error.contains("write it again"), "{error}");
    }
    assert_eq!(RowArray::<f32>::shape(&open("f_b_*.tfrecords").unwrap()), [3, 1]);
}

#[test]
fn several_threads_read_at_once() {
    let rows = records("large.tfrecord").unwrap();
    let expected = all(&rows);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..20 {
                    assert_eq!(all(&rows), expected);
                }
            });
        }
    });
}

/// Arrays of numpy are there where `cargo xtask python` writes them; `numpy.rs` has those of the repository.
#[test]
fn arrays_of_numpy_in_every_order() {
    if std::env::var_os("IMNN_FOREIGN").is_none() {
        return;
    }
    let expected = x(2).mapv(|x| x % 100.0);
    for code in ["f2", "f4", "f8", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8"] {
        for end in ["le_C", "le_F", "be_C", "be_F"] {
            let name = format!("{code}_{end}.npy");
            let rows = open_rows::<f32>(&path(&name), &RowOptions::default()).unwrap();
            assert_eq!(all(&*rows), expected.as_slice().unwrap(), "{name}");
            assert_eq!(imnn_data::arrays::read::<f32>(&path(&name)).unwrap(), expected, "{name}");
        }
    }
}

mod hdf5 {
    use imnn_hdf5::{Options, Writer, datasets};

    use super::*;

    #[test]
    fn datasets_of_every_kind() {
        let names = datasets(folder().join("arrays.h5")).unwrap();
        for name in names.iter().filter(|name| !name.starts_with("refused")) {
            let path = path(&format!("arrays.h5:{name}"));
            let rows = open_rows::<f32>(&path, &RowOptions::default()).unwrap();
            let expected = if name == "i1" { x(5).mapv(|x| x % 100.0) } else { x(5) };
            assert_eq!(rows.shape(), [5, 3, 4], "{name}");
            assert_eq!(all(&*rows), expected.as_slice().unwrap(), "{name}");
            let mut some = [0.0; 24];
            rows.read(2..4, &mut some).unwrap();
            assert_eq!(some, expected.as_slice().unwrap()[24..48], "{name}");
            assert_eq!(imnn_data::arrays::read::<f64>(&path).unwrap(), expected.mapv(f64::from), "{name}");
        }
        assert_eq!(names.len(), 9 + 9 + 7, "{names:?}");
        assert_eq!(all(&*open_rows(&path("v110.h5"), &RowOptions::default()).unwrap()), x(5).as_slice().unwrap());
    }

    #[test]
    fn chunks_in_lists_of_every_kind() {
        let many: Vec<f32> = (0..1100).map(|i| i as f32).collect();
        let mut sum = 0;
        let rows: Vec<f32> = (0..4000).map(|i| ((sum += i % 7), sum as f32).1).collect();
        for (file, n) in [("lists.h5", 10 + 3 + 20 + 3 + 12), ("trees.h5", 10 + 3 + 20)] {
            let names = datasets(folder().join(file)).unwrap();
            assert_eq!(names.len(), n, "{names:?}");
            for name in names.iter().map(String::as_str).chain(["soft"]) {
                let expected = match name.split_once('/') {
                    Some(("many", _)) => many.clone(),
                    Some(("blosc", _)) => rows.clone(),
                    Some(("names", seed)) => {
                        let seed = seed.parse::<usize>().unwrap() % 5;
                        x(5).as_slice().unwrap()[12 * seed..][..12].to_vec()
                    }
                    _ => x(5).as_slice().unwrap().to_vec(),
                };
                let rows = open_rows::<f32>(&path(&format!("{file}:{name}")), &RowOptions::default()).unwrap();
                assert_eq!(all(&*rows), expected, "{file}:{name}");
                // A row at a time, backwards.
                let n_rows = rows.shape()[0];
                let mut row = vec![0.0; expected.len() / n_rows];
                for at in (0..n_rows).rev() {
                    rows.read(at..at + 1, &mut row).unwrap();
                    assert_eq!(row, expected[at * row.len()..][..row.len()], "{file}:{name} {at}");
                }
            }
        }
    }

    #[test]
    fn several_threads_read_chunks_at_once() {
        let rows = open_rows::<f32>(&path("lists.h5:blosc/zstd_1"), &RowOptions::default()).unwrap();
        let expected = all(&*rows);
        std::thread::scope(|scope| {
            for thread in 0..4 {
                let (rows, expected) = (&rows, &expected);
                scope.spawn(move || {
                    let mut some = vec![0.0; 3 * 20];
                    for at in (0..190).map(|at| (at * 7 + thread * 31) % 197) {
                        rows.read(at..at + 3, &mut some).unwrap();
                        assert_eq!(some, expected[at * 20..][..60]);
                    }
                });
            }
        });
    }

    #[test]
    fn what_cannot_be_read_is_said() {
        for (name, reason) in [
            ("zstd", "which cannot be read; gzip, LZF and Blosc can"),
            ("bool", "as real numbers"),
            ("complex", "as real numbers"),
            ("text", "as real numbers"),
            ("unwritten", "only 0 of 240 bytes were ever written"),
            ("partial", "3 of 5 chunks were ever written"),
            ("virtual", "is a virtual dataset"),
        ] {
            let message = refused(&format!("arrays.h5:refused/{name}"));
            assert!(message.contains(reason), "{name}: {message}");
        }
        assert!(
            refused("arrays.h5").contains("arrays.h5: name one array of the archive as arrays.h5:key; it has be_f4")
        );
        assert!(refused("v110.h5:y").contains("v110.h5: has no array `y`; it has x"));
        assert!(refused("no.h5").contains("no.h5: no such file"));
    }

    #[test]
    fn datasets_are_sources_like_any_others() {
        let at = tempfile::tempdir().unwrap();
        let file = at.path().join("sims.h5");
        let mut writer = Writer::new(std::fs::File::create_new(&file).unwrap());
        for (name, n, step) in [("fiducial", 5, 0.0), ("Om_m/x", 3, -0.5), ("Om_p/x", 3, 0.5)] {
            writer.begin::<f32>(name, &[n, 3, 4], Options { gzip: Some(4), chunk: 100 }).unwrap();
            writer.write(x(n).mapv(|x| x + step).as_slice().unwrap()).unwrap();
        }
        writer.finish().unwrap();
        let dataset = |name: &str| ArrayPath::with_key(&file, name);
        let steps = ParameterSteps::of_widths([0.1]).unwrap();
        let files = Files::sides(dataset("fiducial"), vec![dataset("Om_m/x")], vec![dataset("Om_p/x")], steps);
        let streamed = files.open::<f32>(&Streaming::default());
        let error = streamed.err().map(|error| error.to_string());
        assert_eq!(error, None);
        let (mut batch, mut other) = (Microbatch::new(), Microbatch::new());
        files.open::<f32>(&Streaming::default()).unwrap().read(0..3, Key::new(0), &mut batch).unwrap();
        files.load::<f32>().unwrap().read(0..3, Key::new(0), &mut other).unwrap();
        assert_eq!(batch, other);
        assert_eq!(batch.values, x(3).as_slice().unwrap());
        assert_eq!(batch.derivatives[12..24], x(1).iter().map(|x| x + 0.5).collect::<Vec<f32>>());
        assert_eq!(std::fs::read_dir(at.path()).unwrap().count(), 1);
    }
}

#[test]
fn bytes_of_float64_are_not_read_as_twice_as_many_float32() {
    let folder = tempfile::tempdir().unwrap();
    let mut writer = TfRecordWriter::new(folder.path().join("double"), TfRecordOptions::default()).unwrap();
    for seed in 0..10 {
        let values = (0..6).map(|k| ((seed * 6 + k + 1) as f64 * 0.754_877_666).fract() - 0.5);
        let halves: Vec<f32> = values
            .flat_map(|value| [value.to_bits() as u32, (value.to_bits() >> 32) as u32])
            .map(f32::from_bits)
            .collect();
        writer.write(seed, &halves).unwrap();
    }
    writer.finish().unwrap();
    let error = TfRecords::open(&folder.path().join("double_*.tfrecords").into()).unwrap_err().to_string();
    assert!(error.contains("holds the bytes of float64") && error.contains("astype('<f4')"), "{error}");
}
