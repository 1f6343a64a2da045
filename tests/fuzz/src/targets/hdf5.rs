//! HDF5 files.

use crate::check::{check_array, file as file_named, rows, text};
use crate::scratch::scratch;
use crate::target::Answer;
use imnn::data::ArrayPath;
use imnn::hdf5::{Dataset, Group, Options, Writer, datasets};
use imnn::ndarray::ArrayD;
use std::fs;

/// The names of the parts.
pub(super) const WORDS: &[&str] = &[
    "OHDR",
    "OCHK",
    "FRHP",
    "FHDB",
    "FHIB",
    "BTHD",
    "BTIN",
    "BTLF",
    "FAHD",
    "FADB",
    "EAHD",
    "EAIB",
    "EASB",
    "EADB",
    "SNOD",
    "TREE",
    "HEAP",
    "GCOL",
    "\u{89}HDF\r\n\x1a\n",
];

/// As it is.
pub(super) fn file(data: &[u8]) -> Answer {
    let path = file_named("x.h5", data);
    let names = datasets(&path).map_err(text)?;
    // One of many, another for every input.
    let Some(name) = names.get(crc32c::crc32c(data) as usize % names.len().max(1)) else {
        return Err("no datasets".into());
    };
    // Chunks may be the same in the file, and what is packed is larger when it is not.
    let (shape, values) = rows(&ArrayPath::with_key(&path, name.as_str()), 1 << 16)?;
    let dataset = Dataset::open(&path, Some(name)).map_err(text)?;
    assert_eq!(dataset.shape(), shape, "another shape by rows");
    let (group, last) = name.rsplit_once('/').unwrap_or(("", name));
    let of_group = Group::open(&path, group).and_then(|group| group.dataset(last, ""));
    assert!(of_group.is_ok_and(|of| of.shape() == shape), "another shape, or none, by its group");
    let Some(values) = values else { return Ok("large".into()) };
    let array = ArrayD::from_shape_vec(shape.clone(), values);
    check_array(&array.unwrap_or_else(|error| panic!("not the shape that it says: {error}")));
    Ok(format!("{} {} axes", dataset.dtype(), "i".repeat(shape.len().min(5))))
}

/// With the checksums of descriptions put right, so that what lies behind them is reached.
pub(super) fn mended(data: &[u8]) -> Answer {
    let mut data = data.to_vec();
    mend(&mut data);
    file(&data)
}

/// Parts of a length that is known from their names: name, bytes before the checksum. Addresses and lengths have 8 bytes.
const PARTS: [(&[u8; 4], usize); 4] = [(b"FAHD", 24), (b"EAHD", 68), (b"BTHD", 34), (b"FRHP", 142)];

fn mend(data: &mut [u8]) {
    // A superblock of version 2 or 3.
    if data.starts_with(b"\x89HDF\r\n\x1a\n") && data.len() > 48 && data[8] >= 2 {
        put_sum(data, 0, 44);
    }
    for at in 0..data.len().saturating_sub(4) {
        let name = [data[at], data[at + 1], data[at + 2], data[at + 3]];
        if let Some((_, len)) = PARTS.iter().find(|(part, _)| **part == name) {
            put_sum(data, at, *len);
        } else if &name == b"OHDR"
            && let Some(len) = header(&data[at..])
        {
            put_sum(data, at, len);
        }
    }
}

/// The bytes of an object header before its checksum.
fn header(bytes: &[u8]) -> Option<usize> {
    let flags = *bytes.get(5)?;
    let times = if flags & 0x20 != 0 { 16 } else { 0 };
    let phases = if flags & 0x10 != 0 { 4 } else { 0 };
    let (start, width) = (6 + times + phases, 1 << (flags & 3));
    let size = bytes.get(start..start + width)?.iter().rev().fold(0_usize, |sum, &byte| sum << 8 | usize::from(byte));
    size.checked_add(start + width)
}

fn put_sum(data: &mut [u8], at: usize, len: usize) {
    let Some(end) = at.checked_add(len).filter(|end| end.checked_add(4).is_some_and(|end| end <= data.len())) else {
        return;
    };
    let sum = lookup3(&data[at..end]).to_le_bytes();
    data[end..end + 4].copy_from_slice(&sum);
}

/// The checksum of descriptions: Bob Jenkins' lookup3, "hashlittle".
fn lookup3(bytes: &[u8]) -> u32 {
    let mut sums = [0xdead_beef_u32.wrapping_add(bytes.len() as u32); 3];
    let words = |piece: &[u8]| {
        let mut padded = [0; 12];
        padded[..piece.len()].copy_from_slice(piece);
        [0, 4, 8].map(|k| u32::from_le_bytes([padded[k], padded[k + 1], padded[k + 2], padded[k + 3]]))
    };
    let mut rest = bytes;
    while rest.len() > 12 {
        let (piece, after) = rest.split_at(12);
        rest = after;
        let [x, y, z] = words(piece);
        let [a, b, c] = &mut sums;
        (*a, *b, *c) = (a.wrapping_add(x), b.wrapping_add(y), c.wrapping_add(z));
        for (k, turn) in [4, 6, 8, 16, 19, 4].into_iter().enumerate() {
            let (i, j, l) = (k % 3, (k + 2) % 3, (k + 1) % 3);
            sums[i] = sums[i].wrapping_sub(sums[j]) ^ sums[j].rotate_left(turn);
            sums[j] = sums[j].wrapping_add(sums[l]);
        }
    }
    if rest.is_empty() {
        return sums[2];
    }
    let [x, y, z] = words(rest);
    let [mut a, mut b, mut c] = [sums[0].wrapping_add(x), sums[1].wrapping_add(y), sums[2].wrapping_add(z)];
    let mix = |to: u32, from: u32, turn: u32| (to ^ from).wrapping_sub(from.rotate_left(turn));
    c = mix(c, b, 14);
    a = mix(a, c, 11);
    b = mix(b, a, 25);
    c = mix(c, b, 16);
    a = mix(a, c, 4);
    b = mix(b, a, 14);
    mix(c, b, 24)
}

/// Small files that our own writer makes, packed and not.
pub(super) fn seeds() -> Vec<(&'static str, String, Vec<u8>)> {
    let values: Vec<f64> = (0..60).map(|k| f64::from(k) / 8.0).collect();
    let write = |gzip: Option<u8>| -> Result<Vec<u8>, imnn::hdf5::Hdf5Error> {
        let path = scratch().join("seed.h5");
        let _ = fs::remove_file(&path);
        let mut writer = Writer::new(fs::File::create_new(&path)?);
        for (name, shape) in [("a", &[20, 3][..]), ("group/b", &[60][..])] {
            writer.begin::<f64>(name, shape, Options { gzip, ..Options::default() })?;
            writer.write(&values)?;
        }
        writer.finish()?;
        Ok(fs::read(path)?)
    };
    let files = [("plain.h5", None), ("gzip.h5", Some(4))].map(|(name, gzip)| (name, write(gzip)));
    let made = files.into_iter().filter_map(|(name, bytes)| Some((name, bytes.ok()?)));
    made.flat_map(|(name, bytes)| ["hdf5", "hdf5_mended"].map(|target| (target, name.into(), bytes.clone()))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checksum_is_that_of_its_author() {
        // From the self-test of lookup3.c.
        assert_eq!(lookup3(b""), 0xdead_beef);
        assert_eq!(lookup3(b"Four score and seven years ago"), 0x1777_0551);
    }

    #[test]
    fn good_files_are_left_alone_and_changed_ones_read_on() {
        let path = crate::root().join("crates/imnn-data/tests/foreign/new.h5");
        let bytes = fs::read(path).unwrap();
        let mut same = bytes.clone();
        mend(&mut same);
        assert_eq!(same, bytes);
        // The time in the first header, which nobody reads.
        let at = bytes.windows(4).position(|name| name == b"OHDR").unwrap();
        let mut changed = bytes;
        changed[at + 5] ^= 0x80;
        assert!(file(&changed).unwrap_err().contains("checksum"));
        assert!(!mended(&changed).is_err_and(|error| error.contains("checksum")));
    }
}
