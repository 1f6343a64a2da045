//! Files written by numpy (`tests/numpy/make.py`).

use std::path::PathBuf;

use imnn_data::{ArrayPath, arrays};
use ndarray::{Array3, ArrayD, Axis};

fn path(name: &str) -> ArrayPath {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/numpy");
    ArrayPath::from(name).resolve(folder)
}

fn x() -> ArrayD<f64> {
    Array3::from_shape_fn((2, 3, 4), |(i, j, k)| (100 * i + 10 * j + k) as f64).into_dyn()
}

/// The message without the folder of the tests.
#[track_caller]
fn refused(name: &str) -> String {
    let error = arrays::read::<f64>(&path(name)).unwrap_err();
    error.to_string().replace(path("").file().to_str().unwrap(), "")
}

#[test]
fn every_type_and_order_in_either_precision() {
    for name in [
        "le_f2.npy",
        "le_f4.npy",
        "be_f4.npy",
        "le_f8.npy",
        "be_f8.npy",
        "u1.npy",
        "le_i8.npy",
        "be_i4.npy",
        "fortran.npy",
        "fortran_be_f4.npy",
        "version_2.npy",
        "version_3.npy",
        "stored.npz:x",
        "stored.npz:y",
        "deflated.npz:x",
        "deflated.npz:fortran",
        "single.npz",
        "single.npz:arr_0",
    ] {
        let double = arrays::read::<f64>(&path(name)).unwrap();
        assert_eq!(double, x(), "{name}");
        assert!(double.is_standard_layout(), "{name}");
        assert_eq!(arrays::read::<f32>(&path(name)).unwrap(), x().mapv(|x| x as f32), "{name}");
        for n_rows in [0, 1, 2, 9] {
            let first = arrays::read_rows::<f64>(&path(name), n_rows).unwrap();
            let rows = (0..n_rows.min(2)).into();
            assert_eq!(first, x().slice_axis(Axis(0), rows), "{name}");
            assert!(first.is_standard_layout(), "{name}");
        }
    }
    assert_eq!(arrays::read::<f64>(&path("bool.npy")).unwrap(), x().mapv(|x| x % 2.0));
}

#[test]
fn other_ranks() {
    let scalar = arrays::read_rows::<f64>(&path("scalar.npy"), 1).unwrap();
    assert_eq!((scalar.ndim(), scalar.sum()), (0, 1.5));
    assert_eq!(arrays::read_vector::<f64>(&path("vector.npy")).unwrap(), [0.1, 0.2]);
    assert_eq!(arrays::read_vector::<f64>(&path("stored.npz:layers/0/weight")).unwrap(), [0.0, 1.0, 2.0]);
    assert_eq!(arrays::read::<f32>(&path("empty.npy")).unwrap().shape(), [0, 3]);
    let error = arrays::read_vector::<f64>(&path("le_f4.npy")).unwrap_err();
    assert!(error.to_string().ends_with("le_f4.npy has shape (2, 3, 4), expected one axis: save it as np.ravel(x)"));
}

#[test]
fn what_holds_no_real_numbers() {
    assert_eq!(
        refused("complex.npy"),
        "complex.npy: cannot read elements of type <c16 as real numbers: save real and imaginary part as channels, np.stack([x.real, x.imag], axis=-1)"
    );
    assert!(refused("object.npy").contains("object.npy: holds Python objects (a pickle), here "));
    assert!(refused("text.npy").contains("<U1 as real numbers: these are texts"));
    assert!(refused("records.npy").contains("record of 2 fields as real numbers: save each field"));
    assert!(refused("long_double.npy").contains("<f16 as real numbers: save it as x.astype(np.float64)"));
}

#[test]
fn what_is_not_there() {
    assert_eq!(refused("nothing"), "nothing: no such file");
    assert_eq!(refused("le_f4"), "le_f4: no such file; there is le_f4.npy");
    assert_eq!(refused("stored.npy"), "stored.npy: no such file; there is stored.npz");
    assert_eq!(refused("no/a.npy"), "no/a.npy: no such file; its folder no does not exist");
    assert_eq!(refused("le_f4.npy/a.npy"), "le_f4.npy/a.npy: no such file; its folder le_f4.npy does not exist");
    let folder = arrays::read::<f64>(&path("../numpy")).unwrap_err().to_string();
    assert!(folder.contains("numpy: is a folder; name a file in it, or all of a kind as "), "{folder}");
    assert_eq!(refused("stored.npz:z"), "stored.npz: has no array `z`; it has x, y, layers/0/weight");
    assert_eq!(
        refused("stored.npz"),
        "stored.npz: name one array of the archive as stored.npz:key; it has x, y, layers/0/weight"
    );
    assert!(refused("stored.npz:").contains("name one array of the archive"));
    assert!(refused("none.npz").contains("it holds no arrays"));
    assert_eq!(refused("le_f4.npy:x"), "le_f4.npy: holds one array, so `:x` names nothing; leave it out");
}

#[test]
fn other_formats_are_recognised() {
    assert_eq!(
        refused("make.py"),
        "make.py: not a .npy array: it starts with \\\"\\\"\\\"Wri, a .npy file with \\x93NUMPY; if it is a table of numbers as text, name it .txt"
    );
    let folder = tempfile::tempdir().unwrap();
    let message = |name: &str, bytes: &[u8]| {
        let file = folder.path().join(name);
        std::fs::write(&file, bytes).unwrap();
        arrays::read::<f64>(&file.into()).unwrap_err().to_string()
    };
    assert!(message("a", b"\x89HDF\r\n\x1a\n").contains("HDF5"));
    assert!(
        message("a", b"\x80\x04\x95").contains("a: is a pickle of Python: an object; make an array of it: python3 -c ")
    );
    assert!(message("a", b"").contains("a: is empty: whatever wrote it"));
    assert!(message("a.npz", b"<html>").contains("a.npz: is a web page"));
    assert!(message("a.npz", b"no zip").contains("a.npz: not a readable .npz archive"));
}

#[test]
fn keys_are_listed() {
    assert_eq!(arrays::keys(path("stored.npz").file()).unwrap(), ["x", "y", "layers/0/weight"]);
    let no_archive = arrays::keys(path("le_f4.npy").file()).unwrap_err().to_string();
    assert!(no_archive.contains("le_f4.npy: not a readable .npz archive"), "{no_archive}");
}
