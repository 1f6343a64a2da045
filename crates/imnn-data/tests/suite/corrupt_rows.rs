//! Corrupt files read by rows: what comes out is what the bytes say, or it is an error that names the file.
//!
//! Whatever the mutation, an answer is compared with that of a second reader, written here, which looks at the bytes as the
//! format describes them and does not share a line with the first.

use std::path::{Path, PathBuf};

use imnn_data::{ArrayPath, RowOptions, open_rows};
use imnn_sim::Key;
use rand::RngExt;

/// Mutations and truncations of each kind of file.
const MUTATIONS: u64 = 2000;

fn numpy(name: &str) -> Vec<u8> {
    std::fs::read(PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/numpy").join(name)).unwrap()
}

/// Some bytes changed, cut off, doubled, left out or appended.
fn mutate(bytes: &mut Vec<u8>, mut random: impl RngExt) {
    for _ in 0..random.random_range(1..4) {
        if bytes.is_empty() {
            return;
        }
        let at = random.random_range(0..bytes.len());
        match random.random_range(0..8) {
            0 => bytes.truncate(at),
            1 => bytes[at] ^= 1 << random.random_range(0..8),
            2 => bytes[at] = [0, 1, 0x7f, 0x80, 0xff][random.random_range(0..5)],
            3 => bytes[at] = random.random(),
            4 => drop(bytes.remove(at)),
            5 => bytes.insert(at, random.random()),
            6 => bytes.extend((0..random.random_range(1..9)).map(|_| random.random::<u8>())),
            _ => {
                let end = (at + random.random_range(1..20)).min(bytes.len());
                let copy = bytes[at..end].to_vec();
                let to = random.random_range(0..bytes.len());
                bytes.splice(to..to, copy);
            }
        }
    }
}

/// The numbers of the bytes of a `.npy` file of one of the types that the files here have, in row-major order.
fn numbers(bytes: &[u8]) -> Option<(Vec<usize>, Vec<f64>)> {
    if bytes.get(..6)? != b"\x93NUMPY" {
        return None;
    }
    let (len, start) = match bytes.get(6)? {
        1 => (usize::from(u16::from_le_bytes([*bytes.get(8)?, *bytes.get(9)?])), 10),
        _ => (u32::from_le_bytes(bytes.get(8..12)?.try_into().ok()?) as usize, 12),
    };
    let header = String::from_utf8_lossy(bytes.get(start..start + len)?).into_owned();
    let after = |key: &str| {
        let quoted = [format!("'{key}'"), format!("\"{key}\"")];
        let at = quoted.iter().find_map(|quoted| Some(header.find(quoted.as_str())? + quoted.len()))?;
        Some(header[at..].trim_start().strip_prefix(':')?.trim_start())
    };
    let quote = |c: char| c == '\'' || c == '"';
    let dtype = after("descr")?.strip_prefix(quote)?.split(quote).next()?;
    let fortran = after("fortran_order")?.starts_with("True");
    let shape = after("shape")?.strip_prefix(['(', '['])?.split([')', ']']).next()?;
    let axis = |axis: &str| -> Option<usize> {
        axis.trim().trim_start_matches('+').trim_end_matches('L').replace('_', "").parse().ok()
    };
    let shape: Vec<usize> = shape.split(',').filter(|axis| !axis.trim().is_empty()).map(axis).collect::<Option<_>>()?;
    let len: usize = shape.iter().product();
    let data = &bytes[start + header_len(bytes)..];
    let (order, code) = match dtype.strip_prefix(['<', '>', '=', '|']) {
        Some(code) => (dtype.chars().next()?, code),
        None => ('=', dtype),
    };
    let size: usize = if code == "?" { 1 } else { code[1..].parse().ok()? };
    if data.len() != len * size {
        return None;
    }
    let value = |element: &[u8]| {
        let mut element = element.to_vec();
        if order == '>' {
            element.reverse();
        }
        let mut wide = [0; 8];
        wide[..size].copy_from_slice(&element);
        let bits = u64::from_le_bytes(wide);
        let signed = (bits << (64 - 8 * size)) as i64 >> (64 - 8 * size);
        Some(match code {
            "f4" => f64::from(f32::from_bits(bits as u32)),
            "f8" => f64::from_bits(bits),
            "b1" | "?" => f64::from(u8::from(bits != 0)),
            "i1" | "i2" | "i4" | "i8" => signed as f64,
            "u1" | "u2" | "u4" | "u8" => bits as f64,
            "f2" => {
                let (exponent, fraction) = ((bits >> 10) & 31, (bits & 1023) as f64);
                let sign = if bits >> 15 == 1 { -1.0 } else { 1.0 };
                sign * match exponent {
                    0 => fraction * 2f64.powi(-24),
                    31 if fraction == 0.0 => f64::INFINITY,
                    31 => f64::NAN,
                    _ => (1.0 + fraction / 1024.0) * 2f64.powi(exponent as i32 - 15),
                }
            }
            _ => return None,
        })
    };
    let stored: Vec<f64> = data.chunks_exact(size).map(value).collect::<Option<_>>()?;
    if !fortran {
        return Some((shape, stored));
    }
    let row_major = (0..len).map(|mut at| {
        let index: Vec<usize> = shape
            .iter()
            .rev()
            .map(|&axis| {
                let i = at % axis;
                at /= axis;
                i
            })
            .collect();
        let mut place = 0;
        for (&i, &axis) in index.iter().zip(shape.iter().rev()) {
            place = place * axis + i;
        }
        stored[place]
    });
    Some((shape.clone(), row_major.collect()))
}

fn header_len(bytes: &[u8]) -> usize {
    match bytes[6] {
        1 => usize::from(u16::from_le_bytes([bytes[8], bytes[9]])),
        _ => u32::from_le_bytes([bytes[8], bytes[9], bytes[10], bytes[11]]) as usize,
    }
}

/// Reads all rows, each by itself: shape and numbers, or what is wrong.
fn read(path: &ArrayPath, options: &RowOptions) -> Result<(Vec<usize>, Vec<f64>), String> {
    let rows = open_rows::<f64>(path, options).map_err(|error| error.to_string())?;
    let shape = rows.shape().to_vec();
    let len: usize = shape.iter().skip(1).product();
    let mut values = vec![0.0; shape.iter().product()];
    for row in 0..shape.first().copied().unwrap_or(0) {
        // A mutated shape may have many rows of nothing.
        if len == 0 {
            break;
        }
        rows.read(row..row + 1, &mut values[row * len..(row + 1) * len]).map_err(|error| error.to_string())?;
    }
    Ok((shape, values))
}

fn bits(values: &[f64]) -> Vec<u64> {
    values.iter().map(|value| if value.is_nan() { u64::MAX } else { value.to_bits() }).collect()
}

/// The file to write a mutation into; a new one each time, which some disks wait less for than to overwrite.
fn write(file: &Path, bytes: &[u8]) {
    let _ = std::fs::remove_file(file);
    std::fs::write(file, bytes).unwrap();
}

#[test]
fn mutated_arrays_are_read_as_they_are_or_refused() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("mutated.npy");
    let whole = [
        "le_f4.npy",
        "be_f8.npy",
        "fortran.npy",
        "fortran_be_f4.npy",
        "version_3.npy",
        "be_i4.npy",
        "le_f2.npy",
        "u1.npy",
    ];
    let whole = whole.map(numpy);
    let (mut answers, mut refusals) = (0, 0);
    for case in 0..MUTATIONS {
        let mut bytes = whole[case as usize % whole.len()].clone();
        mutate(&mut bytes, Key::new(1).fold_in(case).rng());
        write(&file, &bytes);
        match read(&file.clone().into(), &RowOptions::default()) {
            Err(message) => {
                assert!(message.contains("mutated.npy"), "{case}: {message}");
                refusals += 1;
            }
            Ok((shape, values)) => {
                let expected = numbers(&bytes).unwrap_or_else(|| panic!("{case}: read {shape:?} from {bytes:?}"));
                if shape.is_empty() {
                    continue;
                }
                assert_eq!((&shape, bits(&values)), (&expected.0, bits(&expected.1)), "{case}");
                answers += 1;
            }
        }
    }
    assert!(answers > 100 && refusals > 500, "{answers} {refusals}");
}

#[test]
fn mutated_archives_are_read_as_they_were_or_refused() {
    // Checksums speak for the members: what is read at all is what was written, under the name that was asked for.
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("mutated.npz");
    let whole = [
        ("stored.npz", "x"),
        ("stored.npz", "y"),
        ("single.npz", ""),
        ("deflated.npz", "x"),
        ("deflated.npz", "fortran"),
    ];
    let whole = whole.map(|(name, key)| {
        let path = match key {
            "" => ArrayPath::from(file.clone()),
            key => ArrayPath::with_key(&file, key),
        };
        let bytes = numpy(name);
        write(&file, &bytes);
        let expected = read(&path, &RowOptions::default()).unwrap();
        (bytes, path, expected)
    });
    let (mut answers, mut refusals, mut unchecked) = (0, 0, 0);
    for case in 0..MUTATIONS {
        let (bytes, path, expected) = &whole[case as usize % whole.len()];
        let mut bytes = bytes.clone();
        mutate(&mut bytes, Key::new(2).fold_in(case).rng());
        write(&file, &bytes);
        match read(path, &RowOptions::default()) {
            Err(message) => {
                assert!(message.contains("mutated.npz"), "{case}: {message}");
                refusals += 1;
            }
            Ok((shape, values)) => {
                assert_eq!((&shape, bits(&values)), (&expected.0, bits(&expected.1)), "{case}");
                answers += 1;
            }
        }
        // Without checksums the numbers may be others, as in a file without any; nothing else may happen.
        let options = RowOptions { checksums: false, ..RowOptions::default() };
        unchecked += usize::from(read(path, &options).is_ok());
    }
    assert!(answers > 50 && refusals > 1000 && unchecked >= answers, "{answers} {refusals} {unchecked}");
}

#[test]
fn mutated_folders_are_read_as_they_are_or_refused() {
    let folder = tempfile::tempdir().unwrap();
    let pattern = ArrayPath::from(folder.path().join("{seed}.npy"));
    let whole = numpy("le_f4.npy");
    for seed in 0..4 {
        std::fs::write(folder.path().join(format!("{seed}.npy")), &whole).unwrap();
    }
    let (_, expected) = numbers(&whole).unwrap();
    let (mut answers, mut refusals) = (0, 0);
    for case in 0..MUTATIONS {
        let mut random = Key::new(3).fold_in(case).rng();
        let seed = random.random_range(0..4);
        let file = folder.path().join(format!("{seed}.npy"));
        let mut bytes = whole.clone();
        mutate(&mut bytes, random);
        write(&file, &bytes);
        match read(&pattern, &RowOptions::default()) {
            // The first file is what the others are compared with: where it is odd, one of them is named.
            Err(message) => {
                assert!(message.contains(&format!("{seed}.npy")), "{case}: {message}");
                refusals += 1;
            }
            Ok((shape, values)) => {
                assert_eq!(shape, [4, 2, 3, 4], "{case}");
                let of_file = numbers(&bytes).unwrap().1;
                for (row, values) in values.chunks(24).enumerate() {
                    let expected = if row == seed { &of_file } else { &expected };
                    assert_eq!(bits(values), bits(expected), "{case} {row}");
                }
                answers += 1;
            }
        }
        write(&file, &whole);
    }
    assert!(answers > 100 && refusals > 500, "{answers} {refusals}");
}
