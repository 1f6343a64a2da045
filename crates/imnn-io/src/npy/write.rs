//! Headers and values of `.npy` files as they are written: version 1, little-endian, C order.

use std::io::Write;

use num_traits::Float;

use super::header::MAGIC;
use crate::text::tuple;

/// The type of `E` as headers write it, `<f4` or `<f8`.
pub fn descr<E: Float>() -> &'static str {
    if is_single::<E>() { "<f4" } else { "<f8" }
}

/// The header of an array of elements `descr`, such as `<f8`, in C order.
pub fn header(descr: &str, shape: &[usize]) -> Vec<u8> {
    let shape = tuple(shape);
    let mut text = format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}");
    // Magic string, version and length take 10 bytes; data start at a multiple of 64, as numpy has them.
    let unpadded = 10 + text.len() + 1;
    text.extend(std::iter::repeat_n(' ', unpadded.next_multiple_of(64) - unpadded));
    text.push('\n');
    let mut bytes = MAGIC.to_vec();
    // The few axes of an array are far from 65535 bytes.
    bytes.extend([1, 0]);
    bytes.extend((text.len() as u16).to_le_bytes());
    bytes.extend(text.as_bytes());
    bytes
}

/// Writes numbers, little-endian, in the precision of `E`.
///
/// # Errors
/// Those of the writer.
pub fn write_values<'a, E: Float + 'a>(
    values: impl IntoIterator<Item = &'a E>,
    to: &mut impl Write,
) -> std::io::Result<()> {
    let mut bytes = Vec::with_capacity(CHUNK);
    for value in values {
        // Both conversions are exact: to the precision in which the value is.
        if is_single::<E>() {
            bytes.extend(value.to_f32().unwrap_or(f32::NAN).to_le_bytes());
        } else {
            bytes.extend(value.to_f64().unwrap_or(f64::NAN).to_le_bytes());
        }
        if bytes.len() == CHUNK {
            to.write_all(&bytes)?;
            bytes.clear();
        }
    }
    to.write_all(&bytes)
}

/// The bytes written at once, a multiple of an element's size.
const CHUNK: usize = 1 << 16;

fn is_single<E>() -> bool {
    size_of::<E>() == size_of::<f32>()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_are_those_of_numpy() {
        let bytes = header("<f4", &[3, 4]);
        assert_eq!(bytes.len(), 128);
        assert!(bytes[10..].starts_with(b"{'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }   "));
        assert_eq!(bytes.last(), Some(&b'\n'));
        assert_eq!(header("<i8", &[5])[10..].split(|&b| b == b'}').next().map(<[u8]>::len), Some(56));
    }

    #[test]
    fn every_number_is_written() {
        let values: Vec<f32> = (0..40_000).map(|i| i as f32 * 0.5).collect();
        let mut bytes = vec![];
        write_values(&values, &mut bytes).unwrap();
        assert_eq!(bytes, values.iter().flat_map(|value| value.to_le_bytes()).collect::<Vec<u8>>());
    }
}
