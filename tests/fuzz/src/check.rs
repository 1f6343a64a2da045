//! What targets have in common: files to be read, and what has to hold of every array.

use crate::scratch::scratch;
use imnn::data::{ArrayPath, Arrays, RowOptions, open_rows};
use imnn::io::npy::Reader;
use imnn::ndarray::ArrayD;
use std::fmt::Display;
use std::path::PathBuf;

/// The message of an error.
pub(crate) fn text(error: impl Display) -> String {
    error.to_string()
}

/// Writes the bytes as a file of this name.
pub(crate) fn file(name: &str, data: &[u8]) -> PathBuf {
    let path = scratch().join(name);
    // A new file: another one is found by its number, where the times of two writes are alike.
    let _ = std::fs::remove_file(&path);
    std::fs::write(&path, data).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    path
}

/// Reads all rows of an array in a file; `None` where it has no rows, or they are more than `most` numbers.
pub(crate) fn rows(path: &ArrayPath, most: usize) -> Result<(Vec<usize>, Option<Vec<f64>>), String> {
    let named = |error: imnn::data::DataError| {
        let message = text(error);
        let name = path.file().file_name().unwrap_or_default().to_string_lossy();
        assert!(message.contains(&*name), "an error that does not name the file: {message}");
        message
    };
    let rows = open_rows::<f64>(path, &RowOptions::default()).map_err(named)?;
    let shape = rows.shape().to_vec();
    let len = shape.iter().try_fold(1_usize, |product, &axis| product.checked_mul(axis));
    let (Some(&n_rows), Some(len)) = (shape.first(), len.filter(|&len| len <= most)) else { return Ok((shape, None)) };
    let mut values = vec![f64::MAX; len];
    rows.read(0..n_rows, &mut values).map_err(named)?;
    if n_rows > 1 {
        let row = len / n_rows;
        let mut last = vec![f64::MAX; row];
        rows.read(n_rows - 1..n_rows, &mut last).map_err(named)?;
        assert!(same(&last, &values[len - row..]), "the last row is another when it is read alone");
    }
    Ok((shape, Some(values)))
}

/// Whether numbers are the same, bit by bit but that all NaN are alike.
pub(crate) fn same<'a>(one: impl IntoIterator<Item = &'a f64>, other: impl IntoIterator<Item = &'a f64>) -> bool {
    let bits = |value: &f64| if value.is_nan() { f64::NAN.to_bits() } else { value.to_bits() };
    one.into_iter().map(bits).eq(other.into_iter().map(bits))
}

/// What has to hold of every array: it comes back when it is written and read again, and data are finite or refused.
pub(crate) fn check_array(array: &ArrayD<f64>) {
    let mut bytes = imnn::io::npy::header("<f8", array.shape());
    imnn::io::npy::write_values(array.iter(), &mut bytes).unwrap_or_else(|error| panic!("cannot write: {error}"));
    let again = Reader::new(&bytes[..], bytes.len() as u64).read::<f64>(None);
    let again = again.unwrap_or_else(|error| panic!("what was written is refused: {error}"));
    assert_eq!(again.shape(), array.shape(), "another shape when it is written and read again");
    assert!(same(&again, array), "other numbers when it is written and read again");
    let is_finite = array.iter().all(|value| value.is_finite());
    assert!(is_finite || Arrays::data(array.clone(), "x").is_err(), "data that are not finite were accepted");
}

/// The input with one of its first `n` bits changed, which one follows from the input.
pub(crate) fn with_a_bit_changed(data: &[u8], n: usize) -> (Vec<u8>, usize) {
    let at = crc32c::crc32c(data) as usize % (8 * n);
    let mut changed = data.to_vec();
    changed[at / 8] ^= 1 << (at % 8);
    (changed, at)
}

/// Whether no number before the section `[training]` has more than three digits, keys aside. Tables of windows and constants of
/// channels are as large as a network says: a file with few words may describe one that needs all the memory there is.
pub(crate) fn is_of_modest_size(data: &[u8]) -> bool {
    let text = String::from_utf8_lossy(data);
    let head = text.split("[training]").next().unwrap_or_default();
    let lines = head.lines().filter(|line| !line.starts_with("key"));
    lines.flat_map(|line| line.split(|c: char| !c.is_ascii_digit() && c != '_')).all(|digits| digits.len() <= 3)
}
