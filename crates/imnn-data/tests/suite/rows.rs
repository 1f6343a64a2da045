//! Arrays read by rows are the arrays read whole.

use std::fs::File;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use imnn_data::arrays::{read, write_npy};
use imnn_data::{ArrayPath, DataError, HeldRows, RowArray, RowOptions, open_rows};
use imnn_sim::Real;
use ndarray::{ArrayD, IxDyn};

fn numpy(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/numpy").join(name)
}

fn open<E: Real>(path: impl Into<ArrayPath>) -> Result<Box<dyn RowArray<E>>, DataError> {
    open_rows(&path.into(), &RowOptions::default())
}

fn rows<E: Real>(array: &dyn RowArray<E>, rows: Range<usize>) -> Result<Vec<E>, DataError> {
    let len: usize = array.shape()[1..].iter().product();
    // What was there before must not show.
    let mut values = vec![E::nan(); rows.len() * len];
    array.read(rows, &mut values)?;
    Ok(values)
}

/// Every range of rows, against the whole.
fn check<E: Real>(array: &dyn RowArray<E>, whole: &ArrayD<E>) {
    assert_eq!(array.shape(), whole.shape());
    let values = whole.as_slice().unwrap();
    let n = whole.shape()[0];
    let len = values.len() / n;
    for start in 0..=n {
        for end in start..=n {
            assert_eq!(
                rows(array, start..end).unwrap(),
                values[start * len..end * len],
                "{} {start}..{end}",
                array.label()
            );
        }
    }
}

#[test]
fn every_kind_of_file_of_numpy() {
    for name in [
        "le_f4.npy",
        "be_f4.npy",
        "le_f8.npy",
        "be_f8.npy",
        "le_f2.npy",
        "be_i4.npy",
        "le_i8.npy",
        "u1.npy",
        "bool.npy",
        "fortran.npy",
        "fortran_be_f4.npy",
        "version_2.npy",
        "version_3.npy",
        "vector.npy",
        "single.npz",
        "stored.npz:x",
        "stored.npz:y",
        "deflated.npz:x",
        "deflated.npz:fortran",
    ] {
        let path = ArrayPath::from(numpy(name));
        check(&*open::<f32>(path.clone()).unwrap(), &read(&path).unwrap());
        check(&*open::<f64>(path.clone()).unwrap(), &read(&path).unwrap());
        assert_eq!(open::<f32>(path.clone()).unwrap().label(), path.to_string());
    }
}

#[test]
fn an_array_in_memory_is_read_like_a_file() {
    let array = ArrayD::from_shape_fn(IxDyn(&[4, 2, 3]), |i| (100 * i[0] + 10 * i[1] + i[2]) as f32);
    check(&HeldRows::new("x", array.clone()), &array);
    check(&HeldRows::new("x", array.clone().reversed_axes()), &array.reversed_axes().as_standard_layout().into_owned());
}

#[test]
fn refusals_are_those_of_whole_arrays() {
    for name in [
        "complex.npy",
        "object.npy",
        "records.npy",
        "text.npy",
        "long_double.npy",
        "missing.npy",
        "none.npz",
        "stored.npz",
        "stored.npz:z",
        "le_f4.npy:x",
        "",
    ] {
        let path = ArrayPath::from(numpy(name));
        let message = open::<f32>(path.clone()).err().unwrap().to_string();
        assert_eq!(message, read::<f32>(&path).unwrap_err().to_string());
    }
}

#[test]
fn a_compressed_array_has_to_fit_the_memory() {
    let path = ArrayPath::from(numpy("deflated.npz:x"));
    let options = |memory| RowOptions { memory, ..RowOptions::default() };
    let array = open_rows::<f64>(&path, &options(24 * 8)).unwrap();
    assert_eq!(array.memory(), 24 * 8);
    let message = open_rows::<f64>(&path, &options(24 * 8 - 1)).err().unwrap().to_string();
    assert!(
        message.ends_with("deflated.npz:x: is compressed, so it cannot be read a few rows at a time, and in memory it needs 192 bytes where 191 are allowed; save it with np.savez in place of np.savez_compressed, convert it with `imnn data convert`, or allow more memory"),
        "{message}"
    );
    assert_eq!(open::<f32>(numpy("stored.npz:x")).unwrap().memory(), 0);
}

fn written(folder: &Path, n: usize) -> (PathBuf, ArrayD<f64>) {
    let array = ArrayD::from_shape_fn(IxDyn(&[n, 5]), |i| (10 * i[0] + i[1]) as f64);
    let file = folder.join("x.npy");
    write_npy(&file, array.view()).unwrap();
    (file, array)
}

#[test]
fn a_file_cut_short_while_it_is_open() {
    let folder = tempfile::tempdir().unwrap();
    let (file, _) = written(folder.path(), 100);
    let array = open::<f64>(file.clone()).unwrap();
    rows(&*array, 90..100).unwrap();
    let len = std::fs::metadata(&file).unwrap().len();
    File::options().write(true).open(&file).unwrap().set_len(len - 1000).unwrap();
    let message = rows(&*array, 90..100).unwrap_err().to_string();
    assert!(
        message.ends_with(
            "x.npy: truncated: (100, 5) of <f8 need 4000 bytes, 3000 are there; copy or write the file again"
        ),
        "{message}"
    );
    assert!(matches!(rows(&*array, 0..10), Err(DataError::Changed { .. })));
}

#[test]
fn a_file_written_to_while_it_is_open() {
    let folder = tempfile::tempdir().unwrap();
    let (file, _) = written(folder.path(), 10);
    let array = open::<f64>(file.clone()).unwrap();
    // What a writer does to it, without waiting for the clock to move on.
    let handle = File::options().write(true).open(&file).unwrap();
    handle.set_modified(SystemTime::now() + Duration::from_secs(10)).unwrap();
    let message = rows(&*array, 0..1).unwrap_err().to_string();
    assert!(message.contains("x.npy: changed while it was being read"), "{message}");
}

#[test]
fn a_file_replaced_while_it_is_open_is_read_on() {
    let folder = tempfile::tempdir().unwrap();
    let (file, before) = written(folder.path(), 10);
    let array = open::<f64>(file.clone()).unwrap();
    write_npy(&file, ArrayD::<f64>::zeros(IxDyn(&[3, 5])).view()).unwrap();
    check(&*array, &before);
    std::fs::remove_file(&file).unwrap();
    check(&*array, &before);
}

#[test]
fn large_rows_are_read_in_pieces() {
    // Beyond the bytes read at once, and values beyond the range far behind.
    let folder = tempfile::tempdir().unwrap();
    let mut array = ArrayD::from_shape_fn(IxDyn(&[3, 50_000]), |i| (100_000 * i[0] + i[1]) as f64);
    let file = folder.path().join("x.npy");
    write_npy(&file, array.view()).unwrap();
    check(&*open::<f64>(file.clone()).unwrap(), &array);
    array[[1, 40_000].as_slice()] = 1e39;
    write_npy(&file, array.view()).unwrap();
    let open = open::<f32>(file).unwrap();
    rows(&*open, 0..1).unwrap();
    let message = rows(&*open, 1..3).unwrap_err().to_string();
    assert!(message.contains("x.npy[1, 40000]: 1e39 is beyond the range of f32"), "{message}");
}
