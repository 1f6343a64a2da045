//! npz archives.

use crate::check::{check_array, file, rows, same, text, with_a_bit_changed};
use crate::target::Answer;
use imnn::data::ArrayPath;
use imnn::io::npz::Archive;
use imnn::ndarray::ArrayD;
use std::cell::LazyCell;
use std::io::Cursor;

/// The first bytes of the entries of the directory.
const DIRECTORY: &[u8] = b"PK\x01\x02";

/// From memory and as a file by rows: both read the same. Its checksums notice every bit before the directory.
pub(super) fn npz(data: &[u8]) -> Answer {
    let archive = Archive::new(Cursor::new(data), data.len() as u64).map_err(text)?;
    // Files take longer than all the rest.
    let path = LazyCell::new(|| file("x.npz", data));
    let (mut accepted, mut refused) = (vec![], String::from("no arrays"));
    for key in archive.keys().iter().take(6) {
        match read(data, key) {
            Ok(array) => {
                check_array(&array);
                // A slash at the end or an empty name can only be said otherwise.
                if let Ok((shape, Some(values))) = rows(&ArrayPath::with_key(&*path, key), 1 << 16) {
                    assert_eq!(shape, array.shape(), "another shape by rows");
                    assert!(same(&values, &array), "other numbers by rows");
                }
                accepted.push((key, array));
            }
            Err(reason) => refused = reason,
        }
    }
    if accepted.is_empty() {
        return Err(refused);
    }
    let before = data.windows(4).position(|bytes| bytes == DIRECTORY).unwrap_or(0);
    if before > 0 {
        let (changed, at) = with_a_bit_changed(data, before);
        for (key, array) in &accepted {
            if let Ok(found) = read(&changed, key) {
                let is_same = found.shape() == array.shape() && same(&found, array);
                assert!(is_same, "with bit {at} changed {key:?} holds other numbers, and its checksum is right");
            }
        }
    }
    Ok(format!("arrays {}", "i".repeat(accepted.len())))
}

fn read(data: &[u8], key: &str) -> Result<ArrayD<f64>, String> {
    let mut archive = Archive::new(Cursor::new(data), data.len() as u64).map_err(text)?;
    archive.member(Some(key)).map_err(text)?.npy().read::<f64>(None).map_err(text)
}
