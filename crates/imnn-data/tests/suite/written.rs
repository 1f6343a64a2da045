//! Files written here are read back.

use imnn_data::arrays::{AnyArray, keys, read, write_npy, write_npz};
use imnn_data::{ArrayPath, DataError};
use ndarray::{ArrayD, IxDyn, ShapeBuilder};

#[test]
fn npy_and_npz_round_trip() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str| folder.path().join(name);
    let x = ArrayD::from_shape_fn(IxDyn(&[2, 3]), |i| 0.1 + i[0] as f64 + 10.0 * i[1] as f64);
    let single = x.mapv(|x| x as f32);
    let counts = ArrayD::from_elem(IxDyn(&[2]), -7i64);

    write_npy(file("x.npy"), x.view()).unwrap();
    write_npy(file("x.npy"), x.view()).unwrap();
    assert_eq!(read::<f64>(&file("x.npy").into()).unwrap(), x);
    let mut fortran = ArrayD::zeros(IxDyn(&[2, 3]).f());
    fortran.assign(&x);
    write_npy(file("fortran.npy"), fortran.view()).unwrap();
    assert_eq!(read::<f64>(&file("fortran.npy").into()).unwrap(), x);

    let arrays: [(&str, AnyArray<'_>); 3] =
        [("x", x.view().into()), ("layers/0/bias", single.view().into()), ("n", counts.view().into())];
    write_npz(file("a.npz"), &arrays).unwrap();
    write_npz(file("b.npz"), &arrays).unwrap();
    assert_eq!(std::fs::read(file("a.npz")).unwrap(), std::fs::read(file("b.npz")).unwrap());
    let read_key = |key: &str| read::<f64>(&ArrayPath::with_key(file("a.npz"), key)).unwrap();
    assert_eq!(keys(file("a.npz")).unwrap(), ["x", "layers/0/bias", "n"]);
    assert_eq!(read_key("x"), x);
    assert_eq!(read_key("layers/0/bias"), single.mapv(f64::from));
    assert_eq!(read_key("n"), counts.mapv(|n| n as f64));
    // Nothing is left of the files under their first names.
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 4);
}

#[test]
fn names_and_folders_are_checked() {
    let folder = tempfile::tempdir().unwrap();
    let x = ArrayD::<f64>::zeros(IxDyn(&[2]));
    let write = |name: &str, keys: [&str; 2]| {
        let arrays = keys.map(|key| (key, x.view().into()));
        write_npz(folder.path().join(name), &arrays).unwrap_err().to_string()
    };
    assert!(write("a.npz", ["x", "x"]).ends_with("there is another array of that name"));
    assert!(write("a.npz", ["x", ""]).ends_with("the name is empty"));
    assert!(write("no/a.npz", ["x", "y"]).contains("cannot write"));
    let onto_folder = write_npy(folder.path(), x.view()).unwrap_err();
    assert!(matches!(onto_folder, DataError::File(_)));
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}
