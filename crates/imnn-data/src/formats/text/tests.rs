//! Tables as people and programs write them.

use ndarray::{ArrayD, IxDyn};
use proptest::prelude::*;

use crate::{ArrayPath, DataError, RowOptions, arrays, open_rows};

fn written(name: &str, text: impl AsRef<[u8]>) -> (tempfile::TempDir, ArrayPath) {
    let folder = tempfile::tempdir().unwrap();
    let path = ArrayPath::from(name).resolve(folder.path());
    std::fs::write(path.file(), text).unwrap();
    (folder, path)
}

fn read(name: &str, text: impl AsRef<[u8]>) -> Result<ArrayD<f64>, DataError> {
    let (_folder, path) = written(name, text);
    arrays::read(&path)
}

/// What is wrong with a table, without the name of its file.
#[track_caller]
fn refused(name: &str, text: impl AsRef<[u8]>) -> String {
    let message = read(name, text).unwrap_err().to_string();
    message.split_once(": ").map(|(_, reason)| reason.to_owned()).unwrap_or(message)
}

#[track_caller]
fn check(name: &str, text: &str, shape: &[usize], values: &[f64]) {
    let found = read(name, text).unwrap();
    assert_eq!((found.shape(), found.iter().copied().collect::<Vec<f64>>()), (shape, values.to_vec()), "{text:?}");
}

const SPECTRUM: &str = "# Quijote\n# k [h/Mpc] P(k)\n 1.0D-2 1.5e4\n2.0d-02\t1e4 # a comment\n\n 3.0-002  -5.\r\n";

#[test]
fn tables_are_read_as_loadtxt_reads_them() {
    let all = [0.01, 1.5e4, 0.02, 1e4, 0.03, -5.0];
    let spectrum = SPECTRUM.replace("3.0-002", "3.0E-2");
    check("x.txt", &spectrum, &[3, 2], &all);
    for key in ["1", "P(k)", "p(k)"] {
        check(&format!("x.txt:{key}"), &spectrum, &[3], &[1.5e4, 1e4, -5.0]);
    }
    check("x.dat:k", &spectrum, &[3], &[0.01, 0.02, 0.03]);
    check("x.txt:1,0", &spectrum, &[3, 2], &[1.5e4, 0.01, 1e4, 0.02, -5.0, 0.03]);
    check("x.csv", "k,P\n1,2\n3,4\n", &[2, 2], &[1.0, 2.0, 3.0, 4.0]);
    check("x.csv:P", "\"k\";\"P\"\n1;2\n3;4", &[2], &[2.0, 4.0]);
    check("x.tsv", "1\t2\n3\t4", &[2, 2], &[1.0, 2.0, 3.0, 4.0]);
    check("x.csv", "1, 2,\n3, 4,\n", &[2, 2], &[1.0, 2.0, 3.0, 4.0]);
    // One column and one row are squeezed, as numpy does it.
    check("x.txt", "1\n2\n3\n", &[3], &[1.0, 2.0, 3.0]);
    check("x.txt", "1 2 3\n", &[3], &[1.0, 2.0, 3.0]);
    check("x.txt", "7", &[1], &[7.0]);
    check("x.txt", "\u{feff}1 2\n3 4\n", &[2, 2], &[1.0, 2.0, 3.0, 4.0]);
    // Neither the name nor an ending says what it is.
    check("Pk_z=0.000", "# k P\n1 2\n3 4\n", &[2, 2], &[1.0, 2.0, 3.0, 4.0]);
    check("spectrum", "1 2\n3 4\n", &[2, 2], &[1.0, 2.0, 3.0, 4.0]);
    // A comment that is no UTF-8.
    assert_eq!(read("x.txt", b"# \xe9t\xe9\n1 2\n").unwrap().shape(), [2]);
    let not_finite = read("x.txt", "nan inf\n-inf 1\n").unwrap();
    assert!(not_finite[[0, 0]].is_nan() && not_finite[[1, 0]] == f64::NEG_INFINITY);
}

#[test]
fn what_is_wrong_is_named_with_its_line() {
    for (text, reason) in [
        ("1 2\n3\n", "line 2 has 1 values where line 1 has 2"),
        ("# c\n\n1 2\n3 4 5\n", "line 4 has 3 values where line 3 has 2"),
        ("1 2\n3 four\n", "line 2 column 1 is `four`, which is no number"),
        ("1,2\n3,\n", "line 2 has 1 values"),
        ("1,2\n,3\n", "line 2 column 0 is empty; write nan"),
        ("1 2\n3 ****\n", "line 2 column 1 is `****`, which Fortran writes where"),
        ("1;2\n3,5;4\n", "line 2 column 0 is `3,5`; numbers need a point"),
        ("1,5 2,5\n", "if the commas are decimal commas"),
        ("Power spectrum of a box\n1 2\n", "line 1 is `Power`, which is no number"),
        ("k P\nMpc Mpc\n1 2\n", "line 2 column 0 is `Mpc`"),
        ("# only a comment\n", "it has no line of numbers"),
        ("words\n", "line 1 is `words`"),
        ("", "is empty: whatever wrote it"),
        ("1 2\r3 4\r", "line 1 has line ends of old Macs"),
        ("1 2\n\0\0\n", "line 2 has bytes that no text has"),
        ("2005-01-01 3\n", "line 1 column 0 is `2005-01-01`"),
    ] {
        let found = refused("x.txt", text);
        assert!(found.contains(reason), "{text:?}: {found}");
    }
    assert!(refused("x.txt:Q", SPECTRUM).ends_with("has no column `Q`; it has the columns 0 k [h/Mpc], 1 P(k)"));
    assert!(refused("x.txt:2", SPECTRUM).contains("has no column `2`"));
    assert!(refused("x.txt", b"\xff\xfe1\x00 \x002\x00").contains("iconv -f UTF-16"));
    assert!(refused("x.txt", "1 ".repeat(10) + &"x".repeat(100_000)).len() < 300);
}

#[test]
fn a_table_takes_no_more_memory_than_it_may() {
    let (_folder, path) = written("x.txt", "1 2 3\n".repeat(100));
    let open = |memory| open_rows::<f32>(&path, &RowOptions { memory, ..RowOptions::default() });
    assert_eq!(open(1200).unwrap().shape(), [100, 3]);
    assert!(open(1199).err().unwrap().to_string().contains("convert it with `imnn data convert`"));
    assert_eq!(arrays::read_rows::<f64>(&path, 7).unwrap().shape(), [7, 3]);
    let (_folder, path) = written("x.txt", "1 2\n3 1e40\n");
    let message = arrays::read::<f32>(&path).unwrap_err().to_string();
    assert!(message.contains("x.txt[1, 1]: 1e40 is beyond the range of f32"), "{message}");
}

#[test]
fn one_file_for_each_seed_is_a_row() {
    let (folder, _) = written("0.txt", SPECTRUM.replace("3.0-002", "0.03"));
    std::fs::write(folder.path().join("7.txt"), "# k P(k)\n1 2\n3 4\n5 6\n").unwrap();
    let path = ArrayPath::from("{seed}.txt:P(k)").resolve(folder.path());
    let rows = open_rows::<f64>(&path, &RowOptions::default()).unwrap();
    assert_eq!((rows.shape(), rows.seeds()), (&[2, 3][..], Some(&[0, 7][..])));
    let mut second = [0.0; 3];
    rows.read(1..2, &mut second).unwrap();
    assert_eq!(second, [2.0, 4.0, 6.0]);
}

/// A number as programs write it, all digits of it.
fn formatted(value: f64, how: usize) -> String {
    let e = format!("{value:.17e}");
    match how {
        0 => format!("{value}"),
        1 => format!("{value:e}"),
        2 => format!("{value:.18e}"),
        3 => e.replace('e', "D"),
        4 => e.replace('e', "d+").replace("d+-", "d-"),
        _ => format!("{value:+.17E}"),
    }
}

proptest! {
    #[test]
    fn what_is_written_in_full_is_read_exactly(
        bits in proptest::collection::vec(any::<u64>(), 1..40),
        n_columns in 1_usize..5,
        how in 0_usize..6,
        separator in 0_usize..6,
    ) {
        let separator = [" ", "\t", ",", ", ", ";", "   "][separator];
        let values: Vec<f64> = bits.into_iter().map(f64::from_bits).filter(|value| value.is_finite()).collect();
        let n_rows = values.len() / n_columns;
        prop_assume!(n_rows > 1);
        let values = &values[..n_rows * n_columns];
        let mut text = "# a table\n".to_owned();
        for row in values.chunks(n_columns) {
            let cells: Vec<String> = row.iter().map(|value| formatted(*value, how)).collect();
            text += &format!(" {}\n", cells.join(separator));
        }
        let found = read("x.txt", &text).unwrap();
        let shape = if n_columns == 1 { vec![n_rows] } else { vec![n_rows, n_columns] };
        prop_assert_eq!(found.shape(), &shape[..]);
        prop_assert!(found.iter().zip(values).all(|(a, b)| a.to_bits() == b.to_bits()), "{}", text);
        let expected = ArrayD::from_shape_vec(IxDyn(&shape), values.to_vec()).unwrap().mapv(|value| value as f32);
        let (_folder, path) = written("x.txt", &text);
        match arrays::read::<f32>(&path) {
            Ok(single) => prop_assert_eq!(single.mapv(f32::to_bits), expected.mapv(f32::to_bits)),
            Err(_) => prop_assert!(expected.iter().any(|value| !value.is_finite())),
        }
    }

    #[test]
    fn any_bytes_are_answered(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let mut text = b"# k P\n1 2\n".to_vec();
        text.extend(&bytes);
        for name in ["x.txt", "x.csv:1", "x.dat:P"] {
            if let Ok(array) = read(name, &text) {
                prop_assert!(!array.is_empty() && array.ndim() <= 2);
            }
        }
    }
}
