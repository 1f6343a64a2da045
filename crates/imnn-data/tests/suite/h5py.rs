//! The same numbers in every layout that h5py writes, for each range of library versions (`tests/h5py/make.py`): the same
//! bits are read.

use std::path::PathBuf;

use imnn_data::writing::{WriteOptions, create_rows};
use imnn_data::{ArrayPath, RowOptions, arrays, open_rows};
use ndarray::ArrayD;

fn path(name: &str) -> ArrayPath {
    ArrayPath::from(name).resolve(PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/h5py"))
}

fn bits(array: &ArrayD<f64>) -> Vec<u64> {
    array.iter().map(|value| value.to_bits()).collect()
}

#[test]
fn every_layout_is_read_to_the_bit() {
    let fiducial = arrays::read::<f64>(&path("fiducial.npy")).unwrap();
    let derivative = arrays::read::<f64>(&path("derivative.npy")).unwrap();
    let check = |name: &str, expected: &ArrayD<f64>| {
        let array = arrays::read::<f64>(&path(name)).unwrap();
        assert_eq!((array.shape(), bits(&array)), (expected.shape(), bits(expected)), "{name}");
        // The same by single rows.
        let rows = open_rows::<f64>(&path(name), &RowOptions::default()).unwrap();
        let len = expected.len() / expected.shape()[0];
        let mut row = vec![f64::NAN; len];
        for at in (0..expected.shape()[0]).rev() {
            rows.read(at..at + 1, &mut row).unwrap();
            assert_eq!(row, expected.as_slice().unwrap()[at * len..][..len], "{name} {at}");
        }
    };
    let layouts =
        ["plain", "gzip", "lzf", "shuffle", "fletcher", "f2", "big_f2", "big_f8", "big_f4", "growing", "growing_twice"];
    for file in ["earliest", "latest", "v108"] {
        for layout in layouts {
            check(&format!("{file}.h5:Om_c=0.3/maps/{layout}"), &fiducial);
        }
        check(&format!("{file}.h5:Om_c=0.3/maps/integers"), &fiducial.mapv(|value| f64::from(value as i32)));
        check(&format!("{file}.h5:soft"), &fiducial);
        check(&format!("{file}.h5:hard"), &fiducial);
        check(&format!("{file}.h5:derivative"), &derivative);
        let error = arrays::read::<f64>(&path(&format!("{file}.h5:external"))).unwrap_err().to_string();
        assert!(error.contains("`external` is in another file; give the path of that file"), "{error}");
    }
    let marked = "Mk_fiducial0-4999_R=10_z=0.0.hdf5";
    check(&format!("{marked}:fid"), &fiducial);
    check(&format!("{marked}:/der"), &derivative);
}

#[test]
fn what_is_written_is_read_again() {
    let folder = tempfile::tempdir().unwrap();
    for (k, shape) in [vec![1000, 3, 5], vec![1, 1], vec![7], vec![], vec![0, 4], vec![4, 0]].iter().enumerate() {
        let n: usize = shape.iter().product();
        let values: Vec<f64> = (0..n).map(|i| (i as f64 * 0.37).sin()).collect();
        for (gzip, chunk) in [(None, 100), (Some(9), 1000), (Some(1), 1 << 20), (None, 1)] {
            let name = format!("{k}-{gzip:?}-{chunk}.h5:group/inner/x");
            let path = ArrayPath::from(name.as_str()).resolve(folder.path());
            let options = WriteOptions { gzip, chunk, ..WriteOptions::default() };
            let mut writer = create_rows::<f64>(&path, shape, &options).unwrap();
            values.chunks(7).for_each(|some| writer.write(some).unwrap());
            writer.finish().unwrap().keep().unwrap();
            let array = arrays::read::<f64>(&path).unwrap();
            assert_eq!(
                (array.shape(), array.iter().copied().collect::<Vec<_>>()),
                (&shape[..], values.clone()),
                "{name}"
            );
        }
    }
}
